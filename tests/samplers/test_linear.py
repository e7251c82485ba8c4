# SPDX-License-Identifier: Apache-2.0
"""test_linear EBMC -- samplers on quadratic energies, where what they do can be written down.

On a quadratic energy each step of langevin, baoab, gradient_descent and nesterov is an affine map plus Gaussian noise, so mean
and covariance of the chain follow exact recurrences, discretisation included. Chains start at one fixed point and are
independent: errors are the plain ones of independent samples.
"""
import sys

import numpy as np
from lab import Lab, Tally, text_of

CHAINS = 40000
MEAN = np.array([1.0, 0.0, -1.0])
COV = np.array([[2.0, 0.8, 0.1], [0.8, 1.0, -0.3], [0.1, -0.3, 0.5]])
A = np.linalg.inv(COV)
GAUSSIAN = ["Gaussian", "-S", "d=3", "--set", f"mean={text_of(MEAN)}", "--set", f"cov={text_of(COV)}"]


def affine(start, transitions, noise):
    """Means and covariances after each step x' = M x + c + N(0, Q)."""
    m, s = start, np.zeros((len(start), len(start)))
    out = []
    for (M, c), Q in zip(transitions, noise):
        m, s = M @ m + c, M @ s @ M.T + Q
        out.append((m, s))
    return out


def stationary(M, Q):
    """S = M S M^T + Q, by doubling."""
    S = Q
    for _ in range(60):
        S, M = S + M @ S @ M.T, M @ M
    return S


def compare_law(t, name, draws, law, steps):
    for k in steps:
        m, s = law[k]
        x = draws[:, k]
        t.means(f"{name}, mean after {k + 1} steps", x, m)
        t.covariance(f"{name}, covariance after {k + 1} steps", x, m, s)


def langevin_law(h, noise_scale, start, steps):
    """h: the step size of each step."""
    d = len(start)
    transitions = [(np.eye(d) - h[k] * A, h[k] * A @ MEAN) for k in range(steps)]
    return transitions, affine(start, transitions, [2 * h[k] * noise_scale**2 * np.eye(d) for k in range(steps)])


def check_langevin(t, lab, dtype):
    start, h, steps = np.array([3.0, -2.0, 0.5]), 0.2, 24
    for noise_scale in [1.0, 0.5]:
        name = f"langevin {dtype}, noise_scale {noise_scale}"
        x = lab.sample(*GAUSSIAN, sampler="langevin", step_size=h, noise_scale=noise_scale, chains=CHAINS, steps=steps,
                       start=start, dtype=dtype)
        transitions, law = langevin_law([h] * steps, noise_scale, start, steps)
        compare_law(t, name, x, law, [0, 1, 4, 23])
        # Neighbours in time: Cov(x', x) = M S.
        (m0, s0), (m1, s1) = law[-2:]
        products = np.einsum("ni,nj->nij", x[:, -1] - m1, x[:, -2] - m0)
        t.means(name + ", covariance with the step before", products, transitions[-1][0] @ s0)
        # Noise is Gaussian: fourth moments.
        residual = x[:, -1] - x[:, -2] @ transitions[-1][0].T - transitions[-1][1]
        t.means(name + ", fourth moment of the noise", (residual / (noise_scale * np.sqrt(2 * h)))**4, 3.0)


def check_langevin_stationary(t, lab, dtype):
    h, steps = 0.3, 120
    x = lab.sample(*GAUSSIAN, sampler="langevin", step_size=h, chains=CHAINS, steps=steps, keep="last", dtype=dtype)[:, 0]
    S = stationary(np.eye(3) - h * A, 2 * h * np.eye(3))
    t.close("stationary covariance by the recurrence and in closed form", S,
            np.linalg.inv(A @ (np.eye(3) - h / 2 * A)), 1e-10)
    t.means(f"langevin {dtype}, stationary mean", x, MEAN)
    t.covariance(f"langevin {dtype}, stationary covariance", x, MEAN, S)


def check_schedule(t, lab):
    """The first step uses the schedule at 0; warm-up counts."""
    start, steps, warmup = np.zeros(3), 12, 3
    h = [0.02 + (0.3 - 0.02) * (1 + np.cos(np.pi * k / 10)) / 2 if k < 10 else 0.02 for k in range(steps + warmup)]
    x = lab.sample(*GAUSSIAN, sampler="langevin", step_size="cosine(t, 0.3, 0.02, 10)", chains=CHAINS, steps=steps,
                   warmup=warmup, start=start)
    law = langevin_law(h, 1.0, start, steps + warmup)[1][warmup:]
    compare_law(t, "langevin by cosine", x, law, [0, 3, 11])


def check_clamp(t, lab):
    """One step from 0 on a flat energy, moved into [low, high]: the atoms have normal tails."""
    from statistics import NormalDist
    x = lab.sample("Harmonic", "-S", "d=1", "--set", "k=0.0", sampler="langevin", step_size=0.5, low=-0.5, high=1.25,
                   chains=CHAINS, steps=1, start=np.zeros(1))[:, 0, 0]
    t.means("langevin, share at low", x == -0.5, NormalDist().cdf(-0.5))
    t.means("langevin, share at high", x == 1.25, 1 - NormalDist().cdf(1.25))
    t.require("langevin stays within bounds", x.min() >= -0.5 and x.max() <= 1.25)


def baoab_law(h, friction, mass, steps):
    """Of (x, v) from x = 0 and v ~ N(0, 1 / mass)."""
    d = len(mass)
    eye, zero, inverse = np.eye(d), np.zeros((d, d)), np.diag(1 / mass)
    kick = np.block([[eye, zero], [-h / 2 * inverse @ A, eye]])
    push = np.concatenate([np.zeros(d), h / 2 * inverse @ A @ MEAN])
    drift = np.block([[eye, h / 2 * eye], [zero, eye]])
    c = np.exp(-friction * h)
    rub = np.block([[eye, zero], [zero, c * eye]])
    Q = np.block([[zero, zero], [zero, (1 - c * c) * inverse]])
    M = kick @ drift @ rub @ drift @ kick
    shift = kick @ drift @ rub @ drift @ push + push
    noise = kick @ drift @ Q @ drift.T @ kick.T
    m, S = np.zeros(2 * d), np.block([[zero, zero], [zero, inverse]])
    law = []
    for _ in range(steps):
        m, S = M @ m + shift, M @ S @ M.T + noise
        law.append((m, S))
    return M, noise, law


def check_baoab(t, lab, mass_text, mass):
    h, friction, steps = 0.35, 0.8, 60
    x = lab.sample(*GAUSSIAN, sampler="baoab", step_size=h, friction=friction, mass=mass_text, chains=CHAINS, steps=steps,
                   start=np.zeros(3))
    M, noise, law = baoab_law(h, friction, mass, steps)
    xs = [(m[:3], S[:3, :3]) for m, S in law]
    compare_law(t, f"baoab mass {mass_text}", x, xs, [0, 1, 5, 20, 59])
    for k in [1, 20]:
        products = np.einsum("ni,nj->nij", x[:, k] - xs[k][0], x[:, k - 1] - xs[k - 1][0])
        t.means(f"baoab mass {mass_text}, covariance of steps {k} and {k + 1}", products, (M @ law[k - 1][1])[:3, :3])
    # On a quadratic energy BAOAB has the right stationary law of positions whatever the step size.
    t.close("baoab's stationary covariance", stationary(M, noise)[:3, :3], COV, 1e-10)


def rosenbrock_slope(x, b=4.0):
    g = np.zeros_like(x)
    r = x[..., 1:] - x[..., :-1]**2
    g[..., :-1] = -4 * b * x[..., :-1] * r - 2 * (1 - x[..., :-1])
    g[..., 1:] += 2 * b * r
    return g


def check_descent(t, lab):
    """No noise: every number is known. Gradients are on a curved energy too."""
    rng = np.random.default_rng(1)
    quadratic = (GAUSSIAN, rng.normal(size=(33, 3)), lambda x: (x - MEAN) @ A, 0.1)
    curved = (["Rosenbrock", "-S", "d=4", "--set", "b=4.0"], 0.5 * rng.normal(size=(33, 4)), rosenbrock_slope, 0.004)
    for model, start, slope, h in [quadratic, curved]:
        x = lab.sample(*model, sampler="gradient_descent", step_size=h, chains=33, steps=30, start=start)
        y = lab.sample(*model, sampler="langevin", step_size=h, noise_scale=0.0, chains=33, steps=30, start=start)
        z = lab.sample(*model, sampler="nesterov", step_size=h, momentum=0.8, chains=33, steps=30, start=start)
        p, q, v = start, start, np.zeros_like(start)
        for k in range(30):
            p = p - h * slope(p)
            v = 0.8 * v - h * slope(q + 0.8 * v)
            q = q + v
            t.close(f"gradient_descent on {model[0]}, step {k}", x[:, k], p, 1e-12)
            t.close(f"langevin without noise on {model[0]}, step {k}", y[:, k], p, 1e-12)
            t.close(f"nesterov on {model[0]}, step {k}", z[:, k], q, 1e-12)


def main():
    lab, t = Lab(sys.argv[1]), Tally()
    for dtype in ["f32", "f64"]:
        check_langevin(t, lab, dtype)
        check_langevin_stationary(t, lab, dtype)
    check_schedule(t, lab)
    check_clamp(t, lab)
    check_baoab(t, lab, "1.0", np.ones(3))
    check_baoab(t, lab, "[0.5, 2.0, 1.5]", np.array([0.5, 2.0, 1.5]))
    check_descent(t, lab)
    return t.finish()


sys.exit(main())
