#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a machine can refuse (memory, disk) and what hostile files hold: a message, an exit
code, and nothing half made under a final name."""
import os
import random
import resource
import subprocess
import unittest

from cli import EBMC, Case, EXAMPLES, ROOT, main

BOWL = "energy Bowl(x: real[4]) -> real = sum(x^2)\n"


def limit(which, amount):
    return lambda: resource.setrlimit(which, (amount, amount))


class Disk(Case):
    """A limit on the size of files stands for a disk that fills up while it is written."""

    def setUp(self):
        super().setUp()
        self.write("m.ebm", BOWL)
        self.plan = ("m.ebm", "--sampler", "langevin", "--chains", 64, "--steps", 500)
        self.ebmc(*self.plan, "-q", "-o", "none")

    def check(self, *args, code=5):
        before = self.names()
        err = self.ebmc(*args, code=code, preexec_fn=limit(resource.RLIMIT_FSIZE, 20000)).stderr
        self.assertRegex(err, r"^error: '[^']*': cannot write: ")
        self.assertEqual(self.names(), before)

    def test_draws(self):
        for ending in ("npy", "npz", "csv"):
            self.check(*self.plan, "-o", f"d.{ending}")

    def test_an_older_file_stays(self):
        self.write("d.npy", "what was there")
        self.check(*self.plan, "-o", "d.npy")
        self.assertEqual((self.folder / "d.npy").read_text(), "what was there")

    def test_weights(self):
        plan = ("train", EXAMPLES / "moons.ebm", "--dtype", "f64", "--steps", 2)
        self.check(*plan, "-o", "w.safetensors")
        self.check(*plan, "-o", "none", "--checkpoint", "c.ckpt")
        err = self.ebmc(*plan[:-1], 900, "-o", "none", "--log", "l.csv", "-q", code=5,
                        preexec_fn=limit(resource.RLIMIT_FSIZE, 20000)).stderr
        self.assertRegex(err, r"^error: 'l.csv': cannot write: ")

    def test_a_checkpoint_larger_than_the_weights(self):
        plan = ("train", EXAMPLES / "moons.ebm", "--steps", 2)
        self.ebmc(*plan, "-q", "-o", "weights.safetensors")
        size = (self.folder / "weights.safetensors").stat().st_size
        err = self.ebmc(*plan, "-o", "w.safetensors", "--checkpoint", "c.ckpt", code=5,
                        preexec_fn=limit(resource.RLIMIT_FSIZE, size + 1000)).stderr
        self.assertIn("'c.ckpt': cannot write", err)
        self.assertIn("the weights before step 2 were written to 'w.safetensors'", err)
        self.assertIn("w.safetensors", self.names())

    def test_values(self):
        self.write("p.csv", "1,2,3,4\n" * 2000)
        self.check("eval", "m.ebm", "--at", "p.csv", "--grad", "-o", "v.npz")

    def test_standard_output(self):
        with open("/dev/full", "w") as full:
            for args in (("doc",), ("eval", "m.ebm", "--at", "p.csv"), ("m.ebm", "--sampler",
                         "langevin", "--emit", "asm"), ("fmt", "m.ebm"), (*self.plan, "--json")):
                self.write("p.csv", "1,2,3,4\n")
                done = subprocess.run([EBMC, *map(str, args)], cwd=self.folder, stdout=full,
                                      stderr=subprocess.PIPE, env=self.environment())
                self.assertEqual(done.returncode, 5, args)
                self.assertIn(b"standard output could not be written", done.stderr)

    def test_closed_pipe(self):
        done = subprocess.run(f"'{EBMC}' doc | head -n 1", shell=True, cwd=self.folder,
                              capture_output=True, env=self.environment())
        self.assertEqual(done.stderr, b"")

    def test_a_folder_that_may_not_be_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        (self.folder / "locked").mkdir(mode=0o555)
        self.ebmc(*self.plan, "-o", "locked/d.npy", code=5)

    def test_more_than_the_disk_has(self):
        """Found before the work: half a petabyte is more than any disk, if memory allows."""
        err = self.ebmc("m.ebm", "--sampler", "langevin", "--chains", 1 << 30, "--steps", 1 << 20,
                        code=4).stderr
        self.assertRegex(err, r"^error: this run needs .* of memory, and .* are available\n$")
        self.assertEqual(self.names(), ["m.ebm"])


class Memory(Case):
    def setUp(self):
        super().setUp()
        self.write("m.ebm", BOWL)

    def test_more_than_there_is(self):
        for chains, steps, out in ((10**9, 10**9, "d.npy"), (2**41, 1, "none"),
                                   (2**41, 2**31 - 1, "d.npy"), (10**8, 1000, "d.npy"),
                                   (2**40, 1000, "d.csv")):
            err = self.ebmc("m.ebm", "--sampler", "langevin", "--chains", chains, "--steps", steps,
                            "-o", out, "-q", code=4, limit=20).stderr
            self.assertIn("of memory", err)
            self.assertEqual(self.names(), ["m.ebm"])

    @unittest.skipIf(os.environ.get("SANITIZE", "none") != "none", "sanitizers need the addresses")
    def test_a_process_with_little(self):
        plan = ("m.ebm", "--sampler", "langevin", "--chains", 20000)
        self.ebmc(*plan, "--steps", 1, "-q", "-o", "none")
        err = self.ebmc(*plan, "--steps", 5000, "-q", "-j", 1, code=4,
                        preexec_fn=limit(resource.RLIMIT_AS, 1 << 30)).stderr
        self.assertIn("memory", err)
        self.assertEqual(self.names(), ["m.ebm"])

    def test_programs_that_grow(self):
        nest = "fn f0(x: real) -> real = x + x\n" + "".join(
            f"fn f{i}(x: real) -> real = f{i - 1}(f{i - 1}(x)) + f{i - 1}(x)\n" for i in range(1, 40))
        self.write("g.ebm", nest + "energy E(x: real) -> real = f39(x)\n")
        self.write("s.ebm", "energy E(x: real[1000000, 1000000]) -> real = sum(x)\n")
        self.write("d.ebm", "energy E(x: real) -> real = " + "(" * 100000 + "x" + ")" * 100000 + "\n")
        self.write("r.ebm", "fn f(x: real) -> real = f(x)\nenergy E(x: real) -> real = f(x)\n")
        self.write("l.ebm", "energy E(x: real) -> real = x * " + "9" * 100000 + "\n")
        for name in ("g", "s", "d", "r", "l"):
            err = self.ebmc(f"{name}.ebm", "--sampler", "langevin", code=1, limit=60).stderr
            self.assertRegex(err, r"(?m)^(\S+: )?error: .* \[\w+\]$")

    @unittest.skipIf(os.environ.get("SANITIZE", "none") != "none", "too slow with sanitizers")
    def test_kernels_that_grow(self):
        """A kernel of very many instructions is compiled without effort, and one of too many refused."""
        self.write("g.ebm", "fn f0(x: real) -> real = sin(x) * exp(x)\n" + "".join(
            f"fn f{i}(x: real) -> real = f{i - 1}(x) + f{i - 1}(x + 1.{i:02})\n" for i in range(1, 13))
            + "energy Many(x: real) -> real = f10(x)\nenergy TooMany(x: real) -> real = f12(x)\n")
        run = ("g.ebm", "--sampler", "langevin", "--chains", 3, "--steps", 4)
        self.assertEqual(self.draws(*run, "--energy", "Many"),
                         self.draws(*run, "--energy", "Many", "--backend", "interpreter"))
        err = self.ebmc(*run, "--energy", "TooMany", "-o", "none", code=1).stderr
        self.assertIn("error: the program is too large", err)


class Hostile(Case):
    """Texts and files damaged at random: whatever they are, ebmc ends with a documented code."""

    CODES = {0, 1, 2, 3, 4}

    def survive(self, *args):
        done = subprocess.run([EBMC, *map(str, args)], cwd=self.folder, capture_output=True,
                              timeout=60, env=self.environment())
        self.assertIn(done.returncode, self.CODES, args)
        if done.returncode:
            self.assertIn(b"error: ", done.stderr)

    def damaged(self, data, r):
        data = bytearray(data)
        kind = r.randrange(3)
        if kind == 0:
            return bytes(data[:r.randrange(len(data) + 1)])
        for _ in range(r.randrange(1, 8)):
            if kind == 1 and data:
                data[r.randrange(len(data))] = r.randrange(256)
            else:
                at = r.randrange(len(data) + 1)
                data[at:at + r.randrange(9)] = bytes(r.randrange(256) for _ in range(r.randrange(9)))
        return bytes(data)

    def test_models(self):
        r = random.Random(1)
        paths = sorted(EXAMPLES.glob("*.ebm")) + [ROOT / "stdlib/energies.ebm"]
        for i in range(60):
            self.write("m.ebm", self.damaged(r.choice(paths).read_bytes(), r))
            self.survive(*r.choice((("check", "m.ebm"), ("fmt", "m.ebm"), ("doc", "m.ebm"),
                                    ("m.ebm", "--sampler", "langevin", "--emit", "ir"))))

    def test_rubbish(self):
        r = random.Random(2)
        for size in (1, 2, 100, 5000, 100000):
            self.write("m.ebm", bytes(r.randrange(256) for _ in range(size)))
            for args in (("check", "m.ebm"), ("fmt", "m.ebm"), ("m.ebm", "--sampler", "hmc"),
                         ("opt", "--passes", "simplify", "m.ebm")):
                self.survive(*args)

    def test_arrays(self):
        r = random.Random(3)
        self.write("m.ebm", "energy E(x: real[4]) -> real = sum(x^2)\n")
        self.write("p.csv", "1,2,3,4\n5,6,7,8\n")
        self.ebmc("eval", "m.ebm", "--at", "p.csv", "--grad", "-o", "v.npz")
        self.ebmc("eval", "m.ebm", "--at", "p.csv", "-o", "v.npy")
        for name in ("v.npz", "v.npy", "p.csv"):
            whole = (self.folder / name).read_bytes()
            ending = name[1:]
            for i in range(12):
                self.write("b" + ending, self.damaged(whole, r))
                self.survive(*r.choice((("eval", "m.ebm", "--at", "b" + ending),
                                        ("summary", "b" + ending),
                                        ("m.ebm", "--sampler", "langevin", "-q", "-o", "none",
                                         "--init", "b" + ending))))

    def test_weights(self):
        r = random.Random(4)
        whole = (EXAMPLES / "data/moons_mlp.safetensors").read_bytes()
        for i in range(15):
            head = self.damaged(whole[:600], r)
            self.write("w.safetensors", head + whole[600:])
            self.write("p.csv", "1,2\n")
            self.survive("eval", EXAMPLES / "moons_mlp.ebm", "--at", "p.csv", "--weights",
                         "w.safetensors")


if __name__ == "__main__":
    main()
