/* SPDX-License-Identifier: Apache-2.0
 *
 * require.c -- what a program requires of the values that it is given
 *
 * @require is run once, or where it reads what there is one of for each data point, for each
 * of these.
 */
#include "api/require.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"

typedef struct Check {
    const Values *values;
    const ValueRows *rows; /* NULL: there are none */
    const Function *f;
    Interp *interp;
    const void **arg;
    size_t *stride; /* one an argument: from a row's to the next's; 0: the same for all */
    Scalar *number; /* hyperparameters */
    void **result;
    unsigned char *memory;
    uint64_t n_rows, row; /* n_rows 0: it reads none */
    Arena arena;
    DiagList diags;
    bool of_data;
} Check;

/* ---- arguments */

static bool
bind_hyper(Check *c, uint32_t i)
{
    const Program *p = &c->values->kernel->program->program;
    DType d = (DType)ir_type(c->f, c->f->region[0].param[i]).dtype;

    c->arg[i] = &c->number[i];
    for (size_t k = 0; k < p->n_hyper; k++)
        if (p->hyper[k].input && strcmp(p->hyper[k].input, c->f->input[i].name) == 0) {
            c->number[i] = scalar_from_double(c->values->number[k], d);
            return true;
        }
    return false;
}

static EbmStatus
bind_array(Check *c, uint32_t i, EbmReport **ret_report)
{
    const char *name = c->f->input[i].name;
    const RtArray *rows = c->rows ? c->rows->find(c->rows->user, name) : NULL;

    for (size_t k = 0; !rows && k < c->values->n_bound; k++) {
        const Bound *b = &c->values->bound[k];
        if (strcmp(b->name, name) != 0)
            continue;
        if (b->range && b->range->each && b->set)
            rows = &b->value;
        c->arg[i] = b->value.data;
    }
    c->arg[i] = rows ? rows->data : c->arg[i];
    if (rows && rows->shape[0] > 1) {
        Type t = ir_type(c->f, c->f->region[0].param[i]);
        c->stride[i] = (size_t)type_size(t) * dtype_size((DType)t.dtype);
        c->n_rows = rows->shape[0];
    }
    if (c->arg[i])
        return EBM_OK;
    return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL, "'%s' is not set", name);
}

static EbmStatus
bind_args(Check *c, EbmReport **ret_report)
{
    EbmStatus status = EBM_OK;

    for (uint32_t i = 0; i < c->f->region[0].n_params && status == EBM_OK; i++) {
        if (c->f->input[i].kind != INPUT_hyper)
            status = bind_array(c, i, ret_report);
        else if (!bind_hyper(c, i))
            status =
                report_say(ret_report, EBM_INTERNAL_ERROR, NULL,
                           "the requirements read a hyperparameter '%s'", c->f->input[i].name);
    }
    return status;
}

/* ---- running */

static bool
check_open(Check *c)
{
    const Region *body = &c->f->region[0];

    c->interp = interp_new(c->values->kernel->program->program.module, NULL);
    c->arg = calloc((size_t)body->n_params + 1, sizeof *c->arg);
    c->stride = calloc((size_t)body->n_params + 1, sizeof *c->stride);
    c->number = calloc((size_t)body->n_params + 1, sizeof *c->number);
    c->result = calloc((size_t)body->n_yields + 1, sizeof *c->result);
    c->memory = calloc((size_t)body->n_yields + 1, sizeof(Scalar));
    if (!c->interp || !c->arg || !c->stride || !c->number || !c->result || !c->memory)
        return false;
    for (uint32_t i = 0; i < body->n_yields; i++)
        c->result[i] = c->memory + i * sizeof(Scalar);
    return true;
}

static void
check_close(Check *c)
{
    interp_free(c->interp);
    free(c->arg);
    free(c->stride);
    free(c->number);
    free(c->result);
    free(c->memory);
    arena_free(&c->arena);
}

static bool
holds(const Check *c, const ProgramRequirement *r)
{
    return !r->before || *(const bool *)c->result[r->result];
}

static bool
all_hold(const Check *c)
{
    const Program *p = &c->values->kernel->program->program;

    for (size_t i = 0; i < p->n_requirement; i++)
        if (!holds(c, &p->requirement[i]))
            return false;
    return true;
}

/* Goes through the rows, up to the first at which something does not hold. */
static InterpStatus
run(Check *c)
{
    const InterpPlace place = {.step = 0};
    InterpStatus status = INTERP_OK;

    do {
        status = interp_run(c->interp, c->f, &place, c->arg, c->result);
        if (status != INTERP_OK || !all_hold(c))
            return status;
        for (uint32_t i = 0; i < c->f->region[0].n_params; i++)
            if (c->stride[i])
                c->arg[i] = (const char *)c->arg[i] + c->stride[i];
    } while (++c->row < c->n_rows);
    return status;
}

/* ---- in words */

static double
shown(const Check *c, const ProgramRequirement *r, size_t i)
{
    return *(const double *)c->result[r->result + 1 + i];
}

/* A number of f32 or f64, or a whole one. */
static const char *
number(Check *c, double x)
{
    return isnan(x)
               ? "nan"
               : arena_printf(&c->arena, fabs(x) < 1e15 && x == rint(x) ? "%.0f" : "%.7g", x);
}

static const char *
numbers(Check *c, const ProgramRequirement *r)
{
    const char *text = "";

    for (size_t i = 0; i < r->n_shown; i++) {
        const char *value = number(c, shown(c, r, i));
        if (strcmp(value, r->shown[i]) != 0) /* else it is written as it is */
            text = arena_printf(&c->arena, "%s%s%s is %s", text, *text ? ", " : ": ",
                                r->shown[i], value);
    }
    return text;
}

static const char *
place(Check *c, const ProgramRequirement *r)
{
    const char *row = c->n_rows ? arena_printf(&c->arena, ", in row %llu of the data",
                                               (unsigned long long)c->row)
                                : "";
    if (!r->placed)
        return row;
    return arena_printf(&c->arena, "%s, first at position %s", row,
                        number(c, shown(c, r, r->n_shown)));
}

static void
say_one(Check *c, const ProgramRequirement *r)
{
    const char *where = place(c, r);

    c->of_data |= r->of_data;
    if (r->text)
        diag_add(&c->diags, DIAG_require_condition, r->span, r->text, numbers(c, r), where);
    else
        diag_add(&c->diags, DIAG_require_index, r->span, r->shown[0], number(c, shown(c, r, 0)),
                 (long long)r->size, where);
}

static void
say(void *user)
{
    Check *c = user;
    const Program *p = &c->values->kernel->program->program;

    c->diags =
        (DiagList){.arena = &c->arena, .sources = &c->values->kernel->program->reading.sources};
    for (size_t i = 0; i < p->n_requirement; i++)
        if (!holds(c, &p->requirement[i]))
            say_one(c, &p->requirement[i]);
}

static EbmStatus
check(Check *c, EbmReport **ret_report)
{
    if (!check_open(c))
        return report_memory(ret_report);
    EbmStatus status = bind_args(c, ret_report);
    if (status != EBM_OK)
        return status;
    InterpStatus done = run(c);
    if (done != INTERP_OK)
        return report_say(ret_report,
                          done == INTERP_MEMORY ? EBM_MEMORY_ERROR : EBM_INTERNAL_ERROR, NULL,
                          "requirements: %s", interp_status_text(done));
    if (all_hold(c))
        return report_nothing(ret_report);
    if (!arena_guard(&c->arena, say, c))
        return report_memory(ret_report);
    return report_diags_as(ret_report, &c->diags,
                           c->of_data ? EBM_RANGE_ERROR : EBM_ARGUMENT_ERROR);
}

EbmStatus
requirements_check(const Values *v, const ValueRows *rows, EbmReport **ret_report)
{
    Check c = {
        .values = v,
        .rows = rows,
        .f = module_find(v->kernel->program->program.module, "require"),
    };

    if (!c.f)
        return report_nothing(ret_report);
    EbmStatus status = check(&c, ret_report);
    check_close(&c);
    return status;
}
