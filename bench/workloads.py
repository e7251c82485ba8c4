# SPDX-License-Identifier: Apache-2.0
"""The workloads: what is timed, in what unit, and what each number is held against."""

from dataclasses import dataclass, field


@dataclass
class Workload:
    title: str
    unit: str  # of the rates shown
    units: int  # in one step of one chain
    limit: str  # the program of bench/limits
    model: str
    sampler: str
    chains: int
    settings: dict = field(default_factory=dict)
    defines: dict = field(default_factory=dict)  # of the limit
    data: bool = False
    flops: int = 0  # of the products alone, in one step of one chain
    bytes: int = 0  # of data read in one step of all chains that share it, a chain
    stationary: bool = False  # the mean square of the state has settled: all must agree


def mlp_flops(d, h):
    return 4 * (d * h + h * h) + 2 * h


def mlp(name, d, h, chains):
    return Workload(
        f"MLP {d}-{h}-{h}-1, Langevin", "chain-steps/s", 1, "mlp", f"{name}.ebm", "langevin", chains,
        {"step_size": "0.001"}, {"DIM": d, "HIDDEN": h, "CHAINS": chains, "ROWS": 8, "VECS": 3},
        flops=mlp_flops(d, h))


def logistic(chains):
    return Workload(
        f"logistic regression 100,000 x 50, {chains} chains, MALA", "chain-steps/s", 1, "regression",
        "logistic.ebm", "mala", chains, {"step_size": "0.00001"}, data=True,
        flops=4 * 100_000 * 50, bytes=4 * 100_000 * 50 // chains)


@dataclass
class Training:
    """A training step.  Its limit is counted: the flops at the FMA peak, then the normals."""
    title: str
    model: str
    loss: str
    batch: int
    flops: float  # of the products that a step cannot do without
    normals: int = 0
    settings: dict = field(default_factory=dict)
    statics: dict = field(default_factory=dict)
    unit: str = "training-steps/s"
    units: int = 1


def weights(d, h):
    return d * h + h * h + h


def contrastive_flops(batch, products, k):
    """k gradients by x, of 4 flops a multiply-add of the energy; then value and weight gradient, 6 each, of two points."""
    return batch * (4 * k + 12) * products


def contrastive(d, h, batch, k=10):
    return Training(f"CD-{k}, MLP {d}-{h}-{h}-1, batch {batch}", "net.ebm", "contrastive_divergence", batch,
                    contrastive_flops(batch, weights(d, h), k), batch * k * d, statics={"d": d, "h": h})


def images(batch, k=10):
    """A window of 3 x 3 for each pixel and channel that a convolution gives."""
    products = 9 * (16 * 14 * 14 + 16 * 32 * 7 * 7 + 32 * 64 * 4 * 4) + 1024
    return Training(f"CD-{k}, 3 convolutions of 28 x 28, batch {batch}", "images.ebm", "contrastive_divergence", batch,
                    contrastive_flops(batch, products, k), batch * k * 28 * 28)


def exact(d, h=128, batch=128):
    """The forward Laplacian: value, d tangents and the second-order term through all but the first layer,
    2 flops a weight each; reverse mode over it twice as much again."""
    return Training(f"exact score matching, MLP {d}-{h}-{h}-1, batch {batch}", "net.ebm", "score_matching", batch,
                    batch * 3 * (2 * weights(d, h) + 2 * (weights(d, h) - d * h) * (d + 1)), statics={"d": d, "h": h})


def denoising(d=16, h=128, batch=128):
    """The gradient by x, and reverse mode over it."""
    return Training(f"denoising score matching, MLP {d}-{h}-{h}-1, batch {batch}", "net.ebm",
                    "denoising_score_matching", batch, batch * 12 * weights(d, h), batch * d, statics={"d": d, "h": h})


def sliced(d=16, h=128, batch=128, directions=5):
    """Value once, a tangent and a second-order term a direction, and reverse mode over it."""
    return Training(f"sliced score matching, {directions} directions, MLP {d}-{h}-{h}-1, batch {batch}", "net.ebm",
                    "sliced_score_matching", batch, batch * 3 * (2 + 4 * directions) * weights(d, h),
                    statics={"d": d, "h": h})


TRAINING = {
    "cd": contrastive(2, 128, 256),
    "sm_2": exact(2),
    "sm_8": exact(8),
    "sm_16": exact(16),
    "dsm": denoising(),
    "ssm": sliced(),
    "cd_wide": contrastive(784, 512, 256),
    "cd_images": images(64),
}

WORKLOADS = {
    "w1": Workload("double well 1024 x 128, Langevin", "element-steps/s", 128, "double_well",
                   "double_well.ebm", "langevin", 1024, {"step_size": "0.01"}, stationary=True),
    "w2": Workload("8-mode mixture in 2 dimensions, Langevin", "chain-steps/s", 1, "mixture",
                   "mixture.ebm", "langevin", 65536, {"step_size": "0.05"}, stationary=True),
    "w7": mlp("mlp_small", 2, 64, 4608),
    "w8": mlp("mlp_wide", 128, 128, 1152),
    "gaussian": Workload("Gaussian of 100, HMC", "leapfrog-steps/s", 10, "hmc", "gaussian.ebm", "hmc", 1024,
                         {"step_size": "0.1", "n_leapfrog_steps": "10"}, stationary=True),
    "rosenbrock": Workload("Rosenbrock of 10, HMC", "leapfrog-steps/s", 10, "hmc", "rosenbrock.ebm", "hmc",
                           1024, {"step_size": "0.01", "n_leapfrog_steps": "10"}, {"ROSENBROCK": ""}),
    "logistic_4": logistic(4),
    "logistic_1024": logistic(1024),
}
