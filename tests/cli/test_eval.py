#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ebmc eval: energies against formulas written here, gradients against differences."""
import json
import math
import random
import struct

from cli import Array, Case, EXAMPLES, main, npy, npz

STEP = 1e-5


def points(n, d, seed=1):
    r = random.Random(seed)
    return Array((n, d), [r.gauss(0, 1) for _ in range(n * d)], "<f8")


def safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    body = data[8 + size:]
    return {name: (t["shape"], struct.unpack("<%df" % ((t["data_offsets"][1] - t["data_offsets"][0]) // 4),
                                             body[slice(*t["data_offsets"])]))
            for name, t in header.items()}


class Values(Case):
    def values(self, model, at, *args):
        self.write("p.npy", at)
        self.ebmc("eval", model, "--at", "p.npy", "--grad", "-o", "v.npz", *args)
        found = npz(self.folder / "v.npz")
        self.assertEqual(sorted(found), ["energy", "grad"])
        self.assertEqual(found["energy"].shape, (len(at),))
        self.assertEqual(found["energy"].dtype, "<f8")
        self.assertEqual(found["grad"].shape, at.shape)
        return found

    def check_gradient(self, model, at, *args):
        """Central differences in double precision."""
        grad = self.values(model, at, *args, "--dtype", "f64")["grad"]
        self.assertEqual(grad.dtype, "<f8")
        n, d = at.shape
        moved = [v + (sign * STEP if k == j else 0) for p in at for j in range(d)
                 for sign in (1, -1) for k, v in enumerate(p.values)]
        e = self.values(model, Array((2 * n * d, d), moved, "<f8"), *args, "--dtype", "f64")["energy"]
        for i in range(n * d):
            difference = (e[2 * i] - e[2 * i + 1]) / (2 * STEP)
            self.assertAlmostEqual(grad.values[i], difference,
                                   delta=1e-6 * (1 + abs(difference)), msg=f"{model} {i}")

    def test_gradients_of_the_library(self):
        for name, d in (("DoubleWell", 2), ("Harmonic", 3), ("Rosenbrock", 4), ("Ackley", 3),
                        ("Rastrigin", 2), ("ManyWell", 4), ("Funnel", 5), ("Himmelblau", 2),
                        ("StyblinskiTang", 3)):
            statics = () if name == "Himmelblau" else ("-S", f"d={d}")
            self.check_gradient(name, points(4, d), *statics)

    def test_gradients_of_the_examples(self):
        for name, d in (("funnel", 10), ("gaussian", 4), ("mixture", 2), ("rosenbrock", 2),
                        ("two_wells", 2), ("moons_mlp", 2)):
            self.check_gradient(EXAMPLES / f"{name}.ebm", points(3, d))

    def test_gradient_over_data(self):
        data = EXAMPLES / "data"
        self.check_gradient(EXAMPLES / "logistic_regression.ebm", points(2, 11), "--data",
                            f"X={data / 'X.csv'}", "--data", f"y={data / 'y.csv'}")

    def test_regression_by_hand(self):
        data = EXAMPLES / "data"
        rows = [line.split(",") for line in (data / "X.csv").read_text().splitlines()]
        y = [line for line in (data / "y.csv").read_text().splitlines()]
        numbers = lambda lines: [[float(w) for w in line] for line in lines
                                 if all(w[:1] in "-.0123456789" for w in line)]
        X, y = numbers(rows), [v[0] for v in numbers([[line] for line in y])]
        beta = points(1, len(X[0]))
        hand = sum(0.5 * (b / 2.5)**2 + math.log(2.5) + 0.5 * math.log(2 * math.pi)
                   for b in beta.values)
        for row, outcome in zip(X, y):
            eta = sum(a * b for a, b in zip(row, beta.values))
            hand += math.log1p(math.exp(-abs(eta))) + max(eta, 0) - outcome * eta
        run = (EXAMPLES / "logistic_regression.ebm", beta, "--data", f"X={data / 'X.csv'}",
               "--data", f"y={data / 'y.csv'}", "--dtype", "f64")
        # up to a constant, which an energy may leave out
        zero = Array(beta.shape, [0.0] * len(beta.values), "<f8")
        hand -= len(X) * math.log(2) + len(X[0]) * (math.log(2.5) + 0.5 * math.log(2 * math.pi))
        found = self.values(*run)["energy"][0] - self.values(run[0], zero, *run[2:])["energy"][0]
        self.assertAlmostEqual(found, hand, delta=1e-9 * abs(hand))

    def test_network_by_hand(self):
        path = EXAMPLES / "data/moons_mlp.safetensors"
        w = safetensors(path)
        at = points(5, 2)
        found = self.values(EXAMPLES / "moons_mlp.ebm", at, "--weights", path)["energy"]
        for i, p in enumerate(at):
            h = p.values
            for k in (1, 2, 3):
                (rows, columns), weight = w[f"l{k}.weight"]
                h = [sum(weight[r * columns + c] * h[c] for c in range(columns)) + b
                     for r, b in zip(range(rows), w[f"l{k}.bias"][1])]
                if k < 3:
                    h = [v / (1 + math.exp(-v)) for v in h]
            self.assertAlmostEqual(found[i], h[0], delta=1e-4 * (1 + abs(h[0])))

    def test_weights_change_the_energy(self):
        at = points(1, 2)
        path = EXAMPLES / "data/moons_mlp.safetensors"
        drawn = self.values(EXAMPLES / "moons_mlp.ebm", at)["energy"]
        again = self.values(EXAMPLES / "moons_mlp.ebm", at, "--seed", 0)["energy"]
        other = self.values(EXAMPLES / "moons_mlp.ebm", at, "--seed", 5)["energy"]
        given = self.values(EXAMPLES / "moons_mlp.ebm", at, "--weights", path)["energy"]
        self.assertEqual(drawn, again)
        self.assertEqual(len({drawn[0], other[0], given[0]}), 3)

    def test_initial_weights_are_noted(self):
        self.write("w.ebm", "energy E(x: real[1]) -> real { param a: real[1] ~ normal(0, 1)\n return sum(a * x) }\n")
        self.write("p.csv", "1\n")
        note = "note: the weights are the initial ones, of seed 3; --weights FILE reads trained ones\n"
        plan = ("eval", "w.ebm", "--at", "p.csv", "--seed", 3)
        self.assertEqual(self.ebmc(*plan).stderr, note)
        self.assertEqual(self.ebmc(*plan, "-q").stderr, "")
        self.assertEqual(self.ebmc("w.ebm", "--sampler", "langevin", "--seed", 3, "--steps", 2, "-o", "none").stderr, note)

    def test_a_condition_a_point(self):
        self.write("c.ebm", "energy C(x: real[2], given k: int, given w: real[2]) -> real {\n"
                            "    const centre: real[2, 2] = [[1.0, 0.0], [0.0, 2.0]]\n"
                            "    return 0.5 * sum(w * (x - centre[k])^2)\n}\n")
        at, w = points(70, 2), points(70, 2, seed=2)
        self.write("k.npy", Array((70,), [i % 2 for i in range(70)], "<i4"))
        self.write("w.npy", w)
        given = ("--data", "k=k.npy", "--data", "w=w.npy", "--dtype", "f64")
        found = self.values("c.ebm", at, *given)
        for i, (p, v) in enumerate(zip(at, w)):
            away = [a - c for a, c in zip(p.values, ((1, 0), (0, 2))[i % 2])]
            self.assertAlmostEqual(found["energy"][i],
                                   0.5 * sum(b * a * a for a, b in zip(away, v.values)), delta=1e-12)
            for g, a, b in zip(found["grad"][i].values, away, v.values):
                self.assertAlmostEqual(g, a * b, delta=1e-12)
        same = self.values("c.ebm", at, *given, "--backend", "interpreter")
        self.assertEqual([found[n] for n in sorted(found)], [same[n] for n in sorted(same)])
        self.write("k.npy", Array((70,), [2 * (i == 44) for i in range(70)], "<i4"))
        said = self.ebmc("eval", "c.ebm", "--at", "p.npy", *given, code=3).stderr
        self.assertIn("the index 'k' is 2, and its range is 0..2, in row 44 of the data", said)


class Forms(Case):
    def setUp(self):
        super().setUp()
        self.write("e.ebm", "energy E(x: real[2], k: real = 1.0) -> real = k * sum(x^2)\n")
        self.write("p.csv", "1,2\n3,4\n0.5,0\n")

    def test_printed(self):
        self.assertEqual(self.ebmc("eval", "e.ebm", "--at", "p.csv").stdout, "5\n25\n0.25\n")

    def test_hyperparameter(self):
        self.assertEqual(self.ebmc("eval", "e.ebm", "--at", "p.csv", "--set", "k=2").stdout,
                         "10\n50\n0.5\n")

    def test_one_array_alone(self):
        self.ebmc("eval", "e.ebm", "--at", "p.csv", "-o", "e.npy")
        self.assertEqual(npy(self.folder / "e.npy"), Array((3,), [5.0, 25.0, 0.25], "<f8"))
        self.ebmc("eval", "e.ebm", "--at", "p.csv", "-o", "e.npz")
        self.assertEqual(list(npz(self.folder / "e.npz")), ["energy"])

    def test_one_point(self):
        self.write("p.npy", Array((2,), [3.0, 4.0]))
        self.assertEqual(self.ebmc("eval", "e.ebm", "--at", "p.npy").stdout, "25\n")

    def test_no_points(self):
        self.write("p.npy", Array((0, 2), []))
        self.assertEqual(self.ebmc("eval", "e.ebm", "--at", "p.npy").stdout, "")

    def test_numbers(self):
        self.write("s.ebm", "energy S(x: real) -> real = x^2\n")
        self.write("p.csv", "1\n2\n3\n")
        self.assertEqual(self.ebmc("eval", "s.ebm", "--at", "p.csv").stdout, "1\n4\n9\n")

    def test_a_column_for_one_element(self):
        self.write("s.ebm", "energy S(x: real[1]) -> real = x[0]^2\n")
        self.write("p.csv", "1\n2\n3\n")
        self.assertEqual(self.ebmc("eval", "s.ebm", "--at", "p.csv").stdout, "1\n4\n9\n")

    def test_an_array_of_an_archive(self):
        self.ebmc("eval", "e.ebm", "--at", "p.csv", "--grad", "-o", "v.npz")
        self.assertEqual(self.ebmc("eval", "e.ebm", "--at", "v.npz:grad").stdout, "20\n100\n1\n")

    def test_interpreter(self):
        both = [self.ebmc("eval", "Ackley", "--at", "p.csv", "--backend", b).stdout
                for b in ("llvm", "interpreter")]
        self.assertEqual(*both)


if __name__ == "__main__":
    main()
