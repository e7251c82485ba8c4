/* SPDX-License-Identifier: Apache-2.0
 *
 * random_training.c -- see random_training.h
 *
 * A pool of arrays; each statement takes some of it and adds one.
 */
#include "tests/llvm/random_training.h"

#include <string.h>

enum { POOL = 64, STATEMENTS = 14, LARGEST = 1 << 15 };

typedef struct Gen {
    Builder b;
    uint64_t random;
    Ref pool[POOL];
    size_t n;
    uint32_t batch;
} Gen;

static uint32_t
roll(Gen *g, uint32_t n)
{
    g->random = g->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((g->random >> 33) % n);
}

static Type
type_in(const Gen *g, Ref r)
{
    return ir_type(g->b.function, r);
}

static void
add(Gen *g, Ref r)
{
    if (g->n < POOL && type_size(type_in(g, r)) <= LARGEST)
        g->pool[g->n++] = r;
}

static Ref
pick(Gen *g)
{
    return g->pool[roll(g, 3) ? roll(g, (uint32_t)g->n) : g->n - 1];
}

static Ref
as_real(Gen *g, Ref x, DType d)
{
    return ir_convert(&g->b, x, d);
}

/* One of the same shape, of dtype d. */
static Ref
pick_like(Gen *g, Ref x, DType d)
{
    for (int tries = 0; tries < 8; tries++) {
        Ref y = pick(g);
        if (type_same_shape(type_in(g, y), type_in(g, x)))
            return as_real(g, y, d);
    }
    return as_real(g, x, d);
}

static Ref
full_like(Gen *g, Ref x, double value)
{
    return ir_full(&g->b, type_in(g, x), value);
}

static void
make_pointwise(Gen *g)
{
    static const Op two[] = {OP_add, OP_sub, OP_mul, OP_div, OP_min, OP_max};
    static const Op one[] = {OP_neg, OP_abs, OP_sqrt, OP_floor, OP_tanh, OP_sign};
    Ref x = pick(g);
    DType d = roll(g, 4) ? DT_f32 : DT_f64;

    x = as_real(g, x, d);
    Ref y = pick_like(g, x, d);
    switch (roll(g, 4)) {
    case 0: x = ir_pointwise(&g->b, one[roll(g, 6)], x, NO_REF, NO_REF); break;
    case 1: x = ir_fma(&g->b, x, y, full_like(g, x, 0.5)); break;
    case 2: x = ir_select(&g->b, ir_lt(&g->b, x, y), y, x); break;
    default: x = ir_pointwise(&g->b, two[roll(g, 6)], x, y, NO_REF); break;
    }
    add(g, x);
}

static void
make_fold(Gen *g)
{
    static const Op op[] = {OP_sum, OP_sum, OP_prod, OP_amax, OP_amin};
    Ref x = pick(g);
    Type t = type_in(g, x);
    int64_t axes[MAX_RANK];
    uint32_t n = 0;

    for (unsigned i = 0; i < t.rank; i++)
        if (roll(g, 2))
            axes[n++] = i;
    if (!n && t.rank)
        axes[n++] = 0;
    if (!t.rank)
        return;
    if (t.dtype == DT_bool)
        x = ir_reduce(&g->b, roll(g, 2) ? OP_all : OP_any, x, n, axes);
    else
        x = ir_reduce(&g->b, op[roll(g, 5)], x, n, axes);
    add(g, x);
}

static void
make_contract(Gen *g)
{
    for (int tries = 0; tries < 20; tries++) {
        Ref x = as_real(g, pick(g), DT_f32), y = as_real(g, pick(g), DT_f32);
        Type a = type_in(g, x), b = type_in(g, y);
        bool same = a.rank && b.rank && a.dim[0] == b.dim[0];
        const char *spec = NULL;
        if (a.rank == 2 && b.rank == 2 && same)
            spec = roll(g, 2) ? "bi,bj->ij" : "bi,bj->ji";
        else if (a.rank == 2 && b.rank == 1 && same)
            spec = "bi,b->i";
        else if (a.rank == 2 && b.rank == 1 && a.dim[1] == b.dim[0])
            spec = "ij,j->i";
        else if (a.rank == 2 && b.rank == 2 && a.dim[1] == b.dim[0])
            spec = "ij,jk->ik";
        else if (a.rank == 3 && b.rank == 2 && a.dim[0] == b.dim[0])
            spec = "bij,bk->ijk";
        if (!spec)
            continue;
        uint64_t work = type_size(a) * (b.rank == 2 ? b.dim[1] : 1);
        if (work > 1u << 21)
            continue;
        add(g, ir_contract(&g->b, spec, x, y, NO_REF));
        return;
    }
}

static void
make_shape(Gen *g)
{
    Ref x = pick(g);
    Type t = type_in(g, x), to = t;
    int64_t two[2 * MAX_RANK], perm[2] = {1, 0};

    if (!t.rank)
        return;
    for (unsigned i = 0; i < t.rank; i++)
        two[2 * i] = 0, two[2 * i + 1] = 1;
    unsigned axis = roll(g, t.rank);
    switch (roll(g, 5)) {
    case 0:
        if (t.rank == 2)
            add(g, ir_transpose(&g->b, x, perm));
        break;
    case 1:
        to.dim[axis] = t.dim[axis] > 2 ? t.dim[axis] - 2 : 1;
        two[2 * axis] = t.dim[axis] > 2 ? 1 : 0;
        add(g, ir_slice(&g->b, x, to, two));
        break;
    case 2:
        to.dim[axis] = t.dim[axis] + 3;
        two[2 * axis] = 2;
        add(g, ir_pad(&g->b, x, to, two));
        break;
    case 3: {
        Ref both[2] = {x, pick_like(g, x, (DType)t.dtype)};
        add(g, ir_concat(&g->b, 2, both, axis));
        break;
    }
    default: {
        Type wide = type_array((DType)t.dtype, 2, (uint32_t[]){5, t.dim[0]});
        if (t.rank == 1)
            add(g, ir_broadcast(&g->b, x, wide, (int64_t[]){1}));
        break;
    }
    }
}

static void
make_bool(Gen *g)
{
    Ref x = as_real(g, pick(g), DT_f32);

    x = ir_lt(&g->b, x, full_like(g, x, 0.25));
    add(g, roll(g, 2) ? x : as_real(g, x, DT_i32));
}

/* A few turns of x = x / 2 + its first element in the place of one that may be outside. */
static void
make_for(Gen *g)
{
    Builder *b = &g->b;
    Ref x = as_real(g, pick(g), DT_f32), zero = ir_number(b, DT_i32, 0);

    if (type_in(g, x).rank != 1 || type_in(g, x).dim[0] == 0)
        return;
    RegionId body = region_begin(b);
    Ref i = ir_param(b, type_scalar(DT_i32)), v = ir_param(b, type_in(g, x));
    Ref at = ir_add(b, ir_mul(b, i, i), ir_number(b, DT_i32, 3));
    Ref first = ir_at(b, v, 1, &zero, true);
    Ref next =
        ir_update(b, ir_mul(b, v, full_like(g, v, 0.5)), first, 1, &at, false, roll(g, 2));
    ir_yield(b, 1, &next);
    region_end(b);
    add(g, ir_get(b, ir_for(b, zero, ir_number(b, DT_i32, 4), 1, &x, body, 4), 0));
}

static void
make_if(Gen *g)
{
    Builder *b = &g->b;
    Ref x = as_real(g, pick(g), DT_f32), y = pick_like(g, x, DT_f32);
    Ref sum = ir_reduce_all(b, OP_amax, x);
    Ref condition = ir_gt(b, sum, ir_number(b, DT_f32, 0.7));
    RegionId side[2];

    for (int k = 0; k < 2; k++) {
        side[k] = region_begin(b);
        Ref r = k ? ir_sub(b, x, y) : ir_sqrt(b, ir_abs(b, y));
        ir_yield(b, 1, &r);
        region_end(b);
    }
    add(g, ir_get(b, ir_if(b, condition, side[0], side[1]), 0));
}

static void
make_take(Gen *g)
{
    static const int32_t index[7] = {3, 0, 1, 1, 40, -1, 2};
    Ref x = pick(g);
    const uint32_t n = 7;

    if (type_in(g, x).rank)
        add(g, ir_take(&g->b, x, ir_const(&g->b, type_array(DT_i32, 1, &n), index)));
}

static void
make_draw(Gen *g)
{
    Ref x = pick(g);
    Type t = type_with(type_in(g, x), DT_f32);
    uint32_t words = (uint32_t)type_size(t) + 1;
    DrawAttr draw = {.dist = (uint8_t)roll(g, 2), .shared = true, .blocks = words / 4 + 1};

    draw.region = (uint16_t)g->n;
    add(g, ir_draw(&g->b, t, draw, ir_number(&g->b, DT_i32, 0)));
}

static void
make_other(Gen *g)
{
    static void (*const make[])(Gen *) = {make_for, make_if, make_take, make_draw};

    make[roll(g, 4)](g);
}

static void
make_statement(Gen *g)
{
    switch (roll(g, 13)) {
    case 0:
    case 1:
    case 2:
    case 3: make_pointwise(g); break;
    case 4:
    case 5: make_fold(g); break;
    case 6:
    case 7: make_contract(g); break;
    case 8:
    case 9:
    case 10: make_other(g); break;
    case 11: make_shape(g); break;
    default: make_bool(g); break;
    }
}

/* As what threads share is: products of what was there, and what is made of them element by
 * element. */
static void
make_rows(Gen *g)
{
    size_t given = g->n;

    for (int i = 0; i < 2; i++)
        make_contract(g);
    if (g->n > given)
        memmove(g->pool, g->pool + given, (g->n -= given) * sizeof *g->pool);
    for (int i = 0; i < 4; i++)
        make_pointwise(g);
}

static uint32_t
extent(Gen *g)
{
    static const uint32_t some[] = {1, 2, 3, 5, 8, 12, 16, 17, 31, 32, 33, 40, 48, 64};

    return some[roll(g, sizeof some / sizeof *some)];
}

static void
build_points(Module *m, Gen *g, const Type *type, uint32_t n)
{
    Ref x[8];
    Output output[16];

    g->b = builder_at(m, function_new(m, "train.0"));
    for (uint32_t i = 0; i < n; i++)
        x[i] =
            ir_input(&g->b, type[i], arena_printf(m->arena, "x%u", i), INPUT_point, VARY_chain);
    for (uint32_t i = 0; i < n; i++) {
        Ref y = dtype_is_float(type[i].dtype)
                    ? ir_mul(&g->b, x[i], ir_full(&g->b, type[i], 1.5))
                    : x[i];
        output[i] = (Output){arena_printf(m->arena, "rows.%u", i), OUTPUT_rows};
        output[n + i] = (Output){arena_printf(m->arena, "points.%u", i), OUTPUT_points};
        x[n + i] = x[i];
        x[i] = y;
    }
    ir_yield(&g->b, 2 * n, x);
    ir_outputs(&g->b, output);
}

static void
build_whole(Module *m, Gen *g, const Type *type, uint32_t n)
{
    Output output[8];
    Ref result[8];

    g->b = builder_at(m, function_new(m, "train.1"));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t dim[MAX_RANK] = {g->batch};
        memcpy(dim + 1, type[i].dim, type[i].rank * sizeof *dim);
        Type t = type_array((DType)type[i].dtype, type[i].rank + 1u, dim);
        add(g, ir_input(&g->b, t, arena_printf(m->arena, "rows.%u", i), INPUT_handed,
                        VARY_uniform));
    }
    for (uint32_t i = 0; i < 3; i++) {
        Type t = type_array(DT_f32, 2, (uint32_t[]){extent(g), extent(g)});
        add(g, ir_input(&g->b, t, arena_printf(m->arena, "p%u", i), INPUT_param, VARY_uniform));
    }
    if (roll(g, 2))
        make_rows(g);
    else
        for (int i = 0; i < STATEMENTS; i++)
            make_statement(g);
    for (uint32_t i = 0; i < 8; i++) {
        result[i] = g->pool[i < g->n ? g->n - 1 - i : 0];
        output[i] = (Output){arena_printf(m->arena, "result %u", i),
                             i % 2 ? OUTPUT_memory : OUTPUT_whole};
    }
    ir_yield(&g->b, 8, result);
    ir_outputs(&g->b, output);
}

Module *
random_training(Arena *arena, uint64_t seed, uint32_t batch)
{
    static const DType d[] = {DT_f32, DT_f32, DT_f64, DT_f32, DT_i32, DT_bool};
    Gen g = {.random = seed * 7919 + 13, .batch = batch};
    Module *m = module_new(arena);
    Type type[4];

    for (int i = 0; i < 4; i++) {
        uint32_t dim[2] = {extent(&g), extent(&g)};
        type[i] = type_array(i < 2 ? DT_f32 : d[roll(&g, 6)], roll(&g, 3), dim);
    }
    build_points(m, &g, type, 4);
    build_whole(m, &g, type, 4);
    return m;
}
