/* SPDX-License-Identifier: Apache-2.0
 *
 * programs.c -- a double well and a small network, as lowering would write them
 */
#include "tests/llvm/programs.h"

#include <math.h>
#include <string.h>

#include "ir/math/expand.h"

static Ref
number(Builder *b, double x)
{
    return ir_number(b, DT_f32, x);
}

static Ref
integer(Builder *b, int32_t x)
{
    return ir_const(b, type_scalar(DT_i32), &(Scalar){.i32 = x});
}

static Ref
at1(Builder *b, Ref x, Ref i)
{
    return ir_at(b, x, 1, &i, true);
}

/* Opens a loop over n; the index is *ret_i. */
static RegionId
open_loop(Builder *b, Ref *ret_i)
{
    RegionId r = region_begin(b);

    *ret_i = ir_param(b, type_scalar(DT_i32));
    return r;
}

/* Ends it with one value; the result of the given kind. */
static Ref
close_loop(Builder *b, RegionId r, uint32_t n, FoldKind kind, Ref value)
{
    ir_yield(b, 1, &value);
    region_end(b);
    return ir_get(b, ir_loop(b, 1, &n, &kind, r), 0);
}

/* Element i of a draw of d normals outside loops. */
static Ref
normal_at(Builder *b, uint32_t region, uint32_t d, Ref i)
{
    Attr attr = {
        .draw = {.dist = DRAW_normal, .region = (uint16_t)region, .blocks = (d + 3) / 4}};
    Ref one = integer(b, 1), first = ir_shl(b, ir_ashr(b, i, one), one);
    Ref at[2] = {first, ir_add(b, first, one)}, word[2], pair[2];

    for (int k = 0; k < 2; k++)
        word[k] =
            ir_build(b, OP_word, (Type){0}, 2, (Ref[]){integer(b, 0), at[k]}, attr, 0, NULL);
    math_expand_normals(b, DT_f32, word, pair);
    return ir_select(b, ir_eq(b, ir_and(b, i, one), integer(b, 0)), pair[0], pair[1]);
}

/* x - h g + sqrt(2 h) z */
static Ref
langevin(Builder *b, Ref x, Ref g, Ref h, Ref noise, Ref z)
{
    return ir_fma(b, noise, z, ir_fma(b, ir_neg(b, h), g, x));
}

static void
build_start(Module *m, uint32_t d)
{
    Function *f = function_new(m, "start");
    Builder b = builder_at(m, f);
    Ref i;
    RegionId r = open_loop(&b, &i);
    Ref x = close_loop(&b, r, d, FOLD_store, normal_at(&b, 0, d, i));

    ir_yield(&b, 1, &x);
    ir_outputs(&b, (Output[]){{"x", false}});
}

typedef struct Sampler {
    Builder b;
    Ref x, step_size;
} Sampler;

static Sampler
open_function(Module *m, const char *name, uint32_t d)
{
    Sampler s = {.b = builder_at(m, function_new(m, name))};
    uint32_t dim[1] = {d};

    s.x = ir_input(&s.b, type_array(DT_f32, 1, dim), "x", INPUT_x, VARY_chain);
    s.step_size = ir_input(&s.b, type_scalar(DT_f32), "step_size", INPUT_hyper, VARY_uniform);
    return s;
}

/* 8 x (x^2 - 1) */
static Ref
well_gradient(Builder *b, Ref x)
{
    return ir_mul(b, ir_mul(b, number(b, 8), x), ir_fma(b, x, x, number(b, -1)));
}

static void
build_well_step(Module *m, uint32_t d)
{
    Sampler s = open_function(m, "step", d);
    Builder *b = &s.b;
    Ref noise = ir_sqrt(b, ir_mul(b, number(b, 2), s.step_size)), i;
    RegionId r = open_loop(b, &i);
    Ref x = at1(b, s.x, i);
    Ref y = langevin(b, x, well_gradient(b, x), s.step_size, noise, normal_at(b, 0, d, i));
    Ref next = close_loop(b, r, d, FOLD_store, y);

    ir_yield(b, 1, &next);
    ir_outputs(b, (Output[]){{"x", false}});
}

static void
build_well_eval(Module *m, uint32_t d)
{
    Sampler s = open_function(m, "eval", d);
    Builder *b = &s.b;
    FoldKind kind[2] = {FOLD_sum, FOLD_store};
    Ref i;
    RegionId r = open_loop(b, &i);
    Ref x = at1(b, s.x, i), q = ir_fma(b, x, x, number(b, -1));
    Ref value[2] = {ir_convert(b, ir_mul(b, number(b, 2), ir_mul(b, q, q)), DT_f64),
                    well_gradient(b, x)};

    ir_yield(b, 2, value);
    region_end(b);
    Ref both = ir_loop(b, 1, &d, kind, r);
    ir_yield(b, 2, (Ref[]){ir_get(b, both, 0), ir_get(b, both, 1)});
    ir_outputs(b, (Output[]){{"energy", false}, {"gradient", false}});
}

Module *
double_well(Arena *arena, uint32_t d)
{
    Module *m = module_new(arena);

    build_start(m, d);
    build_well_step(m, d);
    build_well_eval(m, d);
    return m;
}

/* ---- network */

typedef struct Weights {
    Ref w1, b1, w2, b2, w3;
} Weights;

static Weights
weights(Builder *b, uint32_t d, uint32_t h)
{
    Type t = type_array(DT_f32, 1, &h);
    Type first = type_array(DT_f32, 2, (uint32_t[]){h, d});
    Type second = type_array(DT_f32, 2, (uint32_t[]){h, h});

    return (Weights){ir_input(b, first, "w1", INPUT_param, VARY_uniform),
                     ir_input(b, t, "b1", INPUT_param, VARY_uniform),
                     ir_input(b, second, "w2", INPUT_param, VARY_uniform),
                     ir_input(b, t, "b2", INPUT_param, VARY_uniform),
                     ir_input(b, t, "w3", INPUT_param, VARY_uniform)};
}

/* init + sum over k < n of w[j, k] x[k], or w[k, j] x[k] when transposed. */
static Ref
product_at(Builder *b, Ref w, bool transposed, Ref x, Ref j, uint32_t n, Ref init)
{
    RegionId r = region_begin(b);
    Ref k = ir_param(b, type_scalar(DT_i32)), sum = ir_param(b, type_scalar(DT_f32));
    Ref at[2] = {transposed ? k : j, transposed ? j : k};
    Ref y = ir_fma(b, ir_at(b, w, 2, at, true), at1(b, x, k), sum);

    ir_yield(b, 1, &y);
    region_end(b);
    return ir_get(b, ir_for(b, integer(b, 0), integer(b, (int32_t)n), 1, &init, r, n), 0);
}

/* tanh(w x + b) and its derivative, as the two results of one loop. */
static Ref
layer(Builder *b, Ref w, Ref bias, Ref x, uint32_t n, uint32_t h)
{
    FoldKind kind[2] = {FOLD_store, FOLD_store};
    Ref j;
    RegionId r = open_loop(b, &j);
    Ref a = product_at(b, w, false, x, j, n, at1(b, bias, j));
    Ref y = math_expand(b, MATH_tanh, a, NO_REF);

    ir_yield(b, 2, (Ref[]){y, ir_fma(b, ir_neg(b, y), y, number(b, 1))});
    region_end(b);
    return ir_loop(b, 1, &h, kind, r);
}

typedef struct Backward {
    Ref h2, gradient;
} Backward;

static Backward
backward(Builder *b, const Weights *w, Ref x, uint32_t d, uint32_t h)
{
    Ref l1 = layer(b, w->w1, w->b1, x, d, h);
    Ref l2 = layer(b, w->w2, w->b2, ir_get(b, l1, 0), h, h), j;
    Ref d2 = ir_get(b, l2, 1), d1 = ir_get(b, l1, 1);
    RegionId r = open_loop(b, &j);
    Ref g2 = close_loop(b, r, h, FOLD_store, ir_mul(b, at1(b, w->w3, j), at1(b, d2, j)));

    r = open_loop(b, &j);
    Ref back = product_at(b, w->w2, true, g2, j, h, number(b, 0));
    Ref g1 = close_loop(b, r, h, FOLD_store, ir_mul(b, back, at1(b, d1, j)));
    r = open_loop(b, &j);
    Ref gx =
        close_loop(b, r, d, FOLD_store, product_at(b, w->w1, true, g1, j, h, number(b, 0)));
    return (Backward){ir_get(b, l2, 0), gx};
}

static void
build_network_step(Module *m, uint32_t d, uint32_t h)
{
    Sampler s = open_function(m, "step", d);
    Builder *b = &s.b;
    Weights w = weights(b, d, h);
    Backward g = backward(b, &w, s.x, d, h);
    Ref noise = ir_sqrt(b, ir_mul(b, number(b, 2), s.step_size)), i;
    RegionId r = open_loop(b, &i);
    Ref y = langevin(b, at1(b, s.x, i), at1(b, g.gradient, i), s.step_size, noise,
                     normal_at(b, 0, d, i));
    Ref next = close_loop(b, r, d, FOLD_store, y);

    ir_yield(b, 1, &next);
    ir_outputs(b, (Output[]){{"x", false}});
}

static void
build_network_eval(Module *m, uint32_t d, uint32_t h)
{
    Sampler s = open_function(m, "eval", d);
    Builder *b = &s.b;
    Weights w = weights(b, d, h);
    Backward g = backward(b, &w, s.x, d, h);
    Ref j;
    RegionId r = open_loop(b, &j);
    Ref term = ir_mul(b, at1(b, w.w3, j), at1(b, g.h2, j));
    Ref energy = close_loop(b, r, h, FOLD_sum, ir_convert(b, term, DT_f64));

    ir_yield(b, 2, (Ref[]){energy, g.gradient});
    ir_outputs(b, (Output[]){{"energy", false}, {"gradient", false}});
}

Module *
network(Arena *arena, uint32_t d, uint32_t h)
{
    Module *m = module_new(arena);

    build_start(m, d);
    build_network_step(m, d, h);
    build_network_eval(m, d, h);
    return m;
}

/* ---- every op */

enum { AWKWARD = 16 };

static Ref
awkward_values(Builder *b, DType d)
{
    static const double real[AWKWARD] = {
        0,     -0.0,   1,       -1,     0.5, -2.5,     1e-40,     1e30,
        -3e38, 0x1p31, -0x1p31, 0x1p63, NAN, INFINITY, -INFINITY, 0x1.fffffep30};
    static const int64_t whole[AWKWARD] = {
        0,  1,   -1,   2,     -2,        3,         7,         -7,
        31, 100, -100, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    unsigned char bytes[AWKWARD * 8];
    const uint32_t n = AWKWARD;

    for (int i = 0; i < AWKWARD; i++) {
        bool odd = i % 2;
        float single = (float)real[i];
        int32_t narrow = (int32_t)whole[i];
        const void *from = d == DT_bool  ? (const void *)&odd
                           : d == DT_f32 ? (const void *)&single
                           : d == DT_f64 ? (const void *)&real[i]
                           : d == DT_i32 ? (const void *)&narrow
                                         : (const void *)&whole[i];
        memcpy(bytes + (size_t)i * dtype_size(d), from, dtype_size(d));
    }
    return ir_const(b, type_array(d, 1, &n), bytes);
}

static bool
is_machine_op(Op op, DType d)
{
    static const char *const classes[DT_COUNT] = {[DT_bool] = "LBCY",
                                                  [DT_i32] = "NILCY",
                                                  [DT_i64] = "NILCY",
                                                  [DT_f32] = "FNCPY",
                                                  [DT_f64] = "FNCPY"};
    static const char letter[] = "?FNIBLCPSXY";
    MathFn fn;

    return op_is_pointwise(op) && op != OP_shl && op != OP_lshr && op != OP_ashr &&
           op != OP_scale && !math_of_op(op, &fn) && op_info[op].class < sizeof letter - 1 &&
           strchr(classes[d], letter[op_info[op].class]);
}

/* The results of all ops on x, y and z, and conversions to all dtypes. */
static uint32_t
apply_all(Builder *b, DType d, Ref x, Ref y, Ref z, Ref *ret)
{
    uint32_t n = 0;

    for (int op = 1; op < OP_COUNT; op++)
        if (is_machine_op((Op)op, d))
            ret[n++] = ir_pointwise(b, (Op)op, x, y, z);
    for (int to = DT_bool; to < DT_COUNT; to++)
        ret[n++] = ir_convert(b, x, (DType)to);
    return n;
}

static void
build_every_op(Module *m, DType d, bool vary)
{
    Sampler s = open_function(m, "eval", 4);
    Builder *b = &s.b;
    Ref table = awkward_values(b, d), shift = integer(b, 0), size = integer(b, AWKWARD), i;
    Ref value[64], get[64];
    FoldKind kind[64] = {FOLD_store};
    const uint32_t pairs = AWKWARD * AWKWARD;

    if (vary)
        shift = ir_convert(b, ir_mul(b, number(b, 1e3), at1(b, s.x, integer(b, 0))), DT_i32);
    RegionId r = open_loop(b, &i);
    Ref first = ir_imod(b, ir_add(b, i, shift), size), second = ir_idiv(b, i, size);
    Ref x = at1(b, table, first), y = at1(b, table, second);
    uint32_t n = apply_all(b, d, x, y, ir_select(b, ir_lt(b, first, second), x, y), value);
    ir_yield(b, n, value);
    region_end(b);
    Ref all = ir_loop(b, 1, &pairs, kind, r);
    get[0] = ir_number(b, DT_f64, 1);
    Output output[64] = {{"energy", false}};
    for (uint32_t k = 0; k < n; k++) {
        get[1 + k] = ir_get(b, all, k);
        output[1 + k].name = arena_printf(m->arena, "result %u", k);
    }
    ir_yield(b, n + 1, get);
    ir_outputs(b, output);
}

Module *
every_op(Arena *arena, DType d, bool vary)
{
    Module *m = module_new(arena);

    build_start(m, 4);
    build_well_step(m, 4);
    build_every_op(m, d, vary);
    return m;
}
