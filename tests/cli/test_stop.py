#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in the middle of a run: what was complete is kept, and the run can go on."""
import re
import signal
import subprocess
import time

from cli import EBMC, Case, main, npy

MODEL = """energy Bowl(x: real[8]) -> real {
    var s = 0.0
    for i in 0..8 { s = s + (x[i]^2 + sin(x[i]))^2 }
    return s
}
"""


class Stop(Case):
    def setUp(self):
        super().setUp()
        self.write("m.ebm", MODEL)

    def stop(self, *args, after=0.3, number=signal.SIGINT, code=130):
        """Starts a run, stops it in its sampling; what it printed."""
        process = subprocess.Popen([EBMC, *map(str, args)], cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment())
        time.sleep(after)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        return out, err

    def check(self, sampler, *more, number=signal.SIGINT):
        """Stops a run that is too long to end, and goes on for as many steps again: the draws
        are those of one run."""
        plan = ("m.ebm", "--sampler", sampler, "--chains", 48, "--thin", 1000, *more)
        self.ebmc(*plan, "--steps", 1, "-q", "-o", "none")  # the kernel is in the cache
        _, err = self.stop(*plan, "--steps", 100000000, "-o", "a.npy", number=number)
        found = re.search(r"stopped before step (\d+); the same command with --resume (\S+)", err)
        self.assertTrue(found, err)
        step, state = int(found[1]), found[2]
        self.assertEqual(state, "a.npy.state.npz")
        self.assertEqual(self.names(), ["a.npy", "a.npy.state.npz", "m.ebm"])
        last = step + 5000
        err = self.ebmc(*plan, "--steps", last, "--resume", state, "-q", "-o", "a.npy", code=2).stderr
        self.assertIn("--resume: 'a.npy' is there already", err)
        self.ebmc(*plan, "--steps", last, "--resume", state, "-q", "-o", "b.npy")
        whole = self.draws(*plan, "--steps", last)
        a, b = npy(self.folder / "a.npy"), npy(self.folder / "b.npy")
        self.assertEqual(len(a[0]), step // 1000)
        self.assertEqual(len(b[0]), last // 1000 - step // 1000)
        self.assertEqual(whole.draws(range(step // 1000)), a)
        self.assertEqual(whole.draws(range(step // 1000, last // 1000)), b)

    def test_langevin(self):
        self.check("langevin")

    def test_mala(self):
        self.check("mala", "--step-size", 0.02, "-j", 2)

    def test_hmc_in_double_precision(self):
        self.check("hmc", "--dtype", "f64", "-j", 1)

    def test_termination(self):
        self.check("langevin", "--seed", 7, number=signal.SIGTERM)

    def test_end_of_the_terminal(self):
        self.check("langevin", number=signal.SIGHUP)

    def test_in_warmup(self):
        plan = ("m.ebm", "--sampler", "langevin", "--chains", 16)
        self.ebmc(*plan, "--steps", 1, "-q", "-o", "none")
        _, err = self.stop(*plan, "--warmup", 100000000, "-o", "a.npy")
        self.assertEqual(npy(self.folder / "a.npy").shape, (16, 0, 8))
        self.assertIn("--resume a.npy.state.npz", err)

    def test_nothing_is_written_to_none(self):
        plan = ("m.ebm", "--sampler", "langevin", "--chains", 16, "-o", "none", "-q")
        self.ebmc(*plan, "--steps", 1)
        out, err = self.stop(*plan, "--steps", 100000000)
        self.assertIn("--resume run.state.npz", err)
        self.assertEqual(out, "")
        self.assertEqual(self.names(), ["m.ebm", "run.state.npz"])

    def test_states_that_do_not_fit(self):
        plan = ("m.ebm", "--chains", 16, "--steps", 100000000, "-o", "none")
        self.ebmc(*plan[:3], "--sampler", "langevin", "--steps", 1, "-q", "-o", "none")
        self.stop(*plan, "--sampler", "langevin", "-q")
        resume = ("m.ebm", "--steps", 100000000, "-o", "none", "--resume", "run.state.npz")
        for more, words in ((("--sampler", "langevin", "--chains", 17), "--seed 0 --chains 16"),
                            (("--sampler", "langevin", "--chains", 16, "--seed", 3), "--seed 0 --chains 16"),
                            (("--sampler", "mala", "--chains", 16), "sampler is langevin there and mala here"),
                            (("--sampler", "langevin", "--chains", 16, "--step-size", 0.5),
                             "sampler.step_size is 0.01 there and 0.5 here"),
                            (("--sampler", "langevin", "--chains", 16, "--warmup", 5),
                             "warmup is 0 there and 5 here"),
                            (("--sampler", "langevin", "--chains", 16, "--init", "zeros"), "another program")):
            err = self.ebmc(*resume, *more, code=3).stderr
            self.assertIn(words, err)
            self.assertTrue(err.startswith("error: "))
        err = self.ebmc(*resume, "--sampler", "langevin", "--chains", 16, "--steps", 10, code=2).stderr
        self.assertIn("the run has 10 steps, and cannot go on at", err)
        for text, words in (("energy E(x: real[8]) -> real = sqnorm(x)\n", "energy is Bowl there and E here"),
                            (MODEL.replace("sin", "cos"), "is of another program: the text of the model")):
            self.write("x.ebm", text)
            err = self.ebmc("x.ebm", *resume[1:], "--sampler", "langevin", "--chains", 16, code=3).stderr
            self.assertIn(words, err)
        whole = (self.folder / "run.state.npz").read_bytes()
        for size in (0, 10, len(whole) // 2, len(whole) - 1):
            self.write("run.state.npz", whole[:size])
            self.ebmc(*resume, "--sampler", "langevin", "--chains", 16, code=3)


if __name__ == "__main__":
    main()
