/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_tool.c -- the front end alone: prints the IR of a program, or what is wrong with it
 *
 *     elab_tool [options] [FILE]      FILE "-" is standard input; without one, the library
 *
 *   -e ENERGY  -s SAMPLER  -S NAME=VALUE  --set NAME=EXPR  -o NAME=EXPR  --data NAME=TYPE
 *   --f64  --init normal|zeros|given|uniform  --describe  --check  --list  --quiet
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/program.h"

enum { MAX_SETTINGS = 32 };

typedef struct Run {
    Arena arena;
    int argc;
    char **argv;
    int status;
} Run;

typedef struct Options {
    ProgramSetting statics[MAX_SETTINGS], set[MAX_SETTINGS], option[MAX_SETTINGS];
    ProgramShape data[MAX_SETTINGS];
    bool check, list, describe, quiet;
    const char *file;
} Options;

static char *
read_all(Arena *a, FILE *f, size_t *ret_size)
{
    char *text = NULL;
    size_t cap = 0, size = 0, got;

    do {
        text = arena_grow(a, text, size, &cap, size + 65536, 1);
        got = fread(text + size, 1, 65536, f);
        size += got;
    } while (got);
    *ret_size = size;
    return text;
}

static const char *
read_import(void *user, const char *from, const char *path, size_t *ret_size)
{
    Run *run = user;
    const char *slash = strrchr(from, '/');
    FILE *f = fopen(
        slash ? arena_printf(&run->arena, "%.*s/%s", (int)(slash - from), from, path) : path,
        "r");

    if (!f)
        return NULL;
    char *text = read_all(&run->arena, f, ret_size);
    fclose(f);
    return text;
}

static ProgramSetting
split(Arena *a, const char *text)
{
    const char *eq = strchr(text, '=');

    if (!eq)
        return (ProgramSetting){text, ""};
    return (ProgramSetting){arena_strndup(a, text, (size_t)(eq - text)), eq + 1};
}

/* "real[3,2]", "int[4]" */
static Type
read_type(const char *text)
{
    Type t = type_scalar(text[0] == 'i' ? DT_i32 : DT_f32);
    const char *at = strchr(text, '[');

    while (at && *at && *at != ']') {
        t.dim[t.rank++] = (uint32_t)strtoul(at + 1, NULL, 10);
        at = strpbrk(at + 1, ",]");
    }
    return t;
}

static void
read_options(Run *run, ElabRequest *rq, Options *o)
{
    Arena *a = &run->arena;

    rq->statics = o->statics;
    rq->energy_hyper = o->set;
    rq->sampler_hyper = o->option;
    rq->data = o->data;
    for (int i = 1; i < run->argc; i++) {
        const char *s = run->argv[i], *next = i + 1 < run->argc ? run->argv[i + 1] : "";
        i += strcmp(s, "-") &&
             (s[1] != '-' || !strcmp(s, "--set") || !strcmp(s, "--data") ||
              !strcmp(s, "--init")) &&
             s[0] == '-';
        if (!strcmp(s, "-e"))
            rq->energy = next;
        else if (!strcmp(s, "-s"))
            rq->sampler = next;
        else if (!strcmp(s, "-S") && rq->n_statics < MAX_SETTINGS)
            o->statics[rq->n_statics++] = split(a, next);
        else if (!strcmp(s, "--set") && rq->n_energy_hyper < MAX_SETTINGS)
            o->set[rq->n_energy_hyper++] = split(a, next);
        else if (!strcmp(s, "-o") && rq->n_sampler_hyper < MAX_SETTINGS)
            o->option[rq->n_sampler_hyper++] = split(a, next);
        else if (!strcmp(s, "--data") && rq->n_data < MAX_SETTINGS) {
            ProgramSetting d = split(a, next);
            o->data[rq->n_data++] = (ProgramShape){d.name, read_type(d.text)};
        } else if (!strcmp(s, "--init"))
            rq->init = !strcmp(next, "zeros")     ? INIT_zeros
                       : !strcmp(next, "given")   ? INIT_given
                       : !strcmp(next, "uniform") ? INIT_uniform
                                                  : INIT_normal;
        else if (!strcmp(s, "--f64"))
            rq->dtype = DT_f64;
        else if (!strcmp(s, "--check"))
            o->check = true;
        else if (!strcmp(s, "--list"))
            o->list = true;
        else if (!strcmp(s, "--describe"))
            o->describe = true;
        else if (!strcmp(s, "--quiet"))
            o->quiet = true;
        else
            o->file = s;
    }
    rq->low = -2;
    rq->high = 2;
}

static void
describe(const Program *p)
{
    printf("energy %s, state %s %s\n", p->energy, p->x_name, p->sampler ? p->sampler : "-");
    for (size_t i = 0; i < p->n_hyper; i++) {
        const ProgramHyper *h = &p->hyper[i];
        printf("hyper %s %s", h->owner == HYPER_energy ? "energy" : "sampler", h->name);
        if (h->has_value)
            printf(" = %g", h->value);
        printf(" %s%g, %g%s%s%s%s%s%s\n", h->low_open ? "(" : "[", h->low, h->high,
               h->high_open ? ")" : "]", h->is_int ? " int" : "", h->fixed ? " fixed" : "",
               h->bound_to_t ? " t" : "", h->doc ? " # " : "", h->doc ? h->doc : "");
    }
    for (size_t i = 0; i < p->n_data; i++)
        printf("data %s\n", p->data[i].name);
    for (size_t i = 0; i < p->n_given; i++)
        printf("given %s\n", p->given[i].name);
    for (size_t i = 0; i < p->n_param; i++) {
        printf("param %s", p->param[i].name);
        for (unsigned k = 0; k < p->param[i].type.rank; k++)
            printf(" %u", p->param[i].type.dim[k]);
        printf("\n");
    }
    for (size_t i = 0; i < p->n_report; i++)
        printf("report %s\n", p->report[i]);
}

static void
list(const ElabRequest *rq)
{
    ProgramList l;

    program_list(rq, &l);
    for (size_t i = 0; i < l.n; i++) {
        const ProgramDecl *d = &l.decl[i];
        printf("%s %s (%s)%s%s\n", d->kind, d->name, d->file, d->doc ? " # " : "",
               d->doc ? d->doc : "");
        for (size_t k = 0; k < d->n_arg; k++)
            printf("    %s%s: %s = %s%s%s\n", d->arg[k].is_static ? "static " : "",
                   d->arg[k].name, d->arg[k].type ? d->arg[k].type : "-",
                   d->arg[k].value ? d->arg[k].value : "-", d->arg[k].doc ? " # " : "",
                   d->arg[k].doc ? d->arg[k].doc : "");
    }
}

static void
work(void *user)
{
    Run *run = user;
    Arena *a = &run->arena;
    Interner names = {.arena = a};
    SourceMap sources = {.arena = a};
    DiagList diags = {.arena = a, .sources = &sources};
    ElabRequest rq = {.arena = a, .sources = &sources, .names = &names, .diags = &diags};
    Options *o = arena_new(a, Options);
    Program p = {0};

    read_options(run, &rq, o);
    rq.read_import = read_import;
    rq.user = run;
    if (o->file) {
        FILE *f = strcmp(o->file, "-") ? fopen(o->file, "r") : stdin;
        size_t size;
        if (!f) {
            run->status = 2;
            return;
        }
        char *text = read_all(a, f, &size);
        rq.file =
            source_add(&sources, strcmp(o->file, "-") ? o->file : "model.ebm", text, size);
        if (f != stdin)
            fclose(f);
    }
    bool ok = true;
    if (o->list)
        list(&rq);
    else
        ok = o->check ? program_check(&rq) : elaborate(&rq, &p);
    for (size_t i = 0; i < diags.count; i++)
        diag_render(&diags, &diags.diag[i], stdout);
    if (ok && p.module && !o->quiet && !o->describe)
        ir_print(p.module, stdout);
    if (ok && p.module && o->describe)
        describe(&p);
    if (ok && p.module)
        ok = ir_verify(p.module, stdout);
    run->status = ok ? 0 : 1;
}

int
main(int argc, char **argv)
{
    Run run = {.argc = argc, .argv = argv};

    if (!arena_guard(&run.arena, work, &run)) {
        fputs("out of memory\n", stderr);
        run.status = 3;
    }
    arena_free(&run.arena);
    return run.status;
}
