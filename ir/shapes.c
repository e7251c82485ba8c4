/* SPDX-License-Identifier: Apache-2.0
 *
 * shapes.c -- the type rule of every op
 */
#include "ir/shapes.h"

#include <assert.h>
#include <string.h>

/* A rule: fills `ret`, returns NULL or what is wrong. */
typedef const char *Rule(Arena *arena, const ShapeQuery *q, ShapeResult *ret);

static Type
arg_type(const ShapeQuery *q, uint32_t i)
{
    return q->function->node[q->arg[i].id].type;
}

static bool
is_index(Type t)
{
    return t.rank == 0 && t.dtype == DT_i32;
}

static const Region *
own_region(const ShapeQuery *q, uint32_t i)
{
    return &q->function->region[q->own[i]];
}

static Type
ref_type(const ShapeQuery *q, Ref r)
{
    return q->function->node[r.id].type;
}

/* ---- pointwise
 * ------------------------------------------------------------------------------------------ */

static const char *
class_rule(OpClass class, DType d, const ShapeQuery *q, DType *ret)
{
    *ret = d;
    switch (class) {
    case CLASS_F: return dtype_is_float(d) ? NULL : "floating-point operands";
    case CLASS_N: return dtype_is_float(d) || dtype_is_int(d) ? NULL : "numeric operands";
    case CLASS_I: return dtype_is_int(d) ? NULL : "integer operands";
    case CLASS_B: return d == DT_bool ? NULL : "bool operands";
    case CLASS_L: return d == DT_bool || dtype_is_int(d) ? NULL : "integer or bool operands";
    case CLASS_C: *ret = DT_bool; return NULL;
    case CLASS_P: *ret = DT_bool; return dtype_is_float(d) ? NULL : "a floating-point operand";
    case CLASS_X:
        *ret = q->given.dtype;
        if (q->op == OP_bitcast && dtype_size(d) != dtype_size(*ret))
            return "dtypes of one width";
        return *ret == DT_none ? "a dtype" : NULL;
    default: return NULL;
    }
}

static const char *
shape_pointwise(const ShapeQuery *q, ShapeResult *ret)
{
    bool select = op_info[q->op].class == CLASS_S;
    DType to;

    if (q->n_args != op_info[q->op].arity)
        return "as many operands as the op has";
    for (uint32_t i = 1; i < q->n_args; i++)
        if (!type_same_shape(arg_type(q, 0), arg_type(q, i)))
            return "operands of one shape";
    for (uint32_t i = select ? 2 : 1; i < q->n_args; i++)
        if (arg_type(q, i).dtype != arg_type(q, i - 1).dtype)
            return "operands of one dtype";
    if (select && arg_type(q, 0).dtype != DT_bool)
        return "a bool condition";
    DType d = arg_type(q, select).dtype;
    if (d == DT_none)
        return "operands that are values";
    const char *why = class_rule(op_info[q->op].class, d, q, &to);
    ret->type = type_with(arg_type(q, 0), to);
    return why;
}

/* ---- constants, shapes
 * ---------------------------------------------------------------------------------- */

static const char *
take_given(const ShapeQuery *q, ShapeResult *ret, uint32_t n_args)
{
    ret->type = q->given;
    if (q->n_args != n_args)
        return "as many operands as the op has";
    return q->given.dtype == DT_none ? "a type" : NULL;
}

static const char *
shape_arg(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    return take_given(q, ret, 0);
}

static const char *
shape_const(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (!q->attr->data && type_size(q->given))
        return "elements";
    return take_given(q, ret, 0);
}

static const char *
shape_get(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1)
        return "one operand";
    const Node *n = &q->function->node[q->arg[0].id];
    if (n->type.dtype != DT_none || q->attr->i < 0 || q->attr->i >= n->n_results)
        return "a node with that many results";
    ret->type = n->result[q->attr->i];
    return NULL;
}

static const char *
shape_iota(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->given.dtype != DT_i32 || q->attr->i < 0 || q->attr->i >= q->given.rank)
        return "an i32 array and one of its axes";
    return take_given(q, ret, 0);
}

static const char *
shape_broadcast(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || q->attr->n_ints != arg_type(q, 0).rank)
        return "an axis of the result for each axis of the operand";
    Type x = arg_type(q, 0);
    int64_t last = -1;
    for (uint32_t i = 0; i < x.rank; i++) {
        int64_t axis = q->attr->ints[i];
        if (axis <= last || axis >= q->given.rank || q->given.dim[axis] != x.dim[i])
            return "ascending axes of the operand's extents";
        last = axis;
    }
    ret->type = type_with(q->given, x.dtype);
    return NULL;
}

static const char *
shape_reshape(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || type_size(arg_type(q, 0)) != type_size(q->given))
        return "as many elements";
    ret->type = type_with(q->given, arg_type(q, 0).dtype);
    return NULL;
}

static const char *
shape_transpose(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    unsigned seen = 0;
    (void)arena;
    if (q->n_args != 1 || q->attr->n_ints != arg_type(q, 0).rank)
        return "a permutation of the axes";
    ret->type = arg_type(q, 0);
    for (uint32_t i = 0; i < ret->type.rank; i++) {
        int64_t axis = q->attr->ints[i];
        if (axis < 0 || axis >= ret->type.rank || seen >> axis & 1)
            return "a permutation of the axes";
        seen |= 1u << axis;
        ret->type.dim[i] = arg_type(q, 0).dim[axis];
    }
    return NULL;
}

/* slice and pad mirror each other: `small` lies in `large` at (low, stride) an axis. */
static const char *
strided_rule(const Attr *attr, Type small, Type large)
{
    if (small.rank != large.rank || attr->n_ints != 2u * small.rank)
        return "a start and a stride for each axis";
    for (uint32_t i = 0; i < small.rank; i++) {
        int64_t start = attr->ints[2 * i], stride = attr->ints[2 * i + 1];
        if (start < 0 || stride < 1 || stride > UINT32_MAX || start > UINT32_MAX)
            return "a start and a stride within the axis";
        if (small.dim[i] && start + (int64_t)(small.dim[i] - 1) * stride >= large.dim[i])
            return "a start and a stride within the axis";
    }
    return NULL;
}

static const char *
shape_slice(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1)
        return "one operand";
    ret->type = type_with(q->given, arg_type(q, 0).dtype);
    return strided_rule(q->attr, q->given, arg_type(q, 0));
}

static const char *
shape_pad(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1)
        return "one operand";
    ret->type = type_with(q->given, arg_type(q, 0).dtype);
    return strided_rule(q->attr, arg_type(q, 0), q->given);
}

static const char *
shape_concat(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    uint64_t total = 0;
    (void)arena;
    if (q->n_args == 0 || q->attr->i < 0 || q->attr->i >= arg_type(q, 0).rank)
        return "operands and one of their axes";
    ret->type = arg_type(q, 0);
    for (uint32_t i = 0; i < q->n_args; i++) {
        Type t = arg_type(q, i), first = arg_type(q, 0);
        if (t.rank != first.rank)
            return "operands of one rank";
        total += t.dim[q->attr->i];
        t.dim[q->attr->i] = first.dim[q->attr->i];
        if (!type_eq(t, first))
            return "operands that differ along the axis only";
    }
    if (total > UINT32_MAX)
        return "a shorter axis";
    ret->type.dim[q->attr->i] = (uint32_t)total;
    return NULL;
}

/* ---- indexing
 * -------------------------------------------------------------------------------------------
 */

static const char *
index_rule(const ShapeQuery *q, uint32_t first, Type x)
{
    if (q->n_args <= first || q->n_args - first > x.rank)
        return "between one index and one for each axis";
    for (uint32_t i = first; i < q->n_args; i++)
        if (!is_index(arg_type(q, i)))
            return "i32 indices";
    return NULL;
}

static const char *
shape_at(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args < 2)
        return "an array and indices";
    const char *why = index_rule(q, 1, arg_type(q, 0));
    if (!why)
        ret->type = type_drop(arg_type(q, 0), q->n_args - 1);
    return why;
}

static const char *
shape_update(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args < 3)
        return "an array, a value and indices";
    const char *why = index_rule(q, 2, arg_type(q, 0));
    ret->type = arg_type(q, 0);
    if (!why && !type_eq(arg_type(q, 1), type_drop(ret->type, q->n_args - 2)))
        return "a value of the indexed part's type";
    return why;
}

static const char *
rows_rule(Type x, Type index)
{
    return x.rank < 1 || index.rank != 1 || index.dtype != DT_i32 ? "an array and an i32 vector"
                                                                  : NULL;
}

static Type
rows_type(Type x, Type index)
{
    x.dim[0] = index.dim[0];
    return x;
}

static const char *
shape_take(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 2)
        return "an array and an i32 vector";
    ret->type = rows_type(arg_type(q, 0), arg_type(q, 1));
    return rows_rule(arg_type(q, 0), arg_type(q, 1));
}

static const char *
shape_put_add(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 3 || rows_rule(arg_type(q, 0), arg_type(q, 1)))
        return "an array, an i32 vector and rows";
    ret->type = arg_type(q, 0);
    return type_eq(arg_type(q, 2), rows_type(arg_type(q, 0), arg_type(q, 1)))
               ? NULL
               : "a row for each index";
}

/* ---- reductions, products
 * ------------------------------------------------------------------------------- */

static const char *
reduce_rule(const ShapeQuery *q, ShapeResult *ret)
{
    Type x;
    uint32_t k = 0;

    if (q->n_args != 1)
        return "one operand";
    x = arg_type(q, 0);
    ret->type = type_scalar(x.dtype);
    for (uint32_t i = 0; i < x.rank; i++) {
        if (k < q->attr->n_ints && q->attr->ints[k] == (int64_t)i)
            k++;
        else
            ret->type.dim[ret->type.rank++] = x.dim[i];
    }
    return k == q->attr->n_ints && k > 0 ? NULL : "ascending axes of the operand";
}

static const char *
reduce_numbers(const ShapeQuery *q, ShapeResult *ret)
{
    const char *why = reduce_rule(q, ret);
    return why ? why : ret->type.dtype == DT_bool ? "numbers" : NULL;
}

static const char *
reduce_bools(const ShapeQuery *q, ShapeResult *ret)
{
    const char *why = reduce_rule(q, ret);
    return why ? why : ret->type.dtype != DT_bool ? "bools" : NULL;
}

#define REDUCE(name, rule) \
    static const char *shape_##name(Arena *arena, const ShapeQuery *q, ShapeResult *ret) \
    { \
        (void)arena; \
        return rule(q, ret); \
    }
REDUCE(sum, reduce_numbers)
REDUCE(prod, reduce_numbers)
REDUCE(amax, reduce_numbers)
REDUCE(amin, reduce_numbers)
REDUCE(all, reduce_bools)
REDUCE(any, reduce_bools)

static const char *
shape_argmax(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || q->attr->i < 0 || q->attr->i >= arg_type(q, 0).rank)
        return "an array and one of its axes";
    Type x = arg_type(q, 0);
    if (x.dtype == DT_bool || x.dim[q->attr->i] == 0)
        return "numbers along the axis";
    ret->type = type_scalar(DT_i32);
    for (uint32_t i = 0; i < x.rank; i++)
        if ((int64_t)i != q->attr->i)
            ret->type.dim[ret->type.rank++] = x.dim[i];
    return NULL;
}

static bool
read_letters(const char **text, char *to)
{
    unsigned n = 0;

    for (; **text >= 'a' && **text <= 'z'; ++*text) {
        if (n == MAX_RANK || memchr(to, **text, n))
            return false;
        to[n++] = **text;
    }
    to[n] = '\0';
    return true;
}

bool
contract_parse(const char *text, ContractSpec *ret)
{
    unsigned n = 0;

    if (!text || !read_letters(&text, ret->x) || *text++ != ',' || !read_letters(&text, ret->y))
        return false;
    if (*text++ != '-' || *text++ != '>' || !read_letters(&text, ret->out) || *text)
        return false;
    for (const char *c = ret->out; *c; c++)
        if (!strchr(ret->x, *c) && !strchr(ret->y, *c))
            return false;
    for (const char *c = ret->x; *c; c++)
        if (!strchr(ret->out, *c))
            ret->sum[n++] = *c;
    for (const char *c = ret->y; *c; c++)
        if (!strchr(ret->out, *c) && !strchr(ret->x, *c))
            ret->sum[n++] = *c;
    ret->sum[n] = '\0';
    return true;
}

/* Enters the extents of an operand's letters; false when they contradict earlier ones. */
static bool
enter_extents(const char *letters, Type t, uint32_t extent[26], bool known[26])
{
    if (strlen(letters) != t.rank)
        return false;
    for (unsigned i = 0; i < t.rank; i++) {
        unsigned k = (unsigned)(letters[i] - 'a');
        if (known[k] && extent[k] != t.dim[i])
            return false;
        known[k] = true;
        extent[k] = t.dim[i];
    }
    return true;
}

static const char *
shape_contract(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    ContractSpec spec;
    uint32_t extent[26] = {0};
    bool known[26] = {false};

    (void)arena;
    if (q->n_args < 2 || q->n_args > 3 || !contract_parse(q->attr->text, &spec))
        return "two operands and a specification such as \"ij,j->i\"";
    Type x = arg_type(q, 0), y = arg_type(q, 1);
    if (!dtype_is_float(x.dtype) || x.dtype != y.dtype)
        return "floating-point operands of one dtype";
    if (!enter_extents(spec.x, x, extent, known) || !enter_extents(spec.y, y, extent, known))
        return "operands whose shapes match the letters";
    ret->type = type_scalar(x.dtype);
    for (const char *c = spec.out; *c; c++)
        ret->type.dim[ret->type.rank++] = extent[*c - 'a'];
    return q->n_args == 3 && !type_eq(arg_type(q, 2), ret->type)
               ? "an initial value of the result's type"
               : NULL;
}

/* ---- linear algebra, draws
 * ------------------------------------------------------------------------------ */

static bool
is_square(Type t)
{
    return t.rank == 2 && t.dim[0] == t.dim[1] && dtype_is_float(t.dtype);
}

static const char *
shape_cholesky(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || !is_square(arg_type(q, 0)))
        return "a square matrix";
    ret->type = arg_type(q, 0);
    return NULL;
}

static const char *
shape_trisolve(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 2 || !is_square(arg_type(q, 0)) || q->attr->i < 0 || q->attr->i > 1)
        return "a square matrix and a right side";
    Type l = arg_type(q, 0), b = arg_type(q, 1);
    ret->type = b;
    if ((b.rank != 1 && b.rank != 2) || b.dtype != l.dtype || b.dim[0] != l.dim[0])
        return "a right side with a row for each of the matrix";
    return NULL;
}

static const char *
shape_draw(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || !is_index(arg_type(q, 0)))
        return "an i32 iteration";
    if (q->attr->draw.dist >= DRAW_COUNT || q->attr->draw.region >= 4096)
        return "a distribution and a region";
    bool bits = q->attr->draw.dist == DRAW_bits;
    if (bits ? q->given.dtype != DT_i32 : !dtype_is_float(q->given.dtype))
        return "the distribution's dtype";
    return take_given(q, ret, 1);
}

static const char *
shape_word(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    ret->type = type_scalar(DT_i32);
    if (q->n_args != 2 || !is_index(arg_type(q, 0)) || !is_index(arg_type(q, 1)))
        return "an i32 iteration and an i32 element";
    return q->attr->draw.region < 4096 ? NULL : "a region";
}

/* ---- calls
 * ----------------------------------------------------------------------------------------------
 */

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
        if (!type_eq(arg_type(q, i), body_type(callee, body->param[i])))
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
static const char *
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

static const char *
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
        if (!type_eq(arg_type(q, body->n_params + i), ret->result[i]))
            return "cotangents of the results' types";
    }
    for (uint32_t i = 0; i < q->attr->n_ints; i++)
        ret->result[body->n_yields + i] = arg_type(q, (uint32_t)q->attr->ints[i]);
    return NULL;
}

static const char *
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
        if (!type_eq(arg_type(q, body->n_params + i), arg_type(q, (uint32_t)q->attr->ints[i])))
            return "tangents of the active arguments' types";
    set_results(arena, ret, 2 * body->n_yields);
    for (uint32_t i = 0; i < body->n_yields; i++)
        ret->result[i] = ret->result[body->n_yields + i] = body_type(callee, body->yield[i]);
    return NULL;
}

static const char *
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
    ret->result[1] = arg_type(q, (uint32_t)q->attr->ints[0]);
    return NULL;
}

/* ---- control flow
 * --------------------------------------------------------------------------------------- */

static const char *
yields_rule(const ShapeQuery *q, const Region *r, uint32_t n, const Type *type)
{
    if (r->n_yields != n)
        return "a region that yields as many values";
    for (uint32_t i = 0; i < n; i++)
        if (!type_eq(ref_type(q, r->yield[i]), type[i]))
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
        if (!is_index(ref_type(q, r->param[i])))
            return "i32 region parameters";
    for (uint32_t i = 0; i < n; i++)
        if (!type_eq(ref_type(q, r->param[skip + i]), type[i]))
            return "region parameters of the carried types";
    return NULL;
}

static const char *
shape_if(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    if (q->n_args != 1 || q->n_regions != 2 || !type_eq(arg_type(q, 0), type_scalar(DT_bool)))
        return "a bool condition and two regions";
    const Region *then = own_region(q, 0);
    if (then->n_params || own_region(q, 1)->n_params)
        return "regions without parameters";
    set_results(arena, ret, then->n_yields);
    for (uint32_t i = 0; i < then->n_yields; i++)
        ret->result[i] = ref_type(q, then->yield[i]);
    return yields_rule(q, own_region(q, 1), ret->n_results, ret->result);
}

static void
carried_types(Arena *arena, const ShapeQuery *q, uint32_t first, ShapeResult *ret)
{
    set_results(arena, ret, q->n_args - first);
    for (uint32_t i = first; i < q->n_args; i++)
        ret->result[i - first] = arg_type(q, i);
}

static const char *
shape_for(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    if (q->n_args < 2 || q->n_regions != 1 || !is_index(arg_type(q, 0)) ||
        !is_index(arg_type(q, 1)))
        return "i32 bounds and one region";
    carried_types(arena, q, 2, ret);
    const char *why = params_rule(q, own_region(q, 0), 1, ret->n_results, ret->result);
    return why ? why : yields_rule(q, own_region(q, 0), ret->n_results, ret->result);
}

static const char *
shape_while(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    Type condition = type_scalar(DT_bool);

    if (q->n_args < 1 || q->n_regions != 2 || !is_index(arg_type(q, 0)))
        return "an i32 bound and two regions";
    carried_types(arena, q, 1, ret);
    const char *why = params_rule(q, own_region(q, 0), 0, ret->n_results, ret->result);
    why = why ? why : params_rule(q, own_region(q, 1), 0, ret->n_results, ret->result);
    why = why ? why : yields_rule(q, own_region(q, 0), 1, &condition);
    return why ? why : yields_rule(q, own_region(q, 1), ret->n_results, ret->result);
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

static const char *
shape_loop(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    const Attr *a = q->attr;
    Type extents = {.dtype = DT_none};

    if (q->n_args || q->n_regions != 1 || a->n_ints < 1 || a->ints[0] < 1 ||
        a->ints[0] > MAX_RANK)
        return "one region and its extents";
    extents.rank = (uint8_t)a->ints[0];
    const Region *body = own_region(q, 0);
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
            fold_rule(kind, extents, ref_type(q, body->yield[i]), &ret->result[i]);
        if (why)
            return why;
    }
    return params_rule(q, body, extents.rank, 0, NULL);
}

/* ---- the table
 * ------------------------------------------------------------------------------------------ */

bool
shape_infer(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    static Rule *const rule[OP_COUNT] = {
#define STRUCTURAL(name, ...) [OP_##name] = shape_##name,
#include "ir/ops.def"
    };

    *ret = (ShapeResult){.why = NULL};
    ret->why = op_is_pointwise(q->op) ? shape_pointwise(q, ret)
               : rule[q->op]          ? rule[q->op](arena, q, ret)
                                      : "an op";
    return !ret->why;
}
