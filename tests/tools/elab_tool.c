/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_tool.c -- the front end alone: prints the IR of a program, or what is wrong with it
 *
 *     elab_tool [options] [FILE]      FILE "-" is standard input; without one, the library
 *
 *   -e ENERGY  -s SAMPLER  -S NAME=VALUE  --set NAME=EXPR  -o NAME=EXPR  --data NAME=TYPE
 *   --f64  --init normal|zeros|given|uniform  --describe  --check  --list  --recipe  --quiet
 *   --loss LOSS  --optimizer OPTIMIZER  --dataset DATASET  --batch N
 *   --of-loss NAME=EXPR  --of-optimizer NAME=EXPR  --of-dataset NAME=EXPR
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/program.h"
#include "tests/tools/tool.h"

enum { MAX_SETTINGS = 32 };

typedef struct Run {
    Arena arena;
    int argc;
    char **argv;
    int status;
} Run;

typedef struct Options {
    ProgramSetting statics[MAX_SETTINGS], set[MAX_SETTINGS], option[MAX_SETTINGS];
    ProgramSetting loss[MAX_SETTINGS], optimizer[MAX_SETTINGS], dataset[MAX_SETTINGS];
    ProgramShape data[MAX_SETTINGS];
    bool check, list, describe, recipe, quiet;
    const char *file;
} Options;

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

/* An option with a value; false: another one. */
static bool
read_value(Arena *a, ElabRequest *rq, Options *o, const char *s, const char *value)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"-e", &rq->energy},
                 {"-s", &rq->sampler},
                 {"--loss", &rq->loss},
                 {"--optimizer", &rq->optimizer},
                 {"--dataset", &rq->dataset}};
    const struct {
        const char *name;
        ProgramSetting *setting;
        size_t *n;
    } settings[] = {{"-S", o->statics, &rq->n_statics},
                    {"--set", o->set, &rq->n_energy_hyper},
                    {"-o", o->option, &rq->n_sampler_hyper},
                    {"--of-loss", o->loss, &rq->n_loss_hyper},
                    {"--of-optimizer", o->optimizer, &rq->n_optimizer_hyper},
                    {"--of-dataset", o->dataset, &rq->n_dataset_hyper}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!strcmp(s, texts[i].name)) {
            *texts[i].text = value;
            return true;
        }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (!strcmp(s, settings[i].name)) {
            if (*settings[i].n < MAX_SETTINGS)
                settings[i].setting[(*settings[i].n)++] = split(a, value);
            return true;
        }
    if (!strcmp(s, "--data") && rq->n_data < MAX_SETTINGS) {
        ProgramSetting d = split(a, value);
        o->data[rq->n_data++] = (ProgramShape){d.name, read_type(d.text)};
    } else if (!strcmp(s, "--init")) {
        rq->init = !strcmp(value, "zeros")     ? INIT_zeros
                   : !strcmp(value, "given")   ? INIT_given
                   : !strcmp(value, "uniform") ? INIT_uniform
                                               : INIT_normal;
    } else if (!strcmp(s, "--batch")) {
        rq->batch = (uint32_t)strtoul(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static void
read_options(Run *run, ElabRequest *rq, Options *o)
{
    rq->statics = o->statics;
    rq->energy_hyper = o->set;
    rq->sampler_hyper = o->option;
    rq->loss_hyper = o->loss;
    rq->optimizer_hyper = o->optimizer;
    rq->dataset_hyper = o->dataset;
    rq->data = o->data;
    for (int i = 1; i < run->argc; i++) {
        const char *s = run->argv[i], *next = i + 1 < run->argc ? run->argv[i + 1] : "";
        if (read_value(&run->arena, rq, o, s, next))
            i++;
        else if (!strcmp(s, "--f64"))
            rq->dtype = DT_f64;
        else if (!strcmp(s, "--check"))
            o->check = true;
        else if (!strcmp(s, "--list"))
            o->list = true;
        else if (!strcmp(s, "--describe"))
            o->describe = true;
        else if (!strcmp(s, "--recipe"))
            o->recipe = true;
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
    static const char *const owner[] = {"energy", "sampler", "loss", "optimizer", "dataset"};

    if (p->energy)
        printf("energy %s, state %s %s\n", p->energy, p->x_name, p->sampler ? p->sampler : "-");
    if (p->loss)
        printf("loss %s, optimizer %s, %s\n", p->loss, p->optimizer,
               p->dataset ? p->dataset : "columns");
    for (size_t i = 0; i < p->n_hyper; i++) {
        const ProgramHyper *h = &p->hyper[i];
        printf("hyper %s %s", owner[h->owner], h->name);
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
        printf("%s\n", p->param[i].state ? " state" : "");
    }
    for (size_t i = 0; i < p->n_column; i++)
        printf("column %s [%g, %g]\n", p->column[i].name, p->column[i].low, p->column[i].high);
    for (size_t i = 0; i < p->n_buffer; i++)
        printf("buffer %s %u\n", p->buffer[i].name, p->buffer[i].slots);
    for (size_t i = 0; i < p->n_report; i++)
        printf("report %s\n", p->report[i]);
}

static void
recipes(const ElabRequest *rq)
{
    ProgramList l;

    if (!program_list(rq, &l))
        return;
    for (size_t i = 0; i < l.train.n; i++)
        printf("train: %s = %s\n", l.train.line[i].name, l.train.line[i].text);
    for (size_t i = 0; i < l.sample.n; i++)
        printf("sample: %s = %s\n", l.sample.line[i].name, l.sample.line[i].text);
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
    else if (o->recipe)
        recipes(&rq);
    else
        ok = o->check ? program_check(&rq) : elaborate(&rq, &p);
    diag_render(&diags, stdout);
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
