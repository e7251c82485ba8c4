/* SPDX-License-Identifier: Apache-2.0
 *
 * llvm.h -- the one way to LLVM's C API.
 *
 * Calls that use the global context are poisoned: two compilations share nothing.
 */
#ifndef EBM_BACKENDS_LLVM_LLVM_H
#define EBM_BACKENDS_LLVM_LLVM_H

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#pragma GCC poison LLVMGetGlobalContext LLVMModuleCreateWithName LLVMCreateBuilder
#pragma GCC poison LLVMAppendBasicBlock LLVMInsertBasicBlock LLVMConstString LLVMConstStruct
#pragma GCC poison LLVMInt1Type LLVMInt8Type LLVMInt16Type LLVMInt32Type LLVMInt64Type \
    LLVMIntType
#pragma GCC poison LLVMFloatType LLVMDoubleType LLVMVoidType LLVMStructType LLVMMDNode \
    LLVMMDString

#endif
