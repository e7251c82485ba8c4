/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.c -- every rule that a module must keep
 *
 * The structure comes first (what stands where, which numbers are in range); where it is broken
 * the rest of the function is not looked at, because it could not be walked.
 */
#include "ir/verify.h"

#include <string.h>

#include "ir/shapes.h"
#include "ir/text.h"

/* A place where a value is read: node `node`, or the yield of region `region` if that is 0. */
typedef struct Use {
    uint32_t node;
    RegionId region;
    uint32_t next; /* index of the next use of the same value; 0 ends the list */
} Use;

typedef struct Checker {
    const Module *module;
    Arena *arena;
    IrComplaint *complain;
    void *user;
    const Function *f;
    uint32_t *owner; /* one a region: the node that owns it, 0 for none */
    bool *live;      /* one a region: part of the program */
    bool good;
} Checker;

static void
complain(Checker *c, uint32_t node, const char *message)
{
    c->complain(c->user, c->f, node, message);
    c->good = false;
}

static bool
expect(Checker *c, bool holds, uint32_t node, const char *message)
{
    if (!holds)
        complain(c, node, message);
    return holds;
}

/* ---- structure */

static void
check_refs(Checker *c, uint32_t n, const Ref *r, uint32_t below, uint32_t node)
{
    for (uint32_t i = 0; i < n; i++)
        expect(c, r[i].id && r[i].id < below, node, "an operand stands before its use");
}

static void
check_node_frame(Checker *c, uint32_t id)
{
    const Function *f = c->f;
    const Node *n = &f->node[id];

    expect(c, n->op != OP_none && n->op < OP_COUNT, id, "a node has an operation");
    expect(c, n->region < f->n_regions, id, "a node stands in a region of its function");
    expect(c, n->type.rank <= MAX_RANK, id, "an array has at most 8 axes");
    if (expect(c, n->n_args == 0 || n->arg, id, "operands are given"))
        check_refs(c, n->n_args, n->arg, id, id);
    if (!expect(c, n->n_regions <= 2, id, "a node owns at most two regions"))
        return;
    for (uint32_t k = 0; k < n->n_regions; k++) {
        RegionId own = n->own[k];
        if (!expect(c, own && own < f->n_regions, id, "a node owns regions of its function"))
            continue;
        const Region *r = &f->region[own];
        expect(c, r->parent == n->region, id, "a region stands in the one around its owner");
        expect(c, c->owner[own] == 0, id, "a region has one owner");
        expect(c, r->n_nodes == 0 || r->node[r->n_nodes - 1] < id, id,
               "a region's nodes stand before its owner");
        c->owner[own] = id;
    }
}

static void
check_region_frame(Checker *c, RegionId id)
{
    const Function *f = c->f;
    const Region *r = &f->region[id];
    uint32_t last = 0;

    expect(c, id == 0 || r->parent < id, 0, "a region stands after the one around it");
    for (size_t i = 0; i < r->n_nodes; i++) {
        uint32_t node = r->node[i];
        if (!expect(c, node > last && node < f->n, 0, "a region lists its nodes in order"))
            return;
        expect(c, f->node[node].region == id, node, "a node is listed by the region it is in");
        last = node;
    }
    for (uint32_t i = 0; i < r->n_params; i++) {
        uint32_t p = r->param[i].id;
        if (expect(c, p && p < f->n, 0, "a parameter is a node"))
            expect(c,
                   f->node[p].op == OP_arg && f->node[p].region == id &&
                       f->node[p].attr.i == (int64_t)i,
                   p, "a region's parameter is its 'arg' of that number");
    }
    for (uint32_t i = 0; i < r->n_yields; i++)
        expect(c, r->yield[i].id && r->yield[i].id < f->n, 0, "a region yields nodes");
}

/* Is the function fit to be walked? */
static bool
check_frame(Checker *c)
{
    const Function *f = c->f;
    bool before = c->good;
    size_t listed = 0;

    c->good = true;
    if (!expect(c, f->n >= 1 && f->n_regions >= 1, 0, "a function has a body"))
        return false;
    c->owner = arena_array(c->arena, uint32_t, f->n_regions);
    c->live = arena_array(c->arena, bool, f->n_regions);
    for (RegionId i = 0; i < f->n_regions; i++) {
        check_region_frame(c, i);
        listed += f->region[i].n_nodes;
    }
    expect(c, listed == f->n - 1, 0, "every node stands in one region");
    for (uint32_t i = 1; i < f->n; i++)
        check_node_frame(c, i);
    bool whole = c->good;
    c->live[0] = true;
    for (RegionId i = 1; whole && i < f->n_regions; i++)
        c->live[i] = c->owner[i] && c->live[f->region[i].parent];
    c->good &= before;
    return whole;
}

/* ---- nodes */

static bool
is_visible(const Function *f, Ref r, RegionId from)
{
    return region_within(f, from, f->node[r.id].region);
}

static bool
check_operands(Checker *c, uint32_t id)
{
    const Function *f = c->f;
    const Node *n = &f->node[id];
    bool good = true;

    for (uint32_t i = 0; i < n->n_args; i++) {
        good &= expect(c, is_visible(f, n->arg[i], n->region), id,
                       "an operand is visible where it is used");
        good &= expect(c, n->op == OP_get || ir_type(f, n->arg[i]).dtype != DT_none, id,
                       "only 'get' reads a node with several results");
    }
    return good;
}

static bool
is_size(Type t)
{
    for (unsigned i = 0; i < t.rank; i++)
        if (t.dim[i] > INT32_MAX)
            return false;
    return type_size(t) <= IR_MAX_ELEMENTS;
}

static void
check_sizes(Checker *c, uint32_t id)
{
    const Node *n = &c->f->node[id];
    bool fit = n->type.dtype == DT_none || is_size(n->type);

    for (uint32_t i = 0; i < n->n_results; i++)
        fit &= is_size(n->result[i]);
    expect(c, fit, id, "an array has at most 2^31 elements");
}

static bool
same_results(const Node *n, const ShapeResult *shape)
{
    bool same = n->n_results == shape->n_results && n->type.dtype == shape->type.dtype &&
                (n->type.dtype == DT_none || type_eq(n->type, shape->type));

    for (uint32_t i = 0; same && i < n->n_results; i++)
        same = type_eq(n->result[i], shape->result[i]);
    return same;
}

static void
check_type(Checker *c, uint32_t id)
{
    const Node *n = &c->f->node[id];
    ShapeResult shape;
    ShapeQuery q = {c->module, c->f,     n->op,        n->type, n->n_args,
                    n->arg,    &n->attr, n->n_regions, n->own};

    if (!shape_infer(c->arena, &q, &shape))
        complain(c, id, arena_printf(c->arena, "expected %s", shape.why));
    else
        expect(c, same_results(n, &shape), id, "a node's type follows from its operands");
}

/* Words that the draw's elements take (docs/ir.md, "Draws"). */
static uint64_t
words_of(const Node *n)
{
    uint64_t count = type_size(n->type), words = n->type.dtype == DT_f64 ? 2 * count : count;

    if (n->attr.draw.dist != DRAW_normal)
        return words;
    return n->type.dtype == DT_f64 ? (words + 3) / 4 * 4 : (words + 1) / 2 * 2;
}

static void
check_draw(Checker *c, uint32_t id)
{
    const Node *n = &c->f->node[id];
    const DrawAttr *a = &n->attr.draw;
    uint64_t words = n->op == OP_draw ? words_of(n) : 1;
    unsigned align = n->op == OP_word || a->dist != DRAW_normal ? 1
                     : n->type.dtype == DT_f64                  ? 4
                                                                : 2;

    expect(c, a->word % align == 0, id, "a normal draw's first word is even, of f64 fourfold");
    expect(c, a->word + words <= 4 * (uint64_t)a->blocks, id,
           "a draw's words lie within its blocks");
}

static void
check_attr(Checker *c, uint32_t id)
{
    const Node *n = &c->f->node[id];
    int64_t i = n->attr.i;

    switch (n->op) {
    case OP_at: expect(c, i == 0 || i == 1, id, "'at' has the attribute 0 or 1"); break;
    case OP_update: expect(c, i >= 0 && i <= 3, id, "'update' has an attribute in 0..3"); break;
    case OP_for: expect(c, i >= -1, id, "'for' has a number of turns, or -1"); break;
    case OP_draw:
    case OP_word: check_draw(c, id); break;
    default: break;
    }
}

static unsigned
regions_of(Op op)
{
    return op == OP_if || op == OP_while ? 2 : op == OP_for || op == OP_loop ? 1 : 0;
}

/* The linear index of a loop's iterations is an i32. */
static bool
is_countable(const Attr *a)
{
    uint64_t n = 1;

    for (int64_t i = 1; i <= a->ints[0]; i++)
        n = (uint64_t)a->ints[i] && n > IR_MAX_ELEMENTS ? n : n * (uint64_t)a->ints[i];
    return n <= IR_MAX_ELEMENTS;
}

static void
check_node(Checker *c, uint32_t id)
{
    const Node *n = &c->f->node[id];

    if (n->op == OP_arg) {
        const Region *r = &c->f->region[n->region];
        expect(c, n->attr.i >= 0 && n->attr.i < r->n_params && r->param[n->attr.i].id == id, id,
               "an 'arg' is a parameter of its region");
    }
    if (!check_operands(c, id) || !expect(c, n->n_regions == regions_of(n->op), id,
                                          "a node owns as many regions as its operation has"))
        return;
    check_type(c, id);
    check_sizes(c, id);
    check_attr(c, id);
    if (n->op == OP_loop && n->attr.n_ints && n->attr.ints[0] <= MAX_RANK)
        expect(c, is_countable(&n->attr), id, "a loop has at most 2^31 iterations");
}

static void
check_yields(Checker *c, RegionId id)
{
    const Region *r = &c->f->region[id];

    for (uint32_t i = 0; i < r->n_yields; i++) {
        expect(c, is_visible(c->f, r->yield[i], id), c->owner[id],
               "a region yields what is visible in it");
        expect(c, ir_type(c->f, r->yield[i]).dtype != DT_none, c->owner[id],
               "a region yields values, not nodes with several results");
    }
}

/* ---- update: what it writes over is dead */

/* Where `node` (0: the end of `region`) stands in region `outer`, which is around it: an id
 * that compares with others in `outer`; `ret_branch` is the region of that node it lies in, or
 * 0. */
static uint32_t
place_in(const Checker *c, uint32_t node, RegionId region, RegionId outer, RegionId *ret_branch)
{
    uint32_t at = node ? node : UINT32_MAX;

    *ret_branch = 0;
    for (; region != outer; region = c->f->region[region].parent) {
        *ret_branch = region;
        at = c->owner[region];
    }
    return at;
}

static RegionId
common_region(const Function *f, RegionId a, RegionId b)
{
    while (!region_within(f, b, a))
        a = f->region[a].parent;
    return a;
}

/* May the use happen after node `id`, in the same turn of the loops around both? */
static bool
follows(const Checker *c, const Use *use, uint32_t id)
{
    const Function *f = c->f;
    RegionId from = use->node ? f->node[use->node].region : use->region;
    RegionId both = common_region(f, from, f->node[id].region), branch, other;
    uint32_t used = place_in(c, use->node, from, both, &branch);
    uint32_t updated = place_in(c, id, f->node[id].region, both, &other);

    if (used == updated) /* in two regions of one node; of an 'if', only one is run */
        return f->node[used].op != OP_if;
    return used > updated;
}

/* Does a region that runs several times lie between the definition and the update? */
static bool
is_repeated(const Checker *c, RegionId inner, RegionId outer)
{
    for (; inner != outer; inner = c->f->region[inner].parent)
        if (c->f->node[c->owner[inner]].op != OP_if)
            return true;
    return false;
}

static void
add_use(uint32_t *first, Use *use, uint32_t *n, Ref value, uint32_t node, RegionId region)
{
    if (first[value.id] == 0)
        return;
    use[*n] = (Use){node, region, first[value.id]};
    first[value.id] = (*n)++;
}

enum { NO_USE = 1 }; /* use[1] ends the lists, so that 0 can say "not updated" */

static uint32_t
mark_updated(const Checker *c, uint32_t *first)
{
    const Function *f = c->f;
    uint32_t uses = 2, updates = 0;

    for (uint32_t i = 1; i < f->n; i++)
        if (c->live[f->node[i].region]) {
            uses += f->node[i].n_args;
            if (f->node[i].op == OP_update) {
                first[f->node[i].arg[0].id] = NO_USE;
                updates++;
            }
        }
    for (RegionId i = 0; i < f->n_regions; i++)
        uses += f->region[i].n_yields;
    return updates ? uses : 0;
}

static void
check_updates(Checker *c)
{
    const Function *f = c->f;
    uint32_t *first = arena_array(c->arena, uint32_t, f->n), n = 2;
    uint32_t uses = mark_updated(c, first);
    Use *use = arena_array(c->arena, Use, uses + 2);

    if (uses == 0)
        return;
    for (uint32_t i = 1; i < f->n; i++)
        for (uint32_t k = 0; c->live[f->node[i].region] && k < f->node[i].n_args; k++)
            add_use(first, use, &n, f->node[i].arg[k], i, 0);
    for (RegionId i = 0; i < f->n_regions; i++)
        for (uint32_t k = 0; c->live[i] && k < f->region[i].n_yields; k++)
            add_use(first, use, &n, f->region[i].yield[k], 0, i);
    for (uint32_t i = 1; i < f->n; i++) {
        const Node *u = &f->node[i];
        if (u->op != OP_update || !c->live[u->region])
            continue;
        bool dead = !is_repeated(c, u->region, f->node[u->arg[0].id].region);
        for (uint32_t k = first[u->arg[0].id]; k != NO_USE; k = use[k].next)
            dead &= use[k].node == i || !follows(c, &use[k], i);
        expect(c, dead, i, "'update' writes over a value that is read afterwards");
    }
}

/* ---- functions and modules */

static void
check_depth(Checker *c)
{
    uint32_t *depth = arena_array(c->arena, uint32_t, c->f->n_regions);

    for (RegionId i = 1; i < c->f->n_regions; i++) {
        depth[i] = depth[c->f->region[i].parent] + 1;
        if (c->live[i] && depth[i] == IR_MAX_DEPTH + 1)
            complain(c, c->owner[i], "regions nest at most 1000 deep");
    }
}

static void
check_interface(Checker *c)
{
    const Function *f = c->f;
    const Region *body = &f->region[0];

    for (uint32_t i = 0; f->input && i < body->n_params; i++) {
        const Input *in = &f->input[i];
        expect(c, in->name && in->kind < INPUT_COUNT && in->variance <= VARY_chain,
               body->param[i].id, "an input has a name, a kind and a variance");
    }
    for (uint32_t i = 0; f->output && i < body->n_yields; i++)
        expect(c, f->output[i].name && f->output[i].kind < OUTPUT_COUNT, body->yield[i].id,
               "a result of an entry has a name and a kind");
}

static void
check_function(Checker *c)
{
    const Function *f = c->f;

    if (!check_frame(c))
        return;
    for (uint32_t i = 1; i < f->n; i++)
        if (c->live[f->node[i].region])
            check_node(c, i);
    for (RegionId i = 0; i < f->n_regions; i++)
        if (c->live[i])
            check_yields(c, i);
    check_updates(c);
    check_depth(c);
    check_interface(c);
}

static bool
is_call(const Node *n)
{
    return n->op < OP_COUNT && op_info[n->op].attr == ATTR_CALLEE;
}

/* Functions in work, each with the node that was looked at last. */
typedef struct Frame {
    uint32_t function, node;
} Frame;

/* Depth first over the calls; a callee that is in work is recursion. */
static void
check_recursion(Checker *c)
{
    enum { WHITE, GREY, BLACK };
    const Module *m = c->module;
    uint8_t *color = arena_array(c->arena, uint8_t, m->n + 1);
    Frame *stack = arena_array(c->arena, Frame, m->n + 1);

    for (uint32_t root = 0; root < m->n; root++) {
        size_t depth = 0;
        if (color[root] == WHITE) {
            color[root] = GREY;
            stack[depth++] = (Frame){root, 0};
        }
        while (depth) {
            Frame *top = &stack[depth - 1];
            const Function *f = m->function[top->function];
            if (++top->node >= f->n) {
                color[top->function] = BLACK;
                depth--;
                continue;
            }
            const Node *n = &f->node[top->node];
            if (!is_call(n) || n->attr.callee >= m->n)
                continue;
            c->f = f;
            expect(c, color[n->attr.callee] != GREY, top->node, "a function calls itself");
            if (color[n->attr.callee] == WHITE) {
                color[n->attr.callee] = GREY;
                stack[depth++] = (Frame){n->attr.callee, 0};
            }
        }
    }
}

static void
check_names(Checker *c)
{
    const Module *m = c->module;

    for (size_t i = 0; i < m->n; i++) {
        c->f = m->function[i];
        expect(c, c->f->name[0], 0, "a function has a name");
        expect(c, c->f->index == i, 0, "a function knows its number");
        expect(c, module_find(m, c->f->name) == c->f, 0, "a function's name is its own");
    }
}

bool
ir_check(const Module *m, Arena *arena, IrComplaint *complaint, void *user)
{
    Checker c = {
        .module = m, .arena = arena, .complain = complaint, .user = user, .good = true};
    uint64_t nodes = 0;

    for (size_t i = 0; i < m->n; i++)
        nodes += m->function[i]->n - 1;
    expect(&c, nodes <= IR_MAX_NODES, 0, "a module has at most 2^21 nodes");
    check_names(&c);
    for (size_t i = 0; i < m->n; i++) {
        c.f = m->function[i];
        check_function(&c);
    }
    check_recursion(&c);
    return c.good;
}

/* ---- as text */

typedef struct Report {
    const Module *module;
    FILE *out;
    Arena scratch;
    bool good;
} Report;

static void
write_complaint(void *user, const Function *f, uint32_t node, const char *message)
{
    const Report *r = user;

    if (f)
        fprintf(r->out, "@%s: ", f->name);
    if (f && node)
        fprintf(r->out, "%%%u = %s: ", node,
                f->node[node].op < OP_COUNT ? op_info[f->node[node].op].name : "?");
    fprintf(r->out, "%s\n", message);
}

static void
verify(void *user)
{
    Report *r = user;

    r->good = ir_check(r->module, &r->scratch, write_complaint, r);
}

bool
ir_verify(const Module *m, FILE *out)
{
    Report r = {.module = m, .out = out};

    if (!arena_guard(&r.scratch, verify, &r))
        fputs("out of memory\n", out);
    arena_free(&r.scratch);
    return r.good;
}
