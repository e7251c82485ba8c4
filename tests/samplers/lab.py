# SPDX-License-Identifier: Apache-2.0
"""lab -- runs ebmc, and compares what it draws with exact values in standard errors.

Every comparison is one number z that is standard normal if the program is right. Seeds are fixed, so a test that passes
passes always. A tally fails when its largest |z| would be seen in one of a thousand right programs with as many
comparisons, and when the z are together too small or too large to be standard normal.
"""
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np


class Tally:
    def __init__(self):
        self.z = []
        self.failures = []

    def means(self, name, samples, exact):
        """Means over the first axis of independent samples [n, ...] against exact values."""
        samples = np.asarray(samples, dtype=float)
        error = samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
        self.numbers(name, samples.mean(axis=0), exact, error)

    def numbers(self, name, have, exact, error):
        have, exact, error = np.broadcast_arrays(have, exact, error)
        for h, e, s in zip(have.flat, exact.flat, error.flat):
            if not s > 0:
                self.require(f"{name}: no spread, {h} for {e}", h == e)
                continue
            self.z.append(((h - e) / s, f"{name}: {h:.7g}, exactly {e:.7g}, standard error {s:.2g}"))

    def covariance(self, name, x, mean, exact):
        """Second central moments of Gaussian x [n, d] whose true mean and covariance are known."""
        error = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / len(x))
        c = (x - mean).T @ (x - mean) / len(x)
        upper = np.triu_indices(len(exact))
        self.numbers(name, c[upper], exact[upper], error[upper])

    def close(self, name, have, exact, tolerance):
        have, exact = np.asarray(have, dtype=float), np.asarray(exact, dtype=float)
        worst = np.max(np.abs(have - exact) / (1 + np.abs(exact)))
        self.require(f"{name}: off by {worst:.3g}, {tolerance:.3g} is allowed", worst <= tolerance)

    def require(self, name, condition):
        if not condition:
            self.failures.append(name)

    def finish(self):
        """Prints the verdict; returns the exit status."""
        n = len(self.z)
        if n:
            bound = statistics.NormalDist().inv_cdf(1 - 0.0005 / n)
            self.failures += [f"{name}, z = {z:.2f}" for z, name in self.z if not abs(z) < bound]
            mean_square = sum(z * z for z, _ in self.z) / n
            # Comparisons of one run are correlated: far wider than the law of chi squared with n degrees.
            if not 1 / 3 < mean_square < 1 + 8 / math.sqrt(n):
                self.failures.append(f"the mean of z^2 over {n} comparisons is {mean_square:.3f}")
            print(f"{n} comparisons, largest |z| {max(abs(z) for z, _ in self.z):.2f} of {bound:.2f}, "
                  f"mean z^2 {mean_square:.3f}")
        for failure in self.failures:
            print("FAIL", failure)
        return 1 if self.failures else 0


class Lab:
    """Runs programs in a folder of its own."""

    def __init__(self, ebmc):
        self.ebmc = str(pathlib.Path(ebmc).resolve())
        self.home = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.home.name)
        self.seed = 100
        self.figures = {}

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def array(self, name, values):
        path = self.folder / name
        np.save(path, values)
        return str(path)

    def run(self, *arguments):
        """The finished process."""
        return subprocess.run([self.ebmc, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder)

    def text(self, *arguments):
        """What a command that must work prints."""
        done = self.run(*arguments)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}")
        return done.stdout

    def sample(self, model, *arguments, start=None, dtype="f64", **options):
        """Draws [chains, kept, ...]; what --json says is in figures. Every call has a seed of its own."""
        self.seed += 1
        command = [model, *arguments, "--dtype", dtype, "--seed", self.seed, "--json", "-o", "draws.npy"]
        if start is not None:
            command += ["--init", self.array("start.npy", start)]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), value]
        self.figures = json.loads(self.text(*command))
        return np.load(self.folder / "draws.npy").astype(float)


def text_of(array):
    """An array as the language writes it."""
    if np.ndim(array) == 0:
        return repr(float(array))
    return "[" + ", ".join(text_of(a) for a in array) + "]"
