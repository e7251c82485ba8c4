/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.c -- the entry points around the functions of the program
 *
 * A block of 16 chains is walked in tiles of as many chains as a vector has lanes.  Where the
 * lanes are 32, blocks go in pairs, and one that is left takes a body of 16.  Values
 * that a chain keeps stand in its record; those that are small are held in registers while
 * the steps go by.  A step's new values replace the old ones only where all are finite.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "backends/llvm/emit.h"

enum { LOCAL_ELEMENTS = 16, DEFAULT_MXCSR = 0x1F80 };

const char *const entry_symbol[EBM_ENTRY_COUNT] = {
    [EBM_ENTRY_prepare] = "ebm_prepare",
    [EBM_ENTRY_start] = "ebm_start",
    [EBM_ENTRY_sample] = "ebm_sample",
    [EBM_ENTRY_eval] = "ebm_eval",
};

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
    return fn;
}

/* Calls `pairs`, if there is one, and `body`.  Sets the floating-point control word to its
 * default around a call of `body`: rounding to nearest, denormals kept.  A call, so that no
 * arithmetic moves across. */
static void
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
static LLVMValueRef
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

static void
set_function(Emit *e, const Function *f, const Analysis *a)
{
    unsigned *up = arena_new(e->arena, unsigned);

    e->f = f;
    e->variance = a->variance;
    e->prepared = a->prepared;
    e->updated = a->updated;
    e->kept_at = a->kept_at;
    e->value = arena_array(e->arena, Value *, f->n);
    e->room = arena_array(e->arena, uint32_t, f->n);
    e->frame_of = arena_array(e->arena, Frame *, f->n_regions);
    e->frame = NULL;
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

static void
bind_uniform_inputs(Emit *e)
{
    const Region *body = &e->f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++) {
        uint32_t id = body->param[i].id;
        Type type = ir_type(e->f, body->param[i]);
        const Input *in = &e->f->input[i];
        Value *v = value_room(e, id, 1);
        if (in->kind == INPUT_hyper && e->preparing)
            *v = hyper_value(e, manifest_hyper(e->manifest, in->name), (DType)type.dtype);
        if (in->kind == INPUT_data || in->kind == INPUT_param || in->kind == INPUT_given)
            *v = input_value(e, manifest_input(e->manifest, in->name), type);
        if (in->kind == INPUT_n_steps && !e->preparing)
            *v = uniform_value(e->n_steps);
        if (in->kind == INPUT_n_warmup && !e->preparing)
            *v = uniform_value(e->n_warmup);
    }
    if (!e->preparing)
        load_kept(e);
}

static void
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

typedef struct Tile {
    Turns blocks, tiles;
    LLVMValueRef block; /* i64 */
    LLVMValueRef lane;  /* i64: first lane within the block */
} Tile;

/* The launch's blocks, those of them that make pairs, or the others.  The first of a pair is
 * even, so that the upper half of a chain's number is the same for both. */
typedef enum TileRange { TILE_all, TILE_pairs, TILE_rest } TileRange;

static LLVMValueRef
even_or_odd(Emit *e, LLVMValueRef chain, unsigned first)
{
    LLVMValueRef each[EBM_BLOCK], low;

    for (unsigned i = 0; i < e->lanes / 2; i++)
        each[i] = int64_of(e, 2 * i + first);
    low = LLVMBuildAnd(e->b, chain, int64_of(e, UINT32_MAX), "");
    low = splat(e, low, e->lanes / 2);
    return opaque(e, LLVMBuildAdd(e->b, low, LLVMConstVector(each, e->lanes / 2), ""));
}

static void
set_chains(Emit *e, const Tile *t)
{
    LLVMValueRef chain = LLVMBuildMul(e->b, t->block, int64_of(e, EBM_BLOCK), "");

    chain = LLVMBuildAdd(e->b, chain, t->lane, "");
    e->random.even = even_or_odd(e, chain, 0);
    e->random.odd = even_or_odd(e, chain, 1);
    LLVMValueRef high = LLVMBuildLShr(e->b, chain, int64_of(e, 32), "");
    e->random.chain_high = LLVMBuildAnd(e->b, high, int64_of(e, 0x3FF), "");
}

static void
set_step(Emit *e, LLVMValueRef step)
{
    LLVMValueRef high = LLVMBuildLShr(e->b, step, int64_of(e, 32), "");

    high = LLVMBuildAnd(e->b, high, int64_of(e, 0x3FF), "");
    e->random.high = LLVMBuildShl(e->b, high, int64_of(e, 10), "");
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

static Tile
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

static void
tile_close(Emit *e, Tile *t)
{
    if (e->lanes < EBM_BLOCK)
        turns_close(e, &t->tiles);
    turns_close(e, &t->blocks);
    LLVMBuildRetVoid(e->b);
}

/* What to add for the second block of a pair, whose records are `bytes` after the first's. */
static LLVMValueRef
apart_by(const Emit *e, LLVMValueRef bytes)
{
    return e->lanes > EBM_BLOCK ? bytes : NULL;
}

/* Element [0] of a value in record `block` of an array of records, at this tile's lanes. */
static Value
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

static Type
slot_type(const EbmSlot *s)
{
    return type_array((DType)s->dtype, s->rank, s->dim);
}

static void
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
static void
put(Emit *e, const Value *to, const Value *x, Type type)
{
    if (type.rank)
        copy_array(e, to, x, type);
    else
        store_element(e, to, (DType)type.dtype, index_constant(0), x);
}

/* ---- sample */

typedef struct Kept {
    Value *slot;      /* what each value kept per chain is in now */
    Value *record;    /* where it stands between launches */
    uint32_t *result; /* by slot: the result of the step that replaces it */
} Kept;

static uint32_t
result_named(const Function *f, const char *name)
{
    for (uint32_t i = 0; i < f->region[0].n_yields; i++)
        if (f->output[i].kind != OUTPUT_report && strncmp(f->output[i].name, name, 63) == 0)
            return i;
    assert(!"a step gives every value that it keeps");
    return 0;
}

static Kept
kept_open(Emit *e, const Tile *t)
{
    const EbmManifest *m = e->manifest;
    Kept k = {arena_array(e->arena, Value, m->n_state),
              arena_array(e->arena, Value, m->n_state),
              arena_array(e->arena, uint32_t, m->n_state)};
    LLVMValueRef state = load_field(e, offsetof(EbmLaunch, state), e->ptr);

    for (uint32_t s = 0; s < m->n_state; s++) {
        Type type = slot_type(&m->state[s]);
        k.record[s] = record_value(e, t, state, m->state_bytes, m->state[s].offset,
                                   (DType)m->state[s].dtype);
        k.slot[s] = k.record[s];
        k.result[s] = result_named(e->f, m->state[s].name);
        if (m->state[s].count > LOCAL_ELEMENTS && e->lanes <= EBM_BLOCK)
            continue;
        k.slot[s] = array_new(e, type, true);
        k.slot[s].owner = NULL;
        copy_array(e, &k.slot[s], &k.record[s], type);
    }
    return k;
}

static void
kept_close(Emit *e, const Kept *k)
{
    for (uint32_t s = 0; s < e->manifest->n_state; s++)
        copy_array(e, &k->record[s], &k->slot[s], slot_type(&e->manifest->state[s]));
}

static void
bind_step(Emit *e, const Kept *k)
{
    const Region *body = &e->f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++) {
        const Input *in = &e->f->input[i];
        if (in->kind == INPUT_step)
            *value_room(e, body->param[i].id, 1) = uniform_value(e->step);
        if (in->kind == INPUT_x || in->kind == INPUT_state)
            bind_array(e, body->param[i], &k->slot[manifest_state(e->manifest, in->name)],
                       ir_type(e->f, body->param[i]));
    }
}

/* New values, out of the way of the slots that they replace. */
static void
new_values(Emit *e, const Kept *k, Value *ret)
{
    const EbmManifest *m = e->manifest;

    for (uint32_t s = 0; s < m->n_state; s++) {
        Type type = slot_type(&m->state[s]);
        ret[s] = *value_at(e, e->f->region[0].yield[k->result[s]], 0);
        bool reads = false;
        for (uint32_t o = 0; type.rank && o < m->n_state; o++)
            reads |= ret[s].root == k->slot[o].root && !(o == s && ret[s].v == k->slot[s].v);
        if (type.rank && !reads)
            continue;
        Value own = array_new(e, type, true);
        put(e, &own, &ret[s], type);
        ret[s] = own;
    }
}

typedef struct Check {
    const Value *x;
    LLVMValueRef sum; /* alloca */
    DType d;
} Check;

/* sum += 0 x: NaN once any x is not finite. */
static void
check_element(Emit *e, Index element, void *user)
{
    const Check *c = user;
    LLVMTypeRef t = lane_type(e, c->d, true);
    Value x = load_element(e, c->x, c->d, element);
    LLVMValueRef arg[3] = {vector_of(e, &x), LLVMConstNull(t),
                           LLVMBuildLoad2(e->b, t, c->sum, "")};

    LLVMBuildStore(e->b, intrinsic(e, "llvm.fma", t, 3, arg), c->sum);
}

/* i1 vector: the lanes whose new values are finite; NULL when that cannot fail. */
static LLVMValueRef
finite_lanes(Emit *e, const Value *next)
{
    const EbmManifest *m = e->manifest;
    LLVMValueRef all = NULL;

    for (DType d = DT_f32; d <= DT_f64; d++) {
        LLVMTypeRef t = lane_type(e, d, true);
        Check c = {.d = d};
        for (uint32_t s = 0; s < m->n_state; s++) {
            if (m->state[s].dtype != (uint32_t)d)
                continue;
            if (!c.sum) {
                c.sum = entry_alloca(e, t, 1);
                LLVMBuildStore(e->b, LLVMConstNull(t), c.sum);
            }
            c.x = &next[s];
            each_element(e, m->state[s].count, check_element, &c);
        }
        if (!c.sum)
            continue;
        LLVMValueRef sum = LLVMBuildLoad2(e->b, t, c.sum, "");
        LLVMValueRef ok = LLVMBuildFCmp(e->b, LLVMRealORD, sum, sum, "");
        all = all ? LLVMBuildAnd(e->b, all, ok, "") : ok;
    }
    return all;
}

static LLVMValueRef
counter_at(Emit *e, const Tile *t, uint64_t field)
{
    LLVMValueRef i = LLVMBuildMul(e->b, t->block, int64_of(e, EBM_BLOCK), "");

    i = LLVMBuildMul(e->b, LLVMBuildAdd(e->b, i, t->lane, ""), int64_of(e, 8), "");
    return byte_offset(e, load_field(e, field, e->ptr), i);
}

static LLVMValueRef
load_aligned(Emit *e, LLVMTypeRef type, LLVMValueRef at)
{
    LLVMValueRef v = LLVMBuildLoad2(e->b, type, at, "");

    LLVMSetAlignment(v, 8);
    return v;
}

static void
count_rejected(Emit *e, const Tile *t, LLVMValueRef ok, LLVMValueRef step)
{
    LLVMTypeRef type = lane_type(e, DT_i64, true);
    LLVMValueRef at = counter_at(e, t, offsetof(EbmLaunch, rejected));
    LLVMValueRef bad = LLVMBuildZExt(e->b, LLVMBuildNot(e->b, ok, ""), type, "");
    LLVMValueRef sum = LLVMBuildAdd(e->b, load_aligned(e, type, at), bad, "");

    LLVMSetAlignment(LLVMBuildStore(e->b, sum, at), 8);
    at = counter_at(e, t, offsetof(EbmLaunch, first_rejected));
    LLVMValueRef old = load_aligned(e, type, at), now = splat(e, step, e->lanes);
    LLVMValueRef sooner = LLVMBuildICmp(e->b, LLVMIntULT, now, old, "");
    sooner = LLVMBuildAnd(e->b, sooner, LLVMBuildNot(e->b, ok, ""), "");
    now = LLVMBuildSelect(e->b, sooner, now, old, "");
    LLVMSetAlignment(LLVMBuildStore(e->b, now, at), 8);
}

static void
replace(Emit *e, const Kept *k, const Value *next, LLVMValueRef mask)
{
    for (uint32_t s = 0; s < e->manifest->n_state; s++) {
        Type type = slot_type(&e->manifest->state[s]);
        if (mask)
            blend_array(e, &k->slot[s], &next[s], mask, type);
        else
            copy_array(e, &k->slot[s], &next[s], type);
    }
}

static void
commit(Emit *e, const Tile *t, const Kept *k, LLVMValueRef step)
{
    Value *next = arena_array(e->arena, Value, e->manifest->n_state);

    new_values(e, k, next);
    LLVMValueRef ok = finite_lanes(e, next);
    if (!ok) {
        replace(e, k, next, NULL);
        return;
    }
    LLVMBasicBlockRef some = new_block(e, "rejected"), all = new_block(e, "committed");
    LLVMBasicBlockRef after = new_block(e, "after");
    LLVMBuildCondBr(e->b, any_lane(e, LLVMBuildNot(e->b, ok, "")), some, all);
    LLVMPositionBuilderAtEnd(e->b, some);
    size_t mark = memo_open(e);
    replace(e, k, next, ok);
    count_rejected(e, t, ok, step);
    LLVMBuildBr(e->b, after);
    memo_close(e, mark);
    LLVMPositionBuilderAtEnd(e->b, all);
    replace(e, k, next, NULL);
    LLVMBuildBr(e->b, after);
    memo_close(e, mark);
    LLVMPositionBuilderAtEnd(e->b, after);
}

/* ---- kept draws */

/* Steps until the next kept one and its number, in allocas; numbers count from first_kept. */
typedef struct Thinning {
    LLVMValueRef until, number, thin, room, draws, reports;
} Thinning;

static Thinning
thinning_open(Emit *e)
{
    LLVMValueRef first = load_field(e, offsetof(EbmLaunch, first_step), e->i64);
    LLVMValueRef warmup = load_field(e, offsetof(EbmLaunch, n_warmup), e->i64);
    LLVMValueRef one = int64_of(e, 1), zero = int64_of(e, 0);
    Thinning t = {.thin = load_field(e, offsetof(EbmLaunch, thin), e->i64),
                  .room = load_field(e, offsetof(EbmLaunch, kept_room), e->i64),
                  .draws = load_field(e, offsetof(EbmLaunch, draws), e->ptr),
                  .reports = load_field(e, offsetof(EbmLaunch, reports), e->ptr)};
    LLVMValueRef early = LLVMBuildICmp(e->b, LLVMIntULT, first, warmup, "");
    LLVMValueRef some = LLVMBuildICmp(e->b, LLVMIntNE, t.thin, zero, "");

    t.thin = LLVMBuildSelect(e->b, some, t.thin, one, "");
    LLVMValueRef before =
        LLVMBuildSelect(e->b, early, LLVMBuildSub(e->b, warmup, first, ""), zero, "");
    LLVMValueRef past =
        LLVMBuildSelect(e->b, early, zero, LLVMBuildSub(e->b, first, warmup, ""), "");
    LLVMValueRef into = LLVMBuildURem(e->b, past, t.thin, "");
    LLVMValueRef until = LLVMBuildSub(e->b, LLVMBuildSub(e->b, t.thin, one, ""), into, "");
    LLVMValueRef number = LLVMBuildUDiv(e->b, past, t.thin, "");
    LLVMValueRef base = load_field(e, offsetof(EbmLaunch, first_kept), e->i64);
    t.until = entry_alloca(e, e->i64, 1);
    t.number = entry_alloca(e, e->i64, 1);
    LLVMBuildStore(e->b, LLVMBuildAdd(e->b, until, before, ""), t.until);
    LLVMBuildStore(e->b, LLVMBuildSub(e->b, number, base, ""), t.number);
    return t;
}

static LLVMValueRef
kept_record(Emit *e, const Tile *t, const Thinning *th, LLVMValueRef records,
            LLVMValueRef number, uint64_t bytes)
{
    LLVMValueRef i = LLVMBuildMul(e->b, t->block, th->room, "");

    i = LLVMBuildAdd(e->b, i, number, "");
    i = LLVMBuildMul(e->b, i, int64_of(e, (int64_t)bytes), "");
    return byte_offset(e, records, i);
}

static void
write_draw(Emit *e, const Tile *t, const Thinning *th, const Kept *k, LLVMValueRef number)
{
    const EbmSlot *x = &e->manifest->state[0];
    LLVMValueRef lane =
        LLVMBuildMul(e->b, t->lane, int64_of(e, dtype_size((DType)x->dtype)), "");
    LLVMValueRef at = kept_record(e, t, th, th->draws, number, e->manifest->x_bytes);
    Value to = {.chain = true, .row = EBM_BLOCK, .version = ++e->versions};

    to.v = to.root = byte_offset(e, at, lane);
    to.apart = apart_by(
        e, LLVMBuildMul(e->b, th->room, int64_of(e, (int64_t)e->manifest->x_bytes), ""));
    copy_array(e, &to, &k->slot[0], slot_type(x));
}

static void
write_report(Emit *e, LLVMValueRef at, LLVMValueRef apart, LLVMValueRef x)
{
    LLVMValueRef low = apart ? some_lanes(e, x, 0, EBM_BLOCK) : x;

    LLVMSetAlignment(LLVMBuildStore(e->b, low, at), 8);
    if (!apart)
        return;
    at = byte_offset(e, at, apart);
    LLVMSetAlignment(LLVMBuildStore(e->b, some_lanes(e, x, EBM_BLOCK, EBM_BLOCK), at), 8);
}

static void
write_reports(Emit *e, const Tile *t, const Thinning *th, LLVMValueRef number)
{
    uint32_t n = e->manifest->n_reports, at = 0;
    LLVMValueRef lane = LLVMBuildMul(e->b, t->lane, int64_of(e, 8), "");
    LLVMValueRef bytes = int64_of(e, n * EBM_BLOCK * 8);
    LLVMValueRef record = kept_record(e, t, th, th->reports, number, n * EBM_BLOCK * 8);
    LLVMValueRef apart = apart_by(e, LLVMBuildMul(e->b, th->room, bytes, ""));

    for (uint32_t i = 0; i < e->f->region[0].n_yields; i++) {
        Ref y = e->f->region[0].yield[i];
        if (e->f->output[i].kind != OUTPUT_report)
            continue;
        LLVMValueRef x = vector_of(e, value_at(e, y, 0));
        x = convert_to(e, (DType)ir_type(e->f, y).dtype, DT_f64, x);
        LLVMValueRef p = byte_offset(e, record, int64_of(e, at++ * EBM_BLOCK * 8));
        write_report(e, byte_offset(e, p, lane), apart, x);
    }
}

/* Runs `write` in a block of its own if `pointer` is not NULL. */
static LLVMBasicBlockRef
when_asked(Emit *e, LLVMValueRef pointer)
{
    LLVMBasicBlockRef inside = new_block(e, "keep"), after = new_block(e, "after");

    LLVMBuildCondBr(e->b, LLVMBuildIsNotNull(e->b, pointer, ""), inside, after);
    LLVMPositionBuilderAtEnd(e->b, inside);
    return after;
}

static void
rejoin(Emit *e, LLVMBasicBlockRef after)
{
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, after);
}

static void
write_kept(Emit *e, const Tile *t, const Thinning *th, const Kept *k)
{
    LLVMValueRef number = LLVMBuildLoad2(e->b, e->i64, th->number, "");
    LLVMValueRef fits = LLVMBuildICmp(e->b, LLVMIntULT, number, th->room, "");
    LLVMBasicBlockRef inside = new_block(e, "fits"), after = new_block(e, "after");

    LLVMBuildCondBr(e->b, fits, inside, after);
    LLVMPositionBuilderAtEnd(e->b, inside);
    LLVMBasicBlockRef next = when_asked(e, th->draws);
    write_draw(e, t, th, k, number);
    rejoin(e, next);
    if (e->manifest->n_reports) {
        next = when_asked(e, th->reports);
        write_reports(e, t, th, number);
        rejoin(e, next);
    }
    rejoin(e, after);
    number = LLVMBuildAdd(e->b, number, int64_of(e, 1), "");
    LLVMBuildStore(e->b, number, th->number);
}

static void
thin_step(Emit *e, const Tile *t, const Thinning *th, const Kept *k)
{
    LLVMValueRef until = LLVMBuildLoad2(e->b, e->i64, th->until, "");
    LLVMValueRef now = LLVMBuildICmp(e->b, LLVMIntEQ, until, int64_of(e, 0), "");
    LLVMValueRef one = int64_of(e, 1);
    LLVMBasicBlockRef inside = new_block(e, "kept"), after = new_block(e, "after");
    LLVMValueRef restart = LLVMBuildSub(e->b, th->thin, one, "");
    LLVMValueRef less = LLVMBuildSub(e->b, until, one, "");

    LLVMBuildStore(e->b, LLVMBuildSelect(e->b, now, restart, less, ""), th->until);
    LLVMBuildCondBr(e->b, now, inside, after);
    LLVMPositionBuilderAtEnd(e->b, inside);
    size_t mark = memo_open(e);
    write_kept(e, t, th, k);
    memo_close(e, mark);
    rejoin(e, after);
}

static LLVMValueRef
emit_sample(Emit *e, TileRange range)
{
    LLVMValueRef body = open_body(e, range == TILE_pairs ? "sample_pairs" : "sample");

    load_constants(e);
    bind_uniform_inputs(e);
    LLVMValueRef first = load_field(e, offsetof(EbmLaunch, first_step), e->i64);
    LLVMValueRef last = load_field(e, offsetof(EbmLaunch, last_step), e->i64);
    Tile t = tile_open(e, range);
    Kept k = kept_open(e, &t);
    Thinning th = thinning_open(e);
    Turns steps = turns_open(e, first, last, 1, false);
    uint64_t scratch = e->scratch_used;
    set_step(e, steps.i);
    bind_step(e, &k);
    emit_region(e, 0);
    commit(e, &t, &k, steps.i);
    thin_step(e, &t, &th, &k);
    e->scratch_used = scratch;
    turns_close(e, &steps);
    kept_close(e, &k);
    tile_close(e, &t);
    return body;
}

/* ---- start, eval, prepare */

static LLVMValueRef
emit_start(Emit *e)
{
    const EbmManifest *m = e->manifest;
    LLVMValueRef body = open_body(e, "start"), state;
    const Region *r = &e->f->region[0];

    load_constants(e);
    bind_uniform_inputs(e);
    state = load_field(e, offsetof(EbmLaunch, state), e->ptr);
    Tile t = tile_open(e, TILE_all);
    set_step(e, int64_of(e, 0));
    for (uint32_t i = 0; i < r->n_params; i++)
        if (e->f->input[i].kind == INPUT_x) {
            Value x = record_value(e, &t, state, m->state_bytes, 0,
                                   (DType)ir_type(e->f, r->param[i]).dtype);
            bind_array(e, r->param[i], &x, ir_type(e->f, r->param[i]));
        }
    emit_region(e, 0);
    for (uint32_t i = r->n_yields; i-- > 0;) { /* x last: others may be read from it */
        uint32_t s = manifest_state(m, e->f->output[i].name);
        if (s == UINT32_MAX)
            continue;
        Value to = record_value(e, &t, state, m->state_bytes, m->state[s].offset,
                                (DType)m->state[s].dtype);
        put(e, &to, value_at(e, r->yield[i], 0), ir_type(e->f, r->yield[i]));
    }
    tile_close(e, &t);
    return body;
}

static LLVMValueRef
emit_eval(Emit *e)
{
    const EbmManifest *m = e->manifest;
    LLVMValueRef body = open_body(e, "eval");
    const Region *r = &e->f->region[0];

    load_constants(e);
    bind_uniform_inputs(e);
    LLVMValueRef points = load_field(e, offsetof(EbmLaunch, points), e->ptr);
    LLVMValueRef values = load_field(e, offsetof(EbmLaunch, values), e->ptr);
    Tile t = tile_open(e, TILE_all);
    set_step(e, int64_of(e, 0));
    for (uint32_t i = 0; i < r->n_params; i++)
        if (e->f->input[i].kind == INPUT_x) {
            Type type = ir_type(e->f, r->param[i]);
            Value x = record_value(e, &t, points, m->x_bytes, 0, (DType)type.dtype);
            bind_array(e, r->param[i], &x, type);
        }
    emit_region(e, 0);
    for (uint32_t i = 0; i < r->n_yields; i++) {
        Value to = record_value(e, &t, values, m->value_bytes, m->value[i].offset,
                                (DType)m->value[i].dtype);
        put(e, &to, value_at(e, r->yield[i], 0), ir_type(e->f, r->yield[i]));
    }
    tile_close(e, &t);
    return body;
}

static LLVMValueRef
emit_prepare(Emit *e, const Function *const entry[EBM_ENTRY_COUNT], const Analysis *analysis)
{
    LLVMValueRef body = open_body(e, "prepare");

    e->preparing = true;
    for (int i = 0; i < EBM_ENTRY_COUNT; i++) {
        if (!entry[i])
            continue;
        set_function(e, entry[i], &analysis[i]);
        bind_uniform_inputs(e);
        emit_region(e, 0);
        store_kept(e);
        e->scratch_used = 0;
    }
    emit_panels(e);
    LLVMBuildRetVoid(e->b);
    return body;
}

static void
emit_entry(Emit *e, EbmEntry which, const Function *f, const Analysis *a)
{
    LLVMValueRef pairs = NULL, body;

    set_function(e, f, a);
    if (which == EBM_ENTRY_sample && plan_pairs(e)) {
        e->lanes = 2 * EBM_BLOCK;
        pairs = emit_sample(e, TILE_pairs);
        e->lanes = EBM_BLOCK;
        set_function(e, f, a);
    }
    body = which == EBM_ENTRY_sample  ? emit_sample(e, pairs ? TILE_rest : TILE_all)
           : which == EBM_ENTRY_start ? emit_start(e)
                                      : emit_eval(e);
    emit_shell(e, entry_symbol[which], pairs, body);
}

void
emit_entries(Emit *e, const Function *const entry[EBM_ENTRY_COUNT])
{
    Analysis analysis[EBM_ENTRY_COUNT] = {{.variance = NULL}};

    for (int i = 0; i < EBM_ENTRY_COUNT; i++) {
        if (!entry[i])
            continue;
        analysis[i] = analyse_function(entry[i], e->arena, &e->manifest->uniform_bytes);
    }
    e->manifest->uniform_bytes = (e->manifest->uniform_bytes + 63) & ~UINT64_C(63);
    for (int i = 0; i < EBM_ENTRY_COUNT; i++) {
        if (!entry[i])
            continue;
        emit_entry(e, (EbmEntry)i, entry[i], &analysis[i]);
    }
    emit_shell(e, entry_symbol[EBM_ENTRY_prepare], NULL, emit_prepare(e, entry, analysis));
}
