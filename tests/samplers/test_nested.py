# SPDX-License-Identifier: Apache-2.0
"""test_nested EBMC -- samplers inside samplers: `run`, chains that are kept, adaptation, tempering.

Where a sampler inside another draws what it would draw alone, it gives the same bits. On a quadratic energy several steps of
langevin in one follow exact recurrences, with their own schedule; samplers that are exact leave exp(-E) invariant.
"""
import sys

import numpy as np
from lab import Lab, Tally, text_of

CHAINS = 40000
MEAN = np.array([1.0, 0.0, -1.0])
COV = np.array([[2.0, 0.8, 0.1], [0.8, 1.0, -0.3], [0.1, -0.3, 0.5]])
A = np.linalg.inv(COV)
FILE = f"""
import "std/energies"
import "std/samplers"
import "std/schedules"

energy Target(x: real[3]) -> real = Gaussian(x, mean = {text_of(MEAN)}, cov = {text_of(COV)})

## One step of another, as a chain that is kept.
sampler kept[S...](E: energy(real[S...]), x: real[S...], using: sampler = langevin) {{
    state c = using(E, x)
    step {{
        c.step()
        x = c.x
    }}
}}

## One step of another, started anew.
sampler anew[S...](E: energy(real[S...]), x: real[S...], using: sampler = langevin) {{
    x = run(using, E, x, steps = 1)
}}

sampler many[S...](E: energy(real[S...]), x: real[S...], using: sampler = langevin, k: int > 0 = 5) {{
    x = run(using, E, x, steps = k)
}}

## The energy of the chain inside changes from step to step, and so does what it moves.
sampler annealed[S...](E: energy(real[S...]), x: real[S...], using: sampler = mala) {{
    state beta = 0.5
    state c = using(|y| beta * E(y), x)
    step {{
        c.step()
        beta = 1.5 - beta
        c.x = 2.0 * {text_of(MEAN)} - c.x
        x = c.x
        report rate = c.acceptance_rate
    }}
}}

## The same by hand.
sampler by_hand[S...](E: energy(real[S...]), x: real[S...], step_size: real = 0.1) {{
    state beta = 0.5
    step {{
        let y = run(mala(step_size = step_size), |z| beta * E(z), x, steps = 1)
        beta = 1.5 - beta
        x = 2.0 * {text_of(MEAN)} - y
    }}
}}
"""


def same_bits(t, lab, model, name, one, other, start):
    draws = []
    for arguments in [one, other]:
        lab.text(model, *arguments, "--chains", 70, "--steps", 12, "--seed", 3, "--init", lab.array("s.npy", start[:70]),
                 "-o", "bits.npy")
        draws.append(np.load(lab.folder / "bits.npy").tobytes())
    t.require(f"{name}: the same bits", draws[0] == draws[1])


def check_bits(t, lab, model, start):
    settings = {"langevin": ["--step-size", "0.1"], "mala": ["--step-size", "0.4"], "baoab": ["--friction", "0.7"],
                "hmc": ["--step-size", "0.3", "--n-leapfrog-steps", "4"], "nesterov": ["--momentum", "0.5"]}
    for sampler, options in settings.items():
        inner = [o.replace("--", "--using.") for o in options]
        alone = ["--sampler", sampler, *options]
        same_bits(t, lab, model, f"kept {sampler}", alone, ["--sampler", "kept", "--using", sampler, *inner], start)
        same_bits(t, lab, model, f"{sampler}, kept twice", alone,
                  ["--sampler", "kept", "--using", f"kept(using = {sampler})",
                   *[o.replace("--using.", "--using.using.") for o in inner]], start)
        same_bits(t, lab, model, f"{sampler} repeated once", alone,
                  ["--sampler", "repeated", "--k", "1", "--using", sampler, *inner], start)
        if sampler in ["langevin", "mala", "hmc"]:  # without a state
            same_bits(t, lab, model, f"{sampler} started anew", alone,
                      ["--sampler", "anew", "--using", sampler, *inner], start)
    text = "langevin(step_size = linear(t, 0.2, 0.01, 9))"
    same_bits(t, lab, model, "a schedule of a chain", ["--sampler", "langevin", "--step-size", "linear(t, 0.2, 0.01, 9)"],
              ["--sampler", "kept", "--using", text], start)
    same_bits(t, lab, model, "a chain of another energy", ["--sampler", "by_hand", "--step-size", "0.4"],
              ["--sampler", "annealed", "--using.step-size", "0.4"], start)


def check_run(t, lab, model, dtype):
    """k steps in one, whose step size is that of the step inside; k is read when the kernel runs."""
    start, k, steps = np.array([3.0, -2.0, 0.5]), 4, 5
    x = lab.sample(model, sampler="many", k=k, using="langevin(step_size = linear(t, 0.3, 0.1, 4))", chains=CHAINS,
                   steps=steps, start=start, dtype=dtype)
    m, s = start, np.zeros((3, 3))
    for i in range(steps):
        for h in [0.3, 0.25, 0.2, 0.15]:
            M = np.eye(3) - h * A
            m, s = M @ m + h * A @ MEAN, M @ s @ M.T + 2 * h * np.eye(3)
        t.means(f"run {dtype}, mean after {i + 1}", x[:, i], m)
        t.covariance(f"run {dtype}, covariance after {i + 1}", x[:, i], m, s)


def check_exact(t, lab, model, rng):
    """Chains that start at exact draws have exact draws after any number of steps; replicas need some steps to be so."""
    start = rng.multivariate_normal(MEAN, COV, CHAINS)
    for sampler, options in [("tempered", {"using.step_size": 0.4, "hottest": 4.0, "warmup": 60}),
                             ("tempered", {"using": "hmc(n_leapfrog_steps = 3)", "using.step_size": 0.5, "n_inner_steps": 1, "warmup": 60}),
                             ("tempered", {"using": "adaptive(using = mala)", "warmup": 400, "n_inner_steps": 2}),
                             ("repeated", {"using": "mala", "using.step_size": 0.5, "k": 3}),
                             ("adaptive", {"step_size": 0.6})]:
        x = lab.sample(model, sampler=sampler, chains=CHAINS, steps=4, start=start, **options)
        t.means(f"{sampler}, mean", x[:, -1], MEAN)
        t.covariance(f"{sampler}, covariance", x[:, -1], MEAN, COV)


def check_adaptive(t, lab, model):
    for using, target in [("hmc", 0.8), ("mala", 0.6)]:
        lab.sample(model, sampler="adaptive", using=using, target=target, chains=2000, warmup=1500, steps=60)
        rate = lab.figures["acceptance_rate"]
        t.require(f"adaptive {using}: accepts {rate:.3f}, {target} is wanted", abs(rate - target) < 0.03)


def main():
    lab, t, rng = Lab(sys.argv[1]), Tally(), np.random.default_rng(11)
    model = lab.file("nested.ebm", FILE)
    check_bits(t, lab, model, rng.normal(size=(70, 3)))
    for dtype in ["f32", "f64"]:
        check_run(t, lab, model, dtype)
    check_exact(t, lab, model, rng)
    check_adaptive(t, lab, model)
    return t.finish()


sys.exit(main())
