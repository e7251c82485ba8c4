# SPDX-License-Identifier: Apache-2.0
"""jax_train.py WORKLOAD [SECONDS] -- training steps as a user of JAX writes them: the loss of one point
under `vmap`, its gradient, Adam as in Kingma & Ba, steps under `lax.scan`, all of it under `jit`."""

import math
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from jax import lax

from serve import serve


def mlp(d, h=128):
    return (d,), [(h, d), (h, h), (1, h)]


def convolutions():
    return (1, 28, 28), [(16, 1, 3, 3), (32, 16, 3, 3), (64, 32, 3, 3), (1, 1024)]


def initial(key, shapes):
    def layer(key, shape):
        a = 1 / math.sqrt(math.prod(shape[1:]))
        keys = jax.random.split(key)
        return tuple(jax.random.uniform(k, s, minval=-a, maxval=a) for k, s in zip(keys, (shape, shape[:1])))

    return [layer(k, s) for k, s in zip(jax.random.split(key, len(shapes)), shapes)]


def apply(weight, bias, x):
    if weight.ndim == 2:
        return weight @ x.ravel() + bias
    return lax.conv_general_dilated(x[None], weight, (2, 2), ((1, 1), (1, 1)))[0] + bias[:, None, None]


def energy(layers, x):
    for weight, bias in layers[:-1]:
        x = jax.nn.silu(apply(weight, bias, x))
    return apply(*layers[-1], x)[0]


def contrastive_divergence(w, x, key, k=10, step_size=0.1, reg=1e-3):
    gradient = jax.grad(energy, argnums=1)

    def step(y, key):
        return y - step_size * gradient(w, y) + math.sqrt(2 * step_size) * jax.random.normal(key, y.shape), None

    negative = lax.stop_gradient(lax.scan(step, x, jax.random.split(key, k))[0])
    up, down = energy(w, x), energy(w, negative)
    return up - down + reg * (up**2 + down**2)


def score_matching(w, x, key):
    g = jax.grad(energy, argnums=1)
    return 0.5 * jnp.sum(g(w, x) ** 2) - jnp.trace(jax.hessian(energy, argnums=1)(w, x))


def sliced(w, x, key, directions=5):
    v = jnp.sign(jax.random.normal(key, (directions, x.size)))

    def one(v):
        s = lambda y: -jnp.dot(v, jax.grad(energy, argnums=1)(w, y))
        value, slope = jax.value_and_grad(s)(x)
        return 0.5 * value**2 + jnp.dot(v, slope)

    return jnp.mean(jax.vmap(one)(v))


def denoising(w, x, key, sigma=0.1):
    z = jax.random.normal(key, x.shape)
    return 0.5 * jnp.sum((z - sigma * jax.grad(energy, argnums=1)(w, x + sigma * z)) ** 2)


LOSSES = {"cd": contrastive_divergence, "sm": score_matching, "ssm": sliced, "dsm": denoising}

# name: (loss, shape of a point and of its weights, batch, steps a turn)
WORKLOADS = {
    "cd": ("cd", mlp(2), 256, 20),
    "sm_2": ("sm", mlp(2), 128, 20),
    "sm_8": ("sm", mlp(8), 128, 10),
    "sm_16": ("sm", mlp(16), 128, 5),
    "dsm": ("dsm", mlp(16), 128, 20),
    "ssm": ("ssm", mlp(16), 128, 10),
    "cd_wide": ("cd", mlp(784, 512), 256, 1),
    "cd_images": ("cd", convolutions(), 64, 1),
}


def make(name):
    which, (shape, weights), batch, steps = WORKLOADS[name]
    loss = LOSSES[which]
    key = jax.random.PRNGKey(0)
    data = jax.random.normal(key, (4096, *shape))

    def mean_loss(w, x, key):
        return jnp.mean(jax.vmap(loss, (None, 0, 0))(w, x, jax.random.split(key, batch)))

    def step(carry, key):
        w, m, v, t = carry
        a, b = jax.random.split(key)
        x = data[jax.random.randint(a, (batch,), 0, len(data))]
        value, g = jax.value_and_grad(mean_loss)(w, x, b)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, g)
        scale = jnp.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
        w = jax.tree.map(lambda w, m, v: w - 1e-3 * scale * m / (jnp.sqrt(v) + 1e-8), w, m, v)
        return (w, m, v, t + 1), value

    @jax.jit
    def turn(carry, key):
        return lax.scan(step, carry, jax.random.split(key, steps))

    w = initial(jax.random.PRNGKey(1), weights)
    zero = jax.tree.map(jnp.zeros_like, w)
    box = {"carry": (w, zero, zero, 0.0), "key": key, "loss": jnp.zeros(1)}

    def advance(turns):
        for _ in range(turns):
            box["key"], key = jax.random.split(box["key"])
            box["carry"], box["loss"] = turn(box["carry"], key)
        jax.block_until_ready(box["carry"])

    return advance, steps, lambda: float(box["loss"][-1])


if __name__ == "__main__":
    serve(make, f"jax {jax.__version__}")
