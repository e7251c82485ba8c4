/* SPDX-License-Identifier: Apache-2.0
 *
 * commit.c -- what a step wrote: judged, and taken over
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/train.h"

enum { SMALL = 1 << 16 }; /* bytes that are not worth handing to threads */

/* ---- finding what is not finite */

/* Words that are worked on together. */
typedef uint32_t Words32 __attribute__((vector_size(16)));
typedef uint64_t Words64 __attribute__((vector_size(16)));

/* The exponent of an infinite number and of a NaN is all ones: adding one to it reaches the
 * sign, which is masked away before. */
#define RETURN_FINITE(Words, word, exponent) \
    do { \
        const word most = (exponent), one = most & -most; \
        const char *at = data; \
        Words w, seen = {0}; \
        word any = 0, x, part[sizeof w / sizeof x]; \
        for (; last - first >= sizeof w / sizeof x; first += sizeof w / sizeof x) { \
            memcpy(&w, at + first * sizeof x, sizeof w); \
            seen |= (w & most) + one; \
        } \
        for (; first < last; first++) { \
            memcpy(&x, at + first * sizeof x, sizeof x); \
            any |= (x & most) + one; \
        } \
        memcpy(part, &seen, sizeof part); \
        for (unsigned k = 0; k < sizeof w / sizeof x; k++) \
            any |= part[k]; \
        return (any & (most + one)) == 0; \
    } while (0)

static bool
is_finite(uint32_t dtype, const void *data, uint64_t first, uint64_t last)
{
    if (dtype == EBM_DT_f32)
        RETURN_FINITE(Words32, uint32_t, UINT32_C(0x7f800000));
    if (dtype == EBM_DT_f64)
        RETURN_FINITE(Words64, uint64_t, UINT64_C(0x7ff0000000000000));
    return true;
}

typedef struct Judge {
    RtTraining *t;
    const Space *space;
    EbmPhaseGroup group;
    uint64_t step;
    atomic_bool broken;
} Judge;

/* Is the array one that the phases of the group write? */
static bool
is_written(const Held *h, EbmPhaseGroup group)
{
    switch (group) {
    case EBM_GROUP_memory: return h->role == EBM_ROLE_memory;
    case EBM_GROUP_slots: return h->role == EBM_ROLE_slot;
    default: return true;
    }
}

/* Is data point i of a record of slots finite? */
static bool
lane_is_finite(const EbmSlot *slot, const unsigned char *records, uint64_t i)
{
    size_t size = rt_type_size(rt_type_of((EbmDType)slot->dtype));
    const unsigned char *at =
        records + i / EBM_BLOCK * train_record_bytes(slot) + i % EBM_BLOCK * size;

    for (uint64_t e = 0; e < slot->count; e++)
        if (!is_finite(slot->dtype, at + e * EBM_BLOCK * size, 0, 1))
            return false;
    return true;
}

/* Whole records at once; lane by lane where lanes past the last data point may not be. */
static bool
block_is_finite(const Judge *j, const Held *h, uint64_t b)
{
    const unsigned char *records = j->space->at[h->exchange];
    uint64_t points = j->group == EBM_GROUP_slots ? h->rows : j->space->points;

    if (b * EBM_BLOCK >= points ||
        is_finite(h->slot->dtype, records + b * train_record_bytes(h->slot), 0,
                  h->slot->count * EBM_BLOCK))
        return true;
    for (unsigned l = 0; l < run_lanes(points, b); l++)
        if (!lane_is_finite(h->slot, records, b * EBM_BLOCK + l))
            return false;
    return true;
}

static bool
held_is_finite(const Judge *j, const Held *h, unsigned worker, unsigned workers)
{
    uint64_t first, last;

    if (h->role != EBM_ROLE_slot) {
        run_share(h->slot->count, worker, workers, &first, &last);
        return is_finite(h->slot->dtype, h->next, first, last);
    }
    run_share(j->space->blocks, worker, workers, &first, &last);
    bool finite = true;
    for (uint64_t b = first; finite && b < last; b++)
        finite = block_is_finite(j, h, b);
    return finite;
}

static void
judge_share(void *user, unsigned worker, unsigned workers)
{
    Judge *j = user;

    for (uint32_t i = 0; i < j->t->n_held; i++)
        if (is_written(&j->t->held[i], j->group) &&
            !held_is_finite(j, &j->t->held[i], worker, workers))
            atomic_store(&j->broken, true);
}

/* With the threads where there is enough to do. */
static void
share(RtTraining *t, const Space *space, EbmPhaseGroup group, RtTask *task, void *user)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < t->n_held; i++)
        if (is_written(&t->held[i], group))
            bytes += t->held[i].role == EBM_ROLE_slot
                         ? space->blocks * train_record_bytes(t->held[i].slot)
                         : t->held[i].bytes;
    rt_pool_run(t->pool, bytes < SMALL ? 1 : rt_pool_threads(t->pool), task, user);
}

/* ---- naming it */

static bool
broken(RtBreak *ret, double value, uint64_t point, const char *what, const char *name)
{
    snprintf(ret->term, sizeof ret->term, "%s%s", what, name);
    ret->point = point;
    ret->value = value;
    return false;
}

/* The report that is not finite where the loss is not, or the loss. */
static bool
break_loss(const RtTraining *t, const Space *space, uint64_t point, double loss, RtBreak *ret)
{
    for (uint32_t i = 0; i < t->n_reports; i++) {
        const EbmExchange *e = &t->manifest->exchange[t->report[i]];
        double value = train_value(t, space, t->report[i], point);
        if (e->layout != EBM_LAYOUT_whole && !isfinite(value))
            return broken(ret, value, point, "", e->slot.name);
    }
    return broken(ret, loss, point, "", "loss");
}

/* A mean is finite only if all that it is made of is. */
static bool
judge_loss(const RtTraining *t, const Space *space, RtBreak *ret)
{
    double mean = train_mean(t, space, t->loss);

    if (isfinite(mean))
        return true;
    for (uint64_t i = 0; i < space->points; i++) {
        double loss = train_value(t, space, t->loss, i);
        if (!isfinite(loss))
            return break_loss(t, space, i, loss, ret);
    }
    return broken(ret, mean, UINT64_MAX, "", "loss");
}

/* The parameter whose gradient is not finite, or all of them together. */
static bool
judge_gradient(const RtTraining *t, const Space *space, RtBreak *ret)
{
    static const char prefix[] = "gradient_norm.";
    const EbmManifest *m = t->manifest;

    if (t->norm == TRAIN_NONE || isfinite(train_value(t, space, t->norm, 0)))
        return true;
    for (uint32_t e = 0; e < m->n_exchange; e++) {
        const char *name = m->exchange[e].slot.name;
        if (m->exchange[e].role != EBM_ROLE_value ||
            strncmp(name, prefix, sizeof prefix - 1) != 0)
            continue;
        double value = train_value(t, space, e, 0);
        if (!isfinite(value))
            return broken(ret, value, UINT64_MAX, "gradient of ", name + sizeof prefix - 1);
    }
    return broken(ret, train_value(t, space, t->norm, 0), UINT64_MAX, "", "gradient");
}

/* The first array that is not finite; of a buffer, the first data point. */
static bool
break_held(const Judge *j, RtBreak *ret)
{
    static const char *const what[] = {[EBM_ROLE_param] = "parameter ",
                                       [EBM_ROLE_memory] = "memory ",
                                       [EBM_ROLE_slot] = "buffer "};

    for (uint32_t i = 0; i < j->t->n_held; i++) {
        const Held *h = &j->t->held[i];
        uint64_t point = UINT64_MAX;
        if (!is_written(h, j->group) || held_is_finite(j, h, 0, 1))
            continue;
        if (h->role == EBM_ROLE_slot)
            for (point = 0; lane_is_finite(h->slot, j->space->at[h->exchange], point);)
                point++;
        return broken(ret, NAN, point, what[h->role], h->slot->name);
    }
    return true;
}

bool
train_judge(RtTraining *t, const Space *space, EbmPhaseGroup group, RtBreak *ret)
{
    Judge j = {.t = t, .space = space, .group = group};

    *ret = (RtBreak){.point = UINT64_MAX, .row = UINT64_MAX};
    if (group == EBM_GROUP_step &&
        (!judge_loss(t, space, ret) || !judge_gradient(t, space, ret)))
        return false;
    share(t, space, group, judge_share, &j);
    return !atomic_load(&j.broken) || break_held(&j, ret);
}

/* ---- taking over */

static void
scatter_share(void *user, unsigned worker, unsigned workers)
{
    const Judge *j = user;
    uint64_t first, last;

    run_share(j->space->blocks, worker, workers, &first, &last);
    train_scatter(j->t, j->space, j->step, j->group == EBM_GROUP_slots, first, last);
}

void
train_commit(RtTraining *t, const Space *space, EbmPhaseGroup group, uint64_t step)
{
    Judge j = {.t = t, .space = space, .group = group, .step = step};
    bool slots = false;

    for (uint32_t i = 0; i < t->n_held; i++) {
        Held *h = &t->held[i];
        if (!is_written(h, group))
            continue;
        slots |= h->role == EBM_ROLE_slot;
        if (h->role == EBM_ROLE_slot)
            continue;
        void *now = h->now;
        h->now = h->next;
        h->next = now;
    }
    if (slots)
        share(t, space, group, scatter_share, &j);
}
