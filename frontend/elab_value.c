/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_value.c -- values of the elaborator: making, converting and describing them.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "frontend/elab_chain.h"

Value
elab_value_int(int64_t i)
{
    return (Value){.kind = VAL_int, .i = i};
}

Value
elab_value_real(double r)
{
    return (Value){.kind = VAL_real, .r = r};
}

Value
elab_value_bool(bool b)
{
    return (Value){.kind = VAL_bool, .b = b};
}

static Value
read_constant(Type t, Scalar s)
{
    if (t.dtype == DT_bool)
        return elab_value_bool(s.b);
    return t.dtype == DT_i32 ? elab_value_int(s.i32)
                             : elab_value_real(scalar_to_double(s, t.dtype));
}

/* A scalar that was folded to an int or a truth value is known while compiling; a real one is
 * not taken back, since it has been rounded to a dtype. */
Value
elab_value_ref(Elab *e, Ref r)
{
    const Function *f = e->frame->b.function;
    Type t = ir_type(f, r);
    Scalar s;

    if (t.rank == 0 && (t.dtype == DT_bool || t.dtype == DT_i32) && ir_is_splat(f, r, &s))
        return read_constant(t, s);
    return (Value){.kind = VAL_ref, .ref = r, .frame = e->frame};
}

Value
elab_value_fn(FnVal *fn)
{
    return (Value){.kind = VAL_fn, .fn = fn};
}

Value
elab_value_tuple(Elab *e, uint32_t n, const Value *item)
{
    Value v = {.kind = VAL_tuple};

    v.n = n;
    v.item = arena_array(e->arena, Value, n);
    memcpy(v.item, item, n * sizeof *item);
    return v;
}

Value
elab_value_chain(const ChainVal *chain)
{
    return (Value){.kind = VAL_chain, .chain = chain};
}

ChainVal *
elab_copy_chain(Elab *e, const ChainVal *c)
{
    ChainVal *r = arena_new(e->arena, ChainVal);

    *r = *c;
    r->kept = arena_array(e->arena, Value, c->of->n_kept + 1);
    r->report = arena_array(e->arena, Value, c->of->n_reports + 1);
    memcpy(r->kept, c->kept, c->of->n_kept * sizeof *r->kept);
    memcpy(r->report, c->report, c->of->n_reports * sizeof *r->report);
    return r;
}

static bool
has_items(Value v)
{
    return v.kind == VAL_tuple || v.kind == VAL_list;
}

bool
elab_is_poison(Value v)
{
    if (has_items(v))
        for (uint32_t i = 0; i < v.n; i++)
            if (elab_is_poison(v.item[i]))
                return true;
    return v.kind == VAL_poison;
}

bool
elab_has_chain(Value v)
{
    if (has_items(v))
        for (uint32_t i = 0; i < v.n; i++)
            if (elab_has_chain(v.item[i]))
                return true;
    return v.kind == VAL_chain;
}

bool
elab_is_static(Value v)
{
    return v.kind == VAL_int || v.kind == VAL_real || v.kind == VAL_bool;
}

bool
elab_is_number(Value v)
{
    return elab_is_static(v) || v.kind == VAL_ref;
}

Type
elab_value_type(const Elab *e, Value v)
{
    switch (v.kind) {
    case VAL_int: return type_scalar(DT_i32);
    case VAL_real: return type_scalar(e->real);
    case VAL_bool: return type_scalar(DT_bool);
    case VAL_ref: return ir_type(v.frame->b.function, v.ref);
    default: return type_scalar(DT_none);
    }
}

bool
elab_is_scalar(const Elab *e, Value v)
{
    return elab_is_number(v) && elab_value_type(e, v).rank == 0;
}

bool
elab_is_wide(const Elab *e, Value v)
{
    return v.kind == VAL_ref && elab_value_type(e, v).dtype == DT_f64 && e->real != DT_f64;
}

/* ---- text ---- */

const char *
elab_dims_text(const Elab *e, Dims d)
{
    Text t = {.arena = e->arena};

    text_printf(&t, "[");
    for (uint32_t i = 0; i < d.rank; i++)
        text_printf(&t, "%s%u", i ? ", " : "", d.dim[i]);
    text_printf(&t, "]");
    return text_str(&t);
}

const char *
elab_type_text(const Elab *e, Type t)
{
    const char *name = t.dtype == DT_bool ? "bool" : dtype_is_int(t.dtype) ? "int" : "real";
    Dims d = {.rank = t.rank};

    if (t.rank == 0)
        return name;
    memcpy(d.dim, t.dim, sizeof d.dim);
    return arena_printf(e->arena, "%s%s", name, elab_dims_text(e, d));
}

static const char *
tuple_text(const Elab *e, Value v)
{
    Text t = {.arena = e->arena};

    text_printf(&t, "(");
    for (uint32_t i = 0; i < v.n; i++)
        text_printf(&t, "%s%s", i ? ", " : "", elab_value_text(e, v.item[i]));
    text_printf(&t, ")");
    return text_str(&t);
}

static const char *
fn_text(const Elab *e, const FnVal *fn)
{
    if (fn->kind == FN_decl && fn->decl->name)
        return arena_printf(e->arena, "the %s '%s'", ast_decl_word(fn->decl->kind),
                            fn->decl->name);
    return "a function";
}

const char *
elab_value_text(const Elab *e, Value v)
{
    switch (v.kind) {
    case VAL_tuple: return tuple_text(e, v);
    case VAL_fn: return fn_text(e, v.fn);
    case VAL_chain: return arena_printf(e->arena, "%s at work", fn_text(e, v.chain->of->fn));
    case VAL_list: return elab_has_chain(v) ? "an array of chains" : "an array of layers";
    case VAL_shape: return "a shape";
    case VAL_buffer: return "a buffer";
    case VAL_slot: return "a slot of a buffer";
    case VAL_none: return "nothing";
    case VAL_poison:
    case VAL_open: return "an unknown value";
    default: return elab_type_text(e, elab_value_type(e, v));
    }
}

/* Runs of blanks and line ends become one blank. */
const char *
elab_expr_text(const Elab *e, Span span)
{
    const Source *src = source_get(e->request->sources, span.file);
    Text t = {.arena = e->arena};
    bool blank = false;

    for (uint32_t i = span.begin; src && i < span.end && i < src->size; i++) {
        char c = src->text[i];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            blank = true;
            continue;
        }
        if (blank && t.size)
            text_add(&t, " ", 1);
        blank = false;
        text_add(&t, &c, 1);
    }
    return text_str(&t);
}

/* ---- conversions ---- */

static double
static_double(Value v)
{
    return v.kind == VAL_int ? (double)v.i : v.kind == VAL_real ? v.r : (double)v.b;
}

Ref
elab_ref_of(Elab *e, Value v, DType d)
{
    Builder *b = &e->frame->b;

    if (v.kind != VAL_ref) {
        DType own = (DType)elab_value_type(e, v).dtype;
        if (v.kind == VAL_int && (d == DT_none || d == DT_i32) &&
            (v.i < INT32_MIN || v.i > INT32_MAX))
            complain(e, elab_int_range, b->span);
        return ir_number(b, d ? d : own, static_double(v));
    }
    Ref r = v.frame == e->frame ? v.ref : elab_import_ref(e, e->frame, v, b->span);
    return d && ir_type(b->function, r).dtype != d ? ir_convert(b, r, d) : r;
}

Value
elab_convert(Elab *e, Value v, DType d)
{
    if (v.kind == VAL_tuple || !elab_is_number(v))
        return v;
    if (v.kind == VAL_int && dtype_is_float(d))
        return elab_value_real((double)v.i);
    if (elab_is_static(v) || elab_value_type(e, v).dtype == d)
        return v;
    return elab_value_ref(e, elab_ref_of(e, v, d));
}

static bool
stretches(Type from, Type to)
{
    if (from.rank > to.rank)
        return false;
    for (unsigned i = 0; i < from.rank; i++) {
        uint32_t have = from.dim[i], want = to.dim[to.rank - from.rank + i];
        if (have != want && have != 1)
            return false;
    }
    return true;
}

bool
elab_fit(Elab *e, Value *v, Type t)
{
    Type have = elab_value_type(e, *v);

    if (!stretches(have, t))
        return false;
    if (t.rank == 0) {
        *v = elab_convert(e, *v, (DType)t.dtype);
        return true;
    }
    Ref r = elab_ref_of(e, *v, (DType)t.dtype);
    if (!type_same_shape(have, t))
        r = ir_broadcast_to(&e->frame->b, r, t);
    *v = elab_value_ref(e, r);
    return true;
}

/* ---- leaves ---- */

static Value
copy_items(Elab *e, Value v)
{
    Value r = elab_value_tuple(e, v.n, v.item);

    r.kind = v.kind;
    return r;
}

/* All of a chain, its reports too. */
static bool
flatten_chain(Elab *e, const ChainVal *c, Value *ret, uint32_t *n, uint32_t cap)
{
    bool ok = elab_flatten_all(e, c->x, ret, n, cap);

    if (ok && c->of->counts)
        ok = elab_flatten_all(e, c->t, ret, n, cap);
    for (uint32_t i = 0; ok && i < c->of->n_kept; i++)
        ok = c->of->kept[i].anew || elab_flatten_all(e, c->kept[i], ret, n, cap);
    for (uint32_t i = 0; ok && i < c->of->n_reports; i++)
        ok = elab_flatten_all(e, elab_chain_report(e, c, i), ret, n, cap);
    return ok;
}

static Value
unflatten_chain(Elab *e, const ChainVal *c, const Value *leaf, uint32_t *n)
{
    ChainVal *r = elab_copy_chain(e, c);

    r->x = elab_unflatten(e, c->x, leaf, n);
    if (c->of->counts)
        r->t = elab_unflatten(e, c->t, leaf, n);
    for (uint32_t i = 0; i < c->of->n_kept; i++)
        if (!c->of->kept[i].anew)
            r->kept[i] = elab_unflatten(e, c->kept[i], leaf, n);
    for (uint32_t i = 0; i < c->of->n_reports; i++)
        r->report[i] = elab_unflatten(e, c->report[i], leaf, n);
    return elab_value_chain(r);
}

bool
elab_flatten_all(Elab *e, Value v, Value *ret, uint32_t *n, uint32_t cap)
{
    if (has_items(v)) {
        for (uint32_t i = 0; i < v.n; i++)
            if (!elab_flatten_all(e, v.item[i], ret, n, cap))
                return false;
        return true;
    }
    if (v.kind == VAL_chain)
        return flatten_chain(e, v.chain, ret, n, cap);
    if (!elab_is_number(v) || *n == cap)
        return false;
    ret[(*n)++] = v;
    return true;
}

bool
elab_flatten(Elab *e, Value v, Value *ret, uint32_t *n, uint32_t cap)
{
    return !elab_has_chain(v) && elab_flatten_all(e, v, ret, n, cap);
}

Value
elab_unflatten(Elab *e, Value v, const Value *leaf, uint32_t *n)
{
    if (v.kind == VAL_chain)
        return unflatten_chain(e, v.chain, leaf, n);
    if (!has_items(v))
        return leaf[(*n)++];
    Value t = copy_items(e, v);
    for (uint32_t i = 0; i < t.n; i++)
        t.item[i] = elab_unflatten(e, v.item[i], leaf, n);
    return t;
}

/* ---- one type for two values ---- */

/* The dtype that both have a place in; DT_none for bool with a number. */
static DType
common_dtype(const Elab *e, Type a, Type b, Mode mode)
{
    if (a.dtype == b.dtype)
        return mode == MODE_wide && a.rank == 0 && dtype_is_float(a.dtype) ? DT_f64
                                                                           : (DType)a.dtype;
    if (a.dtype == DT_bool || b.dtype == DT_bool)
        return DT_none;
    if (a.dtype == DT_f64 || b.dtype == DT_f64 || (mode == MODE_wide && a.rank == 0))
        return DT_f64;
    return e->real;
}

static bool
same_static(Value a, Value b)
{
    return elab_is_static(a) && a.kind == b.kind && static_double(a) == static_double(b);
}

static bool
unify_tuples(Elab *e, Value *a, RegionId ra, Value *b, RegionId rb, Mode mode)
{
    if (a->kind != b->kind || a->n != b->n)
        return false;
    *a = copy_items(e, *a);
    *b = copy_items(e, *b);
    for (uint32_t i = 0; i < a->n; i++)
        if (!elab_unify(e, &a->item[i], ra, &b->item[i], rb, mode))
            return false;
    return true;
}

/* Two moments of one chain. */
static bool
unify_chains(Elab *e, Value *a, RegionId ra, Value *b, RegionId rb, Mode mode)
{
    Value x[MAX_LEAVES], y[MAX_LEAVES];
    uint32_t n = 0, m = 0, k = 0;

    if (a->kind != b->kind || a->chain->of != b->chain->of ||
        !elab_flatten_all(e, *a, x, &n, MAX_LEAVES) ||
        !elab_flatten_all(e, *b, y, &m, MAX_LEAVES) || n != m)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!elab_unify(e, &x[i], ra, &y[i], rb, mode))
            return false;
    *a = elab_unflatten(e, *a, x, &k);
    k = 0;
    *b = elab_unflatten(e, *b, y, &k);
    return true;
}

static void
convert_in(Elab *e, Value *v, RegionId region, DType d)
{
    Builder *b = &e->frame->b;
    RegionId back = b->region;

    b->region = region;
    *v = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, *v, d), .frame = e->frame};
    b->region = back;
}

bool
elab_unify(Elab *e, Value *a, RegionId ra, Value *b, RegionId rb, Mode mode)
{
    if (has_items(*a) || has_items(*b))
        return unify_tuples(e, a, ra, b, rb, mode);
    if (a->kind == VAL_chain || b->kind == VAL_chain)
        return unify_chains(e, a, ra, b, rb, mode);
    if (a->kind == VAL_fn || b->kind == VAL_fn)
        return a->kind == b->kind && a->fn == b->fn;
    if (!elab_is_number(*a) || !elab_is_number(*b))
        return false;
    if (same_static(*a, *b) && mode != MODE_wide)
        return true;
    Type ta = elab_value_type(e, *a), tb = elab_value_type(e, *b);
    DType d = common_dtype(e, ta, tb, mode);
    if (!type_same_shape(ta, tb) || d == DT_none)
        return false;
    convert_in(e, a, ra, d);
    convert_in(e, b, rb, d);
    return true;
}
