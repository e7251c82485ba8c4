#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_networks.py EBMC -- layers that do one thing in training and another elsewhere, against PyTorch's formulas."""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from lab import Tally

NORM = """
import "std/layers"
energy Normed(x: real[3]) -> real {
    layer norm = BatchNorm[3]
    return sum(norm(x)^3)
}
"""
PICTURES = """
import "std/layers"
energy Pictures(x: real[3]) -> real {
    layer norm = BatchNorm2d[1]
    return sum(norm(reshape[1, 3, 1](x))^3)
}
"""
SPECTRAL = """
import "std/layers"
energy Bounded(x: real[3]) -> real {
    layer linear = SpectralLinear[3, 5]
    return sum(linear(x))
}
"""
DROPPED = """
import "std/layers"
energy Dropped(x: real[3]) -> real {
    param scale: real = 1.0
    layer drop = Dropout
    return scale * sum(drop(x, p = 0.3))
}
loss zeros(E: energy(real[3]), x: real[3]) -> real {
    let one, other = E(x), E(x)
    report dropped = one / sum(x)
    report differs = abs(one - other)
    return one
}
"""
ROWS = 64


class Bench:
    def __init__(self, ebmc, folder):
        self.ebmc, self.folder = ebmc, Path(folder)
        self.x = np.random.default_rng(2).normal(size=(ROWS, 3)) + [0.5, 1.0, 2.0]
        np.save(self.folder / "x.npy", self.x)

    def train(self, model, loss, steps, *options):
        path, out = self.folder / "m.ebm", self.folder / "w.npz"
        path.write_text(model)
        subprocess.run([self.ebmc, "train", path, "--loss", loss, "--data", self.folder / "x.npy", "--batch", str(ROWS),
                        "--steps", str(steps), "--dtype", "f64", "-q", "-o", out, *options], check=True)
        return np.load(out)

    def energies(self):
        out = self.folder / "e.npz"
        subprocess.run([self.ebmc, "eval", self.folder / "m.ebm", "--weights", self.folder / "w.npz", "--at",
                        self.folder / "x.npy", "--dtype", "f64", "-q", "-o", out], check=True)
        return np.load(out)["energy"]


def batch_norm(t, b):
    w = b.train(NORM, "maximum_likelihood", 2, "--optimizer", "sgd(lr = 0.0)")
    mean, variance = b.x.mean(axis=0), b.x.var(axis=0, ddof=1)
    for name, start, value in [("running_mean", 0, mean), ("running_var", 1, variance)]:
        t.close(name, w["norm." + name], 0.9 * (0.9 * start + 0.1 * value) + 0.1 * value, 1e-12)
    y = (b.x - w["norm.running_mean"]) / np.sqrt(w["norm.running_var"] + 1e-5)
    t.close("batch norm, outside training", b.energies(), np.sum(y**3, axis=1), 1e-12)


def batch_norm_gradient(t, b):
    w = b.train(NORM, "maximum_likelihood", 1, "--optimizer", "sgd(lr = 1.0)")
    y = (b.x - b.x.mean(axis=0)) / np.sqrt(b.x.var(axis=0) + 1e-5)
    t.close("gradient of the weight", 1 - w["norm.weight"], np.mean(3 * y**3, axis=0), 1e-12)
    t.close("gradient of the bias", -w["norm.bias"], np.mean(3 * y**2, axis=0), 1e-12)


def batch_norm_of_images(t, b):
    w = b.train(PICTURES, "maximum_likelihood", 1, "--optimizer", "sgd(lr = 1.0)")
    t.close("mean of a channel", w["norm.running_mean"], [0.1 * b.x.mean()], 1e-12)
    t.close("variance of a channel", w["norm.running_var"], [0.9 + 0.1 * b.x.var(ddof=1)], 1e-12)
    y = (b.x - b.x.mean()) / np.sqrt(b.x.var() + 1e-5)
    t.close("gradient of a channel's weight", 1 - w["norm.weight"], [np.mean(np.sum(3 * y**3, axis=1))], 1e-12)


def spectral(t, b):
    w = b.train(SPECTRAL, "maximum_likelihood", 60, "--optimizer", "sgd(lr = 0.0)")
    weight, u, v = (w["linear.weight_" + k] for k in ["orig", "u", "v"])
    t.close("u follows v", u, weight @ v / np.linalg.norm(weight @ v), 1e-12)
    t.close("largest singular value", u @ weight @ v, np.linalg.svd(weight)[1][0], 1e-6)
    want = np.sum(b.x @ weight.T / (u @ weight @ v) + w["linear.bias"], axis=1)
    t.close("spectral norm, outside training", b.energies(), want, 1e-12)


def dropout(t, b):
    b.x = np.ones((ROWS, 3))
    np.save(b.folder / "x.npy", b.x)
    log = b.folder / "log.csv"
    b.train(DROPPED, "zeros", 400, "--optimizer", "sgd(lr = 0.0)", "--log", log)
    rows = np.genfromtxt(log, delimiter=",", names=True)
    t.means("dropout keeps the mean", rows["dropped"], 1.0)
    t.require("one mask in a step", np.all(rows["differs"] == 0))
    t.close("dropout, outside training", b.energies(), 3.0, 1e-15)


def main(ebmc):
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(ebmc, folder)
        for check in [batch_norm, batch_norm_gradient, batch_norm_of_images, spectral, dropout]:
            check(tally, bench)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
