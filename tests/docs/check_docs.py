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
`examples` is the project's.  What is printed is compared exactly, but for two things: lines
that begin with a word of TIMED need only begin alike, and the statistics of draws may differ
by a few Monte Carlo standard errors, so that another formula for the same distribution is no
error of the documentation.

Links to files of the project must lead somewhere, docs/language.md names every declaration of
the library, docs/command-line.md every option.  --update writes what the commands print,
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
HEADING = re.compile(r"^#+ (.*)$", re.M)
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s:]*)(?:#([^)\s]*))?\)")
SOURCE = re.compile(r'<(?:img|source)[^>]* src(?:set)?="([^":]+)"')
TIMED = ("speed", "compile time", "non-finite steps", "processor", "vectors", "threads", "memory")
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
        self.links(path, CODE.sub(lambda m: re.sub("[^\n]", " ", m[0]), text))

    def links(self, path, text):
        for link in [*LINK.finditer(text), *SOURCE.finditer(text)]:
            target = path.parent / link[1] if link[1] else path
            anchor = link[2] if link.re is LINK else None
            if not target.exists() or (anchor and anchor not in anchors(target)):
                line = text.count("\n", 0, link.start()) + 1
                self.report(f"{path}:{line}", f"nothing at '{link[1]}#{anchor or ''}'")

    def complete(self, page, commands, pattern):
        """Every name that `pattern` finds in what the commands print stands in the page."""
        known = set(re.findall(r"[\w-]+", page.read_text(encoding="utf-8")))
        for command in commands:
            for name in re.findall(pattern, self.run(command, ".").stdout, re.M):
                if name not in known:
                    self.report(page, f"nothing about '{name}', which `{command}` has")


def anchors(path):
    """Of a page's headings, as GitHub makes them."""
    text = CODE.sub("", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(text)}


def commands_of(text):
    """(command, what it prints) of a console block."""
    found = re.findall(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", text, re.M)
    if not found:
        raise SystemExit("a console block without a command:\n" + text)
    return found


def alike(expected, printed):
    one, two = expected.split("\n"), printed.split("\n")
    return len(one) == len(two) and all(map(alike_lines, one, two))


def alike_lines(a, b):
    return a == b or any(a.startswith(t) and b.startswith(t) for t in TIMED) or \
        alike_statistics(a.split(), b.split())


def alike_statistics(a, b):
    """Rows of the table (name, mean, sd, 5%, 50%, 95%, mcse, ess_bulk, ess_tail, r_hat), or a
    report (name, mean)."""
    if len(a) != len(b) or len(a) not in (2, 10) or a[0] != b[0] or \
            any((x == "-") != (y == "-") for x, y in zip(a, b)):
        return False
    try:
        one, two = ([float(w) if w != "-" else 0.0 for w in line[1:]] for line in (a, b))
    except ValueError:
        return False
    if len(one) == 1:
        return abs(one[0] - two[0]) <= 0.02
    sd, error = one[1], 8 * one[5] if a[6] != "-" else 0.2 * one[1]
    near = [abs(x - y) for x, y in zip(one, two)]
    return near[0] <= error and max(near[1], near[2], near[4]) <= 0.1 * sd + error and \
        near[3] <= 2 * sd and all(x <= 2 * y and y <= 2 * x for x, y in zip(one[5:8], two[5:8])) \
        and near[8] <= 0.2


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
    for page in pages:
        if page.name == "language.md":
            checker.complete(page, ["ebmc doc"], r"^  \w+ +(\w+)")
        if page.name == "command-line.md":
            checker.complete(page, [f"ebmc {c} --help" for c in
                                    ("sample", "eval", "check", "fmt", "doc", "opt", "summary",
                                     "cache", "doctor")], r"^ .{5}(--[\w-]+)")
    print("\n\n".join(checker.problems))
    print(f"{checker.passed} passed, {len(checker.problems)} failed")
    return bool(checker.problems)


if __name__ == "__main__":
    sys.exit(main())
