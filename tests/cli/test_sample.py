#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ebmc sample: what is kept, where chains start, what is printed and written."""
import csv
import json
import math
import statistics

from cli import Array, Case, EXAMPLES, main, npy, npz

BOWL = "energy Bowl(x: real[3], k: real > 0 = 1.0) -> real = 0.5 * k * sum(x^2)\n"
RUN = ("--sampler", "langevin", "--chains", 17)


class Kept(Case):
    def setUp(self):
        super().setUp()
        self.write("bowl.ebm", BOWL)

    def test_shape_of_a_vector(self):
        self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 20).shape, (17, 20, 3))

    def test_shape_of_a_matrix(self):
        self.write("m.ebm", "energy M(x: real[2, 3]) -> real = sum(x^2)\n")
        self.assertEqual(self.draws("m.ebm", *RUN, "--steps", 4).shape, (17, 4, 2, 3))

    def test_shape_of_a_number(self):
        self.write("s.ebm", "energy S(x: real) -> real = x^2\n")
        self.assertEqual(self.draws("s.ebm", *RUN, "--steps", 4).shape, (17, 4))

    def test_nothing_kept(self):
        self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 0).shape, (17, 0, 3))
        self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 5, "--thin", 6).shape, (17, 0, 3))

    def test_type(self):
        self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 1).dtype, "<f4")
        self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 1, "--dtype", "f64").dtype, "<f8")

    def test_thin(self):
        whole = self.draws("bowl.ebm", *RUN, "--steps", 40)
        for thin in (2, 7, 40):
            kept = self.draws("bowl.ebm", *RUN, "--steps", 40, "--thin", thin)
            self.assertEqual(kept, whole.draws([i for i in range(40) if (i + 1) % thin == 0]))

    def test_warmup(self):
        whole = self.draws("bowl.ebm", *RUN, "--steps", 40)
        rest = self.draws("bowl.ebm", *RUN, "--warmup", 11, "--steps", 29, "--thin", 3)
        self.assertEqual(rest, whole.draws([11 + i for i in range(29) if (i + 1) % 3 == 0]))

    def test_keep_last(self):
        whole = self.draws("bowl.ebm", *RUN, "--steps", 40)
        last = self.draws("bowl.ebm", *RUN, "--warmup", 13, "--steps", 27, "--keep", "last")
        self.assertEqual(last, whole.draws([39]))
        self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 40, "--keep", "all"), whole)

    def test_chains_do_not_know_of_others(self):
        few = self.draws("bowl.ebm", "--sampler", "langevin", "--chains", 3, "--steps", 9)
        many = self.draws("bowl.ebm", "--sampler", "langevin", "--chains", 50, "--steps", 9, "-j", 2)
        self.assertEqual(few.values, many.values[:len(few.values)])

    def test_large_data_is_the_same_for_few_chains_and_many(self):
        """More than caches hold, and neither rows nor columns a multiple of anything."""
        rows, columns = 21001, 53
        self.write("x.npy", Array((rows, columns), [((i * 7919) % 1009 - 504) / 504 for i in range(rows * columns)]))
        self.write("y.npy", Array((rows,), [i * i % 3 % 2 for i in range(rows)], "<i4"))
        self.write("l.ebm", "data X: real[n, d]\ndata y: int[n] in 0..2\n"
                   "energy L(b: real[d]) -> real = sum(softplus(X @ b) - y * (X @ b)) + 0.5 * sqnorm(b)\n")
        run = ("l.ebm", "--data", "X=x.npy", "--data", "y=y.npy", "--sampler", "mala", "--step-size", 1e-5,
               "--steps", 1, "--init", "zeros")
        expected = self.draws(*run, "--chains", 2, "--backend", "interpreter")
        self.assertTrue(all(expected.values))
        for way in (("--chains", 2), ("--chains", 5, "--lanes", 4, "-O", 0), ("--chains", 5, "--lanes", 8), ("--chains", 37)):
            self.assertEqual(self.draws(*run, *way).values[:len(expected.values)], expected.values, way)

    def test_options_that_change_no_bit(self):
        usual = self.draws("bowl.ebm", *RUN, "--steps", 9)
        for more in (("--lanes", 4), ("--lanes=8",), ("-O0",), ("-j", 3), ("--no-cache",),
                     ("--backend", "interpreter")):
            self.assertEqual(self.draws("bowl.ebm", *RUN, "--steps", 9, *more), usual, more)


class Start(Case):
    """With a step size of 0 Langevin draws are the starting points."""

    def setUp(self):
        super().setUp()
        self.write("bowl.ebm", BOWL)

    def start(self, *args, chains=400):
        d = self.draws("bowl.ebm", "--sampler", "langevin", "--step-size", 0, "--chains", chains,
                       "--steps", 1, *args)
        return d.draws([0])

    def test_zeros(self):
        self.assertEqual(set(self.start("--init", "zeros").values), {0.0})

    def test_normal(self):
        for args in ((), ("--init", "normal")):
            v = self.start(*args).values
            mean = sum(v) / len(v)
            var = sum(x * x for x in v) / len(v)
            self.assertLess(abs(mean), 4.5 / math.sqrt(len(v)))
            self.assertLess(abs(var - 1), 4.5 * math.sqrt(2 / len(v)))

    def test_uniform(self):
        v = self.start("--init", "uniform(2, 2.5)").values
        self.assertTrue(all(2 <= x < 2.5 for x in v))
        self.assertLess(abs(sum(v) / len(v) - 2.25), 4.5 * 0.5 / math.sqrt(12 * len(v)))
        self.assertGreater(max(v) - min(v), 0.45)

    def test_a_point_a_chain(self):
        points = Array((5, 3), [float(i) for i in range(15)])
        self.write("p.npy", points)
        self.assertEqual(self.start("--init", "p.npy", chains=5).values, points.values)

    def test_one_point(self):
        self.write("p.npy", Array((3,), [1.0, 2.0, 3.0], "<f8"))
        self.assertEqual(self.start("--init", "p.npy", chains=5).values, [1.0, 2.0, 3.0] * 5)

    def test_points_as_text(self):
        self.write("p.csv", "a,b,c\n1,2,3\n4,5,6\n")
        self.assertEqual(self.start("--init", "p.csv", chains=2).values, [1, 2, 3, 4, 5, 6])

    def test_seed(self):
        one = self.start("--seed", 1)
        self.assertNotEqual(one, self.start("--seed", 2))
        self.assertNotEqual(one, self.start())
        self.assertEqual(self.start(), self.start("--seed", 0))
        self.assertNotEqual(self.start("--seed", 2**64 - 1), self.start())


class Choices(Case):
    def last(self, *args):
        """Where gradient descent from a point ends: a look at the energy."""
        return self.draws(*args, "--sampler", "gradient_descent", "--chains", 1, "--steps", 1,
                          "--step-size", 0.5, "--init", "p.npy").values

    def setUp(self):
        super().setUp()
        self.write("p.npy", Array((2,), [1.0, -2.0]))

    def test_energy(self):
        self.write("two.ebm", "energy Steep(x: real[2]) -> real = sum(x^2)\n"
                              "energy Flat(x: real[2]) -> real = 0.0 * sum(x)\n")
        self.assertEqual(self.last("two.ebm"), [1.0, -2.0])
        self.assertEqual(self.last("two.ebm", "--energy", "Flat"), [1.0, -2.0])
        self.assertEqual(self.last("two.ebm", "--energy", "Steep"), [0.0, 0.0])

    def test_hyperparameters(self):
        self.write("k.ebm", "energy K(x: real[2], k: real = 1.0, j: int = 1) -> real ="
                            " 0.5 * k * sum(x^2) * j\n")
        self.assertEqual(self.last("k.ebm"), [0.5, -1.0])
        self.assertEqual(self.last("k.ebm", "--set", "k=2"), [0.0, 0.0])
        self.assertEqual(self.last("k.ebm", "--set", "k=1 + 3", "--set", "j=2"), [-3.0, 6.0])

    def test_static_parameter(self):
        self.write("s.ebm", "energy S[d = 2](x: real[d]) -> real = sum(x^2)\n")
        shapes = [self.draws("s.ebm", *args, *RUN, "--steps", 1).shape
                  for args in ((), ("-S", "d=5"), ("-Sd=6",), ("--static", "d=2 + 5"))]
        self.assertEqual(shapes, [(17, 1, 2), (17, 1, 5), (17, 1, 6), (17, 1, 7)])

    def test_energy_of_the_library(self):
        self.assertEqual(self.draws("DoubleWell", "-S", "d=100", "--set", "barrier_height=5", *RUN,
                                    "--steps", 2).shape, (17, 2, 100))

    def test_data(self):
        self.write("d.ebm", "data y: real[n, d]\ndata k: int[n] in 0..3\n"
                            "energy D(x: real[d]) -> real ="
                            " 0.5 * sum([for i in 0..n: k[i] * sum((y[i] - x)^2)])\n")
        self.write("y.csv", "5,6\n1,1\n")
        self.write("k.npy", Array((2,), [0, 2], "<i8"))
        self.assertEqual(self.last("d.ebm", "--data", "y=y.csv", "--data", "k=k.npy"), [1.0, 1.0])

    def test_data_without_rows(self):
        self.write("d.ebm", "data y: real[n]\ndata z: real[n]\nenergy D(x: real) -> real = sum((y + z - x)^2)\n")
        self.write("none.npy", Array((0,), []))
        self.write("two.npy", Array((2,), [1.0, 2.0]))
        for y, z in (("none", "none"), ("none", "two"), ("two", "none")):
            said = self.ebmc("d.ebm", *RUN, "--data", f"y={y}.npy", "--data", f"z={z}.npy", "-o", "none", code=3).stderr
            self.assertIn("have the wrong shape: expected real[n], found [0]", said)

    def test_a_condition_a_chain(self):
        self.write("c.ebm", "energy C(x: real[2] ~ normal(real(k), 0.1), given k: int in 0..3,\n"
                            "         given w: real[2]) -> real {\n"
                            "    const centre: real[3, 2] = [[0.0, 0.0], [5.0, 5.0], [-5.0, 5.0]]\n"
                            "    return 0.5 * sum(w * (x - centre[k])^2)\n}\n")
        self.write("w.npy", Array((2,), [1.0, 2.0]))
        run = ("c.ebm", "--sampler", "mala", "--chains", 40, "--data", "w=w.npy", "--data", "k=k.npy")
        alone = []
        for k in range(3):
            self.write("k.npy", Array((), [k], "<i4"))
            alone.append(self.draws(*run, "--steps", 20))
        self.write("k.npy", Array((40,), [c % 3 for c in range(40)], "<i4"))
        together = self.draws(*run, "--steps", 20)
        self.assertEqual(together, self.draws(*run, "--steps", 20, "--backend", "interpreter"))
        for c in range(40):
            self.assertEqual(together[c], alone[c % 3][c])
        self.write("few.npy", Array((4,), [0, 1, 2, 0], "<i4"))
        few = self.draws(*run[:3], "--chains", 4, *run[5:7], "--data", "k=few.npy", "--steps", 20)
        for c in range(4):
            self.assertEqual(few[c], alone[c % 3][c])
        said = self.ebmc(*run[:3], "--chains", 4, *run[5:], "-o", "none", code=3).stderr
        self.assertIn("'k': expected one value, or 4 for so many chains, found 40", said)
        self.write("k.npy", Array((1,), [1], "<i4"))
        self.assertEqual(self.draws(*run, "--steps", 20), alone[1])

    def test_schedule(self):
        self.write("b.ebm", 'import "std/schedules"\nconst h: real = 0.25\n'
                            "energy B(x: real[2]) -> real = 0.5 * sum(x^2)\n")
        run = ("b.ebm", "--sampler", "gradient_descent", "--chains", 1, "--steps", 3,
               "--init", "p.npy")
        d = self.draws(*run, "--step-size", "if t == 1 { 1.0 } else { 2.0 * h }")
        self.assertEqual(d.values[:2], [0.5, -1.0])
        self.assertEqual([abs(v) for v in d.values[2:]], [0.0] * 4)
        self.draws(*run, "--step-size", "cosine(t, 0.03, 0.005, 100)")

    def test_sampler_of_the_file(self):
        d = self.draws(EXAMPLES / "own_sampler.ebm", "--sampler", "random_walk", "--scale", 0.25,
                       "--chains", 8, "--steps", 5)
        self.assertEqual(d.shape, (8, 5, 2))


class Results(Case):
    def setUp(self):
        super().setUp()
        self.write("bowl.ebm", BOWL)
        self.run = ("bowl.ebm", "--sampler", "mala", "--chains", 8, "--steps", 50)

    def test_table(self):
        out = self.ebmc(*self.run, "--seed", 41).stdout
        for row in ("x[0]", "x[1]", "x[2]", "acceptance_rate", "speed", "compile time"):
            self.assertRegex(out, r"(?m)^" + row.replace("[", r"\["))
        self.assertRegex(out, r"(?m)^seed +41$")
        self.assertRegex(out, r"(?m)^draws +draws\.npy \[8 chains, 50 draws, \.\.\.\]$")
        self.assertEqual(npy(self.folder / "draws.npy").shape, (8, 50, 3))

    def test_reports_of_branches_and_loops(self):
        """Means are over the chains, then the draws, that have a value; a later value replaces an earlier one."""
        self.write("some.ebm", """sampler some(E: energy(real[2]), x: real[2]) {
    step {
        x = x + normal_like(x)
        if x[0] > 1 {
            report right = x[0]
        } else if x[1] > 1 {
            report left = x[1]
            report right = -1
        }
        report turn = -1
        for i in 0..3 {
            if x[0] > i {
                report turn = i
            }
        }
        if x[0] > 1000 {
            report never = 1
        }
        report all = x[1]
    }
}

energy E(x: real[2]) -> real = sum(x^2)
""")
        draws = self.draws("some.ebm", "--sampler", "some", "--chains", 20, "--steps", 7, "--init", "zeros")

        def right(x):
            return x[0] if x[0] > 1 else -1 if x[1] > 1 else None

        def left(x):
            return x[1] if x[0] <= 1 and x[1] > 1 else None

        def turn(x):
            return max((i for i in range(3) if x[0] > i), default=-1)

        def mean(of):
            rows = [[v for c in range(20) if (v := of(draws[c, k])) is not None] for k in range(7)]
            return statistics.fmean(statistics.fmean(row) for row in rows if row)

        for backend in ("llvm", "interpreter"):
            figures = json.loads(self.ebmc("some.ebm", "--sampler", "some", "--chains", 20, "--steps", 7, "--init", "zeros",
                                           "--json", "-o", "none", "--backend", backend).stdout)
            for name, of in ("right", right), ("left", left), ("turn", turn), ("all", lambda x: x[1]):
                self.assertAlmostEqual(figures[name], mean(of), delta=1e-6, msg=name)
            self.assertIsNone(figures["never"])
        self.assertRegex(self.ebmc("some.ebm", "--sampler", "some", "--steps", 2, "-o", "none").stdout, r"(?m)^never +-$")

    def test_default_seed_is_printed(self):
        self.assertRegex(self.ebmc(*self.run).stdout, r"(?m)^seed +0$")

    def test_mean_of_the_table(self):
        out = self.ebmc(*self.run).stdout
        row = next(line.split() for line in out.splitlines() if line.startswith("x[1]"))
        v = [draw[1] for chain in npy(self.folder / "draws.npy") for draw in chain]
        self.assertAlmostEqual(float(row[1]), sum(v) / len(v), delta=1e-3)

    def test_summary_prints_the_same_rows(self):
        run = self.ebmc(*self.run).stdout.splitlines()
        again = self.ebmc("summary", "draws.npy").stdout.splitlines()
        self.assertEqual(again, run[:len(again)])
        self.assertEqual(len(again), 4)
        self.ebmc(*self.run, "-o", "draws.csv")
        self.assertEqual(self.ebmc("summary", "draws.csv").stdout.splitlines(), again)

    def test_quiet(self):
        done = self.ebmc(*self.run, "-q")
        self.assertEqual(done.stdout + done.stderr, "")

    def test_none(self):
        out = self.ebmc(*self.run, "-o", "none").stdout
        self.assertIn("x[0]", out)
        self.assertEqual(self.names(), ["bowl.ebm"])

    def test_json(self):
        found = json.loads(self.ebmc(*self.run, "--json", "--warmup", 10).stdout)
        self.assertEqual((found["chains"], found["draws"], found["steps"], found["seed"]),
                         (8, 50, 60, 0))
        self.assertTrue(0 < found["acceptance_rate"] <= 1)
        self.assertGreater(found["chain_steps_per_second"], 0)
        self.assertEqual(found["non_finite_steps"], 0)

    def test_json_without_steps(self):
        found = json.loads(self.ebmc(*self.run, "--json", "--steps", 0).stdout)
        self.assertIsNone(found["acceptance_rate"])

    def test_the_cache_is_used(self):
        self.ebmc(*self.run)
        self.assertTrue(json.loads(self.ebmc(*self.run, "--json").stdout)["from_cache"])
        self.assertFalse(
            json.loads(self.ebmc(*self.run, "--json", "--no-cache").stdout)["from_cache"])

    def test_csv(self):
        whole = self.draws(*self.run)
        self.ebmc(*self.run, "-o", "draws.csv")
        with open(self.folder / "draws.csv", newline="") as f:
            head, *rows = csv.reader(f)
        self.assertEqual(head, ["chain", "draw", "x[0]", "x[1]", "x[2]"])
        self.assertEqual(len(rows), 8 * 50)
        for row in rows[::37]:
            at = whole[int(row[0]), int(row[1])].values
            self.assertEqual(Array((3,), map(float, row[2:])), Array((3,), at))

    def test_npz(self):
        self.write("named.ebm", "energy N(theta: real[3]) -> real = 0.5 * sum(theta^2)\n")
        whole = self.draws("named.ebm", *self.run[1:])
        self.ebmc("named.ebm", *self.run[1:], "-o", "draws.npz")
        self.assertEqual(npz(self.folder / "draws.npz"), {"theta": whole})
        self.assertIn("theta[2]", self.ebmc("summary", "draws.npz").stdout)

    def test_a_file_is_replaced_whole(self):
        self.write("draws.npy", "old")
        self.draws(*self.run)
        self.assertEqual(self.names(), ["bowl.ebm", "draws.npy"])

    def test_many_scalars(self):
        out = self.ebmc("DoubleWell", "-S", "d=30", "--sampler", "langevin", "--chains", 8).stdout
        self.assertIn("... and 6 more", out)


class NotFinite(Case):
    def test_steps_are_counted_and_not_taken(self):
        self.write("nan.ebm", "energy N(x: real[2]) -> real = sum(log(x))\n")
        self.write("p.npy", Array((2, 2), [0.0, 1.0, 1.0, 1.0]))
        run = ("nan.ebm", "--sampler", "gradient_descent", "--chains", 2, "--steps", 3,
               "--init", "p.npy", "--step-size", 0.1)
        out = self.ebmc(*run).stdout
        self.assertRegex(out, r"(?m)^non-finite steps +3 in 1 chains, first at step 0 of chain 0;")
        self.assertEqual(npy(self.folder / "draws.npy")[0].values, [0.0, 1.0] * 3)
        self.assertEqual(json.loads(self.ebmc(*run, "--json").stdout)["non_finite_steps"], 3)


if __name__ == "__main__":
    main()
