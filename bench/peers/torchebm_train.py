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


class Mlp(BaseModel):
    def __init__(self, d, h, compiled):
        super().__init__()
        layers = nn.Sequential(nn.Linear(d, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))
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

# name: (loss, d, h, batch, steps a turn)
WORKLOADS = {
    "cd": ("cd", 2, 128, 256, 2),
    "sm_2": ("sm", 2, 128, 128, 2),
    "sm_8": ("sm", 8, 128, 128, 2),
    "sm_16": ("sm", 16, 128, 128, 1),
    "dsm": ("dsm", 16, 128, 128, 4),
    "ssm": ("ssm", 16, 128, 128, 2),
    "cd_wide": ("cd", 784, 512, 256, 1),
}


def make(name):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    which, d, h, batch, steps = WORKLOADS[name]
    model = Mlp(d, h, "compile" in sys.argv[3:])
    loss = LOSSES[which](model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    data = torch.randn(4096, d)
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
