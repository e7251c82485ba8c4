#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_optimizers.py EBMC -- the library's optimizers against PyTorch's formulas, written out here.

The whole data set is one batch, so every step has the same mean, and the gradient is known: that of sum(x w^2) / 2 + v^3.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from lab import Tally

MODEL = """
energy Cubic(x: real[3]) -> real {
    param w: real[3] = [0.5, -1.0, 2.0]
    param v: real = 0.7
    return 0.5 * sum(x * w^2) + v^3
}
"""
STEPS = 11


def sgd(lr=1e-2, momentum=0.0, nesterov=False, weight_decay=0.0):
    def step(p, g, s, t):
        d = g + weight_decay * p
        s["v"] = momentum * s.get("v", 0) + d
        return p - lr * (d + momentum * s["v"] if nesterov else s["v"])
    return step


def adam(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False):
    def step(p, g, s, t):
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
        s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g**2
        size = lr / (1 - beta1**(t + 1))
        return p - size * s["m"] / (np.sqrt(s["v"]) / np.sqrt(1 - beta2**(t + 1)) + eps)
    return step


def rmsprop(lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.0):
    def step(p, g, s, t):
        s["q"] = alpha * s.get("q", 0) + (1 - alpha) * g**2
        s["v"] = momentum * s.get("v", 0) + g / (np.sqrt(s["q"]) + eps)
        return p - lr * s["v"]
    return step


def adagrad(lr=1e-2, lr_decay=0.0, eps=1e-10):
    def step(p, g, s, t):
        s["q"] = s.get("q", 0) + g**2
        return p - lr / (1 + t * lr_decay) * g / (np.sqrt(s["q"]) + eps)
    return step


def lion(lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    def step(p, g, s, t):
        m = s.get("m", 0)
        s["m"] = beta2 * m + (1 - beta2) * g
        return p * (1 - lr * weight_decay) - lr * np.sign(beta1 * m + (1 - beta1) * g)
    return step


def clip_value(g, most):
    return {k: np.clip(a, -most, most) for k, a in g.items()}


def clip_norm(g, most):
    norm = np.sqrt(sum(np.sum(a**2) for a in g.values()))
    return {k: a * min(1.0, most / (norm + 1e-6)) for k, a in g.items()}


def train(step, mean, clip=None, every=1):
    p = {"w": np.array([0.5, -1.0, 2.0]), "v": np.array(0.7)}
    state, total = {k: {} for k in p}, {k: 0 for k in p}
    for t in range(STEPS):
        g = {"w": mean * p["w"], "v": 3 * p["v"]**2}
        total = {k: total[k] + g[k] for k in p}
        if t % every < every - 1:
            continue
        g = {k: total[k] / every for k in p}
        total = {k: 0 for k in p}
        g = clip(g) if clip else g
        p = {k: step(p[k], g[k], state[k], t // every) for k in p}
    return p


CASES = {
    "sgd(lr = 0.1)": (sgd(0.1), {}),
    "sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.01)": (sgd(0.1, 0.9, False, 0.01), {}),
    "sgd(lr = 0.1, momentum = 0.9, nesterov = true)": (sgd(0.1, 0.9, True), {}),
    "adam": (adam(), {}),
    "adam(lr = 0.1, beta1 = 0.8, beta2 = 0.9, eps = 1e-3, weight_decay = 0.1)":
        (adam(0.1, 0.8, 0.9, 1e-3, 0.1), {}),
    "adamw(lr = 0.1)": (adam(0.1, weight_decay=1e-2, decoupled=True), {}),
    "rmsprop(momentum = 0.5)": (rmsprop(momentum=0.5), {}),
    "adagrad(lr = 0.1, lr_decay = 0.1)": (adagrad(0.1, 0.1), {}),
    "lion(lr = 0.1, weight_decay = 0.1)": (lion(0.1, weight_decay=0.1), {}),
    "clipped(using = sgd(lr = 0.1), max_norm = 0.5)":
        (sgd(0.1), {"clip": lambda g: clip_norm(g, 0.5)}),
    "clipped(using = clipped_value(using = adam(lr = 0.1), max_value = 0.2), max_norm = 0.5)":
        (adam(0.1), {"clip": lambda g: clip_value(clip_norm(g, 0.5), 0.2)}),
    "accumulated(using = adam(lr = 0.1), every = 3)": (adam(0.1), {"every": 3}),
    "accumulated(using = clipped(using = sgd(lr = 0.1)), every = 2)":
        (sgd(0.1), {"every": 2, "clip": lambda g: clip_norm(g, 1.0)}),
}


def main(ebmc):
    tally = Tally()
    x = np.random.default_rng(1).normal(size=(24, 3)) + 1.0
    with tempfile.TemporaryDirectory() as folder:
        model, data, out = (Path(folder) / n for n in ["m.ebm", "x.npy", "w.npz"])
        model.write_text(MODEL)
        np.save(data, x)
        for text, (step, extra) in CASES.items():
            subprocess.run([ebmc, "train", model, "--loss", "maximum_likelihood", "--data", data, "--batch", "24",
                            "--steps", str(STEPS), "--dtype", "f64", "--optimizer", text, "-q", "-o", out], check=True)
            want, have = train(step, x.mean(axis=0), **extra), np.load(out)
            for name in want:
                tally.close(f"{text}: {name}", have[name], want[name], 1e-12)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
