#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ebmc train: weights, logs, checkpoints, recipes, and data sets that are drawn from."""
import fcntl
import json
import os
import pty
import random
import re
import signal
import struct
import subprocess
import termios
import time

from cli import EBMC, Array, Case, main, npy, npz

MODEL = """energy Bowl(x: real[2]) -> real {
    param m: real[2] ~ normal(0, 0.1)
    param s: real = 0.0
    return 0.5 * exp(-2 * s) * sqnorm(x - m)
}
loss squares[S..., k = 1](E: energy(real[S...]), x: real[S...], weight: real > 0 = 1.0) -> real {
    report parts = k * sqnorm(x)
    return weight * E(x)
}
dataset line[n = 4](step: real = 0.5) -> (real[2], label: int in 0..n) {
    let k = randint(n)
    return [step * k, 0.0], k
}
"""
LABELS = """energy Class(x: real[2], given label: int in 0..3) -> real {
    param m: real[3, 2] ~ normal(0, 0.1)
    return 0.5 * sqnorm(x - m[label])
}
loss squares[S...](E: energy(real[S...]), x: real[S...]) -> real = E(x)
"""
RECIPE = """train {
    loss = squares(weight = 2.0)
    dataset = two_moons(noise = 0.1)
    optimizer = adam(lr = 0.01)
    batch = 32
    steps = 20
    output = "recipe.npz"
}
sample {
    sampler = langevin(step_size = 0.1)
    chains = 7
    steps = 5
    output = "recipe.npy"
}
"""


def real(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def points(rows, columns=2, seed=0):
    r = random.Random(seed)
    return Array((rows, columns), [real(r.gauss(1, 0.5)) for _ in range(rows * columns)])


class Train(Case):
    def setUp(self):
        super().setUp()
        self.write("m.ebm", MODEL)
        self.write("x.npy", points(300))
        self.plan = ("train", "m.ebm", "--loss", "squares", "--data", "x.npy", "--batch", 32)

    def train(self, *args, name="w.npz", code=0):
        self.ebmc(*self.plan, *args, "-q", "-o", name, code=code)
        return npz(self.folder / name)

    def same(self, a, b):
        self.assertEqual(a.keys(), b.keys())
        for name in a:
            self.assertEqual(a[name], b[name], name)


class Weights(Train):
    def test_learns_the_mean(self):
        w = self.train("--steps", 2000, "--lr", 0.02)
        x = points(300)
        mean = [sum(x[i, j] for i in range(300)) / 300 for j in range(2)]
        self.assertEqual(sorted(w), ["m", "s"])
        for j in range(2):
            self.assertAlmostEqual(w["m"][j], mean[j], delta=0.05)

    def test_any_number_of_threads_and_either_engine(self):
        for more in ((), ("--dtype", "f64")):
            one = self.train("--steps", 30, "-j", 1, *more)
            self.same(one, self.train("--steps", 30, "-j", 3, *more))
            self.same(one, self.train("--steps", 30, "--backend", "interpreter", *more))

    def test_goes_on_from_weights(self):
        first = self.train("--steps", 10, name="a.npz")
        self.same(first, self.train("--steps", 0, "--weights", "a.npz"))
        self.write("odd.npz", (self.folder / "a.npz").read_bytes())
        self.write("n.ebm", MODEL.replace("param s", "param r").replace("* s)", "* r)"))
        err = self.ebmc("train", "n.ebm", *self.plan[2:], "--weights", "odd.npz", code=3).stderr
        self.assertIn("missing 'r', unknown 's'", err)

    def test_files_that_hold_something_else(self):
        self.write("one.npy", Array((), [1.0]))
        err = self.ebmc(*self.plan, "--weights", "x.npy", code=3).stderr
        self.assertIn("--weights: 'x.npy' holds an array without a name: expected .safetensors or .npz", err)
        err = self.ebmc("train", "m.ebm", "--loss", "squares", "--data", "one.npy", code=3).stderr
        self.assertIn("'x': expected rows of numbers, found one number", err)

    def test_samples_with_what_was_learnt(self):
        for name in ("w.safetensors", "w.npz"):
            self.ebmc(*self.plan, "--steps", 50, "-o", name, "-q")
            self.ebmc("m.ebm", "--sampler", "langevin", "--steps", 5, "--weights", name, "-q", "-o", "none")

    def test_seed(self):
        a, b = self.train("--steps", 5, "--seed", 1), self.train("--steps", 5, "--seed", 2)
        self.assertNotEqual(a["m"], b["m"])

    def test_table(self):
        out = self.ebmc(*self.plan, "--epochs", 2).stdout
        for words in (r"loss +\S+ \(mean over the last 19 steps\)", r"steps +19 of 19, 32 data points each",
                      r"speed +\S+ steps/s", r"parameters +3\n", r"weights +weights.safetensors\n"):
            self.assertRegex(out, words)
        self.assertEqual(self.names(), ["m.ebm", "weights.safetensors", "x.npy"])

    def test_labels(self):
        self.write("l.ebm", LABELS)
        self.write("label.npy", Array((300,), [i % 3 for i in range(300)], "<i8"))
        self.ebmc("train", "l.ebm", "--loss", "squares", "--data", "x.npy", "--data", "label=label.npy",
                  "--steps", 5, "-q", "-o", "w.npz")
        self.ebmc("train", "l.ebm", "--loss", "squares", "--dataset", "gaussian_mixture(components = 3)",
                  "--steps", 5, "-q", "-o", "w.npz")
        self.assertEqual(npz(self.folder / "w.npz")["m"].shape, (3, 2))


    def test_a_column_beside_a_buffer(self):
        self.write("b.ebm", MODEL.replace("dataset line", """loss weighed(E: energy(real[2]), x: real[2], weight: real) -> real {
    buffer chains[16]: real[2] ~ normal(0, 1)
    let c = chains.draw()
    c.value = x
    return weight * (E(x) - E(c.value))
}
dataset line"""))
        self.ebmc("check", "b.ebm")  # which has no batch that could be larger than the buffer
        self.write("ones.npy", Array((300,), [1.0] * 300))
        plan = ("train", "b.ebm", "--loss", "weighed", "--data", "x.npy", "--data", "weight=ones.npy", "--steps", 3)
        self.ebmc(*plan, "--batch", 16, "-q", "-o", "none")
        self.assertIn("has 16 slots and a batch 17", self.ebmc(*plan, "--batch", 17, "-o", "none", code=1).stderr)


class Hyperparameters(Train):
    def log(self, *args):
        self.ebmc(*self.plan, "--steps", 3, "--log", "l.csv", "-q", "-o", "none", *args)
        lines = (self.folder / "l.csv").read_text().split()
        return [dict(zip(lines[0].split(","), map(float, line.split(",")))) for line in lines[1:]]

    def test_of_the_loss(self):
        one, two = self.log(), self.log("--weight", 2)
        self.assertAlmostEqual(two[0]["loss"], 2 * one[0]["loss"], places=5)
        for more in (("--loss.weight", 2), ("--loss", "squares(weight = 2)")):
            self.assertEqual(two[2]["loss"], self.log(*more)[2]["loss"], more)

    def test_static_ones(self):
        self.assertAlmostEqual(self.log("--k", 3)[0]["parts"], 3 * self.log()[0]["parts"], places=4)
        self.assertAlmostEqual(self.log("-S", "k=3")[0]["parts"], 3 * self.log()[0]["parts"], places=4)

    def test_an_option_goes_before_the_name_with_arguments(self):
        three = self.log("--k", 3)[0]["parts"]
        for loss in ("squares[k = 2]", "squares[k = 2](weight = 1)"):
            for more in (("--k", 3), ("--loss.k", 3), ("-S", "k=3")):
                self.assertEqual(self.log("--loss", loss, *more)[0]["parts"], three, (loss, more))
        self.write("wide.ebm", """energy Wide[h = 3](x: real[2]) -> real {
            param w: real[h] = 0.0
            return sum(w * norm(x))
        }
        train { energy = Wide[5]\n loss = score_matching\n data = two_moons\n steps = 1\n output = "none" }""")
        for more, parameters in (((), 5), (("--h", 7), 7), (("-S", "h=8"), 8), (("--energy", "Wide"), 3)):
            out = self.ebmc("train", "wide.ebm", *more).stdout
            self.assertRegex(out, rf"parameters +{parameters}\n")

    def test_schedules(self):
        self.same(self.train("--steps", 9, "--lr", "0.1 / (1 + 0 * t)"), self.train("--steps", 9, "--lr", 0.1))
        a = self.train("--steps", 9, "--lr", "0.1 / (1 + t)")
        self.assertNotEqual(a["m"], self.train("--steps", 9, "--lr", 0.1)["m"])

    def test_around_the_optimizer(self):
        plain = self.train("--steps", 9, "--optimizer", "sgd", "--lr", 0.1)
        loose = self.train("--steps", 9, "--optimizer", "sgd", "--lr", 0.1, "--clip-value", 1e6)
        self.same(plain, loose)
        for more in (("--clip-norm", 0.01), ("--clip-value", 0.01), ("--accumulate", 3), ("--ema", 0.9),
                     ("--weight-decay", 0.5), ("--clip-norm", 0.1, "--ema", 0.5, "--accumulate", 2)):
            self.assertNotEqual(plain["m"], self.train("--steps", 9, "--optimizer", "sgd", "--lr", 0.1, *more)["m"],
                                more)
        out = self.ebmc(*self.plan, "--steps", 3, "--ema", 0.9).stdout
        self.assertIn("weights.safetensors (moving average)", out)

    def test_whose_range_is_left(self):
        for option, value, words in (("--ema", 1, "expected 0 <= decay < 1, found 1\n      = help: --ema gives"),
                                     ("--accumulate", 0, "help: --accumulate gives the optimizer 'accumulated' its 'every'"),
                                     ("--accumulate", 1.5, "help: --accumulate"), ("--clip-norm", 0, "help: --clip-norm"),
                                     ("--clip-value", -1, "help: --clip-value")):
            self.assertIn(words, self.ebmc(*self.plan, option, value, code=2).stderr)
        self.assertNotIn("help", self.ebmc(*self.plan, "--ema", 0.9, "--lr", -1, code=2).stderr)

    def test_help(self):
        out = self.ebmc("train", "m.ebm", "--loss", "squares", "--dataset", "two_moons", "--optimizer", "sgd",
                        "--help").stdout
        for words in ("--weight ", "--k ", "--momentum ", "--noise ", "--clip-norm X"):
            self.assertIn(words, out)


class Logs(Train):
    def test_csv(self):
        self.ebmc(*self.plan, "--steps", 10, "--log", "l.csv", "--log-every", 4, "-q", "-o", "none")
        lines = (self.folder / "l.csv").read_text().splitlines()
        self.assertEqual(lines[0], "step,loss,parts,gradient_norm,skipped,seconds")
        self.assertEqual([line.split(",")[0] for line in lines[1:]], ["3", "7", "9"])

    def test_jsonl(self):
        self.ebmc(*self.plan, "--steps", 4, "--log", "l.jsonl", "-q", "-o", "none")
        lines = [json.loads(line) for line in (self.folder / "l.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], [0, 1, 2, 3])
        self.assertEqual(sorted(lines[0]), ["gradient_norm", "loss", "parts", "seconds", "skipped", "step"])

    def test_numbers_read_back(self):
        self.ebmc(*self.plan, "--steps", 3, "--dtype", "f64", "--log", "l.jsonl", "-q", "-o", "none")
        text = (self.folder / "l.jsonl").read_text()
        self.assertIn(f'"loss": {json.loads(text.splitlines()[0])["loss"]!r}', text)
        self.assertRegex(text, r'"loss": -?\d+\.\d{15}')

    def test_json(self):
        out = self.ebmc(*self.plan, "--steps", 7, "--json", "--ema", 0.9).stdout
        found = json.loads(out)
        table = self.ebmc(*self.plan, "--steps", 7).stdout
        self.assertEqual((found["steps"], found["steps_asked"], found["seed"]), (7, 7, 0))
        self.assertIn(f"{found['loss']:.6g} (mean over the last 7 steps)", table)
        self.assertTrue(found["averaged"])
        self.assertEqual(found["non_finite_steps"], 0)
        self.assertGreater(found["steps_per_second"], 0)

    def test_a_resumed_log_has_every_step_once(self):
        for name in ("l.csv", "l.jsonl"):
            steps = ("--log", name, "-q", "-o", "none")
            self.ebmc(*self.plan, "--steps", 6, "--checkpoint", "c", *steps)
            self.ebmc(*self.plan, "--steps", 9, *steps)
            self.ebmc(*self.plan, "--steps", 9, "--resume", "c", *steps)
            text = (self.folder / name).read_text()
            found = re.findall(r'^(?:\{"step": )?(\d+),', text, re.M)
            self.assertEqual(found, [str(i) for i in range(9)])

    def test_a_checkpoint_has_its_lines_in_the_log(self):
        """Killed, a training has logged every step before its last checkpoint."""
        command = [EBMC, *self.plan, "--steps", 10**7, "--checkpoint", "c", "--checkpoint-every", 40, "--log", "l.csv"]
        p = subprocess.Popen([*map(str, command), "-q", "-o", "none"], cwd=self.folder, env=self.environment())
        while not ((self.folder / "c").exists() and (self.folder / "c").stat().st_size):  # it is tried out empty
            self.assertIsNone(p.poll())
            time.sleep(0.001)
        p.kill()
        p.wait()
        step = int(re.search(rb'"step":"(\d+)"', (self.folder / "c").read_bytes())[1])
        self.ebmc(*self.plan, "--steps", step + 5, "--resume", "c", "--log", "l.csv", "-q", "-o", "none")
        found = re.findall(r"^(\d+),", (self.folder / "l.csv").read_text(), re.M)
        self.assertEqual(found, [str(i) for i in range(step + 5)])


class Progress(Train):
    def shown(self, columns):
        """The first line on a terminal of so many columns."""
        terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        p = subprocess.Popen([*map(str, (EBMC, *self.plan, "--steps", 10**8, "-o", "none"))], cwd=self.folder,
                             stderr=end, stdout=subprocess.DEVNULL, env=self.environment())
        os.close(end)
        text = b""
        while text.count(b"\r") < 2:
            text += os.read(terminal, 4096)
        p.kill()
        p.wait()
        os.close(terminal)
        self.assertTrue(text.startswith(b"\r\033[K"), text)
        return text[4:].split(b"\r")[0].decode()

    def test_a_line_fits_the_terminal(self):
        line = r"^step \d+ of 100000000 \(0 %\), loss [^,]+(.*), [^,]+ steps/s, \d+ s left$"
        self.assertRegex(re.search(line, self.shown(200))[1], r"^, parts \S+, gradient_norm \S+$")
        narrow = self.shown(80)
        self.assertLess(len(narrow), 80)
        self.assertRegex(narrow, line)
        self.assertEqual(len(self.shown(40)), 39)


class Checkpoints(Train):
    def test_the_same_bits(self):
        whole = self.train("--steps", 60, "--ema", 0.9)
        self.train("--steps", 25, "--ema", 0.9, "--checkpoint", "c.ckpt", "-j", 1)
        self.same(whole, self.train("--steps", 60, "--ema", 0.9, "--resume", "c.ckpt", "-j", 3))

    def test_now_and_then(self):
        whole = self.train("--steps", 60, "--checkpoint", "c.ckpt", "--checkpoint-every", 7)
        self.same(whole, self.train("--steps", 60))
        self.same(whole, self.train("--steps", 60, "--resume", "c.ckpt"))

    def test_killed(self):
        """Nothing is left of a checkpoint that is being written, and the one before stays."""
        try:
            os.close(os.open(self.folder, os.O_TMPFILE | os.O_WRONLY))
        except OSError:
            self.skipTest("files without a name are unknown here")
        self.write("big.ebm", "energy Big(x: real[2]) -> real {\n"
                              "    param w: real[2000000] = 1.0\n"
                              "    return 0.5 * sqnorm(x - w[0])\n}\n")
        command = [EBMC, "train", "big.ebm", "--loss", "score_matching", "--data", "two_moons",
                   "--optimizer", "sgd", "--batch", "2", "--checkpoint", "c", "--checkpoint-every", "1", "-q"]
        left = set()
        for seconds in (0.05, 0.13, 0.21):
            p = subprocess.Popen([*command, "--steps", "100000"], cwd=self.folder, env=self.environment())
            while not (self.folder / "c").exists() and p.poll() is None:
                time.sleep(0.01)
            time.sleep(seconds)
            p.kill()
            p.wait()
            left |= {name for name in self.names() if name.endswith(".tmp")}
        self.assertLess(len(left), 2)  # between getting a name and the other one lie microseconds
        again = self.ebmc(*command[1:], "--resume", "c", "--steps", 1, "-o", "none", code=(0, 2))
        if again.returncode:  # it was read whole, and had come further
            self.assertIn("stands before step", again.stderr)

    def test_a_table_of_a_data_set_is_read_back(self):
        self.write("l.ebm", """energy E(x: real[2], given label: int in 0..8) -> real {
    param a: real[8] ~ normal(0, 1)
    return exp(a[label]) * sqnorm(x)
}
loss l[S...](E: energy(real[S...]), x: real[S...]) -> real = E(x)
""")
        for name in ("d.csv", "d.npz"):
            self.ebmc("sample", "gaussian_mixture", "-n", 40, "-q", "-o", name)
        self.assertTrue((self.folder / "d.csv").read_text().startswith("x[0],x[1],label\n"))
        for name in ("d.csv", "d.npz"):
            self.ebmc("train", "l.ebm", "--loss", "l", "--data", f"x={name}:x", "--data", f"label={name}:label",
                      "--batch", 8, "--steps", 5, "-q", "-o", name + ".safetensors")
        self.assertEqual(*((self.folder / f"d.{end}.safetensors").read_bytes() for end in ("csv", "npz")))

    def test_of_another_training(self):
        self.train("--steps", 5, "--checkpoint", "c.ckpt")
        self.write("y.npy", points(300, seed=1))
        other = ("train", "m.ebm", "--loss", "squares", "--data", "y.npy", "--batch", 32)
        for plan, more, words in ((self.plan, ("--lr", 0.5), "optimizer.lr is 0.001 there and 0.5 here"),
                                  (self.plan, ("--seed", 3), "seed is 0 there and 3 here"),
                                  (self.plan, ("--ema", 0.9), "optimizer is adam there and averaged here"),
                                  (self.plan, ("--dtype", "f64"), "dtype is f32 there and f64 here"),
                                  (self.plan, ("--k", 3), "loss.k is given only here"),
                                  (other, (), "data.x is another array")):
            err = self.ebmc(*plan, *more, "--steps", 9, "--resume", "c.ckpt", code=3).stderr
            self.assertIn("'c.ckpt' is of another training: ", err)
            self.assertIn(words, err)
        self.write("m.ebm", MODEL.replace("0.5 * exp", "0.25 * exp"))
        err = self.ebmc(*self.plan, "--steps", 9, "--resume", "c.ckpt", code=3).stderr
        self.assertIn("'c.ckpt' is of another program", err)

    def test_damaged(self):
        self.train("--steps", 5, "--checkpoint", "c.ckpt")
        whole = (self.folder / "c.ckpt").read_bytes()
        for size in (0, 7, len(whole) // 2, len(whole) - 1):
            self.write("d.ckpt", whole[:size])
            self.ebmc(*self.plan, "--steps", 9, "--resume", "d.ckpt", code=3)
        for at in (20, len(whole) // 2, len(whole) - 9):
            self.write("d.ckpt", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            self.ebmc(*self.plan, "--steps", 9, "--resume", "d.ckpt", code=3)
        err = self.ebmc(*self.plan, "--steps", 3, "--resume", "c.ckpt", code=2).stderr
        self.assertIn("stands before step 5, and this training has 3 steps", err)


class Stops(Train):
    def stop(self, *args, number=signal.SIGINT):
        process = subprocess.Popen([EBMC, *map(str, args)], cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment())
        time.sleep(0.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out + err)
        return out, err

    def test_goes_on_where_it_was_stopped(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.train("--steps", 1)  # the kernel is in the cache
            _, err = self.stop(*self.plan, "--steps", 100000000, "--checkpoint", "c.ckpt", "-o", "a.npz", number=number)
            found = re.search(r"stopped before step (\d+); the same command with --resume c.ckpt", err)
            self.assertTrue(found, err)
            step = int(found[1])
            self.same(npz(self.folder / "a.npz"), self.train("--steps", step))
            self.same(self.train("--steps", step + 50, "--resume", "c.ckpt"), self.train("--steps", step + 50))

    def test_without_a_checkpoint(self):
        self.train("--steps", 1)
        _, err = self.stop(*self.plan, "--steps", 100000000, "-o", "a.npz")
        self.assertIn("--weights a.npz starts from these weights", err)


class NonFinite(Train):
    def setUp(self):
        super().setUp()
        bad = points(300)
        bad.values[2 * 100 + 1] = float("nan")
        self.write("bad.npy", bad)
        self.bad = ("train", "m.ebm", "--loss", "squares", "--data", "bad.npy", "--batch", 32, "--steps", 40)

    def test_stops(self):
        done = self.ebmc(*self.bad, "--checkpoint", "c.ckpt", "-o", "w.npz", code=7)
        found = re.search(r"error: step (\d+): \S+ is not finite at data point \d+ of the batch \(row 100 of the data\)",
                          done.stderr)
        self.assertTrue(found, done.stderr)
        w = npz(self.folder / "w.npz")
        self.ebmc(*self.bad[:-1], found[1], "-q", "-o", "v.npz")
        self.same(w, npz(self.folder / "v.npz"))
        self.ebmc(*self.bad, "--resume", "c.ckpt", "-o", "none", "-q", code=7)

    def test_skips(self):
        out = self.ebmc(*self.bad, "--on-nonfinite", "skip").stdout
        self.assertRegex(out, r"skipped +[4-5] steps that were not finite")
        err = self.ebmc(*self.bad, "--on-nonfinite", "skip", "-q", "-o", "none").stderr
        self.assertRegex(err, r"warning: [4-5] of 40 steps were passed over; the last of them, step \d+: \S+ is not "
                              r"finite at data point \d+ of the batch \(row 100 of the data\)")


class Recipes(Train):
    def test_train_and_sample(self):
        self.write("m.ebm", MODEL + RECIPE)
        self.ebmc("train", "m.ebm", "-q")
        self.ebmc("train", "m.ebm", "--loss", "squares", "--weight", 2, "--dataset", "two_moons", "--noise", 0.1,
                  "--lr", 0.01, "--batch", 32, "--steps", 20, "-q", "-o", "w.npz")
        self.same(npz(self.folder / "recipe.npz"), npz(self.folder / "w.npz"))
        self.ebmc("m.ebm", "--weights", "w.npz", "-q")
        self.assertEqual(npy(self.folder / "recipe.npy").shape, (7, 5, 2))

    def test_the_command_line_goes_first(self):
        self.write("m.ebm", MODEL + RECIPE)
        out = self.ebmc("train", "m.ebm", "--epochs", 1, "--batch", 10, "--data", "x.npy", "-o", "none").stdout
        self.assertRegex(out, r"steps +30 of 30, 10 data points each")
        a = self.train("--steps", 5, "--lr", 0.5, name="a.npz")
        self.assertNotEqual(a["m"], self.train("--steps", 5, name="b.npz")["m"])

    def test_a_mistake_in_one(self):
        self.write("m.ebm", MODEL + RECIPE.replace("batch = 32", "bach = 32"))
        self.assertIn("unknown option '--bach'; did you mean '--batch'?",
                      self.ebmc("train", "m.ebm", code=2).stderr)
        self.write("m.ebm", MODEL + RECIPE.replace("batch = 32", "chains = 32"))
        self.assertIn("the recipe of 'train' has no line 'chains'", self.ebmc("train", "m.ebm", code=2).stderr)

    def test_a_mistake_in_its_file(self):
        """Not what the recipe would have said is missing, but the file's own mistake is told."""
        self.write("m.ebm", (MODEL + RECIPE).replace("return [step", "return [step *"))
        for command in (("train",), ("train", "--loss", "squares"), ()):
            err = self.ebmc(*command, "m.ebm", code=1).stderr
            self.assertIn("m.ebm:12:20: error: expected an expression, found '*' [syntax]", err)
            self.assertNotIn("expected --", err)
        self.assertIn("'n.ebm': cannot open", self.ebmc("train", "n.ebm", code=3).stderr)


class DataSets(Train):
    def test_draws(self):
        self.ebmc("sample", "two_moons", "--chains", 50, "-o", "d.npy", "-q")
        self.assertEqual(npy(self.folder / "d.npy").shape, (50, 2))
        self.ebmc("sample", "gaussian_mixture(components = 3)", "-n", 50, "--radius", 2, "-o", "d.npz", "-q")
        d = npz(self.folder / "d.npz")
        self.assertEqual((d["x"].shape, d["label"].shape), ((50, 2), (50,)))
        self.assertTrue(set(d["label"].values) <= {0, 1, 2})
        self.ebmc("sample", "two_moons", "-n", 50, "-o", "e.npy", "-q", "--backend", "interpreter", "-j", 1)
        self.assertEqual(npy(self.folder / "d.npy"), npy(self.folder / "e.npy"))

    def test_of_a_file(self):
        self.write("m.ebm", MODEL + RECIPE)
        self.ebmc("sample", "m.ebm", "--dataset", "line", "--step", 2, "-n", 40, "-o", "d.csv", "-q")
        header, *lines = (self.folder / "d.csv").read_text().split()
        self.assertEqual((header, len(lines)), ("x[0],x[1],label", 40))
        for x, y, label in (map(float, line.split(",")) for line in lines):
            self.assertEqual((x, y), (2 * label, 0))

    def test_training_on_what_was_drawn(self):
        self.ebmc("sample", "two_moons", "-n", 100, "-o", "d.csv", "-q")
        self.ebmc("train", "m.ebm", "--loss", "squares", "--data", "d.csv", "--epochs", 1, "-q", "-o", "none")

    def test_labels_in_every_kind_of_file(self):
        """A table's columns are read by the names that the data set's arrays have in a .npz."""
        self.write("l.ebm", LABELS)
        for ending in ("csv", "npz", "safetensors"):
            self.ebmc("sample", "gaussian_mixture(components = 3)", "-n", 50, "-o", f"d.{ending}", "-q")
            self.ebmc("train", "l.ebm", "--loss", "squares", "--data", f"d.{ending}:x", "--data",
                      f"label=d.{ending}:label", "--steps", 9, "-q", "-o", f"{ending}.npz")
            self.assertEqual(npz(self.folder / f"{ending}.npz")["m"], npz(self.folder / "csv.npz")["m"])

    def test_what_a_data_set_has_not(self):
        for more, words in ((("--sampler", "hmc"), "takes no --sampler"), (("--steps", 5), "has no steps"),
                            (("--init", "zeros"), "has no start"), (("--noice", 1), "did you mean '--noise'?"),
                            (("--noise=-1",), "expected noise >= 0, found -1")):
            self.assertIn(words, self.ebmc("sample", "two_moons", *more, code=2).stderr)


class Output(Train):
    def test_a_name_that_cannot_be(self):
        for more, code, words in ((("-o", "w.npy"), 2, "ends in .safetensors or .npz, found 'w.npy'"),
                                  (("-o", "no/w.npz"), 5, "no/w.npz"),
                                  (("-o", "w.npz", "--checkpoint", "w.npz"), 2, "'w.npz' is where --output goes"),
                                  (("--log", "l.csv", "--checkpoint", "l.csv"), 2, "'l.csv' is where --log goes"),
                                  (("--log", "l.txt"), 2, "ends in .csv or .jsonl, found 'l.txt'"),
                                  (("--log", "no/l.csv"), 5, "cannot write"),
                                  (("--checkpoint", "no/c"), 5, "cannot write")):
            err = self.ebmc(*self.plan, "--steps", 1, *more, code=code).stderr
            self.assertIn(words, err)
            self.assertNotIn("w.npz", self.names())


if __name__ == "__main__":
    main()
