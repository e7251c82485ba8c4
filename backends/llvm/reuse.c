/* SPDX-License-Identifier: Apache-2.0
 *
 * reuse.c -- arrays that leave their memory to others
 *
 * Where a loop is the last to read an array, and reads each element only where it makes the
 * same element of a result, the result takes the array's memory: a group's reads come before
 * its writes.  A `for` or `while` takes an array that it begins with where it stands, if
 * nothing else reads it any more.  So a trajectory moves in place, and what a step works on is
 * as small as it can be.
 */
#include "backends/llvm/emit.h"

typedef struct Search {
    const Function *f;
    const uint32_t *owner; /* by region */
    uint32_t *last;        /* by node: the node of its region within which it is last read */
    bool *dies, *spoilt;   /* by node: it is over there; something may keep a pointer to it */
} Search;

static bool
carries(const Function *f, uint32_t id)
{
    return f->node[id].op == OP_for || f->node[id].op == OP_while;
}

/* Arrays with memory of their own: results of loops, and what loops carry. */
static bool
is_candidate(const Search *s, uint32_t id)
{
    const Node *n = &s->f->node[id];

    if (!n->type.rank)
        return false;
    if (n->op == OP_arg)
        return n->region != 0 && carries(s->f, s->owner[n->region]);
    return n->op == OP_get && (ir_is(s->f, n->arg[0], OP_loop) || carries(s->f, n->arg[0].id));
}

/* The node of `region` that `id` is, or stands in. */
static uint32_t
ancestor_in(const Search *s, uint32_t id, RegionId region)
{
    while (s->f->node[id].region != region)
        id = s->owner[s->f->node[id].region];
    return id;
}

bool
reads_own_element(const Function *f, const Node *at, const Node *loop)
{
    const Region *body = &f->region[loop->own[0]];

    for (uint32_t axis = 0; axis + 1 < at->n_args; axis++)
        if (axis >= body->n_params || !ref_eq(at->arg[1 + axis], body->param[axis]))
            return false;
    return at->n_args == body->n_params + 1;
}

static bool
is_over(const Search *s, uint32_t user, uint32_t at, bool first)
{
    const Function *f = s->f;

    if (f->node[at].op == OP_loop)
        return f->node[user].op == OP_at && reads_own_element(f, &f->node[user], &f->node[at]);
    return first && user == at && carries(f, at);
}

static void
note_use(const Search *s, uint32_t user, uint32_t operand)
{
    const Node *n = &s->f->node[user];
    uint32_t x = n->arg[operand].id;

    if (!s->f->node[x].type.rank)
        return;
    uint32_t at = ancestor_in(s, user, s->f->node[x].region);
    bool first = at != s->last[x];
    if (!(n->op == OP_at && operand == 0 && n->type.rank == 0) && !carries(s->f, user))
        s->spoilt[x] = true;
    if (at < s->last[x])
        return;
    s->dies[x] = is_over(s, user, at, first) && (first || s->dies[x]);
    s->last[x] = at;
}

/* Two nodes that read one result stand for the same memory. */
static void
spoil_twins(const Search *s, Arena *arena)
{
    const Function *f = s->f;
    uint32_t **seen = arena_array(arena, uint32_t *, f->n);

    for (uint32_t id = 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        if (n->op != OP_get)
            continue;
        uint32_t from = n->arg[0].id;
        if (!seen[from])
            seen[from] = arena_array(arena, uint32_t, f->node[from].n_results);
        uint32_t *twin = &seen[from][n->attr.i];
        if (*twin)
            s->spoilt[*twin] = s->spoilt[id] = true;
        *twin = id;
    }
}

uint32_t *
find_ends(const Function *f, Arena *arena)
{
    Search s = {f, find_owners(f, arena), arena_array(arena, uint32_t, f->n),
                arena_array(arena, bool, f->n), arena_array(arena, bool, f->n)};

    for (uint32_t id = 1; id < f->n; id++)
        for (uint32_t i = 0; i < f->node[id].n_args; i++)
            note_use(&s, id, i);
    for (RegionId r = 0; r < f->n_regions; r++)
        for (uint32_t i = 0; i < f->region[r].n_yields; i++)
            s.spoilt[f->region[r].yield[i].id] = true;
    spoil_twins(&s, arena);
    for (uint32_t id = 1; id < f->n; id++)
        if (!s.dies[id] || s.spoilt[id] || !is_candidate(&s, id))
            s.last[id] = 0;
    return s.last;
}

/* ---- taking over */

/* x for instance i as memory for an array of `type`, if `id` is to have it.  It is given once.
 */
static bool
take(Emit *e, Ref x, unsigned i, uint32_t id, Type type, bool chain, Value *ret)
{
    if (e->preparing || e->ends[x.id] != id || !type_eq(ir_type(e->f, x), type))
        return false;
    Value *old = value_at(e, x, i);
    if (old->owner != e->frame || old->chain != chain)
        return false;
    *ret = *old;
    ret->version = ++e->versions;
    old->owner = NULL;
    return true;
}

bool
take_initial(Emit *e, Ref x, unsigned i, uint32_t id, bool chain, Value *ret)
{
    return take(e, x, i, id, ir_type(e->f, x), chain, ret);
}

bool
take_read(Emit *e, uint32_t id, uint32_t k, bool chain, Value *ret)
{
    const Node *n = &e->f->node[id];
    const Region *body = &e->f->region[n->own[0]];

    if (n->result[k].rank != body->n_params)
        return false;
    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *at = &e->f->node[body->node[i]];
        if (at->op == OP_at && !ir_is(e->f, at->arg[0], OP_arg) &&
            take(e, at->arg[0], 0, id, n->result[k], chain, ret))
            return true;
    }
    return false;
}
