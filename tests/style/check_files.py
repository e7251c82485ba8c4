#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on what a reader of the tree would trip over: missing licences, long files and functions, banned calls."""
import pathlib
import re
import sys

FOLDERS = ["base", "ir", "frontend", "passes", "backends", "runtime", "api", "tools", "include", "bench", "tests"]
CODE = {".c", ".h", ".y", ".l", ".def", ".inc"}
LICENSED = CODE | {".py", ".ebm"}
MAX_FILE, MAX_FUNCTION = 900, 100
BANNED = re.compile(r"\b(sprintf|strcpy|strcat|gets|strtok|abort|exit)\s*\(")
MAY_EXIT = ("tools/", "tests/", "bench/")
ABSOLUTE = re.compile(r'["\s](/work/|/home/|/root/|/tmp/)')


def functions(lines):
    """(first line, length) of each function body at the left margin."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number - start
            start = None


def problems(root, path):
    name, text = path.relative_to(root).as_posix(), path.read_text(errors="replace")
    lines = text.split("\n")
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(lines[:3]):
        yield f"{name}: no SPDX line"
    if path.suffix not in CODE:
        return
    if len(lines) > MAX_FILE:
        yield f"{name}: {len(lines)} lines"
    for start, length in functions(lines):
        if length > MAX_FUNCTION and path.suffix == ".c":
            yield f"{name}:{start}: a function of {length} lines"
    for number, line in enumerate(lines, 1):
        if BANNED.search(line) and not name.startswith(MAY_EXIT) and not line.lstrip().startswith("*"):
            yield f"{name}:{number}: {line.strip()}"
        if ABSOLUTE.search(line) and not name.startswith("tests/"):
            yield f"{name}:{number}: an absolute path"


def main(root):
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in LICENSED and "corpus" not in path.parts:
                found += problems(root, path)
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
