#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_counts [--bless] EMIT_KERNEL COUNTS.json -- how many LLVM instructions the programs of the library become.

COUNTS.json holds, for each energy and sampler, the instructions of the sampling loop's function and of the whole module, for
AVX-512 with 16 lanes. More than a tenth above either is a failure; --bless writes what is found.
"""
import json
import re
import subprocess
import sys

CEILING = 1.10


def count(text):
    """Instructions in @sample and in all functions: the indented lines of their bodies, operands of a switch left out."""
    inside, counts = None, {}
    for line in text.splitlines():
        start = re.match(r"define .*@(\w+)\(", line)
        if start:
            inside = start.group(1)
        elif line == "}":
            inside = None
        elif inside and re.match(r"  [%a-z]", line):
            counts[inside] = counts.get(inside, 0) + 1
    return {"sample": counts.get("sample", 0), "all": sum(counts.values())}


def main():
    bless = "--bless" in sys.argv
    tool, golden = [a for a in sys.argv[1:] if a != "--bless"]
    done = subprocess.run([tool, "llvm"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{tool}: exit status {done.returncode}")
    programs = re.split(r"^program: (.*)\n", done.stdout, flags=re.M)[1:]
    found = {name: count(text) for name, text in zip(programs[::2], programs[1::2])}
    if bless:
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
        open(golden, "w").write("{\n" + rows + "\n}\n")
        return 0
    wanted = json.load(open(golden))
    failures = [f"{name}: not in {golden}" for name in found if name not in wanted]
    failures += [f"{name}: cannot be compiled any more" for name in wanted if name not in found]
    for name in sorted(set(found) & set(wanted)):
        for part, n in found[name].items():
            if n > CEILING * wanted[name][part] or n == 0:
                failures.append(f"{name}: {n} instructions in {part}, were {wanted[name][part]}")
    total = sum(c["all"] for c in found.values()) / sum(c["all"] for c in wanted.values())
    print(f"{len(found)} programs, {total:.1%} of the instructions there were")
    for failure in failures:
        print("FAIL", failure)
    return 1 if failures else 0


sys.exit(main())
