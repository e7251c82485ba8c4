/* SPDX-License-Identifier: Apache-2.0
 *
 * access.c -- `at` and `update`: what indices select of an array
 *
 * Indices that all chains share lead to one address; where one varies, each lane has its own.
 */
#include <assert.h>

#include "backends/llvm/emit.h"

/* ---- where an index leads */

/* The element that leading indices select, and whether they are in range. */
typedef struct Target {
    Index element;       /* uniform indices */
    LLVMValueRef lanes;  /* i32 vector of elements, if some index varies */
    LLVMValueRef inside; /* i1 or a vector of them; NULL: known to be in range */
    Type rest;           /* of what stands there */
} Target;

static void
require(Emit *e, Target *t, LLVMValueRef condition, bool chain)
{
    bool chain_now = t->inside && LLVMTypeOf(t->inside) != e->i1;

    if (!t->inside) {
        t->inside = condition;
        return;
    }
    if (chain && !chain_now)
        t->inside = splat(e, t->inside, e->lanes);
    if (!chain && chain_now)
        condition = splat(e, condition, e->lanes);
    t->inside = LLVMBuildAnd(e->b, t->inside, condition, "");
}

/* 0 <= x < extent, by one unsigned comparison. */
static LLVMValueRef
below(Emit *e, LLVMValueRef x, uint32_t extent, bool chain)
{
    LLVMValueRef limit = int32_of(e, extent);

    return LLVMBuildICmp(e->b, LLVMIntULT, x, chain ? splat(e, limit, e->lanes) : limit, "");
}

static void
add_uniform(Emit *e, Target *t, const Value *index, uint32_t extent, int64_t stride, bool trust)
{
    Index i = index_of(e, index);

    if (!trust && !(i.low >= 0 && i.high < extent)) {
        LLVMValueRef inside = below(e, scalar_of(e, index), extent, false);
        require(e, t, inside, false);
        LLVMValueRef safe = LLVMBuildSelect(e->b, inside, index_wide(e, i), int64_of(e, 0), "");
        i = (Index){safe, 1, 0, 0, extent};
    }
    t->element = index_add(e, t->element, index_scale(e, i, stride));
}

/* Checked even if said to be in range: lanes that are not active may hold anything. */
static void
add_chain(Emit *e, Target *t, const Value *index, uint32_t extent, int64_t stride)
{
    require(e, t, below(e, index->v, extent, true), true);
    LLVMValueRef x = LLVMBuildMul(e->b, index->v, splat(e, int32_of(e, stride), e->lanes), "");
    t->lanes = t->lanes ? LLVMBuildAdd(e->b, t->lanes, x, "") : x;
}

static Target
find_target(Emit *e, Type type, uint32_t n, const Value *const *index, bool trust)
{
    Target t = {.element = index_constant(0), .rest = type_drop(type, n)};
    int64_t stride = (int64_t)type_size(type);

    for (uint32_t k = 0; k < n; k++) {
        stride = type.dim[k] ? stride / type.dim[k] : 0;
        if (index[k]->chain)
            add_chain(e, &t, index[k], type.dim[k], stride);
        else
            add_uniform(e, &t, index[k], type.dim[k], stride, trust);
    }
    return t;
}

/* Addresses of element `t` + more of each lane. */
static LLVMValueRef
lane_addresses(Emit *e, const Value *array, DType d, const Target *t, Index more)
{
    LLVMValueRef lane[MAX_LANES], x = t->lanes;
    Value start = array_part(e, array, d, index_add(e, t->element, more));

    assert(!array->apart && "records of two blocks are only copied");
    if (array->row > 1) {
        for (unsigned i = 0; i < e->lanes; i++)
            lane[i] = int32_of(e, i);
        x = LLVMBuildMul(e->b, x, splat(e, int32_of(e, array->row), e->lanes), "");
        x = LLVMBuildAdd(e->b, x, LLVMConstVector(lane, e->lanes), "");
    }
    return LLVMBuildGEP2(e->b, memory_type(e, d, false), start.v, &x, 1, "");
}

/* What stands out of range. */
static LLVMValueRef
nothing(Emit *e, DType d)
{
    Scalar s = {.bits = 0};

    if (dtype_is_float(d))
        s = scalar_from_double(__builtin_nan(""), d);
    return scalar_constant(e, d, s);
}

/* x in range, else y; the range is the same for all chains. */
static Value
where_inside(Emit *e, const Target *t, bool chain, const Value *x, const Value *y)
{
    if (!chain)
        return uniform_value(select_lanes(e, t->inside, scalar_of(e, x), scalar_of(e, y)));
    LLVMValueRef inside = splat(e, t->inside, e->lanes);
    return chain_value(select_lanes(e, inside, vector_of(e, x), vector_of(e, y)));
}

static Value
read_target(Emit *e, const Value *array, DType d, const Target *t)
{
    Value none = uniform_value(nothing(e, d));

    if (t->lanes) {
        LLVMValueRef at = lane_addresses(e, array, d, t, index_constant(0));
        return chain_value(gather(e, d, at, t->inside, vector_of(e, &none)));
    }
    Value x = load_element(e, array, d, t->element);
    return t->inside ? where_inside(e, t, x.chain, &x, &none) : x;
}

/* ---- at */

static Value
at_instance(Emit *e, const Node *n, unsigned i)
{
    const Value *array = value_at(e, n->arg[0], i), *index[MAX_RANK];
    Type type = ir_type(e->f, n->arg[0]);
    DType d = (DType)type.dtype;
    Value r;

    assert(n->type.rank == 0 && "loop form reads elements");
    if (type_size(type) == 0)
        return uniform_value(nothing(e, d));
    if (ramp_load(e, n, i, array, &r) || panel_load(e, n, i, array, &r))
        return r;
    for (uint32_t k = 1; k < n->n_args; k++)
        index[k - 1] = value_at(e, n->arg[k], i);
    Target t = find_target(e, type, n->n_args - 1, index, n->attr.i & 1);
    return read_target(e, array, d, &t);
}

void
emit_at(Emit *e, uint32_t id, unsigned from, unsigned to)
{
    const Node *n = &e->f->node[id];
    Value *ret = e->value[id];

    for (unsigned i = from; i < to; i++) {
        if (pack_row(e, n, i, &ret[i]) || pack_column(e, n, i, &ret[i]))
            i += pack_size(e) - 1;
        else
            ret[i] = at_instance(e, n, i);
    }
}

/* ---- update */

typedef struct Part {
    const Value *to, *from;
    const Target *target;
    DType d;
    bool add;
} Part;

static Value
part_element(Emit *e, const Part *p, Index element)
{
    return p->target->rest.rank ? load_element(e, p->from, p->d, element) : *p->from;
}

static Value
sum_of(Emit *e, DType d, const Value *x, const Value *y)
{
    if (x->chain || y->chain)
        return chain_value(build_op(e, OP_add, d, vector_of(e, x), vector_of(e, y), NULL));
    return uniform_value(build_op(e, OP_add, d, scalar_of(e, x), scalar_of(e, y), NULL));
}

static void
write_lanes(Emit *e, const Part *p, Index element)
{
    LLVMValueRef at = lane_addresses(e, p->to, p->d, p->target, element);
    Value x = part_element(e, p, element);

    if (p->add) {
        Value old = chain_value(gather(e, p->d, at, p->target->inside, zero_of(e, p->d, true)));
        x = sum_of(e, p->d, &old, &x);
    }
    scatter(e, p->d, at, p->target->inside, vector_of(e, &x));
}

static void
write_part(Emit *e, Index element, void *user)
{
    const Part *p = user;

    if (p->target->lanes) {
        write_lanes(e, p, element);
        return;
    }
    Index at = index_add(e, p->target->element, element);
    Value x = part_element(e, p, element);
    if (p->add || p->target->inside) {
        Value old = read_fresh(e, p->to, p->d, at);
        if (p->add)
            x = sum_of(e, p->d, &old, &x);
        if (p->target->inside)
            x = where_inside(e, p->target, p->to->chain, &x, &old);
    }
    store_element(e, p->to, p->d, at, &x);
}

/* In place if this region made the array and nothing but this node still needs it. */
static Value
writable(Emit *e, const Value *x, Type type, bool chain)
{
    if (x->owner == e->frame && x->chain == chain) {
        Value r = *x;
        r.version = ++e->versions;
        return r;
    }
    Value r = array_new(e, type, chain);
    copy_array(e, &r, x, type);
    return r;
}

static Target
target_of(Emit *e, const Node *update, unsigned i)
{
    const Value *index[MAX_RANK];

    for (uint32_t k = 2; k < update->n_args; k++)
        index[k - 2] = value_at(e, update->arg[k], i);
    return find_target(e, update->type, update->n_args - 2, index, update->attr.i & 1);
}

static bool
find_row(Emit *e, const Node *update, const Value *array, const Target *t, Value *ret)
{
    if (!t->rest.rank || t->lanes || t->inside || update->attr.i & 2)
        return false;
    *ret = array_part(e, array, (DType)t->rest.dtype, t->element);
    return true;
}

bool
row_of_update(Emit *e, const Node *update, const Value *array, Value *ret)
{
    Target t = target_of(e, update, 0);

    return find_row(e, update, array, &t, ret);
}

/* What stands in the row already is not copied. */
static Value
update_instance(Emit *e, const Node *n, unsigned i, bool chain)
{
    const Value *x = value_at(e, n->arg[1], i);
    Value r = writable(e, value_at(e, n->arg[0], i), n->type, chain), row;

    if (type_size(n->type) == 0)
        return r;
    Target t = target_of(e, n, i);
    Part p = {&r, x, &t, (DType)n->type.dtype, (n->attr.i & 2) != 0};
    if (find_row(e, n, &r, &t, &row))
        copy_array(e, &row, x, t.rest);
    else
        each_element(e, type_size(t.rest), write_part, &p);
    return r;
}

void
emit_update(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    Value *ret = value_room(e, id, 1);

    for (unsigned i = 0; i < e->frame->n; i++)
        ret[i] = update_instance(e, n, i, e->variance[id] == VARY_chain);
}
