/* SPDX-License-Identifier: Apache-2.0
 *
 * programs.c -- small functions that between them use every op with a derivative
 */
#include "programs.h"

static Type
real(void)
{
    return type_scalar(DT_f64);
}

static Type
vector(uint32_t n)
{
    return type_array(DT_f64, 1, &n);
}

static Type
matrix(uint32_t n, uint32_t m)
{
    return type_array(DT_f64, 2, (uint32_t[]){n, m});
}

static Ref
number(Builder *b, double x)
{
    return ir_number(b, DT_f64, x);
}

static Ref
integer(Builder *b, int i)
{
    return ir_number(b, DT_i32, i);
}

static Ref
index_param(Builder *b)
{
    return ir_param(b, type_scalar(DT_i32));
}

static void
result(Builder *b, Ref r)
{
    ir_yield(b, 1, &r);
}

static Ref
sum_all(Builder *b, Ref x)
{
    return ir_reduce_all(b, OP_sum, x);
}

/* Something that makes every element matter in its own way. */
static Ref
bend(Builder *b, Ref x)
{
    return ir_add(b, ir_sin(b, x), ir_mul(b, ir_mul(b, x, x), number(b, .3)));
}

/* ---- shapes */

static void
build_shapes(Builder *b)
{
    Ref x = ir_param(b, matrix(2, 3)), y = ir_param(b, vector(3));
    Ref t = ir_transpose(b, bend(b, x), (int64_t[]){1, 0});
    Ref r = ir_reshape(b, t, vector(6));
    Ref s = ir_slice(b, r, vector(3), (int64_t[]){1, 2});
    Ref p = ir_pad(b, ir_mul(b, s, y), vector(8), (int64_t[]){1, 3});
    Ref c = ir_concat(b, 3, (Ref[]){p, y, bend(b, y)}, 0);
    Ref w = ir_broadcast(b, y, (Type){DT_f64, 2, {3, 4}}, (int64_t[]){0});
    ir_yield(b, 2, (Ref[]){c, bend(b, w)});
}

static void
build_broadcast_scalar(Builder *b)
{
    Ref x = ir_param(b, real()), y = ir_param(b, vector(4));
    result(b, bend(b, ir_mul(b, x, bend(b, y))));
}

static void
build_take(Builder *b)
{
    Ref x = ir_param(b, matrix(4, 2)), index = ir_param(b, (Type){DT_i32, 1, {5}});
    Ref v = ir_param(b, matrix(5, 2));
    Ref rows = bend(b, ir_take(b, bend(b, x), index));
    Ref arg[3] = {bend(b, x), index, ir_mul(b, v, rows)};
    Ref put = ir_build(b, OP_put_add, (Type){0}, 3, arg, (Attr){0}, 0, NULL);
    ir_yield(b, 2, (Ref[]){rows, bend(b, put)});
}

static void
build_at_update(Builder *b)
{
    Ref x = ir_param(b, matrix(4, 3)), v = ir_param(b, vector(3)), i = index_param(b);
    Ref row = ir_at(b, x, 1, &i, false);
    Ref e = ir_at(b, x, 2, (Ref[]){i, integer(b, 1)}, true);
    Ref u = ir_update(b, bend(b, x), bend(b, v), 1, &i, false, false);
    Ref w = ir_update(b, bend(b, u), ir_mul(b, e, e), 2, (Ref[]){integer(b, 2), integer(b, 0)},
                      true, true);
    Ref out = ir_update(b, w, ir_mul(b, v, v), 1, (Ref[]){integer(b, 7)}, false, false);
    ir_yield(b, 2, (Ref[]){bend(b, row), bend(b, out)});
}

/* ---- reductions */

static void
build_sum(Builder *b)
{
    Ref x = ir_param(b, (Type){DT_f64, 3, {2, 3, 4}});
    Ref s = ir_reduce(b, OP_sum, bend(b, x), 2, (int64_t[]){0, 2});
    ir_yield(b, 2, (Ref[]){bend(b, s), bend(b, sum_all(b, x))});
}

static void
build_prod(Builder *b)
{
    Ref x = ir_param(b, (Type){DT_f64, 3, {2, 5, 3}});
    Ref y = ir_param(b, vector(7));
    Ref zero = ir_update(b, y, number(b, 0), 1, (Ref[]){integer(b, 3)}, true, true);
    Ref none =
        ir_mul(b, zero, ir_sub(b, zero, ir_at(b, zero, 1, (Ref[]){integer(b, 2)}, true)));
    Ref p = ir_reduce(b, OP_prod, bend(b, x), 2, (int64_t[]){0, 1});
    ir_yield(b, 2, (Ref[]){p, ir_reduce_all(b, OP_prod, none)});
}

static void
build_extremes(Builder *b)
{
    Ref x = ir_param(b, (Type){DT_f64, 3, {2, 5, 3}});
    Ref high = ir_reduce(b, OP_amax, bend(b, x), 1, (int64_t[]){1});
    Ref low = ir_reduce(b, OP_amin, bend(b, x), 2, (int64_t[]){0, 2});
    ir_yield(b, 2, (Ref[]){bend(b, high), bend(b, low)});
}

static void
build_logsumexp(Builder *b)
{
    Ref x = ir_param(b, vector(9));
    Ref top = ir_reduce_all(b, OP_amax, x);
    Ref s = sum_all(b, ir_exp(b, ir_sub(b, x, top)));
    Ref best = ir_build(b, OP_argmax, (Type){0}, 1, &x, (Attr){.i = 0}, 0, NULL);
    Ref weight = ir_convert(b, best, DT_f64);
    result(b, ir_mul(b, ir_add(b, top, ir_log(b, s)), weight));
}

/* ---- products */

static void
build_contract(Builder *b)
{
    Ref x = ir_param(b, matrix(3, 4)), y = ir_param(b, matrix(4, 2)),
        v = ir_param(b, vector(4));
    Ref init = ir_param(b, matrix(3, 2));
    Ref xy = ir_contract(b, "ij,jk->ik", bend(b, x), y, bend(b, init));
    Ref xv = ir_contract(b, "ij,j->i", x, v, NO_REF);
    Ref outer = ir_contract(b, "i,j->ji", xv, v, NO_REF);
    Ref alone = ir_contract(b, "ij,kl->l", x, bend(b, y), NO_REF);
    Ref diagonal = ir_contract(b, "i,i->i", v, bend(b, v), NO_REF);
    ir_yield(b, 4, (Ref[]){bend(b, xy), bend(b, outer), alone, diagonal});
}

static void
build_square_form(Builder *b)
{
    Ref x = ir_param(b, vector(4)), a = ir_param(b, matrix(4, 4));
    Ref ax = ir_contract(b, "ij,j->i", a, x, NO_REF);
    result(b, ir_exp(b, ir_mul(b, ir_contract(b, "i,i->", x, ax, NO_REF), number(b, .1))));
}

static void
build_mlp(Builder *b)
{
    Ref x = ir_param(b, vector(3)), w1 = ir_param(b, matrix(5, 3)), b1 = ir_param(b, vector(5));
    Ref w2 = ir_param(b, matrix(5, 5)), w3 = ir_param(b, vector(5));
    Ref h = ir_tanh(b, ir_contract(b, "ij,j->i", w1, x, b1));
    Ref k = ir_contract(b, "ij,j->i", w2, h, NO_REF);
    Ref silu = ir_div(b, k, ir_add(b, number(b, 1), ir_exp(b, ir_neg(b, k))));
    result(b, ir_contract(b, "i,i->", w3, silu, NO_REF));
}

/* ---- linear algebra */

/* A positive matrix of a parameter. */
static Ref
positive(Builder *b, Ref x)
{
    uint32_t n = ir_type(b->function, x).dim[0];
    Ref square = ir_contract(b, "ij,kj->ik", x, x, NO_REF);
    Ref diagonal = ir_eq(b, ir_iota(b, matrix(n, n), 0), ir_iota(b, matrix(n, n), 1));
    return ir_add(b, square, ir_select(b, diagonal, number(b, 2), number(b, 0)));
}

static void
build_cholesky(Builder *b)
{
    Ref x = ir_param(b, matrix(4, 4)), y = ir_param(b, matrix(4, 4));
    Ref a = ir_add(b, positive(b, x), ir_mul(b, y, number(b, .05)));
    Ref l = ir_build(b, OP_cholesky, (Type){0}, 1, &a, (Attr){0}, 0, NULL);
    result(b, bend(b, l));
}

static Ref
trisolve(Builder *b, Ref l, Ref y, int transposed)
{
    return ir_build(b, OP_trisolve, (Type){0}, 2, (Ref[]){l, y}, (Attr){.i = transposed}, 0,
                    NULL);
}

static void
build_trisolve(Builder *b)
{
    Ref x = ir_param(b, matrix(3, 3)), v = ir_param(b, vector(3)),
        m = ir_param(b, matrix(3, 2));
    Ref a = positive(b, x);
    ir_yield(b, 4,
             (Ref[]){bend(b, trisolve(b, a, v, 0)), bend(b, trisolve(b, a, v, 1)),
                     bend(b, trisolve(b, a, m, 0)), bend(b, trisolve(b, a, m, 1))});
}

/* log N(x; 0, K) of a Gaussian process whose kernel has a parameter. */
static void
build_gaussian(Builder *b)
{
    Ref x = ir_param(b, vector(3)), k = ir_param(b, matrix(3, 3));
    Ref a = positive(b, k);
    Ref l = ir_build(b, OP_cholesky, (Type){0}, 1, &a, (Attr){0}, 0, NULL);
    Ref z = trisolve(b, l, bend(b, x), 0);
    result(b, ir_contract(b, "i,i->", z, z, NO_REF));
}

/* ---- if */

static void
build_if(Builder *b)
{
    Ref x = ir_param(b, vector(3)), y = ir_param(b, real());
    Ref e = ir_at(b, x, 1, (Ref[]){integer(b, 0)}, true);
    Ref condition = ir_gt(b, e, number(b, 0));
    RegionId then = region_begin(b);
    Ref in_then = ir_mul(b, bend(b, x), y);
    ir_yield(b, 2, (Ref[]){in_then, y});
    region_end(b);
    RegionId otherwise = region_begin(b);
    Ref inner = ir_gt(b, y, number(b, .5));
    RegionId a = region_begin(b);
    Ref deep = ir_exp(b, y);
    ir_yield(b, 1, &deep);
    region_end(b);
    RegionId c = region_begin(b);
    deep = ir_mul(b, y, e);
    ir_yield(b, 1, &deep);
    region_end(b);
    deep = ir_get(b, ir_if(b, inner, a, c), 0);
    ir_yield(b, 2, (Ref[]){x, ir_mul(b, deep, deep)});
    region_end(b);
    Ref node = ir_if(b, condition, then, otherwise);
    ir_yield(b, 2, (Ref[]){bend(b, ir_get(b, node, 0)), ir_get(b, node, 1)});
}

/* sqrt only where its argument is positive: the other branch must not reach the derivative. */
static void
build_if_guard(Builder *b)
{
    Ref x = ir_param(b, real()), y = ir_sub(b, ir_mul(b, x, x), ir_mul(b, x, x));
    RegionId then = region_begin(b);
    result(b, ir_sqrt(b, ir_sub(b, y, ir_exp(b, x))));
    region_end(b);
    RegionId otherwise = region_begin(b);
    result(b, bend(b, x));
    region_end(b);
    result(b, ir_get(b, ir_if(b, ir_gt(b, y, number(b, 1)), then, otherwise), 0));
}

/* ---- for and while */

static void
build_for(Builder *b)
{
    Ref x = ir_param(b, vector(4)), y = ir_param(b, real());
    RegionId body = region_begin(b);
    Ref i = index_param(b), s = ir_param(b, real()), v = ir_param(b, vector(4));
    Ref e = ir_at(b, x, 1, &i, true);
    Ref next = ir_add(b, ir_mul(b, s, ir_sin(b, e)), y);
    Ref w = ir_update(b, v, ir_mul(b, next, e), 1, &i, true, false);
    ir_yield(b, 2, (Ref[]){next, w});
    region_end(b);
    Ref node = ir_for(b, integer(b, 0), integer(b, 4), 2, (Ref[]){y, bend(b, x)}, body, 4);
    ir_yield(b, 2, (Ref[]){ir_get(b, node, 0), bend(b, ir_get(b, node, 1))});
}

/* A leapfrog trajectory: bounds known at run time only, arrays carried. */
static void
build_leapfrog(Builder *b)
{
    Ref q = ir_param(b, vector(3)), p = ir_param(b, vector(3)), h = ir_param(b, real());
    Ref n = index_param(b);
    RegionId body = region_begin(b);
    index_param(b);
    Ref q1 = ir_param(b, vector(3)), p1 = ir_param(b, vector(3));
    Ref half = ir_sub(b, p1, ir_mul(b, h, ir_sin(b, q1)));
    Ref moved = ir_add(b, q1, ir_mul(b, h, half));
    ir_yield(b, 2, (Ref[]){moved, half});
    region_end(b);
    Ref node = ir_for(b, integer(b, 1), ir_add(b, n, integer(b, 2)), 2, (Ref[]){q, p}, body, 9);
    ir_yield(b, 2, (Ref[]){ir_get(b, node, 0), ir_get(b, node, 1)});
}

/* Nothing carried is needed: no bound is either. */
static void
build_unbounded(Builder *b)
{
    Ref x = ir_param(b, vector(4)), n = index_param(b);
    RegionId body = region_begin(b);
    Ref i = index_param(b), s = ir_param(b, real());
    Ref e = ir_at(b, x, 1, &i, true);
    result(b, ir_add(b, s, ir_mul(b, e, e)));
    region_end(b);
    Ref node = ir_for(b, integer(b, 0), n, 1, (Ref[]){number(b, 0)}, body, -1);
    result(b, ir_get(b, node, 0));
}

static void
build_nested_for(Builder *b)
{
    Ref x = ir_param(b, matrix(3, 2)), y = ir_param(b, real());
    RegionId outer = region_begin(b);
    Ref i = index_param(b), s = ir_param(b, real());
    RegionId inner = region_begin(b);
    Ref j = index_param(b), t = ir_param(b, real());
    Ref e = ir_at(b, x, 2, (Ref[]){i, j}, true);
    Ref condition = ir_gt(b, e, number(b, 0));
    RegionId then = region_begin(b);
    result(b, ir_mul(b, t, e));
    region_end(b);
    RegionId otherwise = region_begin(b);
    result(b, ir_add(b, ir_sin(b, t), ir_mul(b, s, y)));
    region_end(b);
    Ref chosen = ir_get(b, ir_if(b, condition, then, otherwise), 0);
    result(b, ir_add(b, chosen, ir_mul(b, y, e)));
    region_end(b);
    Ref t1 = ir_get(b, ir_for(b, integer(b, 0), integer(b, 2), 1, &s, inner, 2), 0);
    result(b, ir_mul(b, t1, ir_cos(b, s)));
    region_end(b);
    result(b, ir_get(b, ir_for(b, integer(b, 0), integer(b, 3), 1, &y, outer, 3), 0));
}

static void
build_while(Builder *b)
{
    Ref x = ir_param(b, real()), y = ir_param(b, vector(2));
    RegionId condition = region_begin(b);
    Ref s = ir_param(b, real());
    ir_param(b, vector(2));
    result(b, ir_lt(b, ir_abs(b, s), number(b, 6)));
    region_end(b);
    RegionId body = region_begin(b);
    s = ir_param(b, real());
    Ref v = ir_param(b, vector(2));
    Ref grown = ir_add(b, ir_mul(b, s, number(b, 1.7)), ir_mul(b, ir_sin(b, s), x));
    ir_yield(b, 2, (Ref[]){grown, ir_mul(b, v, ir_cos(b, s))});
    region_end(b);
    Ref node = ir_while(b, integer(b, 10), 2, (Ref[]){ir_add(b, x, number(b, 2)), bend(b, y)},
                        condition, body);
    ir_yield(b, 2, (Ref[]){ir_get(b, node, 0), ir_get(b, node, 1)});
}

/* ---- loop */

static Ref
loop(Builder *b, unsigned rank, uint32_t n, uint32_t m, FoldKind kind, RegionId body)
{
    return ir_get(b, ir_loop(b, rank, (uint32_t[]){n, m}, &kind, body), 0);
}

static void
build_comprehension(Builder *b)
{
    Ref x = ir_param(b, vector(4)), y = ir_param(b, real()), k = ir_param(b, matrix(4, 3));
    RegionId body = region_begin(b);
    Ref i = index_param(b), j = index_param(b);
    Ref e = ir_at(b, x, 1, &i, true), m = ir_at(b, k, 2, (Ref[]){i, j}, true);
    Ref row = ir_at(b, k, 1, &i, true);
    Ref r = ir_mul(b, ir_mul(b, ir_sin(b, e), y), m);
    result(b, ir_add(b, r, sum_all(b, ir_mul(b, row, e))));
    region_end(b);
    result(b, bend(b, loop(b, 2, 4, 3, FOLD_store, body)));
}

/* Pairs: x is read at both indices. */
static void
build_pairs(Builder *b)
{
    Ref x = ir_param(b, matrix(5, 3));
    RegionId body = region_begin(b);
    Ref i = index_param(b), j = index_param(b);
    Ref xi = ir_at(b, x, 1, &i, true), xj = ir_at(b, x, 1, &j, true);
    Ref r2 = sum_all(b, ir_mul(b, ir_sub(b, xi, xj), ir_sub(b, xi, xj)));
    Ref force = ir_exp(b, ir_neg(b, r2));
    result(b, ir_select(b, ir_lt(b, i, j), force, number(b, 0)));
    region_end(b);
    result(b, loop(b, 2, 5, 5, FOLD_sum, body));
}

/* Neighbours on a ring, by computed indices, and a loop within. */
static void
build_ring(Builder *b)
{
    Ref x = ir_param(b, vector(5)), w = ir_param(b, vector(3));
    RegionId body = region_begin(b);
    Ref i = index_param(b);
    Ref next = ir_imod(b, ir_add(b, i, integer(b, 1)), integer(b, 5));
    Ref e = ir_at(b, x, 1, &i, true), f = ir_at(b, x, 1, &next, true);
    RegionId inner = region_begin(b);
    Ref j = index_param(b), k = ir_idiv(b, ir_add(b, i, j), integer(b, 4));
    Ref v = ir_mul(b, ir_at(b, w, 1, &j, true), ir_at(b, w, 1, &k, true));
    result(b, ir_sin(b, ir_mul(b, v, e)));
    region_end(b);
    Ref s = loop(b, 1, 3, 0, FOLD_sum, inner);
    result(b, ir_mul(b, ir_mul(b, ir_cos(b, e), f), s));
    region_end(b);
    result(b, loop(b, 1, 5, 0, FOLD_sum, body));
}

static void
build_folds(Builder *b)
{
    Ref x = ir_param(b, vector(5)), y = ir_param(b, real());
    RegionId body = region_begin(b);
    Ref i = index_param(b), e = ir_at(b, x, 1, &i, true);
    Ref v = ir_add(b, ir_mul(b, e, y), ir_sin(b, e));
    ir_yield(b, 5, (Ref[]){v, v, v, ir_mul(b, v, x), v});
    region_end(b);
    FoldKind kind[5] = {FOLD_prod, FOLD_max, FOLD_min, FOLD_sum, FOLD_store};
    Ref node = ir_loop(b, 1, (uint32_t[]){5}, kind, body);
    Ref r[5];
    for (uint32_t k = 0; k < 5; k++)
        r[k] = bend(b, ir_get(b, node, k));
    ir_yield(b, 5, r);
}

/* Rows of data, weights used whole: a regression. */
static void
build_regression(Builder *b)
{
    Ref w = ir_param(b, vector(3)), data = ir_param(b, matrix(20, 3));
    RegionId body = region_begin(b);
    Ref i = index_param(b), row = ir_at(b, data, 1, &i, true);
    Ref z = ir_contract(b, "i,i->", row, w, NO_REF);
    result(b, ir_log1p(b, ir_exp(b, z)));
    region_end(b);
    result(b, loop(b, 1, 20, 0, FOLD_sum, body));
}

/* A loop in a for in a loop, with an if. */
static void
build_tower(Builder *b)
{
    Ref x = ir_param(b, vector(3)), y = ir_param(b, real());
    RegionId outer = region_begin(b);
    Ref i = index_param(b), e = ir_at(b, x, 1, &i, true);
    RegionId turns = region_begin(b);
    index_param(b);
    Ref s = ir_param(b, real());
    RegionId inner = region_begin(b);
    Ref j = index_param(b), g = ir_at(b, x, 1, &j, true);
    RegionId then = region_begin(b);
    result(b, ir_mul(b, g, s));
    region_end(b);
    RegionId otherwise = region_begin(b);
    result(b, ir_mul(b, ir_at(b, x, 1, &i, true), y));
    region_end(b);
    result(b, ir_get(b, ir_if(b, ir_lt(b, j, i), then, otherwise), 0));
    region_end(b);
    Ref t = loop(b, 1, 3, 0, FOLD_sum, inner);
    result(b, ir_sin(b, ir_add(b, t, e)));
    region_end(b);
    Ref last = ir_get(b, ir_for(b, integer(b, 0), integer(b, 2), 1, &y, turns, 2), 0);
    result(b, ir_mul(b, last, e));
    region_end(b);
    result(b, bend(b, loop(b, 1, 3, 0, FOLD_store, outer)));
}

/* ---- constants to differentiation */

static void
build_constants(Builder *b)
{
    Ref x = ir_param(b, vector(4));
    DrawAttr attr = {.dist = DRAW_normal, .region = 1, .blocks = 2};
    Ref noise = ir_draw(b, vector(4), attr, integer(b, 0));
    result(b, ir_mul(b, bend(b, x), noise));
}

/* Energies are f64 of values that are not. */
static void
build_narrow(Builder *b)
{
    Ref x = ir_param(b, vector(4));
    Ref wide = ir_convert(b, ir_convert(b, bend(b, x), DT_f64), DT_f64);
    result(b, sum_all(b, ir_mul(b, wide, wide)));
}

// clang-format off
const Program programs[] = {
    {"shapes", build_shapes, -2, 2, true},
    {"broadcast_scalar", build_broadcast_scalar, -2, 2, true},
    {"take", build_take, -2, 2, true},
    {"at_update", build_at_update, -2, 2, true},
    {"sum", build_sum, -2, 2, true},
    {"prod", build_prod, -2, 2, true},
    {"extremes", build_extremes, -2, 2, true},
    {"logsumexp", build_logsumexp, -2, 2, true},
    {"contract", build_contract, -1, 1, true},
    {"square_form", build_square_form, -1, 1, true},
    {"mlp", build_mlp, -1, 1, true},
    {"cholesky", build_cholesky, -1, 1, true},
    {"trisolve", build_trisolve, -1, 1, true},
    {"gaussian", build_gaussian, -1, 1, true},
    {"if", build_if, -1, 1, true},
    {"if_guard", build_if_guard, -1, 1, true},
    {"for", build_for, -1, 1, true},
    {"leapfrog", build_leapfrog, .1, .6, true},
    {"unbounded", build_unbounded, -1, 1, true},
    {"nested_for", build_nested_for, -1, 1, true},
    {"while", build_while, -1, 1, true},
    {"comprehension", build_comprehension, -1, 1, true},
    {"pairs", build_pairs, -1, 1, true},
    {"ring", build_ring, -1, 1, true},
    {"folds", build_folds, -1, 1, true},
    {"regression", build_regression, -1, 1, true},
    {"tower", build_tower, -1, 1, true},
    {"constants", build_constants, -1, 1, true},
    {"narrow", build_narrow, -1, 1, true},
};
// clang-format on
const size_t n_programs = sizeof programs / sizeof *programs;
