/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_sample.c -- what a kernel does around @step: start, the loop over steps, keeping
 *
 * A step whose new position, states or caches are not all finite leaves them as they were, and
 * is counted.  Reports are those of the step that was tried.
 */
#include <math.h>
#include <stdlib.h>

#include "ir/interp_state.h"

/* Everything that one chain needs, allocated once. */
typedef struct Sampler {
    Interp *s;
    const InterpSample *in;
    const Function *start, *step;
    uint32_t n_slots, n_reports;
    Type *slot;          /* x, states, caches */
    void **now, **next;  /* one a slot */
    Type *report;        /* their types */
    void **report_value; /* one a report */
    const void **start_arg, **step_arg;
    void **step_result; /* next, then report_value */
    Scalar *hyper;      /* converted; one a parameter of start, then one of step */
    int32_t count[3];   /* t, n_steps, n_warmup */
} Sampler;

/* Kept draws before step `step`. */
static uint64_t
kept_before(const InterpSample *sample, uint64_t step)
{
    return step < sample->n_warmup ? 0 : (step - sample->n_warmup) / sample->thin;
}

/* ---- binding */

static const InterpInput *
find_input(const InterpSample *in, const Input *wanted)
{
    for (size_t i = 0; i < in->n_inputs; i++)
        if (in->input[i].kind == wanted->kind &&
            (wanted->kind == INPUT_x || strcmp(in->input[i].name, wanted->name) == 0))
            return &in->input[i];
    return NULL;
}

/* Where parameter i finds its value for chain `c`; NULL when nothing is bound to it. */
static const void *
argument(Sampler *m, const Function *f, uint32_t i, uint64_t c, Scalar *hyper)
{
    const Input *wanted = &f->input[i];
    Type t = interp_type(m->s, ir_type(f, f->region[0].param[i]));

    switch (wanted->kind) {
    case INPUT_step: return &m->count[0];
    case INPUT_n_steps: return &m->count[1];
    case INPUT_n_warmup: return &m->count[2];
    default: break;
    }
    const InterpInput *in = find_input(m->in, wanted);
    if (!in)
        return NULL;
    if (wanted->kind == INPUT_hyper) {
        hyper[i] = scalar_from_double(*(const double *)in->data, t.dtype);
        return &hyper[i];
    }
    return (const char *)in->data + c * in->stride;
}

static bool
is_slot(const Function *step, uint32_t i)
{
    return step->input[i].kind == INPUT_x || step->input[i].kind == INPUT_state;
}

/* Arguments of both functions for chain `c`; false when one is missing. */
static bool
bind_chain(Sampler *m, uint64_t c)
{
    uint32_t slot = 0, n_start = m->start->region[0].n_params;
    bool all = true;

    for (uint32_t i = 0; i < n_start; i++) {
        m->start_arg[i] = argument(m, m->start, i, c, m->hyper);
        all &= m->start_arg[i] != NULL;
    }
    for (uint32_t i = 0; i < m->step->region[0].n_params; i++) {
        m->step_arg[i] = is_slot(m->step, i) ? m->now[slot++]
                                             : argument(m, m->step, i, c, m->hyper + n_start);
        all &= m->step_arg[i] != NULL;
    }
    return all;
}

/* ---- one chain */

static bool
all_finite(const Sampler *m)
{
    for (uint32_t k = 0; k < m->n_slots; k++) {
        uint64_t n = dtype_is_float(m->slot[k].dtype) ? type_size(m->slot[k]) : 0;
        for (uint64_t e = 0; e < n; e++)
            if (!isfinite(scalar_to_double(interp_load(m->next[k], m->slot[k].dtype, e),
                                           m->slot[k].dtype)))
                return false;
    }
    return true;
}

static size_t
bytes_of(Type t)
{
    return (size_t)type_size(t) * dtype_size(t.dtype);
}

/* The new values become the present ones by trading places. */
static void
commit(Sampler *m)
{
    uint32_t slot = 0;

    for (uint32_t i = 0; i < m->step->region[0].n_params; i++)
        if (is_slot(m->step, i)) {
            void *old = m->now[slot];
            m->now[slot] = m->next[slot];
            m->next[slot] = m->step_result[slot] = old;
            m->step_arg[i] = m->now[slot++];
        }
}

static void
reject(const Sampler *m, uint64_t c, uint64_t step)
{
    if (m->in->rejected)
        m->in->rejected[c]++;
    if (m->in->first_rejected && m->in->first_rejected[c] == UINT64_MAX)
        m->in->first_rejected[c] = step;
}

static void
keep(const Sampler *m, uint64_t c, uint64_t kept)
{
    const InterpSample *in = m->in;
    uint64_t row = c * in->kept_room + kept;
    size_t bytes = bytes_of(m->slot[0]);

    if (kept >= in->kept_room)
        return;
    if (in->draws && bytes)
        memcpy(in->draws + row * bytes, m->now[0], bytes);
    for (uint32_t k = 0; in->reports && k < m->n_reports; k++)
        in->reports[row * m->n_reports + k] = scalar_to_double(
            interp_load(m->report_value[k], m->report[k].dtype, 0), m->report[k].dtype);
}

static InterpStatus
run_steps(Sampler *m, uint64_t c, InterpPlace *at)
{
    const InterpSample *in = m->in;

    interp_key(in->seed, PURPOSE_sample, at->key);
    for (uint64_t step = in->first_step; step < in->last_step; step++) {
        at->step = step;
        m->count[0] = (int32_t)step;
        InterpStatus status = interp_run(m->s, m->step, at, m->step_arg, m->step_result);
        if (status != INTERP_OK)
            return status;
        if (all_finite(m))
            commit(m);
        else
            reject(m, c, step);
        if (step >= in->n_warmup && (step - in->n_warmup + 1) % in->thin == 0)
            keep(m, c, kept_before(in, step) - kept_before(in, in->first_step));
    }
    return INTERP_OK;
}

static void
move_state(const Sampler *m, uint64_t c, bool out)
{
    for (uint32_t k = 0; m->in->state && k < m->n_slots; k++) {
        size_t bytes = bytes_of(m->slot[k]);
        unsigned char *outside = (unsigned char *)m->in->state[k] + c * bytes;
        if (bytes)
            memcpy(out ? outside : m->now[k], out ? m->now[k] : outside, bytes);
    }
}

static InterpStatus
run_chain(Sampler *m, uint64_t c)
{
    InterpPlace at = {.chain = m->in->first_chain + c};
    InterpStatus status = INTERP_OK;

    if (!bind_chain(m, c))
        return INTERP_INPUT;
    interp_key(m->in->seed, PURPOSE_init, at.key);
    if (m->in->first_step == 0)
        status = interp_run(m->s, m->start, &at, m->start_arg, m->now);
    else
        move_state(m, c, false);
    if (status == INTERP_OK)
        status = run_steps(m, c, &at);
    if (status == INTERP_OK)
        move_state(m, c, true);
    return status;
}

/* ---- setting up */

static Type
result_type(const Sampler *m, const Function *f, uint32_t i)
{
    return interp_type(m->s, ir_type(f, f->region[0].yield[i]));
}

/* Do start's results, step's slots and step's first results agree? */
static bool
slots_agree(const Sampler *m)
{
    const Region *start = &m->start->region[0], *step = &m->step->region[0];
    uint32_t n = 0;

    if (step->n_yields < start->n_yields)
        return false;
    for (uint32_t i = 0; i < step->n_params; i++) {
        if (!is_slot(m->step, i))
            continue;
        if (n == start->n_yields)
            return false;
        Type t = interp_type(m->s, ir_type(m->step, step->param[i]));
        if (!type_eq(t, result_type(m, m->start, n)) || !type_eq(t, result_type(m, m->step, n)))
            return false;
        n++;
    }
    for (uint32_t i = n; i < step->n_yields; i++)
        if (ir_type(m->step, step->yield[i]).rank)
            return false;
    return n == start->n_yields && n > 0;
}

static void *
room(Arena *arena, Type t)
{
    return arena_alloc(arena, bytes_of(t) + sizeof(Scalar), 1);
}

static void
allocate(Sampler *m, Arena *arena)
{
    uint32_t n_start = m->start->region[0].n_params, n_step = m->step->region[0].n_params;

    m->slot = arena_array(arena, Type, m->n_slots);
    m->now = arena_array(arena, void *, m->n_slots);
    m->next = arena_array(arena, void *, m->n_slots);
    m->report = arena_array(arena, Type, m->n_reports + 1);
    m->report_value = arena_array(arena, void *, m->n_reports + 1);
    m->start_arg = arena_array(arena, const void *, n_start + 1);
    m->step_arg = arena_array(arena, const void *, n_step + 1);
    m->hyper = arena_array(arena, Scalar, n_start + n_step + 1);
    m->step_result = arena_array(arena, void *, m->n_slots + m->n_reports);
    for (uint32_t k = 0; k < m->n_slots; k++) {
        m->slot[k] = result_type(m, m->start, k);
        m->now[k] = room(arena, m->slot[k]);
        m->step_result[k] = m->next[k] = room(arena, m->slot[k]);
    }
    for (uint32_t k = 0; k < m->n_reports; k++) {
        m->report[k] = result_type(m, m->step, m->n_slots + k);
        m->step_result[m->n_slots + k] = m->report_value[k] = room(arena, m->report[k]);
    }
}

typedef struct Request {
    Sampler sampler;
    Arena arena;
    InterpStatus status;
} Request;

static void
run_chains(void *user)
{
    Request *r = user;
    Sampler *m = &r->sampler;
    const InterpSample *in = m->in;

    if ((m->start->region[0].n_params && !m->start->input) || !m->step->input ||
        in->thin == 0 || !slots_agree(m)) {
        r->status = INTERP_INPUT;
        return;
    }
    m->n_slots = m->start->region[0].n_yields;
    m->n_reports = m->step->region[0].n_yields - m->n_slots;
    allocate(m, &r->arena);
    m->count[1] = (int32_t)in->n_steps;
    m->count[2] = (int32_t)in->n_warmup;
    for (uint64_t c = 0; c < in->n_chains && r->status == INTERP_OK; c++)
        r->status = run_chain(m, c);
}

InterpStatus
interp_sample(Interp *s, const InterpSample *sample)
{
    Request r = {
        .sampler = {.s = s, .in = sample, .start = sample->start, .step = sample->step},
        .status = INTERP_OK};

    if (!arena_guard(&r.arena, run_chains, &r))
        r.status = INTERP_MEMORY;
    arena_free(&r.arena);
    return r.status;
}
