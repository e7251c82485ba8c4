/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.c -- the entry points around the functions of the program
 *
 * Values that a chain keeps stand in its record; those that are small are held in registers
 * while the steps go by.  A step's new values replace the old ones only where all are finite.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "backends/llvm/emit.h"

const char *const entry_symbol[EBM_ENTRY_COUNT] = {
    [EBM_ENTRY_prepare] = "ebm_prepare",
    [EBM_ENTRY_start] = "ebm_start",
    [EBM_ENTRY_sample] = "ebm_sample",
    [EBM_ENTRY_eval] = "ebm_eval",
};

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
        k.slot[s] = local_record(e, &k.record[s], type);
        k.result[s] = result_named(e->f, m->state[s].name);
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

enum { CHECK_SUMS = 4, CHECK_LONG = 8 };

typedef struct Check {
    const Value *x;
    LLVMValueRef sum[CHECK_SUMS]; /* allocas: one would wait for itself */
    unsigned n_sums;
    DType d;
} Check;

/* A sum += 0 x: NaN once any x is not finite. */
static void
check_element(Emit *e, Index element, void *user)
{
    const Check *c = user;
    LLVMTypeRef t = lane_type(e, c->d, true);
    Value x = load_element(e, c->x, c->d, element);
    LLVMValueRef sum = c->sum[element.offset % c->n_sums];
    LLVMValueRef arg[3] = {vector_of(e, &x), LLVMConstNull(t),
                           LLVMBuildLoad2(e->b, t, sum, "")};

    LLVMBuildStore(e->b, intrinsic(e, "llvm.fma", t, 3, arg), sum);
}

/* Sums for an array of `count` elements: several where one would take long. */
static void
check_open(Emit *e, Check *c, uint64_t count)
{
    LLVMTypeRef t = lane_type(e, c->d, true);
    unsigned want = count < CHECK_LONG ? 1 : CHECK_SUMS;

    for (; c->n_sums < want; c->n_sums++) {
        c->sum[c->n_sums] = entry_alloca(e, t, 1);
        LLVMBuildStore(e->b, LLVMConstNull(t), c->sum[c->n_sums]);
    }
}

/* i1 vector: the lanes where nothing but finite numbers was checked. */
static LLVMValueRef
check_close(Emit *e, const Check *c)
{
    LLVMTypeRef t = lane_type(e, c->d, true);
    LLVMValueRef all = LLVMBuildLoad2(e->b, t, c->sum[0], "");

    for (unsigned i = 1; i < c->n_sums; i++)
        all = LLVMBuildFAdd(e->b, all, LLVMBuildLoad2(e->b, t, c->sum[i], ""), "");
    return LLVMBuildFCmp(e->b, LLVMRealORD, all, all, "");
}

/* i1 vector: the lanes whose new values are finite; NULL when that cannot fail. */
static LLVMValueRef
finite_lanes(Emit *e, const Value *next)
{
    const EbmManifest *m = e->manifest;
    LLVMValueRef all = NULL;

    for (DType d = DT_f32; d <= DT_f64; d++) {
        Check c = {.d = d};
        for (uint32_t s = 0; s < m->n_state; s++) {
            if (m->state[s].dtype != (uint32_t)d)
                continue;
            check_open(e, &c, m->state[s].count);
            c.x = &next[s];
            each_element(e, m->state[s].count, check_element, &c);
        }
        if (!c.n_sums)
            continue;
        LLVMValueRef ok = check_close(e, &c);
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

static void
write_kept(Emit *e, const Tile *t, const Thinning *th, const Kept *k)
{
    LLVMValueRef number = LLVMBuildLoad2(e->b, e->i64, th->number, "");
    LLVMValueRef fits = LLVMBuildICmp(e->b, LLVMIntULT, number, th->room, "");

    When room = when_open(e, fits);
    When asked = when_open(e, LLVMBuildIsNotNull(e->b, th->draws, ""));
    write_draw(e, t, th, k, number);
    when_close(e, &asked);
    if (e->manifest->n_reports) {
        asked = when_open(e, LLVMBuildIsNotNull(e->b, th->reports, ""));
        write_reports(e, t, th, number);
        when_close(e, &asked);
    }
    when_close(e, &room);
    number = LLVMBuildAdd(e->b, number, int64_of(e, 1), "");
    LLVMBuildStore(e->b, number, th->number);
}

static void
thin_step(Emit *e, const Tile *t, const Thinning *th, const Kept *k)
{
    LLVMValueRef until = LLVMBuildLoad2(e->b, e->i64, th->until, "");
    LLVMValueRef now = LLVMBuildICmp(e->b, LLVMIntEQ, until, int64_of(e, 0), "");
    LLVMValueRef one = int64_of(e, 1);
    LLVMValueRef restart = LLVMBuildSub(e->b, th->thin, one, "");
    LLVMValueRef less = LLVMBuildSub(e->b, until, one, "");

    LLVMBuildStore(e->b, LLVMBuildSelect(e->b, now, restart, less, ""), th->until);
    When w = when_open(e, now);
    write_kept(e, t, th, k);
    when_close(e, &w);
}

static LLVMValueRef
emit_sample(Emit *e, TileRange range)
{
    LLVMValueRef body = open_body(e, range == TILE_pairs ? "sample_pairs" : "sample");

    load_constants(e);
    bind_uniform_inputs(e);
    LLVMValueRef first = load_field(e, offsetof(EbmLaunch, first_step), e->i64);
    LLVMValueRef last = load_field(e, offsetof(EbmLaunch, last_step), e->i64);
    LLVMValueRef *points = point_pointers(e);
    Tile t = tile_open(e, range);
    bind_points(e, &t, points);
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
    LLVMValueRef *points = point_pointers(e);
    Tile t = tile_open(e, TILE_all);
    bind_points(e, &t, points);
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
    LLVMValueRef *own = point_pointers(e);
    Tile t = tile_open(e, TILE_all);
    bind_points(e, &t, own);
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
    e->preparing = false;
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
