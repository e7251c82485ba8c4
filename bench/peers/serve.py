# SPDX-License-Identifier: Apache-2.0
"""What peers have in common: each measures its workload once for every line it reads, so that one
process, with its libraries loaded and its programs compiled, takes its turns beside the others."""

import json
import sys
import time


def measure(advance, seconds):
    """Times `advance(turns)`, which does its work that many times and waits for it.

    CPU time counts, of all threads of this process, as for the limits and for ebmc."""
    turns = 1
    while True:
        begin = time.process_time()
        advance(turns)
        took = time.process_time() - begin
        if took >= seconds / 10:
            break
        turns *= 2
    turns = max(1, round(turns * seconds / took))
    wall, cpu = time.perf_counter(), time.process_time()
    advance(turns)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return turns, cpu, wall


def serve(make, library):
    """make(name) gives (advance, chain-steps a turn, check) for a workload, where check() is the mean
    square of the chains' state."""
    name, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.4
    begin = time.perf_counter()
    advance, work, check = make(name)
    advance(1)
    first = time.perf_counter() - begin
    print(json.dumps({"ready": True, "library": library, "first_turn_s": first}), flush=True)
    for _ in sys.stdin:
        turns, cpu, wall = measure(advance, seconds)
        print(json.dumps({"unit": "chain-steps/s", "rate": work * turns / cpu, "cpu_s": cpu,
                          "wall_s": wall, "check": check()}), flush=True)
