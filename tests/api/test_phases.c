/* SPDX-License-Identifier: Apache-2.0
 *
 * test_phases.c -- training steps that the reference interpreter runs
 *
 * usage: test_phases fit.ir
 * The program is that of engine.h, whose phases are C: both must give the same bits.
 */
#include "tests/runtime/engine.h"

#include "api/interpret.h"

typedef struct Interpreting {
    Arena arena;
    const char *path;
    const Interpreter *interpreter;
} Interpreting;

static Interpreting in;

static void
read_program(void *user)
{
    Interpreting *i = user;
    SourceMap sources = {.arena = &i->arena};
    DiagList diags = {.arena = &i->arena, .sources = &sources};
    size_t size;
    char *text = slurp(i->path, &size);
    uint32_t file = source_add(&sources, i->path, text, size);
    const Module *m = ir_read(&i->arena, &sources, file, &diags);

    diag_render(&diags, stderr);
    if (m)
        i->interpreter = interpreter_new(&i->arena, m, FIT_BATCH);
    free(text);
}

static void
test_read(void)
{
    CU_ASSERT_FATAL(arena_guard(&in.arena, read_program, &in));
    CU_ASSERT_PTR_NOT_NULL_FATAL(in.interpreter);
}

/* The index of an exchange, or n_exchange. */
static uint32_t
find(const EbmManifest *m, const char *name, EbmRole role)
{
    uint32_t i = 0;

    while (i < m->n_exchange && (m->exchange[i].role != (uint32_t)role ||
                                 strcmp(m->exchange[i].slot.name, name) != 0))
        i++;
    return i;
}

static void
test_manifest(void)
{
    const EbmManifest *m = &in.interpreter->manifest;
    static const uint32_t group[] = {EBM_GROUP_memory, EBM_GROUP_slots, EBM_GROUP_step,
                                     EBM_GROUP_step};
    static const uint32_t kind[] = {EBM_PHASE_whole, EBM_PHASE_points, EBM_PHASE_points,
                                    EBM_PHASE_whole};

    CU_ASSERT_EQUAL_FATAL(m->n_phases, 4);
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(m->phase[i].group, group[i]);
        CU_ASSERT_EQUAL(m->phase[i].kind, kind[i]);
    }
    CU_ASSERT_EQUAL(m->n_exchange, FIT_EXCHANGES);
    for (unsigned i = 0; i < FIT_EXCHANGES; i++) {
        uint32_t at = find(m, fit_exchange[i].slot.name, (EbmRole)fit_exchange[i].role);
        CU_ASSERT_FATAL(at < m->n_exchange);
        CU_ASSERT_EQUAL(m->exchange[at].layout, fit_exchange[i].layout);
        CU_ASSERT_EQUAL(m->exchange[at].slot.dtype, fit_exchange[i].slot.dtype);
        CU_ASSERT_EQUAL(m->exchange[at].slot.count, fit_exchange[i].slot.count);
    }
    CU_ASSERT_EQUAL(m->n_inputs, 3);
}

/* First slots are uniform numbers, all different, and do not depend on the threads. */
static void
test_first_slots(void)
{
    RtEngine engine = interpreter_engine(in.interpreter);
    Fit *one = fit_create_with(&engine, 1, RT_POLICY_stop);
    Fit *many = fit_create_with(&engine, 3, RT_POLICY_stop);
    RtError error = {0};

    CHECK_OK(rt_training_start(one->training, &error), error);
    CHECK_OK(rt_training_start(many->training, &error), error);
    RtHeld a = rt_training_held(one->training, 2), b = rt_training_held(many->training, 2);
    const float *x = a.data;
    CU_ASSERT(a.bytes == b.bytes && memcmp(a.data, b.data, a.bytes) == 0);
    for (unsigned i = 0; i < 2 * FIT_SLOTS; i++) {
        CU_ASSERT(x[i] > 0.0f && x[i] < 1.0f);
        for (unsigned k = 0; k < i; k++)
            CU_ASSERT(x[i] != x[k]);
    }
    fit_clear(one);
    fit_clear(many);
}

static void
test_bits(void)
{
    RtEngine engine = interpreter_engine(in.interpreter);
    Fit *f[2] = {fit_create(1, RT_POLICY_stop), fit_create_with(&engine, 2, RT_POLICY_stop)};
    RtError error = {0};
    RtStepResult r[2];

    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(rt_training_start(f[i]->training, &error), error);
        RtHeld slots = rt_training_held(f[i]->training, 2);
        memset(slots.data, 0, slots.bytes);
    }
    for (unsigned t = 0; t < 30; t++) {
        for (unsigned i = 0; i < 2; i++)
            CHECK_OK(rt_training_step(f[i]->training, &r[i], &error), error);
        CU_ASSERT(r[0].loss == r[1].loss && r[0].gradient_norm == r[1].gradient_norm);
    }
    for (uint32_t h = 0; h < rt_training_held_count(f[0]->training); h++) {
        RtHeld a = rt_training_held(f[0]->training, h), b = rt_training_held(f[1]->training, h);
        CU_ASSERT_STRING_EQUAL(a.slot->name, b.slot->name);
        CU_ASSERT(a.bytes == b.bytes && memcmp(a.data, b.data, a.bytes) == 0);
    }
    fit_clear(f[0]);
    fit_clear(f[1]);
}

int
main(int argc, char **argv)
{
    static CU_TestInfo tests[] = {
        {"the program is read", test_read},
        {"the manifest lists phases and what they exchange", test_manifest},
        {"first slots", test_first_slots},
        {"the same bits as phases in C", test_bits},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"phases", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    in.path = argc > 1 ? argv[1] : "fit.ir";
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    arena_free(&in.arena);
    return failed != 0;
}
