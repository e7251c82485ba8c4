/* SPDX-License-Identifier: Apache-2.0
 *
 * vocabulary.h -- the words in which ops.def writes partials.
 *
 * Every op is a function name_() over V, made from the table itself.  Operands of unlike rank
 * are aligned at their first axes: a tangent may have one more axis, last, in which it holds
 * several tangents side by side.
 */
#ifndef EBM_PASSES_AD_VOCABULARY_H
#define EBM_PASSES_AD_VOCABULARY_H

#include <assert.h>

#include "ir/ir.h"

/* A value and where its users go; r is NO_REF for a derivative that is 0. */
typedef struct V {
    Builder *b;
    Ref r;
} V;

static inline Type
type_of_(V x)
{
    return ir_type(x.b->function, x.r);
}

/* x, repeated along the further axes of `like`. */
static inline Ref
align_(V x, Type like)
{
    static const int64_t first[MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    Type t = type_of_(x);

    return t.rank < like.rank ? ir_broadcast(x.b, x.r, like, t.rank ? first : NULL) : x.r;
}

static inline V
apply_1_(Op op, V x)
{
    return (V){x.b, ir_pointwise(x.b, op, x.r, NO_REF, NO_REF)};
}

static inline V
apply_2_(Op op, V x, V y)
{
    Type like = type_of_(x).rank < type_of_(y).rank ? type_of_(y) : type_of_(x);

    return (V){x.b, ir_pointwise(x.b, op, align_(x, like), align_(y, like), NO_REF)};
}

static inline V
apply_3_(Op op, V x, V y, V z)
{
    Type like = type_of_(x).rank < type_of_(y).rank ? type_of_(y) : type_of_(x);

    like = like.rank < type_of_(z).rank ? type_of_(z) : like;
    return (V){x.b, ir_pointwise(x.b, op, align_(x, like), align_(y, like), align_(z, like))};
}

// clang-format off
#define WORD_1(name) static inline V name##_(V x) { return apply_1_(OP_##name, x); }
#define WORD_2(name) static inline V name##_(V x, V y) { return apply_2_(OP_##name, x, y); }
#define WORD_3(name) static inline V name##_(V x, V y, V z) { return apply_3_(OP_##name, x, y, z); }
#define POINTWISE(name, arity, ...) WORD_##arity(name)
#include "ir/ops.def"
// clang-format on

/* The number c, of x's type. */
static inline V
num_(V x, double c)
{
    return (V){x.b, ir_full(x.b, type_of_(x), c)};
}

static inline V
one_(V x)
{
    return num_(x, 1);
}

/* g, but 0 where c holds (whatever g is there). */
static inline V
zero_if_(V c, V g)
{
    return select_(c, num_(g, 0), g);
}

static inline V
convert_like_(V g, V x)
{
    return (V){g.b, ir_convert(g.b, g.r, (DType)type_of_(x).dtype)};
}

/* 1 where `first` holds, 1/2 where `both` does, else 0: in the dtype of the op at hand. */
static inline V
share_tie_(V first, V both, DType d)
{
    Type t = type_with(type_of_(first), d);
    V one = {first.b, ir_full(first.b, t, 1)};

    return select_(first, one, select_(both, num_(one, .5), num_(one, 0)));
}

/* trigamma for x > 0: ten terms of sum 1 / (x + k)^2, and the rest by its asymptotic series,
 * with the Bernoulli numbers B_14, B_12, ..., B_2 (Abramowitz & Stegun 6.4.10, 6.4.12). */
static inline V
trigamma_right_(V x)
{
    static const double bernoulli[] = {7.0 / 6,  -691.0 / 2730, 5.0 / 66, -1.0 / 30,
                                       1.0 / 42, -1.0 / 30,     1.0 / 6};
    V u = div_(one_(x), add_(x, num_(x, 10))), square = mul_(u, u), rest = num_(x, 0);

    for (size_t i = 0; i < sizeof bernoulli / sizeof *bernoulli; i++)
        rest = add_(mul_(rest, square), num_(x, bernoulli[i]));
    rest = add_(mul_(mul_(rest, u), square), add_(mul_(square, num_(x, .5)), u));
    for (int k = 9; k >= 0; k--) {
        V at = add_(x, num_(x, k));
        rest = add_(rest, div_(one_(x), mul_(at, at)));
    }
    return rest;
}

/* The derivative of digamma; for x < 0 by reflection (6.4.7).  What a side does not need has
 * finite derivatives there. */
static inline V
trigamma_(V x)
{
    V left = lt_(x, num_(x, 0)), t = trigamma_right_(select_(left, sub_(one_(x), x), x));
    V s = sin_(mul_(num_(x, 3.141592653589793), select_(left, x, num_(x, .5))));

    return select_(left, sub_(div_(num_(x, 9.869604401089358), mul_(s, s)), t), t);
}

#endif
