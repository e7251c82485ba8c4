# SPDX-License-Identifier: Apache-2.0
"""make_data.py DIR -- writes the regression that is timed: X.npy, 100,000 rows of 50 standard normals in
f32, and y.npy, labels drawn from the logistic model with random coefficients, i32."""

import array
import math
import os
import random
import sys

ROWS, DIM = 100_000, 50


def write_npy(path, kind, shape, values):
    """NPY format 1.0; `kind` is the array module's letter, whose items must be four bytes long."""
    header = f"{{'descr': '<{'f4' if kind == 'f' else 'i4'}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    items = array.array(kind, values)
    if sys.byteorder == "big":
        items.byteswap()
    with open(path + ".part", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        items.tofile(f)
    os.replace(path + ".part", path)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    draw = random.Random(1)
    beta = [draw.gauss(0, 0.3) for _ in range(DIM)]
    rows, labels = array.array("f"), []
    for _ in range(ROWS):
        row = [draw.gauss(0, 1) for _ in range(DIM)]
        logit = sum(a * b for a, b in zip(row, beta))
        rows.extend(row)
        labels.append(int(draw.random() < 1 / (1 + math.exp(-logit))))
    write_npy(os.path.join(folder, "X.npy"), "f", (ROWS, DIM), rows)
    write_npy(os.path.join(folder, "y.npy"), "i", (ROWS,), labels)


if __name__ == "__main__":
    main()
