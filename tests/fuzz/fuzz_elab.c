/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_elab.c -- any text through the whole front end
 *
 * A libFuzzer target.  Every declaration is checked, and the last energy is elaborated alone
 * and under a sampler.  A refusal says why; a module that is made is a right one.
 */
#include "frontend/program.h"
#include "tests/fuzz/front.h"

typedef struct Trial {
    Arena arena;
    const uint8_t *data;
    size_t size;
} Trial;

static void
try_program(Arena *a, const Trial *in, bool check, const char *sampler)
{
    Interner names = {.arena = a};
    SourceMap sources = {.arena = a};
    DiagList diags = {.arena = a, .sources = &sources};
    ProgramShape data[] = {{"X", type_scalar(DT_f32)}, {"y", type_scalar(DT_i32)}};
    ElabRequest rq = {.arena = a, .sources = &sources, .names = &names, .diags = &diags};
    Program p = {0};

    data[0].type.rank = 2;
    data[1].type.rank = 1;
    data[0].type.dim[0] = data[1].type.dim[0] = 3;
    data[0].type.dim[1] = 2;
    rq.data = data;
    rq.n_data = 2;
    rq.sampler = sampler;
    rq.file = source_add(&sources, "input", (const char *)in->data, in->size);
    bool ok = check ? program_check(&rq) : elaborate(&rq, &p);
    demand(ok == (diags.errors == 0));
    demand(check || !ok || ir_verify(p.module, stderr));
    try_render(&diags);
}

static void
check_all(void *user)
{
    Trial *in = user;

    try_program(&in->arena, in, true, NULL);
}

static void
elaborate_alone(void *user)
{
    Trial *in = user;

    try_program(&in->arena, in, false, NULL);
}

static void
elaborate_sampled(void *user)
{
    Trial *in = user;

    try_program(&in->arena, in, false, "mala");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const round[])(void *) = {check_all, elaborate_alone, elaborate_sampled};

    for (size_t i = 0; i < sizeof round / sizeof *round; i++) {
        Trial in = {.data = data, .size = size};
        (void)arena_guard(&in.arena, round[i], &in);
        arena_free(&in.arena);
    }
    return 0;
}
