#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/ir.md does not have a row of the table of operations.  usage: check_docs.py IR_TOOL docs/ir.md"""
import subprocess
import sys

rows = subprocess.run([sys.argv[1], "ops"], capture_output=True, text=True, check=True).stdout.split("\n")
with open(sys.argv[2], encoding="utf-8") as f:
    have = set(f.read().split("\n"))
missing = [row for row in rows if row and row not in have]
print("\n".join(missing))
sys.exit(bool(missing))
