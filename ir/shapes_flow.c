/* SPDX-License-Identifier: Apache-2.0
 *
 * shapes_flow.c -- the type rules of calls, derivatives and control flow
 */
#include "ir/shape_rules.h"

/* ---- calls */

static void
set_results(Arena *arena, ShapeResult *ret, uint32_t n)
{
    ret->type = (Type){.dtype = DT_none};
    ret->n_results = n;
    ret->result = arena_array(arena, Type, n + !n);
}

static Type
body_type(const Function *f, Ref r)
{
    return f->node[r.id].type;
}

static const char *
arguments_rule(const ShapeQuery *q, const Function *callee)
{
    const Region *body = &callee->region[0];

    if (q->n_args < body->n_params)
        return "an operand for each parameter";
    for (uint32_t i = 0; i < body->n_params; i++)
        if (!type_eq(shape_arg_type(q, i), body_type(callee, body->param[i])))
            return "operands of the parameters' types";
    return NULL;
}

static const char *
active_rule(const ShapeQuery *q, const Function *callee)
{
    const Region *body = &callee->region[0];

    if (q->attr->n_ints == 0)
        return "active arguments";
    for (uint32_t i = 0; i < q->attr->n_ints; i++) {
        int64_t a = q->attr->ints[i];
        if (a < 0 || a >= body->n_params || (i && a <= q->attr->ints[i - 1]))
            return "ascending active arguments";
        if (!dtype_is_float(body_type(callee, body->param[a]).dtype))
            return "active arguments that are real";
    }
    return NULL;
}

static const Function *
callee_of(const ShapeQuery *q)
{
    return q->module && q->attr->callee < q->module->n ? q->module->function[q->attr->callee]
                                                       : NULL;
}

/* The callee's results, then one of the types of `extra` for each active argument or result. */
const char *
shape_call(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    const Function *callee = callee_of(q);

    if (!callee)
        return "a function";
    const Region *body = &callee->region[0];
    set_results(arena, ret, body->n_yields);
    for (uint32_t i = 0; i < body->n_yields; i++)
        ret->result[i] = body_type(callee, body->yield[i]);
    return q->n_args != body->n_params ? "an operand for each parameter"
                                       : arguments_rule(q, callee);
}

static const char *
derivative_rule(const ShapeQuery *q, const Function **ret_callee)
{
    *ret_callee = callee_of(q);
    if (!*ret_callee)
        return "a function";
    const char *why = active_rule(q, *ret_callee);
    return why ? why : arguments_rule(q, *ret_callee);
}

const char *
shape_vjp(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    const Function *callee;
    const char *why = derivative_rule(q, &callee);

    if (why)
        return why;
    const Region *body = &callee->region[0];
    if (q->n_args != body->n_params + body->n_yields)
        return "a cotangent for each result";
    set_results(arena, ret, body->n_yields + q->attr->n_ints);
    for (uint32_t i = 0; i < body->n_yields; i++) {
        ret->result[i] = body_type(callee, body->yield[i]);
        if (!type_eq(shape_arg_type(q, body->n_params + i), ret->result[i]))
            return "cotangents of the results' types";
    }
    for (uint32_t i = 0; i < q->attr->n_ints; i++)
        ret->result[body->n_yields + i] = shape_arg_type(q, (uint32_t)q->attr->ints[i]);
    return NULL;
}

const char *
shape_jvp(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    const Function *callee;
    const char *why = derivative_rule(q, &callee);

    if (why)
        return why;
    const Region *body = &callee->region[0];
    if (q->n_args != body->n_params + q->attr->n_ints)
        return "a tangent for each active argument";
    for (uint32_t i = 0; i < q->attr->n_ints; i++)
        if (!type_eq(shape_arg_type(q, body->n_params + i),
                     shape_arg_type(q, (uint32_t)q->attr->ints[i])))
            return "tangents of the active arguments' types";
    set_results(arena, ret, 2 * body->n_yields);
    for (uint32_t i = 0; i < body->n_yields; i++)
        ret->result[i] = ret->result[body->n_yields + i] = body_type(callee, body->yield[i]);
    return NULL;
}

const char *
shape_laplacian(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    const Function *callee;
    const char *why = derivative_rule(q, &callee);

    if (why)
        return why;
    const Region *body = &callee->region[0];
    if (q->attr->n_ints != 1 || q->n_args != body->n_params || body->n_yields != 1)
        return "one active argument and one result";
    Type value = body_type(callee, body->yield[0]);
    if (value.rank || !dtype_is_float(value.dtype))
        return "a real scalar result";
    set_results(arena, ret, 3);
    ret->result[0] = ret->result[2] = value;
    ret->result[1] = shape_arg_type(q, (uint32_t)q->attr->ints[0]);
    return NULL;
}

/* ---- control flow */

static const char *
yields_rule(const ShapeQuery *q, const Region *r, uint32_t n, const Type *type)
{
    if (r->n_yields != n)
        return "a region that yields as many values";
    for (uint32_t i = 0; i < n; i++)
        if (!type_eq(shape_ref_type(q, r->yield[i]), type[i]))
            return "a region that yields values of the same types";
    return NULL;
}

/* The region's parameters from `skip` on have the given types. */
static const char *
params_rule(const ShapeQuery *q, const Region *r, uint32_t skip, uint32_t n, const Type *type)
{
    if (r->n_params != skip + n)
        return "a region parameter for each carried value";
    for (uint32_t i = 0; i < skip; i++)
        if (!shape_is_index(shape_ref_type(q, r->param[i])))
            return "i32 region parameters";
    for (uint32_t i = 0; i < n; i++)
        if (!type_eq(shape_ref_type(q, r->param[skip + i]), type[i]))
            return "region parameters of the carried types";
    return NULL;
}

const char *
shape_if(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    if (q->n_args != 1 || q->n_regions != 2 ||
        !type_eq(shape_arg_type(q, 0), type_scalar(DT_bool)))
        return "a bool condition and two regions";
    const Region *then = shape_own_region(q, 0);
    if (then->n_params || shape_own_region(q, 1)->n_params)
        return "regions without parameters";
    set_results(arena, ret, then->n_yields);
    for (uint32_t i = 0; i < then->n_yields; i++)
        ret->result[i] = shape_ref_type(q, then->yield[i]);
    return yields_rule(q, shape_own_region(q, 1), ret->n_results, ret->result);
}

static void
carried_types(Arena *arena, const ShapeQuery *q, uint32_t first, ShapeResult *ret)
{
    set_results(arena, ret, q->n_args - first);
    for (uint32_t i = first; i < q->n_args; i++)
        ret->result[i - first] = shape_arg_type(q, i);
}

const char *
shape_for(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    if (q->n_args < 2 || q->n_regions != 1 || !shape_is_index(shape_arg_type(q, 0)) ||
        !shape_is_index(shape_arg_type(q, 1)))
        return "i32 bounds and one region";
    carried_types(arena, q, 2, ret);
    const char *why = params_rule(q, shape_own_region(q, 0), 1, ret->n_results, ret->result);
    return why ? why : yields_rule(q, shape_own_region(q, 0), ret->n_results, ret->result);
}

const char *
shape_while(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    Type condition = type_scalar(DT_bool);

    if (q->n_args < 1 || q->n_regions != 2 || !shape_is_index(shape_arg_type(q, 0)))
        return "an i32 bound and two regions";
    carried_types(arena, q, 1, ret);
    const char *why = params_rule(q, shape_own_region(q, 0), 0, ret->n_results, ret->result);
    why = why ? why : params_rule(q, shape_own_region(q, 1), 0, ret->n_results, ret->result);
    why = why ? why : yields_rule(q, shape_own_region(q, 0), 1, &condition);
    return why ? why : yields_rule(q, shape_own_region(q, 1), ret->n_results, ret->result);
}

static const char *
fold_rule(FoldKind kind, Type extents, Type value, Type *ret)
{
    *ret = value;
    if (kind >= FOLD_COUNT)
        return "a fold kind";
    if (kind == FOLD_all || kind == FOLD_any)
        return value.dtype == DT_bool ? NULL : "bools to combine";
    if (kind != FOLD_store)
        return value.dtype == DT_bool ? "numbers to combine" : NULL;
    if (extents.rank + value.rank > MAX_RANK)
        return "at most eight axes";
    for (unsigned i = 0; i < value.rank; i++)
        extents.dim[extents.rank++] = value.dim[i];
    *ret = type_with(extents, value.dtype);
    return NULL;
}

const char *
shape_loop(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    const Attr *a = q->attr;
    Type extents = {.dtype = DT_none};

    if (q->n_args || q->n_regions != 1 || a->n_ints < 1 || a->ints[0] < 1 ||
        a->ints[0] > MAX_RANK)
        return "one region and its extents";
    extents.rank = (uint8_t)a->ints[0];
    const Region *body = shape_own_region(q, 0);
    if (a->n_ints != 1 + extents.rank + body->n_yields)
        return "a fold kind for each result";
    for (unsigned i = 0; i < extents.rank; i++) {
        if (a->ints[1 + i] < 0 || a->ints[1 + i] > INT32_MAX)
            return "extents that an i32 can hold";
        extents.dim[i] = (uint32_t)a->ints[1 + i];
    }
    set_results(arena, ret, body->n_yields);
    for (uint32_t i = 0; i < body->n_yields; i++) {
        FoldKind kind = (FoldKind)a->ints[1 + extents.rank + i];
        const char *why =
            fold_rule(kind, extents, shape_ref_type(q, body->yield[i]), &ret->result[i]);
        if (why)
            return why;
    }
    return params_rule(q, body, extents.rank, 0, NULL);
}
