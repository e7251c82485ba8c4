/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel.c -- kernels: from the disk, or compiled and put there
 */
#include "api/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/backend.h"
#include "api/cache.h"
#include "api/report.h"
#include "base/hash.h"
#include "runtime/cpu.h"

EbmKernel *
kernel_keep(const EbmKernel *kernel)
{
    EbmKernel *k = (EbmKernel *)(uintptr_t)kernel;

    atomic_fetch_add(&k->owners, 1);
    return k;
}

void
ebm_kernel_free(EbmKernel *kernel)
{
    if (!kernel || atomic_fetch_sub(&kernel->owners, 1) > 1)
        return;
    rt_image_clear(&kernel->image);
    compilation_close(&kernel->compilation);
    ebm_program_free(kernel->program);
    free(kernel->cache_path);
    free(kernel);
}

/* ---- the key */

/* Everything that a kernel's bytes follow from, as text. */
static bool
write_recipe(const EbmProgram *program, const EbmKernelOptions *o, FILE *out)
{
    char cpu[256];

    rt_cpu_name(cpu, sizeof cpu);
    fprintf(out, "ebmc %s abi %d\n", ebm_version(), EBM_ABI);
    fprintf(out, "cpu %s, %s %s\n", o->cpu ? o->cpu : "host", cpu, rt_cpu_vectors());
    fprintf(out, "lanes %u level %u batch %u\n", o->lanes, o->level,
            ebm_program_batch(program));
    ir_print(program->program.module, out);
    return !ferror(out);
}

typedef struct BuildText {
    Arena arena;
    const char *text;
} BuildText;

static void
describe_build(void *user)
{
    BuildText *b = user;
    b->text = backend_build(&b->arena);
}

/* False when memory runs out: then there is no cache. */
static bool
make_key(const EbmProgram *program, const EbmKernelOptions *o, RtKey *ret)
{
    BuildText build = {.text = NULL};
    char *recipe = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&recipe, &size);

    if (!out)
        return false;
    bool done = arena_guard(&build.arena, describe_build, &build) &&
                write_recipe(program, o, out) && fprintf(out, "build %s\n", build.text) >= 0;
    done = fclose(out) == 0 && done;
    for (unsigned i = 0; done && i < 2; i++)
        ret->word[i] = hash_bytes(UINT64_C(0x243F6A8885A308D3) * (i + 1), recipe, size);
    free(recipe);
    arena_free(&build.arena);
    return done;
}

/* ---- making */

typedef struct Interpreting {
    Compilation *compilation;
    const Interpreter *interpreter;
} Interpreting;

static void
make_interpreter(void *user)
{
    Interpreting *i = user;
    i->interpreter = interpreter_new(&i->compilation->arena, i->compilation->module,
                                     ebm_program_batch(i->compilation->program));
}

static EbmStatus
interpret(EbmKernel *k, EbmReport **ret_report)
{
    Compilation *c = &k->compilation;
    Interpreting i = {.compilation = c};

    c->program = k->program;
    c->stage = EBM_STAGE_grad;
    EbmStatus status = compilation_run(c, ret_report);
    if (status != EBM_OK)
        return status;
    if (!arena_guard(&c->arena, make_interpreter, &i))
        return report_memory(ret_report);
    k->engine = interpreter_engine(i.interpreter);
    return EBM_OK;
}

static EbmStatus
load_image(EbmKernel *k, const KernelImage *image, EbmReport **ret_report)
{
    RtError error = {0};

    if (rt_image_load(&image->manifest, image->bytes, &k->image, &error))
        return EBM_OK;
    return report_error(ret_report, &error);
}

/* Compiles; keeps the result on disk if `folder` is one. */
static EbmStatus
compile(EbmKernel *k, const EbmKernelOptions *o, const char *folder, RtKey key,
        EbmReport **ret_report)
{
    Compilation c = {
        .program = k->program,
        .stage = EBM_STAGE_llvm,
        .spec = {.cpu = o->cpu,
                 .lanes = o->lanes,
                 .level = o->level,
                 .batch = ebm_program_batch(k->program)},
    };
    EbmStatus status = compilation_run(&c, ret_report);

    if (status == EBM_OK)
        status = load_image(k, &c.image, ret_report);
    if (status == EBM_OK && folder &&
        !cache_store(folder, k->cache_path, &c.image.manifest, c.image.bytes, key)) {
        free(k->cache_path);
        k->cache_path = NULL;
    }
    compilation_close(&c);
    return status;
}

static EbmStatus
find_or_compile(EbmKernel *k, const EbmKernelOptions *o, EbmReport **ret_report)
{
    char *folder = o->cache == EBM_CACHE_off ? NULL : cache_folder(o->cache_dir);
    RtKey key = {0};
    EbmStatus status = EBM_OK;

    if (folder && make_key(k->program, o, &key))
        k->cache_path = cache_path(folder, key);
    if (k->cache_path && o->cache == EBM_CACHE_on)
        k->info.from_cache = cache_load(k->cache_path, key, &k->image);
    if (!k->info.from_cache)
        status = compile(k, o, k->cache_path ? folder : NULL, key, ret_report);
    free(folder);
    if (status == EBM_OK)
        k->engine = rt_image_engine(&k->image);
    return status;
}

static EbmStatus
check_options(const EbmKernelOptions *o, EbmReport **ret_report)
{
    bool vectors = o->cpu || *rt_cpu_vectors();

    if (o->lanes != 0 && o->lanes != 4 && o->lanes != 8 && o->lanes != 16)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "expected 4, 8 or 16 lanes, found %u", o->lanes);
    if ((unsigned)o->backend > EBM_BACKEND_interpreter ||
        (unsigned)o->cache > EBM_CACHE_renew || o->level > 1)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL, "unknown kernel options");
    if (o->backend == EBM_BACKEND_llvm && !vectors)
        return report_say(ret_report, EBM_DEVICE_ERROR, "choose the interpreter",
                          "compiled kernels need a processor with AVX2 and FMA");
    return report_nothing(ret_report);
}

/* A vector holds no more chains than there are. */
static uint32_t
choose_lanes(const EbmKernelOptions *o)
{
    if (o->lanes || o->chains == 0 || o->chains > 16)
        return o->lanes;
    return o->chains <= 4 ? 4 : o->chains <= 8 ? 8 : 16;
}

EbmStatus
ebm_kernel_create(const EbmProgram *program, const EbmKernelOptions *options, EbmKernel **ret,
                  EbmReport **ret_report)
{
    EbmKernelOptions o = EBM_KERNEL_OPTIONS_INIT;
    double begin = clock_seconds();

    if (!take_options(&o, sizeof o, options))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "kernel options without their initial value");
    EbmStatus status = check_options(&o, ret_report);
    if (status != EBM_OK)
        return status;
    o.lanes = choose_lanes(&o);
    EbmKernel *k = calloc(1, sizeof *k);
    if (!k)
        return report_memory(ret_report);
    k->owners = 1;
    k->program = program_keep(program);
    status = o.backend == EBM_BACKEND_interpreter ? interpret(k, ret_report)
                                                  : find_or_compile(k, &o, ret_report);
    if (status != EBM_OK) {
        ebm_kernel_free(k);
        return status;
    }
    k->info.seconds = program->seconds + clock_seconds() - begin;
    *ret = k;
    return EBM_OK;
}

/* ---- queries */

void
ebm_kernel_info(const EbmKernel *kernel, EbmKernelInfo *ret)
{
    EbmKernelInfo info = kernel->info;
    const EbmManifest *m = kernel->engine.manifest;

    info.image_bytes = kernel->image.manifest.image_bytes;
    info.state_bytes = m->state_bytes;
    info.scratch_bytes = m->scratch_bytes;
    info.cache_path = kernel->cache_path;
    give_results(ret, &info, sizeof info);
}

size_t
ebm_kernel_state_count(const EbmKernel *kernel)
{
    return kernel->engine.manifest->n_state;
}

void
ebm_kernel_state(const EbmKernel *kernel, size_t index, EbmValueInfo *ret)
{
    const EbmSlot *slot = &kernel->engine.manifest->state[index];
    EbmValueInfo v = {
        .name = slot->name,
        .type = array_from_dtype((DType)slot->dtype),
        .rank = slot->rank,
        .low = -__builtin_inf(),
        .high = __builtin_inf(),
    };

    for (uint32_t i = 0; i < slot->rank; i++)
        v.shape[i] = slot->dim[i];
    *ret = v;
}
