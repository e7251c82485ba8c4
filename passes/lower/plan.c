/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c -- which arrays exist, and which are computed in one loop
 *
 * Nodes are placed in program order, each in the first loop of its index space at which all it
 * needs is there: early placement lets a loop hand on what was made of its values (an
 * activation's derivative) instead of the values.  A value that only its own loop reads at its
 * own index never reaches memory.  Draws wait for their first reader.  What is the same in
 * every step and what varies by chain are never put into one loop, so that the former can be
 * computed once.
 */
#include <assert.h>
#include <string.h>

#include "passes/lower/lower.h"

/* ---- survey */

/* Ops that only rearrange: their elements are elements of their operands. */
static bool
is_rearrangement(Op op)
{
    switch (op) {
    case OP_broadcast:
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_window:
    case OP_pad:
    case OP_concat:
    case OP_iota:
    case OP_at:
    case OP_take: return true;
    default: return false;
    }
}

/* Ops that stand alone between loops. */
static bool
is_control(Op op)
{
    switch (op) {
    case OP_if:
    case OP_for:
    case OP_while:
    case OP_loop:
    case OP_update:
    case OP_put_add:
    case OP_cholesky:
    case OP_trisolve: return true;
    default: return false;
    }
}

static bool
is_reduction(Op op)
{
    switch (op) {
    case OP_sum:
    case OP_prod:
    case OP_amax:
    case OP_amin:
    case OP_all:
    case OP_any: return true;
    default: return false;
    }
}

static void
use(Lower *l, Ref r, uint32_t user)
{
    Info *i = &l->info[r.id];

    i->live = true;
    i->uses++;
    i->user = user;
    if (l->in->node[user].region == l->in->node[r.id].region && user > i->last)
        i->last = user;
}

static void
use_yields(Lower *l, RegionId r, uint32_t owner)
{
    const Region *region = &l->in->region[r];

    for (uint32_t i = 0; i < region->n_yields; i++) {
        use(l, region->yield[i], owner);
        l->info[region->yield[i].id].whole = true;
        l->info[region->yield[i].id].last = UINT32_MAX;
    }
}

static void
mark_contracted(Lower *l, Ref r)
{
    const Node *n = lower_node(l, r);

    l->info[r.id].contracted = true;
    if (is_rearrangement(n->op))
        for (uint32_t i = 0; i < n->n_args; i++)
            mark_contracted(l, n->arg[i]);
}

/* An operand of a node that may be evaluated late is read as late as that node. */
static void
read_late(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];

    if (n->type.rank == 0 || !(is_rearrangement(n->op) || op_is_pointwise(n->op)))
        return;
    for (uint32_t i = 0; i < n->n_args; i++)
        if (l->info[id].last > l->info[n->arg[i].id].last)
            l->info[n->arg[i].id].last = l->info[id].last;
}

static void
survey_node(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];

    for (uint32_t i = 0; i < n->n_args; i++) {
        use(l, n->arg[i], id);
        if (is_control(n->op))
            l->info[n->arg[i].id].whole = true;
    }
    read_late(l, id);
    for (uint32_t k = 0; k < n->n_regions; k++)
        use_yields(l, n->own[k], id);
    if (n->op == OP_contract && n->type.rank)
        for (uint32_t i = 0; i < 2; i++)
            mark_contracted(l, n->arg[i]);
}

/* 0: fixed for the run; 1: uniform; 2: per chain. */
static void
survey_rates(Lower *l)
{
    const Function *f = l->in;
    uint32_t n_inputs = f->region[0].n_params;
    Function moving = *f;
    Input *input = arena_array(l->arena, Input, n_inputs + 1);

    for (uint32_t i = 0; i < n_inputs; i++) {
        input[i] = f->input ? f->input[i] : (Input){.variance = VARY_chain};
        if (input[i].kind == INPUT_step)
            input[i].variance = VARY_chain;
    }
    moving.input = input;
    uint8_t *chain = ir_variance(f, l->arena), *varies = ir_variance(&moving, l->arena);
    for (uint32_t id = 1; id < f->n; id++)
        l->info[id].rate = chain[id] ? 2 : varies[id] ? 1 : 0;
}

/* An array that is changed in place must be read before by all that reads it: then program
 * order stands. */
static bool
is_read_faster(const Lower *l, uint32_t changed)
{
    const Node *n = &l->in->node[changed];

    for (uint32_t id = 1; id < changed; id++)
        for (uint32_t i = 0; i < l->in->node[id].n_args; i++)
            for (uint32_t k = 0; k < n->n_args; k++)
                if (ref_eq(l->in->node[id].arg[i], n->arg[k]) &&
                    lower_node(l, n->arg[k])->type.rank &&
                    l->info[id].rate > l->info[changed].rate)
                    return true;
    return false;
}

static bool
may_reorder(const Lower *l)
{
    for (uint32_t id = 1; id < l->in->n; id++) {
        Op op = l->in->node[id].op;
        bool changes = op == OP_update || op == OP_put_add || op == OP_for || op == OP_while;
        if (changes && l->info[id].live && l->info[id].rate < 2 && is_read_faster(l, id))
            return false;
    }
    return true;
}

void
lower_survey(Lower *l)
{
    const Function *f = l->in;

    use_yields(l, 0, 0);
    for (uint32_t id = (uint32_t)f->n; id-- > 1;)
        if (l->info[id].live)
            survey_node(l, id);
    survey_rates(l);
    l->by_rate = may_reorder(l);
}

/* ---- placing */

typedef struct Planner {
    Lower *l;
    RegionId region;
    Plan plan;
} Planner;

static uint32_t
max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

bool
lower_is_outer(const Lower *l, uint32_t id, RegionId r)
{
    return l->in->node[id].region != r;
}

/* First item that can read r: element by element at the reader's own index (`same`), or in any
 * way. */
static uint32_t
ready_for(Planner *p, Ref r, bool same)
{
    Info *i = &p->l->info[r.id];
    const Node *n = lower_node(p->l, r);

    if (lower_is_outer(p->l, r.id, p->region))
        return 0;
    if (i->place == PLACE_grouped && n->type.rank && same)
        return i->item;
    if (i->place == PLACE_grouped && n->type.rank)
        i->stored = true;
    return i->ready;
}

static uint32_t
operands_ready(Planner *p, const Node *n, bool same)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < n->n_args; i++) {
        bool here = same && type_same_shape(lower_node(p->l, n->arg[i])->type, n->type);
        at = max_u32(at, ready_for(p, n->arg[i], here));
    }
    return at;
}

static uint32_t
new_item(Planner *p, Item item)
{
    p->plan.item = arena_grow(p->l->arena, p->plan.item, p->plan.n, &p->plan.cap, p->plan.n + 1,
                              sizeof *p->plan.item);
    p->plan.item[p->plan.n] = item;
    return (uint32_t)p->plan.n++;
}

static uint32_t
find_item(Planner *p, Type space, uint8_t rate, uint32_t from)
{
    for (uint32_t k = from; k < p->plan.n; k++) {
        const Item *it = &p->plan.item[k];
        if (!it->control && it->rate == rate && type_same_shape(it->space, space))
            return k;
    }
    return new_item(p, (Item){.rate = rate, .space = space});
}

static void
add_member(Planner *p, uint32_t item, uint32_t id)
{
    Item *it = &p->plan.item[item];
    Info *i = &p->l->info[id];

    it->member =
        arena_grow(p->l->arena, it->member, it->n, &it->cap, it->n + 1, sizeof *it->member);
    it->member[it->n++] = id;
    i->item = item;
    i->ready = item + 1;
    i->place = PLACE_grouped;
}

static void
place_draw(Planner *p, uint32_t id, uint32_t item)
{
    uint32_t iteration = ready_for(p, p->l->in->node[id].arg[0], false);

    assert(iteration <= item);
    (void)iteration;
    add_member(p, item, id);
}

static void place(Planner *p, uint32_t id, Type space, bool same);

/* Operands that wait for their first reader join it, when it reads them at its own index. */
static void
settle_draws(Planner *p, const Node *n, Type space, uint32_t item)
{
    for (uint32_t i = 0; i < n->n_args; i++) {
        Ref r = n->arg[i];
        const Node *x = lower_node(p->l, r);
        bool waits = x->op == OP_draw && x->type.rank &&
                     p->l->info[r.id].place == PLACE_virtual &&
                     !lower_is_outer(p->l, r.id, p->region) && p->l->info[r.id].uses > 0;
        if (!waits)
            continue;
        if (type_same_shape(x->type, space) && ready_for(p, x->arg[0], false) <= item)
            place_draw(p, r.id, item);
        else if (p->l->info[r.id].uses > 1)
            place(p, r.id, x->type, false);
    }
}

static void
place(Planner *p, uint32_t id, Type space, bool same)
{
    const Node *n = &p->l->in->node[id];
    uint32_t from = operands_ready(p, n, same);
    uint32_t item = find_item(p, space, p->l->info[id].rate, from);

    if (same)
        settle_draws(p, n, space, item);
    add_member(p, item, id);
    for (uint32_t i = 0; same && i < n->n_args; i++) {
        Info *x = &p->l->info[n->arg[i].id];
        if (x->place == PLACE_grouped && x->item != item &&
            lower_node(p->l, n->arg[i])->type.rank)
            x->stored = true;
    }
    p->l->info[id].stored |= p->l->info[id].whole || p->l->info[id].contracted;
}

/* What regions read of the planned region is there before they begin; a draw is made once, not
 * at each turn. */
static uint32_t
captured(Planner *p, Ref r)
{
    const Node *n = lower_node(p->l, r);

    if (n->region != p->region)
        return 0;
    if (n->op == OP_draw && n->type.rank && p->l->info[r.id].place == PLACE_virtual)
        place(p, r.id, n->type, false);
    return ready_for(p, r, false);
}

static uint32_t
captures_ready(Planner *p, RegionId r)
{
    const Region *region = &p->l->in->region[r];
    uint32_t at = 0;

    for (size_t k = 0; k < region->n_nodes; k++) {
        const Node *n = &p->l->in->node[region->node[k]];
        for (uint32_t i = 0; i < n->n_args; i++)
            at = max_u32(at, captured(p, n->arg[i]));
        for (uint32_t i = 0; i < n->n_regions; i++)
            at = max_u32(at, captures_ready(p, n->own[i]));
    }
    for (uint32_t i = 0; i < region->n_yields; i++)
        at = max_u32(at, captured(p, region->yield[i]));
    return at;
}

/* A reduction of all axes is a fold in the loop over its operand. */
static void
place_full_reduction(Planner *p, uint32_t id)
{
    const Node *n = &p->l->in->node[id];
    Type space = lower_node(p->l, n->arg[0])->type;
    uint32_t item = find_item(p, space, p->l->info[id].rate, ready_for(p, n->arg[0], true));
    Info *x = &p->l->info[n->arg[0].id];

    settle_draws(p, n, space, item);
    add_member(p, item, id);
    if (x->place == PLACE_grouped && x->item != item &&
        !lower_is_outer(p->l, n->arg[0].id, p->region))
        x->stored = true;
}

static void
place_control(Planner *p, uint32_t id)
{
    const Node *n = &p->l->in->node[id];
    uint32_t from = operands_ready(p, n, false), last;

    for (uint32_t k = 0; k < n->n_regions; k++)
        from = max_u32(from, captures_ready(p, n->own[k]));
    last = (uint32_t)p->plan.n; /* captured draws have got items */
    assert(from <= last);
    (void)last;
    uint32_t item = new_item(p, (Item){.control = true, .rate = p->l->info[id].rate});
    add_member(p, item, id);
    p->l->info[id].place =
        n->op == OP_update || n->op == OP_put_add || n->type.rank ? PLACE_leaf : PLACE_control;
}

/* An element of r is read by its one reader at most once: computing it there costs nothing. */
static bool
is_absorbed(const Lower *l, uint32_t id)
{
    const Info *i = &l->info[id];
    const Node *user = &l->in->node[i->user];

    if (i->uses != 1 || i->whole || i->contracted || user->region != l->in->node[id].region)
        return false;
    switch (user->op) {
    case OP_sum:
    case OP_prod:
    case OP_amax:
    case OP_amin:
    case OP_all:
    case OP_any: return user->type.rank > 0;
    case OP_transpose:
    case OP_slice:
    case OP_reshape:
    case OP_at: return l->info[i->user].uses <= 1 && !l->info[i->user].contracted;
    default: return false;
    }
}

static bool
is_leaf(const Node *n)
{
    return n->op == OP_arg || n->op == OP_const || n->op == OP_get;
}

static void
plan_node(Planner *p, uint32_t id)
{
    const Node *n = &p->l->in->node[id];
    Info *i = &p->l->info[id];
    bool rank0 = n->type.rank == 0;

    if (is_control(n->op)) {
        place_control(p, id);
    } else if (is_leaf(n)) {
        i->place = rank0 ? PLACE_scalar : PLACE_leaf;
        i->ready = operands_ready(p, n, false);
    } else if (is_reduction(n->op) && rank0) {
        place_full_reduction(p, id);
    } else if (rank0) {
        i->place = PLACE_scalar;
        i->ready = operands_ready(p, n, false);
    } else if (i->whole) {
        place(p, id, n->type, op_is_pointwise(n->op));
    } else if (is_rearrangement(n->op) || (n->op == OP_draw && !i->contracted)) {
        i->place = PLACE_virtual;
        i->ready = operands_ready(p, n, false);
    } else if (is_absorbed(p->l, id)) {
        i->place = PLACE_virtual;
        i->ready = operands_ready(p, n, false);
    } else {
        place(p, id, n->type, op_is_pointwise(n->op));
    }
}

Plan
lower_plan(Lower *l, RegionId r)
{
    Planner p = {.l = l, .region = r};
    const Region *region = &l->in->region[r];

    for (uint8_t rate = l->by_rate ? 0 : 2; rate <= 2; rate++)
        for (size_t k = 0; k < region->n_nodes; k++) {
            const Info *i = &l->info[region->node[k]];
            if (i->live && (!l->by_rate || i->rate == rate))
                plan_node(&p, region->node[k]);
        }
    return p.plan;
}
