# SPDX-License-Identifier: Apache-2.0
"""make_moons.py DRAWS.npy [moons.png] -- the picture of the README, from draws of examples/moons_mlp.ebm:

    ebmc examples/moons_mlp.ebm --weights examples/data/moons_mlp.safetensors --sampler langevin \\
        --step-size 0.005 --chains 4096 --steps 2000 --keep last -o moons.npy
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def main():
    draws = np.load(sys.argv[1])
    points = draws[:, -1].reshape(-1, 2)
    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=120)
    axes.scatter(points[:, 0], points[:, 1], s=3, alpha=0.5, linewidths=0, color="#1f4e79")
    axes.set_aspect("equal")
    axes.set_xlim(-2.2, 2.2)
    axes.set_ylim(-1.3, 1.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(sys.argv[2] if len(sys.argv) > 2 else "moons.png")


if __name__ == "__main__":
    main()
