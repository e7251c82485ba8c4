/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.c -- where phases find what they read and write
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/train.h"

uint64_t
train_slot_bytes(const EbmSlot *slot)
{
    return multiply_size(slot->count, rt_type_size(rt_type_of((EbmDType)slot->dtype)));
}

static uint64_t
round_up(uint64_t bytes)
{
    return bytes > UINT64_MAX - 63 ? UINT64_MAX : (bytes + 63) / 64 * 64;
}

uint64_t
train_record_bytes(const EbmSlot *slot)
{
    return round_up(multiply_size(train_slot_bytes(slot), EBM_BLOCK));
}

/* How many data points the phases of a group run over. */
static uint64_t
group_points(const RtTraining *t, EbmPhaseGroup group)
{
    uint64_t most = 1;

    if (group == EBM_GROUP_step)
        return t->manifest->batch;
    for (uint32_t i = 0; group == EBM_GROUP_slots && i < t->n_held; i++)
        if (t->held[i].role == EBM_ROLE_slot)
            most = max_size(most, t->held[i].rows);
    return most;
}

static unsigned
group_phases(const EbmManifest *m, EbmPhaseGroup group)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < m->n_phases; i++)
        n += m->phase[i].group == (uint32_t)group;
    return n;
}

/* Does the group need room for it?  Next values of parameters and memory have theirs. */
static bool
needs_room(const EbmManifest *m, const EbmExchange *e, EbmPhaseGroup group)
{
    switch ((EbmRole)e->role) {
    case EBM_ROLE_param:
    case EBM_ROLE_memory: return false;
    case EBM_ROLE_slot: return group != EBM_GROUP_memory;
    case EBM_ROLE_handed: return group == EBM_GROUP_step || group_phases(m, group) > 1;
    default: return group == EBM_GROUP_step;
    }
}

static uint64_t
exchange_bytes(const EbmExchange *e, uint64_t blocks)
{
    switch ((EbmLayout)e->layout) {
    case EBM_LAYOUT_records: return multiply_size(blocks, train_record_bytes(&e->slot));
    case EBM_LAYOUT_rows:
        return round_up(
            multiply_size(multiply_size(blocks, EBM_BLOCK), train_slot_bytes(&e->slot)));
    default: return round_up(train_slot_bytes(&e->slot));
    }
}

static uint64_t
count_blocks(uint64_t points)
{
    return points / EBM_BLOCK + (points % EBM_BLOCK != 0);
}

uint64_t
train_space_bytes(const RtTraining *t, EbmPhaseGroup group)
{
    const EbmManifest *m = t->manifest;
    uint64_t blocks = count_blocks(group_points(t, group)), bytes = 0;

    for (uint32_t i = 0; i < m->n_exchange; i++)
        if (needs_room(m, &m->exchange[i], group))
            bytes = add_size(bytes, exchange_bytes(&m->exchange[i], blocks));
    return bytes;
}

bool
train_space_open(const RtTraining *t, EbmPhaseGroup group, Space *ret, RtError *error)
{
    const EbmManifest *m = t->manifest;
    Space s = {.points = group_points(t, group), .bytes = train_space_bytes(t, group)};
    uint64_t at = 0;

    s.blocks = count_blocks(s.points);
    s.memory = run_allocate(s.bytes);
    s.at = calloc((size_t)m->n_exchange + 1, sizeof *s.at);
    if (!s.memory || !s.at) {
        train_space_close(&s);
        return rt_fail_memory(error, "training", s.bytes);
    }
    for (uint32_t i = 0; i < m->n_exchange; i++)
        if (needs_room(m, &m->exchange[i], group)) {
            s.at[i] = s.memory + at;
            at += exchange_bytes(&m->exchange[i], s.blocks);
        }
    *ret = s;
    return true;
}

void
train_space_close(Space *space)
{
    free(space->memory);
    free(space->at);
    *space = (Space){0};
}

/* ---- values */

/* Of data points of one block, numbers follow one another. */
static RtArray
numbers_from(const Space *space, const EbmExchange *x, uint32_t e, uint64_t i)
{
    RtArray r = {.type = rt_type_of((EbmDType)x->slot.dtype)};
    uint64_t at = 0;

    if (x->layout == EBM_LAYOUT_records)
        at =
            i / EBM_BLOCK * train_record_bytes(&x->slot) + i % EBM_BLOCK * rt_type_size(r.type);
    else if (x->layout == EBM_LAYOUT_rows)
        at = i * train_slot_bytes(&x->slot);
    r.data = space->at[e] + at;
    return r;
}

double
train_value(const RtTraining *t, const Space *space, uint32_t e, uint64_t i)
{
    RtArray one = numbers_from(space, &t->manifest->exchange[e], e, i);

    return rt_array_get(&one, 0);
}

double
train_mean(const RtTraining *t, const Space *space, uint32_t e)
{
    double p[EBM_BLOCK] = {0};

    if (t->manifest->exchange[e].layout == EBM_LAYOUT_whole)
        return train_value(t, space, e, 0);
    for (uint64_t b = 0; b * EBM_BLOCK < space->points; b++) {
        RtArray block = numbers_from(space, &t->manifest->exchange[e], e, b * EBM_BLOCK);
        for (unsigned l = 0; l < run_lanes(space->points, b); l++)
            p[l] += rt_array_get(&block, l);
    }
    for (unsigned s = EBM_BLOCK / 2; s > 0; s /= 2)
        for (unsigned i = 0; i < s; i++)
            if (i + s < space->points)
                p[i] += p[i + s];
    return p[0] / (double)space->points;
}
