/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.h -- a kernel's description for the runtime, from its functions' inputs and outputs.
 *
 * The same for every back end: what a kernel reads and writes does not depend on what makes it.
 */
#ifndef EBM_BACKENDS_MANIFEST_H
#define EBM_BACKENDS_MANIFEST_H

#include "ir/ir.h"
#include "runtime/kernel.h"

/* The phases of a training step, in the order in which they run: @memory, @slots, then
 * @train.0,
 * @train.1, ... */
typedef struct PhaseList {
    const Function **f;
    uint8_t *group; /* EbmPhaseGroup */
    uint8_t *kind;  /* EbmPhaseKind */
    uint32_t *pieces;
    const Function *params; /* @params, if there is one: the order of parameters */
    uint32_t n;
} PhaseList;
PhaseList phases_find(const Module *m, Arena *arena);

/* Pieces that threads may share a phase out in: 16 rows of every array that it makes; 1 if it
 * has to be made by one. */
uint32_t phase_pieces(const Function *f, EbmPhaseKind kind);

/* Inputs of one name are one input, whichever functions have it; absent entries are NULL.
 * What a back end chooses is left: sizes are 0, offsets those of absent functions; and `batch`.
 */
void manifest_build(Arena *arena, const Function *const entry[EBM_ENTRY_COUNT],
                    const PhaseList *phases, EbmManifest *ret);

/* Places in the manifest's lists; UINT32_MAX for what is not there. */
uint32_t manifest_hyper(const EbmManifest *m, const char *name);
uint32_t manifest_input(const EbmManifest *m, const char *name);
uint32_t manifest_state(const EbmManifest *m, const char *name);

/* What data points read under this name: what an earlier phase gave, else a column or slot. */
uint32_t manifest_point(const EbmManifest *m, const char *name);

/* What result i of phase f is written to. */
uint32_t manifest_result(const EbmManifest *m, const Function *f, uint32_t i);

/* Bytes of a block's record of a value. */
uint64_t record_bytes(const EbmSlot *slot);

#endif
