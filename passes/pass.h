/* SPDX-License-Identifier: Apache-2.0
 *
 * pass.h -- what a pass is, and the driver that runs them.
 *
 * A pass reads one module and builds the next.  It neither prints nor times nor verifies: the
 * driver does.  What a pass cannot do for the user's program is a diagnostic and NULL.
 */
#ifndef EBM_PASSES_PASS_H
#define EBM_PASSES_PASS_H

#include "ir/ir.h"

typedef struct PassContext {
    Arena *arena;    /* the next module and all scratch space */
    DiagList *diags; /* never NULL */
} PassContext;

typedef Module *PassFn(const Module *in, PassContext *ctx);

#define PASS(name, words) PassFn pass_##name;
#include "passes/passes.def"

typedef enum PassId {
#define PASS(name, words) PASS_##name,
#include "passes/passes.def"
    PASS_COUNT
} PassId;

typedef struct PassInfo {
    const char *name, *words;
    PassFn *run;
} PassInfo;

extern const PassInfo pass_info[PASS_COUNT];

typedef struct PassOptions {
    Arena *arena;
    DiagList *diags;
    FILE *log;        /* for what follows; NULL: stderr */
    bool print;       /* the module after each pass that changed it */
    bool verify;      /* after each pass; always in builds with assertions */
    bool time;        /* of each pass, with its node counts */
    const char *skip; /* a pass to leave out, or NULL */
    const char *stop; /* the last pass to run, or NULL */
} PassOptions;

/* A constant list of passes. */
typedef struct Pipeline {
    const PassId *pass;
    size_t n;
} Pipeline;

/* From what elaboration gives to what the interpreter runs and lowering reads. */
extern const Pipeline pipeline_middle;

/* From there to the loop form that back ends read. */
extern const Pipeline pipeline_loops;

/* NULL after an error, which is among the diagnostics (or, when a pass broke the module, on the
 * log). */
Module *pass_run(const Module *m, const PassId *order, size_t n, const PassOptions *options);

/* The same for names with commas between; NULL also when a name is none: *ret_unknown is it. */
Module *pass_run_list(const Module *m, const char *names, const PassOptions *options,
                      const char **ret_unknown);

#endif
