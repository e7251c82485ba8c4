/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c -- arrays: where they stand, how they are read and written
 *
 * An array of chain values has a row of lanes for each element, a uniform one is dense.  Small
 * arrays stand on the stack, where those with constant indices become registers; the others
 * are in the launch's scratch memory at fixed offsets.
 */
#include <assert.h>
#include <string.h>

#include "backends/llvm/emit.h"

enum { STACK_ARRAY = 4096, STACK_ALL = 128 * 1024, WHOLE_ELEMENTS = 16, COPY_GROUP = 4 };

LLVMValueRef
entry_alloca(Emit *e, LLVMTypeRef type, uint64_t count)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);

    LLVMPositionBuilderBefore(e->b, LLVMGetBasicBlockTerminator(e->entry));
    LLVMValueRef p = LLVMBuildAlloca(e->b, LLVMArrayType2(type, count), "");
    LLVMSetAlignment(p, 64);
    LLVMPositionBuilderAtEnd(e->b, here);
    return p;
}

LLVMValueRef
byte_offset(Emit *e, LLVMValueRef pointer, LLVMValueRef bytes)
{
    return LLVMBuildGEP2(e->b, e->i8, pointer, &bytes, 1, "");
}

static LLVMValueRef
element_load(Emit *e, LLVMTypeRef type, LLVMValueRef at, unsigned align)
{
    LLVMValueRef v = LLVMBuildLoad2(e->b, type, at, "");

    LLVMSetAlignment(v, align);
    return v;
}

LLVMValueRef
load_field(Emit *e, uint64_t offset, LLVMTypeRef type)
{
    LLVMValueRef at = byte_offset(e, e->launch, int64_of(e, (int64_t)offset));
    unsigned align = type == e->i32 ? 4 : 8;

    return element_load(e, type, at, align);
}

Value
array_new(Emit *e, Type type, bool chain)
{
    DType d = (DType)type.dtype;
    uint64_t count = type_size(type), bytes = count * dtype_size(d) * (chain ? e->lanes : 1);
    Value r = {.chain = chain, .row = chain ? e->lanes : 1, .version = ++e->versions};

    r.owner = e->frame;
    bytes = (bytes + 63) & ~UINT64_C(63);
    if (bytes <= STACK_ARRAY && e->stack_used + bytes <= STACK_ALL) {
        e->stack_used += bytes;
        r.v = r.root = entry_alloca(e, memory_type(e, d, chain), count + !count);
        return r;
    }
    r.v = r.root = byte_offset(e, e->scratch, int64_of(e, (int64_t)e->scratch_used));
    e->scratch_used += bytes;
    if (e->scratch_used > e->manifest->scratch_bytes)
        e->manifest->scratch_bytes = e->scratch_used;
    return r;
}

LLVMValueRef
element_address(Emit *e, const Value *array, DType d, Index element)
{
    int64_t bytes = (int64_t)array->row * dtype_size(d);
    MemoKey key = {TAG_address, (uint32_t)bytes, array->v, element.base,
                   (const void *)(intptr_t)element.offset};

    if (!element.base && !element.offset)
        return array->v;
    LLVMValueRef at = memo_find(e, key);
    if (at)
        return at;
    LLVMValueRef by = int64_of(e, (element.offset ? element.offset : 1) * bytes);
    if (element.offset)
        at = element_address(e, array, d, (Index){.base = element.base});
    else
        at = array->v, by = LLVMBuildMul(e->b, element.base, by, "");
    return memo_keep(e, key, byte_offset(e, at, by));
}

static unsigned
element_align(const Emit *e, const Value *array, DType d)
{
    unsigned lanes = array->apart ? EBM_BLOCK : e->lanes;

    return array->chain ? lanes * dtype_size(d) : dtype_size(d);
}

/* The bits of an element at `at`. */
static LLVMValueRef
read_row(Emit *e, const Value *array, DType d, LLVMValueRef at)
{
    unsigned align = element_align(e, array, d);
    LLVMTypeRef scalar = memory_type(e, d, false);

    if (!array->apart)
        return element_load(e, memory_type(e, d, array->chain), at, align);
    LLVMTypeRef block = LLVMVectorType(scalar, EBM_BLOCK);
    LLVMValueRef low = element_load(e, block, at, align);
    LLVMValueRef high = element_load(e, block, byte_offset(e, at, array->apart), align);
    return join_lanes(e, low, high, EBM_BLOCK);
}

static void
write_row(Emit *e, const Value *array, DType d, LLVMValueRef at, LLVMValueRef x)
{
    unsigned align = element_align(e, array, d);

    if (!array->apart) {
        LLVMSetAlignment(LLVMBuildStore(e->b, x, at), align);
        return;
    }
    LLVMValueRef low = some_lanes(e, x, 0, EBM_BLOCK);
    LLVMValueRef high = some_lanes(e, x, EBM_BLOCK, EBM_BLOCK);
    LLVMSetAlignment(LLVMBuildStore(e->b, low, at), align);
    at = byte_offset(e, at, array->apart);
    LLVMSetAlignment(LLVMBuildStore(e->b, high, at), align);
}

static LLVMValueRef
from_memory(Emit *e, DType d, LLVMValueRef x)
{
    return d == DT_bool ? LLVMBuildICmp(e->b, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "")
                        : x;
}

static LLVMValueRef
to_memory(Emit *e, DType d, bool chain, LLVMValueRef x)
{
    return d == DT_bool ? LLVMBuildZExt(e->b, x, memory_type(e, d, chain), "") : x;
}

static Scalar
constant_element(const Node *n, uint64_t i)
{
    unsigned size = dtype_size((DType)n->type.dtype);
    Scalar s = {.bits = 0};

    memcpy(&s, (const char *)n->attr.data + i * size, size);
    return s;
}

static Value
constant_value(Emit *e, DType d, Scalar s)
{
    return d == DT_i32 ? index_value(index_constant(s.i32))
                       : uniform_value(scalar_constant(e, d, s));
}

void
mark_invariant(Emit *e, LLVMValueRef load)
{
    unsigned kind = LLVMGetMDKindIDInContext(e->context, "invariant.load", 14);
    LLVMMetadataRef empty = LLVMMDNodeInContext2(e->context, NULL, 0);

    LLVMSetMetadata(load, kind, LLVMMetadataAsValue(e->context, empty));
}

Value
load_element(Emit *e, const Value *array, DType d, Index element)
{
    if (array->constant && !element.base)
        return constant_value(e, d,
                              constant_element(array->constant, (uint64_t)element.offset));

    MemoKey key = {TAG_load, array->version, array->v, element.base,
                   (const void *)(intptr_t)element.offset};
    LLVMValueRef v = memo_find(e, key);
    if (!v) {
        LLVMValueRef at = element_address(e, array, d, element);
        v = read_row(e, array, d, at);
        if (array->place.kind != PLACE_none && !e->preparing)
            mark_invariant(e, v);
        v = memo_keep(e, key, from_memory(e, d, v));
    }
    return (Value){.v = v, .chain = array->chain};
}

LLVMValueRef
load_elements(Emit *e, const Value *array, DType d, Index first, unsigned n)
{
    LLVMTypeRef type = LLVMVectorType(memory_type(e, d, false), n);
    LLVMValueRef v = element_load(e, type, element_address(e, array, d, first), dtype_size(d));

    if (array->place.kind != PLACE_none && !e->preparing)
        mark_invariant(e, v);
    return v;
}

void
store_element(Emit *e, const Value *array, DType d, Index element, const Value *x)
{
    LLVMValueRef at = element_address(e, array, d, element);
    LLVMValueRef v = array->chain ? vector_of(e, x) : scalar_of(e, x);

    write_row(e, array, d, at, to_memory(e, d, array->chain, v));
}

Value
array_part(Emit *e, const Value *array, DType d, Index element)
{
    Value r = *array;

    r.v = element_address(e, array, d, element);
    r.place = (Place){.kind = PLACE_none};
    r.constant = NULL;
    r.owner = NULL;
    return r;
}

void
each_element(Emit *e, uint64_t n, ElementFn *fn, void *user)
{
    if (n <= WHOLE_ELEMENTS) {
        for (uint64_t i = 0; i < n; i++)
            fn(e, index_constant((int64_t)i), user);
        return;
    }
    uint64_t whole = n - n % COPY_GROUP;
    Turns t = turns_open(e, int64_of(e, 0), int64_of(e, (int64_t)whole), COPY_GROUP, true);
    for (int64_t i = 0; i < COPY_GROUP; i++)
        fn(e, (Index){t.i, COPY_GROUP, i, i, (int64_t)whole + i}, user);
    turns_close(e, &t);
    for (uint64_t i = whole; i < n; i++)
        fn(e, index_constant((int64_t)i), user);
}

typedef struct Copy {
    const Value *to, *from;
    LLVMValueRef mask;
    DType d;
} Copy;

/* Reads past the memo: the content may have changed under the same version. */
static Value
read_fresh(Emit *e, const Value *array, DType d, Index element)
{
    LLVMValueRef at = element_address(e, array, d, element);

    return (Value){.v = from_memory(e, d, read_row(e, array, d, at)), .chain = array->chain};
}

static void
copy_element(Emit *e, Index element, void *user)
{
    const Copy *c = user;
    Value x = read_fresh(e, c->from, c->d, element);

    if (c->mask) {
        Value old = read_fresh(e, c->to, c->d, element);
        x = chain_value(select_lanes(e, c->mask, vector_of(e, &x), vector_of(e, &old)));
    }
    store_element(e, c->to, c->d, element, &x);
}

void
copy_array(Emit *e, const Value *to, const Value *from, Type type)
{
    Copy c = {to, from, NULL, (DType)type.dtype};

    if (to->v == from->v)
        return;
    if (!to->chain && !from->chain && type_size(type) > WHOLE_ELEMENTS)
        copy_dense(e, to, from, c.d, type_size(type));
    else
        each_element(e, type_size(type), copy_element, &c);
}

void
blend_array(Emit *e, const Value *to, const Value *from, LLVMValueRef mask, Type type)
{
    Copy c = {to, from, mask, (DType)type.dtype};

    if (to->v != from->v)
        each_element(e, type_size(type), copy_element, &c);
}

void
constant_array(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    size_t bytes = type_size(n->type) * dtype_size((DType)n->type.dtype);
    LLVMValueRef data = LLVMConstStringInContext2(e->context, n->attr.data, bytes, true);
    LLVMValueRef g = LLVMAddGlobal(e->llvm, LLVMTypeOf(data), "table");
    Value *ret = value_room(e, id, 1);

    LLVMSetInitializer(g, data);
    LLVMSetGlobalConstant(g, true);
    LLVMSetLinkage(g, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(g, 64);
    for (unsigned i = 0; i < e->frame->n; i++) {
        ret[i] = (Value){.v = g, .root = g, .row = 1, .version = ++e->versions, .constant = n};
        ret[i].place = (Place){PLACE_constant, 0, g};
    }
}

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

static LLVMValueRef
masked_call(Emit *e, const char *name, LLVMTypeRef data, LLVMTypeRef pointers,
            LLVMValueRef *arg)
{
    LLVMTypeRef over[2] = {data, pointers};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->llvm, id, over, 2);

    return LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, arg, 4, "");
}

static LLVMValueRef
gather(Emit *e, DType d, LLVMValueRef at, LLVMValueRef mask, LLVMValueRef otherwise)
{
    LLVMTypeRef t = memory_type(e, d, true);
    LLVMValueRef arg[4] = {at, int32_of(e, dtype_size(d)), mask,
                           to_memory(e, d, true, otherwise)};

    return from_memory(e, d, masked_call(e, "llvm.masked.gather", t, LLVMTypeOf(at), arg));
}

void
scatter(Emit *e, DType d, LLVMValueRef at, LLVMValueRef mask, LLVMValueRef x)
{
    LLVMTypeRef t = memory_type(e, d, true);
    LLVMValueRef arg[4] = {to_memory(e, d, true, x), at, int32_of(e, dtype_size(d)), mask};

    masked_call(e, "llvm.masked.scatter", t, LLVMTypeOf(at), arg);
}

static LLVMValueRef
first_lanes(Emit *e, unsigned live, unsigned lanes)
{
    LLVMValueRef mask[MAX_LANES];

    for (unsigned i = 0; i < lanes; i++)
        mask[i] = LLVMConstInt(e->i1, i < live, false);
    return LLVMConstVector(mask, lanes);
}

LLVMValueRef
load_run(Emit *e, DType d, LLVMValueRef at, unsigned lanes, unsigned live)
{
    LLVMTypeRef t = LLVMVectorType(memory_type(e, d, false), lanes);

    if (live == lanes)
        return element_load(e, t, at, dtype_size(d));
    LLVMValueRef arg[4] = {at, int32_of(e, dtype_size(d)), first_lanes(e, live, lanes),
                           LLVMConstNull(t)};
    return masked_call(e, "llvm.masked.load", t, e->ptr, arg);
}

void
store_run(Emit *e, DType d, LLVMValueRef at, LLVMValueRef x, unsigned live)
{
    unsigned lanes = LLVMGetVectorSize(LLVMTypeOf(x));
    LLVMTypeRef t = LLVMVectorType(memory_type(e, d, false), lanes);

    if (d == DT_bool)
        x = LLVMBuildZExt(e->b, x, t, "");
    if (live == lanes) {
        LLVMSetAlignment(LLVMBuildStore(e->b, x, at), dtype_size(d));
        return;
    }
    LLVMValueRef arg[4] = {x, at, int32_of(e, dtype_size(d)), first_lanes(e, live, lanes)};
    masked_call(e, "llvm.masked.store", t, e->ptr, arg);
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

static Value
read_target(Emit *e, const Value *array, DType d, const Target *t, Index more)
{
    Value none = uniform_value(nothing(e, d));

    if (t->lanes) {
        LLVMValueRef at = lane_addresses(e, array, d, t, more);
        return chain_value(gather(e, d, at, t->inside, vector_of(e, &none)));
    }
    Value x = load_element(e, array, d, index_add(e, t->element, more));
    if (!t->inside)
        return x;
    if (!x.chain)
        return uniform_value(select_lanes(e, t->inside, scalar_of(e, &x), none.v));
    return chain_value(
        select_lanes(e, splat(e, t->inside, e->lanes), x.v, vector_of(e, &none)));
}

/* ---- at */

typedef struct Part {
    const Value *to, *from;
    const Target *target;
    DType d;
    bool add;
} Part;

static void
read_part(Emit *e, Index element, void *user)
{
    const Part *p = user;
    Value x = read_target(e, p->from, p->d, p->target, element);

    store_element(e, p->to, p->d, element, &x);
}

static Value
at_instance(Emit *e, const Node *n, unsigned i)
{
    const Value *array = value_at(e, n->arg[0], i), *index[MAX_RANK];
    Type type = ir_type(e->f, n->arg[0]);
    DType d = (DType)type.dtype;
    Value r;

    if (type_size(type) == 0 && n->type.rank == 0)
        return uniform_value(nothing(e, d));
    if (ramp_load(e, n, i, array, &r) || panel_load(e, n, i, array, &r))
        return r;
    for (uint32_t k = 1; k < n->n_args; k++)
        index[k - 1] = value_at(e, n->arg[k], i);
    Target t = find_target(e, type, n->n_args - 1, index, n->attr.i & 1);
    if (t.rest.rank == 0)
        return read_target(e, array, d, &t, index_constant(0));
    if (!t.lanes && !t.inside && !e->updated[n->arg[0].id])
        return array_part(e, array, d, t.element);
    r = array_new(e, t.rest, array->chain || t.lanes);
    each_element(e, type_size(t.rest), read_part, &(Part){&r, array, &t, d, false});
    return r;
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
        LLVMValueRef inside = p->target->inside;
        if (p->add)
            x = sum_of(e, p->d, &old, &x);
        if (inside)
            x = p->to->chain ? chain_value(select_lanes(e, splat(e, inside, e->lanes),
                                                        vector_of(e, &x), vector_of(e, &old)))
                             : uniform_value(select_lanes(e, inside, scalar_of(e, &x),
                                                          scalar_of(e, &old)));
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
