/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_static.c -- static parameters from shapes, declared types, and fitting values to them.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"

/* ---- types as written ---- */

bool
elab_is_scalar_type(const AstType *t)
{
    return t->kind == TYPE_NAME && t->n_dims == 0;
}

bool
elab_is_value_type(const AstType *t)
{
    return t->kind == TYPE_NAME;
}

static bool
add_dim(Elab *e, Dims *d, int64_t size, Span span)
{
    uint64_t total = 1;

    if (size < 1) {
        complain(e, elab_size, span, (long long)size);
        return false;
    }
    if (d->rank == MAX_RANK || size > (int64_t)UINT32_MAX) {
        complain(e, elab_too_large, span, "the array");
        return false;
    }
    d->dim[d->rank++] = (uint32_t)size;
    for (uint32_t i = 0; i < d->rank; i++)
        if (d->dim[i] > IR_MAX_ELEMENTS / total) {
            complain(e, elab_too_large, span, elab_dims_text(e, *d));
            return false;
        } else {
            total *= d->dim[i];
        }
    return true;
}

static bool
add_pack(Elab *e, Dims *d, Value v, Span span)
{
    if (v.kind != VAL_shape) {
        if (!elab_is_poison(v))
            complain(e, elab_not_shape, span, elab_expr_text(e, span));
        return false;
    }
    for (uint32_t i = 0; i < v.dims->rank; i++)
        if (!add_dim(e, d, v.dims->dim[i], span))
            return false;
    return true;
}

/* A name in a size that nothing declares is, more often than not, a static parameter that was
 * forgotten. */
static bool
dim_of(Elab *e, const Env *env, const Expr *x, int64_t *ret)
{
    size_t before = e->diags->count;

    if (elab_static_int(e, env, x, "a size", ret))
        return true;
    Diag *last = e->diags->count > before ? &e->diags->diag[before] : NULL;
    if (last && last->code == DIAG_elab_unknown_name && x->kind == EXPR_NAME && !last->help)
        diag_help(e->diags, last,
                  "a static parameter stands behind the declaration's name: [%s]", x->name);
    return false;
}

static bool
dims_of(Elab *e, const Env *env, Expr *const *dims, uint32_t n, Dims *ret)
{
    *ret = (Dims){0};
    for (uint32_t i = 0; i < n; i++) {
        size_t before = e->diags->count;
        int64_t size;
        if (dims[i]->kind == EXPR_PACK) {
            if (!add_pack(e, ret, elab_eval(e, env, dims[i], MODE_term), dims[i]->span))
                return false;
        } else if (!dim_of(e, env, dims[i], &size) || !add_dim(e, ret, size, dims[i]->span)) {
            if (e->diags->count > before)
                elab_note_options(e, env, &e->diags->diag[before], dims[i]);
            return false;
        }
    }
    return true;
}

static DType
named_dtype(Elab *e, const AstType *t)
{
    if (t->name == e->word.real)
        return e->real;
    if (t->name == e->word.int_)
        return DT_i32;
    return t->name == e->word.bool_ ? DT_bool : DT_none;
}

static bool
unknown_type(Elab *e, const AstType *t)
{
    static const char *const known[] = {"real", "int", "bool", "fn", "energy", "sampler"};

    if (strcmp(t->name, "simplex") == 0) {
        complain(e, unsupported, t->span, "a constrained type");
        return false;
    }
    Diag *d = complain(e, elab_unknown_type, t->span, t->name);
    if (!diag_near(e->diags, d, t->name, known, sizeof known / sizeof *known))
        diag_help(e->diags, d, "a number is a real, an int or a bool");
    return false;
}

bool
elab_type_of(Elab *e, const Env *env, const AstType *t, Type *ret)
{
    Dims d;

    if (t->kind != TYPE_NAME) {
        complain(e, elab_value_type, t->span);
        return false;
    }
    DType dtype = named_dtype(e, t);
    if (dtype == DT_none)
        return unknown_type(e, t);
    if (!dims_of(e, env, t->dims, t->n_dims, &d))
        return false;
    *ret = type_array(dtype, d.rank, d.dim);
    return true;
}

/* ---- finding static parameters ---- */

static int
static_index(const Decl *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_statics; i++)
        if (d->statics[i]->name == name)
            return (int)i;
    return -1;
}

static Value
shape_value(Elab *e, Dims d)
{
    Dims *own = arena_new(e->arena, Dims);
    Value v = {.kind = VAL_shape};

    *own = d;
    v.dims = own;
    return v;
}

static bool
same_value(Value a, Value b)
{
    if (a.kind != b.kind)
        return false;
    if (a.kind == VAL_int)
        return a.i == b.i;
    return a.dims->rank == b.dims->rank &&
           memcmp(a.dims->dim, b.dims->dim, a.dims->rank * sizeof a.dims->dim[0]) == 0;
}

static const char *
static_text(Elab *e, Value v)
{
    return v.kind == VAL_int ? arena_printf(e->arena, "%lld", (long long)v.i)
                             : elab_dims_text(e, *v.dims);
}

/* The text of an option is a source whose name begins with a dash. */
static bool
is_of_option(const Elab *e, Span span)
{
    return span.file && source_get(e->request->sources, span.file)->name[0] == '-';
}

void
elab_note_options(Elab *e, const Env *env, Diag *d, const Expr *x)
{
    for (const Binding *b = env->local; b; b = b->next)
        if (is_of_option(e, b->span) && elab_find_local(env, b->name) == b &&
            elab_expr_mentions(x, b->name))
            diag_note(e->diags, d, b->span, "'%s' is given here", b->name);
}

/* Gives static `i` a value, or holds it against the one it has. */
static void
settle(Elab *e, Solve *s, int i, Value v, Span span, const char *what)
{
    Value *old = &s->value[i];
    const Static *st = s->decl->statics[i];

    if (old->kind == VAL_none) {
        *old = v;
        return;
    }
    if (s->failed || elab_is_poison(*old) || elab_is_poison(v) || same_value(*old, v))
        return;
    Diag *d = complain(e, elab_static_clash, span, st->name, static_text(e, *old),
                       static_text(e, v), what);
    diag_note(e->diags, d, st->name_span, "'%s' is declared here", st->name);
    s->failed = true;
}

static void
settle_said(Elab *e, Solve *s, int i, const Named *a)
{
    if (s->value[i].kind == VAL_none && is_of_option(e, a->span))
        s->said[i] = a->span;
    settle(e, s, i, a->value, a->span, "");
}

static bool
is_static_value(Elab *e, const Static *st, Value v, Span span)
{
    if (elab_is_poison(v) || v.kind == (st->pack ? VAL_shape : VAL_int))
        return !elab_is_poison(v);
    complain(e, elab_static_kind, span, st->name,
             st->pack ? "a shape" : "a whole number known when the program is compiled",
             elab_value_text(e, v));
    return false;
}

/* Sizes that stand for a pack: all that the statics after it do not need. */
static uint32_t
explicit_pack(Elab *e, Solve *s, const FnVal *fn, uint32_t at, uint32_t after, int i)
{
    uint32_t n = fn->n_statics - at, count = n > after ? n - after : 0;
    Dims d = {0};

    for (uint32_t k = 0; k < count; k++) {
        const Named *a = &fn->statics[at + k];
        if (a->value.kind == VAL_shape)
            s->failed |= !add_pack(e, &d, a->value, a->span);
        else if (a->value.kind == VAL_int)
            s->failed |= !add_dim(e, &d, a->value.i, a->span);
        else
            s->failed = true;
    }
    settle(e, s, i, s->failed ? POISON : shape_value(e, d), s->span, "");
    return count;
}

static void
settle_positional(Elab *e, Solve *s, const FnVal *fn)
{
    const Decl *d = s->decl;
    uint32_t at = 0;

    for (uint32_t i = 0; i < d->n_statics && at < fn->n_statics; i++) {
        const Named *a = &fn->statics[at];
        if (a->name)
            break;
        if (d->statics[i]->pack) {
            at += explicit_pack(e, s, fn, at, d->n_statics - i - 1, (int)i);
            continue;
        }
        if (is_static_value(e, d->statics[i], a->value, a->span))
            settle_said(e, s, (int)i, a);
        else
            s->failed = true, s->value[i] = POISON;
        at++;
    }
    if (at < fn->n_statics && !fn->statics[at].name) {
        complain(e, elab_static_count, fn->statics[at].span, d->name, d->n_statics);
        s->failed = true;
    }
}

static void
settle_named(Elab *e, Solve *s, const FnVal *fn)
{
    for (uint32_t k = 0; k < fn->n_statics; k++) {
        const Named *a = &fn->statics[k];
        int i = a->name ? static_index(s->decl, a->name) : -1;
        if (!a->name)
            continue;
        if (i < 0) {
            complain(e, elab_no_static, a->span, s->decl->name, a->name);
            s->failed = true;
        } else if (is_static_value(e, s->decl->statics[i], a->value, a->span)) {
            settle_said(e, s, i, a);
        }
    }
}

void
elab_solve_begin(Elab *e, Solve *s, const FnVal *fn, Span span)
{
    *s = (Solve){.decl = fn->decl, .span = span};
    s->value = arena_array(e->arena, Value, fn->decl->n_statics + 1);
    s->said = arena_array(e->arena, Span, fn->decl->n_statics + 1);
    for (uint32_t i = 0; i < fn->decl->n_statics; i++) {
        s->value[i] = NO_VALUE;
        s->said[i] = (Span){0};
    }
    settle_positional(e, s, fn);
    settle_named(e, s, fn);
}

static int
pack_position(const AstType *t)
{
    for (uint32_t i = 0; i < t->n_dims; i++)
        if (t->dims[i]->kind == EXPR_PACK)
            return (int)i;
    return -1;
}

static void
match_dim(Elab *e, Solve *s, const Expr *x, uint32_t size, Span span, const char *what)
{
    int i = x->kind == EXPR_NAME ? static_index(s->decl, x->name) : -1;

    if (i >= 0)
        settle(e, s, i, elab_value_int(size), span, what);
}

/* Declared sizes against actual ones; what is not a static's name is checked by coerce. */
void
elab_solve_match(Elab *e, Solve *s, const AstType *t, Dims actual, Span span, const char *what)
{
    int pack = pack_position(t);
    uint32_t n = t->n_dims;

    if (t->kind != TYPE_NAME || (pack < 0 ? actual.rank != n : actual.rank + 1 < n))
        return;
    if (pack < 0) {
        for (uint32_t i = 0; i < n; i++)
            match_dim(e, s, t->dims[i], actual.dim[i], span, what);
        return;
    }
    uint32_t head = (uint32_t)pack, tail = n - head - 1, middle = actual.rank + 1 - n;
    Dims d = {.rank = middle};
    memcpy(d.dim, actual.dim + head, middle * sizeof *d.dim);
    for (uint32_t i = 0; i < head; i++)
        match_dim(e, s, t->dims[i], actual.dim[i], span, what);
    int i = static_index(s->decl, t->dims[head]->name);
    if (i >= 0)
        settle(e, s, i, shape_value(e, d), span, what);
    for (uint32_t k = 0; k < tail; k++)
        match_dim(e, s, t->dims[head + 1 + k], actual.dim[head + middle + k], span, what);
}

/* Defaults may use the statics before them. */
void
elab_solve_end(Elab *e, Solve *s, Env *env)
{
    for (uint32_t i = 0; i < s->decl->n_statics; i++) {
        const Static *st = s->decl->statics[i];
        Value *v = &s->value[i];
        if (v->kind == VAL_none && st->value) {
            *v = elab_eval(e, env, st->value, MODE_term);
            if (!is_static_value(e, st, *v, st->value->span))
                *v = POISON;
        }
        if (v->kind == VAL_none)
            *v = (Value){.kind = VAL_open};
        elab_bind(e, env, st->name, *v, s->said[i].file ? s->said[i] : st->name_span);
    }
}

/* ---- values of a declared type ---- */

static Value
coerce_tuple(Elab *e, const Env *env, Value v, const AstType *t, Span span, const char *what)
{
    if (t->n_fields == 1 && v.kind != VAL_tuple)
        return elab_coerce(e, env, v, t->fields[0]->type, span, what);
    if (v.kind != VAL_tuple || v.n != t->n_fields)
        return FAIL(e, elab_type, span, what, elab_expr_text(e, t->span),
                    elab_value_text(e, v));
    Value r = elab_value_tuple(e, v.n, v.item);
    for (uint32_t i = 0; i < r.n; i++)
        r.item[i] = elab_coerce(e, env, v.item[i], t->fields[i]->type, span, what);
    return r;
}

static bool
dtype_fits(DType have, DType want)
{
    if (dtype_is_float(want))
        return have != DT_bool;
    return have == want;
}

static Value
wrong_type(Elab *e, Value v, const AstType *t, const char *want, Span span, const char *what)
{
    Diag *d = complain(e, elab_type, span, what, want, elab_value_text(e, v));

    if (t->span.file != span.file || t->span.begin != span.begin)
        diag_note(e->diags, d, t->span, "declared here");
    return POISON;
}

static bool
is_a(Value v, DeclKind kind)
{
    return v.kind == VAL_fn &&
           (v.fn->kind == FN_opaque || (v.fn->kind == FN_decl && v.fn->decl->kind == kind));
}

/* ---- ranges ---- */

static double
bound_of(Elab *e, const Env *env, const Expr *x, double otherwise)
{
    if (!x)
        return otherwise;
    Value v = elab_eval(e, env, x, MODE_term);
    if (v.kind == VAL_int)
        return (double)v.i;
    return v.kind == VAL_real ? v.r : otherwise;
}

void
elab_range_of(Elab *e, const Env *env, const Range *r, double *low, double *high,
              bool *low_open, bool *high_open)
{
    *low = -INFINITY;
    *high = INFINITY;
    *low_open = *high_open = false;
    if (!r)
        return;
    *low = bound_of(e, env, r->lo, *low);
    *high = bound_of(e, env, r->hi, *high);
    *low_open = r->lo_open;
    *high_open = r->hi_open || r->in;
}

/* The numbers of a constant; 0: it is none. */
static uint64_t
constant_size(Elab *e, Value v)
{
    if (v.kind == VAL_int || v.kind == VAL_real)
        return 1;
    bool constant = v.kind == VAL_ref && ir_is(v.frame->b.function, v.ref, OP_const);

    return constant ? type_size(elab_value_type(e, v)) : 0;
}

static double
constant_number(Value v, uint64_t i)
{
    Scalar s = {0};

    if (v.kind == VAL_int || v.kind == VAL_real)
        return v.kind == VAL_int ? (double)v.i : v.r;
    const Node *n = ir_node(v.frame->b.function, v.ref);
    size_t size = dtype_size((DType)n->type.dtype);
    memcpy(&s, (const char *)n->attr.data + i * size, size);
    return scalar_to_double(s, (DType)n->type.dtype);
}

/* Constants are checked here; other values by whoever gives them before a run. */
static bool
check_range(Elab *e, const Env *env, Value v, const AstType *t, Span span, const char *what)
{
    double low, high;
    bool low_open, high_open;
    uint64_t n = constant_size(e, v);

    elab_range_of(e, env, t->range, &low, &high, &low_open, &high_open);
    for (uint64_t i = 0; i < n; i++) {
        double x = constant_number(v, i);
        if ((low_open ? x > low : x >= low) && (high_open ? x < high : x <= high))
            continue;
        complain(e, elab_type, span, what, elab_expr_text(e, t->span),
                 arena_printf(e->arena, "%g", x));
        return false;
    }
    return true;
}

/* ---- values in types ---- */

Value
elab_coerce(Elab *e, const Env *env, Value v, const AstType *t, Span span, const char *what)
{
    Type want;

    if (v.kind == VAL_poison || v.kind == VAL_none)
        return v;
    if (t->kind == TYPE_TUPLE)
        return coerce_tuple(e, env, v, t, span, what);
    if (t->kind == TYPE_ANY && (t->bare == DECL_SAMPLER || t->bare == DECL_OPTIMIZER))
        return is_a(v, t->bare)
                   ? v
                   : wrong_type(e, v, t, t->bare == DECL_SAMPLER ? "a sampler" : "an optimizer",
                                span, what);
    if (t->kind != TYPE_NAME)
        return v.kind == VAL_fn || v.kind == VAL_list
                   ? v
                   : wrong_type(e, v, t, "a function", span, what);
    if (!elab_type_of(e, env, t, &want))
        return POISON;
    const char *text = elab_type_text(e, want);
    if (!elab_is_number(v))
        return wrong_type(e, v, t, text, span, what);
    Type have = elab_value_type(e, v);
    if (!dtype_fits((DType)have.dtype, (DType)want.dtype))
        return wrong_type(e, v, t, text, span, what);
    e->frame->b.span = span;
    /* A wide number stays wide: what an energy gave keeps its accuracy. */
    if (have.dtype == DT_f64 && dtype_is_float((DType)want.dtype))
        want.dtype = DT_f64;
    if (t->range && !check_range(e, env, v, t, span, what))
        return POISON;
    if (!elab_fit(e, &v, want))
        return wrong_type(e, v, t, text, span, what);
    return v;
}
