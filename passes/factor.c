/* SPDX-License-Identifier: Apache-2.0
 *
 * factor.c -- sums of outer products over the turns of a loop become one product after it
 *
 * needs   no calls; gradients as reverse mode leaves them
 * gives   loops that keep the factors of what they added up, and products of these; the same of
 *         branches (factor_if.c)
 * keeps   what is summed; this pass decides in which order, and the same one for every machine
 * not     sums whose terms are no larger than their factors
 *
 * Reverse mode through a loop adds to the cotangent of each matrix that the body multiplies by,
 * at every turn: work of the size of the matrix.  The factors of all turns make the same sum as
 * one product of matrices, which then joins the sum over the batch (gather.c).
 */
#include "passes/factor.h"

#include <string.h>

#include "passes/outer.h"

enum {
    MAX_KEPT = 1 << 20, /* numbers that a factor of all turns may take */
};

typedef struct Loop {
    Rebuild *r;
    const Node *n;
    uint32_t id, axes; /* axes: of the turns */
    uint32_t extent[MAX_RANK];
    int64_t from; /* of a `for` */
    Terms *terms; /* one a result; without outer products the result stays as it is */
    uint32_t n_factors;
} Loop;

/* ---- what is summed */

static uint64_t
turns(const Loop *l)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i < l->axes; i++)
        n *= l->extent[i];
    return n;
}

static bool
pays(void *user, Type whole, Type x, Type y)
{
    const Loop *l = user;

    return outer_pays(whole, x, y, l->axes + 1) &&
           (type_size(x) + type_size(y)) * turns(l) <= MAX_KEPT;
}

static unsigned
uses_in(const Function *f, RegionId region, Ref r)
{
    const Region *own = &f->region[region];
    unsigned n = 0;

    for (size_t i = 0; i < own->n_nodes; i++) {
        const Node *node = &f->node[own->node[i]];
        for (uint32_t k = 0; k < node->n_args; k++)
            n += ref_eq(node->arg[k], r);
        for (uint32_t k = 0; k < node->n_regions; k++)
            n += uses_in(f, node->own[k], r);
    }
    for (uint32_t i = 0; i < own->n_yields; i++)
        n += ref_eq(own->yield[i], r);
    return n;
}

/* Result i may be taken apart: a sum, whose running value nothing else reads. */
static bool
is_sum(const Loop *l, uint32_t i, Ref *ret_self)
{
    const Region *body = &l->r->from->region[l->n->own[0]];

    *ret_self = NO_REF;
    if (!l->r->live.result[l->id][i])
        return false;
    if (l->n->op == OP_loop)
        return l->n->attr.ints[1 + l->axes + i] == FOLD_sum;
    *ret_self = body->param[1 + i];
    return uses_in(l->r->from, l->n->own[0], *ret_self) == 1;
}

static bool
find_terms(Loop *l)
{
    const Region *body = &l->r->from->region[l->n->own[0]];
    bool any = false;

    l->terms = arena_array(l->r->ctx->arena, Terms, l->n->n_results + 1);
    for (uint32_t i = 0; i < l->n->n_results; i++) {
        Ref self;
        if (!is_sum(l, i, &self))
            continue;
        Terms t = {.region = l->n->own[0], .self = self, .pays = pays, .user = l};
        outer_terms(l->r->from, body->yield[i], l->r->ctx->arena, &t);
        if (t.n == 0 || t.n_self != (l->n->op == OP_for))
            continue;
        l->terms[i] = t;
        l->n_factors += 2 * (uint32_t)t.n;
        any = true;
    }
    return any;
}

/* ---- the loop without them */

static bool
is_kept(const Loop *l, uint32_t i)
{
    return l->r->live.result[l->id][i] && (l->terms[i].n == 0 || l->terms[i].n_rest > 0);
}

/* What is still added at a turn. */
static Ref
rest_of(const Loop *l, uint32_t i)
{
    const Terms *t = &l->terms[i];
    Ref sum = l->r->map[t->rest[0].id];

    for (size_t k = 1; k < t->n_rest; k++)
        sum = ir_add(&l->r->b, sum, l->r->map[t->rest[k].id]);
    return sum;
}

static Ref
factor(const Loop *l, const Outer *o, bool second)
{
    return l->r->map[second ? o->y.id : o->x.id];
}

/* A factor of every turn. */
static Type
kept_type(const Loop *l, const Outer *o, bool second)
{
    Type x = ir_type(l->r->from, second ? o->y : o->x), t = type_scalar((DType)x.dtype);

    for (uint32_t i = 0; i < l->axes; i++)
        t.dim[t.rank++] = l->extent[i];
    for (unsigned i = 0; i < x.rank; i++)
        t.dim[t.rank++] = x.dim[i];
    return t;
}

typedef void EachFactor(Loop *l, const Outer *o, bool second, void *user);

static void
each_factor(Loop *l, EachFactor *fn, void *user)
{
    for (uint32_t i = 0; i < l->n->n_results; i++)
        for (size_t k = 0; k < l->terms[i].n; k++)
            for (int second = 0; second < 2; second++)
                fn(l, &l->terms[i].outer[k], second, user);
}

/* Values of a loop: those kept, then the factors. */
typedef struct Values {
    Ref *v;
    uint32_t n;
} Values;

static Values
values_new(const Loop *l)
{
    return (Values){arena_array(l->r->ctx->arena, Ref, l->n->n_results + l->n_factors + 1), 0};
}

static void
give_factor(Loop *l, const Outer *o, bool second, void *user)
{
    Values *y = user;
    y->v[y->n++] = factor(l, o, second);
}

static Ref
copy_loop(Loop *l)
{
    Rebuild *r = l->r;
    const Region *from = &r->from->region[l->n->own[0]];
    Values y = values_new(l);
    FoldKind *kind = arena_array(r->ctx->arena, FoldKind, l->n->n_results + l->n_factors + 1);
    uint32_t n = 0;

    RegionId body = region_begin(&r->b);
    for (uint32_t i = 0; i < l->axes; i++)
        r->map[from->param[i].id] = ir_param(&r->b, type_scalar(DT_i32));
    rebuild_region(r, l->n->own[0]);
    for (uint32_t i = 0; i < l->n->n_results; i++) {
        if (!is_kept(l, i))
            continue;
        kind[n++] = (FoldKind)l->n->attr.ints[1 + l->axes + i];
        y.v[y.n++] = l->terms[i].n ? rest_of(l, i) : r->map[from->yield[i].id];
    }
    each_factor(l, give_factor, &y);
    while (n < y.n)
        kind[n++] = FOLD_store;
    ir_yield(&r->b, y.n, y.v);
    region_end(&r->b);
    return ir_loop(&r->b, l->axes, l->extent, kind, body);
}

static void
give_zeros(Loop *l, const Outer *o, bool second, void *user)
{
    Values *init = user;
    init->v[init->n++] = ir_full(&l->r->b, kept_type(l, o, second), 0);
}

typedef struct Updates {
    Ref turn;
    const Ref *old; /* the next one's parameter */
    Values *y;
} Updates;

static void
give_update(Loop *l, const Outer *o, bool second, void *user)
{
    Updates *u = user;
    u->y->v[u->y->n++] =
        ir_update(&l->r->b, *u->old++, factor(l, o, second), 1, &u->turn, true, false);
}

static Ref
copy_for(Loop *l)
{
    Rebuild *r = l->r;
    const Region *from = &r->from->region[l->n->own[0]];
    Values init = values_new(l), param = values_new(l), y = values_new(l);

    for (uint32_t i = 0; i < l->n->n_results; i++)
        if (is_kept(l, i))
            init.v[init.n++] = rebuild_arg(r, l->n, 2 + i);
    each_factor(l, give_zeros, &init);
    RegionId body = region_begin(&r->b);
    Ref turn = r->map[from->param[0].id] = ir_param(&r->b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < init.n; i++)
        param.v[param.n++] = ir_param(&r->b, ir_type(r->b.function, init.v[i]));
    /* Sums that are gone are copied on the way, from nothing; the next pass drops them. */
    for (uint32_t i = 0, k = 0; i < l->n->n_results; i++) {
        Ref p = from->param[1 + i];
        r->map[p.id] = is_kept(l, i) ? param.v[k++] : ir_full(&r->b, ir_type(r->from, p), 0);
    }
    rebuild_region(r, l->n->own[0]);
    for (uint32_t i = 0; i < l->n->n_results; i++)
        if (is_kept(l, i)) {
            Ref old = r->map[from->param[1 + i].id];
            y.v[y.n++] =
                l->terms[i].n ? ir_add(&r->b, old, rest_of(l, i)) : r->map[from->yield[i].id];
        }
    Updates u = {ir_sub(&r->b, turn, ir_number(&r->b, DT_i32, (double)l->from)), param.v + y.n,
                 &y};
    each_factor(l, give_update, &u);
    ir_yield(&r->b, y.n, y.v);
    region_end(&r->b);
    return ir_for(&r->b, rebuild_arg(r, l->n, 0), rebuild_arg(r, l->n, 1), init.n, init.v, body,
                  l->n->attr.i);
}

/* ---- the product after it */

static Ref
add_product(const Loop *l, const Outer *o, Ref x, Ref y, Ref sum)
{
    const char *of_turns = arena_strndup(l->r->ctx->arena, "stuvwxyz", l->axes);
    const char *text = arena_printf(l->r->ctx->arena, "%s%s,%s%s->%s", of_turns, o->of_x,
                                    of_turns, o->of_y, o->out);

    return ir_contract(&l->r->b, text, x, y, sum);
}

static void
take_results(Loop *l, Ref node)
{
    Rebuild *r = l->r;
    uint32_t kept = 0, next = 0;

    for (uint32_t i = 0; i < l->n->n_results; i++)
        kept += is_kept(l, i);
    r->many[l->id] = arena_array(r->ctx->arena, Ref, l->n->n_results + 1);
    for (uint32_t i = 0; i < l->n->n_results; i++) {
        const Terms *t = &l->terms[i];
        Ref sum = is_kept(l, i)                ? ir_get(&r->b, node, next++)
                  : t->n && l->n->op == OP_for ? rebuild_arg(r, l->n, 2 + i)
                                               : NO_REF;
        for (size_t k = 0; k < t->n; k++, kept += 2)
            sum = add_product(l, &t->outer[k], ir_get(&r->b, node, kept),
                              ir_get(&r->b, node, kept + 1), sum);
        r->many[l->id][i] = sum;
    }
}

/* ---- the pass */

static bool
open_for(Loop *l)
{
    Scalar from, to;
    const Function *f = l->r->b.function;

    if (!ir_is_splat(f, rebuild_arg(l->r, l->n, 0), &from) ||
        !ir_is_splat(f, rebuild_arg(l->r, l->n, 1), &to) || from.i32 >= to.i32)
        return false;
    l->axes = 1;
    l->from = from.i32;
    l->extent[0] = (uint32_t)(to.i32 - from.i32);
    return true;
}

static bool
open_loop(Loop *l)
{
    l->axes = (uint32_t)l->n->attr.ints[0];
    for (uint32_t i = 0; i < l->axes; i++)
        l->extent[i] = (uint32_t)l->n->attr.ints[1 + i];
    return turns(l) > 0;
}

static bool
factor_out(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    Loop l = {.r = r, .n = n, .id = id};

    if (n->op == OP_if)
        return factor_branches(r, id);
    if (n->op != OP_for && n->op != OP_loop)
        return false;
    if (!(n->op == OP_for ? open_for(&l) : open_loop(&l)) || !find_terms(&l))
        return false;
    take_results(&l, n->op == OP_for ? copy_for(&l) : copy_loop(&l));
    return true;
}

Module *
pass_factor(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, factor_out, NULL);
}
