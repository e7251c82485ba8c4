/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.c -- what the runtime must know, from the entry functions' inputs and outputs
 *
 * Inputs of one name are one input, whichever entry functions have it.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backends/llvm/emit.h"

_Static_assert((int)EBM_DT_bool == (int)DT_bool && (int)EBM_DT_f64 == (int)DT_f64,
               "the kernel ABI numbers dtypes as the IR does");

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

static uint64_t
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
add_state(EbmManifest *m, const Input *in, Type type)
{
    if (manifest_state(m, in->name) != UINT32_MAX)
        return;
    EbmSlot s = slot_of(in->name, type);
    s.offset = m->state_bytes;
    m->state_bytes += record_bytes(&s);
    if (m->n_state == 0)
        m->x_bytes = m->state_bytes;
    m->state[m->n_state++] = s;
}

static void
add_inputs(EbmManifest *m, const Function *f)
{
    const Region *body = &f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++) {
        Type type = ir_type(f, body->param[i]);
        const Input *in = &f->input[i];
        switch ((InputKind)in->kind) {
        case INPUT_x:
        case INPUT_state: add_state(m, in, type); break;
        case INPUT_hyper: add_hyper(m, in, type); break;
        case INPUT_data:
        case INPUT_param:
        case INPUT_given: add_input(m, in, type); break;
        default: break;
        }
    }
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

void
manifest_build(Arena *arena, const Function *const entry[EBM_ENTRY_COUNT], EbmManifest *ret)
{
    static const EbmEntry order[] = {EBM_ENTRY_sample, EBM_ENTRY_eval, EBM_ENTRY_start};
    const Function *start = entry[EBM_ENTRY_start];
    size_t inputs = 1, outputs = 1;

    for (int i = 0; i < 3; i++) {
        const Function *f = entry[order[i]];
        inputs += f ? f->region[0].n_params : 0;
        outputs += f ? f->region[0].n_yields : 0;
    }
    *ret = (EbmManifest){.hyper = arena_array(arena, EbmHyper, inputs),
                         .input = arena_array(arena, EbmSlot, inputs),
                         .state = arena_array(arena, EbmSlot, inputs),
                         .report = arena_array(arena, EbmSlot, outputs),
                         .value = arena_array(arena, EbmSlot, outputs)};
    for (int i = 0; i < 3; i++)
        if (entry[order[i]])
            add_inputs(ret, entry[order[i]]);
    add_outputs(ret, entry[EBM_ENTRY_sample], entry[EBM_ENTRY_eval]);
    for (uint32_t i = 0; start && i < start->region[0].n_params; i++)
        ret->x_given |= start->input[i].kind == INPUT_x;
    for (int i = 0; i < EBM_ENTRY_COUNT; i++)
        ret->entry[i] = UINT64_MAX;
}
