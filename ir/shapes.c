/* SPDX-License-Identifier: Apache-2.0
 *
 * shapes.c -- the type rule of every op
 */
#include "ir/shape_rules.h"

#include <assert.h>
#include <string.h>

/* ---- pointwise */

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
        if (!type_same_shape(shape_arg_type(q, 0), shape_arg_type(q, i)))
            return "operands of one shape";
    for (uint32_t i = select ? 2 : 1; i < q->n_args; i++)
        if (shape_arg_type(q, i).dtype != shape_arg_type(q, i - 1).dtype)
            return "operands of one dtype";
    if (select && shape_arg_type(q, 0).dtype != DT_bool)
        return "a bool condition";
    DType d = shape_arg_type(q, select).dtype;
    if (d == DT_none)
        return "operands that are values";
    const char *why = class_rule(op_info[q->op].class, d, q, &to);
    ret->type = type_with(shape_arg_type(q, 0), to);
    return why;
}

/* ---- constants, shapes */

static const char *
take_given(const ShapeQuery *q, ShapeResult *ret, uint32_t n_args)
{
    ret->type = q->given;
    if (q->n_args != n_args)
        return "as many operands as the op has";
    return q->given.dtype == DT_none ? "a type" : NULL;
}

const char *
shape_arg(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    return take_given(q, ret, 0);
}

const char *
shape_const(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (!q->attr->data && type_size(q->given))
        return "elements";
    return take_given(q, ret, 0);
}

const char *
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

const char *
shape_iota(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->given.dtype != DT_i32 || q->attr->i < 0 || q->attr->i >= q->given.rank)
        return "an i32 array and one of its axes";
    return take_given(q, ret, 0);
}

const char *
shape_broadcast(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || q->attr->n_ints != shape_arg_type(q, 0).rank)
        return "an axis of the result for each axis of the operand";
    Type x = shape_arg_type(q, 0);
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

const char *
shape_reshape(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || type_size(shape_arg_type(q, 0)) != type_size(q->given))
        return "as many elements";
    ret->type = type_with(q->given, shape_arg_type(q, 0).dtype);
    return NULL;
}

const char *
shape_transpose(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    unsigned seen = 0;
    (void)arena;
    if (q->n_args != 1 || q->attr->n_ints != shape_arg_type(q, 0).rank)
        return "a permutation of the axes";
    ret->type = shape_arg_type(q, 0);
    for (uint32_t i = 0; i < ret->type.rank; i++) {
        int64_t axis = q->attr->ints[i];
        if (axis < 0 || axis >= ret->type.rank || seen >> axis & 1)
            return "a permutation of the axes";
        seen |= 1u << axis;
        ret->type.dim[i] = shape_arg_type(q, 0).dim[axis];
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

const char *
shape_slice(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1)
        return "one operand";
    ret->type = type_with(q->given, shape_arg_type(q, 0).dtype);
    return strided_rule(q->attr, q->given, shape_arg_type(q, 0));
}

const char *
shape_pad(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1)
        return "one operand";
    ret->type = type_with(q->given, shape_arg_type(q, 0).dtype);
    return strided_rule(q->attr, shape_arg_type(q, 0), q->given);
}

const char *
shape_window(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || q->attr->n_ints != 3)
        return "one operand, and an axis, a size and a stride";
    Type x = shape_arg_type(q, 0);
    int64_t axis = q->attr->ints[0], size = q->attr->ints[1], stride = q->attr->ints[2];
    if (x.rank == 0 || x.rank >= MAX_RANK || axis < 0 || axis >= x.rank || size < 1 ||
        size > x.dim[axis] || stride < 1 || stride > x.dim[axis])
        return "windows within an axis of the operand";
    uint32_t windows = (uint32_t)((x.dim[axis] - size) / stride + 1);
    if (type_size(x) / x.dim[axis] * windows > IR_MAX_ELEMENTS / (uint64_t)size)
        return "windows of fewer elements in all";
    ret->type = x;
    for (int64_t i = x.rank; i > axis + 1; i--)
        ret->type.dim[i] = x.dim[i - 1];
    ret->type.dim[axis] = windows;
    ret->type.dim[axis + 1] = (uint32_t)size;
    ret->type.rank++;
    return NULL;
}

const char *
shape_concat(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    uint64_t total = 0;
    (void)arena;
    if (q->n_args == 0 || q->attr->i < 0 || q->attr->i >= shape_arg_type(q, 0).rank)
        return "operands and one of their axes";
    ret->type = shape_arg_type(q, 0);
    for (uint32_t i = 0; i < q->n_args; i++) {
        Type t = shape_arg_type(q, i), first = shape_arg_type(q, 0);
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

/* ---- indexing */

static const char *
index_rule(const ShapeQuery *q, uint32_t first, Type x)
{
    if (q->n_args <= first || q->n_args - first > x.rank)
        return "between one index and one for each axis";
    for (uint32_t i = first; i < q->n_args; i++)
        if (!shape_is_index(shape_arg_type(q, i)))
            return "i32 indices";
    return NULL;
}

const char *
shape_at(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args < 2)
        return "an array and indices";
    const char *why = index_rule(q, 1, shape_arg_type(q, 0));
    if (!why)
        ret->type = type_drop(shape_arg_type(q, 0), q->n_args - 1);
    return why;
}

const char *
shape_update(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args < 3)
        return "an array, a value and indices";
    const char *why = index_rule(q, 2, shape_arg_type(q, 0));
    ret->type = shape_arg_type(q, 0);
    if (!why && !type_eq(shape_arg_type(q, 1), type_drop(ret->type, q->n_args - 2)))
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

const char *
shape_take(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 2)
        return "an array and an i32 vector";
    ret->type = rows_type(shape_arg_type(q, 0), shape_arg_type(q, 1));
    return rows_rule(shape_arg_type(q, 0), shape_arg_type(q, 1));
}

const char *
shape_put_add(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 3 || rows_rule(shape_arg_type(q, 0), shape_arg_type(q, 1)))
        return "an array, an i32 vector and rows";
    ret->type = shape_arg_type(q, 0);
    return type_eq(shape_arg_type(q, 2), rows_type(shape_arg_type(q, 0), shape_arg_type(q, 1)))
               ? NULL
               : "a row for each index";
}

/* ---- reductions, products */

static const char *
reduce_rule(const ShapeQuery *q, ShapeResult *ret)
{
    Type x;
    uint32_t k = 0;

    if (q->n_args != 1)
        return "one operand";
    x = shape_arg_type(q, 0);
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
    const char *shape_##name(Arena *arena, const ShapeQuery *q, ShapeResult *ret) \
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

const char *
shape_argmax(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || q->attr->i < 0 || q->attr->i >= shape_arg_type(q, 0).rank)
        return "an array and one of its axes";
    Type x = shape_arg_type(q, 0);
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

const char *
shape_contract(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    ContractSpec spec;
    uint32_t extent[26] = {0};
    bool known[26] = {false};

    (void)arena;
    if (q->n_args < 2 || q->n_args > 3 || !contract_parse(q->attr->text, &spec))
        return "two operands and a specification such as \"ij,j->i\"";
    Type x = shape_arg_type(q, 0), y = shape_arg_type(q, 1);
    if (!dtype_is_float(x.dtype) || x.dtype != y.dtype)
        return "floating-point operands of one dtype";
    if (!enter_extents(spec.x, x, extent, known) || !enter_extents(spec.y, y, extent, known))
        return "operands whose shapes match the letters";
    ret->type = type_scalar(x.dtype);
    for (const char *c = spec.out; *c; c++)
        ret->type.dim[ret->type.rank++] = extent[*c - 'a'];
    return q->n_args == 3 && !type_eq(shape_arg_type(q, 2), ret->type)
               ? "an initial value of the result's type"
               : NULL;
}

/* ---- linear algebra, draws */

static bool
is_square(Type t)
{
    return t.rank == 2 && t.dim[0] == t.dim[1] && dtype_is_float(t.dtype);
}

const char *
shape_cholesky(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || !is_square(shape_arg_type(q, 0)))
        return "a square matrix";
    ret->type = shape_arg_type(q, 0);
    return NULL;
}

const char *
shape_trisolve(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 2 || !is_square(shape_arg_type(q, 0)) || q->attr->i < 0 || q->attr->i > 1)
        return "a square matrix and a right side";
    Type l = shape_arg_type(q, 0), b = shape_arg_type(q, 1);
    ret->type = b;
    if ((b.rank != 1 && b.rank != 2) || b.dtype != l.dtype || b.dim[0] != l.dim[0])
        return "a right side with a row for each of the matrix";
    return NULL;
}

const char *
shape_draw(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    if (q->n_args != 1 || !shape_is_index(shape_arg_type(q, 0)))
        return "an i32 iteration";
    if (q->attr->draw.dist >= DRAW_COUNT || q->attr->draw.region >= 4096)
        return "a distribution and a region";
    bool bits = q->attr->draw.dist == DRAW_bits;
    if (bits ? q->given.dtype != DT_i32 : !dtype_is_float(q->given.dtype))
        return "the distribution's dtype";
    return take_given(q, ret, 1);
}

const char *
shape_chain_index(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    ret->type = type_scalar(DT_i32);
    return q->n_args == 0 ? NULL : "no operands";
}

static const char *
batch_rule(const ShapeQuery *q)
{
    if (q->n_args != 1 || q->attr->i < 1 || q->attr->i > INT32_MAX)
        return "one operand and the size of the batch";
    return NULL;
}

const char *
shape_batch(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    const char *why = batch_rule(q);
    if (why)
        return why;
    Type x = shape_arg_type(q, 0);
    if (x.rank >= MAX_RANK || type_size(x) * (uint64_t)q->attr->i > IR_MAX_ELEMENTS)
        return "room for another axis";
    ret->type = type_scalar((DType)x.dtype);
    ret->type.dim[ret->type.rank++] = (uint32_t)q->attr->i;
    for (uint32_t i = 0; i < x.rank; i++)
        ret->type.dim[ret->type.rank++] = x.dim[i];
    return NULL;
}

const char *
shape_batch_sum(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    const char *why = batch_rule(q);
    if (why)
        return why;
    ret->type = shape_arg_type(q, 0);
    return ret->type.dtype == DT_bool ? "numbers" : NULL;
}

const char *
shape_word(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    (void)arena;
    ret->type = type_scalar(DT_i32);
    if (q->n_args != 2 || !shape_is_index(shape_arg_type(q, 0)) ||
        !shape_is_index(shape_arg_type(q, 1)))
        return "an i32 iteration and an i32 element";
    return q->attr->draw.region < 4096 ? NULL : "a region";
}

/* ---- the table */

bool
shape_infer(Arena *arena, const ShapeQuery *q, ShapeResult *ret)
{
    static ShapeRule *const rule[OP_COUNT] = {
#define STRUCTURAL(name, ...) [OP_##name] = shape_##name,
#include "ir/ops.def"
    };

    *ret = (ShapeResult){.why = NULL};
    ret->why = op_is_pointwise(q->op) ? shape_pointwise(q, ret)
               : rule[q->op]          ? rule[q->op](arena, q, ret)
                                      : "an op";
    return !ret->why;
}
