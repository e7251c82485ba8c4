/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.h -- what this machine has: processors, instructions, memory.
 */
#ifndef EBM_RUNTIME_CPU_H
#define EBM_RUNTIME_CPU_H

#include <stddef.h>
#include <stdint.h>

/* The model's name, "unknown" where the system does not say. */
void rt_cpu_name(char *ret, size_t size);

/* The widest vectors that kernels use: "avx512", "avx2"; "" for neither. */
const char *rt_cpu_vectors(void);

/* Threads that may run at once: what affinity and, on Linux, the control group allow. */
unsigned rt_cpu_threads(void);

typedef struct RtMemory {
    uint64_t total, available; /* bytes; never more than the control group's limit */
} RtMemory;

RtMemory rt_memory(void);

#endif
