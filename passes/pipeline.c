/* SPDX-License-Identifier: Apache-2.0
 *
 * pipeline.c -- what the compiler does, in order, and the driver that does it
 */
#include "passes/pass.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const PassInfo pass_info[PASS_COUNT] = {
#define PASS(name, words) {#name, words, pass_##name},
#include "passes/passes.def"
};

static const PassId middle[] = {
    PASS_derive,   /* no derivative operators from here on */
    PASS_inline,   /* no calls */
    PASS_simplify, /* what inlining showed */
    PASS_simplify, /* what moving out of loops showed */
    PASS_merge,    /* a loop and its reverse compute what both need once */
    PASS_factor,   /* gradients of what loops multiply by are products */
    PASS_gather,   /* sums over the batch are sums over arrays */
    PASS_phases,   /* a training step is a function a phase */
    PASS_flatten,  /* derivatives are taken: small branches may go */
    PASS_powers,   /* the largest of scaled values is scaled once */
    PASS_fma,      /* the one change of rounding */
    PASS_own,      /* updates in place */
};

const Pipeline pipeline_middle = {middle, sizeof middle / sizeof *middle};

static const PassId loops[] = {
    PASS_lower,   /* loops over scalars, and rows put into arrays, from here on */
    PASS_compact, /* what no loop reads */
    PASS_strip,   /* long loops in pieces that stay in cache */
    PASS_expand,  /* machine operations alone */
    PASS_compact, /* what folded away */
};

const Pipeline pipeline_loops = {loops, sizeof loops / sizeof *loops};

/* ---- the driver */

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The printed text, in the arena; NULL when there is no memory for it. */
static char *
print_text(const Module *m, Arena *arena)
{
    char *text = NULL, *copy = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    ir_print(m, out);
    if (fclose(out) == 0)
        copy = arena_strndup(arena, text, size);
    free(text);
    return copy;
}

static void
print_changed(const Module *before, const Module *after, const char *name, const PassOptions *o,
              FILE *log)
{
    char *old = print_text(before, o->arena), *new = print_text(after, o->arena);

    if (old && new &&strcmp(old, new) != 0)
        fprintf(log, "; after %s\n%s", name, new);
}

static bool
wants_verify(const PassOptions *o)
{
#ifdef NDEBUG
    return o->verify;
#else
    (void)o;
    return true;
#endif
}

/* One pass.  Updates are made safe before anything looks at the module. */
static Module *
run_one(const Module *m, PassId id, PassContext *ctx)
{
    Module *next = pass_info[id].run(m, ctx);

    return next && id != PASS_own ? pass_own(next, ctx) : next;
}

Module *
pass_run(const Module *m, const PassId *order, size_t n, const PassOptions *o)
{
    PassContext ctx = {o->arena, o->diags};
    FILE *log = o->log ? o->log : stderr;

    for (size_t i = 0; m && i < n; i++) {
        const PassInfo *p = &pass_info[order[i]];
        if (o->skip && strcmp(o->skip, p->name) == 0)
            continue;
        double start = seconds();
        const Module *next = run_one(m, order[i], &ctx);
        if (next && o->time)
            fprintf(log, "; %-9s %8.3f ms  %llu -> %llu nodes\n", p->name,
                    1e3 * (seconds() - start), (unsigned long long)m->n_nodes,
                    (unsigned long long)next->n_nodes);
        if (next && o->print)
            print_changed(m, next, p->name, o, log);
        if (next && wants_verify(o) && !ir_verify(next, log)) {
            fprintf(log, "; broken by pass '%s'\n", p->name);
            return NULL;
        }
        m = next;
        if (o->stop && strcmp(o->stop, p->name) == 0)
            break;
    }
    return (Module *)(uintptr_t)m;
}

/* ---- passes by name */

static bool
find_pass(const char *name, size_t size, PassId *ret)
{
    for (int i = 0; i < PASS_COUNT; i++)
        if (strlen(pass_info[i].name) == size && memcmp(pass_info[i].name, name, size) == 0) {
            *ret = (PassId)i;
            return true;
        }
    return false;
}

Module *
pass_run_list(const Module *m, const char *names, const PassOptions *o,
              const char **ret_unknown)
{
    size_t n = 0, cap = strlen(names) / 2 + 1;
    PassId *order = arena_array(o->arena, PassId, cap + 1);

    *ret_unknown = NULL;
    while (*names) {
        size_t size = strcspn(names, ",");
        if (!find_pass(names, size, &order[n++])) {
            *ret_unknown = arena_strndup(o->arena, names, size);
            return NULL;
        }
        names += size + (names[size] == ',');
    }
    return pass_run(m, order, n, o);
}
