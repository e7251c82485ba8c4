/* SPDX-License-Identifier: Apache-2.0
 *
 * home.c -- where the results of loops stand
 *
 * Most stand in arrays of their own.  What a phase gives, what a `for` carries on, and what
 * becomes a row of an array that it carries, would be copied from there: such a result is
 * written where it is to go, when nothing else looks at that place meanwhile.
 */
#include "backends/llvm/emit.h"

/* ---- the list */

static const Home *
find_home(const Emit *e, uint32_t loop, uint32_t k)
{
    for (size_t i = e->n_homes; i-- > 0;)
        if (e->home[i].loop == loop && e->home[i].result == k)
            return &e->home[i];
    return NULL;
}

bool
has_home(const Emit *e, uint32_t loop, uint32_t k)
{
    return find_home(e, loop, k) != NULL;
}

void
home_add(Emit *e, Home home)
{
    e->home = arena_grow(e->arena, e->home, e->n_homes, &e->cap_homes, e->n_homes + 1,
                         sizeof *e->home);
    e->home[e->n_homes++] = home;
}

Value
loop_array(Emit *e, uint32_t id, uint32_t k, bool chain)
{
    const Home *home = find_home(e, id, k);

    if (!home)
        return array_new(e, e->f->node[id].result[k], chain);
    Value r = home->at;
    r.version = ++e->versions;
    return r;
}

bool
home_of_result(const Function *f, Ref y, RegionId region, Home *ret)
{
    const Node *get = ir_node(f, y);

    if (get->op != OP_get || !get->type.rank)
        return false;
    const Node *loop = ir_node(f, get->arg[0]);
    *ret = (Home){.loop = get->arg[0].id, .result = (uint32_t)get->attr.i};
    return loop->op == OP_loop && loop->region == region &&
           loop->attr.ints[1 + loop->attr.ints[0] + get->attr.i] == FOLD_store;
}

/* ---- moves: loops that copy an array into a row of another one */

typedef struct Move {
    Ref from, to; /* the arrays */
    Ref index[MAX_RANK];
    unsigned rank; /* of `from`: as many loops */
    const Node *update;
} Move;

static uint32_t
leads_of(const Move *m)
{
    return m->update->n_args - 2 - m->rank;
}

static bool
ends_with_indices(const Move *m, const Node *n, uint32_t first)
{
    if (n->n_args < first + m->rank)
        return false;
    for (unsigned i = 0; i < m->rank; i++)
        if (!ref_eq(n->arg[n->n_args - m->rank + i], m->index[i]))
            return false;
    return true;
}

/* The element that the innermost loop writes, and where. */
static bool
match_element(const Function *f, const Node *update, Move *m)
{
    const Node *at = update->op == OP_update ? ir_node(f, update->arg[1]) : update;

    m->update = update;
    if (update->op != OP_update || update->attr.i != 1 || at->op != OP_at || !(at->attr.i & 1))
        return false;
    m->from = at->arg[0];
    return at->n_args == 1 + m->rank && ends_with_indices(m, at, 1) &&
           ends_with_indices(m, update, 2) && ir_type(f, m->from).rank == m->rank;
}

/* Loop `id`, all that is inside, and the array that it changes. */
static bool
match_move(const Function *f, uint32_t id, Move *m)
{
    const Node *n = &f->node[id];
    unsigned axis = m->rank;

    if (n->op != OP_for || n->n_args != 3 || axis == MAX_RANK || !ir_is_number(f, n->arg[0], 0))
        return false;
    if (axis == 0)
        m->to = n->arg[2];
    const Region *body = &f->region[n->own[0]];
    const Node *last = ir_node(f, body->yield[0]);
    bool inner = last->op == OP_get;
    m->index[m->rank++] = body->param[0];
    if (!(inner ? match_move(f, last->arg[0].id, m) : match_element(f, last, m)))
        return false;
    Ref changed = inner ? ir_node(f, last->arg[0])->arg[2] : last->arg[0];
    return ref_eq(changed, body->param[1]) &&
           ir_is_number(f, n->arg[1], ir_type(f, m->from).dim[axis]);
}

/* ---- what looks at an array that a `for` carries */

typedef struct Readers {
    const Emit *e;
    Ref array;
    uint32_t loop; /* the one whose result is to be written there; 0: none */
    uint32_t count;
    bool apart; /* all read single elements, before the loop or in it those it writes then */
} Readers;

/* `place`: the node of the carrying region that n is, or is in. */
static void
find_readers(Readers *r, RegionId region, uint32_t place)
{
    const Function *f = r->e->f;
    const Region *at = &f->region[region];

    for (size_t k = 0; k < at->n_nodes; k++) {
        uint32_t id = at->node[k], here = place ? place : id;
        const Node *n = &f->node[id];
        for (uint32_t i = 0; i < n->n_args; i++) {
            if (!ref_eq(n->arg[i], r->array))
                continue;
            bool element = n->op == OP_at && i == 0 && n->type.rank == 0;
            r->count++;
            r->apart &=
                element && (here < r->loop ||
                            (here == r->loop && reads_own_element(f, n, &f->node[r->loop])));
        }
        for (uint32_t i = 0; i < n->n_regions; i++)
            find_readers(r, n->own[i], here);
    }
    for (uint32_t i = 0; i < at->n_yields; i++)
        if (ref_eq(at->yield[i], r->array)) {
            r->count++;
            r->apart = false;
        }
}

static Readers
readers_of(const Emit *e, RegionId body, Ref array, uint32_t loop)
{
    Readers r = {.e = e, .array = array, .loop = loop, .apart = loop != 0};

    find_readers(&r, body, 0);
    return r;
}

/* ---- the homes of one turn */

static uint32_t
times_yielded(const Region *body, Ref y)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < body->n_yields; i++)
        n += ref_eq(body->yield[i], y);
    return n;
}

/* The result is what is carried on: it takes the place of what it follows. */
static bool
carried_home(Emit *e, RegionId region, Ref param, Ref yield, const Value *now, Home *ret)
{
    const Region *body = &e->f->region[region];

    if (!home_of_result(e->f, yield, region, ret) || times_yielded(body, yield) > 1 ||
        find_home(e, ret->loop, ret->result) || !readers_of(e, region, param, ret->loop).apart)
        return false;
    ret->at = *now;
    return e->variance[yield.id] == VARY_chain ? now->chain : !now->chain;
}

/* Known before the region begins, or at its start. */
static bool
is_early(const Emit *e, RegionId region, Ref r)
{
    const Node *n = ir_node(e->f, r);

    return n->region != region || n->op == OP_arg || n->op == OP_const;
}

static Index
row_start(Emit *e, const Move *m, Type whole)
{
    Index at = index_constant(0);
    int64_t stride = (int64_t)type_size(whole);

    for (uint32_t i = 0; i < leads_of(m); i++) {
        stride /= whole.dim[i];
        Index lead = index_of(e, value_at(e, m->update->arg[2 + i], 0));
        at = index_add(e, at, index_scale(e, lead, stride));
    }
    return at;
}

/* Is `yield` what is carried as `param` with an array as a row of it, which nothing else of the
 * body looks at? */
static bool
match_row(const Emit *e, RegionId region, Ref param, Ref yield, Move *ret)
{
    const Node *get = ir_node(e->f, yield);

    *ret = (Move){.rank = 0};
    return get->op == OP_get && match_move(e->f, get->arg[0].id, ret) &&
           ref_eq(ret->to, param) && readers_of(e, region, param, 0).count == 1;
}

/* The result becomes a row of what is carried. */
static bool
row_home(Emit *e, RegionId region, Ref param, Ref yield, const Value *now, Home *ret)
{
    Move m;

    if (!match_row(e, region, param, yield, &m))
        return false;
    uint32_t move = ir_node(e->f, yield)->arg[0].id;
    if (e->f->node[move].region != region || !home_of_result(e->f, m.from, region, ret))
        return false;
    for (uint32_t i = 0; i < leads_of(&m); i++)
        if (!is_early(e, region, m.update->arg[2 + i]) ||
            value_at(e, m.update->arg[2 + i], 0)->chain)
            return false;
    Type whole = ir_type(e->f, param);
    if (find_home(e, ret->loop, ret->result) || !type_size(whole) ||
        (e->variance[m.from.id] == VARY_chain) != now->chain)
        return false;
    ret->at = array_part(e, now, (DType)whole.dtype, row_start(e, &m, whole));
    ret->move = move;
    return true;
}

void
homes_of_turn(Emit *e, RegionId region, const Ref *param, const Value *now)
{
    const Region *body = &e->f->region[region];

    for (uint32_t k = 0; k < body->n_yields; k++) {
        Home home;
        if (ir_type(e->f, body->yield[k]).rank == 0)
            continue;
        if (carried_home(e, region, param[k], body->yield[k], &now[k], &home) ||
            row_home(e, region, param[k], body->yield[k], &now[k], &home))
            home_add(e, home);
    }
}

bool
is_moved(const Emit *e, uint32_t id)
{
    for (size_t i = 0; i < e->n_homes; i++)
        if (e->home[i].move == id)
            return true;
    return false;
}

bool
is_overwritten(const Emit *e, const Node *n, uint32_t k)
{
    const Region *body = &e->f->region[n->own[0]];
    Move m;

    return match_row(e, n->own[0], body->param[1 + k], body->yield[k], &m) &&
           leads_of(&m) == 1 && ref_eq(m.update->arg[2], body->param[0]) &&
           ir_is_number(e->f, n->arg[0], 0) &&
           ir_is_number(e->f, n->arg[1], n->result[k].dim[0]);
}
