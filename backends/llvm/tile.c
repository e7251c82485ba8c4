/* SPDX-License-Identifier: Apache-2.0
 *
 * tile.c -- the frame of an entry point: its function, what is uniform, the walk over blocks
 *
 * A block of 16 chains is walked in tiles of as many chains as a vector has lanes.  Where the
 * lanes are 32, blocks go in pairs, and one that is left takes a body of 16.
 */
#include <stddef.h>
#include <string.h>

#include "backends/llvm/emit.h"

enum { LOCAL_ELEMENTS = 16, DEFAULT_MXCSR = 0x1F80 };

/* ---- LLVM functions */

static void
add_attribute(Emit *e, LLVMValueRef fn, const char *key, const char *value)
{
    LLVMAttributeRef a = LLVMCreateStringAttribute(e->context, key, (unsigned)strlen(key),
                                                   value, (unsigned)strlen(value));

    LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, a);
}

static void
add_flag(Emit *e, LLVMValueRef fn, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));

    LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, 0));
}

/* The stack is aligned to a vector: LLVM finds too late that it keeps vectors there, and would
 * let them straddle cache lines. */
static LLVMValueRef
add_function(Emit *e, const char *name)
{
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), &e->ptr, 1, false);
    LLVMValueRef fn = LLVMAddFunction(e->llvm, name, type);
    const char *width = e->register_bytes == 64 ? "512" : "256";

    add_flag(e, fn, "nounwind");
    add_flag(e, fn, "noinline");
    add_attribute(e, fn, "prefer-vector-width", width);
    add_attribute(e, fn, "min-legal-vector-width", width);
    add_attribute(e, fn, "no-builtins", "");
    add_attribute(e, fn, "stackrealign", "");
    return fn;
}

/* Calls `pairs`, if there is one, and `body`.  Sets the floating-point control word to its
 * default around a call of `body`: rounding to nearest, denormals kept.  A call, so that no
 * arithmetic moves across. */
void
emit_shell(Emit *e, const char *name, LLVMValueRef pairs, LLVMValueRef body)
{
    LLVMValueRef fn = add_function(e, name), launch = LLVMGetParam(fn, 0);

    LLVMPositionBuilderAtEnd(e->b, LLVMAppendBasicBlockInContext(e->context, fn, "entry"));
    LLVMValueRef old = LLVMBuildAlloca(e->b, e->i32, ""),
                 own = LLVMBuildAlloca(e->b, e->i32, "");
    intrinsic(e, "llvm.x86.sse.stmxcsr", NULL, 1, &old);
    LLVMBuildStore(e->b, int32_of(e, DEFAULT_MXCSR), own);
    intrinsic(e, "llvm.x86.sse.ldmxcsr", NULL, 1, &own);
    if (pairs)
        LLVMBuildCall2(e->b, LLVMGlobalGetValueType(pairs), pairs, &launch, 1, "");
    LLVMBuildCall2(e->b, LLVMGlobalGetValueType(body), body, &launch, 1, "");
    intrinsic(e, "llvm.x86.sse.ldmxcsr", NULL, 1, &old);
    LLVMBuildRetVoid(e->b);
}

/* The body of an entry point, the builder in its first block. */
LLVMValueRef
open_body(Emit *e, const char *name)
{
    e->function = add_function(e, name);
    LLVMSetLinkage(e->function, LLVMInternalLinkage);
    e->launch = LLVMGetParam(e->function, 0);
    e->entry = new_block(e, "entry");
    e->first = new_block(e, "first");
    LLVMPositionBuilderAtEnd(e->b, e->entry);
    LLVMBuildBr(e->b, e->first);
    LLVMPositionBuilderAtEnd(e->b, e->first);
    memo_close(e, 1);
    e->scratch_used = e->stack_used = 0;
    e->uniform = load_field(e, offsetof(EbmLaunch, uniform), e->ptr);
    e->scratch = load_field(e, offsetof(EbmLaunch, scratch), e->ptr);
    return e->function;
}

void
set_function(Emit *e, const Function *f, const Analysis *a)
{
    unsigned *up = arena_new(e->arena, unsigned);

    e->f = f;
    e->variance = a->variance;
    e->prepared = a->prepared;
    e->home = a->home;
    e->kept_at = a->kept_at;
    e->spread = a->spread;
    e->value = arena_array(e->arena, Value *, f->n);
    e->room = arena_array(e->arena, uint32_t, f->n);
    e->frame_of = arena_array(e->arena, Frame *, f->n_regions);
    e->frame = NULL;
    e->shared = (SharedStrip){0, 0};
    frame_open(e, 0, 1, up);
}

/* ---- inputs that are uniform */

static Value
hyper_value(Emit *e, uint32_t number, DType d)
{
    LLVMValueRef all = load_field(e, offsetof(EbmLaunch, hyper), e->ptr);
    LLVMValueRef at = byte_offset(e, all, int64_of(e, (int64_t)number * 8));

    return uniform_value(convert_to(e, DT_f64, d, LLVMBuildLoad2(e->b, e->f64, at, "")));
}

static Value
input_value(Emit *e, uint32_t number, Type type)
{
    Place place = {PLACE_input, number, NULL};
    Value array = {
        .v = place_pointer(e, place), .row = 1, .version = ++e->versions, .place = place};

    array.root = array.v;
    return type.rank ? array : load_element(e, &array, (DType)type.dtype, index_constant(0));
}

void
bind_uniform_inputs(Emit *e)
{
    const Region *body = &e->f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++) {
        uint32_t id = body->param[i].id;
        Type type = ir_type(e->f, body->param[i]);
        const Input *in = &e->f->input[i];
        Value *v = value_room(e, id, 1);
        if (in->kind == INPUT_hyper && (e->preparing || e->whole))
            *v = hyper_value(e, manifest_hyper(e->manifest, in->name), (DType)type.dtype);
        if (is_launch_input((InputKind)in->kind))
            *v = input_value(e, manifest_input(e->manifest, in->name), type);
        if (in->kind == INPUT_n_steps && !e->preparing)
            *v = uniform_value(e->n_steps);
        if (in->kind == INPUT_n_warmup && !e->preparing)
            *v = uniform_value(e->n_warmup);
    }
    if (!e->preparing)
        load_kept(e);
}

void
load_constants(Emit *e)
{
    LLVMValueRef n = load_field(e, offsetof(EbmLaunch, n_steps), e->i64);
    LLVMValueRef w = load_field(e, offsetof(EbmLaunch, n_warmup), e->i64);

    e->n_steps = LLVMBuildTrunc(e->b, n, e->i32, "");
    e->n_warmup = LLVMBuildTrunc(e->b, w, e->i32, "");
    for (unsigned r = 0; r < EBM_PHILOX_ROUNDS; r++)
        for (unsigned k = 0; k < 2; k++)
            e->random.key[r][k] =
                load_field(e, offsetof(EbmLaunch, round_key) + (2 * r + k) * 4, e->i32);
}

/* ---- tiles */

/* The low words of number, number + by, ... */
static LLVMValueRef
every_other(Emit *e, LLVMValueRef number, unsigned by)
{
    LLVMValueRef each[EBM_BLOCK], low;

    for (unsigned i = 0; i < e->lanes / 2; i++)
        each[i] = int64_of(e, by * i);
    low = LLVMBuildAnd(e->b, number, int64_of(e, UINT32_MAX), "");
    low = splat(e, low, e->lanes / 2);
    return opaque(e, LLVMBuildAdd(e->b, low, LLVMConstVector(each, e->lanes / 2), ""));
}

static LLVMValueRef
number_high(Emit *e, LLVMValueRef number)
{
    LLVMValueRef high = LLVMBuildLShr(e->b, number, int64_of(e, 32), "");

    return LLVMBuildAnd(e->b, high, int64_of(e, 0x3FF), "");
}

static void
set_chains(Emit *e, const Tile *t)
{
    LLVMValueRef chain = LLVMBuildMul(e->b, t->block, int64_of(e, EBM_BLOCK), "");
    LLVMValueRef one = int64_of(e, 1);

    chain = LLVMBuildAdd(e->b, chain, t->lane, "");
    LLVMValueRef pair = LLVMBuildLShr(e->b, chain, one, "");
    e->random.first = chain;
    e->random.even = every_other(e, chain, 2);
    e->random.odd = every_other(e, LLVMBuildOr(e->b, chain, one, ""), 2);
    e->random.pair = every_other(e, pair, 1);
    e->random.chain_high = number_high(e, chain);
    e->random.pair_high = number_high(e, pair);
}

void
set_step(Emit *e, LLVMValueRef step)
{
    e->random.high = LLVMBuildShl(e->b, number_high(e, step), int64_of(e, 10), "");
    e->random.step_low = LLVMBuildAnd(e->b, step, int64_of(e, UINT32_MAX), "");
    e->step = LLVMBuildTrunc(e->b, step, e->i32, "");
}

/* Lanes of a block that are chains; the first one always is. */
static LLVMValueRef
live_lanes(Emit *e, LLVMValueRef block)
{
    LLVMValueRef chains = load_field(e, offsetof(EbmLaunch, n_chains), e->i64);
    LLVMValueRef before = LLVMBuildMul(e->b, block, int64_of(e, EBM_BLOCK), "");
    LLVMValueRef left = LLVMBuildSub(e->b, chains, before, "");
    LLVMValueRef some = LLVMBuildICmp(e->b, LLVMIntULT, left, int64_of(e, EBM_BLOCK), "");

    return LLVMBuildSelect(e->b, some, left, int64_of(e, EBM_BLOCK), "");
}

static void
blocks_open(Emit *e, Tile *t, LLVMValueRef first, LLVMValueRef last, bool pairs)
{
    LLVMValueRef one = int64_of(e, 1), even = int64_of(e, ~INT64_C(1));

    if (pairs) {
        first = LLVMBuildAnd(e->b, LLVMBuildAdd(e->b, first, one, ""), even, "");
        last = LLVMBuildAnd(e->b, last, even, "");
    }
    t->blocks = turns_open(e, first, last, pairs ? 2 : 1, false);
    t->block = t->blocks.i;
}

/* The first block if it is odd, the last one if it is even. */
static void
rest_open(Emit *e, Tile *t, LLVMValueRef first, LLVMValueRef last)
{
    LLVMValueRef one = int64_of(e, 1), zero = int64_of(e, 0);
    LLVMValueRef before = LLVMBuildAnd(e->b, first, one, "");
    LLVMValueRef some = LLVMBuildICmp(e->b, LLVMIntULT, first, last, "");
    LLVMValueRef n = LLVMBuildAdd(e->b, before, LLVMBuildAnd(e->b, last, one, ""), "");

    n = LLVMBuildSelect(e->b, some, n, zero, "");
    t->blocks = turns_open(e, zero, n, 1, false);
    LLVMValueRef is_first = LLVMBuildICmp(e->b, LLVMIntULT, t->blocks.i, before, "");
    t->block = LLVMBuildSelect(e->b, is_first, first, LLVMBuildSub(e->b, last, one, ""), "");
}

Tile
tile_open(Emit *e, TileRange range)
{
    LLVMValueRef first = load_field(e, offsetof(EbmLaunch, first_block), e->i64);
    LLVMValueRef last = load_field(e, offsetof(EbmLaunch, last_block), e->i64);
    Tile t = {.lane = int64_of(e, 0)};

    if (range == TILE_rest)
        rest_open(e, &t, first, last);
    else
        blocks_open(e, &t, first, last, range == TILE_pairs);
    if (e->lanes < EBM_BLOCK) {
        t.tiles = turns_open(e, int64_of(e, 0), live_lanes(e, t.block), e->lanes, true);
        t.lane = t.tiles.i;
    }
    set_chains(e, &t);
    return t;
}

void
tile_close(Emit *e, Tile *t)
{
    if (e->lanes < EBM_BLOCK)
        turns_close(e, &t->tiles);
    turns_close(e, &t->blocks);
    LLVMBuildRetVoid(e->b);
}

/* What to add for the second block of a pair, whose records are `bytes` after the first's. */
LLVMValueRef
apart_by(const Emit *e, LLVMValueRef bytes)
{
    return e->lanes > EBM_BLOCK ? bytes : NULL;
}

/* Element [0] of a value in record `block` of an array of records, at this tile's lanes. */
Value
record_value(Emit *e, const Tile *t, LLVMValueRef records, uint64_t bytes, uint64_t offset,
             DType d)
{
    LLVMValueRef at = LLVMBuildMul(e->b, t->block, int64_of(e, (int64_t)bytes), "");
    LLVMValueRef lane = LLVMBuildMul(e->b, t->lane, int64_of(e, dtype_size(d)), "");
    LLVMValueRef p = byte_offset(e, records, at);

    p = byte_offset(e, byte_offset(e, p, int64_of(e, (int64_t)offset)), lane);
    return (Value){.v = p,
                   .root = p,
                   .chain = true,
                   .row = EBM_BLOCK,
                   .apart = apart_by(e, int64_of(e, (int64_t)bytes)),
                   .version = ++e->versions};
}

Value
local_record(Emit *e, const Value *record, Type type)
{
    if (type_size(type) > LOCAL_ELEMENTS && e->lanes <= EBM_BLOCK)
        return *record;
    Value own = array_new(e, type, true);
    own.owner = NULL;
    copy_array(e, &own, record, type);
    return own;
}

Type
slot_type(const EbmSlot *s)
{
    return type_array((DType)s->dtype, s->rank, s->dim);
}

void
bind_array(Emit *e, Ref param, const Value *array, Type type)
{
    Value *v = value_room(e, param.id, 1);

    *v = *array;
    v->version = ++e->versions;
    v->owner = NULL;
    if (type.rank == 0)
        *v = load_element(e, v, (DType)type.dtype, index_constant(0));
}

/* A result to memory, whatever it is. */
void
put(Emit *e, const Value *to, const Value *x, Type type)
{
    if (type.rank)
        copy_array(e, to, x, type);
    else
        store_element(e, to, (DType)type.dtype, index_constant(0), x);
}
