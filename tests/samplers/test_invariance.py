# SPDX-License-Identifier: Apache-2.0
"""test_invariance EBMC -- mala and hmc leave exp(-E) invariant, exactly.

Chains start at exact independent draws, so after any number of steps they are exact independent draws still, however rough the
step size. Both samplers are reversible besides: E[f(start) g(end)] = E[g(start) f(end)]. The step sizes are large, so that
many proposals are rejected; how many is compared with NumPy's own walk from the same starts.
"""
import sys

import numpy as np
from lab import Lab, Tally, text_of
from targets import features, targets

CHAINS = 60000
STEPS = 6


# ---- NumPy's walks


def numpy_mala(target, x, h, rng):
    e, g = target.energy(x), target.slope(x)
    y = x - h * g + np.sqrt(2 * h) * rng.normal(size=x.shape)
    ey, gy = target.energy(y), target.slope(y)
    log_ratio = e - ey + (((y - x + h * g)**2).sum(1) - ((x - y + h * gy)**2).sum(1)) / (4 * h)
    return np.log(rng.random(len(x))) < log_ratio


def numpy_hmc(target, x, h, n_leaps, mass, rng):
    p = np.sqrt(mass) * rng.normal(size=x.shape)
    before = target.energy(x) + (p**2 / mass).sum(1) / 2
    q, p = x, p - h / 2 * target.slope(x)
    for k in range(n_leaps):
        q = q + h * p / mass
        p = p - (h if k + 1 < n_leaps else h / 2) * target.slope(q)
    return np.log(rng.random(len(x))) < before - target.energy(q) - (p**2 / mass).sum(1) / 2


# ---- comparisons


def check_kept_law(t, name, target, start, end):
    """Chain by chain, so that what start and end share drops out."""
    s, f = features(start, target.bounded), features(end, target.bounded)
    t.means(name + ", law", f - s, 0.0)
    i, j = np.triu_indices(s.shape[1], 1)
    t.means(name + ", reversible", s[:, i] * f[:, j] - s[:, j] * f[:, i], 0.0)


def check_sampler(t, lab, target, sampler, options, walk, rng, dtype):
    start = target.draw(CHAINS, rng)
    x = lab.sample(*target.model, sampler=sampler, chains=CHAINS, steps=STEPS, dtype=dtype,
                   start=start[:, 0] if target.scalar else start, **options)
    x = x.reshape(CHAINS, STEPS, -1)
    name = f"{sampler} {dtype} on {target.name}"
    check_kept_law(t, name, target, start, x[:, -1])
    path = np.concatenate([start.astype(dtype.replace("f", "float")).astype(float)[:, None], x], axis=1)
    moved = (np.diff(path, axis=1) != 0).any(axis=2)
    with np.errstate(all="ignore"):
        exact = walk(target.draw(CHAINS, rng))
    error = np.sqrt(moved.mean(axis=1).var() / CHAINS + exact.var() / len(exact))
    t.numbers(name + ", acceptance", moved.mean(), exact.mean(), error)
    t.require(f"{name} accepts {exact.mean():.3f}: too tame to tell", exact.mean() < 0.995)
    if dtype == "f64":
        t.close(name + ", acceptance as reported", lab.figures["acceptance_rate"], moved.mean(), 1e-12)


def check_target(t, lab, target, rng):
    d = target.draw(1, rng).shape[1]
    mass = np.ones(d) if d == 1 else np.linspace(0.7, 1.8, d)
    h, (leap, n_leaps) = target.h, target.leap
    check_sampler(t, lab, target, "mala", {"step_size": h}, lambda x: numpy_mala(target, x, h, rng), rng, "f64")
    check_sampler(t, lab, target, "hmc",
                  {"step_size": leap, "n_leapfrog_steps": n_leaps, "mass": "1.0" if target.scalar else text_of(mass)},
                  lambda x: numpy_hmc(target, x, leap, n_leaps, mass, rng), rng, "f64")
    check_sampler(t, lab, target, "mala", {"step_size": h}, lambda x: numpy_mala(target, x, h, rng), rng, "f32")


def main():
    lab, t, rng = Lab(sys.argv[1]), Tally(), np.random.default_rng(7)
    for target in targets(lab):
        check_target(t, lab, target, rng)
    return t.finish()


sys.exit(main())
