/* SPDX-License-Identifier: Apache-2.0
 *
 * control.c -- control flow and updates in loop form
 *
 * Arrays that a loop carries are changed in place: what is not the loop's own, or is read
 * afterwards, is copied on entry.
 */
#include <assert.h>
#include <string.h>

#include "passes/fold_build.h"
#include "passes/lower/lower.h"

static bool
region_updates(const Function *f, RegionId r)
{
    const Region *region = &f->region[r];

    for (size_t k = 0; k < region->n_nodes; k++) {
        const Node *n = &f->node[region->node[k]];
        if (n->op == OP_update || n->op == OP_put_add)
            return true;
        for (uint32_t i = 0; i < n->n_regions; i++)
            if (region_updates(f, n->own[i]))
                return true;
    }
    return false;
}

/* May node `user` change array r in place? */
static bool
is_expendable(const Lower *l, Ref r, uint32_t user)
{
    const Node *n = lower_node(l, r), *u = &l->in->node[user];
    bool parameter = n->op == OP_arg;
    bool carried = parameter && n->region != 0; /* entered as a copy, or expendable there */

    if (n->region != u->region || n->op == OP_const || (parameter && !carried))
        return false;
    return l->info[r.id].last <= user;
}

static Ref
expendable(Lower *l, Ref r, uint32_t user)
{
    Ref whole = lower_value(l, r);
    Type t = lower_node(l, r)->type;

    return t.rank == 0 || is_expendable(l, r, user) ? whole : lower_copy(l, whole, t);
}

/* Opens a region for own region `r`, binding its parameters. */
static RegionId
enter(Lower *l, RegionId r)
{
    const Region *region = &l->in->region[r];
    RegionId opened = region_begin(&l->b);

    for (uint32_t i = 0; i < region->n_params; i++)
        l->value[region->param[i].id] = ir_param(&l->b, ir_type(l->in, region->param[i]));
    return opened;
}

static void
finish(Lower *l, RegionId r)
{
    const Region *region = &l->in->region[r];
    Ref *yield = arena_array(l->arena, Ref, region->n_yields + 1);

    lower_region(l, r, yield);
    ir_yield(&l->b, region->n_yields, yield);
    region_end(&l->b);
}

/* Scalars of outer regions that a region reads are made before it. */
static void
prefetch_captures(Lower *l, RegionId r, RegionId around)
{
    const Region *region = &l->in->region[r];

    for (size_t k = 0; k < region->n_nodes; k++) {
        const Node *n = &l->in->node[region->node[k]];
        if (!l->info[region->node[k]].live)
            continue;
        for (uint32_t i = 0; i < n->n_args; i++)
            if (region_within(l->in, around, lower_node(l, n->arg[i])->region))
                lower_prefetch(l, n->arg[i]);
        for (uint32_t i = 0; i < n->n_regions; i++)
            prefetch_captures(l, n->own[i], around);
    }
    for (uint32_t i = 0; i < region->n_yields; i++)
        if (region_within(l->in, around, lower_node(l, region->yield[i])->region))
            lower_prefetch(l, region->yield[i]);
}

static void
prefetch_regions(Lower *l, const Node *n)
{
    for (uint32_t i = 0; i < n->n_regions; i++)
        prefetch_captures(l, n->own[i], n->region);
}

static Ref
lower_if(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    Ref condition = lower_value(l, n->arg[0]);
    RegionId own[2];

    for (unsigned k = 0; k < 2; k++) {
        own[k] = enter(l, n->own[k]);
        finish(l, n->own[k]);
    }
    return ir_if(&l->b, condition, own[0], own[1]);
}

/* Operands from `first` on are what is carried. */
static Ref *
carried(Lower *l, uint32_t id, uint32_t first)
{
    const Node *n = &l->in->node[id];
    Ref *init = arena_array(l->arena, Ref, n->n_args + 1);
    bool updates = region_updates(l->in, n->own[n->n_regions - 1]);

    for (uint32_t i = first; i < n->n_args; i++)
        init[i - first] = updates ? expendable(l, n->arg[i], id) : lower_value(l, n->arg[i]);
    return init;
}

static Ref
lower_for(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    Ref from = lower_value(l, n->arg[0]), to = lower_value(l, n->arg[1]);
    Ref *init = carried(l, id, 2);
    RegionId body = enter(l, n->own[0]);

    finish(l, n->own[0]);
    return ir_for(&l->b, from, to, n->n_args - 2, init, body, n->attr.i);
}

static Ref
lower_while(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    Ref most = lower_value(l, n->arg[0]);
    Ref *init = carried(l, id, 1);
    RegionId own[2];

    for (unsigned k = 0; k < 2; k++) {
        own[k] = enter(l, n->own[k]);
        finish(l, n->own[k]);
    }
    return ir_while(&l->b, most, n->n_args - 1, init, own[0], own[1]);
}

/* ---- updates */

/* Nested loops over `shape` that carry one array, changed by `change` at each index. */
typedef Ref Change(Lower *l, Ref array, const Ref *index, const void *context);

static Ref
change_each(Lower *l, Type shape, unsigned axis, Ref *index, Ref array, Change *change,
            const void *context)
{
    if (axis == shape.rank)
        return change(l, array, index, context);
    Ref from = lower_int(l, 0), to = lower_int(l, shape.dim[axis]);
    RegionId body = region_begin(&l->b);
    index[axis] = ir_param(&l->b, type_scalar(DT_i32));
    Ref inner = ir_param(&l->b, ir_type(l->b.function, array));
    Ref next = change_each(l, shape, axis + 1, index, inner, change, context);
    ir_yield(&l->b, 1, &next);
    region_end(&l->b);
    return ir_get(&l->b, ir_for(&l->b, from, to, 1, &array, body, shape.dim[axis]), 0);
}

static Ref
lower_update(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    Ref row = lower_value(l, n->arg[1]), index[MAX_RANK];

    for (uint32_t i = 2; i < n->n_args; i++)
        index[i - 2] = lower_value(l, n->arg[i]);
    return ir_update(&l->b, expendable(l, n->arg[0], id), row, n->n_args - 2, index,
                     n->attr.i & 1, n->attr.i >> 1 & 1);
}

typedef struct Rows {
    Ref index, value;
} Rows;

static Ref
add_one(Lower *l, Ref array, const Ref *index, const void *context)
{
    const Rows *rows = context;
    unsigned rank = ir_type(l->b.function, rows->value).rank;
    Ref at[MAX_RANK];

    memcpy(at, index, rank * sizeof *at);
    at[0] = ir_at(&l->b, rows->index, 1, index, true);
    return ir_update(&l->b, array, ir_at(&l->b, rows->value, rank, index, true), rank, at,
                     false, true);
}

static Ref
lower_put_add(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    Rows rows = {lower_value(l, n->arg[1]), lower_value(l, n->arg[2])};
    Ref index[MAX_RANK];

    return change_each(l, lower_node(l, n->arg[2])->type, 0, index,
                       expendable(l, n->arg[0], id), add_one, &rows);
}

/* ---- comprehensions */

static bool
yields_scalars(const Lower *l, RegionId r)
{
    const Region *region = &l->in->region[r];

    for (uint32_t i = 0; i < region->n_yields; i++)
        if (lower_node(l, region->yield[i])->type.rank)
            return false;
    return true;
}

static Ref
loop_of_scalars(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    unsigned rank = (unsigned)n->attr.ints[0];
    uint32_t extent[MAX_RANK], n_yields = l->in->region[n->own[0]].n_yields;
    FoldKind *kind = arena_array(l->arena, FoldKind, n_yields + 1);

    for (unsigned i = 0; i < rank; i++)
        extent[i] = (uint32_t)n->attr.ints[1 + i];
    for (uint32_t i = 0; i < n_yields; i++)
        kind[i] = (FoldKind)n->attr.ints[1 + rank + i];
    RegionId body = enter(l, n->own[0]);
    finish(l, n->own[0]);
    return ir_loop(&l->b, rank, extent, kind, body);
}

/* Iterations that yield arrays run one after the other and fill the results in place; folds
 * keep 16 partial arrays. */
typedef struct Result {
    FoldKind kind;
    Type value;   /* of one iteration */
    Type partial; /* STORE: the result; else 16 partials */
} Result;

static Result
describe(const Lower *l, const Node *n, uint32_t i, Type extents)
{
    Result r = {.kind = (FoldKind)n->attr.ints[1 + extents.rank + i]};
    Type lead = extents;

    r.value = lower_node(l, l->in->region[n->own[0]].yield[i])->type;
    if (r.kind != FOLD_store)
        lead = type_array(DT_i32, 1, (uint32_t[]){FOLD_PARTIALS});
    for (unsigned k = 0; k < r.value.rank; k++)
        lead.dim[lead.rank++] = r.value.dim[k];
    r.partial = type_with(lead, r.value.dtype);
    return r;
}

/* One iteration's value onto its partial. */
typedef struct Addition {
    const Result *result;
    Ref value, partial;
} Addition;

static Ref
add_element(Lower *l, Ref array, const Ref *index, const void *context)
{
    const Addition *a = context;
    unsigned rank = a->result->value.rank;
    Ref at[MAX_RANK] = {a->partial}, v = ir_at(&l->b, a->value, rank, index, true);

    memcpy(at + 1, index, rank * sizeof *at);
    v = fold_combine(&l->b, a->result->kind, ir_at(&l->b, array, rank + 1, at, true), v);
    return ir_update(&l->b, array, v, rank + 1, at, true, false);
}

static Ref
deposit(Lower *l, const Result *r, Ref array, Ref value, Type extents, const Ref *iteration)
{
    Addition a = {.result = r, .value = value};
    Ref index[MAX_RANK];

    if (r->kind == FOLD_store)
        return ir_update(&l->b, array, value, extents.rank, iteration, true, false);
    a.partial =
        ir_imod(&l->b, lower_linear(l, extents, iteration), lower_int(l, FOLD_PARTIALS));
    return change_each(l, r->value, 0, index, array, add_element, &a);
}

/* The extents as nested `for`s around the region, carrying every result. */
static void
run_iterations(Lower *l, const Node *n, Type extents, unsigned axis, Ref *iteration,
               const Result *result, Ref *array)
{
    const Region *region = &l->in->region[n->own[0]];
    uint32_t count = region->n_yields;

    if (axis == extents.rank) {
        Ref *yield = arena_array(l->arena, Ref, count + 1);
        for (unsigned i = 0; i < extents.rank; i++)
            l->value[region->param[i].id] = iteration[i];
        lower_region(l, n->own[0], yield);
        for (uint32_t i = 0; i < count; i++)
            array[i] = deposit(l, &result[i], array[i], yield[i], extents, iteration);
        return;
    }
    Ref from = lower_int(l, 0), to = lower_int(l, extents.dim[axis]);
    Ref *inner = arena_array(l->arena, Ref, count + 1);
    RegionId body = region_begin(&l->b);
    iteration[axis] = ir_param(&l->b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < count; i++)
        inner[i] = ir_param(&l->b, result[i].partial);
    run_iterations(l, n, extents, axis + 1, iteration, result, inner);
    ir_yield(&l->b, count, inner);
    region_end(&l->b);
    Ref loop = ir_for(&l->b, from, to, count, array, body, extents.dim[axis]);
    for (uint32_t i = 0; i < count; i++)
        array[i] = ir_get(&l->b, loop, i);
}

/* The fixed tree over the partials, element by element; a scalar fold keeps rank 0. */
static Ref
tree(Lower *l, const Result *r, Ref partial, const Ref *index)
{
    Ref p[FOLD_PARTIALS], at[MAX_RANK];

    for (int64_t k = 0; k < FOLD_PARTIALS; k++) {
        at[0] = lower_int(l, k);
        for (unsigned i = 0; i < r->value.rank; i++)
            at[1 + i] = index[i];
        p[k] = ir_at(&l->b, partial, 1u + r->value.rank, at, true);
    }
    return fold_tree(&l->b, r->kind, p);
}

static Ref
finish_fold(Lower *l, const Result *r, Ref partial)
{
    FoldKind kind = FOLD_store;
    Ref index[MAX_RANK];

    if (r->value.rank == 0)
        return tree(l, r, partial, NULL);
    RegionId body = region_begin(&l->b);
    for (unsigned i = 0; i < r->value.rank; i++)
        index[i] = ir_param(&l->b, type_scalar(DT_i32));
    Ref v = tree(l, r, partial, index);
    ir_yield(&l->b, 1, &v);
    region_end(&l->b);
    return ir_get(&l->b, ir_loop(&l->b, r->value.rank, r->value.dim, &kind, body), 0);
}

/* Sets the values of the OP_get nodes that read loop id. */
static void
set_results(Lower *l, uint32_t id, const Ref *value)
{
    for (uint32_t k = id + 1; k < l->in->n; k++) {
        const Node *g = &l->in->node[k];
        if (g->op == OP_get && g->arg[0].id == id)
            l->value[k] = value[g->attr.i];
    }
}

/* What a result holds before the first iteration. */
static Ref
fill_of(Lower *l, const Result *r, bool empty)
{
    DType d = r->value.dtype;

    if (r->kind == FOLD_store)
        return ir_number(&l->b, d, 0);
    return fold_start(&l->b, r->kind, d, empty);
}

static void
loop_of_arrays(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    uint32_t count = l->in->region[n->own[0]].n_yields;
    Type extents = {.dtype = DT_i32, .rank = (uint8_t)n->attr.ints[0]};
    Result *result = arena_array(l->arena, Result, count + 1);
    Ref *array = arena_array(l->arena, Ref, count + 1), iteration[MAX_RANK];

    for (unsigned i = 0; i < extents.rank; i++)
        extents.dim[i] = (uint32_t)n->attr.ints[1 + i];
    for (uint32_t i = 0; i < count; i++) {
        result[i] = describe(l, n, i, extents);
        array[i] = filled_array(&l->b, result[i].partial,
                                fill_of(l, &result[i], type_size(extents) == 0));
    }
    run_iterations(l, n, extents, 0, iteration, result, array);
    for (uint32_t i = 0; i < count; i++)
        if (result[i].kind != FOLD_store)
            array[i] = finish_fold(l, &result[i], array[i]);
    set_results(l, id, array);
}

/* ---- dispatch */

void
lower_control(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];
    Span outer = l->b.span;

    l->b.span = n->span;
    for (uint32_t i = 0; i < n->n_args; i++)
        lower_prefetch(l, n->arg[i]);
    prefetch_regions(l, n);
    switch (n->op) {
    case OP_if: l->value[id] = lower_if(l, id); break;
    case OP_for: l->value[id] = lower_for(l, id); break;
    case OP_while: l->value[id] = lower_while(l, id); break;
    case OP_update: l->value[id] = lower_update(l, id); break;
    case OP_put_add: l->value[id] = lower_put_add(l, id); break;
    case OP_loop:
        if (yields_scalars(l, n->own[0]))
            l->value[id] = loop_of_scalars(l, id);
        else
            loop_of_arrays(l, id);
        break;
    default: lower_linalg(l, id); break;
    }
    l->b.span = outer;
}
