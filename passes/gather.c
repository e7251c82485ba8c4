/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.c -- sums over the batch become sums and products over arrays of the whole batch
 *
 * needs   derivatives expanded, no calls
 * gives   no batch_sum; `batch` of values that differ from point to point alone
 * keeps   what is summed; this pass decides in which order, and the same one for every machine
 * not     crossings inside branches and loops: those are refused
 *
 * A sum is moved to where it costs least: past what is linear, to the operand of a product that
 * is not the same for all points.  The gradient of a matrix is an outer product for each point;
 * the sum of those is one product of two arrays that have the batch as an axis.
 */
#include "passes/rebuild.h"

#include <string.h>

#include "ir/shapes.h"
#include "passes/outer.h"

enum {
    MAX_DEPTH = 1000,       /* of additions that a sum is taken apart into */
    MAX_WORK = 1000,        /* sums that one becomes: shared terms count each time */
    MAX_PIECES = 4,         /* of the batch that a product goes through one after another, */
    PIECE_BYTES = 512 << 10 /* so that each piece stays in cache while all its uses are made */
};

typedef struct Total {
    Rebuild *r;
    uint32_t size;  /* of the batch */
    uint32_t *work; /* sums made so far of one */
    uint8_t *worth; /* by id of the source, whether a product inside pays: 1 no, 2 yes */
} Total;

static bool
is_uniform(const Total *t, Ref x)
{
    return t->r->vary[x.id] == VARY_uniform;
}

/* Every point's x, which is a value of the new function. */
static Ref
gathered(const Total *t, Ref x)
{
    return ir_batch(&t->r->b, x, t->size);
}

static Ref
plus(const Total *t, Ref sum, Ref x)
{
    return sum.id ? ir_add(&t->r->b, sum, x) : x;
}

static Ref
repeated(const Total *t, Ref x)
{
    Builder *b = &t->r->b;
    DType d = (DType)ir_type(b->function, x).dtype;

    return ir_mul(b, x, ir_number(b, d, t->size));
}

/* ---- products */

static bool
product_pays(const Total *t, const Node *n)
{
    const Function *f = t->r->from;

    return outer_pays(n->type, ir_type(f, n->arg[0]), ir_type(f, n->arg[1]), 1);
}

static char
free_letter(const char *text)
{
    char c = 'a';

    while (strchr(text, c))
        c++;
    return c;
}

/* The letters in the order in which the operand is gathered.  That which has the last letter of
 * the product begins with those that are summed: its rows are rows of what is contracted, what
 * is left of them are neighbours in memory, and vectors go along it. */
static const char *
gathered_order(const Total *t, const char *letters, const char *out, int64_t *ret_order)
{
    char *text = arena_strndup(t->r->ctx->arena, letters, strlen(letters));
    size_t n = 0;
    bool along = *out && strchr(letters, out[strlen(out) - 1]);

    for (size_t i = 0; !along && letters[i]; i++)
        ret_order[i] = (int64_t)i;
    for (int kept = 0; along && kept < 2; kept++)
        for (size_t i = 0; letters[i]; i++)
            if ((strchr(out, letters[i]) != NULL) == kept) {
                text[n] = letters[i];
                ret_order[n++] = (int64_t)i;
            }
    return text;
}

static uint32_t
pieces_of(const Total *t, const Ref rows[2])
{
    const Function *f = t->r->b.function;
    uint64_t bytes = 0;

    for (int i = 0; i < 2; i++)
        bytes += type_size(ir_type(f, rows[i])) * dtype_size((DType)ir_type(f, rows[i]).dtype);
    uint64_t pieces = (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
    pieces = pieces > MAX_PIECES ? MAX_PIECES : pieces;
    return pieces > t->size ? t->size : (uint32_t)pieces;
}

static Ref
some_rows(const Total *t, Ref rows, uint32_t from, uint32_t to)
{
    Type type = ir_type(t->r->b.function, rows);
    int64_t start_stride[2 * MAX_RANK];

    for (unsigned i = 0; i < MAX_RANK; i++) {
        start_stride[2 * i] = i == 0 ? from : 0;
        start_stride[2 * i + 1] = 1;
    }
    type.dim[0] = to - from;
    return ir_slice(&t->r->b, rows, type, start_stride);
}

/* The sum over the points of the product of x and y, by einsum letters. */
static Ref
product_over_batch(const Total *t, const char *x_letters, const char *y_letters,
                   const char *out, Ref x, Ref y, Ref sum)
{
    Arena *arena = t->r->ctx->arena;
    Builder *b = &t->r->b;
    int64_t x_order[MAX_RANK], y_order[MAX_RANK];
    char c = free_letter(arena_printf(arena, "%s%s", x_letters, y_letters));
    const char *of_x = gathered_order(t, x_letters, out, x_order);
    const char *of_y = gathered_order(t, y_letters, out, y_order);
    const char *text = arena_printf(arena, "%c%s,%c%s->%s", c, of_x, c, of_y, out);
    Ref rows[2];

    rows[0] = ir_batch(b, ir_transpose(b, t->r->map[x.id], x_order), t->size);
    rows[1] = ir_batch(b, ir_transpose(b, t->r->map[y.id], y_order), t->size);
    uint32_t pieces = pieces_of(t, rows);

    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t from = t->size / pieces * i;
        uint32_t to = i + 1 < pieces ? t->size / pieces * (i + 1) : t->size;
        Ref left = some_rows(t, rows[0], from, to), right = some_rows(t, rows[1], from, to);
        sum = ir_contract(b, text, left, right, sum);
    }
    return sum;
}

/* `sum` (or NO_REF) plus the sum of every point's x. */
static Ref total(const Total *t, Ref x, Ref sum, unsigned depth);

/* Is n an outer product whose sum pays? */
static bool
is_outer(const Total *t, Ref r, Outer *ret)
{
    const Function *f = t->r->from;

    return outer_find(f, r, t->r->ctx->arena, ret) &&
           outer_pays(ir_type(f, r), ir_type(f, ret->x), ir_type(f, ret->y), 1);
}

static Ref
total_mul(const Total *t, Ref x, Ref sum, unsigned depth)
{
    Builder *b = &t->r->b;
    const Node *n = ir_node(t->r->from, x);

    for (unsigned k = 0; k < 2; k++)
        if (is_uniform(t, n->arg[k])) {
            Ref rest = total(t, n->arg[1 - k], NO_REF, depth);
            return plus(t, sum, ir_mul(b, t->r->map[n->arg[k].id], rest));
        }
    Outer o;
    if (!is_outer(t, x, &o))
        return NO_REF;
    return product_over_batch(t, o.of_x, o.of_y, o.out, o.x, o.y, sum);
}

static Ref
total_contract(const Total *t, const Node *n, Ref sum, unsigned depth)
{
    Ref x = n->arg[0], y = n->arg[1];
    ContractSpec s;

    if (!contract_parse(n->attr.text, &s))
        return NO_REF;
    bool one = is_uniform(t, x) || is_uniform(t, y);
    if (!one && !product_pays(t, n))
        return NO_REF;
    if (n->n_args == 3)
        sum = total(t, n->arg[2], sum, depth);
    if (!one)
        return product_over_batch(t, s.x, s.y, s.out, x, y, sum);
    x = is_uniform(t, x) ? t->r->map[x.id] : total(t, x, NO_REF, depth);
    y = is_uniform(t, y) ? t->r->map[y.id] : total(t, y, NO_REF, depth);
    return ir_contract(&t->r->b, n->attr.text, x, y, sum);
}

/* ---- what is linear */

static Ref
total_rearranged(const Total *t, const Node *n, Ref sum, unsigned depth)
{
    Ref *arg = arena_array(t->r->ctx->arena, Ref, n->n_args);

    for (uint32_t i = 0; i < n->n_args; i++)
        arg[i] = total(t, n->arg[i], NO_REF, depth);
    return plus(t, sum,
                ir_build(&t->r->b, (Op)n->op, n->type, n->n_args, arg, n->attr, 0, NULL));
}

/* Rows that every point adds to: those of all points, one point after the other. */
static Ref
total_put_add(const Total *t, const Node *n, Ref sum, unsigned depth)
{
    Builder *b = &t->r->b;
    const Function *f = t->r->from;
    Type index = ir_type(f, n->arg[1]), rows = ir_type(f, n->arg[2]);
    Ref arg[3] = {total(t, n->arg[0], sum, depth)};

    if (index.dim[0] * (uint64_t)t->size > IR_MAX_ELEMENTS)
        return NO_REF;
    index.dim[0] *= t->size;
    rows.dim[0] *= t->size;
    arg[1] = ir_reshape(b, gathered(t, t->r->map[n->arg[1].id]), index);
    arg[2] = ir_reshape(b, gathered(t, t->r->map[n->arg[2].id]), rows);
    return ir_build(b, OP_put_add, (Type){0}, 3, arg, (Attr){0}, 0, NULL);
}

/* NO_REF: the sum cannot be taken further in. */
static Ref
total_inside(const Total *t, Ref x, Ref sum, unsigned depth)
{
    Builder *b = &t->r->b;
    const Node *n = ir_node(t->r->from, x);

    switch (n->op) {
    case OP_sub: {
        Ref less = total(t, n->arg[1], NO_REF, depth);
        return ir_sub(b, total(t, n->arg[0], sum, depth), less);
    }
    case OP_neg: {
        Ref rest = total(t, n->arg[0], NO_REF, depth);
        return sum.id ? ir_sub(b, sum, rest) : ir_neg(b, rest);
    }
    case OP_mul: return total_mul(t, x, sum, depth);
    case OP_contract: return total_contract(t, n, sum, depth);
    case OP_put_add: return total_put_add(t, n, sum, depth);
    case OP_broadcast:
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_pad:
    case OP_window:
    case OP_concat: return total_rearranged(t, n, sum, depth);
    default: return NO_REF;
    }
}

static bool is_worth(const Total *t, Ref x, unsigned depth);

static bool
find_worth(const Total *t, Ref x, unsigned depth)
{
    const Node *n = ir_node(t->r->from, x);
    Outer o;

    switch (n->op) {
    case OP_mul:
        for (unsigned k = 0; k < 2; k++)
            if (is_uniform(t, n->arg[k]))
                return is_worth(t, n->arg[1 - k], depth);
        return is_outer(t, x, &o);
    case OP_contract:
        return is_uniform(t, n->arg[0]) || is_uniform(t, n->arg[1]) || product_pays(t, n) ||
               (n->n_args == 3 && is_worth(t, n->arg[2], depth));
    case OP_put_add: return true;
    case OP_add:
    case OP_sub:
    case OP_neg:
    case OP_stop_gradient:
    case OP_broadcast:
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_pad:
    case OP_concat:
        for (uint32_t i = 0; i < n->n_args; i++)
            if (is_worth(t, n->arg[i], depth))
                return true;
        return n->op == OP_broadcast || n->op == OP_pad;
    default: return false;
    }
}

/* Does taking the sum into x lead to a product over the batch, or to a smaller sum?  What it
 * does not is added up for each point first, and gathered once. */
static bool
is_worth(const Total *t, Ref x, unsigned depth)
{
    if (is_uniform(t, x) || depth >= MAX_DEPTH)
        return false;
    if (!t->worth[x.id])
        t->worth[x.id] = find_worth(t, x, depth + 1) ? 2 : 1;
    return t->worth[x.id] == 2;
}

/* `sum` (or NO_REF) plus the sum of every point's x, but for what does not pay: that is added
 * to `rest`, of each point. */
static Ref
add_terms(const Total *t, Ref x, Ref sum, unsigned depth, Ref *rest)
{
    const Node *n = ir_node(t->r->from, x);

    if (ir_is_number(t->r->from, x, 0))
        return sum.id ? sum : t->r->map[x.id];
    if (is_uniform(t, x))
        return plus(t, sum, repeated(t, t->r->map[x.id]));
    if (dtype_is_float((DType)n->type.dtype) && is_worth(t, x, depth) &&
        ++*t->work < MAX_WORK) {
        if (n->op == OP_add || n->op == OP_stop_gradient) {
            for (uint32_t i = 0; i < n->n_args; i++)
                sum = add_terms(t, n->arg[i], sum, depth + 1, rest);
            return sum;
        }
        Ref inside = total_inside(t, x, sum, depth + 1);
        if (inside.id)
            return inside;
    }
    *rest = plus(t, *rest, t->r->map[x.id]);
    return sum;
}

static Ref
total(const Total *t, Ref x, Ref sum, unsigned depth)
{
    Ref rest = NO_REF;
    int64_t first = 0;

    sum = add_terms(t, x, sum, depth, &rest);
    return rest.id ? plus(t, sum, ir_reduce(&t->r->b, OP_sum, gathered(t, rest), 1, &first))
                   : sum;
}

/* ---- the pass */

typedef struct Gather {
    const Function *from; /* whose nodes `worth` is about */
    uint32_t *work;       /* sums made so far of one */
    uint8_t *worth;
    bool inside;
} Gather;

static Ref
same_rows(const Total *t, Ref x, Type type)
{
    int64_t axes[MAX_RANK];

    for (unsigned i = 0; i + 1 < type.rank; i++)
        axes[i] = i + 1;
    return ir_broadcast(&t->r->b, t->r->map[x.id], type, axes);
}

static bool
gather(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    Gather *g = r->user;

    if (n->op != OP_batch && n->op != OP_batch_sum)
        return false;
    if (g->from != r->from) {
        g->from = r->from;
        g->worth = arena_array(r->ctx->arena, uint8_t, r->from->n);
    }
    uint32_t work = 0;
    Total t = {r, (uint32_t)n->attr.i, &work, g->worth};
    if (n->region != 0) {
        diag_add(r->ctx->diags, DIAG_batch_inside, n->span);
        g->inside = true;
    }
    if (n->op == OP_batch_sum)
        r->map[id] = total(&t, n->arg[0], NO_REF, 0);
    else if (is_uniform(&t, n->arg[0]))
        r->map[id] = same_rows(&t, n->arg[0], n->type);
    else
        r->map[id] = gathered(&t, r->map[n->arg[0].id]);
    return true;
}

Module *
pass_gather(const Module *in, PassContext *ctx)
{
    Gather g = {.inside = false};
    Module *out = rebuild_module(in, ctx, gather, &g);

    return g.inside ? NULL : out;
}
