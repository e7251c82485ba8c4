/* SPDX-License-Identifier: Apache-2.0
 *
 * llvm_backend.h -- loop form to a kernel image, through LLVM.
 *
 * The back end is a shared module that the rest opens when it first compiles, because loading
 * LLVM costs more than running a cached kernel.  It exports one symbol.
 */
#ifndef EBM_BACKENDS_LLVM_BACKEND_H
#define EBM_BACKENDS_LLVM_BACKEND_H

#include "base/arena.h"
#include "base/diag.h"
#include "ir/ir.h"
#include "runtime/kernel.h"

typedef struct KernelSpec {
    const char *cpu; /* "host", or a name as x86-64-v3; NULL is host */
    unsigned lanes;  /* chains that are worked on together: 4, 8 or 16, or 32, a pair of blocks
                        where there is one; 0 is 32 where that pays, else 16, the fastest on
                        AVX2 too */
    unsigned batch;  /* data points of a training step, for the manifest; 0 if there is none */
    unsigned level;  /* 0 compiles fast, 1 makes fast code; the results are the same */
    bool want_llvm;  /* also return the LLVM IR after its passes */
    bool want_asm;   /* also return assembly */
} KernelSpec;

typedef struct KernelImage {
    const unsigned char *bytes; /* manifest.image_bytes of them, position-independent */
    EbmManifest manifest;
    const char *llvm_text; /* NULL unless wanted */
    const char *asm_text;
} KernelImage;

/* Compiles the entry functions @start, @step, @eval that `loops` has, and the phases of a
 * training step, @memory, @slots, @train.0, @train.1, ..., all in loop form.
 * *ret lives in `arena`.  False: reported. */
bool llvm_compile(const Module *loops, const KernelSpec *spec, Arena *arena, KernelImage *ret,
                  DiagList *diags);

/* What the module exports as `ebm_backend`. */
typedef struct Backend {
    unsigned abi; /* EBM_ABI */
    bool (*compile)(const Module *loops, const KernelSpec *spec, Arena *arena, KernelImage *ret,
                    DiagList *diags);
    /* The name of the machine's CPU, for cache keys. */
    const char *(*host)(Arena *arena);
} Backend;

typedef const Backend *BackendFn(void);

#endif
