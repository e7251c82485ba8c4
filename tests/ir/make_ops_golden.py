#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/ir_ops.txt: each operation on small arrays, with what NumPy makes of it.

usage: make_ops_golden.py > tests/golden/ir_ops.txt      (needs NumPy 2; run by hand)

Everything here is computed apart from the compiler: sums in the order that docs/ir.md fixes, products by exact
rational arithmetic where an fma rounds once.
"""
import itertools
import math
from fractions import Fraction

import numpy as np

rng = np.random.default_rng(7)
F32, F64, I32, I64, B = np.float32, np.float64, np.int32, np.int64, np.bool_
NAME = {F32: "f32", F64: "f64", I32: "i32", I64: "i64", B: "bool"}


def number(x):
    kind = type(x)
    if kind is B:
        return "true" if x else "false"
    if kind in (I32, I64):
        return str(int(x))
    if np.isnan(x):
        return "nan"
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    if float(x) == int(x) and x != 0 and abs(x) < 1e9:
        return "%d" % int(x)
    for digits in range(1, 18):
        text = "%.*g" % (digits, float(x))
        if kind(text) == x:
            return text


def type_of(a):
    return NAME[a.dtype.type] + (str(list(a.shape)) if a.ndim else "")


def listed(a, commas=True):
    flat = [number(v) for v in a.reshape(-1)]
    return "[" + ", ".join(flat) + "]" if a.ndim else flat[0]


class Case:
    """One program: constants, then operations whose results are compared."""

    def __init__(self, title):
        self.title, self.lines, self.results, self.expected = title, [], [], []

    def const(self, a):
        a = np.asarray(a)
        self.lines.append(f"%{len(self.lines) + 1}: {type_of(a)} = const {listed(a)}")
        return f"%{len(self.lines)}"

    def op(self, text, expected=None, type=None):
        type = f": {type}" if type else ""
        self.lines.append(f"%{len(self.lines) + 1}{type} = {text}")
        name = f"%{len(self.lines)}"
        if expected is not None:
            self.results.append(name)
            self.expected.append(np.asarray(expected))
        return name

    def show(self):
        body = "\n".join("    " + line for line in self.lines)
        out = "\n".join(listed(e) for e in self.expected)
        print(f"== {self.title} :: run\nfunc @main() {{\n{body}\n    yield {', '.join(self.results)}\n}}\n---\n{out}\n")


def floats(kind, *shape):
    return rng.uniform(-3, 3, shape).round(3).astype(kind)


def ints(kind, *shape):
    return rng.integers(-9, 10, shape).astype(kind)


def arrays(kind, *shape):
    return (rng.random(shape) < 0.5) if kind is B else floats(kind, *shape) if kind in (F32, F64) else ints(kind, *shape)


def fma(x, y, z):
    kind = type(x)
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return kind(x * y + z)
    if kind is F64:
        return F64(exact.numerator / exact.denominator)
    return round_f32(exact)


def round_f32(exact):
    """The nearest float, halves to even, of a number in the normal range."""
    sign, exact = (-1, -exact) if exact < 0 else (1, exact)
    e = math.floor(math.log2(float(exact)))
    while exact >= Fraction(2) ** (e + 1):
        e += 1
    while exact < Fraction(2) ** e:
        e -= 1
    return F32(sign * round(exact / Fraction(2) ** (e - 23)) * 2.0 ** (e - 23))


def elementwise(f, *arrays):
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    flat = [np.broadcast_to(a, shape).reshape(-1) for a in arrays]
    out = [f(*v) for v in zip(*flat)]
    return np.array(out, dtype=type(out[0])).reshape(shape)


def pointwise():
    awkward = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 1e-40, 3e38, np.inf, -np.inf, np.nan]
    pairs = np.array(list(itertools.product(awkward, awkward)))
    with np.errstate(all="ignore"):
        for kind in (F32, F64):
            x, y = pairs[:, 0].astype(kind), pairs[:, 1].astype(kind)
            c = Case(f"arithmetic on awkward pairs of {NAME[kind]}")
            a, b = c.const(x), c.const(y)
            c.op(f"add {a}, {b}", x + y)
            c.op(f"sub {a}, {b}", x - y)
            c.op(f"mul {a}, {b}", x * y)
            c.op(f"div {a}, {b}", x / y)
            for name, f in [("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal),
                            ("gt", np.greater), ("ge", np.greater_equal)]:
                c.op(f"{name} {a}, {b}", f(x, y))
            c.show()

            z = np.array(awkward, dtype=kind)
            c = Case(f"one operand of {NAME[kind]}")
            a = c.const(z)
            for name, f in [("neg", np.negative), ("abs", np.abs), ("sqrt", np.sqrt), ("floor", np.floor),
                            ("ceil", np.ceil), ("round", np.rint), ("trunc", np.trunc), ("isfinite", np.isfinite)]:
                c.op(f"{name} {a}", f(z))
            c.op(f"sign {a}", np.where(np.isnan(z) | (z == 0), z, np.sign(z)))
            c.op(f"stop_gradient {a}", z)
            c.show()

            s, t = floats(kind, 40), floats(kind, 40)
            c = Case(f"the smaller and the larger of two {NAME[kind]}, NaN wins")
            s[3], t[7], s[9] = np.nan, np.nan, t[9]
            a, b = c.const(s), c.const(t)
            c.op(f"min {a}, {b}", np.minimum(s, t))
            c.op(f"max {a}, {b}", np.maximum(s, t))
            c.show()

            x, y, w = floats(kind, 12), floats(kind, 12), floats(kind, 12)
            c = Case(f"fma of {NAME[kind]} rounds once")
            a, b, d = c.const(x), c.const(y), c.const(w)
            c.op(f"fma {a}, {b}, {d}", elementwise(fma, x, y, w))
            c.show()
    for kind in (I32, I64):
        bits = 32 if kind is I32 else 64
        low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
        edge = [0, 1, -1, 2, -2, 7, -7, 100, low, high, low + 1]
        pairs = list(itertools.product(edge, edge))

        def wrap(v):
            return kind((v - low) % 2 ** bits + low)

        def over(f):
            return np.array([wrap(f(int(p), int(q))) for p, q in pairs], dtype=kind)

        unsigned = 2 ** bits
        x, y = np.array([p for p, _ in pairs], dtype=kind), np.array([q for _, q in pairs], dtype=kind)
        c = Case(f"arithmetic of {NAME[kind]} wraps")
        a, b = c.const(x), c.const(y)
        c.op(f"add {a}, {b}", over(lambda p, q: p + q))
        c.op(f"sub {a}, {b}", over(lambda p, q: p - q))
        c.op(f"mul {a}, {b}", over(lambda p, q: p * q))
        c.op(f"idiv {a}, {b}", over(lambda p, q: p // q if q else 0))
        c.op(f"imod {a}, {b}", over(lambda p, q: p % q if q else 0))
        c.op(f"and {a}, {b}", over(lambda p, q: p & q))
        c.op(f"or {a}, {b}", over(lambda p, q: p | q))
        c.op(f"xor {a}, {b}", over(lambda p, q: p ^ q))
        c.op(f"umulhi {a}, {b}", over(lambda p, q: (p % unsigned) * (q % unsigned) >> bits))
        c.op(f"min {a}, {b}", np.minimum(x, y))
        c.op(f"max {a}, {b}", np.maximum(x, y))
        c.op(f"lt {a}, {b}", x < y)
        c.op(f"neg {a}", over(lambda p, q: -p))
        c.op(f"abs {a}", over(lambda p, q: abs(p)))
        c.show()
        x, y = np.array([5, -5, low, high, 1], dtype=kind), np.array([0, 3, bits - 1, 1, bits - 1], dtype=kind)
        c = Case(f"shifts of {NAME[kind]}")
        a, b = c.const(x), c.const(y)
        each = list(zip(x.tolist(), y.tolist()))
        c.op(f"shl {a}, {b}", np.array([wrap(p << q) for p, q in each], dtype=kind))
        c.op(f"lshr {a}, {b}", np.array([wrap((p % unsigned) >> q) for p, q in each], dtype=kind))
        c.op(f"ashr {a}, {b}", np.array([p >> q for p, q in each], dtype=kind))
        c.show()
    p, q = np.array([False, False, True, True]), np.array([False, True, False, True])
    c = Case("logic")
    a, b = c.const(p), c.const(q)
    c.op(f"and {a}, {b}", p & q)
    c.op(f"or {a}, {b}", p | q)
    c.op(f"xor {a}, {b}", p ^ q)
    c.op(f"not {a}", ~p)
    c.op(f"eq {a}, {b}", p == q)
    x, y = floats(F32, 4), floats(F32, 4)
    c.op(f"select {a}, {c.const(x)}, {c.const(y)}", np.where(p, x, y))
    c.show()


def conversions():
    values = np.array([0.0, -0.0, 1.9, -1.9, 3e9, -3e9, 1e20, -1e20, np.inf, -np.inf, np.nan, 2147483520.0])
    c = Case("conversions truncate and saturate, NaN gives 0")
    for kind in (F32, F64):
        x = values.astype(kind)
        a = c.const(x)
        for to, bits in ((I32, 32), (I64, 64)):
            low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
            whole = [0 if math.isnan(v) else high if v > high else low if v < low else int(v) for v in x.tolist()]
            c.op(f"convert {a}", np.array(whole, dtype=to), f"{NAME[to]}[12]")
        c.op(f"convert {a}", x != 0, "bool[12]")
    with np.errstate(over="ignore"):
        wide = np.array([0.1, 1e300, -1e-300, 1 + 2.0 ** -24, 1 + 3 * 2.0 ** -24])
        c.op(f"convert {c.const(wide)}", wide.astype(F32), "f32[5]")
    i = np.array([0, 1, -1, 16777217, 2 ** 31 - 1], dtype=I32)
    a = c.const(i)
    c.op(f"convert {a}", i.astype(F32), "f32[5]")
    c.op(f"convert {a}", i.astype(F64), "f64[5]")
    c.op(f"convert {a}", i.astype(I64), "i64[5]")
    c.op(f"convert {a}", i != 0, "bool[5]")
    j = np.array([2 ** 63 - 1, -2 ** 63, 2 ** 40 + 3], dtype=I64)
    a = c.const(j)
    c.op(f"convert {a}", j.astype(I32), "i32[3]")
    c.op(f"convert {a}", j.astype(F32), "f32[3]")
    c.op(f"convert {a}", j.astype(F64), "f64[3]")
    x = floats(F32, 3)
    c.op(f"bitcast {c.const(x)}", x.view(I32), "i32[3]")
    y = floats(F64, 3)
    c.op(f"bitcast {c.const(y)}", y.view(I64), "i64[3]")
    c.show()


def shapes():
    c = Case("iota counts along an axis")
    c.op("iota[0]", np.broadcast_to(np.arange(3)[:, None], (3, 4)).astype(I32), "i32[3, 4]")
    c.op("iota[1]", np.broadcast_to(np.arange(4)[None, :], (3, 4)).astype(I32), "i32[3, 4]")
    c.op("iota[0]", np.zeros(0, I32), "i32[0]")
    c.show()
    for kind in (F32, I64, B):
        x = arrays(kind, 3, 4, 2)
        name = NAME[kind]
        c = Case(f"shapes of {name}")
        a = c.const(x)
        for perm in itertools.permutations(range(3)):
            c.op(f"transpose{list(perm)} {a}", x.transpose(perm))
        c.op(f"reshape {a}", x.reshape(4, 6), f"{name}[4, 6]")
        c.op(f"broadcast[0, 2, 3] {a}", np.broadcast_to(x[:, None], (3, 5, 4, 2)), f"{name}[3, 5, 4, 2]")
        c.op(f"broadcast[0, 1, 2] {a}", np.broadcast_to(x[..., None], (3, 4, 2, 2)), f"{name}[3, 4, 2, 2]")
        c.op(f"slice[1, 1, 0, 2, 1, 1] {a}", x[1:3, 0:4:2, 1:2], f"{name}[2, 2, 1]")
        padded = np.zeros((6, 5, 5), dtype=kind)
        padded[1:6:2, 0:4, 1:5:3] = x
        c.op(f"pad[1, 2, 0, 1, 1, 3] {a}", padded, f"{name}[6, 5, 5]")
        for axis in range(3):
            y = arrays(kind, *(5 if k == axis else n for k, n in enumerate(x.shape)))
            b = c.const(y)
            c.op(f"concat[{axis}] {a}, {b}, {a}", np.concatenate([x, y, x], axis))
        s = arrays(kind)
        c.op(f"broadcast[] {c.const(s)}", np.broadcast_to(s, (2, 3)), f"{name}[2, 3]")
        c.show()


def indexing():
    for kind in (F32, I32, B):
        x, row, v = arrays(kind, 3, 4), arrays(kind, 4), arrays(kind)
        missing = kind("nan") if kind is F32 else kind(0)
        c = Case(f"indexing {NAME[kind]}")
        a, w, s = c.const(x), c.const(row), c.const(v)
        i = {k: c.const(I32(k)) for k in (-1, 0, 2, 3, 4)}
        c.op(f"at[1] {a}, {i[2]}", x[2])
        c.op(f"at[1] {a}, {i[2]}, {i[3]}", x[2, 3])
        c.op(f"at[0] {a}, {i[-1]}", np.full(4, missing))
        c.op(f"at[0] {a}, {i[3]}, {i[0]}", missing)
        c.op(f"at[0] {a}, {i[0]}, {i[4]}", missing)
        y = x.copy()
        y[2] = row
        c.op(f"update[1] {a}, {w}, {i[2]}", y)
        c.show()
        c = Case(f"an update of {NAME[kind]} out of range writes nothing")
        a, w, s, i4, i0 = c.const(x), c.const(row), c.const(v), c.const(I32(4)), c.const(I32(0))
        c.op(f"update[0] {a}, {s}, {i0}, {i4}", x)
        c.show()
        c = Case(f"rows of {NAME[kind]}")
        index = np.array([2, -1, 0, 2, 3, 1], dtype=I32)
        rows = [x[k] if 0 <= k < 3 else np.full(4, missing) for k in index]
        c.op(f"take {c.const(x)}, {c.const(index)}", np.array(rows, dtype=kind))
        c.show()
    x, v = floats(F32, 3, 2), floats(F32, 5, 2)
    index = np.array([2, 0, 2, 7, 2], dtype=I32)
    y = x.copy()
    for k, r in zip(index, v):
        if 0 <= k < 3:
            y[k] = y[k] + r
    c = Case("put_add adds rows in their order")
    c.op(f"put_add {c.const(x)}, {c.const(index)}, {c.const(v)}", y)
    c.show()
    c = Case("an update may add")
    a, w, i = c.const(x), c.const(v[0]), c.const(I32(1))
    y = x.copy()
    y[1] += v[0]
    c.op(f"update[3] {a}, {w}, {i}", y)
    c.show()


def strided(values, f):
    """16 strided partial results, then the tree."""
    values = list(values)
    part = values[:16]
    for i, v in enumerate(values[16:]):
        part[i % 16] = f(part[i % 16], v)
    n = len(part)
    for s in (8, 4, 2, 1):
        for i in range(s):
            if i + s < n:
                part[i] = f(part[i], part[i + s])
    return part[0]


def reduced(x, axes, f):
    kept = [k for k in range(x.ndim) if k not in axes]
    y = x.transpose(kept + list(axes))
    flat = y.reshape([x.shape[k] for k in kept] + [-1])
    out = np.empty(flat.shape[:-1], dtype=x.dtype)
    for index in np.ndindex(out.shape):
        out[index] = strided(flat[index], f)
    return out


def reductions():
    for kind in (F32, F64, I32):
        for shape in ((37,), (5, 4, 9)):
            x = arrays(kind, *shape)
            c = Case(f"folds of {NAME[kind]}{list(shape)}")
            a = c.const(x)
            for n in range(1, len(shape) + 1):
                for axes in itertools.combinations(range(len(shape)), n):
                    with np.errstate(over="ignore"):
                        c.op(f"sum{list(axes)} {a}", reduced(x, axes, lambda p, q: p + q))
                        c.op(f"prod{list(axes)} {a}", reduced(x, axes, lambda p, q: p * q))
                    c.op(f"amax{list(axes)} {a}", x.max(axes))
                    c.op(f"amin{list(axes)} {a}", x.min(axes))
            for axis in range(len(shape)):
                c.op(f"argmax[{axis}] {a}", x.argmax(axis).astype(I32))
            c.show()
    b = arrays(B, 3, 5)
    c = Case("all and any")
    a = c.const(b)
    for axes in ([0], [1], [0, 1]):
        c.op(f"all{axes} {a}", b.all(tuple(axes)))
        c.op(f"any{axes} {a}", b.any(tuple(axes)))
    c.show()
    c = Case("empty folds")
    z, i, e = c.const(np.zeros((2, 0), F32)), c.const(np.zeros((0,), I32)), c.const(np.zeros(0, B))
    c.op(f"sum[1] {z}", np.zeros(2, F32))
    c.op(f"prod[1] {z}", np.ones(2, F32))
    c.op(f"amax[1] {z}", np.full(2, -np.inf, F32))
    c.op(f"amin[1] {z}", np.full(2, np.inf, F32))
    c.op(f"amax[0] {i}", I32(-2 ** 31))
    c.op(f"amin[0] {i}", I32(2 ** 31 - 1))
    c.op(f"all[0] {e}", B(True))
    c.op(f"any[0] {e}", B(False))
    c.show()
    x = np.array([1, np.nan, 3, np.nan], F32)
    c = Case("NaN is the largest and the smallest")
    a = c.const(x)
    c.op(f"amax[0] {a}", F32("nan"))
    c.op(f"amin[0] {a}", F32("nan"))
    c.op(f"argmax[0] {a}", I32(1))
    c.show()


def contract(text, x, y, init=None):
    left, out = text.split("->")
    lx, ly = left.split(",")
    extent = dict(zip(lx, x.shape)) | dict(zip(ly, y.shape))
    order = [k for k in lx if k not in out] + [k for k in ly if k not in out and k not in lx]
    r = np.array(np.zeros([extent[k] for k in out], x.dtype) if init is None else init)
    for index in np.ndindex(r.shape):
        at = dict(zip(out, index))
        acc = r[index]
        for inner in itertools.product(*(range(extent[k]) for k in order)):
            at.update(zip(order, inner))
            acc = fma(x[tuple(at[k] for k in lx)], y[tuple(at[k] for k in ly)], acc)
        r[index] = acc
    return r


def products():
    cases = [("ij,j->i", (3, 4), (4,)), ("ij,jk->ik", (2, 5), (5, 3)), ("ij,kj->ki", (2, 3), (4, 3)),
             ("i,i->", (7,), (7,)), ("i,j->ij", (3,), (2,)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
             ("ij,ji->", (3, 2), (2, 3)), ("ij,k->k", (2, 2), (3,)), ("i,i->i", (4,), (4,)), (",->", (), ()),
             ("ij,j->i", (2, 0), (0,))]
    for kind in (F32, F64):
        c = Case(f"products of {NAME[kind]}, one fma chain a result")
        for text, sx, sy in cases:
            x, y = floats(kind, *sx), floats(kind, *sy)
            r = contract(text, x, y)
            a, b = c.const(x), c.const(y)
            c.op(f'contract "{text}" {a}, {b}', r)
            init = floats(kind, *r.shape)
            c.op(f'contract "{text}" {a}, {b}, {c.const(init)}', contract(text, x, y, init))
        c.show()


def linear_algebra():
    for kind in (F32, F64):
        n = 4
        m = floats(kind, n, n)
        a = (m @ m.T + n * np.eye(n)).astype(kind)
        l = np.zeros((n, n), kind)
        for j in range(n):
            for i in range(j, n):
                r = a[i, j]
                for k in range(j):
                    r = fma(-l[i, k], l[j, k], r)
                l[i, j] = np.sqrt(r) if i == j else r / l[j, j]
        assert np.allclose(l, np.linalg.cholesky(a.astype(F64)), rtol=1e-4)

        def solve(b, transposed):
            y = np.zeros(n, kind)
            for turn in range(n):
                i = n - 1 - turn if transposed else turn
                r = b[i]
                for k in range(i + 1, n) if transposed else range(i):
                    r = fma(-(l[k, i] if transposed else l[i, k]), y[k], r)
                y[i] = r / l[i, i]
            return y

        b, many = floats(kind, n), floats(kind, n, 2)
        c = Case(f"cholesky and trisolve of {NAME[kind]}")
        upper = a.copy()
        upper[np.triu_indices(n, 1)] = np.nan
        f = c.op(f"cholesky {c.const(upper)}", l)
        v, w = c.const(b), c.const(many)
        for transposed in (0, 1):
            c.op(f"trisolve[{transposed}] {f}, {v}", solve(b, transposed))
            c.op(f"trisolve[{transposed}] {f}, {w}", np.stack([solve(many[:, k], transposed) for k in range(2)], 1))
        c.show()
    c = Case("the factor of an indefinite matrix is NaN")
    x = np.array([[1, 0], [2, 1]], F32)
    c.op(f"cholesky {c.const(x)}", np.array([[1, 0], [2, np.nan]], F32))
    c.show()


if __name__ == "__main__":
    print("# each operation on small arrays, against NumPy: written by tests/ir/make_ops_golden.py\n")
    pointwise()
    conversions()
    shapes()
    indexing()
    reductions()
    products()
    linear_algebra()
