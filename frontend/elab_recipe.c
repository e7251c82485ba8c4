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
elab_recipe(Elab *e, DeclKind kind, ProgramRecipe *ret)
{
    const Decl *found = NULL;

    for (uint32_t i = 0; e->main && i < e->main->ast->n_decls; i++) {
        const Decl *d = e->main->ast->decls[i];
        if (d->kind != kind)
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
    ret->line = arena_array(e->arena, ProgramSetting, found->n_settings + 1);
    for (uint32_t i = 0; i < found->n_settings; i++)
        ret->line[ret->n++] = as_option(e, found->settings[i]);
    return true;
}
