/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.c -- a kernel's description for the runtime, from its functions' inputs and outputs
 */
#include "backends/manifest.h"

#include <stdio.h>
#include <string.h>

_Static_assert((int)EBM_DT_bool == (int)DT_bool && (int)EBM_DT_f64 == (int)DT_f64,
               "the kernel ABI numbers dtypes as the IR does");

/* ---- which functions */

static bool
group_of(const char *name, uint8_t *ret)
{
    bool memory = strcmp(name, "memory") == 0, slots = strcmp(name, "slots") == 0;

    *ret = memory ? EBM_GROUP_memory : slots ? EBM_GROUP_slots : EBM_GROUP_step;
    return memory || slots || strncmp(name, "train.", 6) == 0;
}

static uint8_t
kind_of(const Function *f, Arena *arena)
{
    const uint8_t *vary = ir_variance(f, arena);

    for (uint32_t id = 1; id < f->n; id++)
        if (vary[id] == VARY_chain)
            return EBM_PHASE_points;
    for (uint32_t i = 0; i < f->region[0].n_yields; i++) {
        uint8_t kind = f->output[i].kind;
        if (kind == OUTPUT_slot || kind == OUTPUT_points || kind == OUTPUT_rows)
            return EBM_PHASE_points;
    }
    return EBM_PHASE_whole;
}

PhaseList
phases_find(const Module *m, Arena *arena)
{
    PhaseList p = {.f = arena_array(arena, const Function *, m->n + 1),
                   .group = arena_array(arena, uint8_t, m->n + 1),
                   .kind = arena_array(arena, uint8_t, m->n + 1),
                   .pieces = arena_array(arena, uint32_t, m->n + 1)};
    uint8_t group;

    p.params = module_find(m, "params");
    for (uint8_t g = 0; g < EBM_GROUP_COUNT; g++)
        for (size_t i = 0; i < m->n; i++) {
            const Function *f = m->function[i];
            if (!group_of(f->name, &group) || group != g)
                continue;
            p.f[p.n] = f;
            p.group[p.n] = g;
            p.kind[p.n] = kind_of(f, arena);
            p.pieces[p.n] = phase_pieces(f, (EbmPhaseKind)p.kind[p.n]);
            p.n++;
        }
    return p;
}

/* ---- names and slots */

static void
set_name(char to[64], const char *name)
{
    snprintf(to, 64, "%s", name);
}

static EbmSlot
slot_of(const char *name, Type type)
{
    EbmSlot s = {.dtype = type.dtype, .rank = type.rank, .count = type_size(type)};

    set_name(s.name, name);
    for (unsigned i = 0; i < type.rank; i++)
        s.dim[i] = type.dim[i];
    return s;
}

uint64_t
record_bytes(const EbmSlot *s)
{
    return (s->count * EBM_BLOCK * dtype_size((DType)s->dtype) + 63) & ~UINT64_C(63);
}

static uint32_t
find_in(const EbmSlot *slot, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strncmp(slot[i].name, name, sizeof slot[i].name - 1) == 0)
            return i;
    return UINT32_MAX;
}

uint32_t
manifest_hyper(const EbmManifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_hyper; i++)
        if (strncmp(m->hyper[i].name, name, sizeof m->hyper[i].name - 1) == 0)
            return i;
    return UINT32_MAX;
}

uint32_t
manifest_input(const EbmManifest *m, const char *name)
{
    return find_in(m->input, m->n_inputs, name);
}

uint32_t
manifest_state(const EbmManifest *m, const char *name)
{
    return find_in(m->state, m->n_state, name);
}

static void
add_hyper(EbmManifest *m, const Input *in, Type type)
{
    if (manifest_hyper(m, in->name) != UINT32_MAX)
        return;
    EbmHyper *h = &m->hyper[m->n_hyper++];
    h->kind = dtype_is_float((DType)type.dtype) ? EBM_HYPER_real : EBM_HYPER_int;
    set_name(h->name, in->name);
}

static void
add_input(EbmManifest *m, const Input *in, Type type)
{
    if (manifest_input(m, in->name) == UINT32_MAX)
        m->input[m->n_inputs++] = slot_of(in->name, type);
}

static void
add_state(EbmManifest *m, const char *name, Type type)
{
    if (manifest_state(m, name) != UINT32_MAX)
        return;
    EbmSlot s = slot_of(name, type);
    s.offset = m->state_bytes;
    m->state_bytes += record_bytes(&s);
    if (m->n_state == 0)
        m->x_bytes = m->state_bytes;
    m->state[m->n_state++] = s;
}

/* ---- what phases read and write */

static uint32_t
find_exchange(const EbmManifest *m, const char *name, EbmRole role, EbmLayout layout)
{
    for (uint32_t i = 0; i < m->n_exchange; i++) {
        const EbmExchange *x = &m->exchange[i];
        if (x->role == (uint32_t)role && x->layout == (uint32_t)layout &&
            strncmp(x->slot.name, name, sizeof x->slot.name - 1) == 0)
            return i;
    }
    return UINT32_MAX;
}

uint32_t
manifest_point(const EbmManifest *m, const char *name)
{
    uint32_t i = find_exchange(m, name, EBM_ROLE_handed, EBM_LAYOUT_records);

    return i != UINT32_MAX ? i : find_exchange(m, name, EBM_ROLE_point, EBM_LAYOUT_records);
}

/* A role and a layout for each kind of result; values and reports that differ between data
 * points are records whatever stands here. */
static const struct {
    EbmRole role;
    EbmLayout layout;
} written[OUTPUT_COUNT] = {
    [OUTPUT_value] = {EBM_ROLE_value, EBM_LAYOUT_whole},
    [OUTPUT_report] = {EBM_ROLE_report, EBM_LAYOUT_whole},
    [OUTPUT_param] = {EBM_ROLE_param, EBM_LAYOUT_whole},
    [OUTPUT_memory] = {EBM_ROLE_memory, EBM_LAYOUT_whole},
    [OUTPUT_slot] = {EBM_ROLE_slot, EBM_LAYOUT_records},
    [OUTPUT_points] = {EBM_ROLE_handed, EBM_LAYOUT_records},
    [OUTPUT_rows] = {EBM_ROLE_handed, EBM_LAYOUT_rows},
    [OUTPUT_whole] = {EBM_ROLE_handed, EBM_LAYOUT_whole},
};

uint32_t
manifest_result(const EbmManifest *m, const Function *f, uint32_t i)
{
    const Output *o = &f->output[i];
    EbmRole role = written[o->kind].role;
    uint32_t records = find_exchange(m, o->name, role, EBM_LAYOUT_records);

    if (written[o->kind].layout == EBM_LAYOUT_whole && role != EBM_ROLE_handed &&
        records != UINT32_MAX)
        return records;
    return find_exchange(m, o->name, role, written[o->kind].layout);
}

static void
add_exchange(EbmManifest *m, const char *name, Type type, EbmRole role, EbmLayout layout)
{
    if (find_exchange(m, name, role, layout) == UINT32_MAX)
        m->exchange[m->n_exchange++] =
            (EbmExchange){.slot = slot_of(name, type), .layout = layout, .role = role};
}

static void
add_results(EbmManifest *m, const Function *f, Arena *arena)
{
    const uint8_t *vary = ir_variance(f, arena);

    for (uint32_t i = 0; i < f->region[0].n_yields; i++) {
        const Output *o = &f->output[i];
        Ref y = f->region[0].yield[i];
        EbmLayout layout = written[o->kind].layout;
        bool by_point = o->kind == OUTPUT_value || o->kind == OUTPUT_report;
        if (by_point && vary[y.id] == VARY_chain)
            layout = EBM_LAYOUT_records;
        add_exchange(m, o->name, ir_type(f, y), written[o->kind].role, layout);
    }
}

/* ---- the whole */

static void
add_inputs(EbmManifest *m, const Function *f)
{
    const Region *body = &f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++) {
        Type type = ir_type(f, body->param[i]);
        const Input *in = &f->input[i];
        switch ((InputKind)in->kind) {
        case INPUT_x:
        case INPUT_state: add_state(m, in->name, type); break;
        case INPUT_hyper: add_hyper(m, in, type); break;
        case INPUT_data:
        case INPUT_param:
        case INPUT_given:
        case INPUT_memory:
        case INPUT_handed: add_input(m, in, type); break;
        case INPUT_point:
            if (manifest_point(m, in->name) == UINT32_MAX)
                add_exchange(m, in->name, type, EBM_ROLE_point, EBM_LAYOUT_records);
            break;
        default: break;
        }
    }
}

/* A program that only starts, as a data set does, keeps what it starts with. */
static void
add_started(EbmManifest *m, const Function *start)
{
    for (uint32_t i = 0; i < start->region[0].n_yields; i++)
        add_state(m, start->output[i].name, ir_type(start, start->region[0].yield[i]));
}

static void
add_outputs(EbmManifest *m, const Function *step, const Function *eval)
{
    for (uint32_t i = 0; step && i < step->region[0].n_yields; i++)
        if (step->output[i].kind == OUTPUT_report)
            m->report[m->n_reports++] =
                slot_of(step->output[i].name, ir_type(step, step->region[0].yield[i]));
    for (uint32_t i = 0; eval && i < eval->region[0].n_yields; i++) {
        EbmSlot s = slot_of(eval->output[i].name, ir_type(eval, eval->region[0].yield[i]));
        s.offset = m->value_bytes;
        m->value_bytes += record_bytes(&s);
        m->value[m->n_values++] = s;
    }
}

static bool
gives_param(const Function *f, const char *name)
{
    for (uint32_t i = 0; i < f->region[0].n_yields; i++)
        if (f->output[i].kind == OUTPUT_param && strcmp(f->output[i].name, name) == 0)
            return true;
    return false;
}

/* In the program's order, whichever phases give them. */
static void
add_params(EbmManifest *m, const PhaseList *phases)
{
    const Function *params = phases->params;

    for (uint32_t i = 0; params && i < params->region[0].n_yields; i++)
        for (uint32_t k = 0; k < phases->n; k++)
            if (gives_param(phases->f[k], params->output[i].name))
                add_exchange(m, params->output[i].name,
                             ir_type(params, params->region[0].yield[i]), EBM_ROLE_param,
                             EBM_LAYOUT_whole);
}

static void
add_phases(EbmManifest *m, const PhaseList *phases, Arena *arena)
{
    add_params(m, phases);
    m->phase = arena_array(arena, EbmPhase, phases->n + 1);
    m->n_phases = phases->n;
    for (uint32_t i = 0; i < phases->n; i++) {
        add_inputs(m, phases->f[i]);
        add_results(m, phases->f[i], arena);
        m->phase[i] = (EbmPhase){phases->group[i], phases->kind[i], phases->pieces[i], 0,
                                 UINT64_MAX,       UINT64_MAX};
    }
}

static size_t
count_inputs(const Function *f)
{
    return f ? f->region[0].n_params : 0;
}

void
manifest_build(Arena *arena, const Function *const entry[EBM_ENTRY_COUNT],
               const PhaseList *phases, EbmManifest *ret)
{
    static const EbmEntry order[] = {EBM_ENTRY_sample, EBM_ENTRY_eval, EBM_ENTRY_start};
    const Function *start = entry[EBM_ENTRY_start];
    size_t inputs = 1, outputs = 1;

    for (int i = 0; i < 3; i++) {
        const Function *f = entry[order[i]];
        inputs += count_inputs(f);
        outputs += f ? f->region[0].n_yields : 0;
    }
    size_t exchange = inputs; /* conditions that each chain has of its own */
    for (uint32_t i = 0; i < phases->n; i++) {
        inputs += count_inputs(phases->f[i]);
        exchange += count_inputs(phases->f[i]) + phases->f[i]->region[0].n_yields;
    }
    *ret = (EbmManifest){.hyper = arena_array(arena, EbmHyper, inputs),
                         .input = arena_array(arena, EbmSlot, inputs),
                         .state = arena_array(arena, EbmSlot, inputs + outputs),
                         .report = arena_array(arena, EbmSlot, outputs),
                         .value = arena_array(arena, EbmSlot, outputs),
                         .exchange = arena_array(arena, EbmExchange, exchange)};
    for (int i = 0; i < 3; i++)
        if (entry[order[i]])
            add_inputs(ret, entry[order[i]]);
    if (start && !entry[EBM_ENTRY_sample])
        add_started(ret, start);
    add_outputs(ret, entry[EBM_ENTRY_sample], entry[EBM_ENTRY_eval]);
    add_phases(ret, phases, arena);
    for (uint32_t i = 0; start && i < start->region[0].n_params; i++)
        ret->x_given |= start->input[i].kind == INPUT_x;
    for (int i = 0; i < EBM_ENTRY_COUNT; i++)
        ret->entry[i] = UINT64_MAX;
}
