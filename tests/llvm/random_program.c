/* SPDX-License-Identifier: Apache-2.0
 *
 * random_program.c -- random programs in loop form
 *
 * A pool holds what may be used where the builder stands; statements take operands from it and
 * add their results.  A region starts with the pool of the one around it and is cut back to it
 * at its end.
 */
#include "tests/llvm/random_program.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { POOL = 400, DEPTH = 3 };

typedef struct Gen {
    Builder b;
    uint64_t random;
    Ref pool[POOL];
    size_t n;
    int depth, left; /* statements that may still be made */
    uint32_t d;
} Gen;

static uint32_t
roll(Gen *g, uint32_t n)
{
    g->random = g->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((g->random >> 33) % n);
}

static void
add(Gen *g, Ref r)
{
    if (g->n < POOL)
        g->pool[g->n++] = r;
}

static Type
type_in(const Gen *g, Ref r)
{
    return ir_type(g->b.function, r);
}

static Ref
integer(Gen *g, int64_t x)
{
    return ir_number(&g->b, DT_i32, (double)x);
}

static Ref
constant(Gen *g, DType d)
{
    static const double number[] = {0,    1,    -1,   0.5, 3,  -0.0, 7,
                                    1e-3, -2.5, 1e10, 2,   17, NAN,  INFINITY};

    if (d == DT_bool)
        return ir_number(&g->b, d, roll(g, 2));
    if (dtype_is_int(d))
        return ir_number(&g->b, d, (double)roll(g, 24) - 6);
    return ir_number(&g->b, d, number[roll(g, sizeof number / sizeof *number)]);
}

/* A scalar of the dtype. */
static Ref
pick(Gen *g, DType d)
{
    for (int tries = 0; g->n && tries < 30; tries++) {
        Ref r = g->pool[tries < 8 ? g->n - 1 - roll(g, g->n < 12 ? (uint32_t)g->n : 12)
                                  : roll(g, (uint32_t)g->n)];
        if (r.id && type_in(g, r).dtype == d && type_in(g, r).rank == 0)
            return r;
    }
    return constant(g, d);
}

static DType
any_dtype(Gen *g)
{
    static const DType d[] = {DT_f32, DT_f32, DT_f32, DT_f32,  DT_i32,
                              DT_i32, DT_f64, DT_f64, DT_bool, DT_i64};

    return d[roll(g, 10)];
}

/* An array, or none. */
static Ref
pick_array(Gen *g)
{
    for (int tries = 0; tries < 40; tries++) {
        Ref r = g->pool[roll(g, (uint32_t)g->n)];
        if (r.id && type_in(g, r).rank)
            return r;
    }
    return NO_REF;
}

/* ---- statements */

static void
make_real(Gen *g)
{
    static const Op one[] = {OP_neg,   OP_abs,   OP_sqrt, OP_floor, OP_ceil,
                             OP_round, OP_trunc, OP_sign, OP_neg};
    static const Op two[] = {OP_add, OP_sub, OP_mul, OP_div, OP_min, OP_max, OP_add, OP_mul};
    DType d = roll(g, 3) ? DT_f32 : DT_f64;
    Ref x = pick(g, d), y = pick(g, d);

    switch (roll(g, 4)) {
    case 0: add(g, ir_pointwise(&g->b, one[roll(g, 9)], x, NO_REF, NO_REF)); break;
    case 1: add(g, ir_fma(&g->b, x, y, pick(g, d))); break;
    default: add(g, ir_pointwise(&g->b, two[roll(g, 8)], x, y, NO_REF)); break;
    }
}

static void
make_integer(Gen *g)
{
    static const Op two[] = {OP_add, OP_sub, OP_mul, OP_idiv, OP_imod,  OP_and,
                             OP_or,  OP_xor, OP_min, OP_max,  OP_umulhi};
    static const Op shift[] = {OP_shl, OP_lshr, OP_ashr};
    DType d = roll(g, 4) ? DT_i32 : DT_i64;
    Ref x = pick(g, d), y = pick(g, d);

    if (roll(g, 5) == 0) {
        y = ir_and(&g->b, y, ir_number(&g->b, d, d == DT_i32 ? 31 : 63));
        add(g, ir_pointwise(&g->b, shift[roll(g, 3)], x, y, NO_REF));
    } else if (roll(g, 6) == 0) {
        add(g, roll(g, 2) ? ir_neg(&g->b, x) : ir_abs(&g->b, x));
    } else {
        add(g, ir_pointwise(&g->b, two[roll(g, 11)], x, y, NO_REF));
    }
}

static void
make_truth(Gen *g)
{
    static const Op compare[] = {OP_eq, OP_ne, OP_lt, OP_le, OP_gt, OP_ge};
    static const Op logic[] = {OP_and, OP_or, OP_xor};
    DType d = any_dtype(g);
    Ref p = pick(g, DT_bool);

    switch (roll(g, 6)) {
    case 0: add(g, ir_not(&g->b, p)); break;
    case 1: add(g, ir_isfinite(&g->b, pick(g, roll(g, 2) ? DT_f32 : DT_f64))); break;
    case 2: {
        Op op = logic[roll(g, 3)];
        add(g, ir_pointwise(&g->b, op, p, pick(g, DT_bool), NO_REF));
        break;
    }
    default: {
        Op op = compare[roll(g, 6)];
        Ref x = pick(g, d);
        add(g, ir_pointwise(&g->b, op, x, pick(g, d), NO_REF));
        break;
    }
    }
}

static void
make_select(Gen *g)
{
    DType d = any_dtype(g);
    Ref p = pick(g, DT_bool), x = pick(g, d);

    add(g, ir_select(&g->b, p, x, pick(g, d)));
}

static void
make_conversion(Gen *g)
{
    DType from = any_dtype(g), to = any_dtype(g);

    if (roll(g, 6) == 0)
        add(g, ir_bitcast(&g->b, pick(g, DT_i32), DT_f32));
    else
        add(g, ir_convert(&g->b, pick(g, from), to));
}

static void
make_word(Gen *g)
{
    DrawAttr draw = {.dist = DRAW_bits, .shared = roll(g, 5) == 0};
    bool halved = draw.halved = !draw.shared && roll(g, 3) == 0;
    Ref at[2] = {roll(g, 2) ? integer(g, roll(g, 9)) : pick(g, DT_i32),
                 ir_and(&g->b, pick(g, DT_i32), integer(g, halved ? 1 : 15))};

    draw.region = (uint16_t)roll(g, 3);
    draw.word = halved || roll(g, 3) ? 0 : roll(g, 4);
    draw.blocks = halved ? 1 : 5;
    for (uint32_t k = roll(g, 2) + 1; k > 0; k--) {
        Ref w = ir_build(&g->b, OP_word, (Type){0}, 2, at, (Attr){.draw = draw}, 0, NULL);
        Ref half = ir_convert(&g->b, ir_ashr(&g->b, w, integer(g, 8)), DT_f32);
        add(g, w);
        add(g, ir_mul(&g->b, half, ir_number(&g->b, DT_f32, 0x1p-22)));
        at[1] = (halved ? ir_xor : ir_add)(&g->b, at[1], integer(g, 1));
    }
}

/* An index that is in range of `extent`, or mostly so. */
static Ref
make_index(Gen *g, uint32_t extent, bool sure)
{
    Ref i = pick(g, DT_i32);

    if (roll(g, 4) == 0)
        return integer(g, roll(g, extent + !sure));
    if (sure || roll(g, 3))
        i = ir_imod(&g->b, i, integer(g, extent));
    return i;
}

static void
make_at(Gen *g)
{
    Ref x = pick_array(g), index[MAX_RANK];

    if (!x.id)
        return;
    Type t = type_in(g, x);
    bool sure = roll(g, 2);
    for (uint32_t k = 0; k < t.rank; k++)
        index[k] = make_index(g, t.dim[k], sure);
    add(g, ir_at(&g->b, x, t.rank, index, sure));
}

static void make_statements(Gen *g, int n);

typedef struct Scope {
    RegionId region;
    size_t n;
} Scope;

static Scope
open_scope(Gen *g)
{
    g->depth++;
    return (Scope){region_begin(&g->b), g->n};
}

static void
close_scope(Gen *g, Scope s)
{
    region_end(&g->b);
    g->n = s.n;
    g->depth--;
}

/* Something of exactly this type, made here if need be. */
static Ref
of_type(Gen *g, Type t)
{
    if (t.rank == 0)
        return pick(g, (DType)t.dtype);
    for (int tries = 0; tries < 40; tries++) {
        Ref r = g->pool[roll(g, (uint32_t)g->n)];
        if (r.id && type_eq(type_in(g, r), t))
            return r;
    }
    Scope s = open_scope(g);
    for (unsigned i = 0; i < t.rank; i++)
        add(g, ir_param(&g->b, type_scalar(DT_i32)));
    make_statements(g, 2);
    Ref v = pick(g, (DType)t.dtype);
    ir_yield(&g->b, 1, &v);
    close_scope(g, s);
    return ir_get(&g->b, ir_loop(&g->b, t.rank, t.dim, (FoldKind[]){FOLD_store}, s.region), 0);
}

/* Only of arrays that the open region made, and which are gone then. */
static void
make_update(Gen *g)
{
    for (size_t i = g->n; i-- > 0;) {
        Ref x = g->pool[i], index[MAX_RANK];
        const Node *n = ir_node(g->b.function, x);
        if (!x.id || !n->type.rank || n->region != g->b.region || roll(g, 2) ||
            n->op == OP_const || (n->op == OP_arg && n->region == 0))
            continue;
        Type t = n->type;
        bool sure = roll(g, 2), sum = roll(g, 3) == 0 && t.dtype != DT_bool;
        uint32_t leads = 1 + roll(g, t.rank);
        for (uint32_t k = 0; k < leads; k++)
            index[k] = make_index(g, t.dim[k], sure);
        Ref v = of_type(g, type_drop(t, leads));
        for (size_t j = 0; j < g->n; j++)
            if (ref_eq(g->pool[j], x))
                g->pool[j] = NO_REF;
        add(g, ir_update(&g->b, x, v, leads, index, sure, sum));
        return;
    }
}

static FoldKind
any_fold(Gen *g, Type t)
{
    if (t.dtype == DT_bool)
        return roll(g, 2) ? FOLD_store : roll(g, 2) ? FOLD_all : FOLD_any;
    return (FoldKind)(roll(g, 2) ? FOLD_store : FOLD_sum + roll(g, 4));
}

static void
make_loop(Gen *g)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 16, 17, 20, 33, 50};
    uint32_t rank = roll(g, 4) ? 1 : 2 + (roll(g, 3) == 0), extent[3], n = 1 + roll(g, 3);
    FoldKind kind[3];
    Ref value[3];

    for (uint32_t i = 0; i < rank; i++)
        extent[i] = sizes[roll(g, rank > 1 ? 7 : 12)];
    Scope s = open_scope(g);
    for (uint32_t i = 0; i < rank; i++)
        add(g, ir_param(&g->b, type_scalar(DT_i32)));
    make_statements(g, 3 + (int)roll(g, 5));
    for (uint32_t k = 0; k < n; k++) {
        value[k] = pick(g, any_dtype(g));
        kind[k] = any_fold(g, type_in(g, value[k]));
    }
    ir_yield(&g->b, n, value);
    close_scope(g, s);
    Ref loop = ir_loop(&g->b, rank, extent, kind, s.region);
    for (uint32_t k = 0; k < n; k++)
        add(g, ir_get(&g->b, loop, k));
}

/* v while it is of moderate size, else half of `old`; one program in four goes unguarded. */
static Ref
guarded(Gen *g, Ref v, Ref old, bool guard)
{
    Builder *b = &g->b;
    Ref small = ir_lt(b, ir_abs(b, v), ir_number(b, DT_f32, 50));

    return guard ? ir_select(b, small, v, ir_mul(b, old, ir_number(b, DT_f32, 0.5))) : v;
}

/* Elements made of those of x, among other things. */
static Ref
next_array(Gen *g, Ref x, bool guard)
{
    Type t = type_in(g, x);
    Ref index[MAX_RANK];
    Scope s = open_scope(g);

    for (unsigned i = 0; i < t.rank; i++)
        add(g, index[i] = ir_param(&g->b, type_scalar(DT_i32)));
    Ref old = ir_at(&g->b, x, t.rank, index, true);
    add(g, old);
    make_statements(g, g->depth > 1 ? 2 : 6);
    Ref v = pick(g, (DType)t.dtype);
    if (type_size(t) && roll(g, 3) == 0 && dtype_is_float((DType)t.dtype)) {
        for (unsigned i = 0; i < t.rank; i++)
            index[i] = make_index(g, t.dim[i], true);
        v = ir_max(&g->b, v, ir_at(&g->b, x, t.rank, index, true));
    }
    if (t.dtype == DT_f32)
        v = guarded(g, v, old, guard);
    ir_yield(&g->b, 1, &v);
    close_scope(g, s);
    return ir_get(&g->b, ir_loop(&g->b, t.rank, t.dim, (FoldKind[]){FOLD_store}, s.region), 0);
}

/* Two arrays from two of the same shape, element by element, which the kernel may well write
 * over what it reads; now and then another element is read as well.  Returns the first. */
static Ref
map_of(Gen *g, Type t)
{
    Ref from[2] = {of_type(g, t), of_type(g, t)}, index[MAX_RANK], value[2];
    Scope s = open_scope(g);
    for (uint32_t i = 0; i < t.rank; i++)
        add(g, index[i] = ir_param(&g->b, type_scalar(DT_i32)));
    for (uint32_t k = 0; k < 2; k++)
        add(g, ir_at(&g->b, from[k], t.rank, index, true));
    if (roll(g, 4) == 0)
        make_at(g);
    make_statements(g, 1 + (int)roll(g, 4));
    for (uint32_t k = 0; k < 2; k++)
        value[k] = pick(g, (DType)t.dtype);
    ir_yield(&g->b, 2, value);
    close_scope(g, s);
    Ref loop = ir_loop(&g->b, t.rank, t.dim, (FoldKind[]){FOLD_store, FOLD_store}, s.region);
    Ref first = ir_get(&g->b, loop, 0);
    add(g, ir_get(&g->b, loop, 1));
    if (roll(g, 2))
        add(g, first);
    return first;
}

static void
make_map(Gen *g)
{
    Ref x = pick_array(g);

    if (x.id)
        add(g, map_of(g, type_in(g, x)));
}

static Ref
clamped(Gen *g, int64_t low, int64_t high)
{
    Ref n = pick(g, DT_i32);

    return ir_min(&g->b, ir_max(&g->b, n, integer(g, low)), integer(g, high));
}

/* Initial values of what a loop carries. */
static uint32_t
carried(Gen *g, Ref init[4])
{
    uint32_t n = 1 + roll(g, 3);

    for (uint32_t k = 0; k < n; k++) {
        Ref array = roll(g, 3) == 0 ? pick_array(g) : NO_REF;
        if (array.id && type_size(type_in(g, array)) > 64)
            array = NO_REF;
        if (array.id && roll(g, 2))
            array = map_of(g, type_in(g, array));
        init[k] = array.id ? array : pick(g, any_dtype(g));
    }
    return n;
}

/* Has no update written over it? */
static bool
is_there(const Gen *g, Ref x)
{
    for (size_t i = 0; i < g->n; i++)
        if (ref_eq(g->pool[i], x))
            return true;
    return false;
}

/* What values of these types become; `param` (or NULL) is what they were. */
static void
carry_body(Gen *g, uint32_t n, const Ref *init, const Ref *param, int statements, Ref *ret_next)
{
    make_statements(g, statements);
    for (uint32_t k = 0; k < n; k++) {
        Type t = type_in(g, init[k]);
        bool follows = param && t.rank && is_there(g, param[k]) && roll(g, 2);
        ret_next[k] = follows ? next_array(g, param[k], true) : of_type(g, t);
        if (t.rank)
            add(g, ret_next[k]);
    }
}

static void
add_results(Gen *g, Ref node, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        add(g, ir_get(&g->b, node, k));
}

static void
make_for(Gen *g)
{
    Ref init[4], param[4], next[4], from = roll(g, 3) ? integer(g, 0) : clamped(g, -2, 2);
    Ref to = roll(g, 2) ? integer(g, roll(g, 20)) : clamped(g, 0, 6);
    uint32_t n = carried(g, init);
    Scope s = open_scope(g);

    add(g, ir_param(&g->b, type_scalar(DT_i32)));
    for (uint32_t k = 0; k < n; k++)
        add(g, param[k] = ir_param(&g->b, type_in(g, init[k])));
    carry_body(g, n, init, param, 2 + (int)roll(g, 4), next);
    ir_yield(&g->b, n, next);
    close_scope(g, s);
    add_results(g, ir_for(&g->b, from, to, n, init, s.region, -1), n);
}

/* A `for` that carries an array on, and keeps what it was at each turn; what was kept is read
 * before or after what is to be kept is made. */
static void
make_history(Gen *g)
{
    Ref init[3], param[3], next[3];
    uint32_t turns = 1 + roll(g, 5), more = roll(g, 3) == 0;

    init[0] = of_type(g, type_array(roll(g, 2) ? DT_f32 : DT_f64, 1, (uint32_t[]){g->d}));
    Type t = type_in(g, init[0]);
    Type history = type_array((DType)t.dtype, 2, (uint32_t[]){turns + more, g->d});
    init[1] = next_array(g, of_type(g, history), true);
    init[2] = of_type(g, type_scalar((DType)t.dtype));
    Scope s = open_scope(g);
    Ref turn = ir_param(&g->b, type_scalar(DT_i32));
    for (int k = 0; k < 3; k++)
        param[k] = ir_param(&g->b, type_in(g, init[k]));
    add(g, turn);
    add(g, param[0]);
    Ref row = clamped(g, 0, (int)(turns + more) - 1), element[] = {row, integer(g, 0)};
    bool before = roll(g, 3) == 0, after = roll(g, 3) == 0;
    if (before)
        add(g, ir_at(&g->b, param[1], 2, element, true));
    make_statements(g, 3);
    bool there = is_there(g, param[0]);
    next[0] = there && roll(g, 4) ? next_array(g, param[0], true) : of_type(g, t);
    Ref kept = roll(g, 3) || !there ? next[0] : next_array(g, param[0], true);
    next[2] =
        after ? ir_at(&g->b, param[1], 2, element, true) : of_type(g, type_in(g, init[2]));
    next[1] = ir_update(&g->b, param[1], kept, 1, &turn, true, false);
    ir_yield(&g->b, 3, next);
    close_scope(g, s);
    Ref all = ir_for(&g->b, integer(g, 0), integer(g, turns), 3, init, s.region, -1);
    add_results(g, all, 3);
}

static void
make_while(Gen *g)
{
    Ref init[4], param[4], next[4],
        most = roll(g, 2) ? integer(g, roll(g, 7)) : clamped(g, 0, 6);
    uint32_t n = carried(g, init);
    Scope s = open_scope(g);

    for (uint32_t k = 0; k < n; k++)
        add(g, ir_param(&g->b, type_in(g, init[k])));
    make_statements(g, 3);
    Ref go = pick(g, DT_bool);
    ir_yield(&g->b, 1, &go);
    RegionId condition = s.region;
    close_scope(g, s);
    s = open_scope(g);
    for (uint32_t k = 0; k < n; k++)
        add(g, param[k] = ir_param(&g->b, type_in(g, init[k])));
    carry_body(g, n, init, param, 2 + (int)roll(g, 4), next);
    ir_yield(&g->b, n, next);
    close_scope(g, s);
    add_results(g, ir_while(&g->b, most, n, init, condition, s.region), n);
}

static void
make_if(Gen *g)
{
    Ref init[4], next[4], condition = pick(g, DT_bool);
    uint32_t n = carried(g, init);
    RegionId side[2];

    for (int k = 0; k < 2; k++) {
        Scope s = open_scope(g);
        carry_body(g, n, init, NULL, 1 + (int)roll(g, 4), next);
        ir_yield(&g->b, n, next);
        side[k] = s.region;
        close_scope(g, s);
    }
    add_results(g, ir_if(&g->b, condition, side[0], side[1]), n);
}

static void
make_structure(Gen *g)
{
    switch (roll(g, 8)) {
    case 0: make_for(g); break;
    case 1: make_while(g); break;
    case 2: make_if(g); break;
    case 3: make_map(g); break;
    default:
        if (g->depth == 0 && roll(g, 2))
            make_history(g);
        else
            make_loop(g);
    }
}

static void
make_statements(Gen *g, int n)
{
    for (int i = 0; i < n && g->left > 0; i++) {
        g->left--;
        switch (roll(g, 13)) {
        case 0:
        case 1:
        case 2: make_real(g); break;
        case 3:
        case 4: make_integer(g); break;
        case 5: make_truth(g); break;
        case 6: make_select(g); break;
        case 7: make_conversion(g); break;
        case 8: make_word(g); break;
        case 9: make_at(g); break;
        case 10: make_update(g); break;
        default:
            if (g->depth < DEPTH)
                make_structure(g);
            else
                make_real(g);
        }
    }
}

/* ---- functions */

static void
add_input(Gen *g, Type t, const char *name, InputKind kind, Variance v)
{
    add(g, ir_input(&g->b, t, name, kind, v));
}

static void
add_table(Gen *g)
{
    float values[12];

    for (int i = 0; i < 12; i++)
        values[i] = (float)roll(g, 1000) / 250 - 2;
    add(g, ir_const(&g->b, type_array(DT_f32, 2, (uint32_t[]){4, 3}), values));
}

static Gen
open_function(Module *m, const char *name, uint64_t seed, uint32_t d, bool kept)
{
    Gen g = {.b = builder_at(m, function_new(m, name)), .random = seed, .d = d, .left = 40};

    for (int i = 0; i < 4; i++)
        roll(&g, 2);
    add_input(&g, type_array(DT_f32, 1, &d), "x", INPUT_x, VARY_chain);
    if (kept) {
        add_input(&g, type_scalar(DT_f32), "s", INPUT_state, VARY_chain);
        add_input(&g, type_scalar(DT_i32), "k", INPUT_state, VARY_chain);
        add_input(&g, type_array(DT_f32, 2, (uint32_t[]){3, 4}), "m", INPUT_state, VARY_chain);
        add_input(&g, type_scalar(DT_i32), "t", INPUT_step, VARY_uniform);
        add_input(&g, type_scalar(DT_i32), "n_steps", INPUT_n_steps, VARY_uniform);
        add_input(&g, type_scalar(DT_i32), "n_warmup", INPUT_n_warmup, VARY_uniform);
    }
    add_input(&g, type_scalar(DT_f32), "a", INPUT_hyper, VARY_uniform);
    add_input(&g, type_scalar(DT_i32), "n", INPUT_hyper, VARY_uniform);
    add_input(&g, type_array(DT_f32, 2, (uint32_t[]){20, 17}), "w", INPUT_data, VARY_uniform);
    add_input(&g, type_array(DT_f64, 1, (uint32_t[]){9}), "v", INPUT_data, VARY_uniform);
    add_input(&g, type_array(DT_i32, 1, (uint32_t[]){6}), "q", INPUT_data, VARY_uniform);
    add_table(&g);
    return g;
}

static void
make_step(Module *m, uint64_t seed, uint32_t d)
{
    Gen g = open_function(m, "step", seed, d, true);
    Ref x = g.pool[0], s = g.pool[1], c = g.pool[3];
    bool guard = roll(&g, 4) != 0;

    make_statements(&g, 14);
    g.left += 12;
    Ref next = next_array(&g, x, guard), kept = next_array(&g, c, guard);
    Ref scalar = guarded(&g, pick(&g, DT_f32), s, guard), count = pick(&g, DT_i32);
    Ref report = pick(&g, DT_f64);
    ir_yield(&g.b, 6, (Ref[]){next, scalar, count, kept, report, pick(&g, DT_bool)});
    ir_outputs(
        &g.b,
        (Output[]){
            {"x", false}, {"s", false}, {"k", false}, {"m", false}, {"r", true}, {"p", true}});
}

static void
make_eval(Module *m, uint64_t seed, uint32_t d)
{
    Gen g = open_function(m, "eval", seed + 1, d, false);
    Ref x = g.pool[0];

    make_statements(&g, 10);
    g.left += 6;
    Ref gradient = next_array(&g, x, true);
    ir_yield(&g.b, 2, (Ref[]){pick(&g, DT_f64), gradient});
    ir_outputs(&g.b, (Output[]){{"energy", false}, {"gradient", false}});
}

static void
make_start(Module *m, uint64_t seed, uint32_t d)
{
    Gen g = {.b = builder_at(m, function_new(m, "start")), .random = seed, .left = 6};
    Ref value[4];

    make_word(&g);
    value[1] = pick(&g, DT_f32);
    value[2] = pick(&g, DT_i32);
    value[0] = of_type(&g, type_array(DT_f32, 1, &d));
    g.left += 6;
    value[3] = of_type(&g, type_array(DT_f32, 2, (uint32_t[]){3, 4}));
    ir_yield(&g.b, 4, value);
    ir_outputs(&g.b, (Output[]){{"x", false}, {"s", false}, {"k", false}, {"m", false}});
}

Module *
random_program(Arena *arena, uint64_t seed)
{
    static const uint32_t sizes[] = {1, 2, 3, 8, 17, 20, 40};
    Module *m = module_new(arena);
    uint32_t d = sizes[seed % 7];

    make_start(m, seed, d);
    make_step(m, seed * 77 + 5, d);
    make_eval(m, seed * 131 + 9, d);
    return m;
}
