# SPDX-License-Identifier: Apache-2.0
"""Writes the files of fixtures/, which NumPy made, for test_files.c.

Every array holds (i * 7) % 5 + i / 4 at flat index i (C order), rounded down for integers and
compared with 2 for bool.  Usage: make_fixtures.py DIRECTORY
"""
import os
import sys

import numpy

SHAPE = (3, 4, 2)


def values(dtype, shape=SHAPE):
    i = numpy.arange(int(numpy.prod(shape)))
    x = (i * 7) % 5 + i / 4
    if numpy.dtype(dtype).kind == "b":
        x = x > 2
    elif numpy.dtype(dtype).kind in "iu":
        x = numpy.floor(x)
    return x.astype(dtype).reshape(shape)


def main():
    where = sys.argv[1]
    os.makedirs(where, exist_ok=True)

    def save(name, array, **options):
        with open(os.path.join(where, name), "wb") as file:
            numpy.lib.format.write_array(file, array, **options)

    for order in "<>":
        for kind in ("f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8"):
            name = ("little_" if order == "<" else "big_") + kind + ".npy"
            save(name, values(order + kind))
    for kind in ("i1", "u1", "b1"):
        save(kind + ".npy", values(kind))
    save("fortran_f8.npy", numpy.asfortranarray(values("<f8")))
    save("fortran_big_i2.npy", numpy.asfortranarray(values(">i2")))
    save("version2.npy", values("<f8"), version=(2, 0))
    save("version3.npy", values("<f8"), version=(3, 0))
    save("scalar.npy", numpy.float64(2.5) * numpy.ones(()))
    save("empty.npy", numpy.zeros((0, 3)))
    save("half.npy", values("<f2"))
    save("complex.npy", values("<c16"))
    save("text.npy", numpy.array(["a", "bc"]))
    save("object.npy", numpy.array([None, 1]), allow_pickle=True)
    save("record.npy", numpy.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
    save("time.npy", numpy.zeros(2, dtype="<M8[s]"))
    save("large_u8.npy", numpy.array([1, 2**63], dtype="<u8"))
    save("nine_axes.npy", numpy.zeros((1,) * 9))
    numpy.savez(os.path.join(where, "two.npz"), x=values("<f8"), y=values("<i4"))
    numpy.savez_compressed(os.path.join(where, "packed.npz"), x=numpy.zeros((100, 100)))
    numpy.savetxt(os.path.join(where, "savetxt.csv"), values("<f8", (6, 4)), delimiter=",",
                  header="a,b,c,d")


main()
