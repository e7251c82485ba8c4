# SPDX-License-Identifier: Apache-2.0
"""jax_peer.py WORKLOAD [SECONDS] -- the workloads as a user of JAX writes them: an energy of one
chain, `grad` and `vmap` over chains, `lax.scan` over steps, all of it under `jit`."""

import math
import os
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from jax import lax

from serve import serve

DATA = os.environ.get("BENCH_DATA", "build/bench")  # where make_data.py wrote


def langevin(energy, step_size):
    gradient = jax.vmap(jax.grad(energy))

    def start(x, key):
        return x

    def step(x, key):
        noise = jax.random.normal(key, x.shape, x.dtype)
        return x - step_size * gradient(x) + math.sqrt(2 * step_size) * noise

    return start, step, lambda x: x


def mala(energy, step_size):
    both = jax.vmap(jax.value_and_grad(energy))

    def start(x, key):
        return (x, *both(x))

    def step(state, key):
        x, e, g = state
        a, b = jax.random.split(key)
        y = x - step_size * g + math.sqrt(2 * step_size) * jax.random.normal(a, x.shape, x.dtype)
        ey, gy = both(y)
        forward = jnp.sum((y - x + step_size * g) ** 2, axis=-1)
        backward = jnp.sum((x - y + step_size * gy) ** 2, axis=-1)
        accept = jnp.log(jax.random.uniform(b, e.shape)) < e - ey + (forward - backward) / (4 * step_size)
        keep = accept[:, None]
        return jnp.where(keep, y, x), jnp.where(accept, ey, e), jnp.where(keep, gy, g)

    return start, step, lambda state: state[0]


def hmc(energy, step_size, leapfrogs=10):
    both = jax.vmap(jax.value_and_grad(energy))

    def start(x, key):
        return (x, *both(x))

    def step(state, key):
        x, e, g = state
        a, b = jax.random.split(key)
        p0 = jax.random.normal(a, x.shape, x.dtype)

        def leapfrog(carry, _):
            q, p, eq, gq = carry
            p = p - step_size / 2 * gq
            q = q + step_size * p
            eq, gq = both(q)
            return (q, p - step_size / 2 * gq, eq, gq), None

        (q, p, eq, gq), _ = lax.scan(leapfrog, (x, p0, e, g), None, length=leapfrogs)
        change = eq - e + 0.5 * jnp.sum(p**2 - p0**2, axis=-1)
        accept = jnp.log(jax.random.uniform(b, e.shape)) < -change
        keep = accept[:, None]
        return jnp.where(keep, q, x), jnp.where(accept, eq, e), jnp.where(keep, gq, g)

    return start, step, lambda state: state[0]


def double_well(x):
    return 2.0 * jnp.sum((x**2 - 1.0) ** 2)


def mixture(x):
    angle = 2 * math.pi * jnp.arange(8) / 8
    means = 4.0 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    return -jax.nn.logsumexp(-0.5 * jnp.sum((x - means) ** 2, axis=1))


def mlp(d, h):
    keys = jax.random.split(jax.random.PRNGKey(1), 6)

    def linear(i, m, n):
        a = 1 / math.sqrt(m)
        return (jax.random.uniform(keys[2 * i], (n, m), minval=-a, maxval=a),
                jax.random.uniform(keys[2 * i + 1], (n,), minval=-a, maxval=a))

    layers = [linear(0, d, h), linear(1, h, h), linear(2, h, 1)]

    def energy(x):
        for i, (weight, bias) in enumerate(layers):
            x = weight @ x + bias
            x = jax.nn.silu(x) if i < 2 else x
        return x[0]

    return energy


def gaussian(x):
    sd = 0.5 + jnp.arange(x.size) / x.size
    return 0.5 * jnp.sum((x / sd) ** 2)


def rosenbrock(x):
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic():
    X = jnp.load(os.path.join(DATA, "X.npy"))
    y = jnp.load(os.path.join(DATA, "y.npy")).astype(jnp.float32)

    def energy(beta):
        logit = X @ beta
        return jnp.sum(jax.nn.softplus(logit) - y * logit) + 0.5 * jnp.sum(beta**2)

    return energy


# name: (sampler, chains, numbers a chain, steps a turn)
WORKLOADS = {
    "w1": (lambda: langevin(double_well, 0.01), 1024, 128, 50),
    "w2": (lambda: langevin(mixture, 0.05), 65536, 2, 20),
    "w7": (lambda: langevin(mlp(2, 64), 1e-3), 4608, 2, 50),
    "w8": (lambda: langevin(mlp(128, 128), 1e-3), 1152, 128, 20),
    "gaussian": (lambda: hmc(gaussian, 0.1), 1024, 100, 5),
    "rosenbrock": (lambda: hmc(rosenbrock, 0.01), 1024, 10, 10),
    "logistic_4": (lambda: mala(logistic(), 1e-5), 4, 50, 5),
    "logistic_1024": (lambda: mala(logistic(), 1e-5), 1024, 50, 1),
}


def make(name):
    sampler, chains, d, steps = WORKLOADS[name]
    start, step, position = sampler()

    @jax.jit
    def turn(state, key):
        return lax.scan(lambda s, k: (step(s, k), None), state, jax.random.split(key, steps))[0]

    key = jax.random.PRNGKey(0)
    x = 0.01 * jax.random.normal(key, (chains, d)) if name.startswith("logistic") else jax.random.normal(key, (chains, d))
    box = {"state": jax.jit(start)(x, key), "key": key}

    def advance(turns):
        for _ in range(turns):
            box["key"], key = jax.random.split(box["key"])
            box["state"] = turn(box["state"], key)
        jax.block_until_ready(box["state"])

    return advance, chains * steps, lambda: float(jnp.mean(position(box["state"]) ** 2))


if __name__ == "__main__":
    serve(make, f"jax {jax.__version__}")
