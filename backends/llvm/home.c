/* SPDX-License-Identifier: Apache-2.0
 *
 * home.c -- where arrays stand
 *
 * A result that is an array has memory of its own, or memory that is free when it is made:
 *
 * - what a loop stores takes the place of what a `for` or `while` carries, where it is carried
 *   on; of a row of it, where it becomes that row; of what a phase gives, where it is given;
 * - what a loop stores takes the memory of an array which that loop is the last to read, each
 *   element where it makes the same element: a group's reads come before its writes;
 * - what a `for` or `while` carries takes the memory of what it begins with, if that is not
 *   read any more.
 *
 * So a trajectory moves in place, nothing is copied, and what a step works on is as small as it
 * can be.  Which memory would do follows from the function; whether it does is seen when the
 * result is emitted, as it must be of the same frame and by chain or not as the result is.
 */
#include "backends/llvm/emit.h"

typedef struct Search {
    const Function *f;
    const uint32_t *owner; /* by region */
    Home **home;
    /* By node, of arrays. */
    uint32_t *last; /* the node of its region within which it is last read */
    bool *dies;     /* that is a loop which reads the elements that it makes, or what begins
                       with it */
    bool *shared;   /* something may keep a pointer to it */
    bool *given;    /* its memory is that of another one afterwards */
} Search;

/* ---- what reads an array, and when */

static bool
carries(const Function *f, uint32_t id)
{
    return f->node[id].op == OP_for || f->node[id].op == OP_while;
}

/* Arrays that stand in memory of their own: results of loops and updates, what loops carry. */
static bool
has_memory(const Search *s, uint32_t x)
{
    const Node *n = &s->f->node[x];

    if (n->op == OP_arg)
        return n->region != 0 && carries(s->f, s->owner[n->region]);
    return n->op == OP_update || (n->op == OP_get && (ir_is(s->f, n->arg[0], OP_loop) ||
                                                      carries(s->f, n->arg[0].id)));
}

/* The node of `region` that `id` is, or stands in. */
static uint32_t
ancestor_in(const Search *s, uint32_t id, RegionId region)
{
    while (s->f->node[id].region != region)
        id = s->owner[s->f->node[id].region];
    return id;
}

/* Does this `at` read the element of the turn of `loop`? */
static bool
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
    bool changed = n->op == OP_update && operand == 0;

    if (!s->f->node[x].type.rank)
        return;
    uint32_t at = ancestor_in(s, user, s->f->node[x].region);
    bool first = at != s->last[x];
    s->given[x] |= changed;
    s->shared[x] |= n->op != OP_at && n->op != OP_update && !carries(s->f, user);
    if (changed || at < s->last[x])
        return;
    s->dies[x] = is_over(s, user, at, first) && (first || s->dies[x]);
    s->last[x] = at;
}

/* Two nodes that read one result stand for the same memory. */
static void
note_get(const Search *s, uint32_t id)
{
    const Node *n = &s->f->node[id];
    Ref *other = &s->home[n->arg[0].id][n->attr.i].get;

    if (other->id)
        s->shared[other->id] = s->shared[id] = true;
    *other = (Ref){id};
}

static void
note_uses(const Search *s)
{
    const Function *f = s->f;

    for (uint32_t id = 1; id < f->n; id++) {
        for (uint32_t i = 0; i < f->node[id].n_args; i++)
            note_use(s, id, i);
        if (f->node[id].op == OP_get)
            note_get(s, id);
    }
    for (RegionId r = 0; r < f->n_regions; r++)
        for (uint32_t i = 0; i < f->region[r].n_yields; i++)
            s->shared[f->region[r].yield[i].id] = true;
}

/* ---- who takes what */

/* The home of what a loop of `region` stores as y; NULL if none does, or it has one. */
static Home *
open_home(const Search *s, Ref y, RegionId region, uint32_t *ret_loop)
{
    const Node *get = ir_node(s->f, y);

    if (get->op != OP_get || !get->type.rank || !ir_is(s->f, get->arg[0], OP_loop))
        return NULL;
    Home *home = &s->home[get->arg[0].id][get->attr.i];
    *ret_loop = get->arg[0].id;
    return s->f->node[*ret_loop].region == region && home->kind == HOME_own ? home : NULL;
}

/* May node `id` write to x? */
static bool
is_free(const Search *s, uint32_t x, uint32_t id)
{
    return has_memory(s, x) && !s->shared[x] &&
           (s->last[x] < id || (s->last[x] == id && s->dies[x]));
}

static bool
take(const Search *s, Ref x, uint32_t id, Home *home)
{
    if (!is_free(s, x.id, id) || s->given[x.id])
        return false;
    s->given[x.id] = true;
    home->kind = HOME_over;
    home->array = x;
    return true;
}

/* What `for` or `while` n begins with. */
static void
take_initial(const Search *s, uint32_t id)
{
    const Node *n = &s->f->node[id];

    for (uint32_t k = 0; k < n->n_results; k++)
        if (n->result[k].rank)
            take(s, n->arg[n->n_args - n->n_results + k], id, &s->home[id][k]);
}

/* Are the indices of an update known when node `id` is emitted? */
static bool
has_indices_at(const Node *update, uint32_t id)
{
    for (uint32_t i = 2; i < update->n_args; i++)
        if (update->arg[i].id > id)
            return false;
    return true;
}

/* Does `for` n, whose region changes what it carries as p by `update` alone, write all of it?
 */
static bool
writes_all(const Search *s, const Node *n, Ref p, const Node *update)
{
    const Function *f = s->f;

    return n->op == OP_for && !s->last[p.id] && !s->shared[p.id] && update->n_args == 3 &&
           ref_eq(update->arg[2], f->region[n->own[0]].param[0]) &&
           ir_is_number(f, n->arg[0], 0) && ir_is_number(f, n->arg[1], ir_type(f, p).dim[0]);
}

/* What is carried as p becomes y. */
static void
take_carried(const Search *s, uint32_t id, uint32_t k, RegionId body, Ref p, Ref y)
{
    const Node *n = &s->f->node[id], *update = ir_node(s->f, y);
    bool row = update->op == OP_update && update->attr.i == 1 && ref_eq(update->arg[0], p);
    uint32_t loop;
    Home *home = open_home(s, row ? update->arg[1] : y, body, &loop);

    if (row)
        s->home[id][k].written = writes_all(s, n, p, update);
    if (home && !row)
        take(s, p, loop, home);
    else if (home && is_free(s, p.id, loop) && has_indices_at(update, loop))
        home->kind = HOME_row, home->array = p, home->number = y.id;
}

static void
take_all_carried(const Search *s, uint32_t id)
{
    const Node *n = &s->f->node[id];
    RegionId body = n->own[n->n_regions - 1];
    const Region *r = &s->f->region[body];

    for (uint32_t k = 0; k < n->n_results; k++)
        if (n->result[k].rank)
            take_carried(s, id, k, body, r->param[r->n_params - n->n_results + k], r->yield[k]);
}

static void
take_given(const Search *s)
{
    const Region *body = &s->f->region[0];
    uint32_t loop;

    for (uint32_t i = 0; i < body->n_yields; i++) {
        Home *home = open_home(s, body->yield[i], 0, &loop);
        if (home)
            home->kind = HOME_given, home->number = i;
    }
}

/* What loop `id` reads for the last time. */
static void
take_read(const Search *s, uint32_t id, uint32_t k)
{
    const Node *n = &s->f->node[id];
    const Region *body = &s->f->region[n->own[0]];
    Home *home = &s->home[id][k];

    for (size_t i = 0; home->kind == HOME_own && i < body->n_nodes; i++) {
        const Node *at = &s->f->node[body->node[i]];
        if (at->op == OP_at && s->last[at->arg[0].id] == id &&
            type_eq(ir_type(s->f, at->arg[0]), n->result[k]))
            take(s, at->arg[0], id, home);
    }
}

Home **
find_homes(const Function *f, Arena *arena, bool whole)
{
    Search s = {.f = f,
                .owner = find_owners(f, arena),
                .home = arena_array(arena, Home *, f->n),
                .last = arena_array(arena, uint32_t, f->n),
                .dies = arena_array(arena, bool, f->n),
                .shared = arena_array(arena, bool, f->n),
                .given = arena_array(arena, bool, f->n)};

    for (uint32_t id = 1; id < f->n; id++)
        s.home[id] = arena_array(arena, Home, f->node[id].n_results);
    note_uses(&s);
    for (uint32_t id = 1; id < f->n; id++)
        if (carries(f, id)) { /* after what stands in its regions */
            take_initial(&s, id);
            take_all_carried(&s, id);
        }
    if (whole)
        take_given(&s);
    for (uint32_t id = 1; id < f->n; id++)
        for (uint32_t k = 0; f->node[id].op == OP_loop && k < f->node[id].n_results; k++)
            take_read(&s, id, k);
    return s.home;
}

/* ---- when it is emitted */

static bool
find_memory(Emit *e, const Home *home, unsigned i, bool chain, Value *ret)
{
    if (home->kind == HOME_own)
        return false;
    if (home->kind == HOME_given) {
        *ret = e->given[home->number];
        return true;
    }
    const Value *x = value_at(e, home->array, i);
    if (x->owner != e->frame || x->chain != chain ||
        (e->preparing && e->kept_at[home->array.id] != NOT_KEPT))
        return false;
    *ret = *x;
    return home->kind == HOME_over || row_of_update(e, &e->f->node[home->number], x, ret);
}

Value
result_array(Emit *e, uint32_t id, uint32_t k, unsigned i, bool chain)
{
    Value r;

    if (!find_memory(e, &e->home[id][k], i, chain, &r))
        return array_new(e, e->f->node[id].result[k], chain);
    r.version = ++e->versions;
    return r;
}
