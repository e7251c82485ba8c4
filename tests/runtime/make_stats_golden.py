# SPDX-License-Identifier: Apache-2.0
"""Writes stats_golden.json with what ArviZ says of the draws of draws.py.

Needs ArviZ 0.x: pip install 'arviz<1'.
Usage: make_stats_golden.py stats_golden.json
"""
import json
import math
import sys
import warnings

import arviz
import numpy

from draws import make_draws

CASES = [
    ("smooth", 4, 1000, 0.0, 1),
    ("smooth", 4, 1000, 0.9, 2),
    ("smooth", 4, 999, 0.5, 3),
    ("smooth", 1, 500, 0.3, 4),
    ("smooth", 8, 101, -0.7, 5),
    ("smooth", 2, 3000, 0.99, 6),
    ("smooth", 3, 4, 0.0, 7),
    ("smooth", 3, 5, 0.0, 8),
    ("smooth", 2, 3, 0.0, 9),
    ("smooth", 1, 1, 0.0, 10),
    ("smooth", 5, 8, 0.2, 11),
    ("smooth", 64, 16, 0.2, 12),
    ("ties", 4, 400, 0.5, 13),
    ("heavy", 4, 600, 0.8, 14),
    ("apart", 4, 300, 0.5, 15),
    ("constant", 4, 100, 0.0, 16),
    ("steps", 3, 64, 0.0, 17),
    ("signs", 4, 257, 0.6, 18),
    ("infinite", 2, 200, 0.1, 19),
    ("missing", 2, 200, 0.1, 20),
    ("drift", 4, 1500, 0.4, 21),
]


def summarize(values):
    one = values.size > 1
    tail = numpy.quantile(values, [0.05, 0.5, 0.95])
    return {
        "mean": values.mean(),
        "sd": values.std(ddof=1) if one else math.nan,
        "q5": tail[0],
        "q50": tail[1],
        "q95": tail[2],
        "mcse_mean": arviz.mcse(values, method="mean"),
        "ess_bulk": arviz.ess(values, method="bulk"),
        "ess_tail": arviz.ess(values, method="tail", prob=(0.05, 0.95)),
        "r_hat": arviz.rhat(values, method="rank"),
    }


def encode(x):
    x = float(x)
    return x if math.isfinite(x) else str(x)


def main():
    cases = []
    warnings.simplefilter("ignore")
    for case in CASES:
        values = numpy.array(make_draws(*case))
        expected = {name: encode(x) for name, x in summarize(values).items()}
        keys = ("kind", "chains", "draws", "phi", "seed")
        cases.append({**dict(zip(keys, case)), "expected": expected})
    with open(sys.argv[1], "w") as file:
        json.dump({"arviz": arviz.__version__, "cases": cases}, file, indent=1)
        file.write("\n")


main()
