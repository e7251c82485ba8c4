#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the documentation to what the program does.

    check_docs.py [--update] --ebmc PROGRAM [--library FILE] [--cc COMPILER] ROOT [PAGE...]

Every fenced block of a page (README.md and docs/*.md, or those given) whose language is one
of these is checked:

    ```ebm                a complete file: `ebmc check` finds no error, `ebmc fmt` changes nothing
    ```ebm NAME.ebm       ... and the page's later commands find it under that name
    ```ebm NAME.ebm wrong ... `ebmc check` finds an error
    ```console            lines after `$ ` are run, and print what follows them; a backslash at a
                          line's end continues the command
    ```c                  a C program: compiled with the library, run, must return 0

Other blocks (```sh, ```text) are not run.  A page's files lie in one folder, in which
`examples` is the project's.  In what is printed, numbers that say how fast something was
differ from run to run: lines that begin with a word of TIMED need only begin alike.

Links to files of the project must lead somewhere.  --update writes what the commands print,
and the canonical layout, into the pages: read the diff.
"""
import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(ebm|console|c)(?: ([^\n]+))?\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)\s]*)?\)")
SOURCE = re.compile(r'<(?:img|source)[^>]* src(?:set)?="([^":]+)"')
TIMED = ("speed", "compile time", "processor", "vectors", "threads", "memory")
LIMIT = 300  # seconds for one command


class Checker:
    def __init__(self, options):
        self.options = options
        self.problems = []
        self.passed = 0

    def run(self, command, folder):
        tools = str(pathlib.Path(self.options.ebmc).resolve().parent)
        environment = dict(os.environ, PATH=tools + os.pathsep + os.environ["PATH"],
                           EBM_CACHE_DIR=str(pathlib.Path(folder) / ".cache"), LC_ALL="C.UTF-8")
        try:
            return subprocess.run(["bash", "-c", command], cwd=folder, env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=LIMIT, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, f"no end within {LIMIT} s\n")

    def report(self, place, words, detail=""):
        self.problems.append(f"{place}: {words}\n{detail}".rstrip())

    # Each kind of block: gives the text that should stand there.

    def ebm(self, place, words, text, folder):
        name = words[0] if words else "block.ebm"
        wrong = words[1:] == ["wrong"]
        (pathlib.Path(folder) / name).write_text(text, encoding="utf-8")
        done = self.run(f"ebmc check {name}", folder)
        if (done.returncode != 0) != wrong:
            self.report(place, "no error found" if wrong else "ebmc check:", done.stdout)
        if wrong:
            return text
        laid_out = self.run(f"ebmc fmt {name}", folder)
        if laid_out.returncode == 0 and laid_out.stdout != text and not self.options.update:
            self.report(place, "the canonical layout differs:", difference(text, laid_out.stdout))
        return laid_out.stdout if laid_out.returncode == 0 else text

    def console(self, place, words, text, folder):
        written = []
        for command, expected in commands_of(text):
            done = self.run(command.replace("\\\n", " "), folder)
            printed = done.stdout if not done.stdout or done.stdout.endswith("\n") \
                else done.stdout + "\n"
            if not alike(expected, printed) and not self.options.update:
                self.report(place, f"$ {command}", difference(expected, printed))
            keep = expected if alike(expected, printed) else printed
            written.append("$ " + command + "\n" + keep)
        return "".join(written)

    def c(self, place, words, text, folder):
        if not self.options.library:
            return text
        library = pathlib.Path(self.options.library).resolve()
        (pathlib.Path(folder) / "block.c").write_text(text, encoding="utf-8")
        include = pathlib.Path(self.options.root).resolve() / "include"
        done = self.run(f"{self.options.cc} -std=c99 -Wall -Werror -I '{include}' block.c -o block "
                        f"'{library}' -Wl,-rpath,'{library.parent}' -lm && ./block", folder)
        if done.returncode:
            self.report(place, "the C program:", done.stdout)
        return text

    def page(self, path):
        text = path.read_text(encoding="utf-8")
        root = pathlib.Path(self.options.root).resolve()
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "examples").symlink_to(root / "examples")

            def block(match):
                line = text.count("\n", 0, match.start()) + 1
                before = len(self.problems)
                words = (match[2] or "").split()
                body = getattr(self, match[1])(f"{path}:{line}", words, match[3], folder)
                self.passed += len(self.problems) == before
                return match[0][:match.start(3) - match.start()] + body + "```"

            updated = FENCE.sub(block, text)
        if self.options.update and updated != text:
            path.write_text(updated, encoding="utf-8")
        for pattern in (LINK, SOURCE):
            for link in pattern.finditer(text):
                if not (path.parent / link[1]).exists():
                    line = text.count("\n", 0, link.start()) + 1
                    self.report(f"{path}:{line}", f"nothing at '{link[1]}'")


def commands_of(text):
    """(command, what it prints) of a console block."""
    found = re.findall(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", text, re.M)
    if not found:
        raise SystemExit("a console block without a command:\n" + text)
    return found


def alike(expected, printed):
    one, two = expected.split("\n"), printed.split("\n")
    return len(one) == len(two) and all(
        a == b or any(a.startswith(t) and b.startswith(t) for t in TIMED)
        for a, b in zip(one, two))


def difference(expected, printed):
    return "\n".join(difflib.unified_diff(expected.split("\n"), printed.split("\n"),
                                          "in the page", "actual", lineterm=""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--ebmc", required=True)
    parser.add_argument("--library")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("root")
    parser.add_argument("pages", nargs="*")
    options = parser.parse_args()
    root = pathlib.Path(options.root)
    pages = [pathlib.Path(p) for p in options.pages] or \
        [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    checker = Checker(options)
    for page in pages:
        checker.page(page)
    print("\n\n".join(checker.problems))
    print(f"{checker.passed} passed, {len(checker.problems)} failed")
    return bool(checker.problems)


if __name__ == "__main__":
    sys.exit(main())
