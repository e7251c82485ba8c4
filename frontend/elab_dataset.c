/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_dataset.c -- data sets: programs that draw one point.
 *
 * In a training step each data point draws itself; by itself a data set is a start of chains.
 */
#include <string.h>

#include "frontend/elab_train.h"

static Env
open_text(Elab *e, FnVal *dataset, Value index)
{
    const Decl *d = dataset->decl;
    Env env = dataset->env;

    env.act = elab_enter_text(e, d, NULL, d->name_span);
    env.let_mode = env.ret_mode = MODE_term;
    elab_bind(e, &env, intern_str(e->request->names, "index"), index, d->name_span);
    elab_bind_statics(e, dataset, &env);
    for (uint32_t i = 0; i < d->n_params; i++) {
        const Param *p = d->params[i];
        if (p->value)
            elab_bind_hyper(e, &env, HYPER_dataset, d, p);
        else
            elab_bind(e, &env, p->name, FAIL(e, elab_dataset_args, p->span, d->name),
                      p->name_span);
    }
    return env;
}

static Value
run_text(Elab *e, const Decl *d, Env *env)
{
    Value v = elab_run_body(e, env, d->body, MODE_term);

    if (e->stopped || elab_is_poison(v))
        return POISON;
    if (v.kind == VAL_none)
        return FAIL(e, elab_no_return, d->name_span, d->name);
    Span span = d->body->value ? d->body->value->span : d->name_span;
    return d->result ? elab_coerce(e, env, v, d->result, span,
                                   arena_printf(e->arena, "the result of '%s'", d->name))
                     : v;
}

/* The labels: what the type of the result names behind the point. */
static bool
name_labels(Elab *e, const Decl *d, Value v, Point *point)
{
    const AstType *t = d->result;

    for (uint32_t i = 1; i < v.n; i++) {
        const char *name = t && t->kind == TYPE_TUPLE ? t->fields[i]->name : NULL;
        if (!name || !elab_is_number(v.item[i])) {
            complain(e, elab_dataset_label, t ? t->span : d->name_span, d->name);
            return false;
        }
        point->column = arena_grow(e->arena, point->column, point->n, &point->cap, point->n + 1,
                                   sizeof *point->column);
        point->column[point->n++] = (Column){name, v.item[i]};
    }
    return true;
}

/* Its draws are in a region of their own, so that they are the same wherever it stands. */
Value
elab_draw_point(Elab *e, FnVal *dataset, Value index, Point *point)
{
    const Decl *d = dataset->decl;
    Nest nest;

    elab_nest_enter(e, &nest, 0, NULL, NULL);
    Env env = open_text(e, dataset, index);
    Value v = run_text(e, d, &env);
    elab_nest_leave(e);
    e->act = NULL;
    if (v.kind == VAL_tuple && !elab_is_poison(v))
        v = name_labels(e, d, v, point) ? v.item[0] : POISON;
    if (elab_is_poison(v))
        return POISON;
    if (elab_is_number(v) && dtype_is_float((DType)elab_value_type(e, v).dtype))
        return (Value){.kind = VAL_ref, .ref = elab_ref_of(e, v, e->real), .frame = e->frame};
    return FAIL(e, elab_type, d->name_span,
                arena_printf(e->arena, "the point of '%s'", d->name), "reals",
                elab_value_text(e, v));
}

bool
elab_build_dataset(Elab *e, FnVal *dataset)
{
    Program *p = e->program;
    Point point = {.dataset = dataset};

    e->frame = elab_frame_new(e, "start", NULL);
    e->may_draw = true;
    elab_bind_time(e, TIME_zero);
    Value x =
        elab_draw_point(e, dataset, elab_value_ref(e, ir_chain_index(&e->frame->b)), &point);
    if (elab_is_poison(x))
        return false;
    Ref *r = arena_array(e->arena, Ref, point.n + 1);
    Output *out = arena_array(e->arena, Output, point.n + 1);
    p->x = elab_value_type(e, x);
    p->x_name = "x";
    p->dataset = dataset->decl->name;
    r[0] = elab_ref_of(e, x, DT_none);
    out[0].name = "x";
    for (size_t i = 0; i < point.n; i++) {
        r[i + 1] = elab_ref_of(e, point.column[i].value, DT_none);
        out[i + 1].name = point.column[i].name;
    }
    elab_nest_leave(e);
    elab_end_entry(e, (uint32_t)point.n + 1, r, out);
    p->has_start = true;
    return true;
}
