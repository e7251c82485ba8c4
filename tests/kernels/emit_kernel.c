/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_kernel.c -- prints programs as LLVM's text or assembly for a machine that need not be
 * this one
 *
 * emit_kernel asm FILE ENERGY SAMPLER: one program.
 * emit_kernel llvm: those of the standard library, each behind a line "program: NAME".
 */
#include <stdio.h>
#include <string.h>

#include "tests/kernels/library.h"

enum { LANES = 16 };

typedef struct Printing {
    EbmStage stage;
    bool failed;
} Printing;

static void
print_program(void *user, const Task *task)
{
    Printing *p = user;
    EbmProgram *program = task_program(task);
    EbmKernelOptions options = EBM_KERNEL_OPTIONS_INIT;
    EbmText *text = NULL;
    EbmReport *report = NULL;

    options.cpu = "x86-64-v4";
    options.lanes = LANES;
    options.cache = EBM_CACHE_off;
    if (program && ebm_emit(program, p->stage, &options, &text, &report) == EBM_OK) {
        printf("program: %s\n%s", task->name, ebm_text_data(text));
    } else {
        fprintf(stderr, "%s: %s", task->name, ebm_report_text(report));
        p->failed = true;
    }
    ebm_text_free(text);
    ebm_report_free(report);
    ebm_program_free(program);
}

int
main(int argc, char **argv)
{
    Printing p = {.stage = argc > 4 ? EBM_STAGE_asm : EBM_STAGE_llvm};

    if (argc > 4 && strcmp(argv[1], "asm") == 0) {
        Task task = {.file = argv[2], .name = argv[3], .energy = argv[3], .sampler = argv[4]};
        task.dtype = EBM_TYPE_f32;
        print_program(&p, &task);
    } else if (argc == 2 && strcmp(argv[1], "llvm") == 0) {
        p.failed = !library_visit(print_program, &p);
    } else {
        fprintf(stderr, "usage: emit_kernel asm FILE ENERGY SAMPLER, or emit_kernel llvm\n");
        return 2;
    }
    return p.failed;
}
