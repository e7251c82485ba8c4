/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_list.c -- declarations described, for help and documentation.
 */
#include <string.h>

#include "frontend/elab.h"

static const char *
type_as_written(const Elab *e, const AstType *t)
{
    Span span = t->span;

    if (t->range && t->range->span.begin > span.begin)
        span.end = t->range->span.begin;
    char *text = arena_printf(e->arena, "%s", elab_expr_text(e, span));
    for (size_t n = strlen(text); n && text[n - 1] == ' ';)
        text[--n] = '\0';
    return text;
}

static ProgramArg
describe_static(const Elab *e, const Static *s)
{
    ProgramArg a = {.name = s->name, .doc = s->doc, .is_static = true};

    a.value = s->value ? elab_expr_text(e, s->value->span) : NULL;
    if (s->pack)
        a.name = arena_printf(e->arena, "%s...", s->name);
    return a;
}

static ProgramArg
describe_param(Elab *e, const Env *env, const Param *p)
{
    ProgramArg a = {.name = p->name, .doc = p->doc, .given = p->given};
    const AstType *t = p->type;
    size_t count = e->diags->count;
    unsigned errors = e->diags->errors;

    a.type = type_as_written(e, t);
    a.value = p->value ? elab_expr_text(e, p->value->span) : NULL;
    a.is_int = t->kind == TYPE_NAME && t->name == e->word.int_;
    a.is_hyper = p->value && elab_is_scalar_type(t) && t->name != e->word.bool_;
    elab_range_of(e, env, t->range, &a.low, &a.high, &a.low_open, &a.high_open);
    e->diags->count = count; /* a bound that is a static parameter has no value here */
    e->diags->errors = errors;
    return a;
}

static ProgramDecl
describe_decl(Elab *e, File *f, const Decl *d)
{
    ProgramDecl r = {.kind = ast_decl_word(d->kind), .name = d->name, .file = f->name};
    Env env = elab_file_env(f);

    r.doc = d->doc;
    r.span = d->name_span;
    r.result = d->result ? elab_expr_text(e, d->result->span)
               : d->type ? elab_expr_text(e, d->type->span)
                         : NULL;
    r.arg = arena_array(e->arena, ProgramArg, d->n_statics + d->n_params + 1);
    for (uint32_t i = 0; i < d->n_statics; i++)
        r.arg[r.n_arg++] = describe_static(e, d->statics[i]);
    for (uint32_t i = 0; i < d->n_params; i++)
        r.arg[r.n_arg++] = describe_param(e, &env, d->params[i]);
    return r;
}

bool
program_list(const ElabRequest *request, ProgramList *ret)
{
    Program program = {0};
    Elab *e = elab_new(request, &program);
    size_t room = 0;

    *ret = (ProgramList){0};
    bool ok = elab_load_files(e);
    e->frame = elab_frame_new(e, "@list", NULL);
    for (size_t i = 0; i < e->n_files; i++)
        room += e->file[i]->n_decls;
    ret->decl = arena_array(e->arena, ProgramDecl, room + 1);
    if (e->main)
        ret->doc = e->main->ast->doc;
    for (size_t i = 0; i < e->n_files; i++) {
        File *f = e->file[i];
        if (e->main && f != e->main)
            continue;
        for (uint32_t k = 0; k < f->n_decls; k++)
            ret->decl[ret->n++] = describe_decl(e, f, f->decl[k].decl);
    }
    return ok && elab_recipe(e, DECL_TRAIN, &ret->train) &&
           elab_recipe(e, DECL_SAMPLE, &ret->sample);
}
