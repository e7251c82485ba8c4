# SPDX-License-Identifier: Apache-2.0
"""targets -- densities of the standard library, told a second time in NumPy, with exact draws of each."""
import numpy as np
from lab import text_of


def by_quadrature(energy, low, high, n, rng, cells=400001):
    """Exact draws of a density of one number: its distribution function inverted on a fine grid."""
    x = np.linspace(low, high, cells)
    e = energy(x)
    p = np.exp(-(e - np.nanmin(e)))
    p[np.isnan(p)] = 0
    F = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2)])
    return np.interp(rng.random(n) * F[-1], F, x)


class Target:
    """A model as the command names it, its energy and gradient in NumPy, and exact draws of it."""

    def __init__(self, name, model, energy, draw, h, leap, bounded=False, gradient=None):
        self.name, self.model, self.energy, self.draw = name, model, energy, draw
        self.h, self.leap = h, leap
        self.bounded = bounded  # moments may not exist: bounded functions instead
        self.gradient = gradient

    @property
    def scalar(self):
        """Is its state one number and no array?"""
        return self.model[0] in ("Normal", "HalfCauchy", "LogNormal")

    def slope(self, x):
        """The gradient where it is given, else central differences of order four: enough for a rate of acceptance."""
        if self.gradient:
            return self.gradient(x)
        g = np.empty_like(x)
        for i in range(x.shape[1]):
            e = np.zeros(x.shape[1])
            e[i] = 1e-4
            g[:, i] = (8 * (self.energy(x + e) - self.energy(x - e)) -
                       (self.energy(x + 2 * e) - self.energy(x - 2 * e))) / 12e-4
        return g


def separable(name, model, d, energy, low, high, h, leap, bounded=False):
    return Target(name, model, lambda x: energy(x).sum(axis=1),
                  lambda n, rng: by_quadrature(energy, low, high, n * d, rng).reshape(n, d), h, leap, bounded)


def gaussian():
    mean, cov = np.array([1.0, 0.0, -1.0]), np.array([[2.0, 0.8, 0.1], [0.8, 1.0, -0.3], [0.1, -0.3, 0.5]])
    A = np.linalg.inv(cov)
    model = ["Gaussian", "-S", "d=3", "--set", f"mean={text_of(mean)}", "--set", f"cov={text_of(cov)}"]
    return Target("Gaussian", model, lambda x: 0.5 * np.einsum("ni,ij,nj->n", x - mean, A, x - mean),
                  lambda n, rng: rng.multivariate_normal(mean, cov, n), 0.3, (0.5, 5))


def mixture():
    angle = 2 * np.pi * np.arange(8) / 8
    means = 4 * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def energy(x):
        q = ((x[:, None] - means)**2).sum(axis=2) / 2
        return -np.log(np.exp(-q).mean(axis=1)) + np.log(2 * np.pi)

    return Target("GaussianMixture", ["GaussianMixture"], energy,
                  lambda n, rng: means[rng.integers(8, size=n)] + rng.normal(size=(n, 2)), 0.9, (0.7, 5))


def mixture_full(lab):
    means = np.array([[1.0, 0.0], [-1.0, 2.0]])
    covs = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.25, 0.0], [0.0, 2.0]]])
    share = np.array([0.75, 0.25])
    model = lab.file("full.ebm", 'import "std/energies"\n'
                     f"energy Full(x: real[2]) -> real = GaussianMixtureFull(x, means = {text_of(means)}, "
                     f"covs = {text_of(covs)}, weights = [3.0, 1.0])\n")

    def energy(x):
        r = x[:, None] - means
        q = np.einsum("nki,kij,nkj->nk", r, np.linalg.inv(covs), r) / 2
        return -np.log((share / (2 * np.pi * np.sqrt(np.linalg.det(covs))) * np.exp(-q)).sum(axis=1))

    def draw(n, rng):
        k = (rng.random(n) > share[0]).astype(int)
        return means[k] + np.einsum("nij,nj->ni", np.linalg.cholesky(covs)[k], rng.normal(size=(n, 2)))

    return Target("GaussianMixtureFull", [model], energy, draw, 0.25, (0.5, 4))


def funnel():
    def draw(n, rng):
        z = rng.normal(size=(n, 4))
        z[:, 0] *= 1.5
        z[:, 1:] *= np.exp(z[:, :1] / 2)
        return z

    return Target("Funnel", ["Funnel", "-S", "d=4", "--set", "scale=1.5"],
                  lambda x: x[:, 0]**2 / 4.5 + 0.5 * np.exp(-x[:, 0]) * (x[:, 1:]**2).sum(axis=1) + 1.5 * x[:, 0],
                  draw, 0.15, (0.3, 5))


def rosenbrock():
    def draw(n, rng):
        x = 1 + rng.normal(size=n) / np.sqrt(2)
        return np.stack([x, x**2 + rng.normal(size=n) / np.sqrt(8)], axis=1)

    return Target("Rosenbrock", ["Rosenbrock", "--set", "b=4.0"],
                  lambda x: 4 * (x[:, 1] - x[:, 0]**2)**2 + (1 - x[:, 0])**2, draw, 0.05, (0.2, 5))


def many_well():
    def draw(n, rng):
        a = by_quadrature(lambda q: q**4 - 6 * q**2 - 0.5 * q, -5, 5, 2 * n, rng).reshape(n, 2)
        z = rng.normal(size=(n, 4))
        z[:, 0::2] = a
        return z

    def energy(x):
        q, r = x[:, 0::2], x[:, 1::2]
        return (q**4 - 6 * q**2 - 0.5 * q).sum(axis=1) + 0.5 * (r**2).sum(axis=1)

    return Target("ManyWell", ["ManyWell", "-S", "d=4"], energy, draw, 0.06, (0.22, 5))


def himmelblau():
    def energy(x):
        return (x[:, 0]**2 + x[:, 1] - 11)**2 + (x[:, 0] + x[:, 1]**2 - 7)**2

    def draw(n, rng):
        """By rejection from squares around the minima, where the density is at most 1."""
        out = np.empty((0, 2))
        while len(out) < n:
            x = rng.uniform(-5, 5, size=(2000000, 2))
            out = np.concatenate([out, x[rng.random(len(x)) < np.exp(-energy(x))]])
        return out[:n]

    return Target("Himmelblau", ["Himmelblau"], energy, draw, 0.012, (0.12, 5))


def targets(lab):
    one = ["-S", "d=3"]
    logs = 0.5 * np.log(2 * np.pi)
    semicircle = lab.file("semicircle.ebm", "energy Semicircle(x: real[1]) -> real = -sqrt(1 - x[0]^2)\n")
    gammas = lab.file("gammas.ebm", 'import "std/energies"\nenergy Both(x: real[2]) -> real = '
                      "Gamma(x[0], 3.0, 2.0) + InverseGamma(x[1], 5.0, 4.0)\n")
    with np.errstate(all="ignore"):
        return [
            gaussian(), mixture(), mixture_full(lab), funnel(), rosenbrock(), many_well(), himmelblau(),
            separable("DoubleWell", ["DoubleWell", *one], 3, lambda x: 2 * (x**2 - 1)**2, -3, 3, 0.15, (0.3, 4)),
            separable("Harmonic", ["Harmonic", *one, "--set", "k=2.0"], 3, lambda x: x**2, -8, 8, 0.4, (0.5, 4)),
            separable("Rastrigin", ["Rastrigin", *one, "--set", "a=1.0"], 3, lambda x: 1 + x**2 - np.cos(2 * np.pi * x),
                      -7, 7, 0.06, (0.2, 5)),
            separable("StyblinskiTang", ["StyblinskiTang", *one], 3, lambda x: 0.5 * (x**4 - 16 * x**2 + 5 * x), -6, 6,
                      0.03, (0.12, 5)),
            separable("Normal", ["Normal", "--set", "mean=0.5", "--set", "sd=2.0"], 1,
                      lambda x: 0.5 * ((x - 0.5) / 2)**2 + logs, -18, 18, 4.0, (1.6, 3)),
            separable("HalfCauchy", ["HalfCauchy"], 1, lambda x: np.log1p(x**2), -1e4, 1e4, 1.5, (0.7, 5), True),
            separable("LogNormal", ["LogNormal"], 1, lambda x: 0.5 * np.log(x)**2 + np.log(x), 1e-9, 200, 0.5, (0.5, 4),
                      True),
            Target("Gamma and InverseGamma", [gammas], lambda x: 2 * x[:, 0] - 2 * np.log(x[:, 0]) + 4 / x[:, 1] +
                   6 * np.log(x[:, 1]), lambda n, rng: np.stack([rng.gamma(3, 0.5, n), 4 / rng.gamma(5, 1, n)], axis=1),
                   0.2, (0.3, 5), True, lambda x: np.stack([2 - 2 / x[:, 0], 6 / x[:, 1] - 4 / x[:, 1]**2], axis=1)),
            separable("semicircle", [semicircle], 1, lambda x: -np.sqrt(1 - x**2), -1, 1, 0.3, (0.4, 4)),
        ]


def features(x, bounded):
    """Numbers whose means say whether a law is right."""
    if bounded:
        return np.concatenate([np.tanh(x), np.tanh(x / 3)**2, np.cos(x)], axis=1)
    return np.concatenate([x, x**2, np.cos(2 * x), np.abs(x.sum(axis=1, keepdims=True))], axis=1)
