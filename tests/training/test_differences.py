#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_differences.py EBMC -- gradients of every loss of the library against differences of its values, in f64.

A step of gradient descent with rate 1 shows the gradient; the log shows the loss at weights moved along a direction, with the
same seed, to nine digits. Samplers stand still (step size 0), for gradients do not go through what they give.
"""
import json
import re
import sys
from pathlib import Path

import numpy as np
from lab import Lab, Tally

MODEL = """
import "std/layers"
import "std/samplers"
energy Small(x: real[2]) -> real {
    layer net = MLP[2, 4, 1]
    param scale: real = 0.3
    return (x |> net)[0] + 0.5 * scale * sqnorm(x)
}
energy Normed(x: real[2]) -> real {
    layer first = Linear[2, 4]
    layer norm = BatchNorm[4]
    layer last = Linear[4, 1]
    return (x |> first |> norm |> silu |> last)[0]
}
loss elsewhere[S...](E: energy(real[S...]), x: real[S...]) -> real {
    let y = run(langevin(step_size = 0.1), |z| 0.5 * sqnorm(z), x, steps = 3)
    return E(x) - E(y) + 0.1 * E(y)^2
}
loss branched[S...](E: energy(real[S...]), x: real[S...]) -> real {
    let e = if uniform() < 0.5 { E(x) + sum(grad(E)(x)) } else { 0.5 * E(2 * x)^2 + E(x - 1) }
    return if e > 0 and uniform() < 0.5 { e * E(x) } else { e }
}
loss ranked[S...](E: energy(real[S...]), x: real[S...]) -> real {
    let e, y = E(x), E(x + normal_like(x))
    let all = batch(y)
    return batch_logsumexp(e - y) + softplus(e - batch_mean(y)) * (batch_max(e) - e) + e * all[(batch_index + 1) % batch_size]
}
"""
STILL = "--using.step-size 0 --data-noise 0.3 --energy-reg 0.05 --k 2"
# Losses, and options under which each of their terms counts, at any step, or not at all.
CASES = [
    ("contrastive_divergence", STILL),
    ("persistent_contrastive_divergence", STILL + " --slots 20 --warm 2"),
    ("persistent_contrastive_divergence", STILL + " --slots 20 --warm 0 --fresh 0.5"),
    ("parallel_tempering_contrastive_divergence", STILL + " --slots 20 --replicas 3"),
    ("maximum_likelihood", ""),
    ("score_matching", "--score-reg 0.2 --data-noise 0.3"),
    ("hutchinson_score_matching", "--score-reg 0.2 --data-noise 0.3 --directions 2"),
    ("sliced_score_matching", "--score-reg 0.2 --data-noise 0.3 --directions 2"),
    ("sliced_score_matching", "--score-reg max(0.2,0.1*t) --data-noise max(0.3,0.1*t)"),
    ("sliced_score_matching", ""),
    ("denoising_score_matching", "--score-reg 0.2 --sigma 0.3"),
    ("denoising_score_matching", "--score-reg 0.2 --sigma 0.3 --levels 3"),
    ("noise_contrastive_estimation", "--nu 2 --spread 1.5"),
    ("energy_discrepancy", "--m 4 --w 2 --spread 0.5"),
    ("elsewhere", ""),
    ("branched", ""),
    ("ranked", ""),
    ("ranked", "--energy Normed"),
]
BATCH, H = 16, 3e-3


class Bench:
    def __init__(self, ebmc):
        self.lab = Lab(ebmc)
        self.rng = np.random.default_rng(3)
        self.model = self.lab.file("m.ebm", MODEL)
        self.data = self.lab.array("x.npy", self.rng.normal(size=(BATCH, 2)) + [0.5, 0.0])

    def step(self, case, weights):
        """Loss and weights of a step from `weights`."""
        loss, options = case
        self.run(case, 1, "--weights", weights, "--log", "log.jsonl")
        line = json.loads((self.lab.folder / "log.jsonl").read_text())
        return line["loss"], dict(np.load(self.lab.folder / "w.npz"))

    def run(self, case, steps, *more):
        loss, options = case
        self.lab.text("train", self.model, "--energy", "Small", "--loss", loss, *options.split(), "--data", self.data,
                      "--batch", BATCH, "--steps", steps, "--dtype", "f64", "--optimizer", "sgd(lr = 1.0)", "-q", "-o",
                      "w.npz", "-j", 1, *more)

    def start(self, case):
        """Weights to start from, further from 0 than a network's first ones."""
        self.run(case, 0)
        have = np.load(self.lab.folder / "w.npz")
        return {n: have[n] if "running" in n else have[n] + 0.3 * self.rng.normal(size=have[n].shape) for n in have}

    def value(self, case, w):
        np.savez(self.lab.folder / "moved.npz", **w)
        return self.step(case, "moved.npz")[0]


def slopes(b, case):
    """The slope along a random direction, by differences and by the gradient; the gradient's length."""
    w = b.start(case)
    np.savez(b.lab.folder / "start.npz", **w)
    after = b.step(case, "start.npz")[1]
    moving = [n for n in w if "running" not in n]
    d = {n: b.rng.normal(size=w[n].shape) for n in moving}
    at = {s: b.value(case, {**w, **{n: w[n] + s * H * d[n] for n in moving}}) for s in (-2, -1, 1, 2)}
    want = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * H)
    have = sum(np.sum((w[n] - after[n]) * d[n]) for n in moving)
    return have, want, {n: np.max(np.abs(w[n] - after[n])) for n in moving}


def check(t, b, case):
    have, want, size = slopes(b, case)
    t.close(" ".join(case), have, want, 2e-6)
    for name in size:
        # A bias that every energy has cancels in differences and derivatives of energies, one that every point has in a norm.
        cancels = "last.bias" in name or (name == "first.bias" and "Normed" in case[1])
        t.require(f"{case}: {name} has no gradient", size[name] > 0 or cancels)


def main(ebmc, library):
    tally, bench = Tally(), Bench(ebmc)
    have = set(re.findall(r"^loss (\w+)", Path(library).read_text(), re.M))
    tally.require(f"losses of the library without a case: {have - {c[0] for c in CASES}}", have <= {c[0] for c in CASES})
    for case in CASES:
        check(tally, bench, case)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
