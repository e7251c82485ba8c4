#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_assembly EMIT_KERNEL SOURCE_ROOT -- what the assembly of the two hottest kernels must not hold, for AVX-512.

No call but of the module's own functions, and no gather. Of the innermost loops of the sampling function, those of products write no
vector to the stack, and others one in fifty instructions at most.
"""
import pathlib
import re
import subprocess
import sys


def functions(text):
    """Lines of each function by its name."""
    out, name = {}, None
    for line in text.splitlines():
        start = re.match(r"([A-Za-z_]\w*):", line)
        if start:
            name = start.group(1)
        out.setdefault(name, []).append(line)
    return out


def inner_loops(lines):
    """Bodies of loops that hold no other: from a label to the last jump back to it."""
    label, spans = {}, []
    for i, line in enumerate(lines):
        target = re.match(r"(\.L\w+):", line)
        jump = re.match(r"\s+j\w+\s+(\.L\w+)", line)
        if target:
            label[target.group(1)] = i
        if jump and jump.group(1) in label:
            spans.append((label[jump.group(1)], i))
    inner = [s for s in spans if not any(s != t and s[0] <= t[0] and t[1] <= s[1] for t in spans)]
    return [lines[a:b + 1] for a, b in inner]


def check(name, text):
    """Failures in words."""
    parts = functions(text)
    own = {f for f in parts if f}
    calls = {m.group(1) for m in re.finditer(r"^\s+(?:callq?|jmpq?)\s+(?!\.L)(\S+)", text, re.M)}
    failures = [f"{name}: calls {c}" for c in sorted(calls - own)]
    failures += [f"{name}: gathers, {line.strip()}" for line in text.splitlines() if re.match(r"\s+v\w*gather", line)]
    loops = inner_loops(parts.get("sample", []))
    work = [loop for loop in loops if sum("vfmadd" in line or "vfnmadd" in line for line in loop) >= 8]
    if not work:
        failures.append(f"{name}: no loop with multiply-adds found")
    for loop in work:
        spills = [line.strip() for line in loop if re.match(r"\s+vmov\w+\s+%[xyz]mm\d+, -?\w*\(%rsp\)", line)]
        is_product = 2 * sum("vfmadd" in line for line in loop) > len(loop)
        if len(spills) > (0 if is_product else len(loop) / 50):
            failures.append(f"{name}: {len(spills)} spills in a loop of {len(loop)} lines, the first: {spills[0]}")
    print(f"{name}: {len(loops)} inner loops, {len(work)} with work in them, {[len(w) for w in work]} lines")
    return failures


def main():
    tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
    failures = []
    for model, energy in [("double_well.ebm", "DoubleWell128"), ("mlp_small.ebm", "Small")]:
        done = subprocess.run([tool, "asm", root / "bench/models" / model, energy, "langevin"], stdout=subprocess.PIPE,
                              text=True)
        if done.returncode != 0:
            sys.exit(f"{tool}: exit status {done.returncode}")
        failures += check(energy, done.stdout)
    for failure in failures:
        print("FAIL", failure)
    return 1 if failures else 0


sys.exit(main())
