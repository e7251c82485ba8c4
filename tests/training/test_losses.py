#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_losses.py EBMC -- gradients of the library's losses against their exact expectations.

The energy is k |x|^2 / 2 in the plane; a step of gradient descent with rate 1 shows the gradient. What a loss draws makes it
random: its mean over seeds is compared.
"""
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from lab import Tally

MODEL = """
energy Bowl(x: real[2]) -> real {
    param k: real = %g
    return 0.5 * k * sqnorm(x)
}
"""
ROWS, SEEDS, D = 512, 12, 2


class Bench:
    def __init__(self, ebmc, folder):
        self.ebmc, self.folder = ebmc, Path(folder)
        self.x = np.random.default_rng(5).normal(size=(ROWS, D)) * 1.5 + 0.3
        np.save(self.folder / "x.npy", self.x)
        self.square = np.sum(self.x**2, axis=1)

    def train(self, k, loss, options, seed, steps, more=()):
        model, out = self.folder / f"m{k}.ebm", self.folder / "w.npz"
        model.write_text(MODEL % k)
        subprocess.run([self.ebmc, "train", model, "--loss", loss, *options, "--data", self.folder / "x.npy",
                        "--batch", str(ROWS), "--steps", str(steps), "--dtype", "f64", "--seed", str(seed), "-q",
                        "-o", out, *more], check=True)
        return np.load(out)

    def gradients(self, k, loss, *options, seeds=SEEDS):
        runs = [self.train(k, loss, options, s, 1, ["--optimizer", "sgd(lr = 1.0)"]) for s in range(seeds)]
        return np.array([k - r["k"] for r in runs])

    def reported(self, k, loss, name, options, seed, steps, rate):
        """A report of the last step."""
        log = self.folder / "log.csv"
        self.train(k, loss, options, seed, steps, ["--optimizer", f"sgd(lr = {rate})", "--log", log])
        return float(list(csv.DictReader(log.open()))[-1][name])


def exact_losses(t, b, k):
    for r in [0.0, 0.25]:
        want = np.mean((1 + 2 * r) * k * b.square - D)
        reg = ["--score-reg", str(r)]
        t.close("score_matching", b.gradients(k, "score_matching", *reg, seeds=1), want, 1e-12)
        t.close("hutchinson", b.gradients(k, "hutchinson_score_matching", *reg, seeds=1), want, 1e-12)
    t.close("maximum_likelihood", b.gradients(k, "maximum_likelihood", seeds=1), np.mean(b.square) / 2, 1e-12)


def random_scores(t, b, k):
    want = np.mean(k * b.square - D)
    for direction in ["signs", "gaussian", "sphere"]:
        t.means(direction, b.gradients(k, "sliced_score_matching", "--direction", direction), want)
    noisy = np.mean(k * (b.square + 0.2**2 * D) - D)
    t.means("data_noise", b.gradients(k, "score_matching", "--data-noise", "0.2"), noisy)
    t.means("denoising", b.gradients(k, "denoising_score_matching", "--sigma", "0.2"), noisy)
    sigma = 0.2 * 5 ** (np.arange(3) / 2)
    want = np.mean([s**2 * (k * np.mean(b.square + s**2 * D) - D) for s in sigma])
    t.means("levels", b.gradients(k, "denoising_score_matching", "--sigma", "0.2", "--levels", "3"), want)


def sigmoid(q):
    return 1 / (1 + np.exp(-q))


def contrast(t, b, k):
    spread, nu = 1.3, 3
    def logit(square):
        return -k * square / 2 - np.log(nu) + square / (2 * spread**2) + np.log(2 * np.pi * spread**2)
    n = 200000                                    # squares of noise are exponential: their quantiles
    noise = -2 * spread**2 * np.log((np.arange(n) + 0.5) / n)
    options = ["noise_contrastive_estimation", "--spread", str(spread), "--nu", str(nu)]
    want = np.mean(sigmoid(-logit(b.square)) * b.square / 2) - nu * np.mean(sigmoid(logit(noise)) * noise / 2)
    t.means("contrast k", b.gradients(k, *options), want)
    want = -np.mean(sigmoid(-logit(b.square))) + nu * np.mean(sigmoid(logit(noise)))
    c = [b.reported(k, options[0], "log_normaliser", options[1:], s, 2, 1.0) for s in range(SEEDS)]
    t.means("contrast c", -np.array(c), want)


def discrepancy(t, b):
    m, w, s = 4, 2.0, 0.5
    have = b.gradients(0, "energy_discrepancy", "--m", str(m), "--w", str(w), "--spread", str(s))
    t.means("energy_discrepancy", have, -m * s**2 * D / (m + w))


def after(k, steps, h, square):
    """E |x|^2 after Langevin steps of size h."""
    a = (1 - h * k) ** 2
    return a**steps * square + 2 * h * D * (1 - a**steps) / (1 - a)


def divergences(t, b, k):
    h, own = 0.1, ["--using.step-size", "0.1", "--energy-reg", "0"]
    want = np.mean(b.square - after(k, 4, h, b.square)) / 2
    t.means("contrastive_divergence", b.gradients(k, "contrastive_divergence", "--k", "4", *own), want)
    slots = ["--slots", str(ROWS), "--warm", "3", "--k", "4", "--fresh"]
    want = np.mean(b.square - after(k, 7, h, 1e-4 * D)) / 2
    t.means("persistent", b.gradients(k, "persistent_contrastive_divergence", *slots, "0", *own), want)
    want = np.mean(b.square - after(k, 4, h, 1e-4 * D)) / 2
    t.means("fresh", b.gradients(k, "persistent_contrastive_divergence", *slots, "1", *own), want)
    have = b.gradients(k, "parallel_tempering_contrastive_divergence", "--slots", str(ROWS), "--k", "4",
                       "--replicas", "1", *own)
    t.means("one replica", have, np.mean(b.square - after(k, 4, h, D)) / 2)


def stationary(t, b, k):
    """Slots keep what is written to them: in 60 steps that move nothing, chains come to the energy's mean, D / 2."""
    shared = ["--using", "mala(step_size = 0.5)", "--k", "1", "--slots", str(ROWS)]
    for name, loss, own in [("slots", "persistent_contrastive_divergence", ["--warm", "0", "--fresh", "0"]),
                            ("swaps", "parallel_tempering_contrastive_divergence", ["--replicas", "3"])]:
        have = [b.reported(k, loss, "energy_model", [*shared, *own], s, 60, 0.0) for s in range(SEEDS)]
        t.means(name, have, D / 2)


def main(ebmc):
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(ebmc, folder)
        exact_losses(tally, bench, 0.7)
        random_scores(tally, bench, 0.7)
        contrast(tally, bench, 0.7)
        discrepancy(tally, bench)
        divergences(tally, bench, 0.7)
        stationary(tally, bench, 0.7)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
