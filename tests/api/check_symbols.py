#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails unless libebm exports exactly the functions of symbols.txt, and ebm.h declares them.

check_symbols.py LIBRARY HEADER SYMBOLS"""
import pathlib
import re
import subprocess
import sys

library, header, listed = sys.argv[1:]
nm = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True)
exported = {line.split()[-1] for line in nm.stdout.splitlines()}
text = pathlib.Path(header).read_text()
declared = {re.search(r"(ebm_\w+)\(", d).group(1) for d in re.findall(r"^EBM_API[^;]*;", text, re.M)}
expected = set(pathlib.Path(listed).read_text().split())
for name, found in ("library", exported), ("header", declared):
    for symbol in sorted(found - expected):
        print(f"{symbol}: in the {name}, not in the list")
    for symbol in sorted(expected - found):
        print(f"{symbol}: in the list, not in the {name}")
sys.exit(exported != expected or declared != expected)
