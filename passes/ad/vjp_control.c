/* SPDX-License-Identifier: Apache-2.0
 *
 * vjp_control.c -- reverse mode of if, for and while
 *
 * The reverse of a region computes the region again and then runs through it backwards; it
 * yields the cotangents of what the region uses from outside.  A loop's reverse is a loop that
 * counts down.  What it needs of the values the loop carried was kept, turn by turn, on a tape:
 * an array over the turns.  Which values those are is found by building the reverse of the body
 * once for trial, with parameters in place of the tape, and looking which parameters it uses.
 * Where it uses none, and hands on the cotangents as they came, turns only add to what is
 * carried: the reverse counts up, so that it computes what the loop does when the loop does.
 */
#include "passes/ad/ad.h"

#include <assert.h>

/* ---- if */

static RegionId
reverse_branch(Ad *a, RegionId branch, const Ref *g, const uint32_t *outer, uint32_t n)
{
    const Region *r = &a->f->region[branch];
    Ref *saved = arena_array(a->ctx->arena, Ref, n + 1);
    Ref *yield = arena_array(a->ctx->arena, Ref, n + 1);
    RegionId own = region_begin(&a->copy.b);

    ad_copy_taped(a, branch);
    ad_clear_cot(a, branch);
    for (uint32_t i = 0; i < n; i++) {
        saved[i] = a->cot[outer[i]];
        a->cot[outer[i]] = NO_REF;
    }
    for (uint32_t i = 0; i < r->n_yields; i++)
        ad_give(a, r->yield[i], g[i]);
    ad_reverse_region(a, branch);
    for (uint32_t i = 0; i < n; i++) {
        yield[i] = ad_cot_full(a, outer[i]);
        a->cot[outer[i]] = saved[i];
    }
    ir_yield(&a->copy.b, n, yield);
    region_end(&a->copy.b);
    return own;
}

/* Active nodes that either region of a node uses from outside. */
static uint32_t
join_captures(Ad *a, const Node *n, uint32_t **ret)
{
    uint32_t *x, *y, n_x = ad_captures(a, n->own[0], true, &x), i = 0, k = 0, count = 0;
    uint32_t n_y = ad_captures(a, n->own[1], true, &y);
    uint32_t *all = arena_array(a->ctx->arena, uint32_t, n_x + n_y + 1);

    while (i < n_x || k < n_y) {
        uint32_t next = k == n_y || (i < n_x && x[i] < y[k]) ? x[i] : y[k];
        i += i < n_x && x[i] == next;
        k += k < n_y && y[k] == next;
        all[count++] = next;
    }
    *ret = all;
    return count;
}

void
vjp_if(Ad *a, const Node *n, const Ref *g)
{
    uint32_t *outer, count = join_captures(a, n, &outer);
    RegionId then = reverse_branch(a, n->own[0], g, outer, count);
    RegionId otherwise = reverse_branch(a, n->own[1], g, outer, count);

    if (count == 0)
        return;
    Ref node = ir_if(&a->copy.b, ad_arg(a, n, 0), then, otherwise);
    for (uint32_t i = 0; i < count; i++)
        ad_give(a, (Ref){outer[i]}, ir_get(&a->copy.b, node, i));
}

/* ---- loops over turns: for and while */

/* The parts of a `for` or `while` by one name each. */
typedef struct Turns {
    const Node *n;
    uint32_t id, count; /* carried values */
    uint32_t first;     /* operand that is the first initial value */
    const Region *body;
    RegionId body_id;
    Ref index;        /* the body's parameter that counts, or NO_REF */
    const Ref *param; /* the body's parameters that carry */
} Turns;

static Turns
turns_of(const Ad *a, uint32_t id)
{
    const Node *n = &a->f->node[id];
    bool is_for = n->op == OP_for;
    Turns t = {.n = n, .id = id, .count = n->n_results, .first = is_for ? 2 : 1};

    t.body_id = n->own[n->n_regions - 1];
    t.body = &a->f->region[t.body_id];
    t.index = is_for ? t.body->param[0] : NO_REF;
    t.param = t.body->param + is_for;
    return t;
}

/* The largest number of turns; -1: not known. */
static int64_t
most_turns(const Ad *a, const Turns *t)
{
    Scalar from, to;
    const Function *f = a->copy.b.function;

    if (t->n->op == OP_while)
        return ir_is_splat(f, ad_arg(a, t->n, 0), &to) ? to.i32 : -1;
    if (t->n->attr.i >= 0 || !ir_is_splat(f, ad_arg(a, t->n, 0), &from) ||
        !ir_is_splat(f, ad_arg(a, t->n, 1), &to))
        return t->n->attr.i;
    return to.i32 > from.i32 ? (int64_t)to.i32 - from.i32 : 0;
}

/* ---- the reverse of one turn */

/* Runs through the body backwards, its parameters being mapped.  `g` are the cotangents of the
 * active carried values, `sum` those so far of what the body uses from outside; both are
 * replaced by what they are after the turn. */
static void
reverse_turn(Ad *a, const Turns *t, Ref *g, const uint32_t *outer, uint32_t n, Ref *sum)
{
    Ref *saved = arena_array(a->ctx->arena, Ref, n + 1);

    ad_copy_taped(a, t->body_id);
    ad_clear_cot(a, t->body_id);
    for (uint32_t i = 0; i < n; i++) {
        saved[i] = a->cot[outer[i]];
        a->cot[outer[i]] = sum[i];
    }
    for (uint32_t i = 0; i < t->count; i++)
        if (a->active.result[t->id][i])
            ad_give(a, t->body->yield[i], g[i]);
    ad_reverse_region(a, t->body_id);
    for (uint32_t i = 0; i < t->count; i++)
        if (a->active.result[t->id][i])
            g[i] = ad_cot_full(a, t->param[i].id);
    for (uint32_t i = 0; i < n; i++) {
        sum[i] = a->cot[outer[i]];
        a->cot[outer[i]] = saved[i];
    }
}

/* A copy of the state that writes into a scratch function, where what the body uses from
 * outside are parameters. */
static Ad
trial_of(Ad *a, const Turns *t, Module *scratch)
{
    Ad trial = *a;
    uint32_t n = (uint32_t)a->f->n, *outer;
    Arena *arena = a->ctx->arena;
    uint32_t count = ad_captures(a, t->body_id, false, &outer);

    trial.copy.b = builder_at(scratch, function_new(scratch, "trial"));
    trial.copy.map = arena_array(arena, Ref, n);
    trial.copy.many = arena_array(arena, Ref *, n);
    trial.cot = arena_array(arena, Ref, n);
    trial.cots = arena_array(arena, Ref *, n);
    trial.tape = arena_array(arena, Tape, n);
    trial.leaf = arena_array(arena, bool, n);
    for (uint32_t i = 0; i < count; i++) {
        const Node *c = &a->f->node[outer[i]];
        trial.copy.map[outer[i]] = c->op == OP_const
                                       ? ir_const(&trial.copy.b, c->type, c->attr.data)
                                       : ir_param(&trial.copy.b, c->type);
    }
    return trial;
}

/* Is the cotangent of each active carried value after a turn, `g`, what it was before, `old`?
 */
static bool
hands_on(const Ad *a, const Turns *t, const Ref *g, const Ref *old)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (a->active.result[t->id][i] && !ref_eq(g[i], old[i]))
            return false;
    return true;
}

static bool
any_of(const bool *flag, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (flag[i])
            return true;
    return false;
}

static Needs *
needs_new(const Ad *a, const Turns *t)
{
    Needs *need = arena_new(a->ctx->arena, Needs);

    need->value = arena_array(a->ctx->arena, bool, t->count + 1);
    return need;
}

static Needs *
find_needs(Ad *a, const Turns *t)
{
    Module *scratch = module_new(a->ctx->arena);
    Ad trial = trial_of(a, t, scratch);
    Builder *b = &trial.copy.b;
    uint32_t *outer, n = ad_captures(a, t->body_id, true, &outer), k = 0;
    Needs *need = needs_new(a, t);
    Ref *g = arena_array(a->ctx->arena, Ref, t->count + 1);
    Ref *old = arena_array(a->ctx->arena, Ref, t->count + 1);
    Ref *all = arena_array(a->ctx->arena, Ref, t->count + n + 1);

    if (t->index.id)
        trial.copy.map[t->index.id] = ir_param(b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < t->count; i++)
        trial.copy.map[t->param[i].id] = ir_param(b, t->n->result[i]);
    for (uint32_t i = 0; i < t->count; i++)
        g[i] = old[i] = ir_param(b, t->n->result[i]);
    for (uint32_t i = 0; i < n; i++)
        all[i] = ir_param(b, a->f->node[outer[i]].type);
    reverse_turn(&trial, t, g, outer, n, all);
    for (uint32_t i = k = 0; i < n; i++)
        if (all[i].id)
            all[k++] = all[i];
    for (uint32_t i = 0; i < t->count; i++)
        if (a->active.result[t->id][i])
            all[k++] = g[i];
    ir_yield(b, k, all);
    Live live = live_find(b->function, a->ctx->arena);
    for (uint32_t i = 0; i < t->count; i++)
        need->value[i] = live.node[trial.copy.map[t->param[i].id].id];
    need->ordered = any_of(need->value, t->count) || !hands_on(a, t, g, old);
    return need;
}

/* ---- the forward sweep, with a tape */

/* Reports tapes that cannot be: without a bound, or too large. */
static int64_t
tape_turns(Ad *a, const Turns *t, const bool *need)
{
    int64_t most = most_turns(a, t);

    if (!any_of(need, t->count))
        return 0;
    if (most < 0) {
        Diag *d = diag_add(a->ctx->diags, DIAG_no_bound, t->n->span);
        diag_help(a->ctx->diags, d, "give the loop constant bounds, or 'at most' a constant");
        return -1;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        Type v = t->n->result[i];
        if (!need[i] || (v.rank < MAX_RANK && type_size(v) <= IR_MAX_ELEMENTS &&
                         type_size(v) * (uint64_t)most <= IR_MAX_ELEMENTS))
            continue;
        diag_add(a->ctx->diags, DIAG_tape_size, t->n->span,
                 (unsigned long long)IR_MAX_ELEMENTS);
        return -1;
    }
    return most;
}

static Type
tape_type(Type v, int64_t most)
{
    Type t = {.dtype = v.dtype, .rank = (uint8_t)(v.rank + 1), .dim = {(uint32_t)most}};

    for (unsigned i = 0; i < v.rank; i++)
        t.dim[1 + i] = v.dim[i];
    return t;
}

/* What the copied loop carries: the values, the number of the turn (while), the tapes. */
typedef struct Carry {
    Ref *init, *param, *yield;
    uint32_t n;
} Carry;

static Carry
carry_of(const Ad *a, const Turns *t)
{
    size_t n = 2 * (size_t)t->count + 2;
    Carry c = {arena_array(a->ctx->arena, Ref, n), arena_array(a->ctx->arena, Ref, n),
               arena_array(a->ctx->arena, Ref, n), 0};

    for (uint32_t i = 0; i < t->count; i++)
        c.init[c.n++] = ad_arg(a, t->n, t->first + i);
    return c;
}

static void
carry_tapes(Ad *a, const Turns *t, const bool *need, int64_t most, Carry *c)
{
    Builder *b = &a->copy.b;

    if (t->n->op == OP_while)
        c->init[c->n++] = ad_index(b, 0);
    for (uint32_t i = 0; i < t->count; i++)
        if (need[i])
            c->init[c->n++] = ad_zero(b, tape_type(t->n->result[i], most));
}

static void
open_params(Ad *a, Carry *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        c->param[i] = ir_param(&a->copy.b, ir_type(a->copy.b.function, c->init[i]));
}

static void
map_params(Ad *a, const Ref *param, const Carry *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        a->copy.map[param[i].id] = c->param[i];
}

/* The body of the copied loop: the source's, and the tapes written. */
static RegionId
copy_body(Ad *a, const Turns *t, const bool *need, Ref from, Carry *c)
{
    Builder *b = &a->copy.b;
    RegionId own = region_begin(b);
    uint32_t k = t->count;
    Ref turn = NO_REF;

    if (t->index.id) {
        Ref i = a->copy.map[t->index.id] = ir_param(b, type_scalar(DT_i32));
        open_params(a, c);
        turn = ir_sub(b, i, from);
    } else {
        open_params(a, c);
        turn = c->param[k];
        c->yield[k++] = ir_add(b, turn, ad_index(b, 1));
    }
    map_params(a, t->param, c, t->count);
    for (uint32_t i = 0; i < t->count; i++)
        if (need[i]) {
            c->yield[k] = ir_update(b, c->param[k], c->param[i], 1, &turn, true, false);
            k++;
        }
    rebuild_region(&a->copy, t->body_id);
    for (uint32_t i = 0; i < t->count; i++)
        c->yield[i] = a->copy.map[t->body->yield[i].id];
    ir_yield(b, c->n, c->yield);
    region_end(b);
    return own;
}

static RegionId
copy_condition(Ad *a, const Turns *t, Carry *c)
{
    const Region *from = &a->f->region[t->n->own[0]];
    RegionId own = region_begin(&a->copy.b);

    open_params(a, c);
    map_params(a, from->param, c, t->count);
    rebuild_region(&a->copy, t->n->own[0]);
    ir_yield(&a->copy.b, 1, &a->copy.map[from->yield[0].id]);
    region_end(&a->copy.b);
    return own;
}

static void
read_turns(Ad *a, const Turns *t, const bool *need, Ref node)
{
    Builder *b = &a->copy.b;
    Tape *tape = &a->tape[t->id];
    uint32_t k = t->count;

    a->copy.many[t->id] = arena_array(a->ctx->arena, Ref, t->count + 1);
    for (uint32_t i = 0; i < t->count; i++)
        a->copy.many[t->id][i] = ir_get(b, node, i);
    if (t->n->op == OP_while) {
        tape->turns = ir_get(b, node, k++);
    } else {
        Ref turns = ir_sub(b, ad_arg(a, t->n, 1), tape->from);
        tape->turns = ir_max(b, turns, ad_index(b, 0));
    }
    tape->kept = arena_array(a->ctx->arena, Ref, t->count + 1);
    for (uint32_t i = 0; i < t->count; i++)
        if (need[i])
            tape->kept[i] = ir_get(b, node, k++);
}

void
ad_copy_turns(Ad *a, uint32_t id)
{
    Turns t = turns_of(a, id);
    Builder *b = &a->copy.b;

    if (!a->need[id])
        a->need[id] = find_needs(a, &t);
    int64_t most = tape_turns(a, &t, a->need[id]->value);
    if (most < 0) {
        most = 0;
        a->need[id] = needs_new(a, &t);
    }
    const bool *need = a->need[id]->value;
    Carry c = carry_of(a, &t);
    Ref from = t.index.id ? ad_arg(a, t.n, 0) : ad_index(b, 0), node;
    a->tape[id].from = from;
    carry_tapes(a, &t, need, most, &c);
    if (t.n->op == OP_while) {
        RegionId condition = copy_condition(a, &t, &c);
        RegionId body = copy_body(a, &t, need, from, &c);
        node = ir_while(b, ad_arg(a, t.n, 0), c.n, c.init, condition, body);
    } else {
        RegionId body = copy_body(a, &t, need, from, &c);
        node = ir_for(b, from, ad_arg(a, t.n, 1), c.n, c.init, body, t.n->attr.i);
    }
    read_turns(a, &t, need, node);
}

/* ---- the reverse sweep */

/* Does the reverse count like the loop itself? */
static bool
counts_up(const Ad *a, const Turns *t)
{
    return t->index.id && !a->need[t->id]->ordered;
}

/* Inside the reverse loop, whose index is `i`: maps the body's parameters to what they were in
 * that turn.  Values that nothing uses are 0. */
static void
recall(Ad *a, const Turns *t, Ref i)
{
    Builder *b = &a->copy.b;
    const Tape *tape = &a->tape[t->id];
    Ref turn = ir_sub(b, ir_sub(b, tape->turns, ad_index(b, 1)), i);

    if (t->index.id)
        a->copy.map[t->index.id] = counts_up(a, t) ? i : ir_add(b, tape->from, turn);
    for (uint32_t k = 0; k < t->count; k++)
        a->copy.map[t->param[k].id] = tape->kept[k].id ? ir_at(b, tape->kept[k], 1, &turn, true)
                                                       : ad_zero(b, t->n->result[k]);
}

static Ref
build_reverse(Ad *a, const Turns *t, uint32_t n, const Ref *init, RegionId body)
{
    Builder *b = &a->copy.b;
    const Tape *tape = &a->tape[t->id];

    if (counts_up(a, t))
        return ir_for(b, tape->from, ad_arg(a, t->n, 1), n, init, body, t->n->attr.i);
    return ir_for(b, ad_index(b, 0), tape->turns, n, init, body, most_turns(a, t));
}

static void
reverse_turns(Ad *a, const Node *n, const Ref *g)
{
    Turns t = turns_of(a, (uint32_t)(n - a->f->node));
    Builder *b = &a->copy.b;
    uint32_t *outer, n_outer = ad_captures(a, t.body_id, true, &outer), k = 0;
    Ref *carried = arena_array(a->ctx->arena, Ref, t.count + n_outer + 1);
    Ref *cot = arena_array(a->ctx->arena, Ref, t.count + 1);
    Ref *sum = arena_array(a->ctx->arena, Ref, n_outer + 1);
    const bool *active = a->active.result[t.id];

    for (uint32_t i = 0; i < t.count; i++)
        if (active[i])
            carried[k++] = g[i].id ? g[i] : ad_zero(b, n->result[i]);
    for (uint32_t i = 0; i < n_outer; i++)
        carried[k++] = ad_cot_full(a, outer[i]);
    RegionId body = region_begin(b);
    Ref index = ir_param(b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < t.count; i++)
        if (active[i])
            cot[i] = ir_param(b, n->result[i]);
    for (uint32_t i = 0; i < n_outer; i++)
        sum[i] = ir_param(b, a->f->node[outer[i]].type);
    recall(a, &t, index);
    reverse_turn(a, &t, cot, outer, n_outer, sum);
    Ref *yield = arena_array(a->ctx->arena, Ref, k + 1);
    uint32_t m = 0;
    for (uint32_t i = 0; i < t.count; i++)
        if (active[i])
            yield[m++] = cot[i];
    for (uint32_t i = 0; i < n_outer; i++)
        yield[m++] = sum[i];
    ir_yield(b, k, yield);
    region_end(b);
    Ref node = build_reverse(a, &t, k, carried, body);
    for (uint32_t i = 0; i < n_outer; i++)
        a->cot[outer[i]] = ir_get(b, node, k - n_outer + i);
    for (uint32_t i = m = 0; i < t.count; i++)
        if (active[i])
            ad_give(a, n->arg[t.first + i], ir_get(b, node, m++));
}

void
vjp_for(Ad *a, const Node *n, const Ref *g)
{
    reverse_turns(a, n, g);
}

void
vjp_while(Ad *a, const Node *n, const Ref *g)
{
    reverse_turns(a, n, g);
}
