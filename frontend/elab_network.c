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

const ParamInfo *
elab_register_param(Elab *e, const ParamInfo *p, const char *own, const AstType *type)
{
    const char *name = dotted(e, p->env.path, own);
    ParamInfo *known = find_param(e, name);
    Type t;

    if (!elab_type_of(e, &p->env, type, &t))
        return NULL;
    if (!dtype_is_float((DType)t.dtype)) {
        complain(e, elab_param_type, type->span, elab_type_text(e, t));
        return NULL;
    }
    if (known && !type_eq(known->type, t)) {
        Diag *d = complain(e, elab_param_clash, p->span, name, elab_type_text(e, known->type),
                           elab_type_text(e, t));
        diag_help(e->diags, d, "a second one is a second layer: layer a = ..., layer b = ...");
        return NULL;
    }
    if (!known) {
        e->param = arena_grow(e->arena, e->param, e->n_params, &e->cap_params, e->n_params + 1,
                              sizeof *e->param);
        e->param[e->n_params] = *p;
        e->param[e->n_params].name = name;
        e->param[e->n_params++].type = t;
        known = &e->param[e->n_params - 1];
    }
    return known;
}

Value
elab_bind_param(Elab *e, Env *env, const Stmt *s)
{
    const ParamInfo own = {.init = s->init, .value = s->value, .span = s->span, .env = *env};

    if (!env->path)
        return FAIL(e, elab_place, s->span, "param", "a network, an energy or a loss");
    const ParamInfo *p = elab_register_param(e, &own, s->name, s->type);
    return p ? elab_entry_input(e, INPUT_param, p->name, p->type, VARY_uniform) : POISON;
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

static bool
is_network(Value v)
{
    return v.kind == VAL_fn && v.fn->kind == FN_decl &&
           (v.fn->decl->kind == DECL_NETWORK || v.fn->decl->kind == DECL_ENERGY);
}

/* `layer l = Linear(2, 64)`, as other languages have it, would be a call. */
static bool
is_called(Elab *e, Env *env, const Expr *x)
{
    if (x->kind != EXPR_CALL || x->n_args == 0 || x->args[0]->name)
        return false;
    return is_network(elab_eval(e, env, x->left, MODE_term));
}

void
elab_bind_layer(Elab *e, Env *env, const Stmt *s)
{
    Value v = is_called(e, env, s->value) ? FAIL(e, elab_layer_call, s->value->span, s->name)
                                          : elab_eval(e, env, s->value, MODE_term);

    if (!env->path)
        v = FAIL(e, elab_place, s->span, "layer", "a network or an energy");
    if (!elab_is_poison(v) && !is_network(v))
        v = FAIL(e, elab_layer, s->value->span, elab_value_text(e, v));
    if (!elab_is_poison(v))
        v = s->n_dims ? layer_list(e, env, s, v.fn)
                      : instance(e, v.fn, dotted(e, env->path, s->name));
    elab_bind(e, env, s->name, v, s->name_span);
}

/* ---- members, from outside ---- */

static void
bind_unknown(Elab *e, Env *env, const Pattern *p)
{
    if (p->name)
        elab_bind(e, env, p->name, NO_VALUE, p->span);
    for (uint32_t i = 0; !p->name && i < p->n_fields; i++)
        bind_unknown(e, env, p->fields[i]);
}

static void
bind_known_arguments(Elab *e, Env *env, FnVal *fn)
{
    for (uint32_t i = 0; i < fn->decl->n_params; i++) {
        const Param *p = fn->decl->params[i];
        Value v = NO_VALUE;
        for (uint32_t k = 0; k < fn->n_bound; k++)
            v = strcmp(fn->bound[k].name, p->name) == 0 ? fn->bound[k].value : v;
        if (v.kind == VAL_none)
            v = elab_default_value(e, env, fn, p);
        if (v.kind != VAL_none)
            v = elab_coerce(e, env, v, p->type, p->span,
                            arena_printf(e->arena, "'%s' of '%s'", p->name, fn->decl->name));
        elab_bind(e, env, p->name, v, p->name_span);
    }
}

/* Binds what a network's body declares.  What its statements compute needs a call. */
static void
bind_members(Elab *e, Env *env, const Body *body)
{
    for (uint32_t i = 0; i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        if (s->kind == STMT_PARAM || s->kind == STMT_LAYER || s->kind == STMT_CONST ||
            s->kind == STMT_DECL || s->kind == STMT_STATE)
            elab_run_stmts(e, env, &body->stmts[i], 1);
        for (uint32_t k = 0; s->kind != STMT_STATE && k < s->n_patterns; k++)
            bind_unknown(e, env, s->patterns[k]);
    }
}

static Value
no_member(Elab *e, const FnVal *fn, const Env *env, const Binding *end, const Expr *x)
{
    const char *name[64];
    size_t n = 0;

    for (const Binding *b = env->local; b && b != end && n < 64; b = b->next)
        if (b->value.kind != VAL_none)
            name[n++] = b->name;
    Diag *d = complain(e, elab_no_member, x->at, arena_printf(e->arena, "'%s'", fn->decl->name),
                       x->name);
    if (!diag_near(e->diags, d, x->name, name, n))
        diag_help(e->diags, d, "members are what a 'param', 'layer', 'const' or 'fn' declares");
    return POISON;
}

Value
elab_network_member(Elab *e, FnVal *fn, const Expr *x)
{
    Env env = fn->env;
    const Activation *back = e->act;
    Value v = POISON;

    if (!elab_push_depth(e, x->span))
        return POISON;
    env.act = elab_enter_text(e, fn->decl, back, x->span);
    env.path = fn->path ? fn->path : fn->decl->name;
    env.reports = NULL;
    env.buffers = NULL;
    env.ret_mode = env.let_mode = MODE_term;
    elab_bind_statics(e, fn, &env);
    bind_known_arguments(e, &env, fn);
    const Binding *end = env.local, *b;
    bind_members(e, &env, fn->decl->body);
    for (b = env.local; b != end && b->name != x->name; b = b->next)
        ;
    v = b != end && b->value.kind != VAL_none ? b->value : no_member(e, fn, &env, end, x);
    e->act = back;
    e->depth--;
    return v;
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
