#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the polynomials of ir/math/tables.def and prints that file; needs mpmath.  Takes some minutes."""
import mpmath as M
from mpmath import mp, mpf

mp.prec = 260

HEAD = """/* SPDX-License-Identifier: Apache-2.0
 *
 * tables.def -- polynomial coefficients of the mathematical functions, lowest power first.
 *
 * Minimax fits by scripts/fit_math.py (Remez exchange at 260 bits; coefficients are rounded one after another to the
 * format and the rest fitted again).  The remark before each row is the largest weighted error, before evaluation.  What each
 * approximates stands where it is used.
 */
"""


def rounded(x, digits):
    if x == 0:
        return mpf(0)
    with mp.workprec(digits):
        return +x


def chebyshev(a, b, n):
    return [(a + b) / 2 - (b - a) / 2 * M.cos(M.pi * i / n) for i in range(n + 1)]


def alternate(e):
    """Indices of extrema of e with alternating signs."""
    ext = []
    for i, v in enumerate(e):
        if ext and (v >= 0) == (e[ext[-1]] >= 0):
            if abs(v) > abs(e[ext[-1]]):
                ext[-1] = i
        else:
            ext.append(i)
    return ext


def thin(ext, e, count):
    """Drops the smallest extrema, keeping the signs alternating."""
    while len(ext) > count:
        if len(ext) == count + 1:
            ext.pop(0 if abs(e[ext[0]]) < abs(e[ext[-1]]) else -1)
            continue
        k = min(range(len(ext)), key=lambda q: abs(e[ext[q]]))
        ext.pop(k)
        if 0 < k < len(ext):
            ext.pop(k if abs(e[ext[k]]) < abs(e[ext[k - 1]]) else k - 1)
    return ext


def remez(f, w, powers, a, b, turns):
    """Minimises max |f - sum c x^p| w on [a, b] by exchange: c and that error."""
    n = len(powers)
    size = 40 * n + 200
    x = chebyshev(a, b, size)
    value, weight = [f(t) for t in x], [w(t) for t in x]
    basis = [[t**p for p in powers] for t in x]
    index = [int(round(size * (i + 0.5) / (n + 1))) for i in range(n + 1)]
    index = [i if abs(weight[i]) > 1e-12 else i + 3 for i in index]
    best = None
    for _ in range(turns):
        left, right = M.matrix(n + 1, n + 1), M.matrix(n + 1, 1)
        for r, i in enumerate(index):
            for j in range(n):
                left[r, j] = basis[i][j]
            left[r, n] = (-1) ** r / weight[i]
            right[r] = value[i]
        s = M.lu_solve(left, right)
        c = [s[j] for j in range(n)]
        e = [(value[i] - M.fdot(c, basis[i])) * weight[i] for i in range(size + 1)]
        most = max(abs(t) for t in e)
        if best is None or most < best[1]:
            best = (c, most)
        ext = thin(alternate(e), e, n + 1)
        if len(ext) < n + 1 or ext == index:
            break
        index = ext
    return best


def least_squares(f, w, powers, a, b):
    n = len(powers)
    size = 4 * n + 8
    x = [(a + b) / 2 - (b - a) / 2 * M.cos(M.pi * (i + mpf(1) / 2) / size) for i in range(size)]
    left, right = M.matrix(size, n), M.matrix(size, 1)
    for i, t in enumerate(x):
        for j, p in enumerate(powers):
            left[i, j] = t**p * w(t)
        right[i] = f(t) * w(t)
    s = M.lu_solve(left, right)
    return [s[j] for j in range(n)]


def round_in_turn(f, w, n, a, b, digits, first, exchange):
    """Rounds the lowest coefficient, fits the others again, and so on."""
    out = []
    for k in range(n):
        def rest(x, out=tuple(out)):
            return f(x) - sum(c * x**j for j, c in enumerate(out))

        powers = list(range(k, n))
        if exchange:
            c = remez(rest, w, powers, a, b, 8 if k else 14)[0]
        else:
            c = least_squares(rest, w, powers, a, b) if k else first
        out.append(rounded(c[0], digits))
    return out


def fit(f, w, a, b, n, digits):
    """The best of three ways of rounding; exchange has no solution theory where the powers vanish inside [a, b]."""
    first, _ = remez(f, w, list(range(n)), a, b, 14)
    ways = [[rounded(c, digits) for c in first], round_in_turn(f, w, n, a, b, digits, first, False)]
    if not a < 0 < b:
        ways.append(round_in_turn(f, w, n, a, b, digits, first, True))

    def error(c):
        return max(abs(f(x) - M.polyval(c[::-1], x)) * w(x) for x in chebyshev(a, b, 1500))

    return min(((error(c), i) for i, c in enumerate(ways))), ways


def shown(x):
    mantissa, exponent = float(x).hex().split("p")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + "p" + exponent


def emit(name, f, w, a, b, n, digits):
    (error, way), ways = fit(f, w, mpf(a), mpf(b), n, digits)
    lines, line = [], "    "
    for i, c in enumerate(ways[way]):
        text = shown(c) + (", " if i < n - 1 else ")")
        if len(line) + len(text) > 118:
            lines.append(line.rstrip())
            line = "    "
        line += text
    print("\n/* 2^%.1f */\nTABLE(%s,\n%s" % (M.log(error, 2), name, "\n".join(lines + [line])), flush=True)


# What is approximated: each is analytic on its interval; near removable singularities the first terms stand in.
LN2, SQRT2 = M.log(2), M.sqrt(2)
PSI_ZERO = M.findroot(M.digamma, mpf("1.4616321449683623"))


def series(cut, near, far):
    return lambda x: near(x) if abs(x) < cut else far(x)


def of_square(function, first, second):
    """(function(x) / x - 1) / x^2 of z = x^2."""
    def far(z):
        x = M.sqrt(z)
        return (function(x) / x - 1) / z

    return series(mpf(10) ** -30, lambda z: first + z * second, far)


exp_rest = series(1e-20, lambda x: mpf(1) / 2 + x / 6, lambda x: (M.expm1(x) - x) / x**2)
log_rest = series(1e-20, lambda f: -mpf(1) / 2 + f / 3, lambda f: (M.log1p(f) - f) / f**2)
exp2_rest = series(1e-25, lambda r: LN2, lambda r: (2**r - 1) / r)
log1p_ratio = series(1e-20, lambda e: 1 - e / 2, lambda e: M.log1p(e) / e)
log_unit = series(1e-60, lambda f: mpf(-2), lambda f: -2 * M.log1p(f) / f)
sin_rest = of_square(M.sin, -mpf(1) / 6, mpf(1) / 120)
tan_rest = of_square(M.tan, mpf(1) / 3, mpf(2) / 15)
atan_rest = of_square(M.atan, -mpf(1) / 3, mpf(1) / 5)
tanh_rest = of_square(M.tanh, -mpf(1) / 3, mpf(2) / 15)
atanh_rest = of_square(M.atanh, mpf(1) / 3, mpf(1) / 5)
atanh_rest2 = series(1e-15, lambda z: mpf(1) / 5 + z / 7, lambda z: (atanh_rest(z) - mpf(1) / 3) / z)
cos_rest = series(1e-15, lambda z: mpf(1) / 24 - z / 720, lambda z: (M.cos(M.sqrt(z)) - 1 + z / 2) / z**2)
erf_ratio = series(1e-30, lambda z: 2 / M.sqrt(M.pi) * (1 - z / 3), lambda z: M.erf(M.sqrt(z)) / M.sqrt(z))


def minus_log2_erfc(a):
    return -M.log(M.erfc(a), 2)


def lgamma_ratio(x):
    if abs((x - 1) * (x - 2)) < 1e-30:
        x += mpf(10) ** -30
    return M.loggamma(x).real / ((x - 1) * (x - 2))


def digamma_ratio(x):
    if abs(x - PSI_ZERO) < 1e-30:
        x += mpf(10) ** -30
    return x * M.digamma(x) / (x - PSI_ZERO)


def stirling(z):
    if z < mpf(10) ** -9:
        return mpf(1) / 12 - z / 360 + z * z / 1260
    x = 1 / M.sqrt(z)
    return x * (M.loggamma(x).real - (x - mpf(1) / 2) * M.log(x) + x - M.log(2 * M.pi) / 2)


def digamma_far(z):
    if z < mpf(10) ** -9:
        return mpf(1) / 12 - z / 120
    x = 1 / M.sqrt(z)
    return (M.log(x) - 1 / (2 * x) - M.digamma(x)) / z


def relative(f):
    return lambda x: 1 / abs(f(x))


def relative_rest(f):
    """For p = x + x^3 f(x^2)."""
    return lambda z: z / (1 + z * f(z))


def tables(digits):
    narrow = digits == 24

    def row(name, f, w, a, b, n32, n64):
        emit(name, f, w, a, b, n32 if narrow else n64, digits)

    turn = (M.pi / 4 * mpf("1.04")) ** 2
    half = LN2 / 2 * 1.01
    s2 = ((SQRT2 - 1) / (SQRT2 + 1)) ** 2
    row("exp", exp_rest, lambda x: x**2 / M.exp(x), -LN2 / 2 * mpf("1.005"), LN2 / 2 * mpf("1.005"), 5, 10)
    row("expm1", exp_rest, lambda x: abs(x**2 / M.expm1(x)) if x else mpf(0), -half, half, 6, 11)
    if narrow:
        row("log", log_rest, lambda f: abs(f * f / M.log1p(f)) if f else mpf(0), 1 / SQRT2 - 1, SQRT2 - 1, 9, 9)
    else:
        row("log", lambda z: 2 * atanh_rest(z), lambda z: z / 2, 0, s2, 7, 7)
    row("log_pair", atanh_rest2, lambda z: z * z, 0, s2, 3, 7)
    row("exp2", exp2_rest, lambda r: abs(r) / 2**r, -0.502, 0.502, 6, 11)
    row("sin", sin_rest, relative_rest(sin_rest), 0, turn, 3, 6)
    row("cos", cos_rest, lambda z: z * z / M.cos(M.sqrt(z)), 0, turn, 3, 6)
    if narrow:
        row("tan", tan_rest, relative_rest(tan_rest), 0, turn, 7, 7)
    row("atan", atan_rest, relative_rest(atan_rest), 0, 1, 9, 20)
    row("tanh", tanh_rest, relative_rest(tanh_rest), 0, mpf(25) / 64, 5, 11)
    row("erf", lambda z: erf_ratio(z) - 1, relative(erf_ratio), 0, 1, 7, 13)
    row("erfc", minus_log2_erfc, lambda a: M.erfc(a) * LN2, 1, 3.9375 if narrow else 5.9375, 7, 18)
    row("lgamma", lambda u: lgamma_ratio(u + mpf(13) / 8), relative(lambda u: lgamma_ratio(u + mpf(13) / 8)),
        -mpf(7) / 8, mpf(7) / 8, 15, 32)
    row("stirling", stirling, lambda z: M.sqrt(z) / mpf(0.28), mpf("1e-9"), 0.16, 4, 13)
    row("digamma", lambda u: digamma_ratio(u + mpf(3) / 2), relative(lambda u: digamma_ratio(u + mpf(3) / 2)),
        -1, 1, 12, 25)
    row("digamma_far", digamma_far, lambda z: z / mpf(0.7), mpf("1e-9"), 0.16, 4, 13)
    row("log_unit", log_unit, relative(log_unit), -0.5, 0, 9, 20)
    row("softplus", log1p_ratio, relative(log1p_ratio), 0, 1, 10, 21)


print(HEAD + "#if WIDTH == 32")
tables(24)
print("\n#else")
tables(53)
print("\n#endif")
