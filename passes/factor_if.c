/* SPDX-License-Identifier: Apache-2.0
 *
 * factor_if.c -- outer products that a branch yields are made after it
 *
 * Reverse mode through a branch yields the cotangent of each matrix that it multiplies by: an
 * array of the matrix's size for each data point.  The branch yields the factors in its place,
 * the other one zeros, and their product joins the sum over the batch (gather.c).  Where
 * nothing is summed over a batch, a branch that is not taken costs nothing, and stays.
 */
#include "passes/factor.h"
#include "passes/outer.h"

typedef struct Branches {
    Rebuild *r;
    const Node *n;
    uint32_t id;
    Terms *terms[2]; /* by branch, one a result; without outer products in either it stays */
    uint32_t n_factors;
} Branches;

/* ---- what is summed */

static bool
pays(void *user, Type whole, Type x, Type y)
{
    (void)user;
    return outer_pays(whole, x, y, 1);
}

static bool
is_taken(const Branches *b, uint32_t i)
{
    return b->terms[0][i].n + b->terms[1][i].n > 0;
}

static bool
find_terms(Branches *b)
{
    Rebuild *r = b->r;

    for (unsigned k = 0; k < 2; k++) {
        const Region *own = &r->from->region[b->n->own[k]];
        b->terms[k] = arena_array(r->ctx->arena, Terms, b->n->n_results + 1);
        for (uint32_t i = 0; i < b->n->n_results; i++) {
            Terms t = {.region = b->n->own[k], .pays = pays};
            if (r->live.result[b->id][i])
                outer_terms(r->from, own->yield[i], r->ctx->arena, &t);
            b->terms[k][i] = t;
            b->n_factors += 2 * (uint32_t)t.n;
        }
    }
    return b->n_factors > 0;
}

/* ---- the branches without them */

static bool
is_kept(const Branches *b, uint32_t i)
{
    return b->r->live.result[b->id][i] &&
           (!is_taken(b, i) || b->terms[0][i].n_rest + b->terms[1][i].n_rest > 0);
}

static Ref
rest_of(const Branches *b, unsigned k, uint32_t i)
{
    const Terms *t = &b->terms[k][i];
    Ref sum = NO_REF;

    for (size_t j = 0; j < t->n_rest; j++) {
        Ref term = b->r->map[t->rest[j].id];
        sum = sum.id ? ir_add(&b->r->b, sum, term) : term;
    }
    return sum.id ? sum : ir_full(&b->r->b, b->n->result[i], 0);
}

/* The factors of result i: their own in the branch whose they are, zeros in the other. */
static uint32_t
yield_factors(const Branches *b, unsigned k, uint32_t i, Ref *yield)
{
    Rebuild *r = b->r;
    uint32_t n = 0;

    for (unsigned of = 0; of < 2; of++)
        for (size_t j = 0; j < b->terms[of][i].n; j++) {
            const Outer *o = &b->terms[of][i].outer[j];
            const Ref factor[2] = {o->x, o->y};
            for (unsigned q = 0; q < 2; q++)
                yield[n++] = of == k ? r->map[factor[q].id]
                                     : ir_full(&r->b, ir_type(r->from, factor[q]), 0);
        }
    return n;
}

static RegionId
build_branch(const Branches *b, unsigned k)
{
    Rebuild *r = b->r;
    const Region *from = &r->from->region[b->n->own[k]];
    Ref *yield = arena_array(r->ctx->arena, Ref, b->n->n_results + b->n_factors + 1);
    uint32_t n = 0;
    RegionId own = region_begin(&r->b);

    rebuild_region(r, b->n->own[k]);
    for (uint32_t i = 0; i < b->n->n_results; i++)
        if (is_kept(b, i))
            yield[n++] = is_taken(b, i) ? rest_of(b, k, i) : r->map[from->yield[i].id];
    for (uint32_t i = 0; i < b->n->n_results; i++)
        n += yield_factors(b, k, i, yield + n);
    ir_yield(&r->b, n, yield);
    region_end(&r->b);
    return own;
}

/* ---- the products after them */

static Ref
along(const Branches *b, Ref x, const char *letters, Type whole)
{
    int64_t axes[MAX_RANK];

    for (unsigned i = 0; letters[i]; i++)
        axes[i] = letters[i] - 'a';
    return ir_broadcast(&b->r->b, x, whole, axes);
}

static void
take_results(const Branches *b, Ref node)
{
    Builder *to = &b->r->b;
    Ref *result = arena_array(b->r->ctx->arena, Ref, b->n->n_results + 1);
    uint32_t next = 0;

    for (uint32_t i = 0; i < b->n->n_results; i++)
        if (is_kept(b, i))
            result[i] = ir_get(to, node, next++);
    for (uint32_t i = 0; i < b->n->n_results; i++)
        for (unsigned of = 0; of < 2; of++)
            for (size_t j = 0; j < b->terms[of][i].n; j++, next += 2) {
                const Outer *o = &b->terms[of][i].outer[j];
                Type whole = b->n->result[i];
                Ref x = along(b, ir_get(to, node, next), o->of_x, whole);
                Ref y = along(b, ir_get(to, node, next + 1), o->of_y, whole);
                Ref product = ir_mul(to, x, y);
                result[i] = result[i].id ? ir_add(to, result[i], product) : product;
            }
    b->r->many[b->id] = result;
}

static bool
sums_a_batch(const Function *f)
{
    for (uint32_t id = 1; id < f->n; id++)
        if (f->node[id].op == OP_batch_sum)
            return true;
    return false;
}

bool
factor_branches(Rebuild *r, uint32_t id)
{
    Branches b = {.r = r, .n = &r->from->node[id], .id = id};

    if (b.n->region != 0 || !find_terms(&b) || !sums_a_batch(r->from))
        return false;
    RegionId then = build_branch(&b, 0), otherwise = build_branch(&b, 1);
    take_results(&b, ir_if(&r->b, rebuild_arg(r, b.n, 0), then, otherwise));
    return true;
}
