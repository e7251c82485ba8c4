/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_network.c -- trainable parameters and layers, under the dotted names of checkpoints.
 */
#include <string.h>

#include "frontend/elab.h"

static ParamInfo *
find_param(Elab *e, const char *name)
{
    for (size_t i = 0; i < e->n_params; i++)
        if (strcmp(e->param[i].name, name) == 0)
            return &e->param[i];
    return NULL;
}

static const char *
dotted(Elab *e, const char *path, const char *name)
{
    return path[0] ? arena_printf(e->arena, "%s.%s", path, name) : name;
}

Value
elab_bind_param(Elab *e, Env *env, const Stmt *s)
{
    Type t;

    if (!env->path)
        return FAIL(e, elab_place, s->span, "param", "a network or an energy");
    if (!elab_type_of(e, env, s->type, &t))
        return POISON;
    if (!dtype_is_float((DType)t.dtype))
        return FAIL(e, elab_param_type, s->type->span, elab_type_text(e, t));
    const char *name = dotted(e, env->path, s->name);
    ParamInfo *known = find_param(e, name);
    if (known && !type_eq(known->type, t)) {
        Diag *d = complain(e, elab_param_clash, s->span, name, elab_type_text(e, known->type),
                           elab_type_text(e, t));
        diag_help(e->diags, d, "a second one is a second layer: layer a = ..., layer b = ...");
        return POISON;
    }
    if (!known) {
        e->param = arena_grow(e->arena, e->param, e->n_params, &e->cap_params, e->n_params + 1,
                              sizeof *e->param);
        e->param[e->n_params++] = (ParamInfo){name, t, s, *env};
    }
    return elab_entry_input(e, INPUT_param, name, t, VARY_uniform);
}

static Value
instance(Elab *e, const FnVal *fn, const char *path)
{
    FnVal *own = arena_new(e->arena, FnVal);

    *own = *fn;
    own->path = path;
    own->once = false;
    own->derived = NULL;
    return elab_value_fn(own);
}

enum { MAX_LAYERS = 10000 };

static Value
layer_list(Elab *e, Env *env, const Stmt *s, const FnVal *fn)
{
    Value v = {.kind = VAL_list};
    int64_t n;

    if (!elab_static_int(e, env, s->dims[0], "the number of layers", &n))
        return POISON;
    if (n < 0 || n > MAX_LAYERS)
        return FAIL(e, elab_size, s->dims[0]->span, (long long)n);
    v.n = (uint32_t)n;
    v.item = arena_array(e->arena, Value, v.n + 1);
    for (uint32_t i = 0; i < v.n; i++)
        v.item[i] =
            instance(e, fn, arena_printf(e->arena, "%s.%u", dotted(e, env->path, s->name), i));
    return v;
}

void
elab_bind_layer(Elab *e, Env *env, const Stmt *s)
{
    Value v = elab_eval(e, env, s->value, MODE_term);

    if (!env->path)
        v = FAIL(e, elab_place, s->span, "layer", "a network or an energy");
    if (!elab_is_poison(v) &&
        (v.kind != VAL_fn || v.fn->kind != FN_decl ||
         (v.fn->decl->kind != DECL_NETWORK && v.fn->decl->kind != DECL_ENERGY)))
        v = FAIL(e, elab_layer, s->value->span, elab_value_text(e, v));
    if (!elab_is_poison(v))
        v = s->n_dims ? layer_list(e, env, s, v.fn)
                      : instance(e, v.fn, dotted(e, env->path, s->name));
    elab_bind(e, env, s->name, v, s->name_span);
}

Value
elab_initial(Elab *e, const Env *env, const Expr *init, const Expr *value, Type t, Span span)
{
    const Expr *x = init ? init : value;
    Dims d = {.rank = t.rank};

    memcpy(d.dim, t.dim, sizeof d.dim);
    e->frame->b.span = x ? x->span : span;
    if (!x)
        return FAIL(e, elab_no_start, span);
    e->expect = init && x->kind == EXPR_CALL ? &d : NULL;
    Value v = elab_eval(e, env, x, MODE_term);
    e->expect = NULL;
    if (elab_is_poison(v))
        return POISON;
    if (!elab_is_number(v) ||
        (elab_value_type(e, v).dtype == DT_bool) != (t.dtype == DT_bool) ||
        (dtype_is_int((DType)t.dtype) && dtype_is_float((DType)elab_value_type(e, v).dtype)) ||
        !elab_fit(e, &v, t))
        return FAIL(e, elab_type, x->span, "the start", elab_type_text(e, t),
                    elab_value_text(e, v));
    return (Value){
        .kind = VAL_ref, .ref = elab_ref_of(e, v, (DType)t.dtype), .frame = e->frame};
}
