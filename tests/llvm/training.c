/* SPDX-License-Identifier: Apache-2.0
 *
 * training.c -- see training.h
 */
#include "tests/llvm/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ir/interp.h"
#include "passes/pass.h"
#include "runtime/image.h"

enum { SEED = 7, STEP = 3, STEPS = 10, MAX_VALUES = 256 };

/* ---- reading */

static char *
fill_batch(Arena *arena, const char *text, uint32_t batch)
{
    const char *result = "";

    for (const char *at; (at = strstr(text, "@B@")); text = at + 3)
        result = arena_printf(arena, "%s%.*s%u", result, (int)(at - text), text, batch);
    return arena_printf(arena, "%s%s", result, text);
}

static Module *
run_passes(Arena *arena, const Module *m, const char *names)
{
    SourceMap sources = {.arena = arena};
    DiagList diags = {.arena = arena, .sources = &sources};
    PassOptions options = {.arena = arena, .diags = &diags, .verify = true};
    const char *unknown;
    Module *r = pass_run_list(m, names, &options, &unknown);

    diag_render(&diags, stdout);
    return r;
}

Module *
training_read(Arena *arena, const char *text, uint32_t batch)
{
    SourceMap sources = {.arena = arena};
    DiagList diags = {.arena = arena, .sources = &sources};
    const char *filled = fill_batch(arena, text, batch);
    Module *m =
        ir_read(arena, &sources, source_add(&sources, "train", filled, strlen(filled)), &diags);

    diag_render(&diags, stdout);
    return m && ir_verify(m, stdout)
               ? run_passes(arena, m,
                            "derive,inline,simplify,simplify,gather,phases,flatten,fma,own")
               : NULL;
}

Module *
training_loops(Arena *arena, const Module *m)
{
    return run_passes(arena, m, "lower,compact,strip,expand,compact");
}

/* ---- values by name */

/* A value of a data point, or of the whole (points 1): [point][elements]. */
typedef struct Named {
    const char *name;
    EbmRole role; /* handed: also what is read */
    EbmLayout layout;
    Type type;
    unsigned char *data;
} Named;

typedef struct Table {
    Arena *arena;
    Named value[MAX_VALUES];
    size_t n;
    uint32_t points;
    double hyper;
} Table;

static size_t
value_bytes(Type t)
{
    return type_size(t) * dtype_size((DType)t.dtype);
}

static unsigned char *
memory(Arena *arena, size_t bytes)
{
    unsigned char *p = arena_alloc(arena, bytes + 128, 64);

    memset(p, 0x5A, bytes + 128);
    return (unsigned char *)(((uintptr_t)p + 63) & ~(uintptr_t)63);
}

static Named *
find(Table *t, const char *name, EbmRole role, EbmLayout layout)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->value[i].role == role && t->value[i].layout == layout &&
            strcmp(t->value[i].name, name) == 0)
            return &t->value[i];
    return NULL;
}

static Named *
add(Table *t, const char *name, EbmRole role, EbmLayout layout, Type type)
{
    Named *v = find(t, name, role, layout);

    if (v)
        return v;
    v = &t->value[t->n++];
    *v = (Named){name, role, layout, type, NULL};
    v->data =
        memory(t->arena, value_bytes(type) * (layout == EBM_LAYOUT_whole ? 1 : t->points));
    return v;
}

static void
put_number(DType d, unsigned char *to, double x)
{
    Scalar s = d == DT_bool ? (Scalar){.b = x > 0} : scalar_from_double(x, d);

    memcpy(to, &s, dtype_size(d));
}

static void
randomise(Named *v, uint32_t n)
{
    unsigned state = 1;
    DType d = (DType)v->type.dtype;

    for (const char *c = v->name; *c; c++)
        state = state * 31 + (unsigned char)*c;
    for (uint64_t i = 0; i < type_size(v->type) * n; i++) {
        state = state * 1664525u + 1013904223u;
        double x = ((double)(state >> 8) * 0x1p-24 - 0.5) * (dtype_is_float(d) ? 2 : 20);
        put_number(d, v->data + i * dtype_size(d), dtype_is_float(d) ? x : floor(x));
    }
}

/* ---- the interpreter's side */

static EbmLayout
handed_layout(Table *t, const char *name)
{
    return find(t, name, EBM_ROLE_handed, EBM_LAYOUT_rows) ? EBM_LAYOUT_rows : EBM_LAYOUT_whole;
}

static const void *
input_of(Table *t, const Input *in, Type type, uint64_t point, Scalar *room)
{
    size_t known = t->n;
    Named *v;

    switch ((InputKind)in->kind) {
    case INPUT_hyper: *room = scalar_from_double(t->hyper, (DType)type.dtype); return room;
    case INPUT_step: *room = (Scalar){.i32 = STEP}; return room;
    case INPUT_n_steps: *room = (Scalar){.i32 = STEPS}; return room;
    case INPUT_point:
        v = find(t, in->name, EBM_ROLE_handed, EBM_LAYOUT_records);
        v = v ? v : add(t, in->name, EBM_ROLE_point, EBM_LAYOUT_records, type);
        if (t->n > known)
            randomise(v, t->points);
        return v->data + point * value_bytes(type);
    default:
        v = add(t, in->name, EBM_ROLE_handed, handed_layout(t, in->name), type);
        if (t->n > known)
            randomise(v, 1);
        return v->data;
    }
}

static Named *
result_of(Table *t, const Function *f, uint32_t i, const uint8_t *vary)
{
    static const EbmRole role[OUTPUT_COUNT] = {
        [OUTPUT_value] = EBM_ROLE_value, [OUTPUT_report] = EBM_ROLE_report,
        [OUTPUT_param] = EBM_ROLE_param, [OUTPUT_memory] = EBM_ROLE_memory,
        [OUTPUT_slot] = EBM_ROLE_slot,   [OUTPUT_points] = EBM_ROLE_handed,
        [OUTPUT_rows] = EBM_ROLE_handed, [OUTPUT_whole] = EBM_ROLE_handed,
    };
    Ref y = f->region[0].yield[i];
    OutputKind kind = (OutputKind)f->output[i].kind;
    bool points = kind == OUTPUT_slot || kind == OUTPUT_points ||
                  ((kind == OUTPUT_value || kind == OUTPUT_report) && vary[y.id] == VARY_chain);

    return add(t, f->output[i].name, role[kind],
               kind == OUTPUT_rows ? EBM_LAYOUT_rows
               : points            ? EBM_LAYOUT_records
                                   : EBM_LAYOUT_whole,
               ir_type(f, y));
}

static bool
is_over_points(const Function *f, const uint8_t *vary)
{
    for (uint32_t id = 1; id < f->n; id++)
        if (vary[id] == VARY_chain)
            return true;
    return false;
}

static InterpStatus
expect_phase(Interp *s, const Function *f, Table *t)
{
    const Region *body = &f->region[0];
    const uint8_t *vary = ir_variance(f, t->arena);
    uint32_t points = is_over_points(f, vary) ? t->points : 1;
    const void **arg = arena_array(t->arena, const void *, body->n_params + 1);
    Scalar *room = arena_array(t->arena, Scalar, body->n_params + 1);
    void **result = arena_array(t->arena, void *, body->n_yields + 1);
    InterpPlace place = {.step = STEP};
    InterpStatus status = INTERP_OK;

    interp_key(SEED, PURPOSE_loss, place.key);
    for (uint64_t p = 0; p < points && status == INTERP_OK; p++) {
        for (uint32_t i = 0; i < body->n_params; i++)
            arg[i] = input_of(t, &f->input[i], ir_type(f, body->param[i]), p, &room[i]);
        for (uint32_t i = 0; i < body->n_yields; i++) {
            const Named *v = result_of(t, f, i, vary);
            bool whole = v->layout == EBM_LAYOUT_whole;
            result[i] = v->data + (whole ? 0 : p * value_bytes(v->type));
        }
        place.chain = p;
        status = interp_run(s, f, &place, arg, result);
    }
    return status;
}

static InterpStatus
expect(const Module *m, Table *t)
{
    static const char *const first[] = {"memory", "slots", "train."};
    Interp *s = interp_new(m, NULL);
    InterpStatus status = INTERP_OK;

    for (int g = 0; g < 3; g++)
        for (size_t i = 0; i < m->n && status == INTERP_OK; i++)
            if (strncmp(m->function[i]->name, first[g], strlen(first[g])) == 0)
                status = expect_phase(s, m->function[i], t);
    interp_free(s);
    return status;
}

/* ---- the kernel's side */

typedef struct Machine {
    Arena *arena;
    RtImage image;
    const EbmManifest *m; /* its manifest */
    EbmLaunch l;
    uint64_t blocks;
} Machine;

static uint64_t
record_bytes(const EbmSlot *s)
{
    return (s->count * EBM_BLOCK * dtype_size((DType)s->dtype) + 63) & ~UINT64_C(63);
}

/* Where element e of data point p of a value stands. */
static unsigned char *
place_of(const Machine *k, uint32_t x, uint64_t p, uint64_t e)
{
    const EbmSlot *s = &k->m->exchange[x].slot;
    unsigned size = dtype_size((DType)s->dtype);

    switch ((EbmLayout)k->m->exchange[x].layout) {
    case EBM_LAYOUT_records:
        return k->l.exchange[x] + p / EBM_BLOCK * record_bytes(s) +
               (e * EBM_BLOCK + p % EBM_BLOCK) * size;
    case EBM_LAYOUT_rows: return k->l.exchange[x] + (p * s->count + e) * size;
    default: return k->l.exchange[x] + e * size;
    }
}

static void
open_exchange(Machine *k, Table *t)
{
    unsigned char **at = arena_array(k->arena, unsigned char *, k->m->n_exchange + 1);

    k->l.exchange = at;
    for (uint32_t x = 0; x < k->m->n_exchange; x++) {
        const EbmExchange *e = &k->m->exchange[x];
        at[x] = memory(k->arena, record_bytes(&e->slot) *
                                     (e->layout == EBM_LAYOUT_whole ? 1 : k->blocks));
        if (e->role != EBM_ROLE_point)
            continue;
        const Named *v = find(t, e->slot.name, EBM_ROLE_point, EBM_LAYOUT_records);
        unsigned size = dtype_size((DType)e->slot.dtype);
        memset(at[x], 0, record_bytes(&e->slot) * k->blocks);
        for (uint64_t p = 0; v && p < t->points; p++)
            for (uint64_t i = 0; i < e->slot.count; i++)
                memcpy(place_of(k, x, p, i), v->data + (p * e->slot.count + i) * size, size);
    }
}

static const void *
kernel_input(Machine *k, Table *t, const char *name)
{
    for (uint32_t x = 0; x < k->m->n_exchange; x++)
        if (k->m->exchange[x].role == EBM_ROLE_handed &&
            k->m->exchange[x].layout != EBM_LAYOUT_records &&
            strcmp(k->m->exchange[x].slot.name, name) == 0)
            return k->l.exchange[x];
    const Named *v = find(t, name, EBM_ROLE_handed, EBM_LAYOUT_whole);
    return v ? v->data : NULL;
}

/* Packed and unpacked, as the cache does. */
static bool
load_image(Machine *k, const KernelImage *image)
{
    RtKey key = {{1, 2}};
    RtError error = {0};
    unsigned char *packed = NULL;
    size_t size = 0;
    bool ok = rt_image_pack(&image->manifest, image->bytes, key, &packed, &size, &error) &&
              rt_image_unpack(packed, size, key, &k->image, &error);

    free(packed);
    if (!ok)
        printf("%s\n", error.message);
    k->m = &k->image.manifest;
    return ok;
}

static bool
machine_open(Machine *k, const KernelImage *image, Table *t)
{
    uint32_t key[2];

    if (!load_image(k, image))
        return false;
    const EbmManifest *m = k->m;
    k->blocks = (t->points + EBM_BLOCK - 1) / EBM_BLOCK;
    open_exchange(k, t);
    const void **input = arena_array(k->arena, const void *, m->n_inputs + 1);
    double *hyper = arena_array(k->arena, double, m->n_hyper + 1);
    for (uint32_t i = 0; i < m->n_inputs; i++)
        input[i] = kernel_input(k, t, m->input[i].name);
    for (uint32_t i = 0; i < m->n_hyper; i++)
        hyper[i] = t->hyper;
    k->l.size = sizeof k->l;
    k->l.abi = EBM_ABI;
    k->l.n_chains = t->points;
    k->l.first_step = STEP;
    k->l.last_step = STEP + 1;
    k->l.n_steps = STEPS;
    k->l.hyper = hyper;
    k->l.input = input;
    k->l.uniform = memory(k->arena, m->uniform_bytes);
    k->l.scratch = memory(k->arena, m->scratch_bytes);
    interp_key(SEED, PURPOSE_loss, key);
    for (uint32_t r = 0; r < EBM_PHILOX_ROUNDS; r++) {
        k->l.round_key[r][0] = key[0] + r * 0x9E3779B9u;
        k->l.round_key[r][1] = key[1] + r * 0xBB67AE85u;
    }
    return true;
}

static void
call(Machine *k, uint64_t offset)
{
    unsigned char *at = k->image.code + offset;
    EbmKernelFn *fn;

    memcpy(&fn, &at, sizeof fn);
    fn(&k->l);
}

/* Blocks of data points, and pieces of what is made for the whole batch, come in launches of 1,
 * 2, 3, ... */
static void
run_phase(Machine *k, const EbmPhase *p, bool pieces)
{
    if (p->prepare != UINT64_MAX)
        call(k, p->prepare);
    uint64_t blocks = p->kind == EBM_PHASE_whole ? p->pieces : k->blocks;
    for (uint64_t first = 0, n = pieces ? 1 : blocks; first < blocks; first += n++) {
        k->l.first_block = first;
        k->l.last_block = first + n < blocks ? first + n : blocks;
        call(k, p->run);
    }
}

/* ---- comparison */

static bool
is_same(DType d, const void *want, const void *got)
{
    Scalar x = {.bits = 0}, y = {.bits = 0};

    memcpy(&x, want, dtype_size(d));
    memcpy(&y, got, dtype_size(d));
    if (x.bits == y.bits)
        return true;
    return d == DT_f32   ? isnan(x.f32) && isnan(y.f32)
           : d == DT_f64 ? isnan(x.f64) && isnan(y.f64)
                         : false;
}

static unsigned
compare(const Machine *k, Table *t, const char *what)
{
    unsigned failures = 0;

    for (uint32_t x = 0; x < k->m->n_exchange; x++) {
        const EbmExchange *e = &k->m->exchange[x];
        const Named *v = find(t, e->slot.name, (EbmRole)e->role, (EbmLayout)e->layout);
        uint32_t points = e->layout == EBM_LAYOUT_whole ? 1 : t->points;
        DType d = (DType)e->slot.dtype;
        if (!v) {
            printf("%s: '%s' is not expected\n", what, e->slot.name);
            return failures + 1;
        }
        for (uint64_t p = 0; p < points; p++)
            for (uint64_t i = 0; i < e->slot.count; i++) {
                const unsigned char *want = v->data + (p * e->slot.count + i) * dtype_size(d);
                const unsigned char *got = place_of(k, x, p, i);
                Scalar a = {.bits = 0}, b = {.bits = 0};
                if (is_same(d, want, got) || failures++ >= 3)
                    continue;
                memcpy(&a, want, dtype_size(d));
                memcpy(&b, got, dtype_size(d));
                printf("%s: '%s' of point %llu, element %llu: expected %.17g, found %.17g\n",
                       what, e->slot.name, (unsigned long long)p, (unsigned long long)i,
                       scalar_to_double(a, d), scalar_to_double(b, d));
            }
    }
    return failures;
}

static bool
compile(Arena *arena, const Module *loops, const KernelSpec *spec, KernelImage *ret)
{
    SourceMap sources = {.arena = arena};
    DiagList diags = {.arena = arena, .sources = &sources};
    bool ok = llvm_compile(loops, spec, arena, ret, &diags);

    diag_render(&diags, stdout);
    return ok;
}

unsigned
training_check(Arena *arena, const char *name, const Module *m, const Module *loops,
               const KernelSpec *spec)
{
    Table *t = arena_new(arena, Table);
    Machine k = {.arena = arena};
    KernelImage image;
    InterpStatus status;

    t->arena = arena;
    t->points = spec->batch;
    t->hyper = 0.25;
    status = expect(m, t);
    if (status != INTERP_OK) {
        printf("%s: %s\n", name, interp_status_text(status));
        return 1;
    }
    name = arena_printf(arena, "%s (batch %u, %s, %u lanes, level %u)", name, spec->batch,
                        spec->cpu, spec->lanes, spec->level);
    if (!compile(arena, loops, spec, &image)) {
        printf("%s: not compiled\n", name);
        return 1;
    }
    if (!machine_open(&k, &image, t))
        return 1;
    for (uint32_t i = 0; i < k.m->n_phases; i++)
        run_phase(&k, &k.m->phase[i], true);
    unsigned failures = compare(&k, t, name) + (k.m->batch != spec->batch);
    rt_image_clear(&k.image);
    return failures;
}

/* ---- measurement */

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double
seconds_a_run(Machine *k, const EbmPhase *p)
{
    double best = INFINITY;

    for (int round = 0; round < 5; round++) {
        double from = now(), seconds;
        int runs = 0;
        do {
            run_phase(k, p, false);
            runs++;
        } while ((seconds = now() - from) < 0.1);
        best = seconds / runs < best ? seconds / runs : best;
    }
    return best;
}

/* Random numbers for whatever no phase gives. */
static void
bind_inputs(const Module *m, Table *t)
{
    Scalar room;

    for (size_t i = 0; i < m->n; i++)
        for (uint32_t k = 0; k < m->function[i]->region[0].n_params; k++) {
            const Function *f = m->function[i];
            input_of(t, &f->input[k], ir_type(f, f->region[0].param[k]), 0, &room);
        }
}

void
training_measure(Arena *arena, const Module *loops, const KernelSpec *spec)
{
    Table *t = arena_new(arena, Table);
    Machine k = {.arena = arena};
    KernelImage image;
    double from;

    t->arena = arena;
    t->points = spec->batch;
    t->hyper = 0.01;
    bind_inputs(loops, t);
    from = now();
    if (!compile(arena, loops, spec, &image))
        return;
    printf("compiled in %.3f s, %llu bytes, uniform %llu, scratch %llu\n", now() - from,
           (unsigned long long)image.manifest.image_bytes,
           (unsigned long long)image.manifest.uniform_bytes,
           (unsigned long long)image.manifest.scratch_bytes);
    if (image.asm_text && getenv("SHOW"))
        fputs(strcmp(getenv("SHOW"), "asm") ? image.llvm_text : image.asm_text, stdout);
    if (!machine_open(&k, &image, t))
        return;
    for (uint32_t i = 0; i < k.m->n_phases; i++)
        run_phase(&k, &k.m->phase[i], false);
    for (uint32_t i = 0; i < k.m->n_phases; i++)
        printf("phase %u (%s): %.3f us\n", i,
               k.m->phase[i].kind == EBM_PHASE_whole ? "whole" : "points",
               1e6 * seconds_a_run(&k, &k.m->phase[i]));
    rt_image_clear(&k.image);
}
