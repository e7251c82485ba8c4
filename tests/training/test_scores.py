#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_scores.py EBMC -- losses of scores agree on Gaussians, and contrastive divergence has its zero at the truth.

Denoising and sliced score matching have the gradient of exact score matching, in the limit of little noise and on average over
directions: a wrong sign of the noise would show at once.
"""
import sys

import numpy as np
from lab import Lab, Tally

MODEL = """
energy Bowl(x: real[2]) -> real {
    param k: real[2] = [%g, %g]
    param m: real[2] = [%g, %g]
    return 0.5 * sum(k * (x - m)^2)
}
"""
ROWS, TRUE_K, TRUE_M = 4096, np.array([2.0, 0.8]), np.array([0.5, -1.0])


class Bench:
    def __init__(self, ebmc):
        self.lab = Lab(ebmc)
        self.x = TRUE_M + np.random.default_rng(8).normal(size=(ROWS, 2)) / np.sqrt(TRUE_K)
        self.data = self.lab.array("x.npy", self.x)

    def train(self, k, m, loss, seed, *options, batch=ROWS, steps=1):
        model = self.lab.file("m.ebm", MODEL % (*k, *m))
        self.lab.text("train", model, "--loss", loss, "--data", self.data, "--batch", batch, "--steps", steps, "--dtype", "f64",
                      "--seed", seed, "-q", "-o", "w.npz", *options)
        return dict(np.load(self.lab.folder / "w.npz"))

    def gradients(self, k, m, loss, *options, seeds=6):
        runs = [self.train(k, m, loss, s, "--optimizer", "sgd(lr = 1.0)", *options) for s in range(seeds)]
        return np.array([np.concatenate([k - w["k"], m - w["m"]]) for w in runs])


def agree(t, b):
    """At energies that are too steep, too shallow, and misplaced."""
    for k, m in [([3.0, 2.0], [0.0, 0.0]), ([0.5, 0.3], [1.5, -2.0])]:
        k, m = np.array(k), np.array(m)
        want = np.concatenate([k * np.mean((b.x - m) ** 2, axis=0) - 1, -(k**2) * np.mean(b.x - m, axis=0)])
        exact = b.gradients(k, m, "score_matching", seeds=1)[0]
        t.close("exact score matching", exact, want, 1e-11)
        trace = b.gradients(k, m, "hutchinson_score_matching", seeds=1)[0]
        t.close("signs see a diagonal Hessian's trace exactly", trace, want, 1e-11)
        s = 0.05                                             # denoising is score matching of data with noise
        noisy = np.concatenate([k * s**2, 0 * m])
        for loss, options, limit in [("denoising_score_matching", ["--sigma", s], want + noisy),
                                     ("sliced_score_matching", ["--directions", 20], want)]:
            have = b.gradients(k, m, loss, *options)
            t.means(loss, have, limit)
            t.require(f"{loss}: gradients {have.mean(axis=0)}, exactly {want}", np.all(have.mean(axis=0) * want > 0))


def finds(t, b):
    w = b.train([1.0, 1.0], [0.0, 0.0], "score_matching", 1, "--optimizer", "sgd(lr = 0.3)", steps=400)
    t.close("precision that exact score matching finds", w["k"], 1 / b.x.var(axis=0), 1e-6)
    t.close("mean that it finds", w["m"], b.x.mean(axis=0), 1e-6)


def truth(t, b):
    """Chains from the data stay in its law, if the sampler is exact: the mean gradient is 0."""
    own = ["--using", "mala(step_size = 0.3)", "--k", 3, "--energy-reg", 0]
    have = []
    for seed in range(8):                                     # fresh data each time: a set's own mean is no zero of one step
        b.x = TRUE_M + np.random.default_rng(100 + seed).normal(size=(ROWS, 2)) / np.sqrt(TRUE_K)
        b.data = b.lab.array("x.npy", b.x)
        w = b.train(TRUE_K, TRUE_M, "contrastive_divergence", seed, "--optimizer", "sgd(lr = 1.0)", *own)
        have.append(np.concatenate([TRUE_K - w["k"], TRUE_M - w["m"]]))
    t.means("contrastive divergence at the truth", have, 0.0)
    off = b.train(2 * TRUE_K, TRUE_M, "contrastive_divergence", 1, "--optimizer", "sgd(lr = 1.0)", *own)
    t.require("contrastive divergence lowers what is too steep", np.all(off["k"] < 2 * TRUE_K - 0.05))


def main(ebmc):
    tally, bench = Tally(), Bench(ebmc)
    for check in [agree, finds, truth]:
        check(tally, bench)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
