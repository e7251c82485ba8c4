# SPDX-License-Identifier: Apache-2.0
"""Draws that Python and C make alike, bit for bit (test_stats.c has the other half)."""

MASK = (1 << 64) - 1


class Stream:
    """SplitMix64 as uniform numbers in [0, 1)."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def transform(kind, x, chain, draw):
    """One of the shapes a chain can take, from an autoregressive x."""
    if kind == "smooth":
        return x
    if kind == "ties":
        return float(round(x * 2))
    if kind == "heavy":
        return x * x * x / (0.01 + (x - 0.5) * (x - 0.5))
    if kind == "apart":
        return x + chain
    if kind == "constant":
        return 1.5
    if kind == "steps":
        return float(chain)
    if kind == "signs":
        return 1.0 if x > 0 else -1.0
    if kind == "infinite":
        return float("inf") if draw == 7 else x
    if kind == "missing":
        return float("nan") if draw == 3 and chain == 0 else x
    if kind == "drift":
        return x + draw * 0.001
    raise ValueError(kind)


def make_draws(kind, chains, draws, phi, seed):
    rows = []
    stream = Stream(seed)
    for chain in range(chains):
        x = 0.0
        row = []
        for draw in range(draws):
            noise = stream.uniform()
            noise = noise + stream.uniform()
            noise = noise + stream.uniform()
            x = phi * x + (noise - 1.5)
            row.append(transform(kind, x, chain, draw))
        rows.append(row)
    return rows
