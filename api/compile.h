/* SPDX-License-Identifier: Apache-2.0
 *
 * compile.h -- the stages between an elaborated program and its kernel.
 */
#ifndef EBM_API_COMPILE_H
#define EBM_API_COMPILE_H

#include <stdio.h>

#include "api/program.h"
#include "backends/llvm/llvm_backend.h"

typedef struct Compilation {
    Arena arena;
    const EbmProgram *program;
    EbmStage stage;  /* how far to go: _ir, _grad, _loops, or _llvm for the image */
    KernelSpec spec; /* for the image */
    DiagList diags;
    RtError error;
    FILE *log; /* of passes; holds text only when one of them broke the module */
    char *log_text;
    size_t log_size;
    const Module *module; /* of the last stage before the image */
    KernelImage image;
} Compilation;

/* Goes through the stages.  Give back with compilation_close whatever it gives. */
EbmStatus compilation_run(Compilation *c, EbmReport **ret_report);
void compilation_close(Compilation *c);

#endif
