/* SPDX-License-Identifier: Apache-2.0
 *
 * random.c -- random functions of a real, a vector and a matrix
 *
 * Values of three shapes are kept in a pool; each step makes one from others.  What is made
 * stays of moderate size, so that differences are accurate.
 */
#include "random.h"

#include "harness.h"

enum { REAL, VECTOR, MATRIX, KINDS, SIZE = 3, POOL = 256 };

typedef struct Gen {
    Builder *b;
    uint64_t state;
    Ref pool[KINDS][POOL];
    unsigned n[KINDS];
    unsigned depth;
} Gen;

static unsigned
roll(Gen *g, unsigned n)
{
    return (unsigned)(harness_bits(&g->state) % n);
}

static Type
type_of(unsigned kind)
{
    return type_array(DT_f64, kind, (uint32_t[]){SIZE, SIZE});
}

/* A value of the kind; later ones are likelier. */
static Ref
pick(Gen *g, unsigned kind)
{
    unsigned n = g->n[kind], a = roll(g, n), c = roll(g, n);
    return g->pool[kind][a > c ? a : c];
}

static void
keep(Gen *g, unsigned kind, Ref r)
{
    if (g->n[kind] < POOL)
        g->pool[kind][g->n[kind]++] = r;
}

static Ref
integer(Gen *g, int i)
{
    return ir_number(g->b, DT_i32, i);
}

static Ref
tame(Gen *g, Ref x)
{
    return roll(g, 2) ? ir_tanh(g->b, x) : ir_sin(g->b, x);
}

static void
grow_pointwise(Gen *g)
{
    unsigned kind = roll(g, KINDS);
    Ref x = pick(g, kind), y = pick(g, kind), s = pick(g, REAL), r;

    switch (roll(g, 9)) {
    case 0: r = ir_add(g->b, x, y); break;
    case 1: r = ir_sub(g->b, x, ir_neg(g->b, y)); break;
    case 2: r = ir_mul(g->b, tame(g, x), y); break;
    case 3: r = ir_mul(g->b, s, tame(g, y)); break;
    case 4: r = ir_div(g->b, x, ir_add(g->b, ir_exp(g->b, tame(g, y)), ir_abs(g->b, x))); break;
    case 5: r = ir_select(g->b, ir_lt(g->b, x, y), ir_cos(g->b, x), y); break;
    case 6: r = ir_max(g->b, x, ir_min(g->b, y, s)); break;
    case 7: r = ir_sub(g->b, ir_mul(g->b, tame(g, x), tame(g, y)), x); break;
    default: r = ir_fma(g->b, tame(g, x), tame(g, y), x);
    }
    keep(g, kind, r);
}

static void
grow_shape(Gen *g)
{
    Builder *b = g->b;
    int64_t axis = roll(g, 2);
    Type part = type_array(DT_f64, 1, (uint32_t[]){SIZE - 1});
    Ref m = pick(g, MATRIX), v = pick(g, VECTOR);

    switch (roll(g, 8)) {
    case 0: keep(g, MATRIX, ir_transpose(b, m, (int64_t[]){1, 0})); break;
    case 1: keep(g, MATRIX, ir_broadcast(b, v, type_of(MATRIX), &axis)); break;
    case 2: keep(g, VECTOR, ir_reduce(b, OP_sum, tame(g, m), 1, &axis)); break;
    case 3: keep(g, REAL, ir_reduce_all(b, OP_prod, tame(g, v))); break;
    case 4: keep(g, VECTOR, ir_reduce(b, OP_amax, m, 1, &axis)); break;
    case 5: {
        Ref s = ir_slice(b, v, part, (int64_t[]){1, 1});
        keep(g, VECTOR, ir_pad(b, s, type_of(VECTOR), (int64_t[]){0, 2}));
        break;
    }
    case 6: {
        Ref s = ir_slice(b, v, part, (int64_t[]){0, 2});
        Ref one = ir_reshape(b, pick(g, REAL), type_array(DT_f64, 1, (uint32_t[]){1}));
        keep(g, VECTOR, ir_concat(b, 2, (Ref[]){one, s}, 0));
        break;
    }
    default: {
        int32_t rows[SIZE] = {(int32_t)roll(g, SIZE), (int32_t)roll(g, SIZE), 0};
        Ref index = ir_const(b, type_with(type_of(VECTOR), DT_i32), rows);
        keep(g, MATRIX, ir_take(b, m, index));
    }
    }
}

static void
grow_product(Gen *g)
{
    Builder *b = g->b;
    Ref m = tame(g, pick(g, MATRIX)), k = tame(g, pick(g, MATRIX)),
        v = tame(g, pick(g, VECTOR));

    switch (roll(g, 5)) {
    case 0: keep(g, VECTOR, ir_contract(b, "ij,j->i", m, v, NO_REF)); break;
    case 1: keep(g, VECTOR, ir_contract(b, "i,ij->j", v, m, pick(g, VECTOR))); break;
    case 2: keep(g, MATRIX, ir_contract(b, "ij,kj->ik", m, k, NO_REF)); break;
    case 3: keep(g, MATRIX, ir_contract(b, "i,j->ij", v, pick(g, VECTOR), NO_REF)); break;
    default: keep(g, REAL, ir_contract(b, "i,i->", v, v, NO_REF));
    }
}

static void grow(Gen *g, unsigned steps);

/* A region's content: sees what is outside, and what it makes is forgotten. */
static void
grow_inside(Gen *g, const unsigned kinds[2])
{
    Gen inner = *g;
    Ref yield[2];

    inner.depth++;
    grow(&inner, 1 + roll(&inner, 4));
    for (int i = 0; i < 2; i++)
        yield[i] = tame(&inner, pick(&inner, kinds[i]));
    ir_yield(g->b, 2, yield);
    g->state = inner.state;
}

static void
keep_results(Gen *g, const unsigned kinds[2], Ref node)
{
    for (uint32_t i = 0; i < 2; i++)
        keep(g, kinds[i], ir_get(g->b, node, i));
}

static void
grow_if(Gen *g)
{
    unsigned kinds[2] = {roll(g, KINDS), roll(g, KINDS)};
    Ref condition = ir_lt(g->b, pick(g, REAL), pick(g, REAL));
    RegionId own[2];

    for (int k = 0; k < 2; k++) {
        own[k] = region_begin(g->b);
        grow_inside(g, kinds);
        region_end(g->b);
    }
    keep_results(g, kinds, ir_if(g->b, condition, own[0], own[1]));
}

/* Elements at a loop's index, and one element changed. */
static void
use_index(Gen *g, Ref i)
{
    Ref v = pick(g, VECTOR), last = ir_sub(g->b, integer(g, SIZE - 1), i);

    keep(g, REAL, ir_at(g->b, v, 1, roll(g, 2) ? &i : &last, true));
    keep(g, VECTOR, ir_at(g->b, pick(g, MATRIX), 1, &i, true));
    if (roll(g, 2))
        keep(g, VECTOR,
             ir_update(g->b, pick(g, VECTOR), tame(g, pick(g, REAL)), 1, &i, true, roll(g, 2)));
}

static void
grow_for(Gen *g)
{
    unsigned kinds[2] = {roll(g, KINDS), roll(g, KINDS)};
    Ref init[2] = {pick(g, kinds[0]), pick(g, kinds[1])};
    Gen saved = *g;
    RegionId own = region_begin(g->b);
    Ref i = ir_param(g->b, type_scalar(DT_i32));

    for (int k = 0; k < 2; k++)
        keep(g, kinds[k], ir_param(g->b, type_of(kinds[k])));
    use_index(g, i);
    grow_inside(g, kinds);
    region_end(g->b);
    saved.state = g->state;
    *g = saved;
    int turns = (int)roll(g, SIZE + 1);
    keep_results(g, kinds, ir_for(g->b, integer(g, 0), integer(g, turns), 2, init, own, SIZE));
}

static void
grow_loop(Gen *g)
{
    unsigned kinds[2] = {REAL, VECTOR};
    FoldKind fold[2] = {roll(g, 2) ? FOLD_sum : roll(g, 2) ? FOLD_prod : FOLD_max, FOLD_store};
    Gen saved = *g;
    RegionId own = region_begin(g->b);
    Ref i = ir_param(g->b, type_scalar(DT_i32));

    use_index(g, i);
    grow_inside(g, kinds);
    region_end(g->b);
    saved.state = g->state;
    *g = saved;
    Ref node = ir_loop(g->b, 1, (uint32_t[]){SIZE}, fold, own);
    keep(g, REAL, ir_get(g->b, node, 0));
    keep(g, MATRIX, ir_get(g->b, node, 1));
}

static void
grow(Gen *g, unsigned steps)
{
    while (steps--) {
        unsigned what = roll(g, 16);
        if (what < 6)
            grow_pointwise(g);
        else if (what < 9)
            grow_shape(g);
        else if (what < 11 || g->depth > 2)
            grow_product(g);
        else if (what < 13)
            grow_if(g);
        else if (what < 15)
            grow_for(g);
        else
            grow_loop(g);
    }
}

void
random_function(Builder *b, uint64_t seed)
{
    Gen g = {.b = b, .state = seed};
    Ref out[KINDS];

    for (unsigned k = 0; k < KINDS; k++)
        keep(&g, k, ir_param(b, type_of(k)));
    grow(&g, 4 + roll(&g, 16));
    for (unsigned k = 0; k < KINDS; k++)
        out[k] = pick(&g, k);
    ir_yield(b, KINDS, out);
}
