#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs programs in IR text, derivatives expanded, and compares their numbers.

usage: run_programs.py [--bless] PASS_TOOL IR_TOOL PROGRAM.ir...

The first line of a program is a comment with ir_tool's arguments: `# run`, `# sample 3 200 step_size=0.3`.  What it
must print stands in PROGRAM.out.  The text must also verify, and print the same after being read again.
"""
import difflib
import pathlib
import subprocess
import sys


def call(args, text):
    done = subprocess.run(args, input=text, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise ValueError(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check(pass_tool, ir_tool, path, bless):
    """What is wrong with the program; nothing when all is well."""
    text = path.read_text()
    printed = call([ir_tool, "print"], text)
    if call([ir_tool, "print"], printed) != printed:
        return "printing it twice gives two texts"
    args = text.split("\n", 1)[0].removeprefix("# ").split()
    got = call([ir_tool, *args], call([pass_tool, "middle"], text))
    expected = path.with_suffix(".out")
    if bless:
        expected.write_text(got)
    want = expected.read_text()
    return "\n".join(difflib.unified_diff(want.split("\n"), got.split("\n"), "expected", "actual", lineterm=""))


def main(args):
    bless = args[:1] == ["--bless"]
    pass_tool, ir_tool, *paths = args[bless:]
    failed = 0
    for path in map(pathlib.Path, paths):
        try:
            wrong = check(pass_tool, ir_tool, path, bless)
        except ValueError as error:
            wrong = str(error)
        if wrong:
            failed += 1
            print(f"FAIL {path.name}: {wrong}")
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
