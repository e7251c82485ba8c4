/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h -- runs the phases of a training step, by the interpreter and as a kernel
 */
#ifndef EBM_TESTS_LLVM_TRAINING_H
#define EBM_TESTS_LLVM_TRAINING_H

#include "backends/llvm/llvm_backend.h"
#include "ir/ir.h"

/* Reads IR text in which every `@B@` is the batch, and runs passes up to phases.  NULL:
 * printed. */
Module *training_read(Arena *arena, const char *text, uint32_t batch);

/* To loop form. */
Module *training_loops(Arena *arena, const Module *m);

/* Compiles the loop form for `spec` and compares every value that a phase gives, to the bit,
 * with what the interpreter gives on `m`, the module before lowering.  The number of
 * differences; the first ones are printed. */
unsigned training_check(Arena *arena, const char *name, const Module *m, const Module *loops,
                        const KernelSpec *spec);

/* Runs each phase for a while; prints seconds a run. */
void training_measure(Arena *arena, const Module *loops, const KernelSpec *spec);

#endif
