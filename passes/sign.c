/* SPDX-License-Identifier: Apache-2.0
 *
 * sign.c -- which signs a value can have
 *
 * What is looked at are a few nodes that the value is made of, loops and arrays on the way.
 * Zeros of either sign and NaN are always possible.  Rounding keeps signs, and so does
 * subtraction of what is not smaller: x minus the largest of the values of which x is one.
 */
#include "passes/sign.h"

#include <math.h>

enum { NEVER = 0, ABOVE = 1, BELOW = 2, EITHER = 3 };
enum { MOST_NODES = 64 };

typedef struct Look {
    const Function *f;
    unsigned left; /* nodes that may still be looked at */
} Look;

static unsigned look_at(Look *l, Ref x);

static unsigned
opposite(unsigned signs)
{
    return (signs & ABOVE ? BELOW : NEVER) | (signs & BELOW ? ABOVE : NEVER);
}

static unsigned
of_constant(const Function *f, Ref x)
{
    Scalar s;

    if (!ir_is_splat(f, x, &s))
        return EITHER;
    double value = scalar_to_double(s, (DType)ir_type(f, x).dtype);
    return value > 0 ? ABOVE : value < 0 ? BELOW : NEVER;
}

static unsigned
of_product(Look *l, Ref x, Ref y)
{
    if (ref_eq(x, y))
        return ABOVE;
    unsigned signs = look_at(l, x), other = look_at(l, y);
    return (other & ABOVE ? signs : NEVER) | (other & BELOW ? opposite(signs) : NEVER);
}

/* Does a node read the whole of array x, an element a turn of a loop? */
static bool
runs_through(const Function *f, const Node *loop, const Node *at, Ref x)
{
    Type t = ir_type(f, x);

    if (at->op != OP_at || !ref_eq(at->arg[0], x) || at->n_args != 1u + t.rank ||
        loop->attr.ints[0] != t.rank)
        return false;
    for (unsigned i = 0; i < t.rank; i++)
        if (!ref_eq(at->arg[1 + i], f->region[loop->own[0]].param[i]) ||
            loop->attr.ints[1 + i] != t.dim[i])
            return false;
    return true;
}

static const Node *
loop_of(const Function *f, const Node *get)
{
    const Node *n = get->op == OP_get ? ir_node(f, get->arg[0]) : NULL;

    return n && n->op == OP_loop ? n : NULL;
}

static FoldKind
kind_of(const Node *loop, const Node *get)
{
    return (FoldKind)loop->attr.ints[1 + loop->attr.ints[0] + get->attr.i];
}

/* Is m the largest or smallest element of the array that x is an element of?  The array is read
 * by the loop that finds m, or stored there. */
static bool
is_extreme(const Function *f, FoldKind kind, Ref m, Ref x)
{
    const Node *extreme = ir_node(f, m), *at = ir_node(f, x), *loop = loop_of(f, extreme);

    if (!loop || kind_of(loop, extreme) != kind || at->op != OP_at)
        return false;
    const Ref *yield = f->region[loop->own[0]].yield;
    const Node *array = ir_node(f, at->arg[0]);
    Ref folded = yield[extreme->attr.i];
    if (runs_through(f, loop, ir_node(f, folded), at->arg[0]))
        return true;
    return loop_of(f, array) == loop && kind_of(loop, array) == FOLD_store &&
           ref_eq(yield[array->attr.i], folded);
}

/* Is m the extreme, on the side of c, of the array that x is an element of, times c? */
static bool
is_scaled_extreme(const Function *f, Ref c, Ref m, Ref x)
{
    const Node *n = ir_node(f, m);
    double power;

    if (n->op != OP_mul || !is_small_power(f, c, &power))
        return false;
    for (unsigned k = 0; k < 2; k++)
        if (ref_eq(n->arg[k], c) &&
            is_extreme(f, power > 0 ? FOLD_max : FOLD_min, n->arg[1 - k], x))
            return true;
    return false;
}

/* c x - c m, of what powers.c leaves: c m is exact, or so small that an exponential sees 0. */
static unsigned
of_fma(Look *l, Ref x, Ref y, Ref z)
{
    const Node *n = ir_node(l->f, z);

    if (n->op == OP_neg && is_scaled_extreme(l->f, x, n->arg[0], y))
        return BELOW;
    return of_product(l, x, y) | look_at(l, z);
}

static unsigned
of_difference(Look *l, Ref x, Ref y)
{
    return is_extreme(l->f, FOLD_max, y, x) ? BELOW : look_at(l, x) | opposite(look_at(l, y));
}

static unsigned
of_result(Look *l, const Node *get)
{
    const Node *loop = loop_of(l->f, get);

    if (!loop || kind_of(loop, get) == FOLD_prod || ir_loop_turns(loop) == 0)
        return EITHER;
    return look_at(l, l->f->region[loop->own[0]].yield[get->attr.i]);
}

/* The larger or smaller of two: `side` is where it is if either of them is. */
static unsigned
of_extreme(Look *l, const Node *n, unsigned side)
{
    unsigned x = look_at(l, n->arg[0]), y = look_at(l, n->arg[1]);

    return ((x | y) & side) | (x & y & ~side);
}

static unsigned
look_at(Look *l, Ref x)
{
    const Node *n = ir_node(l->f, x);

    if (l->left == 0 || !dtype_is_float((DType)n->type.dtype))
        return EITHER;
    l->left--;
    switch (n->op) {
    case OP_const: return of_constant(l->f, x);
    case OP_abs:
    case OP_exp:
    case OP_exp_flush:
    case OP_sqrt: return ABOVE;
    case OP_neg: return opposite(look_at(l, n->arg[0]));
    case OP_mul: return of_product(l, n->arg[0], n->arg[1]);
    case OP_fma: return of_fma(l, n->arg[0], n->arg[1], n->arg[2]);
    case OP_add: return look_at(l, n->arg[0]) | look_at(l, n->arg[1]);
    case OP_sub: return of_difference(l, n->arg[0], n->arg[1]);
    case OP_select: return look_at(l, n->arg[1]) | look_at(l, n->arg[2]);
    case OP_max: return of_extreme(l, n, ABOVE);
    case OP_min: return of_extreme(l, n, BELOW);
    case OP_get: return of_result(l, n);
    case OP_at:
    case OP_broadcast:
    case OP_convert: return look_at(l, n->arg[0]);
    default: return EITHER;
    }
}

bool
is_small_power(const Function *f, Ref x, double *ret)
{
    DType d = (DType)ir_type(f, x).dtype;
    Scalar s;
    int exponent;

    if (!dtype_is_float(d) || !ir_is_splat(f, x, &s))
        return false;
    *ret = scalar_to_double(s, d);
    return fabs(*ret) <= 1 && fabs(frexp(*ret, &exponent)) == 0.5;
}

bool
sign_never_above(const Function *f, Ref x)
{
    Look l = {f, MOST_NODES};

    return !(look_at(&l, x) & ABOVE);
}
