#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_repeats.py EBMC -- the same bits for any number of threads and wherever a training stops; chains return to their slots."""
import json
import struct
import sys

import numpy as np
from lab import Lab, Tally

MODEL = """
import "std/layers"
energy Moons(x: real[2]) -> real {
    layer net = MLP[2, 16, 1]
    return (x |> net)[0] + 0.5 * sqnorm(x)
}
loss marking[slots = 40](E: energy(real[2]), x: real[2]) -> real {
    buffer marks[slots]: real[3] = [normal(), 0.0, 0.0]
    let c = marks.draw()
    let mark = c.value
    c.value = [mark[0], mark[1] + 1, x[0] + mark[0]]
    return E(x)
}
"""
PERSISTENT = ["--loss", "persistent_contrastive_divergence", "--slots", 100, "--warm", 2, "--k", 2, "--fresh", 0.1,
              "--data-noise", 0.01, "--using.step-size", 0.01, "--data", "two_moons", "--batch", 48, "--seed", 4]


class Bench:
    def __init__(self, ebmc):
        self.lab = Lab(ebmc)
        self.model = self.lab.file("m.ebm", MODEL)

    def weights(self, *options):
        self.lab.text("train", self.model, *PERSISTENT, "-q", "-o", "w.safetensors", *options)
        return (self.lab.folder / "w.safetensors").read_bytes()


def threads(t, b):
    one = b.weights("--steps", 50, "-j", 1)
    for n in [2, 5]:
        t.require(f"{n} threads", one == b.weights("--steps", 50, "-j", n))
    return one


def shared(t, b):
    """A network whose weights' gradients are worth sharing out, in pieces of which 5 threads have no equal parts."""
    model = b.lab.file("wide.ebm", MODEL.replace("MLP[2, 16, 1]", "MLP[2, 72, 72, 1]"))
    written = []
    for n in [1, 2, 5]:
        b.lab.text("train", model, "--loss", "contrastive_divergence", "--k", 2, "--data", "two_moons", "--batch", 64, "--steps", 6,
                   "--clip-norm", 0.1, "-j", n, "-q", "-o", "wide.safetensors")
        written.append((b.lab.folder / "wide.safetensors").read_bytes())
    t.require("a wide network with 2 and 5 threads", written[0] == written[1] == written[2])


def stops(t, b, whole):
    """Every tenth step is the last of one command and the first of the next, or of one that goes on to the end."""
    resumed = []
    for step in range(10, 60, 10):
        there = b.weights("--steps", step, "--checkpoint", "c.ckpt", "-j", 1 + step // 10 % 3, *resumed)
        resumed = ["--resume", "c.ckpt"]
        end = b.weights("--steps", 50, *resumed)
        t.require(f"resumed at step {step}", end == whole)
    t.require("stopped at every tenth step", there == whole)


def marks(b, steps, rows=16):
    """The contents of the buffer after some steps."""
    b.lab.text("train", b.model, "--loss", "marking", "--data", "x.npy", "--batch", rows, "--steps", steps, "--dtype", "f64", "-q",
               "-o", "none", "--checkpoint", "c.ckpt")
    return tensors(b.lab.folder / "c.ckpt")["buffer/marks"]


def tensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = {n: t for n, t in json.loads(raw[8:8 + size]).items() if n != "__metadata__" and t["dtype"] == "F64"}
    return {n: np.frombuffer(raw[8 + size:][slice(*t["data_offsets"])]).reshape(t["shape"]) for n, t in header.items()}


def slots(t, b):
    """Each slot has a mark, a count, and a data point's place from its mark: nothing strays to another slot."""
    x = np.arange(16.0)
    b.lab.array("x.npy", np.stack([x, x], axis=1))
    held = [marks(b, step) for step in range(6)]
    for before, now in zip(held, held[1:]):
        drawn = now[:, 1] == before[:, 1] + 1
        t.require("as many slots are drawn as there are data points", np.sum(drawn) == 16)
        t.require("other slots keep their bits", np.array_equal(now[~drawn], before[~drawn]))
        t.require("marks stay", np.array_equal(now[:, 0], held[0][:, 0]))
        t.close("every data point has a slot of its own", np.sort((now[:, 2] - now[:, 0])[drawn]), x, 1e-14)
    t.require("marks differ", len(np.unique(held[0][:, 0])) == 40)
    t.require("each step draws others", len({tuple(h[:, 1]) for h in held}) == 6 and np.max(held[-1][:, 1]) < 6)
    done = b.lab.run("train", b.model, "--loss", "marking", "--data", "x.npy", "--batch", 41, "--steps", 1, "-o", "none")
    t.require(f"a batch that is too large: {done.returncode} {done.stderr}",
              done.returncode == 1 and "'marks' has 40 slots and a batch 41 data points" in done.stderr)


def main(ebmc):
    tally, bench = Tally(), Bench(ebmc)
    stops(tally, bench, threads(tally, bench))
    shared(tally, bench)
    slots(tally, bench)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
