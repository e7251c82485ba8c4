/* SPDX-License-Identifier: Apache-2.0
 *
 * interpret.h -- kernels that the reference interpreter runs.
 *
 * They are launched as images are, and give the same bits, some thousand times slower.
 */
#ifndef EBM_API_INTERPRET_H
#define EBM_API_INTERPRET_H

#include "backends/manifest.h"
#include "ir/interp.h"
#include "runtime/launch.h"

typedef struct Interpreter {
    const Module *module; /* after the middle passes */
    const Function *entry[EBM_ENTRY_COUNT];
    PhaseList phases;
    EbmManifest manifest;
} Interpreter;

/* Lives in the arena, as the module does.  `batch`: data points of a training step, 0 if the
 * module has no phases.  Within an arena_guard. */
const Interpreter *interpreter_new(Arena *arena, const Module *module, uint32_t batch);

RtEngine interpreter_engine(const Interpreter *in);

/* Starts a chain, or makes one step of it, whose states are in `record`, as the manifest lays
 * them out, and says what was not finite first. */
bool interpreter_trace(const Interpreter *in, EbmEntry entry, const EbmLaunch *launch,
                       const unsigned char *record, uint64_t chain, uint64_t step,
                       InterpBreak *ret, RtError *error);

/* Runs @params: array i of ret, in the order of its results, is room for that result's
 * elements. */
bool interpreter_params(const Module *module, uint64_t seed, void *const *ret, RtError *error);

#endif
