/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_known.c -- values that are known before a run, computed again in @require.
 *
 * Known is what follows from hyperparameters, data, conditions and weights, and in training
 * from the columns of a data point: of such a value, the nodes that lead to it are copied.  One
 * that stands in loops is copied with those of them that it depends on.
 */
#include <string.h>

#include "frontend/elab_known.h"

enum { MOST_VISITS = 4096, MOST_TURNS = 1 << 24 };

static const Node *
node_of(const Frame *f, Ref r)
{
    return ir_node(f->b.function, r);
}

/* ---- the loops around */

static RegionId
body_of(const Frame *f, const Nest *nest)
{
    return node_of(f, nest->index[0])->region;
}

static void
add_loops(Known *k, const Frame *f, const Nest *nest)
{
    if (!nest)
        return;
    add_loops(k, f, nest->outer);
    if (nest->rank && k->n_loops < KNOWN_LOOPS)
        k->loop[k->n_loops++] = (KnownLoop){.frame = f, .nest = nest};
}

static void
add_frames(Known *k, const Frame *f)
{
    if (!f)
        return;
    add_frames(k, f->outer);
    add_loops(k, f, f->nest);
}

static bool
is_certain(const Known *k, const Frame *f, RegionId region)
{
    for (unsigned i = 0; i < k->n_loops; i++)
        if (k->loop[i].frame == f && body_of(f, k->loop[i].nest) == region)
            return k->loop[i].nest->certain;
    return false;
}

/* Is what stands here computed whatever happens, in every turn of the loops around it? */
static bool
stands_always(const Known *k)
{
    for (const Frame *f = k->e->frame; f; f = f->outer)
        for (RegionId r = f->b.region; r; r = f->b.function->region[r].parent)
            if (!is_certain(k, f, r))
                return false;
    return true;
}

/* The loop whose turn r is, and along which axis; `ret_from`: where r counts from, or NO_REF.
 */
static KnownLoop *
find_loop(Known *k, const Frame *f, Ref r, unsigned *ret_axis, Ref *ret_from)
{
    for (unsigned i = 0; i < k->n_loops; i++) {
        const Nest *nest = k->loop[i].nest;
        for (unsigned a = 0; k->loop[i].frame == f && a < nest->rank; a++) {
            const Node *turn = node_of(f, nest->index[a]);
            bool counts = turn->op == OP_sub && ref_eq(turn->arg[0], r);
            if (!counts && !ref_eq(nest->index[a], r))
                continue;
            *ret_axis = a;
            *ret_from = counts ? turn->arg[1] : NO_REF;
            return &k->loop[i];
        }
    }
    return NULL;
}

static bool
few_turns(const Known *k)
{
    uint64_t turns = 1;

    for (unsigned i = 0; i < k->n_loops; i++)
        for (unsigned a = 0; k->loop[i].used && a < k->loop[i].nest->rank; a++) {
            turns *= k->loop[i].nest->extent[a];
            if (turns > MOST_TURNS)
                return false;
        }
    return true;
}

/* ---- is it known? */

static bool is_known(Known *k, const Frame *f, Ref r);

static bool
is_column(const Elab *e, const char *name)
{
    for (size_t i = 0; i < e->program->n_column; i++)
        if (strcmp(e->program->column[i].name, name) == 0)
            return true;
    return false;
}

static bool
input_known(Known *k, const Input *in)
{
    switch ((InputKind)in->kind) {
    case INPUT_hyper: return true;
    case INPUT_param: return !k->e->request->loss;
    case INPUT_data:
    case INPUT_given: break;
    case INPUT_point:
        if (!k->e->request->loss || is_column(k->e, in->name))
            break;
        return false;
    default: return false;
    }
    k->arrays = true;
    return true;
}

static const Capture *
find_capture(const Frame *f, Ref r)
{
    for (size_t i = 0; i < f->n_captures; i++)
        if (ref_eq(f->capture[i].inner, r))
            return &f->capture[i];
    return NULL;
}

static bool
arg_known(Known *k, const Frame *f, Ref r)
{
    const Node *n = node_of(f, r);

    for (unsigned i = k->n_entered; n->region && i-- > 0;)
        if (k->entered[i].frame == f && k->entered[i].from == n->region)
            return true;
    if (n->region)
        return false;
    if (!f->outer)
        return input_known(k, &f->b.function->input[n->attr.i]);
    const Capture *c = find_capture(f, r);
    return c && is_known(k, f->outer, c->outer.ref);
}

static bool
region_known(Known *k, const Frame *f, RegionId region)
{
    const Region *body = &f->b.function->region[region];
    bool known = k->n_entered < KNOWN_LOOPS;

    if (!known)
        return false;
    k->entered[k->n_entered++] = (KnownRegion){f, region, 0};
    for (uint32_t i = 0; known && i < body->n_yields; i++)
        known = is_known(k, f, body->yield[i]);
    k->n_entered--;
    return known;
}

static bool
node_known(Known *k, const Frame *f, const Node *n)
{
    bool known = op_info[n->op].attr != ATTR_CALLEE;

    switch (n->op) {
    case OP_draw:
    case OP_word:
    case OP_chain_index:
    case OP_batch:
    case OP_batch_sum:
    case OP_update:
    case OP_put_add: return false;
    default: break;
    }
    for (uint32_t i = 0; known && i < n->n_args; i++)
        known = is_known(k, f, n->arg[i]);
    for (uint32_t i = 0; known && i < n->n_regions; i++)
        known = region_known(k, f, n->own[i]);
    return known;
}

static bool
is_known(Known *k, const Frame *f, Ref r)
{
    unsigned axis;
    Ref from;

    if (++k->visits > MOST_VISITS)
        return false;
    KnownLoop *loop = find_loop(k, f, r, &axis, &from);
    if (loop) {
        loop->used = true;
        return !from.id || is_known(k, f, from);
    }
    const Node *n = node_of(f, r);
    return n->op == OP_arg ? arg_known(k, f, r) : node_known(k, f, n);
}

/* ---- copying */

static Ref copy(Known *k, const Frame *f, Ref r);

static bool
is_outside(const Frame *outer, const Frame *f)
{
    for (f = f->outer; f; f = f->outer)
        if (f == outer)
            return true;
    return false;
}

/* The region of @require that stands for a region of f. */
static RegionId
place_of(const Known *k, const Frame *f, RegionId region)
{
    RegionId place = 0;

    for (unsigned i = k->n_entered; i-- > 0;)
        if (k->entered[i].frame == f && k->entered[i].from == region)
            return k->entered[i].to;
    for (unsigned i = 0; i < k->n_loops; i++) {
        const KnownLoop *l = &k->loop[i];
        if (l->used && region && l->frame == f && body_of(f, l->nest) == region)
            return l->body;
        if (l->used && is_outside(l->frame, f))
            place = l->body;
    }
    return region ? place_of(k, f, f->b.function->region[region].parent) : place;
}

static Ref
copy_input(Known *k, const Frame *f, const Node *n)
{
    const Input *in = &f->b.function->input[n->attr.i];
    Frame *back = k->e->frame;

    k->e->frame = k->to;
    Value v =
        elab_entry_input(k->e, (InputKind)in->kind, in->name, n->type, (Variance)in->variance);
    k->e->frame = back;
    return v.ref;
}

static Ref
copy_arg(Known *k, const Frame *f, Ref r)
{
    for (size_t i = k->n_map; i-- > 0;)
        if (k->map[i].frame == f && ref_eq(k->map[i].from, r))
            return k->map[i].to;
    if (!f->outer)
        return copy_input(k, f, node_of(f, r));
    return copy(k, f->outer, find_capture(f, r)->outer.ref);
}

static void
map_param(Known *k, const Frame *f, Ref from, Ref to)
{
    k->map =
        arena_grow(k->e->arena, k->map, k->n_map, &k->cap_map, k->n_map + 1, sizeof *k->map);
    k->map[k->n_map++] = (KnownParam){f, from, to};
}

static RegionId
copy_region(Known *k, const Frame *f, RegionId region)
{
    const Region *from = &f->b.function->region[region];
    Builder *b = &k->to->b;
    Ref *yield = arena_array(k->e->arena, Ref, from->n_yields + 1);
    RegionId to = region_begin(b);
    size_t mapped = k->n_map;

    k->entered[k->n_entered++] = (KnownRegion){f, region, to};
    for (uint32_t i = 0; i < from->n_params; i++)
        map_param(k, f, from->param[i], ir_param(b, node_of(f, from->param[i])->type));
    for (uint32_t i = 0; i < from->n_yields; i++)
        yield[i] = copy(k, f, from->yield[i]);
    b->region = to;
    ir_yield(b, from->n_yields, yield);
    region_end(b);
    k->n_entered--;
    k->n_map = mapped;
    return to;
}

static Ref
copy_node(Known *k, const Frame *f, Ref r)
{
    const Node n = *node_of(f, r);
    Ref *arg = arena_array(k->e->arena, Ref, n.n_args + 1);
    RegionId own[2] = {0, 0}, place = place_of(k, f, n.region);

    for (uint32_t i = 0; i < n.n_args; i++)
        arg[i] = copy(k, f, n.arg[i]);
    k->to->b.region = place;
    for (uint32_t i = 0; i < n.n_regions; i++)
        own[i] = copy_region(k, f, n.own[i]);
    k->to->b.region = place;
    k->to->b.span = n.span;
    if (n.op == OP_get)
        return ir_get(&k->to->b, arg[0], (uint32_t)n.attr.i);
    return ir_build(&k->to->b, (Op)n.op, n.type, n.n_args, arg, n.attr, n.n_regions, own);
}

static Ref
copy(Known *k, const Frame *f, Ref r)
{
    unsigned axis;
    Ref from;
    const KnownLoop *loop = find_loop(k, f, r, &axis, &from);

    if (loop && !from.id)
        return loop->index[axis];
    if (loop) {
        Ref first = copy(k, f, from);
        k->to->b.region = loop->body;
        return ir_add(&k->to->b, loop->index[axis], first);
    }
    return node_of(f, r)->op == OP_arg ? copy_arg(k, f, r) : copy_node(k, f, r);
}

/* ---- the whole */

bool
elab_known(Known *k, Elab *e, Value v)
{
    *k = (Known){.e = e};
    add_frames(k, e->frame);
    if (v.kind != VAL_ref || k->n_loops == KNOWN_LOOPS || !stands_always(k) ||
        !is_known(k, v.frame, v.ref) || !few_turns(k))
        return false;
    for (unsigned i = 0; i < k->n_loops; i++)
        k->loops |= k->loop[i].used;
    return true;
}

Ref
elab_known_copy(Known *k, Frame *to, Value v)
{
    k->to = to;
    to->b.region = 0;
    for (unsigned i = 0; i < k->n_loops; i++) {
        KnownLoop *l = &k->loop[i];
        if (!l->used)
            continue;
        l->body = region_begin(&to->b);
        for (unsigned a = 0; a < l->nest->rank; a++)
            l->index[a] = ir_param(&to->b, type_scalar(DT_i32));
    }
    RegionId inside = to->b.region;
    Ref r = copy(k, v.frame, v.ref);
    to->b.region = inside;
    return r;
}

Ref
elab_known_turn(const Known *k)
{
    Builder *b = &k->to->b;
    Ref turn = ir_number(b, DT_i32, 0);

    for (unsigned i = 0; i < k->n_loops; i++) {
        const KnownLoop *l = &k->loop[i];
        for (unsigned a = 0; l->used && a < l->nest->rank; a++)
            turn = ir_add(b, ir_mul(b, turn, ir_number(b, DT_i32, l->nest->extent[a])),
                          l->index[a]);
    }
    return turn;
}

void
elab_known_fold(Known *k, uint32_t n, Ref *value, const FoldKind *kind)
{
    Builder *b = &k->to->b;

    for (unsigned i = k->n_loops; i-- > 0;) {
        const KnownLoop *l = &k->loop[i];
        if (!l->used)
            continue;
        ir_yield(b, n, value);
        region_end(b);
        Ref node = ir_loop(b, l->nest->rank, l->nest->extent, kind, l->body);
        for (uint32_t j = 0; j < n; j++)
            value[j] = ir_get(b, node, j);
    }
}
