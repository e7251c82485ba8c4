# SPDX-License-Identifier: Apache-2.0
"""test_not_finite EBMC -- what happens where an energy or a state is not a finite number.

A step whose new state is not finite is not taken; it is counted, and the first one is named. A proposal where the energy is not
a number is refused as any other, and the chains stay exact. A request beyond memory is refused before anything runs.
"""
import re
import sys

import numpy as np
from lab import Lab, Tally


def check_counts(t, lab):
    """The slope outside of [-1, 1] is not a number: a chain that steps there stays for good, one loss a step."""
    model = lab.file("semicircle.ebm", "energy Semicircle(x: real[1]) -> real = -sqrt(1 - x[0]^2)\n")
    chains, steps, warmup = 50, 40, 6
    for threads in [1, 2]:
        options = ["--sampler", "langevin", "--step-size", "0.03", "--init", "zeros", "--seed", 5, "--chains", chains]
        whole = [model, *options, "--steps", steps + warmup, "-o", "draws.npy", "--threads", threads]
        done = lab.run(*whole)
        x = np.load(lab.folder / "draws.npy")[:, :, 0]
        outside = np.abs(x) > 1
        lost = outside[:, :-1].sum()
        first_step = int(np.argmax(outside.any(axis=0))) + 1
        first_chain = int(np.argmax(outside[:, first_step - 1]))
        chains_lost = int(outside[:, :-1].any(axis=1).sum())
        t.require("some chains leave and some stay", 0 < chains_lost < chains)
        t.require("every number kept is finite", np.isfinite(x).all())
        stays = ~outside[:, :-1] | (x[:, 1:] == x[:, :-1])
        t.require("a chain stays where the step is not finite", stays.all())
        words = re.search(r"non-finite steps +(\d+) in (\d+) chains, first at step (\d+) of chain (\d+)", done.stdout + done.stderr)
        t.require("the summary names lost steps", words is not None)
        if words:
            found = tuple(int(w) for w in words.groups())
            want = (lost, chains_lost, first_step, first_chain)
            t.require(f"lost steps, chains, first step and its chain: {found}, not {want}", found == want)
        said = re.search(r"semicircle.ebm:1:\d+: warning: step (\d+) of chain (\d+) was not taken: .*sqrt\((\S+)\) is nan", done.stderr)
        t.require("the first lost step is explained", said is not None)
        if said:
            step, chain, root = int(said[1]), int(said[2]), float(said[3])
            before = float(x[chain, step - 1])
            t.require("it is the first", (step, chain) == (first_step, first_chain))
            t.require(f"the number under the root is {root}, not {1 - before**2}", abs(root - (1 - before**2)) < 1e-5 * (1 + before**2))
            t.require("the expression is underlined", "sqrt(1 - x[0]^2)\n" in done.stderr and "^~~~~~~" in done.stderr)
        # Warm-up steps count too, and thinning hides none.
        lab.run(model, *options, "--steps", steps, "--warmup", warmup, "--thin", 8, "--json", "-o", "thin.npy")
        thin = np.load(lab.folder / "thin.npy")[:, :, 0]
        t.require("thinned draws are draws of the whole", np.array_equal(thin, x[:, warmup + 7::8]))


def check_energy_overflow(t, lab):
    """exp(x^2) is infinite in f32 beyond 9.5: the step that would go there is not taken, and goes on from where it was."""
    model = lab.file("steep.ebm", "energy Steep(x: real[2]) -> real = exp(sqnorm(x))\n")
    start = np.array([[8.0, 8.0], [0.1, 0.2], [-7.0, 9.0], [0.0, 0.0]])
    for sampler in ["langevin", "mala", "hmc", "baoab", "gradient_descent", "nesterov"]:
        lab.sample(model, sampler=sampler, chains=4, steps=5, start=start, dtype="f32", step_size=0.001)
        x = np.load(lab.folder / "draws.npy")
        t.require(f"{sampler}: a chain where the slope is infinite stays", (x[[0, 2]] == start[[0, 2], None]).all())
        t.require(f"{sampler}: the chains beside it move", (x[[1, 3], 1:] != x[[1, 3], :-1]).any())
        t.require(f"{sampler}: numbers are finite", np.isfinite(x).all())


def check_start(t, lab):
    """A start that is not finite stays what it is, counted at every step, and harms no other chain."""
    start = np.array([[0.5, 0.5], [np.nan, 1.0], [np.inf, 0.0], [0.1, -0.1]])
    good = lab.sample("DoubleWell", sampler="langevin", chains=4, steps=5, start=start)
    t.require("ten steps lost", lab.figures["non_finite_steps"] == 10)
    done = lab.run("DoubleWell", "--sampler", "langevin", "--chains", 4, "--steps", 5, "--init", lab.array("start.npy", start), "-o", "none")
    t.require("the start is named", "step 0 of chain 1 was not taken: 'x' is nan already in element [0]" in done.stderr)
    lab.seed -= 1
    start[1:3] = 0
    clean = lab.sample("DoubleWell", sampler="langevin", chains=4, steps=5, start=start)
    t.require("other chains are as without it", np.array_equal(good[[0, 3]], clean[[0, 3]]))


def check_kink(t, lab):
    """Slopes of Ackley at its minimum and of a norm at 0 are 0, as PyTorch has them."""
    model = lab.file("norm.ebm", "energy Cone(x: real[3]) -> real = norm(x) + abs(x[0])\n")
    for name, arguments, d in [("Ackley", ["-S", "d=3"], 3), (model, [], 3)]:
        done = lab.run("eval", name, *arguments, "--at", lab.array("points.npy", np.zeros((2, d))), "--grad", "-o", "values.npz")
        t.require(f"eval runs: {done.stderr}", done.returncode == 0)
        values = np.load(lab.folder / "values.npz")
        t.require(f"{name}: slope 0 at 0, not {values['grad']}", (values["grad"] == 0).all())


def check_memory(t, lab):
    """Four bytes, two coordinates."""
    done = lab.run("DoubleWell", "--sampler", "langevin", "--chains", 10**9, "--steps", 10**5)
    t.require(f"too much to keep: exit status {done.returncode}", done.returncode not in (0, -9, -11))
    t.require(f"the message names what is needed: {done.stderr}", re.search(r"needs 7\d\d\.?\d* TiB.*available", done.stderr))
    done = lab.run("DoubleWell", "--sampler", "langevin", "--chains", 10**12, "--steps", 1, "-o", "none")
    t.require(f"too many chains: exit status {done.returncode}", done.returncode not in (0, -9, -11))
    t.require(f"the message names memory: {done.stderr}", "available" in done.stderr)
    done = lab.run("DoubleWell", "-S", "d=1000000000", "--sampler", "langevin", "--chains", 1000, "--steps", 1)
    t.require(f"a state too large: exit status {done.returncode}", done.returncode > 0)
    t.require(f"a message: {done.stderr}", "error" in done.stderr)


def main():
    lab, t = Lab(sys.argv[1]), Tally()
    check_counts(t, lab)
    check_energy_overflow(t, lab)
    check_start(t, lab)
    check_kink(t, lab)
    check_memory(t, lab)
    return t.finish()


sys.exit(main())
