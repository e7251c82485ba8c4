/* SPDX-License-Identifier: Apache-2.0
 *
 * emit.c -- a program's stages, source text and IR, as text
 */
#include <stdlib.h>
#include <string.h>

#include "api/compile.h"
#include "api/report.h"
#include "api/text.h"
#include "frontend/std.h"
#include "passes/pass.h"

/* ---- stages */

/* Finds the library's file that declares the energy. */
typedef struct Search {
    const EbmProgram *program;
    Reading reading;
    ProgramList list;
    const char *file; /* "std/energies" */
} Search;

static void
search(void *user)
{
    Search *s = user;

    if (!reading_open(&s->reading) || !program_list(&s->reading.request, &s->list))
        return;
    for (size_t i = 0; i < s->list.n; i++)
        if (strcmp(s->list.decl[i].kind, "energy") == 0 &&
            strcmp(s->list.decl[i].name, s->program->program.energy) == 0)
            s->file = s->list.decl[i].file;
}

static const StdFile *
library_file(const EbmProgram *program)
{
    Search s = {.program = program,
                .reading.options = (EbmProgramOptions)EBM_PROGRAM_OPTIONS_INIT};
    const StdFile *found = NULL;

    if (arena_guard(&s.reading.arena, search, &s) && s.file)
        for (size_t i = 0; i < n_std_files; i++)
            if (strstr(s.file, std_file[i].name))
                found = &std_file[i];
    reading_clear(&s.reading);
    return found;
}

static EbmStatus
emit_tree(const EbmProgram *program, EbmText **ret, EbmReport **ret_report)
{
    const Reading *r = &program->reading;
    const Source *source = source_get(&r->sources, r->request.file);
    const StdFile *library = source ? NULL : library_file(program);

    if (source)
        return text_of_tree(source->name, source->text, source->size, ret, ret_report);
    if (library)
        return text_of_tree(library->name, library->text, library->size, ret, ret_report);
    return report_say(ret_report, EBM_INTERNAL_ERROR, NULL, "no file declares the energy");
}

static EbmStatus
give_module(const Module *m, EbmText **ret, EbmReport **ret_report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return report_memory(ret_report);
    ir_print(m, out);
    EbmStatus status = text_close(out, &text) ? text_give(text, size, ret, ret_report)
                                              : report_memory(ret_report);
    free(text);
    return status;
}

static EbmStatus
give_stage(const Compilation *c, EbmText **ret, EbmReport **ret_report)
{
    const char *text = c->spec.want_llvm ? c->image.llvm_text : c->image.asm_text;

    if (c->stage != EBM_STAGE_llvm)
        return give_module(c->module, ret, ret_report);
    if (!text)
        return report_say(ret_report, EBM_INTERNAL_ERROR, NULL, "the back end gave no text");
    return text_give(text, strlen(text), ret, ret_report);
}

EbmStatus
ebm_emit(const EbmProgram *program, EbmStage stage, const EbmKernelOptions *options,
         EbmText **ret, EbmReport **ret_report)
{
    EbmKernelOptions o = EBM_KERNEL_OPTIONS_INIT;

    if (!take_options(&o, sizeof o, options) || (unsigned)stage > EBM_STAGE_asm)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "an unknown stage, or options without their initial value");
    if (stage == EBM_STAGE_ast)
        return emit_tree(program, ret, ret_report);
    Compilation c = {
        .program = program,
        .stage = stage == EBM_STAGE_asm ? EBM_STAGE_llvm : stage,
        .spec = {.cpu = o.cpu,
                 .lanes = o.lanes,
                 .level = o.level,
                 .batch = ebm_program_batch(program),
                 .want_llvm = stage == EBM_STAGE_llvm,
                 .want_asm = stage == EBM_STAGE_asm},
    };
    EbmStatus status = compilation_run(&c, ret_report);
    if (status == EBM_OK)
        status = give_stage(&c, ret, ret_report);
    compilation_close(&c);
    return status;
}

/* ---- passes on IR text */

typedef struct Opt {
    Arena arena;
    SourceMap sources;
    DiagList diags;
    const EbmOptOptions *options;
    const char *text, *passes;
    size_t size;
    FILE *log;
    const Module *module;
    const char *unknown; /* a pass that is none */
} Opt;

static void
optimize(void *user)
{
    Opt *o = user;
    Arena *a = &o->arena;
    const EbmOptOptions *given = o->options;
    PassOptions options = {
        .arena = a,
        .diags = &o->diags,
        .log = o->log,
        .print = given->print,
        .verify = given->verify,
        .time = given->time,
        .skip = given->skip,
        .stop = given->stop,
    };

    o->sources.arena = o->diags.arena = a;
    o->diags.sources = &o->sources;
    const char *name = given->name ? given->name : "input.ir";
    uint32_t file = source_add(&o->sources, name, o->text, o->size);
    o->module = ir_read(a, &o->sources, file, &o->diags);
    if (o->module && given->passes && *given->passes)
        o->module = pass_run_list(o->module, given->passes, &options, &o->unknown);
}

static EbmStatus
report_unknown_pass(const char *name, EbmReport **ret_report)
{
    const char *names[PASS_COUNT];

    for (int i = 0; i < PASS_COUNT; i++)
        names[i] = pass_info[i].name;
    return report_unknown(ret_report, name, names, PASS_COUNT, NULL, "there is no pass '%s'",
                          name);
}

static EbmStatus
report_opt(const Opt *o, bool done, EbmReport **ret_report)
{
    if (!done)
        return report_memory(ret_report);
    if (o->unknown)
        return report_unknown_pass(o->unknown, ret_report);
    EbmStatus status = report_diags(ret_report, &o->diags);
    if (status == EBM_OK && !o->module)
        return report_say(ret_report, EBM_INTERNAL_ERROR, "the log has what is wrong",
                          "a pass broke the module");
    return status;
}

EbmStatus
ebm_opt(const char *ir, size_t size, const EbmOptOptions *options, EbmText **ret,
        EbmText **ret_log, EbmReport **ret_report)
{
    EbmOptOptions given = EBM_OPT_OPTIONS_INIT;
    char *log_text = NULL;
    size_t log_size = 0;

    if (ret_log)
        *ret_log = NULL;
    if (!take_options(&given, sizeof given, options))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "options of passes without their initial value");
    Opt o = {.options = &given, .text = ir, .size = size};
    o.log = open_memstream(&log_text, &log_size);
    if (!o.log)
        return report_memory(ret_report);
    bool done = arena_guard(&o.arena, optimize, &o);
    fclose(o.log);
    EbmStatus status = report_opt(&o, done, ret_report);
    if (status == EBM_OK)
        status = give_module(o.module, ret, ret_report);
    if (ret_log && log_text && log_size)
        *ret_log = text_copy(log_text, log_size);
    free(log_text);
    arena_free(&o.arena);
    return status;
}

size_t
ebm_pass_count(void)
{
    return PASS_COUNT;
}

const char *
ebm_pass_name(size_t index)
{
    return pass_info[index].name;
}

const char *
ebm_pass_words(size_t index)
{
    return pass_info[index].words;
}
