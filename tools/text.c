/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c -- commands that read text and print text: check, fmt, opt, --emit
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"

static char *
read_stream(FILE *f, size_t *ret_size)
{
    size_t size = 0, cap = 1 << 16;
    char *text = malloc(cap);

    while (text) {
        size += fread(text + size, 1, cap - size - 1, f);
        if (size < cap - 1)
            break;
        char *more = realloc(text, cap *= 2);
        if (!more)
            free(text);
        text = more;
    }
    if (text)
        text[size] = '\0';
    *ret_size = size;
    return text;
}

char *
read_text(const char *path, size_t *ret_size)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");

    if (!f) {
        complain("cannot read '%s': %s", path, strerror(errno));
        return NULL;
    }
    char *text = read_stream(f, ret_size);
    bool failed = ferror(f) != 0;
    if (!standard)
        fclose(f);
    if (text && !failed)
        return text;
    complain("cannot read '%s': %s", path, text ? strerror(errno) : "no memory");
    free(text);
    return NULL;
}

static int
check_choice(const EbmProgramOptions *choice)
{
    EbmReport *report = NULL;
    EbmStatus status = ebm_check(choice, &report);

    return finish_report(status, report);
}

int
command_check(const Args *args)
{
    EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
    char *source = NULL;

    if (args->help)
        return command_help(args);
    if (!args->model) {
        complain("check: expected a file, or '-'");
        return EXIT_usage;
    }
    choice.file = args->model;
    if (strcmp(args->model, "-") == 0) {
        source = read_text(args->model, &choice.source_size);
        if (!source)
            return EXIT_data;
        choice.source = source;
    }
    int code = check_choice(&choice);
    free(source);
    return code;
}

static int
write_in_place(const char *path, const EbmText *text)
{
    char temporary[4096];

    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *f = fopen(temporary, "wb");
    bool written =
        f && fwrite(ebm_text_data(text), 1, ebm_text_size(text), f) == ebm_text_size(text);
    written = f && fclose(f) == 0 && written;
    if (written && rename(temporary, path) == 0)
        return EXIT_done;
    complain("cannot write '%s': %s", path, strerror(errno));
    remove(temporary);
    return EXIT_output;
}

static int
deliver(const Args *args, const char *before, const EbmText *after)
{
    bool same = strcmp(before, ebm_text_data(after)) == 0;

    if (args->check) {
        if (!same)
            printf("%s would change\n", args->model);
        return same ? EXIT_done : EXIT_program;
    }
    if (args->write)
        return same ? EXIT_done : write_in_place(args->model, after);
    fputs(ebm_text_data(after), stdout);
    return EXIT_done;
}

int
command_fmt(const Args *args)
{
    EbmText *text = NULL;
    EbmReport *report = NULL;
    size_t size;

    if (args->help)
        return command_help(args);
    if (!args->model) {
        complain("fmt: expected a file, or '-'");
        return EXIT_usage;
    }
    char *source = read_text(args->model, &size);
    if (!source)
        return EXIT_data;
    EbmStatus status = ebm_format(args->model, source, size, &text, &report);
    int code = finish_report(status, report);
    code = code ? code : deliver(args, source, text);
    ebm_text_free(text);
    free(source);
    return code;
}

/* `name` is that of a pass, `size` bytes long. */
static bool
check_pass(const char *option, const char *name, size_t size)
{
    const char *word[64];
    char copy[64];
    size_t n = 0;

    for (; n < ebm_pass_count() && n < 64; n++) {
        word[n] = ebm_pass_name(n);
        if (strlen(word[n]) == size && memcmp(word[n], name, size) == 0)
            return true;
    }
    snprintf(copy, sizeof copy, "%.*s", (int)size, name);
    const char *near = ebm_near_miss(copy, word, n);
    if (near)
        complain("--%s: there is no pass '%s'; did you mean '%s'?", option, copy, near);
    else
        complain("--%s: there is no pass '%s'", option, copy);
    return false;
}

static bool
check_passes(const Args *args)
{
    bool right = true;

    for (const char *at = args->passes; at && *at;) {
        size_t size = strcspn(at, ",");
        right = check_pass("passes", at, size) && right;
        at += size + (at[size] == ',');
    }
    right = (!args->skip || check_pass("skip", args->skip, strlen(args->skip))) && right;
    return (!args->stop || check_pass("stop", args->stop, strlen(args->stop))) && right;
}

int
command_opt(const Args *args)
{
    EbmOptOptions options = EBM_OPT_OPTIONS_INIT;
    EbmText *text = NULL, *log = NULL;
    EbmReport *report = NULL;
    size_t size;

    if (args->help || !args->model)
        return command_help(args);
    if (!check_passes(args))
        return EXIT_usage;
    char *ir = read_text(args->model, &size);
    if (!ir)
        return EXIT_data;
    options.name = args->model;
    options.passes = args->passes ? args->passes : "";
    options.print = args->print;
    options.time = args->time;
    options.skip = args->skip;
    options.stop = args->stop;
    EbmStatus status = ebm_opt(ir, size, &options, &text, &log, &report);
    if (log)
        fputs(ebm_text_data(log), stderr);
    int code = finish_report(status, report);
    if (!code)
        fputs(ebm_text_data(text), stdout);
    ebm_text_free(text);
    ebm_text_free(log);
    free(ir);
    return code;
}

static bool
find_stage(const char *name, EbmStage *ret)
{
    static const char *const stage[] = {"ast", "ir", "grad", "loops", "llvm", "asm"};

    for (size_t i = 0; i < sizeof stage / sizeof *stage; i++)
        if (strcmp(name, stage[i]) == 0) {
            *ret = (EbmStage)i;
            return true;
        }
    complain("--emit: expected ast, ir, grad, loops, llvm or asm, found '%s'", name);
    return false;
}

int
command_emit(const Args *args)
{
    Session s = {.args = NULL};
    EbmText *text = NULL;
    EbmReport *report = NULL;
    EbmStage stage;

    if (!find_stage(args->emit, &stage))
        return EXIT_usage;
    int code = session_open(&s, args);
    code = code ? code : session_program(&s);
    if (!code) {
        EbmStatus status = ebm_emit(s.program, stage, &s.kernel_options, &text, &report);
        code = finish_report(status, report);
    }
    if (!code)
        fputs(ebm_text_data(text), stdout);
    ebm_text_free(text);
    session_close(&s);
    return code;
}
