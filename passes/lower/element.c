/* SPDX-License-Identifier: Apache-2.0
 *
 * element.c -- one element of an array, as scalar code
 */
#include <assert.h>
#include <math.h>

#include "ir/math/expand.h"
#include "ir/shapes.h"
#include "passes/lower/lower.h"

/* The rule of an op: element `index` of node n. */
typedef Ref Element(Lower *l, const Node *n, const Ref *index);

/* ---- index arithmetic */

Ref
lower_int(Lower *l, int64_t value)
{
    return ir_number(&l->b, DT_i32, (double)value);
}

Ref
lower_add(Lower *l, Ref i, int64_t c)
{
    return c ? ir_add(&l->b, i, lower_int(l, c)) : i;
}

static Ref
scaled(Lower *l, Ref i, int64_t c)
{
    return c == 1 ? i : ir_mul(&l->b, i, lower_int(l, c));
}

Ref
lower_linear(Lower *l, Type shape, const Ref *index)
{
    Ref linear = lower_int(l, 0);
    int64_t stride = 1;

    for (unsigned k = shape.rank; k-- > 0; stride *= shape.dim[k]) {
        Ref term = scaled(l, index[k], stride);
        linear = k + 1u == shape.rank ? term : ir_add(&l->b, term, linear);
    }
    return linear;
}

/* The index of a row-major position within axes [from, to) of `shape`. */
static void
split_linear(Lower *l, Ref linear, Type shape, unsigned from, unsigned to, Ref *ret_index)
{
    for (unsigned k = to; k-- > from;) {
        bool first = k == from;
        ret_index[k] = first ? linear : ir_imod(&l->b, linear, lower_int(l, shape.dim[k]));
        if (!first)
            linear = ir_idiv(&l->b, linear, lower_int(l, shape.dim[k]));
    }
}

/* Value where `ok` holds, else what an index out of range gives. */
static Ref
guarded(Lower *l, Ref ok, Ref value)
{
    DType d = ir_type(l->b.function, value).dtype;
    Ref other = dtype_is_float(d) ? ir_number(&l->b, d, (double)NAN) : ir_number(&l->b, d, 0);

    return ir_select(&l->b, ok, value, other);
}

static Ref
within(Lower *l, Ref i, int64_t n)
{
    return ir_and(&l->b, ir_ge(&l->b, i, lower_int(l, 0)), ir_lt(&l->b, i, lower_int(l, n)));
}

/* ---- rearrangements */

static Ref
element_iota(Lower *l, const Node *n, const Ref *index)
{
    (void)l;
    return index[n->attr.i];
}

static Ref
element_broadcast(Lower *l, const Node *n, const Ref *index)
{
    Ref at[MAX_RANK];

    for (uint32_t i = 0; i < n->attr.n_ints; i++)
        at[i] = index[n->attr.ints[i]];
    return lower_element(l, n->arg[0], at);
}

static Ref
element_transpose(Lower *l, const Node *n, const Ref *index)
{
    Ref at[MAX_RANK];

    for (uint32_t i = 0; i < n->attr.n_ints; i++)
        at[n->attr.ints[i]] = index[i];
    return lower_element(l, n->arg[0], at);
}

static Ref
element_slice(Lower *l, const Node *n, const Ref *index)
{
    Ref at[MAX_RANK];

    for (unsigned i = 0; i < n->type.rank; i++)
        at[i] = lower_add(l, scaled(l, index[i], n->attr.ints[2 * i + 1]), n->attr.ints[2 * i]);
    return lower_element(l, n->arg[0], at);
}

static Ref
element_window(Lower *l, const Node *n, const Ref *index)
{
    Ref at[MAX_RANK];
    unsigned axis = (unsigned)n->attr.ints[0];

    for (unsigned i = 0; i + 1 < n->type.rank; i++)
        at[i] = index[i > axis ? i + 1 : i];
    at[axis] = ir_add(&l->b, scaled(l, index[axis], n->attr.ints[2]), index[axis + 1]);
    return lower_element(l, n->arg[0], at);
}

static Ref
both(Lower *l, Ref a, Ref b)
{
    return a.id ? ir_and(&l->b, a, b) : b;
}

/* Where a padded axis holds an element of the operand; *ret_at is its index there, and some
 * valid one elsewhere. */
static Ref
padded_axis(Lower *l, Ref i, int64_t low, int64_t stride, int64_t count, int64_t extent,
            Ref *ret_at)
{
    Ref at = lower_add(l, i, -low), ok = NO_REF;

    if (low > 0)
        ok = ir_ge(&l->b, at, lower_int(l, 0));
    if (low + (count - 1) * stride + 1 < extent)
        ok = both(l, ok, ir_lt(&l->b, at, lower_int(l, (count - 1) * stride + 1)));
    if (stride > 1) {
        ok = both(l, ok,
                  ir_eq(&l->b, ir_imod(&l->b, at, lower_int(l, stride)), lower_int(l, 0)));
        at = ir_idiv(&l->b, at, lower_int(l, stride));
    }
    *ret_at = ok.id ? ir_select(&l->b, ok, at, lower_int(l, 0)) : at;
    return ok;
}

static Ref
element_pad(Lower *l, const Node *n, const Ref *index)
{
    Type x = lower_node(l, n->arg[0])->type;
    Ref at[MAX_RANK], ok = NO_REF, zero = ir_number(&l->b, n->type.dtype, 0);

    if (type_size(x) == 0)
        return zero;
    for (unsigned i = 0; i < n->type.rank; i++) {
        Ref here = padded_axis(l, index[i], n->attr.ints[2 * i], n->attr.ints[2 * i + 1],
                               x.dim[i], n->type.dim[i], &at[i]);
        ok = here.id ? both(l, ok, here) : ok;
    }
    Ref value = lower_element(l, n->arg[0], at);
    return ok.id ? ir_select(&l->b, ok, value, zero) : value;
}

static Ref
element_concat(Lower *l, const Node *n, const Ref *index)
{
    Ref at[MAX_RANK], value = NO_REF;
    int64_t axis = n->attr.i, end = n->type.dim[axis];

    for (unsigned i = 0; i < n->type.rank; i++)
        at[i] = index[i];
    for (uint32_t k = n->n_args; k-- > 0;) { /* from the last piece, each before it in front */
        int64_t size = lower_node(l, n->arg[k])->type.dim[axis], begin = end - size;
        end = begin;
        if (size == 0)
            continue;
        Ref mine = within(l, lower_add(l, index[axis], -begin), size);
        at[axis] = ir_select(&l->b, mine, lower_add(l, index[axis], -begin), lower_int(l, 0));
        Ref piece = lower_element(l, n->arg[k], at);
        value = value.id ? ir_select(&l->b, mine, piece, value) : piece;
    }
    return value;
}

/* Axes of operand and result are matched from the left in groups of equal size, so that an axis
 * that stays keeps its index. */
static Ref
element_reshape(Lower *l, const Node *n, const Ref *index)
{
    Type x = lower_node(l, n->arg[0])->type, y = n->type;
    Ref at[MAX_RANK];
    unsigned i = 0, j = 0;

    while (i < x.rank) {
        unsigned i0 = i, j0 = j;
        uint64_t a = x.dim[i++], b = 1;
        while (j < y.rank && (b != a || j == j0)) {
            if (b <= a)
                b *= y.dim[j++];
            else
                a *= x.dim[i++];
        }
        while (a < b && i < x.rank)
            a *= x.dim[i++];
        if (i == x.rank)
            j = y.rank;
        Type group = type_array(DT_i32, j - j0, y.dim + j0);
        split_linear(l, lower_linear(l, group, index + j0), x, i0, i, at);
    }
    return lower_element(l, n->arg[0], at);
}

/* ---- indexing */

static Ref
element_at(Lower *l, const Node *n, const Ref *index)
{
    Type x = lower_node(l, n->arg[0])->type;
    Ref at[MAX_RANK], ok = NO_REF;
    uint32_t given = n->n_args - 1;

    for (uint32_t i = 0; i < given; i++) {
        at[i] = lower_value(l, n->arg[1 + i]);
        if (n->attr.i & 1)
            continue;
        Ref here = within(l, at[i], x.dim[i]);
        at[i] = ir_select(&l->b, here, at[i], lower_int(l, 0));
        ok = both(l, ok, here);
    }
    for (unsigned i = given; i < x.rank; i++)
        at[i] = index[i - given];
    if (type_size(x) == 0)
        return guarded(l, ir_number(&l->b, DT_bool, 0), ir_number(&l->b, x.dtype, 0));
    Ref value = lower_element(l, n->arg[0], at);
    return ok.id ? guarded(l, ok, value) : value;
}

static Ref
element_take(Lower *l, const Node *n, const Ref *index)
{
    Type x = lower_node(l, n->arg[0])->type;
    Ref at[MAX_RANK], row = lower_element(l, n->arg[1], index);

    if (type_size(x) == 0)
        return guarded(l, ir_number(&l->b, DT_bool, 0), ir_number(&l->b, x.dtype, 0));
    Ref ok = within(l, row, x.dim[0]);
    at[0] = ir_select(&l->b, ok, row, lower_int(l, 0));
    for (unsigned i = 1; i < x.rank; i++)
        at[i] = index[i];
    return guarded(l, ok, lower_element(l, n->arg[0], at));
}

/* ---- reductions, products */

FoldKind
lower_fold_kind(Op op)
{
    switch (op) {
    case OP_sum: return FOLD_sum;
    case OP_prod: return FOLD_prod;
    case OP_amax: return FOLD_max;
    case OP_amin: return FOLD_min;
    case OP_all: return FOLD_all;
    case OP_any: return FOLD_any;
    default: assert(!"a reduction"); return FOLD_store;
    }
}

/* A loop over the reduced axes, inside the one over the others. */
static Ref
element_reduction(Lower *l, const Node *n, const Ref *index)
{
    Type x = lower_node(l, n->arg[0])->type;
    uint32_t extent[MAX_RANK], k = 0, kept = 0;
    FoldKind kind = lower_fold_kind(n->op);
    Ref at[MAX_RANK];

    RegionId body = region_begin(&l->b);
    for (unsigned i = 0; i < x.rank; i++) {
        bool reduced = k < n->attr.n_ints && n->attr.ints[k] == (int64_t)i;
        if (reduced)
            extent[k++] = x.dim[i];
        at[i] = reduced ? ir_param(&l->b, type_scalar(DT_i32)) : index[kept++];
    }
    Ref value = lower_element(l, n->arg[0], at);
    ir_yield(&l->b, 1, &value);
    region_end(&l->b);
    return ir_get(&l->b, ir_loop(&l->b, k, extent, &kind, body), 0);
}

static void
operand_index(const char *letters, const Ref by_letter[26], Ref *ret_index)
{
    for (; *letters; letters++)
        *ret_index++ = by_letter[*letters - 'a'];
}

static uint32_t
letter_extent(const Lower *l, const Node *n, const ContractSpec *spec, char letter)
{
    for (unsigned i = 0; spec->x[i]; i++)
        if (spec->x[i] == letter)
            return lower_node(l, n->arg[0])->type.dim[i];
    for (unsigned i = 0; spec->y[i]; i++)
        if (spec->y[i] == letter)
            return lower_node(l, n->arg[1])->type.dim[i];
    assert(!"a letter of the specification");
    return 0;
}

/* The contracted letters from `sum` on are loops that carry the accumulator. */
static Ref
contract_from(Lower *l, const Node *n, const ContractSpec *spec, const char *sum,
              Ref by_letter[26], Ref acc)
{
    Ref x[MAX_RANK], y[MAX_RANK];

    if (!*sum) {
        operand_index(spec->x, by_letter, x);
        operand_index(spec->y, by_letter, y);
        return ir_fma(&l->b, lower_element(l, n->arg[0], x), lower_element(l, n->arg[1], y),
                      acc);
    }
    uint32_t extent = letter_extent(l, n, spec, *sum);
    Ref from = lower_int(l, 0), to = lower_int(l, extent);
    RegionId body = region_begin(&l->b);
    by_letter[*sum - 'a'] = ir_param(&l->b, type_scalar(DT_i32));
    Ref carried = ir_param(&l->b, type_scalar(n->type.dtype));
    Ref next = contract_from(l, n, spec, sum + 1, by_letter, carried);
    ir_yield(&l->b, 1, &next);
    region_end(&l->b);
    return ir_get(&l->b, ir_for(&l->b, from, to, 1, &acc, body, extent), 0);
}

static Ref
element_contract(Lower *l, const Node *n, const Ref *index)
{
    ContractSpec spec;
    Ref by_letter[26] = {{0}};

    contract_parse(n->attr.text, &spec);
    for (unsigned i = 0; spec.out[i]; i++)
        by_letter[spec.out[i] - 'a'] = index[i];
    Ref acc = n->n_args == 3 ? lower_element(l, n->arg[2], index)
                             : ir_number(&l->b, n->type.dtype, 0);
    return contract_from(l, n, &spec, spec.sum, by_letter, acc);
}

/* The first of the largest; NaN counts as larger than any number. */
static Ref
element_argmax(Lower *l, const Node *n, const Ref *index)
{
    Type x = lower_node(l, n->arg[0])->type;
    Ref at[MAX_RANK], init[2], next[2], zero = lower_int(l, 0);
    int64_t axis = n->attr.i;

    for (unsigned i = 0, k = 0; i < x.rank; i++)
        at[i] = (int64_t)i == axis ? zero : index[k++];
    init[0] = lower_element(l, n->arg[0], at);
    init[1] = zero;
    Ref from = lower_int(l, 1), to = lower_int(l, x.dim[axis]);
    RegionId body = region_begin(&l->b);
    at[axis] = ir_param(&l->b, type_scalar(DT_i32));
    Ref best = ir_param(&l->b, type_scalar(x.dtype)),
        where = ir_param(&l->b, type_scalar(DT_i32));
    Ref v = lower_element(l, n->arg[0], at);
    Ref nan = ir_and(&l->b, ir_ne(&l->b, v, v), ir_eq(&l->b, best, best));
    Ref better = ir_or(&l->b, ir_gt(&l->b, v, best), nan);
    next[0] = ir_select(&l->b, better, v, best);
    next[1] = ir_select(&l->b, better, at[axis], where);
    ir_yield(&l->b, 2, next);
    region_end(&l->b);
    return ir_get(&l->b, ir_for(&l->b, from, to, 2, init, body, (int64_t)x.dim[axis] - 1), 1);
}

static Ref
element_chain_index(Lower *l, const Node *n, const Ref *index)
{
    (void)n;
    (void)index;
    return ir_chain_index(&l->b);
}

/* ---- draws */

static Ref
word(Lower *l, const DrawAttr *draw, Ref iteration, Ref element)
{
    Ref arg[2] = {iteration, element};
    Attr attr = {.draw = *draw};

    attr.draw.dist = DRAW_bits;
    return ir_build(&l->b, OP_word, type_scalar(DT_i32), 2, arg, attr, 0, NULL);
}

/* `count` words from element `first` on. */
static void
words(Lower *l, const Node *n, Ref first, unsigned count, Ref *ret_word)
{
    Ref iteration = lower_value(l, n->arg[0]);

    for (unsigned k = 0; k < count; k++)
        ret_word[k] = word(l, &n->attr.draw, iteration, lower_add(l, first, k));
}

static Ref
element_draw(Lower *l, const Node *n, const Ref *index)
{
    bool wide = n->type.dtype == DT_f64;
    unsigned per = wide ? 2 : 1; /* words a uniform */
    Ref e = lower_linear(l, n->type, index), w[4];

    switch (n->attr.draw.dist) {
    case DRAW_bits: words(l, n, e, 1, w); return w[0];
    case DRAW_uniform:
        words(l, n, scaled(l, e, per), per, w);
        return math_expand_uniform(&l->b, n->type.dtype, w);
    default: { /* normals come in pairs */
        Ref first = ir_and(&l->b, e, lower_int(l, -2)), pair[2];
        words(l, n, scaled(l, first, per), 2 * per, w);
        math_expand_normals(&l->b, n->type.dtype, w, pair);
        Ref odd = ir_ne(&l->b, ir_and(&l->b, e, lower_int(l, 1)), lower_int(l, 0));
        return ir_select(&l->b, odd, pair[1], pair[0]);
    }
    }
}

/* ---- the table */

static Ref
element_pointwise(Lower *l, const Node *n, const Ref *index)
{
    Ref arg[3];

    for (uint32_t i = 0; i < n->n_args; i++)
        arg[i] = lower_element(l, n->arg[i], index);
    return ir_build(&l->b, n->op, type_scalar(n->type.dtype), n->n_args, arg, (Attr){0}, 0,
                    NULL);
}

static Element *
rule_of(Op op)
{
    static Element *const rule[OP_COUNT] = {
        [OP_iota] = element_iota,
        [OP_broadcast] = element_broadcast,
        [OP_transpose] = element_transpose,
        [OP_slice] = element_slice,
        [OP_pad] = element_pad,
        [OP_window] = element_window,
        [OP_concat] = element_concat,
        [OP_reshape] = element_reshape,
        [OP_at] = element_at,
        [OP_take] = element_take,
        [OP_sum] = element_reduction,
        [OP_prod] = element_reduction,
        [OP_amax] = element_reduction,
        [OP_amin] = element_reduction,
        [OP_all] = element_reduction,
        [OP_any] = element_reduction,
        [OP_argmax] = element_argmax,
        [OP_contract] = element_contract,
        [OP_draw] = element_draw,
        [OP_chain_index] = element_chain_index,
    };
    return op_is_pointwise(op) ? element_pointwise : rule[op];
}

/* A grouped node in its own loop, at its own index, is computed once. */
static bool
is_member_here(const Lower *l, Ref r, const Ref *index)
{
    if (!l->inside || l->info[r.id].place != PLACE_grouped || l->info[r.id].item != l->item)
        return false;
    for (unsigned i = 0; i < l->rank; i++)
        if (!ref_eq(index[i], l->index[i]))
            return false;
    return true;
}

Ref
lower_element(Lower *l, Ref r, const Ref *index)
{
    const Node *n = lower_node(l, r);

    if (n->type.rank == 0)
        return lower_value(l, r);
    if (l->value[r.id].id)
        return ir_at(&l->b, l->value[r.id], n->type.rank, index, true);
    if (is_member_here(l, r, index) && l->element[r.id].id)
        return l->element[r.id];
    Element *rule = rule_of(n->op);
    assert(rule && "the array is virtual, or was emitted before it is read");
    Span outer = l->b.span;
    l->b.span = n->span;
    Ref e = rule(l, n, index);
    l->b.span = outer;
    if (is_member_here(l, r, index))
        l->element[r.id] = e;
    return e;
}

Ref
lower_scalar_element(Lower *l, const Node *n)
{
    Element *rule = rule_of(n->op);

    assert(rule && "the op has a scalar result");
    return rule(l, n, NULL);
}
