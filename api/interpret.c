/* SPDX-License-Identifier: Apache-2.0
 *
 * interpret.c -- kernels that the reference interpreter runs
 *
 * A launch is carried out chain by chain, or data point by data point: what it holds is copied
 * out of its records, the function is run, and the results are copied back.
 */
#include "api/interpret.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"

/* ---- the manifest */

static void
make_manifest(Arena *arena, Interpreter *in)
{
    EbmManifest *m = &in->manifest;

    manifest_build(arena, in->entry, &in->phases, m);
    m->image_bytes = 1; /* so that entry points are inside it */
    for (unsigned i = 0; i < EBM_ENTRY_COUNT; i++)
        m->entry[i] = in->entry[i] ? 0 : UINT64_MAX;
    for (uint32_t i = 0; i < m->n_phases; i++)
        m->phase[i].run = 0;
}

const Interpreter *
interpreter_new(Arena *arena, const Module *module, uint32_t batch)
{
    Interpreter *in = arena_new(arena, Interpreter);

    in->module = module;
    in->entry[EBM_ENTRY_start] = module_find(module, "start");
    in->entry[EBM_ENTRY_sample] = module_find(module, "step");
    in->entry[EBM_ENTRY_eval] = module_find(module, "eval");
    in->phases = phases_find(module, arena);
    make_manifest(arena, in);
    in->manifest.batch = batch;
    return in;
}

/* ---- one function, one chain */

/* Buffers of one function's parameters and results, in one piece of memory. */
typedef struct Frame {
    const Interpreter *in;
    const Function *f;
    const EbmLaunch *launch;
    Interp *interp;
    const void **arg;
    void **result;
    Scalar *number; /* a parameter: hyperparameters and counts */
    unsigned char *memory;
} Frame;

static size_t
type_bytes(Type t)
{
    return ((size_t)type_size(t) * dtype_size((DType)t.dtype) + 63) / 64 * 64;
}

/* Is the parameter copied for each chain? */
static bool
is_kept(const Input *in)
{
    return in->kind == INPUT_x || in->kind == INPUT_state || in->kind == INPUT_point;
}

static void
bind_uniform(Frame *f, uint32_t i)
{
    const Input *in = &f->f->input[i];
    DType d = (DType)ir_type(f->f, f->f->region[0].param[i]).dtype;
    const EbmManifest *m = &f->in->manifest;
    double value = 0.0;

    switch ((InputKind)in->kind) {
    case INPUT_hyper: value = f->launch->hyper[manifest_hyper(m, in->name)]; break;
    case INPUT_n_steps: value = (double)f->launch->n_steps; break;
    case INPUT_n_warmup: value = (double)f->launch->n_warmup; break;
    case INPUT_step: break;
    default: f->arg[i] = f->launch->input[manifest_input(m, in->name)]; return;
    }
    f->number[i] = scalar_from_double(value, d);
    f->arg[i] = &f->number[i];
}

static bool
frame_open(Frame *f, RtError *error)
{
    const Region *body = &f->f->region[0];
    size_t bytes = 64;

    for (uint32_t i = 0; i < body->n_params; i++)
        bytes += is_kept(&f->f->input[i]) ? type_bytes(ir_type(f->f, body->param[i])) : 0;
    for (uint32_t i = 0; i < body->n_yields; i++)
        bytes += type_bytes(ir_type(f->f, body->yield[i]));
    f->interp = interp_new(f->in->module, NULL);
    f->arg = calloc((size_t)body->n_params + 1, sizeof *f->arg);
    f->number = calloc((size_t)body->n_params + 1, sizeof *f->number);
    f->result = calloc((size_t)body->n_yields + 1, sizeof *f->result);
    f->memory = calloc(1, bytes);
    if (!f->interp || !f->arg || !f->number || !f->result || !f->memory)
        return rt_fail_memory(error, "interpreter", bytes);
    unsigned char *at = f->memory;
    for (uint32_t i = 0; i < body->n_params; i++)
        if (is_kept(&f->f->input[i])) {
            f->arg[i] = at;
            at += type_bytes(ir_type(f->f, body->param[i]));
        } else {
            bind_uniform(f, i);
        }
    for (uint32_t i = 0; i < body->n_yields; i++) {
        f->result[i] = at;
        at += type_bytes(ir_type(f->f, body->yield[i]));
    }
    return true;
}

static void
frame_close(Frame *f)
{
    interp_free(f->interp);
    free(f->arg);
    free(f->number);
    free(f->result);
    free(f->memory);
}

static InterpPlace
place_of(const Frame *f, uint64_t step, uint64_t chain)
{
    const EbmLaunch *l = f->launch;

    return (InterpPlace){{l->round_key[0][0], l->round_key[0][1]}, step, chain};
}

static bool
check_status(InterpStatus status, RtError *error)
{
    if (status == INTERP_OK)
        return true;
    return rt_fail(error, status == INTERP_MEMORY ? RT_MEMORY : RT_INTERNAL, "interpreter: %s",
                   interp_status_text(status));
}

static bool
frame_run(Frame *f, uint64_t step, uint64_t chain, RtError *error)
{
    InterpPlace place = place_of(f, step, chain);

    return check_status(interp_run(f->interp, f->f, &place, f->arg, f->result), error);
}

/* ---- records */

static void
take(const EbmSlot *slot, const unsigned char *record, unsigned lane, void *to)
{
    size_t size = dtype_size((DType)slot->dtype);

    for (uint64_t e = 0; e < slot->count; e++)
        memcpy((char *)to + e * size, record + (e * EBM_BLOCK + lane) * size, size);
}

static void
put(const EbmSlot *slot, unsigned char *record, unsigned lane, const void *from)
{
    size_t size = dtype_size((DType)slot->dtype);

    for (uint64_t e = 0; e < slot->count; e++)
        memcpy(record + (e * EBM_BLOCK + lane) * size, (const char *)from + e * size, size);
}

/* Fills the arguments that a chain, or a data point, has of its own. */
static void
take_point(Frame *f, uint64_t point)
{
    const EbmManifest *m = &f->in->manifest;

    for (uint32_t i = 0; i < f->f->region[0].n_params; i++) {
        if (f->f->input[i].kind != INPUT_point)
            continue;
        uint32_t e = manifest_point(m, f->f->input[i].name);
        const EbmSlot *slot = &m->exchange[e].slot;
        take(slot, f->launch->exchange[e] + point / EBM_BLOCK * record_bytes(slot),
             (unsigned)(point % EBM_BLOCK), (void *)(uintptr_t)f->arg[i]);
    }
}

/* ... and those that a chain keeps, from a record of states or of points. */
static void
take_kept(Frame *f, const unsigned char *record, uint64_t chain)
{
    const EbmManifest *m = &f->in->manifest;

    for (uint32_t i = 0; i < f->f->region[0].n_params; i++)
        if (f->f->input[i].kind == INPUT_x || f->f->input[i].kind == INPUT_state) {
            const EbmSlot *slot = &m->state[manifest_state(m, f->f->input[i].name)];
            take(slot, record + slot->offset, (unsigned)(chain % EBM_BLOCK),
                 (void *)(uintptr_t)f->arg[i]);
        }
    take_point(f, chain);
}

/* Puts the results that are not reports where the states are. */
static void
put_kept(const Frame *f, unsigned char *record, unsigned lane)
{
    const EbmManifest *m = &f->in->manifest;
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->f->region[0].n_yields; i++)
        if (f->f->output[i].kind != OUTPUT_report) {
            const EbmSlot *slot = &m->state[n++];
            put(slot, record + slot->offset, lane, f->result[i]);
        }
}

/* ---- entry points */

static bool
start_chain(Frame *f, uint64_t chain, RtError *error)
{
    unsigned char *record = f->launch->state + chain / EBM_BLOCK * f->in->manifest.state_bytes;
    unsigned lane = (unsigned)(chain % EBM_BLOCK);

    take_kept(f, record, chain);
    if (!frame_run(f, 0, chain, error))
        return false;
    put_kept(f, record, lane);
    return true;
}

static bool
all_finite(const Frame *f)
{
    for (uint32_t i = 0; i < f->f->region[0].n_yields; i++) {
        Type t = ir_type(f->f, f->f->region[0].yield[i]);
        if (f->f->output[i].kind == OUTPUT_report || !dtype_is_float((DType)t.dtype))
            continue;
        for (uint64_t e = 0; e < type_size(t); e++) {
            Scalar s = {0};
            size_t size = dtype_size((DType)t.dtype);
            memcpy(&s, (const char *)f->result[i] + e * size, size);
            if (!isfinite(scalar_to_double(s, (DType)t.dtype)))
                return false;
        }
    }
    return true;
}

static void
keep_reports(const Frame *f, double *record, unsigned lane)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->f->region[0].n_yields; i++)
        if (f->f->output[i].kind == OUTPUT_report) {
            DType d = (DType)ir_type(f->f, f->f->region[0].yield[i]).dtype;
            Scalar s = {0};
            memcpy(&s, f->result[i], dtype_size(d));
            record[n++ * EBM_BLOCK + lane] = scalar_to_double(s, d);
        }
}

/* What is kept of the step just made. */
static void
keep(const Frame *f, uint64_t chain, uint64_t step, const unsigned char *record)
{
    const EbmLaunch *l = f->launch;
    const EbmManifest *m = &f->in->manifest;
    uint64_t block = chain / EBM_BLOCK;
    unsigned lane = (unsigned)(chain % EBM_BLOCK);

    if (step < l->n_warmup || (step - l->n_warmup + 1) % l->thin != 0)
        return;
    uint64_t kept = (step - l->n_warmup) / l->thin - l->first_kept;
    if (kept >= l->kept_room)
        return;
    uint64_t row = block * l->kept_room + kept;
    if (l->draws) {
        size_t size = dtype_size((DType)m->state[0].dtype);
        for (uint64_t e = 0; e < m->state[0].count; e++) {
            size_t at = (e * EBM_BLOCK + lane) * size;
            memcpy(l->draws + row * m->x_bytes + at, record + at, size);
        }
    }
    if (l->reports)
        keep_reports(f, l->reports + row * m->n_reports * EBM_BLOCK, lane);
}

static void
set_step(Frame *f, uint64_t step)
{
    for (uint32_t i = 0; i < f->f->region[0].n_params; i++)
        if (f->f->input[i].kind == INPUT_step)
            f->number[i] = scalar_from_double(
                (double)step, (DType)ir_type(f->f, f->f->region[0].param[i]).dtype);
}

static bool
sample_chain(Frame *f, uint64_t chain, RtError *error)
{
    const EbmLaunch *l = f->launch;
    unsigned char *record = l->state + chain / EBM_BLOCK * f->in->manifest.state_bytes;
    unsigned lane = (unsigned)(chain % EBM_BLOCK);

    for (uint64_t s = l->first_step; s < l->last_step; s++) {
        take_kept(f, record, chain);
        set_step(f, s);
        if (!frame_run(f, s, chain, error))
            return false;
        if (all_finite(f)) {
            put_kept(f, record, lane);
        } else {
            l->rejected[chain]++;
            if (l->first_rejected[chain] == UINT64_MAX)
                l->first_rejected[chain] = s;
        }
        keep(f, chain, s, record);
    }
    return true;
}

static bool
evaluate_point(Frame *f, uint64_t chain, RtError *error)
{
    const EbmManifest *m = &f->in->manifest;
    uint64_t block = chain / EBM_BLOCK;
    unsigned lane = (unsigned)(chain % EBM_BLOCK);

    take_kept(f, f->launch->points + block * m->x_bytes, chain);
    if (!frame_run(f, 0, chain, error))
        return false;
    for (uint32_t i = 0; i < m->n_values; i++)
        put(&m->value[i], f->launch->values + block * m->value_bytes + m->value[i].offset, lane,
            f->result[i]);
    return true;
}

static bool (*const run_chain[EBM_ENTRY_COUNT])(Frame *, uint64_t chain, RtError *) = {
    [EBM_ENTRY_start] = start_chain,
    [EBM_ENTRY_sample] = sample_chain,
    [EBM_ENTRY_eval] = evaluate_point,
};

static bool
launch_entry(const void *user, EbmEntry entry, const EbmLaunch *l, RtError *error)
{
    const Interpreter *in = user;
    Frame f = {.in = in, .f = in->entry[entry], .launch = l};

    if (!f.f)
        return true;
    bool done = frame_open(&f, error);
    for (uint64_t c = l->first_block * EBM_BLOCK; done && c < l->last_block * EBM_BLOCK; c++)
        done = run_chain[entry](&f, c, error);
    frame_close(&f);
    return done;
}

/* ---- phases */

/* What is the same for all data points is written by the first. */
static void
put_result(const Frame *f, uint32_t i, uint64_t point)
{
    uint32_t at = manifest_result(&f->in->manifest, f->f, i);
    const EbmExchange *e = &f->in->manifest.exchange[at];
    size_t bytes = (size_t)e->slot.count * dtype_size((DType)e->slot.dtype);
    unsigned char *to = f->launch->exchange[at];

    switch ((EbmLayout)e->layout) {
    case EBM_LAYOUT_records:
        put(&e->slot, to + point / EBM_BLOCK * record_bytes(&e->slot),
            (unsigned)(point % EBM_BLOCK), f->result[i]);
        break;
    case EBM_LAYOUT_rows: memcpy(to + point * bytes, f->result[i], bytes); break;
    default:
        if (point == 0)
            memcpy(to, f->result[i], bytes);
    }
}

static bool
run_point(Frame *f, uint64_t point, RtError *error)
{
    take_point(f, point);
    if (!frame_run(f, f->launch->first_step, point, error))
        return false;
    for (uint32_t i = 0; i < f->f->region[0].n_yields; i++)
        put_result(f, i, point);
    return true;
}

/* A phase over the whole is that of one point, and all of it is made with its first piece. */
static bool
launch_phase(const void *user, uint32_t phase, RtPart part, const EbmLaunch *l, RtError *error)
{
    const Interpreter *in = user;
    Frame f = {.in = in, .f = in->phases.f[phase], .launch = l};
    bool whole = in->phases.kind[phase] == EBM_PHASE_whole;
    uint64_t first = whole ? l->first_block > 0 : l->first_block * EBM_BLOCK;
    uint64_t last = whole ? 1 : l->last_block * EBM_BLOCK;

    if (part == RT_PART_prepare)
        return true;
    bool done = frame_open(&f, error);
    if (done)
        set_step(&f, l->first_step);
    for (uint64_t c = first; done && c < last && (whole || c < l->n_chains); c++)
        done = run_point(&f, c, error);
    frame_close(&f);
    return done;
}

RtEngine
interpreter_engine(const Interpreter *in)
{
    return (RtEngine){
        .manifest = &in->manifest, .user = in, .launch = launch_entry, .phase = launch_phase};
}

bool
interpreter_trace(const Interpreter *in, EbmEntry entry, const EbmLaunch *launch,
                  const unsigned char *record, uint64_t chain, uint64_t step, InterpBreak *ret,
                  RtError *error)
{
    Frame f = {.in = in, .launch = launch, .f = in->entry[entry]};
    bool done = frame_open(&f, error);

    if (done) {
        InterpPlace place = place_of(&f, step, chain);
        take_kept(&f, record, chain);
        set_step(&f, step);
        done = check_status(interp_trace(f.interp, f.f, &place, f.arg, f.result, ret), error);
    }
    frame_close(&f);
    return done;
}

bool
interpreter_params(const Module *module, uint64_t seed, void *const *ret, RtError *error)
{
    const Function *f = module_find(module, "params");
    InterpPlace place = {.step = 0};

    interp_key(seed, PURPOSE_weights, place.key);
    Interp *interp = interp_new(module, NULL);
    InterpStatus status = interp ? interp_run(interp, f, &place, NULL, ret) : INTERP_MEMORY;
    interp_free(interp);
    if (status == INTERP_OK)
        return true;
    return rt_fail(error, status == INTERP_MEMORY ? RT_MEMORY : RT_INTERNAL,
                   "initial weights: %s", interp_status_text(status));
}
