#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_diags.py ROOT -- every message of base/diag.def stands in a golden file.

A message is known by its code in brackets, as it is printed: `[unknown_name]`.
"""
import pathlib
import re
import sys

UNPROVOKED = {"backend_failed"}  # failures of LLVM's own, which no program should cause


def main(root):
    root = pathlib.Path(root)
    codes = re.findall(r"^DIAG\((\w+),", (root / "base/diag.def").read_text(), re.M)
    golden = "".join(p.read_text(encoding="utf-8") for p in (root / "tests/golden").glob("*.txt"))
    shown = set(re.findall(r"\[(\w+)\]$", golden, re.M))
    missing = [code for code in codes if code not in shown | UNPROVOKED]
    for code in missing:
        print(f"base/diag.def: no golden file shows '{code}'")
    print(f"{len(codes) - len(missing)} of {len(codes)} messages are shown")
    return bool(missing) or not codes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
