# SPDX-License-Identifier: Apache-2.0
"""test_walks EBMC -- langevin and baoab against their own discretised laws on curved energies.

In one dimension the law of langevin after k steps is an integral done on a grid. On every energy of the library both samplers
are compared with NumPy's own walk from the same starts, chains that leave the support of an energy included: a step whose
new state is not finite is not taken.
"""
import sys

import numpy as np
from lab import Lab, Tally
from targets import Target, features, targets

CHAINS = 30000
STEPS = 5


# ---- integrals


def law_on_grid(slope, start, h, steps):
    """Densities after each step of x' = x - h slope(x) + sqrt(2 h) N(0, 1), on a grid and with its weights."""
    x = np.linspace(-8, 8, 1601)
    dx = x[1] - x[0]

    def move(mean):
        return np.exp(-(x - mean)**2 / (4 * h)) / np.sqrt(4 * np.pi * h)

    kernel = move((x - h * slope(x))[:, None])
    p = move(start - h * slope(start))
    out = [p]
    for _ in range(steps - 1):
        p = p @ kernel * dx
        out.append(p)
    return x, [p * dx for p in out]


def check_wells(t, lab):
    wells = [("DoubleWell", ["-S", "d=1"], lambda x: 8 * x * (x**2 - 1), 0.6, 0.04),
             ("Rastrigin", ["-S", "d=1", "--set", "a=1.0"], lambda x: 2 * x + 2 * np.pi * np.sin(2 * np.pi * x), -1.3, 0.02),
             ("StyblinskiTang", ["-S", "d=1"], lambda x: 2 * x**3 - 16 * x + 2.5, 0.2, 0.01)]
    functions = [lambda x: x, lambda x: x**2, lambda x: np.tanh(3 * x), lambda x: np.cos(4 * x)]
    for name, arguments, slope, start, h in wells:
        draws = lab.sample(name, *arguments, sampler="langevin", step_size=h, chains=4 * CHAINS, steps=150,
                           start=np.full(1, start), thin=10)[:, :, 0]
        x, law = law_on_grid(slope, start, h, 150)
        for k in [0, 2, 14]:
            p = law[10 * (k + 1) - 1]
            t.close(f"{name}: mass on the grid", p.sum(), 1.0, 1e-6)
            for i, f in enumerate(functions):
                t.means(f"langevin on {name}, f{i} after {10 * (k + 1)} steps", f(draws[:, k]), (f(x) * p).sum())


# ---- NumPy's walks


def stay_unless_finite(new, old):
    """Arrays [chains, d] each: chains whose new numbers are not all finite keep the old ones."""
    good = np.isfinite(np.concatenate(new, axis=1)).all(axis=1)
    return [np.where(good[:, None], n, o) for n, o in zip(new, old)], int((~good).sum())


def numpy_langevin(target, x, h, rng):
    lost = 0
    for _ in range(STEPS):
        y = x - h * target.slope(x) + np.sqrt(2 * h) * rng.normal(size=x.shape)
        (x, ), n = stay_unless_finite([y], [x])
        lost += n
    return x, lost


def numpy_baoab(target, x, h, friction, rng):
    v, g, lost = rng.normal(size=x.shape), target.slope(x), 0
    c = np.exp(-friction * h)
    for _ in range(STEPS):
        v1 = v - h / 2 * g
        v2 = c * v1 + np.sqrt(1 - c * c) * rng.normal(size=x.shape)
        y = x + h / 2 * (v1 + v2)
        gy = target.slope(y)
        (x, v, g), n = stay_unless_finite([y, v2 - h / 2 * gy, gy], [x, v, g])
        lost += n
    return x, lost


def compare_walks(t, name, target, have, lost, exact, exact_lost):
    a, b = features(have, target.bounded), features(exact, target.bounded)
    t.numbers(name, a.mean(axis=0), b.mean(axis=0), np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b)))
    # Lost steps of one chain come together: at most STEPS a chain.
    if lost or exact_lost:
        t.numbers(name + ", steps not finite", lost / CHAINS, exact_lost / CHAINS,
                  np.sqrt(2 * STEPS * max(exact_lost, 1)) / CHAINS)


def check_target(t, lab, target, rng):
    start = target.draw(CHAINS, rng)
    given = start[:, 0] if target.scalar else start
    h, leap = target.h / 4, target.leap[0]  # langevin runs away where steps are large
    for dtype in ["f32", "f64"]:
        x = lab.sample(*target.model, sampler="langevin", step_size=h, chains=CHAINS, steps=STEPS, keep="last", start=given,
                       dtype=dtype).reshape(CHAINS, -1)
        lost = lab.figures["non_finite_steps"]
        with np.errstate(all="ignore"):
            compare_walks(t, f"langevin {dtype} on {target.name}", target, x, lost, *numpy_langevin(target, start, h, rng))
    x = lab.sample(*target.model, sampler="baoab", step_size=leap, friction=1.5, chains=CHAINS, steps=STEPS, keep="last",
                   start=given).reshape(CHAINS, -1)
    lost = lab.figures["non_finite_steps"]
    with np.errstate(all="ignore"):
        compare_walks(t, f"baoab on {target.name}", target, x, lost, *numpy_baoab(target, start, leap, 1.5, rng))


def ackley():
    """No density: far away it is flat. Chains still walk on it."""

    def energy(x):
        return (-20 * np.exp(-0.2 * np.sqrt((x**2).mean(axis=1))) - np.exp(np.cos(2 * np.pi * x).mean(axis=1)) + 20 +
                np.exp(1))

    return Target("Ackley", ["Ackley", "-S", "d=3"], energy, lambda n, rng: rng.normal(size=(n, 3)), 0.02, (0.2, 4))


def main():
    lab, t, rng = Lab(sys.argv[1]), Tally(), np.random.default_rng(11)
    check_wells(t, lab)
    for target in targets(lab) + [ackley()]:
        check_target(t, lab, target, rng)
    return t.finish()


sys.exit(main())
