/* SPDX-License-Identifier: Apache-2.0
 *
 * value.c -- types, constants, vectors, and the memory of what is emitted already
 */
#include <assert.h>
#include <string.h>

#include "backends/llvm/emit.h"

LLVMTypeRef
scalar_type(Emit *e, DType d)
{
    switch (d) {
    case DT_bool: return e->i1;
    case DT_i32: return e->i32;
    case DT_i64: return e->i64;
    case DT_f32: return e->f32;
    case DT_f64: return e->f64;
    default: assert(!"a dtype"); return NULL;
    }
}

LLVMTypeRef
lane_type(Emit *e, DType d, bool chain)
{
    LLVMTypeRef t = scalar_type(e, d);

    return chain ? LLVMVectorType(t, e->lanes) : t;
}

LLVMTypeRef
memory_type(Emit *e, DType d, bool chain)
{
    LLVMTypeRef t = d == DT_bool ? e->i8 : scalar_type(e, d);

    return chain ? LLVMVectorType(t, e->lanes) : t;
}

LLVMValueRef
int64_of(Emit *e, int64_t x)
{
    return LLVMConstInt(e->i64, (unsigned long long)x, true);
}

LLVMValueRef
int32_of(Emit *e, int64_t x)
{
    return LLVMConstInt(e->i32, (unsigned long long)x & UINT32_MAX, false);
}

/* Made of its bits, so that NaNs and -0 stay what they are. */
LLVMValueRef
scalar_constant(Emit *e, DType d, Scalar s)
{
    switch (d) {
    case DT_bool: return LLVMConstInt(e->i1, s.b, false);
    case DT_i32: return int32_of(e, s.i32);
    case DT_i64: return int64_of(e, s.i64);
    case DT_f32:
        return LLVMConstBitCast(LLVMConstInt(e->i32, s.bits & UINT32_MAX, false), e->f32);
    case DT_f64: return LLVMConstBitCast(LLVMConstInt(e->i64, s.bits, false), e->f64);
    default: assert(!"a dtype"); return NULL;
    }
}

LLVMValueRef
zero_of(Emit *e, DType d, bool chain)
{
    return LLVMConstNull(lane_type(e, d, chain));
}

static LLVMValueRef
constant_splat(LLVMValueRef x, unsigned n)
{
    LLVMValueRef each[MAX_LANES];

    for (unsigned i = 0; i < n; i++)
        each[i] = x;
    return LLVMConstVector(each, n);
}

LLVMValueRef
splat(Emit *e, LLVMValueRef x, unsigned n)
{
    MemoKey key = {TAG_splat, n, x, NULL, NULL};
    LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(x), n);

    if (LLVMIsConstant(x))
        return constant_splat(x, n);
    LLVMValueRef v = memo_find(e, key);
    if (v)
        return v;
    v = LLVMBuildInsertElement(e->b, LLVMGetPoison(t), x, int32_of(e, 0), "");
    v = LLVMBuildShuffleVector(e->b, v, LLVMGetPoison(t),
                               LLVMConstNull(LLVMVectorType(e->i32, n)), "");
    return memo_keep(e, key, v);
}

LLVMValueRef
intrinsic(Emit *e, const char *name, LLVMTypeRef over, unsigned n, LLVMValueRef *arg)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->llvm, id, &over, over ? 1 : 0);

    assert(id && "LLVM knows the intrinsic");
    return LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, arg, n, "");
}

static LLVMValueRef
opaque_register(Emit *e, LLVMValueRef x)
{
    static const char *const flag[] = {"nounwind", "willreturn", "memory"}; /* memory: none */
    LLVMTypeRef t = LLVMTypeOf(x), fn = LLVMFunctionType(t, &t, 1, false);
    LLVMValueRef as_is =
        LLVMGetInlineAsm(fn, "", 0, "=v,0", 4, false, false, LLVMInlineAsmDialectATT, false);
    LLVMValueRef call = LLVMBuildCall2(e->b, fn, as_is, &x, 1, "");

    for (int i = 0; i < 3; i++) {
        unsigned kind = LLVMGetEnumAttributeKindForName(flag[i], strlen(flag[i]));
        LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex,
                                 LLVMCreateEnumAttribute(e->context, kind, 0));
    }
    return call;
}

/* Lanes [first, first + n) of x. */
LLVMValueRef
some_lanes(Emit *e, LLVMValueRef x, unsigned first, unsigned n)
{
    LLVMValueRef lane[MAX_LANES];

    for (unsigned i = 0; i < n; i++)
        lane[i] = int32_of(e, first + i);
    return LLVMBuildShuffleVector(e->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(lane, n), "");
}

/* The lanes of x and then those of y, n each. */
LLVMValueRef
join_lanes(Emit *e, LLVMValueRef x, LLVMValueRef y, unsigned n)
{
    LLVMValueRef lane[MAX_LANES];

    for (unsigned i = 0; i < 2 * n; i++)
        lane[i] = int32_of(e, i);
    return LLVMBuildShuffleVector(e->b, x, y, LLVMConstVector(lane, 2 * n), "");
}

LLVMValueRef
opaque(Emit *e, LLVMValueRef x)
{
    unsigned n = LLVMGetVectorSize(LLVMTypeOf(x)), half = n / 2;

    if (n * 8 <= e->register_bytes)
        return opaque_register(e, x);
    return join_lanes(e, opaque(e, some_lanes(e, x, 0, half)),
                      opaque(e, some_lanes(e, x, half, half)), half);
}

/* ---- memo */

static uint32_t
hash_key(const MemoKey *k)
{
    uint64_t h = k->tag * UINT64_C(0x9E3779B97F4A7C15) + k->number;
    const void *const part[] = {k->a, k->b, k->c};

    for (int i = 0; i < 3; i++)
        h = (h ^ (h >> 29) ^ (uintptr_t)part[i]) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)(h >> 40) & (MEMO_BUCKETS - 1);
}

static bool
key_eq(const MemoKey *x, const MemoKey *y)
{
    return x->tag == y->tag && x->number == y->number && x->a == y->a && x->b == y->b &&
           x->c == y->c;
}

LLVMValueRef
memo_find(Emit *e, MemoKey key)
{
    for (uint32_t i = e->memo.bucket[hash_key(&key)]; i; i = e->memo.entry[i].next)
        if (key_eq(&e->memo.entry[i].key, &key))
            return e->memo.entry[i].v;
    return NULL;
}

LLVMValueRef
memo_keep(Emit *e, MemoKey key, LLVMValueRef v)
{
    Memo *m = &e->memo;
    uint32_t *bucket = &m->bucket[hash_key(&key)];

    m->entry = arena_grow(e->arena, m->entry, m->n, &m->cap, m->n + 1, sizeof *m->entry);
    m->entry[m->n] = (MemoEntry){key, v, *bucket};
    *bucket = (uint32_t)m->n++;
    return v;
}

size_t
memo_open(Emit *e)
{
    return e->memo.n;
}

void
memo_close(Emit *e, size_t mark)
{
    Memo *m = &e->memo;

    while (m->n > mark) {
        const MemoEntry *last = &m->entry[--m->n];
        m->bucket[hash_key(&last->key)] = last->next;
    }
}

/* ---- values */

LLVMValueRef
scalar_of(Emit *e, const Value *x)
{
    assert(!x->chain);
    if (!x->known)
        return x->v;
    if (!x->index.base)
        return int32_of(e, x->index.offset);
    LLVMValueRef wide = index_wide(e, x->index);
    MemoKey key = {TAG_narrow, 0, wide, NULL, NULL};
    LLVMValueRef v = memo_find(e, key);
    return v ? v : memo_keep(e, key, LLVMBuildTrunc(e->b, wide, e->i32, ""));
}

LLVMValueRef
vector_of(Emit *e, const Value *x)
{
    return x->chain ? x->v : splat(e, scalar_of(e, x), e->lanes);
}

LLVMValueRef
value_as(Emit *e, const Value *x, bool chain)
{
    return chain ? vector_of(e, x) : scalar_of(e, x);
}

Value
uniform_value(LLVMValueRef v)
{
    return (Value){.v = v};
}

Value
chain_value(LLVMValueRef v)
{
    return (Value){.v = v, .chain = true};
}

Value
index_value(Index i)
{
    return (Value){.known = true, .index = i};
}

bool
same_value(const Value *x, const Value *y)
{
    if (x->known || y->known)
        return x->known && y->known && x->index.base == y->index.base &&
               x->index.offset == y->index.offset;
    return x->v == y->v && x->chain == y->chain;
}

LLVMBasicBlockRef
new_block(Emit *e, const char *name)
{
    return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

LLVMValueRef
any_lane(Emit *e, LLVMValueRef mask)
{
    if (LLVMGetTypeKind(LLVMTypeOf(mask)) != LLVMVectorTypeKind)
        return mask;
    LLVMTypeRef bits = LLVMIntTypeInContext(e->context, e->lanes);
    LLVMValueRef x = LLVMBuildBitCast(e->b, mask, bits, "");
    return LLVMBuildICmp(e->b, LLVMIntNE, x, LLVMConstNull(bits), "");
}

Value *
value_at(Emit *e, Ref r, unsigned i)
{
    const Node *n = ir_node(e->f, r);
    const Frame *home = e->frame_of[n->region];

    for (const Frame *f = e->frame; f != home; f = f->parent)
        i = f->up[i];
    assert(e->value[r.id] && "operands are emitted before their users");
    return &e->value[r.id][n->n_results > 1 ? i * n->n_results : i];
}

Value *
value_room(Emit *e, uint32_t id, uint32_t n_results)
{
    uint32_t need = e->frame->n * (n_results ? n_results : 1);

    if (need > e->room[id]) {
        e->value[id] = arena_array(e->arena, Value, need);
        e->room[id] = need;
    }
    memset(e->value[id], 0, need * sizeof **e->value);
    return e->value[id];
}
