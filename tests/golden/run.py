#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs golden files: text in, text out, compared exactly.

A golden file is a list of cases.  A case is a title with the arguments for the
program, the input, a line of three dashes, and the output (standard output, then
standard error):

    == a sum :: dump
    fn f(x: real) -> real = x + 0
    ---
    (file
      (fn f ((x real)) real (= (+ x 0))))

An argument `@` stands for a temporary file `input.ebm` that holds the input (the program
runs in its folder); without one the input is standard input.  From a line `>> NAME` on, the
input is that of another file there.  Arguments are split as a shell does.  A non-zero exit status is
written as a last line, `exit 1`.  In the input, a line of `== ` or `---` cannot stand, and
`\\x00` to `\\xff` is a byte and `\\x61{1000}` a thousand of them.  Before the first case, lines that begin with `#` are comments.

`run.py [--bless] PROGRAM FILE...`; --bless rewrites the outputs: read the diff before
committing it.
"""
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

CASE = re.compile(r"^== (?P<title>[^\n]*?)(?: :: (?P<args>[^\n]*))?\n"
                  r"(?P<input>.*?)^---\n(?P<output>.*?)\n*(?=^== |\Z)", re.M | re.S)
FILE = re.compile(rb"^>> (\S+)\n", re.M)
BYTE = re.compile(rb"\\x([0-9a-f]{2})(?:\{(\d+)\})?")


def actual(program, case):
    data = BYTE.sub(lambda m: bytes([int(m[1], 16)]) * int(m[2] or 1), case["input"].encode())
    args = shlex.split(case["args"] or "")
    data, *files = FILE.split(data)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in zip([b"input.ebm", *files[::2]], [data, *files[1::2]]):
            with open(os.path.join(folder, name.decode()), "wb") as f:
                f.write(content)
        done = subprocess.run([program, *("input.ebm" if a == "@" else a for a in args)],
                              input=b"" if "@" in args else data, cwd=folder,
                              env=dict(os.environ, EBM_CACHE_DIR=folder),
                              capture_output=True, timeout=60)
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}\n" + done.stderr.decode(errors="replace")
    text = (done.stdout + done.stderr).decode(errors="backslashreplace").rstrip("\n")
    return text + (f"\nexit {done.returncode}" if done.returncode else "")


def run(program, path, bless):
    """The numbers of cases that passed and failed."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    passed = failed = 0

    def check(case):
        nonlocal passed, failed
        got = actual(program, case)
        if got == case["output"]:
            passed += 1
        elif not bless:
            failed += 1
            print(f"FAIL {path}: {case['title']}")
            print(*difflib.unified_diff(case["output"].split("\n"), got.split("\n"),
                                        "expected", "actual", lineterm=""), sep="\n")
        return case[0][:case.start("output") - case.start()] + got + "\n\n"

    blessed = CASE.sub(check, text)
    if bless:
        with open(path, "w", encoding="utf-8") as f:
            f.write(blessed.rstrip() + "\n")
    return passed, failed


def main(args):
    bless = args[:1] == ["--bless"]
    program, *paths = args[bless:]
    counts = [run(os.path.abspath(program), path, bless) for path in paths]
    passed, failed = (sum(n) for n in zip(*counts)) if counts else (0, 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed + failed == 0 and not bless else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
