/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel.h -- what a kernel is to the other parts of the C API.
 */
#ifndef EBM_API_KERNEL_H
#define EBM_API_KERNEL_H

#include "api/compile.h"
#include "api/interpret.h"
#include "runtime/launch.h"

/* Nothing changes after it is made, its owners' number excepted. */
struct EbmKernel {
    atomic_uint owners; /* the client, and every run made from it */
    EbmProgram *program;
    RtEngine engine;
    RtImage image;           /* of the LLVM back end */
    Compilation compilation; /* of the interpreter: owns the module */
    EbmKernelInfo info;
    char *cache_path;
};

EbmKernel *kernel_keep(const EbmKernel *kernel);

#endif
