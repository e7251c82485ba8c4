/* SPDX-License-Identifier: Apache-2.0
 *
 * vjp_rules.c -- reverse mode of the linear structural ops: their transposes
 */
#include "passes/ad/ad.h"

#include <assert.h>

#define NEVER_ACTIVE(name) \
    void vjp_##name(Ad *a, const Node *n, const Ref *g) \
    { \
        (void)a; \
        (void)n; \
        (void)g; \
        assert(!"an active " #name); \
    }
NEVER_ACTIVE(arg) /* a parameter gives to nobody */
NEVER_ACTIVE(const)
NEVER_ACTIVE(iota)
NEVER_ACTIVE(chain_index)
NEVER_ACTIVE(all)
NEVER_ACTIVE(any)
NEVER_ACTIVE(argmax)
NEVER_ACTIVE(draw)
NEVER_ACTIVE(word)
NEVER_ACTIVE(call)
NEVER_ACTIVE(vjp)
NEVER_ACTIVE(jvp)
NEVER_ACTIVE(laplacian)

void
vjp_get(Ad *a, const Node *n, const Ref *g)
{
    uint32_t owner = n->arg[0].id;

    if (!a->cots[owner])
        a->cots[owner] = arena_array(a->ctx->arena, Ref, a->f->node[owner].n_results);
    Ref *cot = &a->cots[owner][n->attr.i];
    *cot = ad_add(&a->copy.b, *cot, g[0]);
}

/* What all data points make of one sum comes back to each of them. */
void
vjp_batch_sum(Ad *a, const Node *n, const Ref *g)
{
    ad_give(a, n->arg[0], ir_batch_sum(&a->copy.b, g[0], (uint32_t)n->attr.i));
}

/* The same for each point's own row. */
void
vjp_batch(Ad *a, const Node *n, const Ref *g)
{
    Builder *b = &a->copy.b;
    Ref index = ir_chain_index(b), all = ir_batch_sum(b, g[0], (uint32_t)n->attr.i);

    ad_give(a, n->arg[0], ir_at(b, all, 1, &index, true));
}

void
vjp_broadcast(Ad *a, const Node *n, const Ref *g)
{
    int64_t axes[MAX_RANK];
    uint32_t count = 0, k = 0;

    for (unsigned i = 0; i < n->type.rank; i++) {
        if (k < n->attr.n_ints && n->attr.ints[k] == (int64_t)i)
            k++;
        else
            axes[count++] = i;
    }
    ad_give(a, n->arg[0], ir_reduce(&a->copy.b, OP_sum, g[0], count, axes));
}

void
vjp_reshape(Ad *a, const Node *n, const Ref *g)
{
    ad_give(a, n->arg[0], ir_reshape(&a->copy.b, g[0], ir_type(a->f, n->arg[0])));
}

void
vjp_transpose(Ad *a, const Node *n, const Ref *g)
{
    int64_t back[MAX_RANK];

    for (unsigned i = 0; i < n->type.rank; i++)
        back[n->attr.ints[i]] = i;
    ad_give(a, n->arg[0], ir_transpose(&a->copy.b, g[0], back));
}

void
vjp_slice(Ad *a, const Node *n, const Ref *g)
{
    ad_give(a, n->arg[0], ir_pad(&a->copy.b, g[0], ir_type(a->f, n->arg[0]), n->attr.ints));
}

void
vjp_pad(Ad *a, const Node *n, const Ref *g)
{
    ad_give(a, n->arg[0], ir_slice(&a->copy.b, g[0], ir_type(a->f, n->arg[0]), n->attr.ints));
}

/* Element u of all windows goes back to where it was read. */
void
vjp_window(Ad *a, const Node *n, const Ref *g)
{
    Builder *b = &a->copy.b;
    Type x = ir_type(a->f, n->arg[0]), one = n->type, flat = x;
    unsigned axis = (unsigned)n->attr.ints[0];
    int64_t from[2 * MAX_RANK], to[2 * MAX_RANK];

    one.dim[axis + 1] = 1;
    flat.dim[axis] = n->type.dim[axis];
    for (unsigned i = 0; i < MAX_RANK; i++) {
        from[2 * i] = to[2 * i] = 0;
        from[2 * i + 1] = to[2 * i + 1] = 1;
    }
    to[2 * axis + 1] = n->attr.ints[2];
    for (int64_t u = 0; u < n->attr.ints[1]; u++) {
        from[2 * (axis + 1)] = to[2 * axis] = u;
        Ref part = ir_reshape(b, ir_slice(b, g[0], one, from), flat);
        ad_give(a, n->arg[0], ir_pad(b, part, x, to));
    }
}

void
vjp_concat(Ad *a, const Node *n, const Ref *g)
{
    int64_t at[2 * MAX_RANK];

    for (unsigned i = 0; i < n->type.rank; i++) {
        at[2 * i] = 0;
        at[2 * i + 1] = 1;
    }
    for (uint32_t k = 0; k < n->n_args; k++) {
        Type t = ir_type(a->f, n->arg[k]);
        if (a->active.node[n->arg[k].id])
            ad_give(a, n->arg[k], ir_slice(&a->copy.b, g[0], t, at));
        at[2 * n->attr.i] += t.dim[n->attr.i];
    }
}

/* The indices of a node, which are its last operands. */
static uint32_t
copy_indices(const Ad *a, const Node *n, uint32_t first, Ref index[MAX_RANK])
{
    for (uint32_t i = first; i < n->n_args; i++)
        index[i - first] = ad_arg(a, n, i);
    return n->n_args - first;
}

enum { LOOK = 16 }; /* updates that a question about a cotangent goes back */

static bool
is_other_number(const Function *f, Ref x, Ref y)
{
    Scalar i, k;

    return ir_is_splat(f, x, &i) && ir_is_splat(f, y, &k) && i.i32 != k.i32;
}

static bool
is_other_element(const Function *f, const Node *update, uint32_t count, const Ref *index)
{
    for (uint32_t i = 0; i < count && i + 2 < update->n_args; i++)
        if (is_other_number(f, update->arg[2 + i], index[i]))
            return true;
    return false;
}

/* Is what an array of cotangents has at these indices still the 0 that it began with? */
static bool
is_untouched(const Function *f, Ref cot, uint32_t count, const Ref *index)
{
    for (unsigned look = LOOK; look > 0; look--) {
        const Node *n = ir_node(f, cot);
        if (n->op != OP_update || !is_other_element(f, n, count, index))
            break;
        cot = n->arg[0];
    }
    return ir_is_number(f, cot, 0);
}

void
vjp_at(Ad *a, const Node *n, const Ref *g)
{
    Ref index[MAX_RANK];
    uint32_t count = copy_indices(a, n, 1, index), x = n->arg[0].id;
    Ref cot = ad_cot_full(a, x);
    bool adds = !is_untouched(a->copy.b.function, cot, count, index);

    a->cot[x] = ir_update(&a->copy.b, cot, g[0], count, index, n->attr.i & 1, adds);
}

/* Are all indices in range?  NO_REF when that is known. */
static Ref
in_range(Ad *a, const Node *n, const Ref *index, uint32_t count)
{
    Builder *b = &a->copy.b;
    Ref all = NO_REF;

    for (uint32_t i = 0; !(n->attr.i & 1) && i < count; i++) {
        Ref low = ir_ge(b, index[i], ad_index(b, 0));
        Ref high = ir_lt(b, index[i], ad_index(b, n->type.dim[i]));
        Ref both = ir_and(b, low, high);
        all = all.id ? ir_and(b, all, both) : both;
    }
    return all;
}

/* What is not written gets no cotangent; what is overwritten gets none either. */
void
vjp_update(Ad *a, const Node *n, const Ref *g)
{
    Builder *b = &a->copy.b;
    Ref index[MAX_RANK];
    uint32_t count = copy_indices(a, n, 2, index);
    Type part = ir_type(a->f, n->arg[1]);
    bool adds = n->attr.i & 2;

    if (a->active.node[n->arg[1].id]) {
        Ref guard = in_range(a, n, index, count);
        Ref of_part = ir_at(b, g[0], count, index, n->attr.i & 1);
        ad_give(a, n->arg[1],
                guard.id ? ir_select(b, guard, of_part, ad_zero(b, part)) : of_part);
    }
    if (a->active.node[n->arg[0].id])
        ad_give(a, n->arg[0],
                adds
                    ? g[0]
                    : ir_update(b, g[0], ad_zero(b, part), count, index, n->attr.i & 1, false));
}

void
vjp_take(Ad *a, const Node *n, const Ref *g)
{
    Ref arg[3] = {ad_cot_full(a, n->arg[0].id), ad_arg(a, n, 1), g[0]};

    a->cot[n->arg[0].id] =
        ir_build(&a->copy.b, OP_put_add, (Type){0}, 3, arg, (Attr){0}, 0, NULL);
}

void
vjp_put_add(Ad *a, const Node *n, const Ref *g)
{
    ad_give(a, n->arg[0], g[0]);
    if (a->active.node[n->arg[2].id])
        ad_give(a, n->arg[2], ir_take(&a->copy.b, g[0], ad_arg(a, n, 1)));
}
