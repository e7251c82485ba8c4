/* SPDX-License-Identifier: Apache-2.0
 *
 * measure.c -- how fast kernels are made and run
 *
 * measure well|net d [h] [cpu lanes level]: compile time, steps a second, and a sum over the
 * result that must not depend on the last three.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "backends/llvm/llvm_backend.h"
#include "tests/llvm/programs.h"

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *
map_image(const KernelImage *k)
{
    void *p = mmap(NULL, k->manifest.image_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(p, k->bytes, k->manifest.image_bytes);
    mprotect(p, k->manifest.image_bytes, PROT_READ | PROT_EXEC);
    return p;
}

static void *
zeroed(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) & ~(size_t)63);

    memset(p, 0, (bytes + 127) & ~(size_t)63);
    return p;
}

typedef struct Options {
    const char *what;
    uint32_t d, h;
    KernelSpec spec;
} Options;

static void
run(const Options *o, const KernelImage *k)
{
    enum { BLOCKS = 4 };
    const EbmManifest *m = &k->manifest;
    unsigned char *image = map_image(k);
    double hyper[1] = {0.01};
    const void *input[8];
    EbmLaunch l = {.size = sizeof l,
                   .abi = EBM_ABI,
                   .n_chains = BLOCKS * EBM_BLOCK,
                   .last_block = BLOCKS,
                   .n_steps = 1u << 30,
                   .thin = 1,
                   .hyper = hyper,
                   .input = input};
    unsigned state = 12345;

    for (uint32_t i = 0; i < m->n_inputs; i++) {
        float *w = zeroed(4 * m->input[i].count);
        for (uint64_t e = 0; e < m->input[i].count; e++) {
            state = state * 1664525u + 1013904223u;
            w[e] = ((float)(state >> 8) * 0x1p-24f - 0.5f) * 0.3f;
        }
        input[i] = w;
    }
    for (unsigned r = 0; r < EBM_PHILOX_ROUNDS; r++) {
        l.round_key[r][0] = 1 + r * 0x9E3779B9u;
        l.round_key[r][1] = 2 + r * 0xBB67AE85u;
    }
    l.uniform = zeroed(m->uniform_bytes);
    l.state = zeroed(m->state_bytes * BLOCKS);
    l.scratch = zeroed(m->scratch_bytes);
    l.rejected = zeroed(8 * EBM_BLOCK * BLOCKS);
    l.first_rejected = zeroed(8 * EBM_BLOCK * BLOCKS);
    EbmKernelFn *prepare, *start, *sample;
    unsigned char *at[3] = {image + m->entry[EBM_ENTRY_prepare],
                            image + m->entry[EBM_ENTRY_start],
                            image + m->entry[EBM_ENTRY_sample]};
    memcpy(&prepare, &at[0], sizeof prepare);
    memcpy(&start, &at[1], sizeof start);
    memcpy(&sample, &at[2], sizeof sample);
    prepare(&l);
    start(&l);
    double seconds = 0, from = now();
    for (l.last_step = 16; (seconds = now() - from) < 0.5; l.last_step += 64) {
        if (l.last_step == 16) {
            sample(&l);
            double sum = 0;
            for (uint64_t i = 0; i < m->state_bytes * BLOCKS / 4; i++)
                sum += (double)((float *)(void *)l.state)[i] * (double)(i % 7 + 1);
            printf("  after 16 steps %.17g\n", sum);
            l.first_step = 16;
            from = now();
        } else {
            sample(&l);
            l.first_step = l.last_step;
        }
    }
    double steps = (double)(l.first_step - 16) * BLOCKS * EBM_BLOCK;
    printf("  %.4f M chain-steps/s, %.4f G element-steps/s\n", steps / seconds * 1e-6,
           steps * o->d / seconds * 1e-9);
}

static void
measure(void *user)
{
    const Options *o = user;
    Arena arena = {0};
    jmp_buf never;
    arena.on_oom = &never;
    SourceMap sources = {.arena = &arena};
    DiagList diags = {.arena = &arena, .sources = &sources};
    Module *m =
        strcmp(o->what, "well") == 0 ? double_well(&arena, o->d) : network(&arena, o->d, o->h);
    KernelImage k;
    double from = now();

    if (!llvm_compile(m, &o->spec, &arena, &k, &diags)) {
        for (size_t i = 0; i < diags.count; i++)
            diag_render(&diags, &diags.diag[i], stderr);
        return;
    }
    printf("%s %u %u %s %u %u: compiled in %.3f s, %llu bytes\n", o->what, o->d, o->h,
           o->spec.cpu, o->spec.lanes, o->spec.level, now() - from,
           (unsigned long long)k.manifest.image_bytes);
    if (getenv("SHOW"))
        fputs(strcmp(getenv("SHOW"), "asm") ? k.llvm_text : k.asm_text, stdout);
    run(o, &k);
}

int
main(int argc, char **argv)
{
    Options o = {.what = argc > 1 ? argv[1] : "well", .d = 128, .h = 64};

    o.d = argc > 2 ? (uint32_t)atoi(argv[2]) : 128;
    o.h = argc > 3 ? (uint32_t)atoi(argv[3]) : 64;
    o.spec.cpu = argc > 4 ? argv[4] : "host";
    o.spec.lanes = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    o.spec.level = argc > 6 ? (unsigned)atoi(argv[6]) : 1;
    o.spec.want_llvm = o.spec.want_asm = getenv("SHOW") != NULL;
    measure(&o);
    return 0;
}
