/* SPDX-License-Identifier: Apache-2.0
 *
 * backend.c -- from loop form to an image: target, passes, object
 *
 * LLVM's objects are not in an arena; a Session holds them, and is closed however the
 * compilation ends.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/llvm/emit.h"

/* Pass pipelines by level.  The larger standard ones cost ten times as much and gain nothing,
 * as loops are unrolled and values shared when they are emitted. */
static const char *const pipeline[2] = {
    "function(sroa)",
    "function(sroa,early-cse<memssa>,loop-mssa(licm),instcombine<no-verify-fixpoint>)",
};

/* Instructions of a kernel.  What LLVM's scheduling and register allocation take grows faster
 * than these: with many it does without, and every value has a place on the stack, of which
 * there is no more than for MOST_CODE. */
enum { MUCH_CODE = 100000, MOST_CODE = 400000 };

typedef struct Session {
    const Module *loops;
    const KernelSpec *spec;
    Arena *arena;
    KernelImage *ret;
    Arena scratch;
    Emit emit;
    LLVMTargetRef target;
    LLVMTargetMachineRef machine;
    LLVMMemoryBufferRef object, text;
    LLVMModuleRef copy;
    char *cpu, *features, *triple, *message;
    const char *why; /* the failure, if any */
    bool too_large;
} Session;

static void
close_session(Session *s)
{
    if (s->object)
        LLVMDisposeMemoryBuffer(s->object);
    if (s->text)
        LLVMDisposeMemoryBuffer(s->text);
    if (s->copy)
        LLVMDisposeModule(s->copy);
    if (s->emit.b)
        LLVMDisposeBuilder(s->emit.b);
    if (s->emit.llvm)
        LLVMDisposeModule(s->emit.llvm);
    if (s->emit.context)
        LLVMContextDispose(s->emit.context);
    if (s->machine)
        LLVMDisposeTargetMachine(s->machine);
    LLVMDisposeMessage(s->cpu);
    LLVMDisposeMessage(s->features);
    LLVMDisposeMessage(s->triple);
    LLVMDisposeMessage(s->message);
    arena_free(&s->scratch);
}

static void
drop_message(Session *s)
{
    LLVMDisposeMessage(s->message);
    s->message = NULL;
}

/* ---- target */

static bool
open_machine(Session *s, LLVMCodeGenOptLevel level)
{
    if (s->machine)
        LLVMDisposeTargetMachine(s->machine);
    s->machine = LLVMCreateTargetMachine(s->target, s->triple, s->cpu, s->features, level,
                                         LLVMRelocPIC, LLVMCodeModelSmall);
    return s->machine != NULL;
}

static bool
open_target(Session *s)
{
    const char *cpu = s->spec->cpu;
    bool host = !cpu || strcmp(cpu, "host") == 0;

    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    s->triple = LLVMGetDefaultTargetTriple();
    s->cpu = host ? LLVMGetHostCPUName() : LLVMCreateMessage(cpu);
    s->features = host ? LLVMGetHostCPUFeatures() : LLVMCreateMessage("");
    if (LLVMGetTargetFromTriple(s->triple, &s->target, &s->message))
        return false;
    return open_machine(s, s->spec->level ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelNone);
}

/* Registers of 64 bytes, 32 of them, or of 32 bytes and 16. */
static bool
has_wide_registers(const Session *s)
{
    static const char *const wide[] = {"x86-64-v4",      "skylake-avx512", "icelake",
                                       "sapphirerapids", "znver4",         "znver5",
                                       "cascadelake",    "cooperlake",     "graniterapids"};

    if (strstr(s->features, "+avx512f") && strstr(s->features, "+avx512vl"))
        return true;
    for (size_t i = 0; !*s->features && i < sizeof wide / sizeof *wide; i++)
        if (strncmp(s->cpu, wide[i], strlen(wide[i])) == 0)
            return true;
    return false;
}

static void
open_emit(Session *s)
{
    Emit *e = &s->emit;
    bool wide = has_wide_registers(s);

    e->context = LLVMContextCreate();
    e->llvm = LLVMModuleCreateWithNameInContext("kernel", e->context);
    e->b = LLVMCreateBuilderInContext(e->context);
    e->ptr = LLVMPointerTypeInContext(e->context, 0);
    e->i1 = LLVMInt1TypeInContext(e->context);
    e->i8 = LLVMInt8TypeInContext(e->context);
    e->i32 = LLVMInt32TypeInContext(e->context);
    e->i64 = LLVMInt64TypeInContext(e->context);
    e->f32 = LLVMFloatTypeInContext(e->context);
    e->f64 = LLVMDoubleTypeInContext(e->context);
    e->module = s->loops;
    e->manifest = &s->ret->manifest;
    e->registers = wide ? 32 : 16;
    e->register_bytes = wide ? 64 : 32;
    e->lanes = s->spec->lanes && s->spec->lanes < EBM_BLOCK ? s->spec->lanes : EBM_BLOCK;
    e->pairing = s->spec->lanes > EBM_BLOCK    ? PAIR_always
                 : s->spec->lanes == 0 && wide ? PAIR_if_it_pays
                                               : PAIR_never;
    LLVMSetTarget(e->llvm, s->triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(s->machine);
    LLVMSetModuleDataLayout(e->llvm, layout);
    LLVMDisposeTargetData(layout);
}

/* ---- emission, in the scratch arena */

static void
emit_all(void *user)
{
    Session *s = user;
    Emit *e = &s->emit;
    const Function *entry[EBM_ENTRY_COUNT] = {
        [EBM_ENTRY_start] = module_find(s->loops, "start"),
        [EBM_ENTRY_sample] = module_find(s->loops, "step"),
        [EBM_ENTRY_eval] = module_find(s->loops, "eval"),
    };

    e->arena = &s->scratch;
    e->memo.bucket = arena_array(e->arena, uint32_t, MEMO_BUCKETS);
    memo_keep(e, (MemoKey){.tag = 0}, NULL); /* entry 0 ends chains */
    memo_close(e, 0);
    e->memo.n = 1;
    PhaseList phases = phases_find(s->loops, e->arena);
    manifest_build(s->arena, entry, &phases, e->manifest);
    e->manifest->batch = s->spec->batch;
    manifest_count_work(e->arena, entry[EBM_ENTRY_sample], e->manifest);
    emit_entries(e, entry);
    emit_phases(e, &phases);
}

/* ---- LLVM's part */

static bool
succeeded(Session *s, LLVMErrorRef err)
{
    if (!err)
        return true;
    s->why = "a pass failed";
    LLVMConsumeError(err);
    return false;
}

static bool
run_passes(Session *s)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    bool ok = succeeded(
        s, LLVMRunPasses(s->emit.llvm, pipeline[s->spec->level ? 1 : 0], s->machine, options));

    LLVMDisposePassBuilderOptions(options);
    return ok;
}

static bool
verify(Session *s)
{
    drop_message(s);
    if (!LLVMVerifyModule(s->emit.llvm, LLVMReturnStatusAction, &s->message))
        return true;
    s->why = s->message;
    return false;
}

static bool
make_object(Session *s)
{
    drop_message(s);
    if (!LLVMTargetMachineEmitToMemoryBuffer(s->machine, s->emit.llvm, LLVMObjectFile,
                                             &s->message, &s->object))
        return true;
    s->why = s->message;
    return false;
}

static size_t
count_instructions(LLVMModuleRef m)
{
    size_t n = 0;

    for (LLVMValueRef f = LLVMGetFirstFunction(m); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
            for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
                n++;
    return n;
}

static bool
limit_effort(Session *s)
{
    size_t n = count_instructions(s->emit.llvm);

    s->too_large = n > MUCH_CODE && (n > MOST_CODE || !open_machine(s, LLVMCodeGenLevelNone));
    return !s->too_large;
}

/* What LLVM made is in the session before the arena is asked for room. */
static void
take_texts(Session *s)
{
    if (s->spec->want_llvm) {
        drop_message(s);
        s->message = LLVMPrintModuleToString(s->emit.llvm);
        s->ret->llvm_text = arena_strndup(s->arena, s->message, strlen(s->message));
    }
    if (!s->spec->want_asm)
        return;
    drop_message(s);
    s->copy = LLVMCloneModule(s->emit.llvm); /* code generation changes it */
    if (!LLVMTargetMachineEmitToMemoryBuffer(s->machine, s->copy, LLVMAssemblyFile, &s->message,
                                             &s->text))
        s->ret->asm_text =
            arena_strndup(s->arena, LLVMGetBufferStart(s->text), LLVMGetBufferSize(s->text));
}

static void
link_image(Session *s)
{
    size_t size = LLVMGetBufferSize(s->object);
    unsigned char *copy = arena_alloc(&s->scratch, size, 1); /* aligned */

    memcpy(copy, LLVMGetBufferStart(s->object), size);
    s->why = image_from_object(copy, size, s->arena, &s->ret->bytes, &s->ret->manifest);
}

static void
compile_all(void *user)
{
    Session *s = user;

    emit_all(s);
    if (!verify(s) || !limit_effort(s) || !run_passes(s))
        return;
    take_texts(s);
    if (make_object(s))
        link_image(s);
}

/* Runs out of either arena: the caller's guard is inside the scratch arena's. */
typedef struct Guarded {
    Session *session;
    bool done;
} Guarded;

static void
compile_guarded(void *user)
{
    Guarded *g = user;

    g->done = arena_guard(g->session->arena, compile_all, g->session);
}

bool
llvm_compile(const Module *loops, const KernelSpec *spec, Arena *arena, KernelImage *ret,
             DiagList *diags)
{
    Session s = {.loops = loops, .spec = spec, .arena = arena, .ret = ret};
    Guarded g = {.session = &s};

    *ret = (KernelImage){.bytes = NULL};
    if (open_target(&s)) {
        open_emit(&s);
        g.done = arena_guard(&s.scratch, compile_guarded, &g) && g.done;
    } else {
        g.done = true;
        s.why = s.message ? s.message : "no such target";
    }
    if (g.done && s.too_large)
        diag_add(diags, DIAG_elab_too_large, (Span){0}, "the program");
    else if (g.done && s.why)
        diag_add(diags, DIAG_backend_failed, (Span){0}, s.why);
    bool ok = g.done && !s.why && !s.too_large;
    close_session(&s);
    if (!g.done)
        arena_exhausted(arena);
    return ok;
}

static const char *
host_name(Arena *arena)
{
    char *name = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    const char *r = arena_printf(arena, "%s %s", name, features);

    LLVMDisposeMessage(name);
    LLVMDisposeMessage(features);
    return r;
}

const Backend *ebm_backend(void);

__attribute__((visibility("default"))) const Backend *
ebm_backend(void)
{
    static const Backend backend = {EBM_ABI, llvm_compile, host_name};

    return &backend;
}
