# SPDX-License-Identifier: Apache-2.0
"""torchebm_peer.py WORKLOAD [SECONDS] -- the workloads in TorchEBM as it comes (eager).

It has no Metropolis-adjusted Langevin: for the regression its plain one stands in, which takes as
many gradients and no energies."""

import math
import os
import sys

import numpy as np
import torch
import torchebm
from torch import nn
from torchebm.core import BaseModel, DoubleWellModel, RosenbrockModel
from torchebm.samplers import HamiltonianMonteCarlo, LangevinDynamics

from serve import serve

DATA = os.environ.get("BENCH_DATA", "build/bench")  # where make_data.py wrote


class Mixture(BaseModel):
    def __init__(self):
        super().__init__()
        angle = 2 * math.pi * torch.arange(8) / 8
        self.register_buffer("means", 4.0 * torch.stack([angle.cos(), angle.sin()], dim=1))

    def forward(self, x):
        return -torch.logsumexp(-0.5 * (x[:, None, :] - self.means).pow(2).sum(-1), dim=1)


class Mlp(BaseModel):
    def __init__(self, d, h):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))
        self.requires_grad_(False)

    def forward(self, x):
        return self.layers(x).squeeze(-1)


class Gaussian(BaseModel):
    def __init__(self, d):
        super().__init__()
        self.register_buffer("precision", (0.5 + torch.arange(d) / d) ** -2)

    def forward(self, x):
        return 0.5 * (self.precision * x**2).sum(-1)


class Logistic(BaseModel):
    def __init__(self):
        super().__init__()
        self.register_buffer("X", torch.from_numpy(np.load(os.path.join(DATA, "X.npy"))))
        self.register_buffer("y", torch.from_numpy(np.load(os.path.join(DATA, "y.npy")).astype(np.float32)))

    def forward(self, beta):
        logit = beta @ self.X.T
        return (nn.functional.softplus(logit) - self.y * logit).sum(-1) + 0.5 * beta.pow(2).sum(-1)


# name: (sampler, chains, numbers a chain, steps a turn)
WORKLOADS = {
    "w1": (lambda: LangevinDynamics(DoubleWellModel(), step_size=0.01), 1024, 128, 20),
    "w2": (lambda: LangevinDynamics(Mixture(), step_size=0.05), 65536, 2, 5),
    "w7": (lambda: LangevinDynamics(Mlp(2, 64), step_size=1e-3), 4608, 2, 10),
    "w8": (lambda: LangevinDynamics(Mlp(128, 128), step_size=1e-3), 1152, 128, 10),
    "gaussian": (lambda: HamiltonianMonteCarlo(Gaussian(100), step_size=0.1, n_leapfrog_steps=10), 1024, 100, 5),
    "rosenbrock": (lambda: HamiltonianMonteCarlo(RosenbrockModel(), step_size=0.01, n_leapfrog_steps=10), 1024, 10, 5),
    "logistic_4": (lambda: LangevinDynamics(Logistic(), step_size=1e-5), 4, 50, 5),
    "logistic_1024": (lambda: LangevinDynamics(Logistic(), step_size=1e-5), 1024, 50, 1),
}


def make(name):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    build, chains, d, steps = WORKLOADS[name]
    sampler = build()
    box = {"x": torch.randn(chains, d) * (0.01 if name.startswith("logistic") else 1.0)}

    def advance(turns):
        for _ in range(turns):
            box["x"] = sampler.sample(x=box["x"], n_steps=steps)

    return advance, chains * steps, lambda: float(box["x"].pow(2).mean())


if __name__ == "__main__":
    version = getattr(torchebm, "__version__", "")
    serve(make, f"torchebm {version}, torch {torch.__version__}")
