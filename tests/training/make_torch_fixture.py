#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_torch_fixture.py [FILE] -- writes torch.safetensors: weights of PyTorch modules, points, and PyTorch's energies there.

Needs torch; test_torch.py reads what is written and does not. Names that begin with `points.` and `energy.` are the inputs and
results, in f64, of the energies in torch.ebm; all others are a state_dict, in f32.
"""
import json
import struct
import sys
from pathlib import Path

import torch
from torch import nn

N = 6


def mlp():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1, self.norm, self.l2 = nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 1)

        def forward(self, x):
            return self.l2(nn.functional.silu(self.norm(self.l1(x))))[:, 0]

    return Dense(), torch.randn(N, 3)


def image():
    class Image(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3, stride=2)
            self.head = nn.Linear(4 * 2 * 2, 1)

        def forward(self, x):
            y = nn.functional.silu(self.conv2(nn.functional.silu(self.conv1(x))))
            return self.head(y.flatten(1))[:, 0]

    return Image(), torch.randn(N, 2, 6, 5)


def normed():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1, self.norm, self.l2 = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)

        def forward(self, x):
            return self.l2(torch.tanh(self.norm(self.l1(x))))[:, 0]

    module = Normed()
    for _ in range(20):
        module(2 * torch.randn(32, 3) + 1)
    return module, torch.randn(N, 3)


def pictures():
    class Pictures(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.head = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(3 * 4 * 3, 1)

        def forward(self, x):
            return self.head(torch.tanh(self.norm(self.conv(x))).flatten(1))[:, 0]

    module = Pictures()
    for _ in range(20):
        module(2 * torch.randn(32, 2, 6, 5) + 1)
    return module, torch.randn(N, 2, 6, 5)


def labelled():
    class Labelled(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.l1 = nn.Embedding(4, 3), nn.Linear(3, 3)

        def forward(self, x):
            return sum(((self.l1(x) - self.table.weight[k]) ** 2).sum(1) * (k + 1) for k in range(4))

    return Labelled(), torch.randn(N, 3)


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        kind = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}[tensor.dtype]
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def main(path):
    torch.manual_seed(1)
    tensors = {}
    for name, make in [("Dense", mlp), ("Image", image), ("Normed", normed), ("Labelled", labelled), ("Pictures", pictures)]:
        module, points = make()
        with torch.no_grad():
            for p in module.parameters():                 # norms do not start with weight 1 and bias 0
                p += 0.1 * torch.randn_like(p)
            energy = module.double().eval()(points.double())
        state = module.float().state_dict()
        tensors.update({f"{name}.{k}": v for k, v in state.items()})
        tensors[f"points.{name}"], tensors[f"energy.{name}"] = points.double(), energy
    write(path, tensors)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "torch.safetensors")
