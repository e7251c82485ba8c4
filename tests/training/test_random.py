#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_random.py EBMC [FIRST COUNT] -- trainings put together at random give the same bits however they are compiled and run.

A program is a network, a loss of the library or one that adds some up, an optimizer around others, and a data set. Its weights
after three steps are those of the interpreter for every vector width, level of optimisation and number of threads. The first six
from 14 have batch norm, dropout, spectral norm, buffers, and all kinds of losses among them.
"""
import random
import sys

from lab import Lab, Tally

HEAD = """import "std/layers"
import "std/losses"
import "std/samplers"
import "std/optimizers"
import "std/datasets"
"""
NAMED = ["silu", "tanh", "softplus", "sin"]
ACTIVATIONS = NAMED + ["|u| u / (1 + u^2)"]


def layer(r, m, n, normed):
    """A layer from m to n numbers: its type and its other arguments."""
    kinds = [(f"Linear[{m}, {n}]", ""), (f"SpectralLinear[{m}, {n}]", ""),
             (f"MLP[{m}, {r.randint(2, 5)}, {n}, depth = {r.randint(1, 2)}]", f", activation = {r.choice(ACTIVATIONS)}")]
    if m == n:
        kinds += [(f"Residual[{n}]", ""), (f"LayerNorm[{n}]", ""), ("Dropout", ", p = 0.25")]
        kinds += [(f"BatchNorm[{n}]", "")] * 3 if normed else []
    return r.choice(kinds)


def energy(r, normed):
    widths = [2] + [r.randint(2, 5) for _ in range(r.randint(1, 2))]
    widths += [widths[-1]] * r.randint(0, 1) + [r.randint(1, 3)]
    lines, body = [f"    param scale: real[2] = {r.uniform(0.2, 1):.3f}"], ["    let y0 = x"]
    for i, (m, n) in enumerate(zip(widths, widths[1:])):
        kind, more = layer(r, m, n, normed)
        lines.append(f"    layer l{i} = {kind}")
        after = r.choice(["", " |> " + r.choice(NAMED)])
        body.append(f"    let y{i + 1} = l{i}(y{i}{more}){after}")
    body.append(f"    return sum(y{len(widths) - 1}^2) + sum(scale * x^2)")
    return "energy Random(x: real[2]) -> real {\n" + "\n".join(lines + body) + "\n}\n"


def sampler(r):
    return r.choice(["langevin(step_size = 0.05)", "mala(step_size = 0.05)", "hmc(step_size = 0.1, n_leapfrog_steps = 2)"])


def whole_loss(r):
    """A loss of the library that reports, hence cannot be a part of another."""
    using, k = f"using = {sampler(r)}", r.randint(1, 3)
    return r.choice([f"contrastive_divergence[k = {k}]({using})", "noise_contrastive_estimation[nu = 2]",
                     f"persistent_contrastive_divergence[k = {k}, slots = 40, warm = {r.randint(0, 2)}]({using}, fresh = 0.3)",
                     f"parallel_tempering_contrastive_divergence[replicas = 2, k = {k}, slots = 40]({using})"])


def mixed_loss(r, straight):
    """The sum of two losses, and a term across the batch. A straight one may have batch norms:
    energies outside loops and branches, and no Laplacian."""
    parts = ["maximum_likelihood(E, x)", "denoising_score_matching(E, x, sigma = 0.2)"]
    if not straight:
        parts += ["score_matching(E, x, data_noise = 0.1)", "hutchinson_score_matching(E, x, score_reg = 0.1)",
                  "energy_discrepancy[m = 3](E, x)",
                  f"sliced_score_matching[directions = 2](E, x, direction = {r.choice(['signs', 'gaussian', 'sphere'])})",
                  "denoising_score_matching[levels = 3](E, x, sigma = 0.2)"]
    total = " + ".join(f"{r.uniform(0.2, 1):.3f} * {p}" for p in r.sample(parts, 2))
    more = r.choice(["e", "batch_logsumexp(e)", "(e - batch_mean(e))^2", "batch_max(e)"])
    return f"loss mixed(E: energy(real[2]), x: real[2]) -> real {{\n    let e = E(x)\n    return {total} + 0.1 * {more}\n}}\n"


def optimizer(r, depth=2):
    rate = f"lr = {r.uniform(0.005, 0.1):.4f}"
    plain = [f"sgd({rate}, momentum = 0.5)", f"adam({rate})", f"adamw({rate})", f"rmsprop({rate})", f"adagrad({rate})",
             f"lion({rate})"]
    if depth == 0 or r.random() < 0.5:
        return r.choice(plain)
    inner = optimizer(r, depth - 1)
    return r.choice([f"clipped(using = {inner}, max_norm = 0.5)", f"clipped_value(using = {inner}, max_value = 0.1)",
                     f"averaged(using = {inner}, decay = 0.9)", f"accumulated(using = {inner}, every = 2)"])


def dataset(r):
    return r.choice(["two_moons", "swiss_roll", "eight_gaussians", "circle", "checkerboard", "pinwheel",
                     "grid", "rings", "spirals"])


def ways(r):
    """How the same program can be run: the interpreter first."""
    level = r.randint(0, 1)
    return [["--backend", "interpreter"]] + [
        ["--lanes", lanes, "-O", (level + i) % 2, "-j", threads] for i, (lanes, threads) in enumerate([(4, 3), (8, 1), (16, 3)])]


def check(t, lab, seed):
    r = random.Random(seed)
    straight, whole = r.random() < 0.4, r.random() < 0.5
    model = lab.file("m.ebm", HEAD + energy(r, straight and not whole) + mixed_loss(r, straight))
    plan = ["train", model, "--loss", whole_loss(r) if whole else "mixed", "--optimizer", optimizer(r),
            "--dataset", dataset(r), "--batch", r.randint(2, 37), "--dtype", r.choice(["f32", "f64"]), "--seed", seed,
            "--steps", 3, "-q", "-o", "w.safetensors", "--no-cache"]
    bits = []
    for way in ways(r):
        (lab.folder / "w.safetensors").unlink(missing_ok=True)
        done = lab.run(*plan, *way)
        if done.returncode != 0:
            t.require(f"program {seed}: {' '.join(map(str, way))}: {done.returncode}\n{done.stderr}", False)
            return
        bits.append((lab.folder / "w.safetensors").read_bytes())
        t.require(f"program {seed}: other bits with {' '.join(map(str, way))}", bits[-1] == bits[0])


def main(ebmc, first=14, count=6):
    tally, lab = Tally(), Lab(ebmc)
    for seed in range(int(first), int(first) + int(count)):
        check(tally, lab, seed)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
