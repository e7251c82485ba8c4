#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_moons.py EBMC EXAMPLE -- the recipe of examples/moons.ebm learns both moons by persistent contrastive divergence.

Samples and fresh data are compared by the squared maximum mean discrepancy of a Gaussian kernel whose width is the median
distance, as a multiple of that of two sets of data: the mean over all pairs of eight sets, of which each is 0.2 to 2.1 times
that. Eight seeds gave 0.8 to 1.6; two is allowed. A normal distribution with the mean and deviations of the data has 13, data of
which 65 % lie on one moon 9, and where chains begin 67.
"""
import itertools
import sys

import numpy as np
from lab import Lab, Tally

N, MOST, SHARE = 1000, 2, 0.4


def squares(a, b):
    return np.sum((a[:, None] - b[None]) ** 2, axis=2)


def discrepancy(a, b):
    z = np.concatenate([a, b])
    d = squares(z, z)
    k = np.exp(-d / np.median(d[np.triu_indices(len(z), 1)]))
    n = len(a)
    return k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()


def outer_share(x):
    """The share of points that are nearer to the outer moon."""
    t = np.linspace(0, np.pi, 300)
    outer, inner = np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    return np.mean(squares(x, outer).min(axis=1) < squares(x, inner).min(axis=1))


def data(lab, seed):
    lab.text("sample", "two_moons", "--noise", 0.05, "-n", N, "--seed", seed, "-q", "-o", "data.npy")
    return np.load(lab.folder / "data.npy").astype(float)


def main(ebmc, example, seed=1):
    t, lab = Tally(), Lab(ebmc)
    lab.text("train", example, "--seed", seed, "-q", "-o", "w.safetensors")
    lab.text(example, "--weights", "w.safetensors", "--chains", N, "--keep", "last", "--seed", seed, "-q", "-o", "x.npy")
    x = np.load(lab.folder / "x.npy").astype(float).reshape(N, 2)
    sets = [data(lab, s) for s in range(8)]
    of_data = np.mean([discrepancy(a, b) for a, b in itertools.combinations(sets, 2)])
    ratio, share = np.mean([discrepancy(x, a) for a in sets]) / of_data, outer_share(x)
    print(f"squared discrepancy {ratio:.2f} times that of data, {of_data:.5f}; outer moon {share:.3f}")
    t.require(f"a squared discrepancy {ratio:.2f} times that of data", ratio < MOST)
    t.require(f"a share of {share:.3f} on the outer moon", SHARE < share < 1 - SHARE)
    return t.finish()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
