/* SPDX-License-Identifier: Apache-2.0
 *
 * measure_training.c -- how fast the phases of a training step run
 *
 * measure_training FILE batch [cpu lanes level]: IR text in which every @B@ is the batch;
 * seconds a run of each phase.  SHOW=asm or SHOW=llvm prints the kernel.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/llvm/training.h"

static char *
read_file(Arena *arena, const char *path)
{
    enum { MOST = 1 << 20 };
    char *text = arena_alloc(arena, MOST, 1);
    FILE *f = fopen(path, "r");

    text[f ? fread(text, 1, MOST - 1, f) : 0] = 0;
    if (f)
        fclose(f);
    return text;
}

typedef struct Job {
    Arena arena;
    const char *path;
    KernelSpec spec;
} Job;

static void
measure(void *user)
{
    Job *j = user;
    Module *m = training_read(&j->arena, read_file(&j->arena, j->path), j->spec.batch);
    Module *loops = m ? training_loops(&j->arena, m) : NULL;

    if (loops)
        training_measure(&j->arena, loops, &j->spec);
}

int
main(int argc, char **argv)
{
    Job j = {.path = argc > 1 ? argv[1] : "/dev/stdin"};

    j.spec.batch = argc > 2 ? (uint32_t)atoi(argv[2]) : 256;
    j.spec.cpu = argc > 3 ? argv[3] : "host";
    j.spec.lanes = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
    j.spec.level = argc > 5 ? (unsigned)atoi(argv[5]) : 1;
    j.spec.want_llvm = j.spec.want_asm = getenv("SHOW") != NULL;
    arena_guard(&j.arena, measure, &j);
    arena_free(&j.arena);
    return 0;
}
