/* SPDX-License-Identifier: Apache-2.0
 *
 * phases.c -- a training step cut where it crosses the batch
 *
 * needs   crossings as `batch` in the body of @train (gather)
 * gives   functions @train.0, @train.1, ... in place of @train, in the order in which they run,
 *         by turns for each data point and for the whole batch, and no `batch`
 * keeps   every bit
 *
 * What is made for the whole batch is cut once more, so that threads can share the work: first
 * large arrays whose rows do not wait for one another (products over the batch, what an
 * optimizer does element by element), then what needs whole arrays, sums above all.
 *
 * A value belongs to the first phase that can make it.  What depends on inputs alone and is the
 * same for all points belongs to none: whoever needs it makes it.  Phases are built from the
 * last to the first, so that each knows what later ones ask of it.
 */
#include "passes/rebuild.h"

#include <string.h>

#include "ir/shapes.h"

/* Phases take turns in this order; what nobody makes anything in is left out. */
enum { TURN_points, TURN_shared, TURN_whole, TURNS };

enum {
    HEAVY = 1 << 18, /* multiply-adds of a product that make it worth while to wake threads */
    LARGE = 1 << 10, /* operations that are then shared */
    ROWS = 2 * 16    /* of an array that is shared, so that there are two pieces */
};

typedef struct Request {
    Ref value;
    OutputKind kind;
    const char *name;
} Request;

typedef struct Wanted {
    Request *item;
    size_t n, cap;
} Wanted;

typedef struct Cut {
    const Module *in;
    const Function *f;
    PassContext *ctx;
    uint8_t *vary;
    bool *shared; /* by id: rows of it can be made by different threads, and it is worth it */
    uint32_t *phase; /* by id: that makes it; 0 for what belongs to none */
    uint32_t last;
    Wanted *wanted; /* one a phase */
} Cut;

/* A phase that is being built. */
typedef struct Phase {
    Cut *cut;
    uint32_t number;
    bool *needed; /* by id */
    uint32_t *todo;
    size_t n, cap;
    Rebuild r;
} Phase;

static bool
is_chain(const Cut *c, uint32_t id)
{
    return c->vary[id] == VARY_chain;
}

/* ---- what threads share */

/* Multiply-adds. */
static uint64_t
product_work(const Function *f, const Node *n)
{
    ContractSpec s;
    uint64_t work = type_size(n->type);

    contract_parse(n->attr.text, &s);
    for (const char *c = s.sum; *c; c++) {
        const char *in_x = strchr(s.x, *c);
        Type type = ir_type(f, n->arg[!in_x]);
        work *= type.dim[in_x ? in_x - s.x : strchr(s.y, *c) - s.y];
    }
    return work;
}

/* A product or a sum reads all rows of its operands, but for what a product adds to. */
static bool
is_total(const Node *n)
{
    return n->op == OP_contract || n->op == OP_sum;
}

/* Operations, an element each but for products. */
static uint64_t
work_of(const Function *f, const Node *n)
{
    if (n->op == OP_contract)
        return product_work(f, n);
    return type_size(n->op == OP_sum ? ir_type(f, n->arg[0]) : n->type);
}

static bool
can_share(const Cut *c, uint32_t id)
{
    const Node *n = &c->f->node[id];

    return n->region == 0 && !is_chain(c, id) && n->type.rank && n->type.dim[0] >= ROWS &&
           (is_total(n) || op_is_pointwise(n->op)) && work_of(c->f, n) >= LARGE;
}

static bool
has_heavy(const Cut *c)
{
    for (uint32_t id = 1; id < c->f->n; id++)
        if (c->f->node[id].op == OP_contract && can_share(c, id) &&
            work_of(c->f, &c->f->node[id]) >= HEAVY)
            return true;
    return false;
}

/* From the last node to the first: what only a sum reads is better made where it is added up.
 */
static void
find_shared(Cut *c)
{
    const Region *body = &c->f->region[0];
    bool *feeds = arena_array(c->ctx->arena, bool, c->f->n); /* results, and what is shared */

    c->shared = arena_array(c->ctx->arena, bool, c->f->n);
    if (!has_heavy(c))
        return;
    for (uint32_t i = 0; i < body->n_yields; i++)
        feeds[body->yield[i].id] = true;
    for (uint32_t id = c->f->n; id-- > 1;) {
        const Node *n = &c->f->node[id];
        c->shared[id] = can_share(c, id) && (feeds[id] || is_total(n));
        for (uint32_t i = 0; c->shared[id] && i < n->n_args; i++)
            feeds[n->arg[i].id] = true;
    }
}

/* ---- which phase makes what */

static uint32_t
later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The first phase from `at` on whose turn it is. */
static uint32_t
next_turn(uint32_t at, uint32_t turn)
{
    return at + (turn + TURNS - at % TURNS) % TURNS;
}

/* What is only another look at something, or would be handed on larger than what it is made of,
 * is made again. */
static bool
is_made_again(const Node *n)
{
    return n->op == OP_broadcast || n->op == OP_reshape || n->op == OP_slice ||
           n->op == OP_transpose || n->op == OP_chain_index || n->op == OP_const;
}

/* Does phase `at` make x, row by row? */
static bool
is_row_of(const Cut *c, Ref x, uint32_t at)
{
    return c->shared[x.id] && c->phase[x.id] == at && at % TURNS == TURN_shared;
}

static uint32_t
shared_turn(const Cut *c, const Node *n, uint32_t at)
{
    bool across = false;

    at = next_turn(at, TURN_shared);
    for (uint32_t i = 0; is_total(n) && i < n->n_args && i < 2; i++)
        across |= is_row_of(c, n->arg[i], at);
    return across ? at + TURNS : at;
}

static void
place_node(Cut *c, uint32_t id)
{
    const Node *n = &c->f->node[id];
    uint32_t at = 0;

    for (uint32_t i = 0; i < n->n_args; i++)
        at = later(at, c->phase[n->arg[i].id]);
    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *own = &c->f->region[n->own[k]];
        for (size_t i = 0; i < own->n_nodes; i++)
            at = later(at, c->phase[own->node[i]]);
    }
    if (n->op == OP_batch)
        at++; /* its operand is a point's */
    else if (is_chain(c, id))
        at = next_turn(at, TURN_points);
    else if (at && c->shared[id])
        at = shared_turn(c, n, at);
    else if (at && !(is_made_again(n) && !is_row_of(c, n->arg[0], at)))
        at = next_turn(at, TURN_whole);
    c->phase[id] = at;
}

static void
request(Cut *c, uint32_t phase, Ref value, OutputKind kind, const char *name)
{
    Wanted *w = &c->wanted[phase];

    for (size_t i = 0; i < w->n; i++)
        if (ref_eq(w->item[i].value, value) && w->item[i].kind == kind &&
            strcmp(w->item[i].name, name) == 0)
            return;
    w->item = arena_grow(c->ctx->arena, w->item, w->n, &w->cap, w->n + 1, sizeof *w->item);
    w->item[w->n++] = (Request){value, kind, name};
}

/* The last phase that can make what follows from inputs alone, once. */
static uint32_t
last_whole(const Cut *c)
{
    uint32_t turn = next_turn(c->last, TURN_whole);

    return c->last == 0 ? 0 : turn > c->last && turn > TURNS ? turn - TURNS : turn;
}

static void
request_results(Cut *c)
{
    const Region *body = &c->f->region[0];

    for (uint32_t i = 0; i < body->n_yields; i++) {
        Ref y = body->yield[i];
        uint32_t phase = c->phase[y.id];
        if (phase == 0 && !is_chain(c, y.id))
            phase = last_whole(c);
        request(c, phase, y, (OutputKind)c->f->output[i].kind, c->f->output[i].name);
    }
}

static Cut
cut_open(const Module *in, const Function *f, PassContext *ctx)
{
    Cut c = {.in = in, .f = f, .ctx = ctx, .vary = ir_variance(f, ctx->arena)};

    find_shared(&c);
    c.phase = arena_array(ctx->arena, uint32_t, f->n);
    for (uint32_t id = 1; id < f->n; id++) {
        place_node(&c, id);
        c.last = later(c.last, c.phase[id]);
    }
    c.wanted = arena_array(ctx->arena, Wanted, c.last + TURNS);
    request_results(&c);
    return c;
}

/* ---- what a phase needs */

static void
need(Phase *p, Ref r)
{
    if (p->needed[r.id])
        return;
    p->needed[r.id] = true;
    p->todo = arena_grow(p->cut->ctx->arena, p->todo, p->n, &p->cap, p->n + 1, sizeof *p->todo);
    p->todo[p->n++] = r.id;
}

static bool
is_handed(const Phase *p, uint32_t id)
{
    const Cut *c = p->cut;
    const Node *n = &c->f->node[id];

    if (n->op == OP_batch)
        return true;
    if (n->op == OP_arg || is_made_again(n) || (c->phase[id] == 0 && !is_chain(c, id)))
        return false;
    return c->phase[id] < p->number;
}

static void need_inside(Phase *p, RegionId region);

static void
need_operands(Phase *p, const Node *n)
{
    for (uint32_t i = 0; i < n->n_args; i++)
        if (p->cut->f->node[n->arg[i].id].region == 0)
            need(p, n->arg[i]);
    for (uint32_t k = 0; k < n->n_regions; k++)
        need_inside(p, n->own[k]);
}

/* What a region uses of the body. */
static void
need_inside(Phase *p, RegionId region)
{
    const Function *f = p->cut->f;
    const Region *own = &f->region[region];

    for (size_t i = 0; i < own->n_nodes; i++)
        need_operands(p, &f->node[own->node[i]]);
    for (uint32_t i = 0; i < own->n_yields; i++)
        if (f->node[own->yield[i].id].region == 0)
            need(p, own->yield[i]);
}

static void
find_needs(Phase *p)
{
    const Wanted *w = &p->cut->wanted[p->number];

    for (size_t i = 0; i < w->n; i++)
        need(p, w->item[i].value);
    while (p->n) {
        uint32_t id = p->todo[--p->n];
        if (!is_handed(p, id))
            need_operands(p, &p->cut->f->node[id]);
    }
}

/* ---- building */

static Ref
take_input(Phase *p, uint32_t id)
{
    const Node *n = &p->cut->f->node[id];
    const Input *in = &p->cut->f->input[n->attr.i];

    return ir_input(&p->r.b, n->type, in->name, (InputKind)in->kind, (Variance)in->variance);
}

/* The parameter by which a value of an earlier phase comes; that phase is asked for it. */
static Ref
take_handed(Phase *p, uint32_t id)
{
    Cut *c = p->cut;
    const Node *n = &c->f->node[id];
    bool rows = n->op == OP_batch, points = !rows && is_chain(c, id);
    Ref value = rows ? n->arg[0] : (Ref){id};
    OutputKind kind = rows ? OUTPUT_rows : points ? OUTPUT_points : OUTPUT_whole;
    const char *name = arena_printf(c->ctx->arena, "%s.%u", output_name[kind], value.id);

    request(c, c->phase[value.id], value, kind, name);
    return ir_input(&p->r.b, n->type, name, points ? INPUT_point : INPUT_handed,
                    points ? VARY_chain : VARY_uniform);
}

static void
copy_needed(Phase *p)
{
    const Region *body = &p->cut->f->region[0];

    for (size_t i = 0; i < body->n_nodes; i++) {
        uint32_t id = body->node[i];
        if (p->needed[id] && p->cut->f->node[id].op == OP_arg)
            p->r.map[id] = take_input(p, id);
        else if (p->needed[id] && is_handed(p, id))
            p->r.map[id] = take_handed(p, id);
    }
    for (size_t i = 0; i < body->n_nodes; i++) {
        uint32_t id = body->node[i];
        if (p->needed[id] && !is_handed(p, id) && p->cut->f->node[id].op != OP_arg)
            rebuild_node(&p->r, id);
    }
}

static void
give_wanted(Phase *p)
{
    const Wanted *w = &p->cut->wanted[p->number];
    Ref *yield = arena_array(p->cut->ctx->arena, Ref, w->n + 1);
    Output *output = arena_array(p->cut->ctx->arena, Output, w->n + 1);

    for (size_t i = 0; i < w->n; i++) {
        yield[i] = p->r.map[w->item[i].value.id];
        output[i] = (Output){w->item[i].name, (uint8_t)w->item[i].kind};
    }
    ir_yield(&p->r.b, (uint32_t)w->n, yield);
    ir_outputs(&p->r.b, output);
}

static Function *
build_phase(Cut *c, uint32_t number, Module *out)
{
    Phase p = {.cut = c, .number = number};
    Function *f = function_new(out, "");

    p.needed = arena_array(c->ctx->arena, bool, c->f->n);
    p.r = rebuild_of(c->in, c->f, builder_at(out, f), c->ctx);
    find_needs(&p);
    copy_needed(&p);
    give_wanted(&p);
    return f;
}

/* Phases that nobody asks for anything are left out. */
static void
cut_function(const Module *in, const Function *f, PassContext *ctx, Module *out)
{
    Cut c = cut_open(in, f, ctx);
    size_t first = out->n, n;

    for (uint32_t i = c.last + TURNS; i-- > 0;)
        if (c.wanted[i].n)
            build_phase(&c, i, out);
    n = out->n - first;
    for (size_t i = 0; i < n / 2; i++) {
        Function *other = out->function[first + i];
        out->function[first + i] = out->function[out->n - 1 - i];
        out->function[out->n - 1 - i] = other;
    }
    for (size_t i = 0; i < n; i++) {
        Function *phase = out->function[first + i];
        phase->name = arena_printf(ctx->arena, "%s.%zu", f->name, i);
        phase->index = (uint32_t)(first + i);
    }
}

Module *
pass_phases(const Module *in, PassContext *ctx)
{
    Module *out = module_new(ctx->arena);

    for (size_t i = 0; i < in->n; i++) {
        const Function *f = in->function[i];
        if (strcmp(f->name, "train") == 0 && f->output) {
            cut_function(in, f, ctx, out);
            continue;
        }
        Rebuild r = rebuild_of(in, f, builder_at(out, function_new(out, f->name)), ctx);
        rebuild_function(&r);
    }
    return out;
}
