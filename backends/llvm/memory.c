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

Value
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
        copy_dense(e, to, from, c.d, index_constant(0), type_size(type));
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

/* ---- some lanes of memory */

static LLVMValueRef
masked_call(Emit *e, const char *name, LLVMTypeRef data, LLVMTypeRef pointers,
            LLVMValueRef *arg)
{
    LLVMTypeRef over[2] = {data, pointers};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->llvm, id, over, 2);

    return LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, arg, 4, "");
}

LLVMValueRef
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
