/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_train.c -- @train, one step of the whole batch as one data point sees it; @memory and
 * @slots, what the first step finds.
 */
#include <string.h>

#include "frontend/elab_train.h"

/* ---- the data point ---- */

static const Column *
find_column(const Point *point, const char *name)
{
    for (size_t i = 0; i < point->n; i++)
        if (strcmp(point->column[i].name, name) == 0)
            return &point->column[i];
    return NULL;
}

static void
describe_column(Elab *e, const ProgramData *d)
{
    Program *p = e->program;
    size_t cap = p->n_column;

    p->column =
        arena_grow(e->arena, p->column, p->n_column, &cap, p->n_column + 1, sizeof *p->column);
    p->column[p->n_column++] = *d;
}

static Value
read_column(Elab *e, const Env *env, const Param *p)
{
    Point *point = e->point;
    ProgramData d = {.name = p->name, .doc = p->doc};

    if (!elab_type_of(e, env, p->type, &d.type))
        return POISON;
    elab_range_of(e, env, p->type->range, &d.low, &d.high, &d.low_open, &d.high_open);
    describe_column(e, &d);
    Value v = elab_entry_input(e, INPUT_point, p->name, d.type, VARY_chain);
    point->column = arena_grow(e->arena, point->column, point->n, &point->cap, point->n + 1,
                               sizeof *point->column);
    point->column[point->n++] = (Column){p->name, v};
    return v;
}

Value
elab_column(Elab *e, const Env *env, const Param *p)
{
    const Point *point = e->point;
    const Column *known = find_column(point, p->name);

    if (known)
        return elab_coerce(e, env, known->value, p->type, p->span,
                           arena_printf(e->arena, "'%s'", p->name));
    if (point->columns)
        return read_column(e, env, p);
    if (point->dataset)
        return FAIL(e, elab_no_column, p->span, point->dataset->decl->name, p->name);
    Diag *d = complain(e, elab_no_point, p->span, p->name);
    diag_help(e->diags, d,
              "the first contents of a buffer are computed for each slot by itself; of "
              "persistent_contrastive_divergence, `warm = 0` leaves the energy out of them");
    return POISON;
}

static Value
data_point(Elab *e, const Roles *r, Type x, Point *point)
{
    ProgramData d = {.name = "x", .type = x, .low = -__builtin_inf(), .high = __builtin_inf()};
    Builder *b = &e->frame->b;

    if (!r->dataset) {
        describe_column(e, &d);
        return elab_entry_input(e, INPUT_point, "x", x, VARY_chain);
    }
    Ref t = elab_ref_of(
        e, elab_entry_input(e, INPUT_step, e->word.t, type_scalar(DT_i32), VARY_uniform),
        DT_none);
    Ref first = ir_mul(b, t, ir_number(b, DT_i32, e->request->batch));
    Value index = elab_value_ref(e, ir_add(b, first, ir_chain_index(b)));
    Value v = elab_draw_point(e, r->dataset, index, point);
    if (elab_is_poison(v) || type_eq(elab_value_type(e, v), x))
        return v;
    return FAIL(e, elab_data_shape, r->dataset->decl->name_span, r->dataset->decl->name,
                elab_type_text(e, x), elab_type_text(e, elab_value_type(e, v)));
}

/* ---- results ---- */

typedef struct Results {
    Elab *e;
    Ref *r;
    Output *out;
    uint32_t n;
} Results;

static Results
results_new(Elab *e, size_t most)
{
    return (Results){.e = e,
                     .r = arena_array(e->arena, Ref, most + 1),
                     .out = arena_array(e->arena, Output, most + 1)};
}

static void
add(Results *to, const char *name, OutputKind kind, Ref r)
{
    to->r[to->n] = r;
    to->out[to->n++] = (Output){name, (uint8_t)kind};
}

static void
finish(Results *to)
{
    elab_nest_leave(to->e);
    elab_end_entry(to->e, to->n, to->r, to->out);
}

/* ---- @train ---- */

/* The batch's gradients in the place of this point's; their norms. */
static void
mean_gradients(Elab *e, Ref *gradient, Results *to)
{
    Builder *b = &e->frame->b;
    uint32_t batch = e->request->batch;
    Ref all = ir_number(b, DT_f64, 0);

    for (size_t i = 0; i < e->n_params; i++) {
        const ParamInfo *p = &e->param[i];
        Ref square = ir_number(b, DT_f64, 0);
        if (p->state)
            continue;
        if (gradient[i].id) {
            Ref sum = ir_batch_sum(b, gradient[i], batch);
            gradient[i] = ir_div(b, sum, ir_number(b, (DType)p->type.dtype, batch));
            Ref wide = ir_convert(b, gradient[i], DT_f64);
            square = ir_reduce_all(b, OP_sum, ir_mul(b, wide, wide));
        }
        all = ir_add(b, all, square);
        add(to, arena_printf(e->arena, "gradient_norm.%s", p->name), OUTPUT_value,
            ir_sqrt(b, square));
    }
    add(to, "gradient_norm", OUTPUT_report, ir_sqrt(b, all));
}

static void
add_reports(Results *to, const Reports *reports)
{
    for (size_t i = 0; i < reports->n; i++)
        add(to, reports->name[i], OUTPUT_report, elab_ref_of(to->e, reports->value[i], DT_f64));
}

static void
add_loss(const LossResult *loss, Results *to)
{
    Elab *e = to->e;

    add(to, "loss", OUTPUT_value, elab_ref_of(e, loss->loss, DT_f64));
    add_reports(to, &loss->reports);
    for (size_t i = 0; i < loss->buffers.n; i++)
        add(to, loss->buffers.buffer[i]->name, OUTPUT_slot,
            elab_ref_of(e, loss->slot[i], DT_none));
}

/* What a network's state is next: what the loss has made of it. */
static Value
next_state(Elab *e, const ParamInfo *p)
{
    for (size_t i = 0; i < e->n_net_states; i++) {
        const NetState *s = e->net_state[i];
        if (strcmp(s->name, p->name) == 0 && s->entry == e->frame)
            return s->value;
    }
    return elab_entry_input(e, INPUT_param, p->name, p->type, VARY_uniform);
}

static void
add_update(const Optimization *o, Results *to)
{
    Elab *e = to->e;

    for (size_t i = 0; i < e->n_params; i++) {
        const ParamInfo *p = &e->param[i];
        Value v = o->update[i].end ? o->update[i].end->x : next_state(e, p);
        add(to, p->name, OUTPUT_param, elab_ref_of(e, v, (DType)p->type.dtype));
    }
    for (size_t i = 0; i < o->n; i++)
        add(to, o->memory[i].name, OUTPUT_memory,
            elab_ref_of(e, o->memory[i].next, (DType)o->memory[i].type.dtype));
}

static bool
reports_differ(Elab *e, const Results *to)
{
    for (uint32_t i = 0; i < to->n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (to->out[i].kind == OUTPUT_report && to->out[k].kind <= OUTPUT_report &&
                strcmp(to->out[i].name, to->out[k].name) == 0) {
                complain(e, elab_report_twice, (Span){0}, to->out[i].name);
                return false;
            }
    return true;
}

/* @train while it is made; @memory is made in between, as it says what the optimizer keeps. */
typedef struct TrainStep {
    Elab *e;
    const Roles *roles;
    Frame *frame;
    LossResult loss;
    Results norms;
    Optimization optimization;
} TrainStep;

static bool
build_gradient(TrainStep *s, Type x)
{
    Elab *e = s->e;
    Point *point = arena_new(e->arena, Point);

    *point = (Point){.dataset = s->roles->dataset, .columns = !s->roles->dataset};
    s->frame = e->frame = elab_frame_new(e, "train", NULL);
    e->may_draw = true;
    elab_bind_time(e, TIME_training);
    Value at = data_point(e, s->roles, x, point);
    e->point = point;
    bool ok = !elab_is_poison(at) && elab_point_loss(e, s->roles, at, &s->loss);
    e->point = NULL;
    if (!ok)
        return false;
    s->norms = results_new(e, e->n_params + 1);
    mean_gradients(e, s->loss.gradient, &s->norms);
    return true;
}

static bool
build_memory(TrainStep *s)
{
    Elab *e = s->e;
    Optimization *o = &s->optimization;

    e->frame = elab_frame_new(e, "memory", NULL);
    e->frame->shared_draws = true;
    elab_bind_time(e, TIME_zero);
    if (!elab_start_optimizer(e, s->roles->optimizer, s->loss.gradient, o))
        return false;
    Results all = results_new(e, o->n);
    for (size_t i = 0; i < o->n; i++)
        add(&all, o->memory[i].name, OUTPUT_memory,
            elab_ref_of(e, o->memory[i].first, (DType)o->memory[i].type.dtype));
    finish(&all);
    e->program->has_memory = o->n > 0;
    return true;
}

static bool
build_update(TrainStep *s)
{
    Elab *e = s->e;
    Reports reports;

    e->frame = s->frame;
    elab_bind_time(e, TIME_training);
    if (!elab_step_optimizer(e, &s->optimization))
        return false;
    elab_optimizer_reports(e, &s->optimization, &reports);
    Results all = results_new(e, 1 + s->loss.reports.n + s->loss.buffers.n + s->norms.n +
                                     e->n_params + s->optimization.n + reports.n);
    add_loss(&s->loss, &all);
    for (uint32_t i = 0; i < s->norms.n; i++)
        add(&all, s->norms.out[i].name, (OutputKind)s->norms.out[i].kind, s->norms.r[i]);
    add_update(&s->optimization, &all);
    add_reports(&all, &reports);
    finish(&all);
    return reports_differ(e, &all);
}

/* ---- @slots ---- */

static bool
build_slots(Elab *e, const Roles *r, Type x, const Buffers *buffers)
{
    Program *p = e->program;
    Value *first = arena_array(e->arena, Value, buffers->n + 1);

    p->buffer = arena_array(e->arena, ProgramBuffer, buffers->n + 1);
    for (size_t i = 0; i < buffers->n; i++) {
        const Buffer *b = buffers->buffer[i];
        p->buffer[p->n_buffer++] = (ProgramBuffer){b->name, b->type, b->slots};
    }
    if (buffers->n == 0)
        return true;
    e->frame = elab_frame_new(e, "slots", NULL);
    elab_bind_time(e, TIME_zero);
    e->point = arena_new(e->arena, Point);
    bool ok = elab_first_slots(e, r, x, buffers, first);
    e->point = NULL;
    if (!ok)
        return false;
    Results all = results_new(e, buffers->n);
    for (size_t i = 0; i < buffers->n; i++)
        add(&all, buffers->buffer[i]->name, OUTPUT_slot, elab_ref_of(e, first[i], DT_none));
    finish(&all);
    p->has_slots = true;
    return true;
}

bool
elab_build_training(Elab *e, const Roles *r, Type x)
{
    Program *p = e->program;
    unsigned before = e->diags->errors;
    TrainStep s = {.e = e, .roles = r};

    p->loss = r->loss->decl->name;
    p->optimizer = r->optimizer->decl->name;
    p->dataset = r->dataset ? r->dataset->decl->name : NULL;
    if (e->request->batch == 0) {
        complain(e, elab_no_batch, r->loss->decl->name_span);
        return false;
    }
    bool ok = build_gradient(&s, x) && build_memory(&s) && build_update(&s) &&
              build_slots(e, r, x, &s.loss.buffers);
    e->may_draw = false;
    e->act = NULL;
    return ok && e->diags->errors == before && !e->stopped;
}
