#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that print text: --emit, opt, check, fmt, doc, --help, cache, doctor."""
import re

from cli import Case, EXAMPLES, ROOT, main

SOURCES = sorted([*EXAMPLES.glob("*.ebm"), *(ROOT / "stdlib").glob("*.ebm")])
DATA = ("--data", f"X={EXAMPLES}/data/X.csv", "--data", f"y={EXAMPLES}/data/y.csv")


class Stages(Case):
    FIRST = {"ast": "(file", "ir": "func @start(", "grad": "func @start(", "loops": "func @start(",
             "llvm": "; ModuleID", "asm": "\t.text"}

    def test_every_stage(self):
        for stage, first in self.FIRST.items():
            out = self.ebmc("DoubleWell", "--sampler", "mala", "--emit", stage).stdout
            self.assertTrue(out.startswith(first), f"{stage}: {out[:40]}")
            self.assertTrue(out.endswith("\n"), stage)
        self.assertEqual(self.names(), [])

    def test_of_eval(self):
        out = self.ebmc("eval", "DoubleWell", "--emit", "ir").stdout
        self.assertIn("func @eval(", out)
        self.assertNotIn("func @step(", out)

    def test_each_stage_is_read_again(self):
        for example in EXAMPLES.glob("*.ebm"):
            more = DATA if example.stem == "logistic_regression" else ()
            sampler = "random_walk" if example.stem == "own_sampler" else "langevin"
            for stage in ("ir", "grad", "loops"):
                text = self.ebmc(example, "--sampler", sampler, *more, "--emit", stage).stdout
                again = self.ebmc("opt", "--passes=", "-", stdin=text.encode()).stdout
                self.assertEqual(again, text, f"{example.name} {stage}")

    def test_passes_one_by_one(self):
        self.write("m.ir", self.ebmc("Funnel", "-S", "d=3", "--sampler", "hmc", "--emit", "ir").stdout)
        text = "m.ir"
        for i, name in enumerate(("derive", "inline", "simplify", "fma")):
            out = self.ebmc("opt", "--passes", name, text).stdout
            text = self.write(f"{i}.ir", out)
        together = self.ebmc("opt", "--passes", "derive,inline,simplify,fma", "m.ir").stdout
        self.assertEqual(together, out)
        self.assertNotIn("vjp", out)
        stopped = self.ebmc("opt", "--passes", "derive,inline,simplify,fma", "--stop", "inline", "m.ir").stdout
        self.assertEqual(stopped, (self.folder / "1.ir").read_text())

    def test_log_of_passes(self):
        self.write("m.ir", self.ebmc("DoubleWell", "--sampler", "langevin", "--emit", "ir").stdout)
        done = self.ebmc("opt", "--passes", "derive,inline", "--time", "--print", "m.ir")
        self.assertIn("derive", done.stderr)
        self.assertIn("inline", done.stderr)
        self.assertIn("func @step(", done.stderr)

    def test_shared_terms_of_a_sum(self):
        """A sum over the batch of what is doubled sixty times has few nodes and 2^60 terms."""
        doubled = "".join(f"%{i + 1} = add %{i}, %{i}\n" for i in range(5, 65))
        self.write("m.ir", """func @train(%1: f32[8] point chain "x", %2: f32[8] point chain "y") {
            %3: f32[8, 8] = broadcast[0] %1
            %4: f32[8, 8] = broadcast[1] %2
            %5 = mul %3, %4
            """ + doubled + """%66 = batch_sum[16] %65
            yield %66 "w" memory }""")
        self.assertLess(len(self.ebmc("opt", "--passes", "gather", "m.ir", limit=20).stdout), 1 << 20)


class Sources(Case):
    def test_examples_are_right(self):
        for path in EXAMPLES.glob("*.ebm"):
            done = self.ebmc("check", path)
            self.assertEqual(done.stdout + done.stderr, "", path)

    def test_layout_stays(self):
        for path in SOURCES:
            self.write("once.ebm", self.ebmc("fmt", path).stdout)
            self.ebmc("fmt", "--check", "once.ebm")
            self.ebmc("check", "once.ebm")

    def test_layout_in_place(self):
        crooked = "# kept\nenergy   E( x:real[2] )->real=\n  sum( x^2 )  # so\n"
        self.write("e.ebm", crooked)
        self.assertEqual(self.ebmc("fmt", "--check", "e.ebm", code=1).stdout, "e.ebm would change\n")
        self.assertEqual((self.folder / "e.ebm").read_text(), crooked)
        self.ebmc("fmt", "-w", "e.ebm")
        straight = (self.folder / "e.ebm").read_text()
        self.assertNotEqual(straight, crooked)
        self.assertTrue("# kept" in straight and "# so" in straight)
        self.ebmc("fmt", "--check", "e.ebm")
        self.assertEqual(self.names(), ["e.ebm"])

    def test_mistakes_leave_the_file_alone(self):
        self.write("e.ebm", "energy (\n")
        self.ebmc("fmt", "--write", "e.ebm", code=1)
        self.assertEqual((self.folder / "e.ebm").read_text(), "energy (\n")

    def test_check_of_standard_input(self):
        self.ebmc("check", "-", stdin=b"energy E(x: real[2]) -> real = sum(x)\n")
        self.assertIn("[elab_unknown_name]",
                      self.ebmc("check", "-", stdin=b"energy E(x: real) -> real = y\n", code=1).stderr)

    def test_imports_beside_the_file(self):
        self.write("a.ebm", "fn half(x: real) -> real = 0.5 * x\n")
        self.write("b.ebm", 'import "a.ebm"\nenergy E(x: real) -> real = half(x^2)\n')
        self.ebmc("check", "b.ebm")
        self.assertEqual(self.ebmc("b.ebm", "--sampler", "langevin", "-q", "-o", "none").stdout, "")


class Manual(Case):
    def declarations(self):
        out = self.ebmc("doc").stdout
        return re.findall(r"(?m)^  (\w+) +(\w+)", out)

    def test_every_declaration_has_a_page(self):
        found = self.declarations()
        self.assertGreater(len(found), 50)
        for kind, name in found:
            page = self.ebmc("doc", name).stdout
            self.assertRegex(page, rf"(?m)^{kind} {name}\b")

    def test_the_library_is_there(self):
        names = {name for _, name in self.declarations()}
        for name in ("DoubleWell Gaussian Harmonic Rosenbrock Ackley Rastrigin GaussianMixture ManyWell"
                     " Funnel Himmelblau StyblinskiTang Linear MLP langevin mala hmc gradient_descent"
                     " nesterov constant linear cosine exponential_decay multi_step warmup").split():
            self.assertIn(name, names)

    def test_energies_and_samplers_are_described(self):
        for kind, name in self.declarations():
            if kind in ("energy", "sampler"):
                self.assertRegex(self.ebmc("doc", name).stdout, r"(?m)^  \S", name)

    def test_page_of_a_file(self):
        out = self.ebmc("doc", EXAMPLES / "own_sampler.ebm").stdout
        self.assertIn("energy Ring -> real\n", out)
        self.assertIn("sampler random_walk\n  Proposes", out)
        self.assertRegex(out, r"scale +real > 0 = 0\.5")

    def test_help_of_a_sampler(self):
        out = self.ebmc("DoubleWell", "--sampler", "hmc", "--help").stdout
        self.assertRegex(out, r"(?m)^  --step-size +real > 0 = 0\.1$")
        self.assertRegex(out, r"(?m)^  --n-leapfrog-steps +int > 0 = 10$")
        self.assertRegex(out, r"(?m)^  --mass .*\n +of each coordinate")
        self.assertRegex(out, r"(?m)^  barrier_height +real")
        self.assertRegex(out, r"(?m)^  -n, --chains N")

    def test_help_of_a_file(self):
        out = self.ebmc(EXAMPLES / "own_sampler.ebm", "--sampler", "random_walk", "--help").stdout
        self.assertRegex(out, r"(?m)^  radius +real > 0 = 2\.0$")
        self.assertRegex(out, r"(?m)^  --scale +real > 0 = 0\.5$")

    def test_help_of_an_unknown_sampler(self):
        done = self.ebmc("DoubleWell", "--sampler", "hmcc", "--help", code=2)
        self.assertIn("did you mean 'hmc'?", done.stderr)

    def test_every_command_has_help(self):
        commands = re.findall(r"(?m)^  ebmc (\w+)", self.ebmc("--help").stdout)
        self.assertEqual(commands, "eval train check fmt doc opt summary cache doctor".split())
        for command in commands:
            self.assertIn("usage: ebmc " + command, self.ebmc(command, "--help").stdout)

    def test_options_are_documented(self):
        page = (ROOT / "docs/command-line.md").read_text()
        for text in [self.ebmc("--help").stdout, self.ebmc("eval", "--help").stdout,
                     self.ebmc("train", "--help").stdout, self.ebmc("opt", "--help").stdout, self.ebmc("fmt", "--help").stdout]:
            for option in re.findall(r"(?m)^ .{2,5}--([a-z-]+)", text):
                self.assertRegex(page, f"--{option}\\b")

    def test_exit_codes_are_documented(self):
        page = (ROOT / "docs/command-line.md").read_text()
        codes = re.findall(r"(?m)^ +EXIT_\w+ = (\d+)", (ROOT / "tools/args.h").read_text())
        self.assertEqual(re.findall(r"(?m)^\| (\d+) \|", page), codes)

    def test_version(self):
        self.assertRegex(self.ebmc("--version").stdout, r"^ebmc \d+\.\d+\.\d+\n$")

    def test_doctor(self):
        out = self.ebmc("doctor").stdout
        for word in ("ebmc", "processor", "vectors", "threads", "memory", "compiler"):
            self.assertRegex(out, rf"(?m)^{word} +\S")

    def test_measured_speed_gives_tables_a_limit(self):
        mine = dict(self.environment(), EBM_CACHE_DIR=str(self.folder / "measured"))
        self.environment = lambda: mine
        run = ("DoubleWell", "--sampler", "hmc", "--steps", 50, "-o", "none")
        self.assertIn("speed         not measured", self.ebmc("doctor").stdout)
        self.assertNotIn("limit", self.ebmc(*run).stdout)
        self.assertIn('"fraction_of_limit": null', self.ebmc(*run, "--json").stdout)
        self.assertRegex(self.ebmc("doctor", "--measure").stdout, r"(?m)^speed +[\d.]+ Gflop/s in f32, [\d.]+ in f64, of 1 thread$")
        self.assertRegex(self.ebmc(*run).stdout, r"(?m)^ +\d+ % of this machine's limit$")
        self.assertRegex(self.ebmc(*run, "--json").stdout, r'"fraction_of_limit": 0\.\d+')
        self.ebmc("cache", "clear")
        self.assertIn("Gflop/s", self.ebmc("doctor").stdout)


class Cache(Case):
    def test_filled_and_cleared(self):
        mine = dict(self.environment(), EBM_CACHE_DIR=str(self.folder / "kernels"))
        self.environment = lambda: mine
        self.assertRegex(self.ebmc("cache").stdout, r"^0 kernels, 0 bytes of at most \d+, in ")
        self.ebmc("DoubleWell", "--sampler", "langevin", "-o", "none", "-q")
        self.assertRegex(self.ebmc("cache", "info").stdout, r"^1 kernel, [1-9]\d* bytes")
        self.ebmc("DoubleWell", "--sampler", "langevin", "-o", "none", "-q", "--no-cache", "-O0")
        self.assertRegex(self.ebmc("cache").stdout, r"^1 kernel")
        self.assertRegex(self.ebmc("cache", "clear").stdout, r"^removed 1 kernel,")
        self.assertRegex(self.ebmc("cache").stdout, r"^0 kernels")

    def test_damaged_kernels_are_made_anew(self):
        folder = self.folder / "kernels"
        mine = dict(self.environment(), EBM_CACHE_DIR=str(folder))
        self.environment = lambda: mine
        run = ("DoubleWell", "--sampler", "langevin", "--steps", 5, "--chains", 5)
        first = self.draws(*run)
        path = max(folder.rglob("*"), key=lambda p: p.is_file() and p.stat().st_size)
        whole = path.read_bytes()
        for damaged in (whole[:100], b"", whole[:-1] + bytes([whole[-1] ^ 1]),
                        whole[:200] + bytes(64) + whole[264:]):
            path.write_bytes(damaged)
            self.assertEqual(self.draws(*run), first)
            self.assertEqual(path.read_bytes(), whole)

    def test_no_place_for_the_cache(self):
        mine = dict(self.environment(), EBM_CACHE_DIR="/dev/null/none")
        self.environment = lambda: mine
        self.draws("DoubleWell", "--sampler", "langevin", "--steps", 1, "--chains", 1)


if __name__ == "__main__":
    main()
