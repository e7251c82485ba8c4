# SPDX-License-Identifier: Apache-2.0
"""make_moons_mlp.py [FILE] -- trains the energy of examples/moons_mlp.ebm by maximum likelihood and writes its
weights as safetensors, under the names of a PyTorch state_dict.  Needs JAX; takes some minutes.

In two dimensions the normalising constant is a sum over a grid, so the likelihood is exact:
minimise mean E(data) + log of the integral of exp(-E)."""

import json
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np

HIDDEN, BATCH, STEPS, NOISE = 64, 2048, 6000, 0.1
GRID, REACH = 128, 4.0


def two_moons(key):
    """Two half circles of radius one, moved so that their mean is 0."""
    which, angle, noise = jax.random.split(key, 3)
    lower = jax.random.bernoulli(which, shape=(BATCH,))
    t = jax.random.uniform(angle, (BATCH,), maxval=math.pi)
    x = jnp.where(lower, 1 - jnp.cos(t), jnp.cos(t)) - 0.5
    y = jnp.where(lower, 0.5 - jnp.sin(t), jnp.sin(t)) - 0.25
    return jnp.stack([x, y], axis=1) + NOISE * jax.random.normal(noise, (BATCH, 2))


def initial(key):
    params = {}
    for name, (m, n) in {"l1": (2, HIDDEN), "l2": (HIDDEN, HIDDEN), "l3": (HIDDEN, 1)}.items():
        key, a, b = jax.random.split(key, 3)
        bound = 1 / math.sqrt(m)
        params[name + ".weight"] = jax.random.uniform(a, (n, m), minval=-bound, maxval=bound)
        params[name + ".bias"] = jax.random.uniform(b, (n,), minval=-bound, maxval=bound)
    return params


def energy(params, x):
    for name in ("l1", "l2"):
        x = jax.nn.silu(x @ params[name + ".weight"].T + params[name + ".bias"])
    return (x @ params["l3.weight"].T + params["l3.bias"])[:, 0]


def loss(params, key):
    """Less the log likelihood.  The grid is shifted at random, so that no structure hides between its points."""
    a, b = jax.random.split(key)
    cell = 2 * REACH / GRID
    axis = -REACH + cell * (jnp.arange(GRID) + jax.random.uniform(b, (2, 1)))
    grid = jnp.stack(jnp.meshgrid(axis[0], axis[1]), axis=-1).reshape(-1, 2)
    log_z = jax.nn.logsumexp(-energy(params, grid)) + 2 * math.log(cell)
    return jnp.mean(energy(params, two_moons(a))) + log_z


@jax.jit
def train(params, key):
    """Adam with a cosine schedule."""

    def step(carry, t):
        params, m, v = carry
        g = jax.grad(loss)(params, jax.random.fold_in(key, t))
        rate = 1e-4 + 0.5 * (5e-3 - 1e-4) * (1 + jnp.cos(math.pi * t / STEPS))
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        def move(w, a, b):
            return w - rate * (a / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(b / (1 - 0.999 ** (t + 1))) + 1e-8)
        return (jax.tree.map(move, params, m, v), m, v), None

    zero = jax.tree.map(jnp.zeros_like, params)
    return jax.lax.scan(step, (params, zero, zero), jnp.arange(STEPS))[0][0]


def write_safetensors(path, arrays):
    header, blob = {}, b""
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + blob)


def main():
    a, b, c = jax.random.split(jax.random.PRNGKey(0), 3)
    params = train(initial(a), b)
    print(f"less the log likelihood: {loss(params, c):.4f} nats")
    write_safetensors(sys.argv[1] if len(sys.argv) > 1 else "moons_mlp.safetensors", params)


if __name__ == "__main__":
    main()
