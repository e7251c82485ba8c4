# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: running ebmc in a folder of its own, and arrays.

Only Python's own library is used, so that these tests run wherever ebmc does.
"""
import ast
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

EBMC = os.path.abspath(os.environ.get("EBMC", "ebmc"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CODES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "|b1": "?", "|u1": "B"}


class Array:
    """Numbers in row-major order, their shape and NumPy's name of their type."""

    def __init__(self, shape, values, dtype="<f4"):
        self.shape, self.values, self.dtype = tuple(shape), list(values), dtype

    def __getitem__(self, index):
        """The part at the first axes' indices: an array, or a number."""
        at = index if isinstance(index, tuple) else (index,)
        size, first = len(self.values), 0
        for n, i in zip(self.shape, at):
            size //= n
            first += (i % n) * size
        rest = self.shape[len(at):]
        part = self.values[first:first + size]
        return Array(rest, part, self.dtype) if rest else part[0]

    def __eq__(self, other):
        return self.shape == other.shape and self.bits() == other.bits()

    def __len__(self):
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(self.shape[0]))

    def draws(self, indices):
        """[chains, draws, ...] at these draws alone."""
        parts = [chain[k] for chain in self for k in indices]
        flat = [v for p in parts for v in (p.values if isinstance(p, Array) else [p])]
        return Array((self.shape[0], len(list(indices)), *self.shape[2:]), flat, self.dtype)

    def bits(self):
        return struct.pack("<%d%s" % (len(self.values), CODES[self.dtype]), *self.values)


def parse_npy(data):
    if data[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("not a .npy file of version 1")
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    shape, count = header["shape"], 1
    for n in shape:
        count *= n
    body = data[10 + size:]
    code = CODES[header["descr"]]
    if header["fortran_order"] or len(body) != count * struct.calcsize(code):
        raise ValueError("unexpected order or size")
    return Array(shape, struct.unpack("<%d%s" % (count, code), body), header["descr"])


def npy(path):
    return parse_npy(pathlib.Path(path).read_bytes())


def npz(path):
    with zipfile.ZipFile(path) as archive:
        return {name[:-4]: parse_npy(archive.read(name)) for name in archive.namelist()}


def npy_bytes(array):
    header = repr({"descr": array.dtype, "fortran_order": False, "shape": array.shape})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.bits()


class Case(unittest.TestCase):
    """A test with a folder of its own and a cache for the whole process."""

    cache = tempfile.mkdtemp(prefix="ebmc-cache-")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ebmc-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @classmethod
    def environment(cls):
        return dict(os.environ, EBM_CACHE_DIR=cls.cache, LC_ALL="C.UTF-8")

    def write(self, name, content):
        data = npy_bytes(content) if isinstance(content, Array) else content
        (self.folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return name

    def ebmc(self, *args, code=0, stdin=b"", limit=120, **more):
        """Runs ebmc; demands its exit status, or one of several, and that it did not crash."""
        done = subprocess.run([EBMC, *map(str, args)], cwd=self.folder, input=stdin,
                              capture_output=True, timeout=limit, env=self.environment(), **more)
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        self.assertIn(done.returncode, code if isinstance(code, tuple) else (code,),
                      f"{' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
        return done

    def draws(self, *args, name="draws.npy"):
        self.ebmc(*args, "-q", "-o", name)
        return npy(self.folder / name)

    def names(self):
        return sorted(p.name for p in self.folder.iterdir())


def main():
    try:
        unittest.main()
    finally:
        shutil.rmtree(Case.cache, ignore_errors=True)


if __name__ == "__main__":
    sys.exit("cli.py is not a test")
