/* SPDX-License-Identifier: Apache-2.0
 *
 * pieces.c -- whether threads can share what a phase over the whole batch makes
 *
 * They can if its arrays are made by loops, none of which reads rows of another's result but
 * the one that it makes itself: then each thread makes some rows of all arrays.
 */
#include "backends/manifest.h"

typedef struct Pieces {
    const Function *f;
    const Node *loop; /* whose body is looked at; NULL outside of loops */
    uint64_t n;
} Pieces;

static bool
is_loop_array(const Function *f, Ref x)
{
    const Node *n = ir_node(f, x);

    return n->region == 0 && n->op == OP_get && n->type.rank && ir_is(f, n->arg[0], OP_loop);
}

/* Is operand i of n, if a loop of this phase made it, read in the row that is being made? */
static bool
reads_own_row(const Pieces *p, const Node *n, uint32_t i)
{
    if (!is_loop_array(p->f, n->arg[i]))
        return true;
    return p->loop && n->op == OP_at && i == 0 && n->n_args > 1 &&
           ref_eq(n->arg[1], p->f->region[p->loop->own[0]].param[0]) &&
           ir_type(p->f, n->arg[0]).dim[0] == (uint64_t)p->loop->attr.ints[1];
}

static bool
stores_alone(const Node *loop)
{
    const int64_t *kind = loop->attr.ints + 1 + loop->attr.ints[0];

    for (uint32_t k = 0; k < loop->n_results; k++)
        if (kind[k] != FOLD_store)
            return false;
    return loop->attr.ints[0] > 0;
}

static bool count_pieces(Pieces *p, RegionId region);

static bool
count_node(Pieces *p, const Node *n)
{
    bool outer = n->op == OP_loop && n->region == 0, fits = !outer || stores_alone(n);

    for (uint32_t i = 0; fits && i < n->n_args; i++)
        fits = reads_own_row(p, n, i);
    if (fits && outer) {
        uint64_t pieces = ((uint64_t)n->attr.ints[1] + EBM_BLOCK - 1) / EBM_BLOCK;
        p->n = pieces > p->n ? pieces : p->n;
        p->loop = n;
    }
    for (uint32_t k = 0; fits && k < n->n_regions; k++)
        fits = count_pieces(p, n->own[k]);
    if (outer)
        p->loop = NULL;
    return fits;
}

static bool
count_pieces(Pieces *p, RegionId region)
{
    const Region *r = &p->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++)
        if (!count_node(p, &p->f->node[r->node[i]]))
            return false;
    return true;
}

uint32_t
phase_pieces(const Function *f, EbmPhaseKind kind)
{
    Pieces p = {.f = f};
    const Region *body = &f->region[0];
    bool fits = kind == EBM_PHASE_whole && count_pieces(&p, 0);

    for (uint32_t i = 0; fits && i < body->n_yields; i++)
        fits = !ir_type(f, body->yield[i]).rank || ir_is(f, body->yield[i], OP_arg) ||
               is_loop_array(f, body->yield[i]);
    return fits && p.n ? (uint32_t)p.n : 1;
}
