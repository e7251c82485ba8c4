/* SPDX-License-Identifier: Apache-2.0
 *
 * training.c -- the weights of one model, moved step by step
 */
#include "runtime/training.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/train.h"

/* ---- reading the manifest */

static uint32_t
find_exchange(const EbmManifest *m, const char *name, EbmRole role)
{
    for (uint32_t i = 0; i < m->n_exchange; i++)
        if (m->exchange[i].role == (uint32_t)role &&
            strcmp(m->exchange[i].slot.name, name) == 0)
            return i;
    return TRAIN_NONE;
}

static bool
same_slot(const EbmSlot *a, const EbmSlot *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) == 0;
}

static void
list_held(RtTraining *t, EbmRole role)
{
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < m->n_exchange; i++)
        if (m->exchange[i].role == (uint32_t)role)
            t->held[t->n_held++] = (Held){
                .slot = &m->exchange[i].slot,
                .role = role,
                .exchange = i,
                .rows = role == EBM_ROLE_slot ? 0 : 1,
                .bytes = role == EBM_ROLE_slot ? 0 : train_slot_bytes(&m->exchange[i].slot)};
}

static uint32_t
find_held(const RtTraining *t, const char *name, bool buffer)
{
    for (uint32_t i = 0; i < t->n_held; i++)
        if ((t->held[i].role == EBM_ROLE_slot) == buffer &&
            strcmp(t->held[i].slot->name, name) == 0)
            return i;
    return TRAIN_NONE;
}

static bool
contradicts(const char *name, RtError *error)
{
    return rt_fail(error, RT_INTERNAL, "the training kernel contradicts itself about '%s'",
                   name);
}

/* Buffers are arrays with an axis of slots. */
static bool
check_ranks(const RtTraining *t, RtError *error)
{
    for (uint32_t i = 0; i < t->n_held; i++)
        if (t->held[i].role == EBM_ROLE_slot && t->held[i].slot->rank >= RT_MAX_RANK)
            return rt_fail(error, RT_SHAPE,
                           "the buffer '%s' has slots of %u axes, one too many",
                           t->held[i].slot->name, t->held[i].slot->rank);
    return true;
}

static bool
list_origins(RtTraining *t, RtError *error)
{
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < m->n_exchange; i++) {
        const EbmSlot *slot = &m->exchange[i].slot;
        if (m->exchange[i].role != EBM_ROLE_point)
            continue;
        Origin o = {.exchange = i, .held = find_held(t, slot->name, true)};
        if (m->exchange[i].layout != EBM_LAYOUT_records ||
            (o.held != TRAIN_NONE && !same_slot(t->held[o.held].slot, slot)))
            return contradicts(slot->name, error);
        t->origin[t->n_origins++] = o;
    }
    return true;
}

/* What phases hand on, whole or in rows, is read as an input. */
static uint32_t
find_handed(const EbmManifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_exchange; i++)
        if (m->exchange[i].role == EBM_ROLE_handed &&
            m->exchange[i].layout != EBM_LAYOUT_records &&
            strcmp(m->exchange[i].slot.name, name) == 0)
            return i;
    return TRAIN_NONE;
}

static bool
bind_inputs(RtTraining *t, RtError *error)
{
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < m->n_inputs; i++) {
        const EbmSlot *slot = &m->input[i];
        uint32_t held = find_held(t, slot->name, false);
        uint32_t handed = find_handed(m, slot->name);
        if (held != TRAIN_NONE && !same_slot(t->held[held].slot, slot))
            return contradicts(slot->name, error);
        t->input_held[i] = held;
        t->input_exchange[i] = held == TRAIN_NONE ? handed : TRAIN_NONE;
    }
    return true;
}

static bool
list_results(RtTraining *t, RtError *error)
{
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < m->n_exchange; i++)
        if (m->exchange[i].role == EBM_ROLE_report)
            t->report[t->n_reports++] = i;
    t->loss = find_exchange(m, "loss", EBM_ROLE_value);
    t->norm = find_exchange(m, "gradient_norm", EBM_ROLE_report);
    if (t->norm != TRAIN_NONE && m->exchange[t->norm].layout != EBM_LAYOUT_whole)
        return contradicts("gradient_norm", error);
    return t->loss != TRAIN_NONE ? true : contradicts("loss", error);
}

static bool
read_manifest(RtTraining *t, RtError *error)
{
    list_held(t, EBM_ROLE_param);
    list_held(t, EBM_ROLE_memory);
    list_held(t, EBM_ROLE_slot);
    return check_ranks(t, error) && list_origins(t, error) && bind_inputs(t, error) &&
           list_results(t, error);
}

/* ---- making and ending */

static bool
check_plan(const RtEngine *engine, const RtTrainingPlan *plan, RtError *error)
{
    if (engine->manifest->batch == 0 || !engine->phase)
        return rt_fail(error, RT_ARGUMENT, "the kernel does not train");
    if (plan->n_steps > INT32_MAX) /* t is an int of the language */
        return rt_fail(error, RT_ARGUMENT, "expected at most %d steps, found %llu", INT32_MAX,
                       (unsigned long long)plan->n_steps);
    return true;
}

static bool
make_lists(RtTraining *t, RtError *error)
{
    const EbmManifest *m = t->manifest;
    size_t n = (size_t)m->n_exchange + 1, inputs = (size_t)m->n_inputs + 1;

    t->desk = calloc(t->plan.threads, sizeof *t->desk);
    t->hyper = calloc((size_t)m->n_hyper + 1, sizeof *t->hyper);
    t->input = calloc(inputs, sizeof *t->input);
    t->input_held = calloc(inputs, sizeof *t->input_held);
    t->input_exchange = calloc(inputs, sizeof *t->input_exchange);
    t->held = calloc(n, sizeof *t->held);
    t->origin = calloc(n, sizeof *t->origin);
    t->report = calloc(n, sizeof *t->report);
    t->mean = calloc(n, sizeof *t->mean);
    if (!t->desk || !t->hyper || !t->input || !t->input_held || !t->input_exchange ||
        !t->held || !t->origin || !t->report || !t->mean)
        return rt_fail_memory(error, "training", n * sizeof *t->held);
    return true;
}

bool
rt_training_create(const RtEngine *engine, const RtTrainingPlan *plan, RtTraining **ret,
                   RtError *error)
{
    if (!check_plan(engine, plan, error))
        return false;
    RtTraining *t = calloc(1, sizeof *t);
    if (!t)
        return rt_fail_memory(error, "training", sizeof *t);
    t->engine = *engine;
    t->manifest = engine->manifest;
    t->plan = *plan;
    if (!rt_pool_create(plan->threads, &t->pool, error) || !make_lists(t, error) ||
        !read_manifest(t, error)) {
        rt_training_free(t);
        return false;
    }
    *ret = t;
    return true;
}

/* What rt_training_allocate asked for. */
static void
release(RtTraining *t)
{
    for (uint32_t i = 0; t->held && i < t->n_held; i++) {
        free(t->held[i].now);
        free(t->held[i].next);
        rt_cells_clear(&t->held[i].cells);
        t->held[i].now = t->held[i].next = NULL;
    }
    for (uint32_t i = 0; t->origin && i < t->n_origins; i++)
        rt_cells_clear(&t->origin[i].cells);
    for (unsigned i = 0; t->desk && i < t->plan.threads; i++) {
        free(t->desk[i].scratch);
        t->desk[i].scratch = NULL;
    }
    train_space_close(&t->space);
    free(t->uniform);
    t->uniform = NULL;
    t->allocated = t->started = false;
}

void
rt_training_free(RtTraining *t)
{
    if (!t)
        return;
    rt_pool_free(t->pool);
    release(t);
    free(t->desk);
    free(t->hyper);
    free(t->input);
    free(t->input_held);
    free(t->input_exchange);
    free(t->held);
    free(t->origin);
    free(t->report);
    free(t->mean);
    free(t);
}

const RtTrainingPlan *
rt_training_plan(const RtTraining *t)
{
    return &t->plan;
}

uint32_t
rt_training_batch(const RtTraining *t)
{
    return t->manifest->batch;
}

/* ---- slots, data, inputs */

static bool
check_open(const RtTraining *t, RtError *error)
{
    return !t->allocated ||
           rt_fail(error, RT_ARGUMENT, "slots and data are chosen before memory is asked for");
}

bool
rt_training_set_slots(RtTraining *t, const char *name, uint64_t slots, RtError *error)
{
    uint32_t i = find_held(t, name, true);

    if (!check_open(t, error))
        return false;
    if (i == TRAIN_NONE)
        return rt_fail(error, RT_ARGUMENT, "the loss has no buffer '%.64s'", name);
    if (slots < t->manifest->batch)
        return rt_fail(error, RT_ARGUMENT,
                       "the buffer '%.64s' has %llu slots, fewer than the %u data points of a "
                       "batch",
                       name, (unsigned long long)slots, t->manifest->batch);
    t->held[i].rows = slots;
    t->held[i].bytes = multiply_size(slots, train_slot_bytes(t->held[i].slot));
    return true;
}

static Origin *
find_column(const RtTraining *t, uint32_t index)
{
    for (uint32_t i = 0; i < t->n_origins; i++)
        if (t->origin[i].held == TRAIN_NONE && index-- == 0)
            return &t->origin[i];
    return NULL;
}

uint32_t
rt_training_columns(const RtTraining *t)
{
    uint32_t n = 0;

    while (find_column(t, n))
        n++;
    return n;
}

const EbmSlot *
rt_training_column(const RtTraining *t, uint32_t i)
{
    return &t->manifest->exchange[find_column(t, i)->exchange].slot;
}

bool
rt_training_set_data(RtTraining *t, const char *name, const RtView *view, RtError *error)
{
    uint32_t e = find_exchange(t->manifest, name, EBM_ROLE_point), i = 0;
    Origin *o;

    if (!check_open(t, error))
        return false;
    while ((o = find_column(t, i)) && o->exchange != e)
        i++;
    if (!o)
        return rt_fail(error, RT_ARGUMENT, "the training reads no column '%.64s'", name);
    if (!rt_view_fits(view, 1, &t->manifest->exchange[e].slot))
        return rt_fail(error, RT_SHAPE,
                       "column '%.64s' of the data has another shape than the training reads",
                       name);
    if (view->shape[0] < 1)
        return rt_fail(error, RT_SHAPE, "column '%.64s' of the data has no row", name);
    if (t->rows > 0 && view->shape[0] != t->rows)
        return rt_fail(error, RT_SHAPE,
                       "column '%.64s' of the data has %llu rows, and others have %llu", name,
                       (unsigned long long)view->shape[0], (unsigned long long)t->rows);
    t->rows = view->shape[0];
    o->view = *view;
    return true;
}

double *
rt_training_hyper(RtTraining *t)
{
    return t->hyper;
}

const void **
rt_training_input(RtTraining *t)
{
    return t->input;
}

static bool
is_own_input(const RtTraining *t, uint32_t input)
{
    return t->input_held[input] != TRAIN_NONE || t->input_exchange[input] != TRAIN_NONE;
}

/* ---- memory */

static uint64_t
cells_bytes(const EbmSlot *slot)
{
    return multiply_size(slot->count, sizeof(ptrdiff_t));
}

uint64_t
rt_training_bytes(const RtTraining *t)
{
    const EbmManifest *m = t->manifest;
    uint64_t bytes =
        add_size(m->uniform_bytes, multiply_size(t->plan.threads, m->scratch_bytes));

    for (uint32_t i = 0; i < t->n_held; i++) {
        const Held *h = &t->held[i];
        uint64_t more = h->role == EBM_ROLE_slot ? cells_bytes(h->slot) : h->bytes;
        bytes = add_size(bytes, add_size(h->bytes, more));
    }
    for (uint32_t i = 0; i < t->n_origins; i++)
        if (t->origin[i].held == TRAIN_NONE)
            bytes = add_size(bytes, cells_bytes(&m->exchange[t->origin[i].exchange].slot));
    return add_size(bytes, add_size(train_space_bytes(t, EBM_GROUP_step),
                                    train_space_bytes(t, EBM_GROUP_slots)));
}

static bool
check_complete(const RtTraining *t, RtError *error)
{
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < t->n_held; i++)
        if (t->held[i].rows == 0)
            return rt_fail(error, RT_ARGUMENT, "the buffer '%s' has no number of slots",
                           t->held[i].slot->name);
    for (uint32_t i = 0; i < t->n_origins; i++)
        if (t->origin[i].held == TRAIN_NONE && !t->origin[i].view.data)
            return rt_fail(error, RT_ARGUMENT, "column '%s' of the data is not set",
                           m->exchange[t->origin[i].exchange].slot.name);
    for (uint32_t i = 0; i < m->n_inputs; i++)
        if (!is_own_input(t, i) && !t->input[i])
            return rt_fail(error, RT_ARGUMENT, "'%s' is not set", m->input[i].name);
    return true;
}

static bool
allocate_held(Held *h, RtError *error)
{
    RtView view = {.type = rt_type_of((EbmDType)h->slot->dtype), .rank = h->slot->rank + 1};
    ptrdiff_t stride = (ptrdiff_t)rt_type_size(view.type);

    if (!(h->now = run_allocate(h->bytes)) ||
        (h->role != EBM_ROLE_slot && !(h->next = run_allocate(h->bytes))))
        return rt_fail_memory(error, h->slot->name, h->bytes);
    if (h->role != EBM_ROLE_slot)
        return true;
    for (unsigned i = h->slot->rank; i-- > 0; stride *= (ptrdiff_t)h->slot->dim[i]) {
        view.shape[i + 1] = h->slot->dim[i];
        view.stride[i + 1] = stride;
    }
    view.shape[0] = h->rows;
    view.stride[0] = stride;
    view.data = h->now;
    return rt_cells_create(&view, 1, &h->cells, error);
}

static bool
allocate_all(RtTraining *t, RtError *error)
{
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < t->n_held; i++)
        if (!allocate_held(&t->held[i], error))
            return false;
    for (uint32_t i = 0; i < t->n_origins; i++)
        if (t->origin[i].held == TRAIN_NONE &&
            !rt_cells_create(&t->origin[i].view, 1, &t->origin[i].cells, error))
            return false;
    if (!(t->uniform = run_allocate(m->uniform_bytes)))
        return rt_fail_memory(error, "weights", m->uniform_bytes);
    for (unsigned i = 0; i < t->plan.threads; i++)
        if (!(t->desk[i].scratch = run_allocate(m->scratch_bytes)))
            return rt_fail_memory(error, "scratch space", m->scratch_bytes);
    return train_space_open(t, EBM_GROUP_step, &t->space, error);
}

bool
rt_training_allocate(RtTraining *t, RtError *error)
{
    if (!check_open(t, error) || !check_complete(t, error) ||
        !rt_memory_check("training", rt_training_bytes(t), error))
        return false;
    t->allocated = allocate_all(t, error);
    if (!t->allocated)
        release(t);
    return t->allocated;
}

bool
rt_training_allocated(const RtTraining *t)
{
    return t->allocated;
}

/* ---- what is held */

uint32_t
rt_training_held_count(const RtTraining *t)
{
    return t->n_held;
}

RtHeld
rt_training_held(const RtTraining *t, uint32_t i)
{
    const Held *h = &t->held[i];

    return (RtHeld){h->slot, h->role, h->rows, h->bytes, h->now};
}

uint64_t
rt_training_rows(const RtTraining *t)
{
    return t->rows;
}

uint64_t
rt_training_epoch_steps(const RtTraining *t)
{
    uint64_t batch = t->manifest->batch;

    return t->rows / batch + (t->rows % batch != 0);
}

uint32_t
rt_training_reports(const RtTraining *t)
{
    return t->n_reports;
}

const EbmSlot *
rt_training_report(const RtTraining *t, uint32_t i)
{
    return &t->manifest->exchange[t->report[i]].slot;
}
