/* SPDX-License-Identifier: Apache-2.0
 *
 * twins.c -- what two loops compute alike
 */
#include "passes/twins.h"

#include "base/hash.h"
#include "ir/math/expand.h"

Twins
twins_new(const Function *f, Arena *arena)
{
    return (Twins){
        .f = f,
        .arena = arena,
        .live = live_find(f, arena),
        .of = arena_array(arena, Ref, f->n),
        .head = arena_array(arena, uint32_t *, f->n_regions),
        .next = arena_array(arena, uint32_t, f->n),
    };
}

static Ref
twin_of(const Twins *t, Ref r)
{
    return t->of[r.id].id ? t->of[r.id] : r;
}

/* ---- nodes by what they compute */

static uint32_t
table_mask(const Region *r)
{
    uint32_t size = 1;

    while (size < r->n_nodes)
        size *= 2;
    return size - 1;
}

static uint32_t
row_of(const Twins *t, RegionId region, uint32_t id)
{
    const Node *n = &t->f->node[id];
    uint64_t h = n->op;

    for (uint32_t i = 0; i < n->n_args; i++)
        h = hash_word(h, twin_of(t, n->arg[i]).id);
    return (uint32_t)h & table_mask(&t->f->region[region]);
}

static uint32_t *
table_of(Twins *t, RegionId region)
{
    const Region *r = &t->f->region[region];

    if (t->head[region])
        return t->head[region];
    t->head[region] = arena_array(t->arena, uint32_t, table_mask(r) + 1);
    for (size_t i = r->n_nodes; i-- > 0;) {
        uint32_t id = r->node[i], *row = &t->head[region][row_of(t, region, id)];
        if (!t->live.node[id] || t->f->node[id].op == OP_arg)
            continue;
        t->next[id] = *row;
        *row = id;
    }
    return t->head[region];
}

/* ---- twins */

static void
forget(Twins *t, RegionId region)
{
    const Region *r = &t->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++) {
        const Node *n = &t->f->node[r->node[i]];
        t->of[r->node[i]] = NO_REF;
        for (uint32_t k = 0; k < n->n_regions; k++)
            forget(t, n->own[k]);
    }
}

static void match_region(Twins *t, RegionId first, RegionId second);

static bool
same_yields(const Twins *t, uint32_t first, uint32_t second, uint32_t k)
{
    const Node *x = &t->f->node[first], *y = &t->f->node[second];
    const Region *a = &t->f->region[x->own[k]], *b = &t->f->region[y->own[k]];
    bool all = y->op == OP_while && k == 0;

    for (uint32_t i = 0; i < b->n_yields; i++)
        if ((all || t->live.result[second][i]) &&
            ((!all && !t->live.result[first][i]) ||
             !ref_eq(twin_of(t, b->yield[i]), a->yield[i])))
            return false;
    return true;
}

/* Regions of two nodes with twins as operands: their parameters are twins if their yields are.
 */
static bool
match_regions(Twins *t, uint32_t first, uint32_t second)
{
    const Node *x = &t->f->node[first], *y = &t->f->node[second];
    bool same = true;

    for (uint32_t k = 0; k < y->n_regions && same; k++) {
        const Region *a = &t->f->region[x->own[k]], *b = &t->f->region[y->own[k]];
        for (uint32_t i = 0; i < b->n_params; i++)
            t->of[b->param[i].id] = a->param[i];
        match_region(t, x->own[k], y->own[k]);
        same = same_yields(t, first, second, k);
    }
    for (uint32_t k = 0; k < y->n_regions && !same; k++)
        forget(t, y->own[k]);
    return same;
}

static bool
is_twin(Twins *t, uint32_t first, uint32_t second)
{
    const Node *x = &t->f->node[first], *y = &t->f->node[second];

    if (!ir_same_operation(x, y))
        return false;
    for (uint32_t i = 0; i < y->n_args; i++)
        if (!ref_eq(twin_of(t, y->arg[i]), x->arg[i]))
            return false;
    return y->n_regions == 0 || match_regions(t, first, second);
}

static void
match_region(Twins *t, RegionId first, RegionId second)
{
    const Region *r = &t->f->region[second];
    const uint32_t *table = table_of(t, first);

    for (size_t i = 0; i < r->n_nodes; i++) {
        uint32_t id = r->node[i];
        if (!t->live.node[id] || t->f->node[id].op == OP_arg)
            continue;
        uint32_t k = table[row_of(t, first, id)];
        while (k && !is_twin(t, k, id))
            k = t->next[k];
        t->of[id] = (Ref){k};
    }
}

/* ---- two loops */

uint32_t
twins_indices(const Node *n)
{
    return n->op == OP_for ? 1 : (uint32_t)n->attr.ints[0];
}

bool
twins_is_loop(const Function *f, uint32_t id)
{
    return f->node[id].op == OP_for || f->node[id].op == OP_loop;
}

bool
twins_same_turns(const Function *f, uint32_t first, uint32_t second)
{
    const Node *x = &f->node[first], *y = &f->node[second];

    if (x->op != y->op)
        return false;
    if (x->op == OP_for)
        return ref_eq(x->arg[0], y->arg[0]) && ref_eq(x->arg[1], y->arg[1]) &&
               x->attr.i == y->attr.i;
    for (int64_t i = 0; i <= x->attr.ints[0]; i++)
        if (x->attr.ints[i] != y->attr.ints[i])
            return false;
    return true;
}

/* Could the results be twins, as far as their beginnings say? */
static bool
same_beginning(const Node *x, uint32_t i, const Node *y, uint32_t k)
{
    if (x->op == OP_for)
        return ref_eq(x->arg[2 + i], y->arg[2 + k]);
    return x->attr.ints[1 + twins_indices(x) + i] == y->attr.ints[1 + twins_indices(y) + k];
}

/* The first result of `first`, from number i on, that result k of `second` may have as twin. */
static int64_t
candidate(const Twins *t, uint32_t first, uint32_t second, uint32_t k, int64_t i)
{
    const Node *x = &t->f->node[first], *y = &t->f->node[second];

    for (; i < x->n_results; i++)
        if (t->live.result[first][i] && same_beginning(x, (uint32_t)i, y, k))
            return i;
    return NO_TWIN;
}

static void
match_bodies(Twins *t, uint32_t first, uint32_t second, const int64_t *same)
{
    const Node *x = &t->f->node[first], *y = &t->f->node[second];
    const Region *a = &t->f->region[x->own[0]], *b = &t->f->region[y->own[0]];
    uint32_t indices = twins_indices(x);

    forget(t, y->own[0]);
    for (uint32_t i = 0; i < indices; i++)
        t->of[b->param[i].id] = a->param[i];
    for (uint32_t k = 0; k < y->n_results && y->op == OP_for; k++)
        if (same[k] != NO_TWIN)
            t->of[b->param[indices + k].id] = a->param[indices + same[k]];
    match_region(t, x->own[0], y->own[0]);
}

/* Results that are taken as twins and are not try the next candidate.  True if all were. */
static bool
confirm(const Twins *t, uint32_t first, uint32_t second, int64_t *same)
{
    const Node *x = &t->f->node[first], *y = &t->f->node[second];
    const Region *a = &t->f->region[x->own[0]], *b = &t->f->region[y->own[0]];
    bool all = true;

    for (uint32_t k = 0; k < y->n_results; k++)
        if (same[k] != NO_TWIN && !ref_eq(twin_of(t, b->yield[k]), a->yield[same[k]])) {
            same[k] = candidate(t, first, second, k, same[k] + 1);
            all = false;
        }
    return all;
}

static bool
is_worth(Op op)
{
    MathFn fn;

    switch (op) {
    case OP_contract:
    case OP_cholesky:
    case OP_trisolve:
    case OP_draw:
    case OP_for:
    case OP_while:
    case OP_loop: return true;
    default: return math_of_op(op, &fn);
    }
}

static bool
has_worth(const Twins *t, RegionId second)
{
    const Region *r = &t->f->region[second];

    for (size_t i = 0; i < r->n_nodes; i++)
        if (t->of[r->node[i]].id && is_worth(t->f->node[r->node[i]].op))
            return true;
    return false;
}

int64_t *
twins_find(Twins *t, uint32_t first, uint32_t second)
{
    const Node *y = &t->f->node[second];
    int64_t *same = arena_array(t->arena, int64_t, y->n_results + 1);

    for (uint32_t k = 0; k < y->n_results; k++)
        same[k] = t->live.result[second][k] ? candidate(t, first, second, k, 0) : NO_TWIN;
    do
        match_bodies(t, first, second, same);
    while (!confirm(t, first, second, same));
    if (has_worth(t, y->own[0]))
        return same;
    forget(t, y->own[0]);
    return NULL;
}
