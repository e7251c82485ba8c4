# SPDX-License-Identifier: Apache-2.0
"""test_gradients EBMC -- how often a step evaluates energy and gradient.

cos(x) stands in the energy alone and sin(x) in its gradient alone, so that they can be counted in the IR. Every sampler needs one
gradient a step; hmc one a leapfrog step, the last one outside of its loop with the one energy.
"""
import re
import sys

from lab import Lab, Tally

# sampler: (sin, cos) inside the loop over leapfrog steps, and outside
WANTED = {
    "langevin": [(0, 0), (1, 0)],
    "gradient_descent": [(0, 0), (1, 0)],
    "nesterov": [(0, 0), (1, 0)],
    "baoab": [(0, 0), (1, 0)],
    "mala": [(0, 0), (1, 1)],
    "hmc": [(1, 0), (1, 1)],
}


def main():
    lab, t = Lab(sys.argv[1]), Tally()
    model = lab.file("wave.ebm", "energy Wave(x: real[3]) -> real = 0.5 * sqnorm(x) + cos(x[0] + x[1])\n")
    for sampler, wanted in WANTED.items():
        step = re.search(r"func @step\(.*?^}", lab.text(model, "--sampler", sampler, "--emit", "grad"), re.M | re.S).group()
        loops = re.findall(r"^    %\d+: .* = for\[.*?^    }", step, re.M | re.S)
        inside = "".join(loops)
        found = [tuple(len(re.findall(rf"= {op} ", text)) for op in ["sin", "cos"]) for text in [inside, step]]
        found[1] = tuple(a - b for a, b in zip(found[1], found[0]))
        t.require(f"{sampler}: (sin, cos) inside and outside of loops {found}, wanted {wanted}", found == wanted)
        if sampler == "hmc":
            bound = re.search(r"for\[-1\] %\d+, %(\d+),", inside).group(1)
            count, one = re.search(rf"%{bound}: i32 = sub %(\d+), %(\d+)", step).groups()
            t.require("the loop runs n_leapfrog_steps - 1 times",
                      re.search(rf'%{count}: i32 hyper uniform "n_leapfrog_steps"', step) and f"%{one}: i32 = const 1\n" in step)
    return t.finish()


sys.exit(main())
