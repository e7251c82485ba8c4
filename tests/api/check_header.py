#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles ebm.h alone, and a use of every initial value, as C99, C17 and C++11.

check_header.py INCLUDE_DIR"""
import re
import pathlib
import subprocess
import sys

include = pathlib.Path(sys.argv[1])
text = (include / "ebm/ebm.h").read_text()
starts = re.findall(r"#define (EBM_\w+_INIT) \\\n\s*\{ \\\n\s*sizeof\((\w+)\)", text)
assert len(starts) >= 8, "the initial values of ebm.h are not found"
uses = "".join(f"    {{ {kind} v = {init}; n += v.size; }}\n" for init, kind in starts)
program = f"#include <ebm/ebm.h>\n#include <ebm/ebm.h>\nint main(void)\n{{\n    size_t n = 0;\n{uses}    return n == 0;\n}}\n"
flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{include}"]
failed = 0
for compiler, language, standard in ("cc", "c", "c99"), ("cc", "c", "c17"), ("c++", "c++", "c++11"), ("c++", "c++", "c++20"):
    run = subprocess.run([compiler, f"-std={standard}", "-x", language, *flags, "-"], input=program, text=True)
    failed += run.returncode != 0
sys.exit(failed)
