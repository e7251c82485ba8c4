/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_recipe.c -- the lines of `train { }` and `sample { }`, as options.
 */
#include "frontend/elab.h"

static ProgramSetting
as_option(const Elab *e, const Setting *s)
{
    const Expr *x = s->value;

    return (ProgramSetting){s->name,
                            x->kind == EXPR_STRING ? x->text : elab_expr_text(e, x->span)};
}

bool
program_recipe(const ElabRequest *request, bool train, ProgramSetting **ret, size_t *ret_n)
{
    Program program = {0};
    Elab *e = elab_new(request, &program);
    const Decl *found = NULL;

    *ret = NULL;
    *ret_n = 0;
    if (!elab_load_files(e))
        return false;
    for (uint32_t i = 0; e->main && i < e->main->ast->n_decls; i++) {
        const Decl *d = e->main->ast->decls[i];
        if (d->kind != (train ? DECL_TRAIN : DECL_SAMPLE))
            continue;
        if (found) {
            Diag *diag = complain(e, elab_duplicate, d->name_span, d->name);
            diag_note(e->diags, diag, found->name_span, "the first one is here");
            return false;
        }
        found = d;
    }
    if (!found)
        return true;
    *ret = arena_array(e->arena, ProgramSetting, found->n_settings + 1);
    for (uint32_t i = 0; i < found->n_settings; i++)
        (*ret)[(*ret_n)++] = as_option(e, found->settings[i]);
    return true;
}
