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

enum { MAX_DEPTH = 1000 }; /* of additions that a sum is taken apart into */

typedef struct Total {
    Rebuild *r;
    uint32_t size; /* of the batch */
} Total;

static bool
is_uniform(const Total *t, Ref x)
{
    return t->r->vary[x.id] == VARY_uniform;
}

static Ref
gathered(const Total *t, Ref x)
{
    return ir_batch(&t->r->b, t->r->map[x.id], t->size);
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

/* A product over the batch pays when each point's share is larger than what it is made of. */
static bool
product_pays(Type whole, Type x, Type y)
{
    unsigned most = x.rank > y.rank ? x.rank : y.rank;

    return most < MAX_RANK && type_size(whole) > type_size(x) + type_size(y);
}

static char
free_letter(const char *text)
{
    char c = 'a';

    while (strchr(text, c))
        c++;
    return c;
}

/* The sum over the points of the product of x and y, by einsum letters. */
static Ref
product_over_batch(const Total *t, const char *x_letters, const char *y_letters,
                   const char *out, Ref x, Ref y, Ref sum)
{
    Arena *arena = t->r->ctx->arena;
    char c = free_letter(arena_printf(arena, "%s%s", x_letters, y_letters));
    const char *text = arena_printf(arena, "%c%s,%c%s->%s", c, x_letters, c, y_letters, out);

    return ir_contract(&t->r->b, text, gathered(t, x), gathered(t, y), sum);
}

static Ref total(const Total *t, Ref x, Ref sum, unsigned depth);

/* The letters of the axes that a broadcast keeps. */
static const char *
axes_letters(const Total *t, const Node *broadcast)
{
    char *text = arena_strndup(t->r->ctx->arena, "abcdefgh", broadcast->attr.n_ints);

    for (uint32_t i = 0; i < broadcast->attr.n_ints; i++)
        text[i] = (char)('a' + broadcast->attr.ints[i]);
    return text;
}

static bool
covers(const char *x, const char *y, unsigned rank)
{
    for (unsigned i = 0; i < rank; i++)
        if (!strchr(x, 'a' + (int)i) && !strchr(y, 'a' + (int)i))
            return false;
    return true;
}

/* x and y repeated along each other's axes; NO_REF when the product is not of that kind. */
static Ref
outer_product(const Total *t, const Node *n, Ref sum)
{
    const Function *f = t->r->from;
    const Node *x = ir_node(f, n->arg[0]), *y = ir_node(f, n->arg[1]);

    if (x->op != OP_broadcast || y->op != OP_broadcast)
        return NO_REF;
    const char *of_x = axes_letters(t, x), *of_y = axes_letters(t, y);
    if (!covers(of_x, of_y, n->type.rank) ||
        !product_pays(n->type, ir_type(f, x->arg[0]), ir_type(f, y->arg[0])))
        return NO_REF;
    const char *out = arena_strndup(t->r->ctx->arena, "abcdefgh", n->type.rank);
    return product_over_batch(t, of_x, of_y, out, x->arg[0], y->arg[0], sum);
}

static Ref
total_mul(const Total *t, const Node *n, Ref sum, unsigned depth)
{
    Builder *b = &t->r->b;

    for (unsigned k = 0; k < 2; k++)
        if (is_uniform(t, n->arg[k])) {
            Ref rest = total(t, n->arg[1 - k], NO_REF, depth);
            return plus(t, sum, ir_mul(b, t->r->map[n->arg[k].id], rest));
        }
    return outer_product(t, n, sum);
}

static Ref
total_contract(const Total *t, const Node *n, Ref sum, unsigned depth)
{
    const Function *f = t->r->from;
    Ref x = n->arg[0], y = n->arg[1];
    ContractSpec s;

    if (!contract_parse(n->attr.text, &s))
        return NO_REF;
    bool one = is_uniform(t, x) || is_uniform(t, y);
    if (!one && !product_pays(n->type, ir_type(f, x), ir_type(f, y)))
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
    arg[1] = ir_reshape(b, gathered(t, n->arg[1]), index);
    arg[2] = ir_reshape(b, gathered(t, n->arg[2]), rows);
    return ir_build(b, OP_put_add, (Type){0}, 3, arg, (Attr){0}, 0, NULL);
}

/* NO_REF: the sum cannot be taken further in. */
static Ref
total_inside(const Total *t, const Node *n, Ref sum, unsigned depth)
{
    Builder *b = &t->r->b;

    switch (n->op) {
    case OP_add: return total(t, n->arg[1], total(t, n->arg[0], sum, depth), depth);
    case OP_sub:
        return ir_sub(b, total(t, n->arg[0], sum, depth), total(t, n->arg[1], NO_REF, depth));
    case OP_neg: {
        Ref x = total(t, n->arg[0], NO_REF, depth);
        return sum.id ? ir_sub(b, sum, x) : ir_neg(b, x);
    }
    case OP_stop_gradient: return total(t, n->arg[0], sum, depth);
    case OP_mul: return total_mul(t, n, sum, depth);
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

/* `sum` (or NO_REF) plus the sum of every point's x. */
static Ref
total(const Total *t, Ref x, Ref sum, unsigned depth)
{
    const Node *n = ir_node(t->r->from, x);

    if (ir_is_number(t->r->from, x, 0))
        return sum.id ? sum : t->r->map[x.id];
    if (is_uniform(t, x))
        return plus(t, sum, repeated(t, t->r->map[x.id]));
    if (dtype_is_float((DType)n->type.dtype) && depth < MAX_DEPTH) {
        Ref inside = total_inside(t, n, sum, depth + 1);
        if (inside.id)
            return inside;
    }
    int64_t first = 0;
    return plus(t, sum, ir_reduce(&t->r->b, OP_sum, gathered(t, x), 1, &first));
}

/* ---- the pass */

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
    bool *inside = r->user;
    Total t = {r, (uint32_t)n->attr.i};

    if (n->op != OP_batch && n->op != OP_batch_sum)
        return false;
    if (n->region != 0) {
        diag_add(r->ctx->diags, DIAG_batch_inside, n->span);
        *inside = true;
    }
    if (n->op == OP_batch_sum)
        r->map[id] = total(&t, n->arg[0], NO_REF, 0);
    else if (is_uniform(&t, n->arg[0]))
        r->map[id] = same_rows(&t, n->arg[0], n->type);
    else
        r->map[id] = gathered(&t, n->arg[0]);
    return true;
}

Module *
pass_gather(const Module *in, PassContext *ctx)
{
    bool inside = false;
    Module *out = rebuild_module(in, ctx, gather, &inside);

    return inside ? NULL : out;
}
