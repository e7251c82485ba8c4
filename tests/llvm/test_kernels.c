/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kernels.c -- kernels give the bits of the interpreter
 *
 * test_kernels [first seed] [programs]: random programs, at every number of lanes and both
 * levels, for two instruction sets where this machine has them.  A failure prints the seed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/llvm/llvm_backend.h"
#include "ir/interp.h"
#include "tests/llvm/programs.h"
#include "tests/llvm/random_program.h"

enum {
    BLOCKS = 4, /* the last one is there to make a pair */
    CHAINS = 37,
    STEPS = 7,
    WARMUP = 2,
    THIN = 2,
    KEPT = 2,
    SLOTS = 8,
    VALUES = 64
};

/* What both sides are given. */
typedef struct Case {
    const char *name;
    const Module *m;
    double hyper[2];
    float w[20 * 17], weights[5][64 * 64];
    double v[9];
    int32_t q[6];
} Case;

static void *
zeroed(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) & ~(size_t)63);

    memset(p, 0, (bytes + 127) & ~(size_t)63);
    return p;
}

static float
small_number(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return ((float)(*state >> 8) * 0x1p-24f - 0.5f) * 3;
}

static void
fill_case(Case *c, unsigned state)
{
    for (int i = 0; i < 20 * 17; i++)
        c->w[i] = small_number(&state);
    for (int i = 0; i < 9; i++)
        c->v[i] = (double)small_number(&state) / 3;
    for (int i = 0; i < 6; i++)
        c->q[i] = (int32_t)(small_number(&state) * 10);
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < 64 * 64; i++)
            c->weights[k][i] = small_number(&state) / 5;
    c->hyper[0] = 0.01;
    c->hyper[1] = 3;
}

static const void *
input_named(const Case *c, const char *name)
{
    static const char *const weights[] = {"w1", "b1", "w2", "b2", "w3"};

    for (int k = 0; k < 5; k++)
        if (strcmp(name, weights[k]) == 0)
            return c->weights[k];
    return strcmp(name, "w") == 0   ? (const void *)c->w
           : strcmp(name, "v") == 0 ? (const void *)c->v
                                    : (const void *)c->q;
}

static double
hyper_named(const Case *c, const char *name)
{
    return c->hyper[strcmp(name, "n") == 0];
}

/* ---- the interpreter's side */

typedef struct Expected {
    InterpStatus status;
    const Function *step, *eval;
    unsigned char *state[SLOTS]; /* [chain][elements] */
    unsigned char *draws;
    double *reports;
    uint64_t rejected[CHAINS], first_rejected[CHAINS];
    unsigned char *value[VALUES]; /* [chain][elements] */
} Expected;

static size_t
bytes_of(Type t)
{
    return type_size(t) * dtype_size((DType)t.dtype);
}

static Type
result_type(const Function *f, uint32_t i)
{
    return ir_type(f, f->region[0].yield[i]);
}

static uint32_t
n_kept_values(const Function *step)
{
    uint32_t n = 0;

    while (n < step->region[0].n_yields && step->output[n].kind != OUTPUT_report)
        n++;
    return n;
}

static void
expect_eval(const Case *c, Interp *s, Expected *x)
{
    const Function *f = x->eval;
    const Region *body = &f->region[0];
    InterpPlace place = {.step = 0};
    Scalar number[16];
    const void *arg[16];

    interp_key(1, PURPOSE_sample, place.key);
    for (uint32_t r = 0; r < body->n_yields; r++)
        x->value[r] = zeroed(CHAINS * bytes_of(result_type(f, r)));
    for (uint64_t chain = 0; chain < CHAINS && x->status == INTERP_OK; chain++) {
        for (uint32_t i = 0; i < body->n_params; i++) {
            Type t = ir_type(f, body->param[i]);
            const char *name = f->input[i].name;
            number[i] = scalar_from_double(hyper_named(c, name), (DType)t.dtype);
            arg[i] = f->input[i].kind == INPUT_x       ? x->state[0] + chain * bytes_of(t)
                     : f->input[i].kind == INPUT_hyper ? (const void *)&number[i]
                                                       : input_named(c, name);
        }
        void *result[VALUES];
        for (uint32_t r = 0; r < body->n_yields; r++)
            result[r] = x->value[r] + chain * bytes_of(result_type(f, r));
        place.chain = chain;
        x->status = interp_run(s, f, &place, arg, result);
    }
}

static void
expect(const Case *c, Expected *x)
{
    Interp *s = interp_new(c->m, NULL);
    InterpInput input[32];
    size_t n = 0;

    x->step = module_find(c->m, "step");
    x->eval = module_find(c->m, "eval");
    for (uint32_t i = 0; i < x->step->region[0].n_params; i++) {
        const Input *in = &x->step->input[i];
        bool hyper = in->kind == INPUT_hyper;
        if (hyper || in->kind == INPUT_data || in->kind == INPUT_param)
            input[n++] = (InterpInput){
                in->name, in->kind,
                hyper ? &c->hyper[strcmp(in->name, "n") == 0] : input_named(c, in->name), 0};
    }
    for (uint32_t k = 0; k < n_kept_values(x->step); k++)
        x->state[k] = zeroed(CHAINS * bytes_of(result_type(x->step, k)));
    x->draws = zeroed(CHAINS * KEPT * bytes_of(result_type(x->step, 0)));
    x->reports = zeroed(CHAINS * KEPT * 8 * 8);
    for (int i = 0; i < CHAINS; i++)
        x->first_rejected[i] = UINT64_MAX;
    InterpSample sample = {.start = module_find(c->m, "start"),
                           .step = x->step,
                           .seed = 1,
                           .n_chains = CHAINS,
                           .last_step = STEPS,
                           .n_steps = STEPS,
                           .n_warmup = WARMUP,
                           .thin = THIN,
                           .input = input,
                           .n_inputs = n,
                           .state = (void *const *)x->state,
                           .draws = x->draws,
                           .reports = x->reports,
                           .kept_room = KEPT,
                           .rejected = x->rejected,
                           .first_rejected = x->first_rejected};
    x->status = interp_sample(s, &sample);
    if (x->status == INTERP_OK)
        expect_eval(c, s, x);
    interp_free(s);
}

static void
expected_clear(Expected *x)
{
    for (int k = 0; k < SLOTS; k++)
        free(x->state[k]);
    free(x->draws);
    free(x->reports);
    for (int k = 0; k < VALUES; k++)
        free(x->value[k]);
}

/* ---- comparison */

typedef struct Judge {
    const Case *c;
    const KernelSpec *spec;
    unsigned failures;
} Judge;

static bool
is_nan(DType d, Scalar s)
{
    return (d == DT_f32 && isnan(s.f32)) || (d == DT_f64 && isnan(s.f64));
}

static void
same(Judge *j, const char *what, uint64_t chain, uint64_t element, DType d, const void *want,
     const void *got)
{
    Scalar x = {.bits = 0}, y = {.bits = 0};

    memcpy(&x, want, dtype_size(d));
    memcpy(&y, got, dtype_size(d));
    if (x.bits == y.bits || (is_nan(d, x) && is_nan(d, y)))
        return;
    if (j->failures++ < 3)
        printf("%s (%s, %u lanes, level %u): %s of chain %llu, element %llu: expected %.17g, "
               "found %.17g\n",
               j->c->name, j->spec->cpu, j->spec->lanes, j->spec->level, what,
               (unsigned long long)chain, (unsigned long long)element, scalar_to_double(x, d),
               scalar_to_double(y, d));
}

/* A value as the kernel keeps it against [chain][elements]. */
static void
same_value(Judge *j, const char *what, Type t, const unsigned char *want,
           const unsigned char *records, uint64_t record_bytes, uint64_t offset)
{
    unsigned size = dtype_size((DType)t.dtype);
    uint64_t n = type_size(t);

    for (uint64_t chain = 0; chain < CHAINS; chain++)
        for (uint64_t e = 0; e < n; e++)
            same(j, what, chain, e, (DType)t.dtype, want + (chain * n + e) * size,
                 records + chain / EBM_BLOCK * record_bytes + offset +
                     (e * EBM_BLOCK + chain % EBM_BLOCK) * size);
}

static void
same_kept(Judge *j, const Expected *x, const EbmLaunch *l, const EbmManifest *m)
{
    Type t = result_type(x->step, 0);
    uint64_t n = type_size(t), size = dtype_size((DType)t.dtype), reports = m->n_reports;

    for (uint64_t chain = 0; chain < CHAINS; chain++)
        for (uint64_t k = 0; k < KEPT; k++) {
            uint64_t block = chain / EBM_BLOCK * KEPT + k, lane = chain % EBM_BLOCK;
            for (uint64_t e = 0; e < n; e++)
                same(j, "a draw", chain, e, (DType)t.dtype,
                     x->draws + ((chain * KEPT + k) * n + e) * size,
                     l->draws + block * m->x_bytes + (e * EBM_BLOCK + lane) * size);
            for (uint64_t r = 0; r < reports; r++)
                same(j, "a report", chain, r, DT_f64,
                     &x->reports[(chain * KEPT + k) * reports + r],
                     &l->reports[(block * reports + r) * EBM_BLOCK + lane]);
        }
    for (uint64_t chain = 0; chain < CHAINS; chain++) {
        same(j, "the rejections", chain, 0, DT_i64, &x->rejected[chain], &l->rejected[chain]);
        same(j, "the first rejection", chain, 0, DT_i64, &x->first_rejected[chain],
             &l->first_rejected[chain]);
    }
}

/* ---- the kernel's side */

static void
set_keys(EbmLaunch *l, DrawPurpose purpose)
{
    uint32_t key[2];

    interp_key(1, purpose, key);
    for (uint32_t r = 0; r < EBM_PHILOX_ROUNDS; r++) {
        l->round_key[r][0] = key[0] + r * 0x9E3779B9u;
        l->round_key[r][1] = key[1] + r * 0xBB67AE85u;
    }
}

static void
call(unsigned char *image, const EbmManifest *m, EbmEntry entry, EbmLaunch *l)
{
    unsigned char *at = image + m->entry[entry];
    EbmKernelFn *fn;

    memcpy(&fn, &at, sizeof fn);
    fn(l);
}

static void
run_kernel(Judge *j, const KernelImage *k, const Expected *x)
{
    const EbmManifest *m = &k->manifest;
    double hyper[4];
    const void *input[8];
    EbmLaunch l = {.size = sizeof l,
                   .abi = EBM_ABI,
                   .last_block = BLOCKS,
                   .n_chains = BLOCKS * EBM_BLOCK,
                   .n_steps = STEPS,
                   .n_warmup = WARMUP,
                   .thin = THIN,
                   .kept_room = KEPT,
                   .hyper = hyper,
                   .input = input};
    unsigned char *image =
        mmap(NULL, m->image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(image, k->bytes, m->image_bytes);
    mprotect(image, m->image_bytes, PROT_READ | PROT_EXEC);
    for (uint32_t i = 0; i < m->n_hyper; i++)
        hyper[i] = hyper_named(j->c, m->hyper[i].name);
    for (uint32_t i = 0; i < m->n_inputs; i++)
        input[i] = input_named(j->c, m->input[i].name);
    l.uniform = zeroed(m->uniform_bytes);
    l.state = zeroed(m->state_bytes * BLOCKS);
    l.scratch = zeroed(m->scratch_bytes);
    l.draws = zeroed(m->x_bytes * BLOCKS * KEPT);
    l.reports = zeroed(8 * EBM_BLOCK * BLOCKS * KEPT * (m->n_reports + 1));
    l.values = zeroed(m->value_bytes * BLOCKS);
    l.rejected = zeroed(8 * EBM_BLOCK * BLOCKS);
    l.first_rejected = zeroed(8 * EBM_BLOCK * BLOCKS);
    memset(l.first_rejected, 0xFF, 8 * EBM_BLOCK * BLOCKS);
    set_keys(&l, PURPOSE_init);
    call(image, m, EBM_ENTRY_prepare, &l);
    call(image, m, EBM_ENTRY_start, &l);
    set_keys(&l, PURPOSE_sample);
    l.last_step = 3;
    l.last_block = BLOCKS - 1;
    call(image, m, EBM_ENTRY_sample, &l);
    l.first_step = 3;
    l.last_step = STEPS;
    for (l.first_block = 0; l.first_block < BLOCKS; l.first_block = l.last_block) {
        l.last_block = l.first_block ? BLOCKS : 1;
        call(image, m, EBM_ENTRY_sample, &l);
    }
    l.first_block = 0;
    for (uint32_t s = 0; s < m->n_state; s++)
        same_value(j, m->state[s].name, result_type(x->step, s), x->state[s], l.state,
                   m->state_bytes, m->state[s].offset);
    same_kept(j, x, &l, m);
    l.points = zeroed(m->x_bytes * BLOCKS);
    for (uint64_t b = 0; b < BLOCKS; b++)
        memcpy(l.points + b * m->x_bytes, l.state + b * m->state_bytes, m->x_bytes);
    call(image, m, EBM_ENTRY_eval, &l);
    for (uint32_t r = 0; r < m->n_values; r++)
        same_value(j, m->value[r].name, result_type(x->eval, r), x->value[r], l.values,
                   m->value_bytes, m->value[r].offset);
    free(l.uniform), free(l.state), free(l.scratch), free(l.draws), free(l.reports);
    free(l.values), free(l.rejected), free(l.first_rejected), free(l.points);
    munmap(image, m->image_bytes);
}

typedef struct Compile {
    const Case *c;
    KernelSpec spec;
    const Expected *x;
    Arena arena;
    unsigned failures;
} Compile;

static void
compile_and_run(void *user)
{
    Compile *p = user;
    SourceMap sources = {.arena = &p->arena};
    DiagList diags = {.arena = &p->arena, .sources = &sources};
    Judge j = {p->c, &p->spec, 0};
    KernelImage k;

    if (llvm_compile(p->c->m, &p->spec, &p->arena, &k, &diags)) {
        run_kernel(&j, &k, p->x);
        p->failures = j.failures;
        return;
    }
    printf("%s (%s, %u lanes, level %u)\n", p->c->name, p->spec.cpu, p->spec.lanes,
           p->spec.level);
    diag_render(&diags, stdout);
    p->failures = 1;
}

/* ---- cases */

static bool
check_case(const Case *c, bool all)
{
    static const KernelSpec specs[] = {
        {.cpu = "x86-64-v4", .lanes = 32, .level = 1},
        {.cpu = "x86-64-v3", .lanes = 8, .level = 1},
        {.cpu = "x86-64-v3", .lanes = 4, .level = 0},
        {.cpu = "x86-64-v3", .lanes = 16, .level = 1},
        {.cpu = "x86-64-v4", .lanes = 8, .level = 0},
        {.cpu = "x86-64-v4", .lanes = 16, .level = 0},
        {.cpu = "x86-64-v4", .lanes = 16, .level = 1},
        {.cpu = "x86-64-v3", .lanes = 32, .level = 0},
        {.cpu = "x86-64-v4", .lanes = 0, .level = 1},
    };
    Expected x = {.status = INTERP_OK};
    bool ok = true,
         wide = __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");

    expect(c, &x);
    if (x.status != INTERP_OK) {
        printf("%s: %s\n", c->name, interp_status_text(x.status));
        expected_clear(&x);
        return false;
    }
    for (size_t i = 0; i < (all ? sizeof specs / sizeof *specs : 3); i++) {
        Compile p = {.c = c, .spec = specs[i], .x = &x};
        if (strcmp(specs[i].cpu, "x86-64-v4") == 0 && !wide)
            continue;
        ok = arena_guard(&p.arena, compile_and_run, &p) && ok;
        ok = ok && p.failures == 0;
        arena_free(&p.arena);
    }
    expected_clear(&x);
    return ok;
}

typedef struct Run {
    uint64_t first, n;
    unsigned failed;
    Arena arena;
} Run;

static void
check_known(Run *run)
{
    static const uint32_t sizes[][2] = {{2, 16}, {8, 20}, {33, 13}, {64, 64}};

    for (size_t i = 0; i < 4; i++) {
        static Case c;
        fill_case(&c, (unsigned)i);
        c.name = "network";
        c.m = network(&run->arena, sizes[i][0], sizes[i][1]);
        run->failed += !check_case(&c, true);
        c.name = "double well";
        c.m = double_well(&run->arena, sizes[i][0] * 2 + 1);
        run->failed += !check_case(&c, true);
    }
}

static void
check_ops(Run *run)
{
    static Case c;

    fill_case(&c, 1);
    for (int d = DT_bool; d < DT_COUNT; d++)
        for (int vary = 0; vary < 2; vary++) {
            c.name = arena_printf(&run->arena, "ops on %s", dtype_name[d]);
            c.m = every_op(&run->arena, (DType)d, vary);
            run->failed += !check_case(&c, true);
        }
}

static void
check_random(Run *run)
{
    static Case c;

    for (uint64_t seed = run->first; seed < run->first + run->n; seed++) {
        Arena arena = {.on_oom = run->arena.on_oom};
        char name[32];
        snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
        fill_case(&c, (unsigned)seed);
        c.name = name;
        c.m = random_program(&arena, seed);
        if (getenv("SHOW"))
            ir_print(c.m, stdout);
        fflush(stdout);
        if (!ir_verify(c.m, stdout) || !check_case(&c, seed % 4 == 0)) {
            printf("seed %llu failed\n", (unsigned long long)seed);
            run->failed++;
        }
        arena_free(&arena);
    }
}

static void
check_all(void *user)
{
    Run *run = user;

    if (run->first == 0) {
        check_ops(run);
        check_known(run);
    }
    check_random(run);
}

int
main(int argc, char **argv)
{
    Run run = {.first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0,
               .n = argc > 2 ? strtoull(argv[2], NULL, 10) : 40};
    bool done = arena_guard(&run.arena, check_all, &run);

    arena_free(&run.arena);
    printf("%llu programs, %u failed\n", (unsigned long long)run.n, run.failed);
    return !done || run.failed;
}
