# SPDX-License-Identifier: Apache-2.0
"""torchebm_train.py WORKLOAD [SECONDS] [compile] -- training steps in TorchEBM: its losses and samplers,
Adam of PyTorch; eager, or with the network under torch.compile."""

import sys

import torch
import torchebm
from torch import nn
from torchebm.core import BaseModel
from torchebm.losses import ContrastiveDivergence, DenoisingScoreMatching, ScoreMatching, SlicedScoreMatching
from torchebm.samplers import LangevinDynamics

from serve import serve


def mlp(d, h=128):
    return (d,), lambda: nn.Sequential(nn.Linear(d, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))


def convolutions():
    def halve(a, b):
        return [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.SiLU()]

    return (1, 28, 28), lambda: nn.Sequential(*halve(1, 16), *halve(16, 32), *halve(32, 64), nn.Flatten(), nn.Linear(1024, 1))


class Energy(BaseModel):
    def __init__(self, layers, compiled):
        super().__init__()
        self.layers = torch.compile(layers) if compiled else layers

    def forward(self, x):
        return self.layers(x).squeeze(-1)


def contrastive_divergence(model):
    return ContrastiveDivergence(model=model, sampler=LangevinDynamics(model, step_size=0.1), k_steps=10)


LOSSES = {
    "cd": contrastive_divergence,
    "sm": lambda model: ScoreMatching(model=model, hessian_method="exact"),
    "ssm": lambda model: SlicedScoreMatching(model=model, n_projections=5),
    "dsm": lambda model: DenoisingScoreMatching(model=model, noise_scale=0.1),
}

# name: (loss, shape of a point and network, batch, steps a turn)
WORKLOADS = {
    "cd": ("cd", mlp(2), 256, 2),
    "sm_2": ("sm", mlp(2), 128, 2),
    "sm_8": ("sm", mlp(8), 128, 2),
    "sm_16": ("sm", mlp(16), 128, 1),
    "dsm": ("dsm", mlp(16), 128, 4),
    "ssm": ("ssm", mlp(16), 128, 2),
    "cd_wide": ("cd", mlp(784, 512), 256, 1),
    "cd_images": ("cd", convolutions(), 64, 1),
}


def make(name):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    which, (shape, network), batch, steps = WORKLOADS[name]
    model = Energy(network(), "compile" in sys.argv[3:])
    loss = LOSSES[which](model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    data = torch.randn(4096, *shape)
    box = {"loss": 0.0}

    def advance(turns):
        for _ in range(turns * steps):
            x = data[torch.randint(len(data), (batch,))]
            value = loss(x)
            value = value[0] if isinstance(value, tuple) else value
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            box["loss"] = value

    return advance, steps, lambda: float(torch.as_tensor(box["loss"]).detach())


if __name__ == "__main__":
    version = getattr(torchebm, "__version__", "")
    how = "torch.compile" if "compile" in sys.argv[3:] else "eager"
    serve(make, f"torchebm {version}, torch {torch.__version__} ({how})")
