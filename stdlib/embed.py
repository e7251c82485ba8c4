# SPDX-License-Identifier: Apache-2.0
"""Writes the library's files as a C table (frontend/std.h): embed.py OUT FILE..."""
import pathlib
import sys


def main():
    out, files = sys.argv[1], [pathlib.Path(f) for f in sys.argv[2:]]
    lines = ['#include "frontend/std.h"', ""]
    for i, f in enumerate(files):
        data = f.read_bytes()
        lines.append(f"static const unsigned char text_{i}[] = {{")
        for at in range(0, len(data), 20):
            lines.append("    " + ", ".join(str(b) for b in data[at:at + 20]) + ",")
        lines.append("    0};")
    lines.append("const StdFile std_file[] = {")
    for i, f in enumerate(files):
        lines.append(f'    {{"{f.stem}", (const char *)text_{i}, sizeof text_{i} - 1}},')
    lines += ["};", "const size_t n_std_files = sizeof std_file / sizeof std_file[0];"]
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


main()
