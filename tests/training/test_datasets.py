#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_datasets.py EBMC -- the library's data sets: where their points lie, and their moments."""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from lab import Tally

N = 20000


def draw(ebmc, folder, name):
    out = Path(folder) / "d.npz"
    subprocess.run([ebmc, "sample", name, "--chains", str(N), "--seed", "3", "--dtype", "f64", "-q", "-o", out],
                   check=True)
    return np.load(out)


def nearest(x, centres):
    return np.sqrt(np.min(np.sum((x[:, None] - centres[None]) ** 2, axis=2), axis=1))


def around(n, radius):
    a = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(a), np.sin(a)], axis=1)


def main(ebmc):
    t = Tally()
    with tempfile.TemporaryDirectory() as folder:
        def points(name):
            return draw(ebmc, folder, name)["x"]

        x = points("two_moons(noise = 0.0)")
        outer = np.abs(np.linalg.norm(x, axis=1) - 1) < 1e-9
        inner = np.abs(np.linalg.norm(x - [1, 0.5], axis=1) - 1) < 1e-9
        t.require("moons are half circles", np.all((outer & (x[:, 1] > -1e-9)) | (inner & (x[:, 1] < 0.5 + 1e-9))))
        t.means("half of the points on each moon", outer & ~inner, 0.5)
        t.means("mean of the moons", x, [0.5, 0.25])

        x = points("swiss_roll")
        t.means("swiss roll, mean", x, [0, 0])
        t.close("swiss roll, spread", np.sum(x.std(axis=0)), 1.0, 0.01)

        for name, centres, sd in [("eight_gaussians", around(8, 2.0), 0.02),
                                  ("gaussian_mixture[components = 5]", around(5, 1.0), 0.05)]:
            x = points(name)
            t.means(f"{name}: spread", nearest(x, centres) ** 2, 2 * sd**2)
            t.means(f"{name}: mean", x, [0, 0])
        d = draw(ebmc, folder, "gaussian_mixture[components = 5](std = 0.0)")
        t.close("labels", d["x"], around(5, 1.0)[d["label"]], 1e-12)

        x = points("circle(radius = 2.0)")
        t.means("circle", np.linalg.norm(x, axis=1) ** 2, 4 + 2 * 0.05**2)

        x = points("checkerboard")
        t.require("dark squares", np.all((np.floor(x).astype(int).sum(axis=1) % 2 == 1) & np.all(np.abs(x) < 4, axis=1)))
        t.means("checkerboard, mean", x, [0, 0])
        t.means("checkerboard, square", x**2, 16 / 3)

        x = points("pinwheel[classes = 3](noise = 0.0, angular = 0.0)")
        radius = np.linalg.norm(x, axis=1)
        angle = (np.arctan2(x[:, 1], x[:, 0]) - 5.0 * radius / 2) / (2 * np.pi / 3)
        t.close("arms of the pinwheel", angle, np.round(angle), 1e-9)
        t.means("radii of the pinwheel", radius**2, 2.0)

        x = points("grid[n = 7](range = 3.0, noise = 0.0)")[:98]
        axis = np.linspace(-3, 3, 7)
        t.close("grid", x, np.tile(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2), (2, 1)), 1e-12)

        r = np.linalg.norm(points("rings(noise = 0.0)"), axis=1) / 0.75
        t.close("rings", r, np.round(r), 1e-9)
        t.means("which ring", np.round(r), 2.5)

        x = points("spirals(noise = 0.0)")
        t.means("spirals, mean", x, [0, 0])
        t.require("spirals, size", np.max(np.linalg.norm(x, axis=1)) < (3 * np.pi + 0.75) / 3)
    return t.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
