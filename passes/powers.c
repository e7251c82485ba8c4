/* SPDX-License-Identifier: Apache-2.0
 *
 * powers.c -- products with powers of two leave loops whose largest result is wanted
 *
 * needs   derivatives taken
 * gives   loop { 2^k y } -> 2^k loop { y }, where that is reduced to its largest or smallest
 * and otherwise only added to and subtracted from; the largest of 2^k y -> 2^k the largest
 * keeps   every bit but the sign of zeros and what subnormal products lose
 * not     other factors: their products are rounded, and fma would subtract from an exact
 *         product a rounded one, which of large numbers is no longer the largest; nor powers
 *         above 1, which overflow
 *
 * The exponents of a mixture, -d^2 / 2 less the largest of them, are then one fma each.
 */
#include "passes/rebuild.h"

#include "passes/sign.h"

/* Is x a power of two, at most 1, times *ret_rest? */
static bool
is_scaled(const Function *f, Ref x, double *ret_power, Ref *ret_rest)
{
    const Node *n = ir_node(f, x);

    for (unsigned k = 0; n->op == OP_mul && k < 2; k++) {
        *ret_rest = n->arg[1 - k];
        if (is_small_power(f, n->arg[k], ret_power))
            return true;
    }
    return false;
}

/* ---- which results */

typedef struct Uses {
    const Function *f;
    bool compared, otherwise;
} Uses;

static bool
reads(const Node *n, uint32_t id)
{
    for (uint32_t k = 0; k < n->n_args; k++)
        if (n->arg[k].id == id)
            return true;
    return false;
}

static void
find_uses(Uses *u, uint32_t id)
{
    for (RegionId k = 0; k < u->f->n_regions; k++)
        for (uint32_t i = 0; i < u->f->region[k].n_yields; i++)
            u->otherwise |= u->f->region[k].yield[i].id == id;
    for (uint32_t user = id + 1; user < u->f->n; user++) {
        const Node *n = &u->f->node[user];
        if (!reads(n, id))
            continue;
        u->compared |= n->op == OP_amax || n->op == OP_amin;
        u->otherwise |=
            n->op != OP_amax && n->op != OP_amin && n->op != OP_add && n->op != OP_sub;
    }
}

/* May result i of a loop be multiplied after the loop, without a further one? */
static bool
may_leave(const Function *f, uint32_t id, uint32_t i)
{
    Uses u = {.f = f};

    for (uint32_t get = id + 1; get < f->n; get++) {
        const Node *n = &f->node[get];
        if (n->op == OP_get && n->arg[0].id == id && n->attr.i == i)
            find_uses(&u, get);
    }
    return u.compared && !u.otherwise;
}

static bool
leaves(const Rebuild *r, uint32_t id, uint32_t i, double *ret_power, Ref *ret_rest)
{
    const Node *n = &r->from->node[id];

    return r->live.result[id][i] && n->attr.ints[1 + n->attr.ints[0] + i] == FOLD_store &&
           is_scaled(r->from, r->from->region[n->own[0]].yield[i], ret_power, ret_rest) &&
           may_leave(r->from, id, i);
}

/* ---- the loop without the products */

/* By result: the power, or 0. */
static double *
find_powers(const Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    double *power = NULL, value;
    Ref rest;

    for (uint32_t i = 0; i < n->n_results; i++) {
        if (!leaves(r, id, i, &value, &rest))
            continue;
        if (!power)
            power = arena_array(r->ctx->arena, double, n->n_results);
        power[i] = value;
    }
    return power;
}

static Ref
copy_loop(Rebuild *r, uint32_t id, const double *power)
{
    const Node *n = &r->from->node[id];
    const Region *from = &r->from->region[n->own[0]];
    unsigned rank = (unsigned)n->attr.ints[0];
    uint32_t extent[MAX_RANK], count = 0;
    Ref *yield = arena_array(r->ctx->arena, Ref, n->n_results);
    FoldKind *kind = arena_array(r->ctx->arena, FoldKind, n->n_results);
    RegionId body = region_begin(&r->b);
    Scope scope = {body, OP_loop, true, r->scope};

    r->scope = &scope;
    for (unsigned k = 0; k < rank; k++) {
        extent[k] = (uint32_t)n->attr.ints[1 + k];
        r->map[from->param[k].id] = ir_param(&r->b, type_scalar(DT_i32));
    }
    rebuild_region(r, n->own[0]);
    for (uint32_t i = 0; i < n->n_results; i++) {
        Ref value = from->yield[i];
        double ignore;
        if (!r->live.result[id][i])
            continue;
        if (power[i] != 0)
            is_scaled(r->from, from->yield[i], &ignore, &value);
        kind[count] = (FoldKind)n->attr.ints[1 + rank + i];
        yield[count++] = r->map[value.id];
    }
    ir_yield(&r->b, count, yield);
    region_end(&r->b);
    r->scope = scope.outer;
    return ir_loop(&r->b, rank, extent, kind, body);
}

static Ref
scaled(Builder *b, double power, Ref x)
{
    return ir_mul(b, ir_full(b, ir_type(b->function, x), power), x);
}

static bool
leave_loop(Rebuild *r, uint32_t id)
{
    const double *power = find_powers(r, id);
    uint32_t n = r->from->node[id].n_results, next = 0;

    if (!power)
        return false;
    Ref loop = copy_loop(r, id, power);
    r->many[id] = arena_array(r->ctx->arena, Ref, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        if (!r->live.result[id][i])
            continue;
        Ref x = ir_get(&r->b, loop, next++);
        r->many[id][i] = power[i] != 0 ? scaled(&r->b, power[i], x) : x;
    }
    return true;
}

/* ---- the largest */

static bool
pass_extreme(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    double power;
    Ref x;

    if (!is_scaled(r->b.function, rebuild_arg(r, n, 0), &power, &x))
        return false;
    Op op = (n->op == OP_amax) == (power > 0) ? OP_amax : OP_amin;
    r->map[id] = scaled(&r->b, power, ir_reduce(&r->b, op, x, n->attr.n_ints, n->attr.ints));
    return true;
}

static bool
take_out(Rebuild *r, uint32_t id)
{
    Op op = (Op)r->from->node[id].op;

    if (op == OP_loop)
        return leave_loop(r, id);
    return (op == OP_amax || op == OP_amin) && pass_extreme(r, id);
}

Module *
pass_powers(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, take_out, NULL);
}
