/* SPDX-License-Identifier: Apache-2.0
 *
 * compile.c -- the stages between an elaborated program and its kernel
 */
#include "api/compile.h"

#include <stdlib.h>
#include <string.h>

#include "api/backend.h"
#include "api/report.h"
#include "passes/pass.h"

static const Module *
run_passes(Compilation *c, const Module *m, const PassId *pass, size_t n)
{
    PassOptions options = {.arena = &c->arena, .diags = &c->diags, .log = c->log};
    return pass_run(m, pass, n, &options);
}

/* Without a function that no kernel runs, what that one reads is not asked for.  Nothing may
 * call anything, as calls name functions by their place. */
static const Module *
drop(Arena *arena, const Module *m, const char *name)
{
    Module *rest = arena_new(arena, Module);

    *rest = *m;
    rest->function = arena_array(arena, Function *, m->n + 1);
    rest->n = 0;
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->function[i]->name, name) != 0)
            rest->function[rest->n++] = m->function[i];
    return rest;
}

static void
make_module(void *user)
{
    Compilation *c = user;

    c->diags = (DiagList){.arena = &c->arena, .sources = &c->program->reading.sources};
    c->module = c->program->program.module;
    if (c->stage >= EBM_STAGE_grad)
        c->module = run_passes(c, c->module, pipeline_middle.pass, pipeline_middle.n);
    if (c->module && c->stage >= EBM_STAGE_grad)
        c->module = drop(&c->arena, c->module, "require"); /* the interpreter runs it */
    if (c->module && c->stage >= EBM_STAGE_grad && c->program->program.has_train)
        c->module = drop(&c->arena, c->module, "eval"); /* a training evaluates no energies */
    if (c->module && c->stage >= EBM_STAGE_loops)
        c->module = run_passes(c, c->module, pipeline_loops.pass, pipeline_loops.n);
}

static void
make_image(void *user)
{
    Compilation *c = user;
    const Backend *backend = backend_open(&c->error);

    if (backend)
        backend->compile(c->module, &c->spec, &c->arena, &c->image, &c->diags);
}

static bool
guard_image(Compilation *c)
{
    backend_lock();
    bool done = arena_guard(&c->arena, make_image, c);
    backend_unlock();
    return done;
}

EbmStatus
compilation_run(Compilation *c, EbmReport **ret_report)
{
    bool images = c->stage >= EBM_STAGE_llvm;

    c->log = open_memstream(&c->log_text, &c->log_size);
    if (!c->log)
        return report_memory(ret_report);
    bool done = arena_guard(&c->arena, make_module, c);
    if (done && images && c->module && !c->diags.errors)
        done = guard_image(c);
    fflush(c->log);
    if (!done)
        return report_memory(ret_report);
    if (c->error.code != RT_OK)
        return report_error(ret_report, &c->error);
    EbmStatus status = report_diags(ret_report, &c->diags);
    if (status == EBM_OK && (!c->module || (images && !c->image.bytes)))
        return report_say(ret_report, EBM_INTERNAL_ERROR, NULL,
                          "the compiler failed on this program: %s",
                          c->log_size ? c->log_text : "no reason given");
    return status;
}

void
compilation_close(Compilation *c)
{
    if (c->log)
        fclose(c->log);
    free(c->log_text);
    arena_free(&c->arena);
}
