/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.c -- why a step was not taken
 *
 * The chain is moved to that step again by the kernel, which makes the same bits, and the step
 * itself by the interpreter, which notices where numbers stop being finite.  What the step was
 * given so, beside x, has been so since the chain started: then the start is made again.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/run.h"

typedef struct Explanation {
    EbmRun *run;
    uint64_t chain, step;
    Compilation compilation; /* unless the kernel is the interpreter's */
    const Interpreter *interpreter;
    unsigned char *record[2]; /* as the kernel lays states out, and the interpreter */
    double *hyper;            /* both in the interpreter's order */
    const void **input;
    unsigned char **condition;
    InterpBreak broken;
    const char *started; /* the state that the start made so, if it broke there */
    Arena arena;
    DiagList diags;
} Explanation;

/* ---- the step again */

static void
make_interpreter(void *user)
{
    Explanation *x = user;
    x->interpreter = interpreter_new(&x->compilation.arena, x->compilation.module, 0);
}

static EbmStatus
find_interpreter(Explanation *x, EbmReport **ret_report)
{
    const EbmKernel *kernel = x->run->kernel;

    if (kernel->compilation.module) {
        x->interpreter = kernel->engine.user;
        return EBM_OK;
    }
    x->compilation.program = kernel->program;
    x->compilation.stage = EBM_STAGE_grad;
    EbmReport *warnings = NULL;
    EbmStatus status = compilation_run(&x->compilation, ret_report ? &warnings : NULL);
    if (status != EBM_OK) {
        if (ret_report)
            *ret_report = warnings;
        return status;
    }
    ebm_report_free(warnings); /* the kernel's maker has given them */
    return arena_guard(&x->compilation.arena, make_interpreter, x) ? EBM_OK
                                                                   : report_memory(ret_report);
}

static bool
allocate(Explanation *x)
{
    const EbmManifest *m[2] = {x->run->kernel->engine.manifest, &x->interpreter->manifest};

    for (int i = 0; i < 2; i++)
        x->record[i] = aligned_alloc(64, (m[i]->state_bytes + 64) / 64 * 64);
    x->hyper = calloc((size_t)m[1]->n_hyper + 1, sizeof *x->hyper);
    x->input = calloc((size_t)m[1]->n_inputs + 1, sizeof *x->input);
    x->condition = calloc((size_t)m[1]->n_exchange + 1, sizeof *x->condition);
    return x->record[0] && x->record[1] && x->hyper && x->input && x->condition;
}

static void
copy_states(Explanation *x)
{
    const EbmManifest *from = x->run->kernel->engine.manifest, *to = &x->interpreter->manifest;

    for (uint32_t i = 0; i < to->n_state; i++)
        for (uint32_t k = 0; k < from->n_state; k++)
            if (strcmp(to->state[i].name, from->state[k].name) == 0)
                memcpy(x->record[1] + to->state[i].offset, x->record[0] + from->state[k].offset,
                       to->state[i].count * EBM_BLOCK * dtype_size((DType)to->state[i].dtype));
}

/* What the interpreter reads and the kernel does not is used by neither. */
static void
copy_inputs(Explanation *x, EbmLaunch *launch)
{
    const EbmManifest *from = x->run->kernel->engine.manifest, *to = &x->interpreter->manifest;

    for (uint32_t i = 0; i < to->n_hyper; i++)
        for (uint32_t k = 0; k < from->n_hyper; k++)
            if (strcmp(to->hyper[i].name, from->hyper[k].name) == 0)
                x->hyper[i] = launch->hyper[k];
    for (uint32_t i = 0; i < to->n_inputs; i++)
        for (size_t k = 0; k < x->run->values.n_bound; k++)
            if (strcmp(to->input[i].name, x->run->values.bound[k].name) == 0)
                x->input[i] = x->run->values.bound[k].value.data;
    for (uint32_t i = 0; i < to->n_exchange; i++)
        for (uint32_t k = 0; k < from->n_exchange; k++)
            if (strcmp(to->exchange[i].slot.name, from->exchange[k].slot.name) == 0)
                x->condition[i] = launch->exchange[k];
    launch->hyper = x->hyper;
    launch->input = x->input;
    launch->exchange = x->condition;
}

static bool
trace(Explanation *x, EbmEntry entry, InterpBreak *ret, RtError *error)
{
    EbmLaunch launch = rt_run_launch(x->run->run, entry);

    copy_inputs(x, &launch);
    return interpreter_trace(x->interpreter, entry, &launch, x->record[1], x->chain, x->step,
                             ret, error);
}

/* The input that broke, if it is of this kind. */
static const Input *
broken_input(const Explanation *x, InputKind kind)
{
    const InterpBreak *b = &x->broken;
    bool input = b->node && b->node->op == OP_arg;

    return input && b->function->input[b->node->attr.i].kind == kind
               ? &b->function->input[b->node->attr.i]
               : NULL;
}

/* A chain that has not moved starts as it did. */
static bool
trace_start(Explanation *x, RtError *error)
{
    const Input *state = broken_input(x, INPUT_state);
    InterpBreak start = {0};

    if (!state)
        return true;
    if (!trace(x, EBM_ENTRY_start, &start, error))
        return false;
    if (start.node) {
        x->broken = start;
        x->started = state->name;
    }
    return true;
}

static EbmStatus
repeat(Explanation *x, EbmReport **ret_report)
{
    RtError error = {0};
    EbmStatus status = values_bind(&x->run->values, NULL, ret_report);

    if (status == EBM_OK)
        status = find_interpreter(x, ret_report);
    if (status != EBM_OK)
        return status;
    if (!allocate(x))
        return report_memory(ret_report);
    if (!rt_run_replay(x->run->run, x->chain, x->step, x->record[0], &error))
        return report_error(ret_report, &error);
    copy_states(x);
    if (!trace(x, EBM_ENTRY_sample, &x->broken, &error) || !trace_start(x, &error))
        return report_error(ret_report, &error);
    return EBM_OK;
}

/* ---- in words */

static const char *
number(Arena *a, double x)
{
    return isnan(x) ? "nan" : arena_printf(a, "%.6g", x);
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Which operand a letter of an op's words stands for, or -1. */
static int
operand_at(const char *words, const char *at)
{
    bool alone = is_letter(*at) && !is_letter(at[1]) && (at == words || !is_letter(at[-1]));

    return alone && *at >= 'x' && *at <= 'z' ? *at - 'x' : -1;
}

/* "x / y" with numbers, of ops whose words begin as such a formula; NULL of others. */
static const char *
formula(Arena *a, const InterpBreak *b)
{
    const char *words = op_info[b->node->op].words, *text = "";
    size_t size = strcspn(words, ",;:");

    if (operand_at(words, words) < 0)
        return NULL;
    for (const char *at = words; at < words + size; at++) {
        int i = operand_at(words, at);
        double x = i >= 0 ? b->operand[i] : 0;
        if (i >= 0)
            text = arena_printf(a, x < 0 ? "%s(%s)" : "%s%s", text, number(a, x));
        else
            text = arena_printf(a, "%s%c", text, *at);
    }
    return text;
}

static const char *
call(Arena *a, const InterpBreak *b)
{
    const char *text = op_info[b->node->op].name;

    for (uint32_t i = 0; i < b->n_operands; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "(", number(a, b->operand[i]));
    return arena_printf(a, "%s)", text);
}

/* " in element [1, 2]"; nothing of a number. */
static const char *
element(Arena *a, const InterpBreak *b)
{
    uint64_t index[MAX_RANK], rest = b->element;
    const char *text = "";

    for (unsigned k = b->type.rank; k-- > 0; rest /= b->type.dim[k])
        index[k] = rest % b->type.dim[k];
    for (unsigned k = 0; k < b->type.rank; k++)
        text = arena_printf(a, "%s%s%" PRIu64, text, k ? ", " : " in element [", index[k]);
    return b->type.rank ? arena_printf(a, "%s]", text) : "";
}

/* The text of the requirement whose factor is 0 / 0; NULL: something else broke. */
static const char *
requirement(const Explanation *x)
{
    const Program *p = &x->run->kernel->program->program;
    Span at = x->broken.node->span;

    for (size_t i = 0; x->broken.node->op == OP_div && i < p->n_requirement; i++) {
        const ProgramRequirement *r = &p->requirement[i];
        if (!r->before && r->span.file == at.file && r->span.begin == at.begin &&
            r->span.end == at.end)
            return r->text;
    }
    return NULL;
}

static const char *
what_broke(Explanation *x)
{
    Arena *a = &x->arena;
    const InterpBreak *b = &x->broken;
    const char *value = number(a, b->value), *where = element(a, b);

    const char *required = requirement(x);
    if (required)
        return arena_printf(a, "'require' does not hold here: %s", required);
    switch (b->node->op) {
    case OP_arg:
        return arena_printf(a, "'%s' is %s already%s", b->function->input[b->node->attr.i].name,
                            value, where);
    case OP_const:
        return arena_printf(a, "the program has the constant %s here%s", value, where);
    case OP_at:
    case OP_take: return arena_printf(a, "an index out of range gives %s%s", value, where);
    default: break;
    }
    if (b->n_operands == 0)
        return arena_printf(a,
                            "this or its derivative is %s, though what it is made of is "
                            "finite%s",
                            value, where);
    const char *text = formula(a, b);
    return arena_printf(a, "in this or its derivative, %s is %s%s", text ? text : call(a, b),
                        value, where);
}

/* An input stands nowhere in the text. */
static Span
place(const InterpBreak *b)
{
    return b->node->op == OP_arg ? (Span){0} : b->node->span;
}

static void
say(void *user)
{
    Explanation *x = user;

    x->diags =
        (DiagList){.arena = &x->arena, .sources = &x->run->kernel->program->reading.sources};
    if (!x->broken.node)
        return;
    const char *what = what_broke(x);
    if (x->started)
        what =
            arena_printf(&x->arena, "'%s' was not finite from the start: %s", x->started, what);
    diag_add(&x->diags, DIAG_step_not_finite, place(&x->broken), (unsigned long long)x->step,
             (unsigned long long)x->chain, what);
}

EbmStatus
ebm_run_explain(EbmRun *run, EbmReport **ret_report)
{
    EbmRejected lost = EBM_REJECTED_INIT;
    Explanation x = {.run = run};

    ebm_run_rejected(run, &lost, NULL);
    if (lost.total == 0)
        return report_nothing(ret_report);
    x.chain = lost.first_chain;
    x.step = lost.first_step;
    EbmStatus status = repeat(&x, ret_report);
    if (status == EBM_OK)
        status = arena_guard(&x.arena, say, &x) ? report_diags(ret_report, &x.diags)
                                                : report_memory(ret_report);
    for (int i = 0; i < 2; i++)
        free(x.record[i]);
    free(x.hyper);
    free(x.input);
    free(x.condition);
    compilation_close(&x.compilation);
    arena_free(&x.arena);
    return status;
}
