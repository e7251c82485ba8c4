#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a module includes one that it must not know."""
import pathlib
import re
import sys

COMPILER = {"frontend", "passes", "backends"}
MAY_INCLUDE = {
    "base": set(),
    "ir": {"base"},
    "frontend": {"base", "ir"},
    "passes": {"base", "ir"},
    "backends": {"base", "ir"},
    "runtime": {"base"},
    "api": {"base", "ir", "runtime", "stdlib"} | COMPILER,
    "tools": set(),
}
EVERYONE = {"ebm"}  # the public header
SHARED = {("backends", "runtime/kernel.h")}  # the kernel ABI is all that a back end sees of the runtime
ONLY_IN = {r"llvm-c/": "backends/llvm/", r"cuda|nvrtc": "backends/cuda/"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)', re.M)
SOURCES = {".c", ".h", ".y", ".l", ".def", ".inc"}


def broken(name, target):
    module, used = name.split("/")[0], target.split("/")[0]
    if module in MAY_INCLUDE and used in MAY_INCLUDE and used != module:
        if used not in MAY_INCLUDE[module] and (module, target) not in SHARED:
            yield f"{name}: '{module}' may not include '{target}'"
    for pattern, home in ONLY_IN.items():
        if re.match(pattern, target) and not name.startswith(home):
            yield f"{name}: '{target}' belongs to {home} alone"


def violations(root):
    for module in MAY_INCLUDE:
        for path in sorted(p for p in (root / module).rglob("*") if p.suffix in SOURCES):
            name = path.relative_to(root).as_posix()
            for target in INCLUDE.findall(path.read_text()):
                yield from broken(name, target)


if __name__ == "__main__":
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(bool(found))
