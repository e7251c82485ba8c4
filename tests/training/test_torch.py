#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_torch.py EBMC -- a state_dict of PyTorch loads and gives PyTorch's energies; what is written has its names and shapes.

torch.safetensors comes from make_torch_fixture.py, with PyTorch.
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np
from lab import Lab, Tally

HERE = Path(__file__).resolve().parent
TYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
NAMES = {code: name for name, code in TYPES.items()}


def safetensors(path):
    raw = Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    data = raw[8 + size:]
    found = {}
    for name, t in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            found[name] = np.frombuffer(data[a:b], TYPES[t["dtype"]]).reshape(t["shape"])
    return found


def bytes_of(tensors):
    """The file that PyTorch's safetensors writes of a state_dict."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, a in tensors.items():
        header[name] = {"dtype": NAMES[a.dtype.str], "shape": list(a.shape), "data_offsets": [len(data), len(data) + a.nbytes]}
        data += a.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def check(t, lab, whole, energy):
    state = {n[len(energy) + 1:]: a for n, a in whole.items() if n.startswith(energy + ".")}
    (lab.folder / "state.safetensors").write_bytes(bytes_of(state))
    points = lab.array("points.npy", whole["points." + energy])
    model = [HERE / "torch.ebm", "--energy", energy]
    for dtype, tolerance in [("f64", 1e-12), ("f32", 1e-6)]:
        lab.text("eval", *model, "--weights", "state.safetensors", "--at", points, "--dtype", dtype, "-q", "-o", "e.npz")
        t.close(f"{energy} in {dtype}", np.load(lab.folder / "e.npz")["energy"], whole["energy." + energy], tolerance)
    lab.text("train", *model, "--loss", "maximum_likelihood", "--data", points, "--batch", 4, "--steps", 0, "--weights",
             "state.safetensors", "-q", "-o", "out.safetensors")
    out = safetensors(lab.folder / "out.safetensors")
    state = {n: a for n, a in state.items() if a.dtype == np.float32}    # a batch norm counts its batches
    t.require(f"{energy}: names {sorted(out)}, PyTorch's are {sorted(state)}", out.keys() == state.keys())
    for name in out.keys() & state.keys():
        t.require(f"{energy}: {name} is not what it was",
                  out[name].dtype == np.float32 and np.array_equal(out[name], state[name]))


def main(ebmc):
    tally, lab = Tally(), Lab(ebmc)
    whole = safetensors(HERE / "torch.safetensors")
    for energy in ["Dense", "Image", "Normed", "Labelled", "Pictures"]:
        check(tally, lab, whole, energy)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
