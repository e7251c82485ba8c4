/* SPDX-License-Identifier: Apache-2.0
 *
 * phase.c -- the phases of a training step
 *
 * A phase over data points is walked as `eval` is: a data point is a lane.  One over the whole
 * batch is one straight run, whose loops have an axis of their arrays as lanes (spread.c); a
 * launch makes all of it, or some of its pieces (pieces.c).
 * Each phase has its own `prepare`; their uniform areas take turns in one memory.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "backends/llvm/emit.h"

static const char symbol_start[] = "ebm_phase_", prepare_end[] = "_prepare";

/* ---- names of entry points */

bool
phase_of_symbol(const char *name, uint32_t *ret_number, bool *ret_prepare)
{
    int end = 0;

    if (strncmp(name, symbol_start, sizeof symbol_start - 1) != 0 ||
        sscanf(name + sizeof symbol_start - 1, "%u%n", ret_number, &end) != 1)
        return false;
    *ret_prepare = strcmp(name + sizeof symbol_start - 1 + end, prepare_end) == 0;
    return true;
}

/* ---- values of the exchange */

static LLVMValueRef
exchange_pointer(Emit *e, uint32_t i)
{
    LLVMValueRef all = load_field(e, offsetof(EbmLaunch, exchange), e->ptr);

    return LLVMBuildLoad2(e->b, e->ptr, byte_offset(e, all, int64_of(e, (int64_t)i * 8)), "");
}

LLVMValueRef *
point_pointers(Emit *e)
{
    const Region *body = &e->f->region[0];
    LLVMValueRef *at = arena_array(e->arena, LLVMValueRef, e->manifest->n_exchange + 1);

    for (uint32_t i = 0; i < body->n_params; i++) {
        uint32_t x = manifest_point(e->manifest, e->f->input[i].name);
        if (e->f->input[i].kind == INPUT_point)
            at[x] = exchange_pointer(e, x);
    }
    return at;
}

/* The same with what it writes. */
static LLVMValueRef *
exchange_pointers(Emit *e)
{
    const Region *body = &e->f->region[0];
    LLVMValueRef *at = point_pointers(e);

    for (uint32_t i = 0; i < body->n_yields; i++) {
        uint32_t x = manifest_result(e->manifest, e->f, i);
        if (!at[x])
            at[x] = exchange_pointer(e, x);
    }
    return at;
}

static Value
whole_array(Emit *e, LLVMValueRef at)
{
    return (Value){.v = at, .root = at, .row = 1, .version = ++e->versions};
}

static void
bind_step_number(Emit *e)
{
    const Region *body = &e->f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++)
        if (e->f->input[i].kind == INPUT_step)
            *value_room(e, body->param[i].id, 1) = uniform_value(e->step);
}

/* ---- over data points */

static Value
exchange_record(Emit *e, const Tile *t, LLVMValueRef at, const EbmSlot *slot)
{
    return record_value(e, t, at, record_bytes(slot), 0, (DType)slot->dtype);
}

void
bind_points(Emit *e, const Tile *t, LLVMValueRef const *at)
{
    const Region *body = &e->f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++) {
        if (e->f->input[i].kind != INPUT_point)
            continue;
        Type type = ir_type(e->f, body->param[i]);
        uint32_t x = manifest_point(e->manifest, e->f->input[i].name);
        Value record = exchange_record(e, t, at[x], &e->manifest->exchange[x].slot);
        if (type.rank)
            record = local_record(e, &record, type);
        bind_array(e, body->param[i], &record, type);
    }
}

/* What is the same for all data points is written with the first of them. */
static void
put_whole(Emit *e, const Tile *t, LLVMValueRef at, const Value *x, Type type)
{
    Value to = whole_array(e, at);

    put_first(e, LLVMBuildOr(e->b, t->block, t->lane, ""), &to, x, type);
}

static void
put_rows(Emit *e, const Tile *t, LLVMValueRef at, const Value *x, Type type)
{
    LLVMValueRef row = LLVMBuildMul(e->b, t->block, int64_of(e, EBM_BLOCK), "");
    int64_t bytes = (int64_t)(type_size(type) * dtype_size((DType)type.dtype));

    row = LLVMBuildAdd(e->b, row, t->lane, "");
    at = byte_offset(e, at, LLVMBuildMul(e->b, row, int64_of(e, bytes), ""));
    store_rows(e, at, x, type);
}

static void
put_results(Emit *e, const Tile *t, LLVMValueRef const *at)
{
    const Region *body = &e->f->region[0];

    for (uint32_t i = 0; i < body->n_yields; i++) {
        uint32_t number = manifest_result(e->manifest, e->f, i);
        const EbmExchange *x = &e->manifest->exchange[number];
        const Value *v = value_at(e, body->yield[i], 0);
        Type type = ir_type(e->f, body->yield[i]);
        if (x->layout == EBM_LAYOUT_whole) {
            put_whole(e, t, at[number], v, type);
        } else if (x->layout == EBM_LAYOUT_rows) {
            put_rows(e, t, at[number], v, type);
        } else {
            Value to = exchange_record(e, t, at[number], &x->slot);
            put(e, &to, v, type);
        }
    }
}

static LLVMValueRef
emit_points(Emit *e, TileRange range)
{
    LLVMValueRef body = open_body(e, range == TILE_pairs ? "points_pairs" : "points");
    LLVMValueRef step = load_field(e, offsetof(EbmLaunch, first_step), e->i64);

    load_constants(e);
    set_step(e, step);
    bind_uniform_inputs(e);
    bind_step_number(e);
    LLVMValueRef *at = exchange_pointers(e);
    Tile t = tile_open(e, range);
    bind_points(e, &t, at);
    emit_region(e, 0);
    put_results(e, &t, at);
    tile_close(e, &t);
    return body;
}

/* ---- over the whole batch */

/* By result: where it goes. */
static Value *
places_given(Emit *e)
{
    const LLVMValueRef *at = exchange_pointers(e);
    uint32_t n = e->f->region[0].n_yields;
    Value *given = arena_array(e->arena, Value, n + 1);

    for (uint32_t i = 0; i < n; i++)
        given[i] = whole_array(e, at[manifest_result(e->manifest, e->f, i)]);
    return given;
}

static LLVMValueRef
emit_whole(Emit *e, uint32_t pieces)
{
    LLVMValueRef body = open_body(e, "whole");
    const Region *r = &e->f->region[0];
    unsigned lanes = e->lanes;

    e->whole = true;
    e->lanes = EBM_BLOCK;
    load_constants(e);
    set_step(e, load_field(e, offsetof(EbmLaunch, first_step), e->i64));
    bind_uniform_inputs(e);
    bind_step_number(e);
    e->given = places_given(e);
    pieces_open(e, pieces);
    emit_region(e, 0);
    for (uint32_t i = 0; i < r->n_yields; i++)
        put_pieces(e, &e->given[i], value_at(e, r->yield[i], 0), ir_type(e->f, r->yield[i]));
    pieces_close(e);
    LLVMBuildRetVoid(e->b);
    e->lanes = lanes;
    e->whole = false;
    return body;
}

/* ---- entry points */

static bool
keeps_some(const Emit *e)
{
    for (uint32_t id = 1; id < e->f->n; id++)
        if (e->kept_at[id] != NOT_KEPT)
            return true;
    return e->n_panels > 0;
}

static void
emit_phase_prepare(Emit *e, uint32_t number, const Function *f, const Analysis *a)
{
    if (!keeps_some(e))
        return;
    set_function(e, f, a);
    LLVMValueRef body = open_body(e, "phase_prepare");
    e->preparing = true;
    bind_uniform_inputs(e);
    emit_region(e, 0);
    store_kept(e);
    emit_panels(e);
    LLVMBuildRetVoid(e->b);
    e->preparing = false;
    emit_shell(e, arena_printf(e->arena, "%s%u%s", symbol_start, number, prepare_end), NULL,
               body);
}

static void
emit_phase(Emit *e, const PhaseList *phases, uint32_t number)
{
    const Function *f = phases->f[number];
    uint64_t *bytes = &e->manifest->uniform_bytes;
    bool whole = phases->kind[number] == EBM_PHASE_whole;
    Analysis a = whole ? analyse_whole(f, e->arena) : analyse_function(f, e->arena, bytes);
    LLVMValueRef pairs = NULL, body;

    *bytes = (*bytes + 63) & ~UINT64_C(63);
    e->n_panels = 0;
    set_function(e, f, &a);
    if (!whole && plan_pairs(e)) {
        e->lanes = 2 * EBM_BLOCK;
        pairs = emit_points(e, TILE_pairs);
        e->lanes = EBM_BLOCK;
        set_function(e, f, &a);
    }
    body = whole ? emit_whole(e, phases->pieces[number])
                 : emit_points(e, pairs ? TILE_rest : TILE_all);
    emit_shell(e, arena_printf(e->arena, "%s%u", symbol_start, number), pairs, body);
    emit_phase_prepare(e, number, f, &a);
}

void
emit_phases(Emit *e, const PhaseList *phases)
{
    uint64_t base = e->manifest->uniform_bytes, most = base;

    for (uint32_t i = 0; i < phases->n; i++) {
        e->manifest->uniform_bytes = base;
        emit_phase(e, phases, i);
        if (e->manifest->uniform_bytes > most)
            most = e->manifest->uniform_bytes;
    }
    e->manifest->uniform_bytes = most;
}
