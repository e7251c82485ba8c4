/* SPDX-License-Identifier: Apache-2.0
 *
 * build.c -- the funnel through which every node is made
 *
 * Types are inferred, constants folded, exact identities applied and equal nodes shared here,
 * once, for every producer.  Exact means: true to the bit for every input, NaN, infinities and
 * -0 included; what may change a bit is a pass that says so.
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "ir/fold.h"
#include "ir/shapes.h"

/* ---- modules and functions */

Module *
module_new(Arena *arena)
{
    Module *m = arena_new(arena, Module);

    m->arena = arena;
    return m;
}

static RegionId
region_new(Module *m, Function *f, RegionId parent)
{
    f->region = arena_grow(m->arena, f->region, f->n_regions, &f->cap_regions, f->n_regions + 1,
                           sizeof *f->region);
    f->region[f->n_regions] = (Region){.parent = parent};
    return (RegionId)f->n_regions++;
}

enum { FIRST_NODES = 64 };

Function *
function_new(Module *m, const char *name)
{
    Function *f = arena_new(m->arena, Function);

    f->name = arena_printf(m->arena, "%s", name);
    f->index = (uint32_t)m->n;
    f->node = arena_grow(m->arena, NULL, 0, &f->cap, FIRST_NODES, sizeof *f->node);
    f->n = 1;
    f->mask = 4 * FIRST_NODES - 1;
    f->table = arena_array(m->arena, uint32_t, f->mask + 1);
    region_new(m, f, 0);
    m->function =
        arena_grow(m->arena, m->function, m->n, &m->cap, m->n + 1, sizeof *m->function);
    m->function[m->n++] = f;
    return f;
}

Function *
module_find(const Module *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->function[i]->name, name) == 0)
            return m->function[i];
    return NULL;
}

Builder
builder_at(Module *m, Function *f)
{
    return (Builder){.module = m, .function = f};
}

bool
region_within(const Function *f, RegionId inner, RegionId outer)
{
    while (inner != outer && inner != 0)
        inner = f->region[inner].parent;
    return inner == outer;
}

RegionId
region_begin(Builder *b)
{
    b->region = region_new(b->module, b->function, b->region);
    return b->region;
}

void
region_end(Builder *b)
{
    assert(b->region != 0 && "region_end without region_begin");
    b->region = b->function->region[b->region].parent;
}

/* ---- sharing */

static uint64_t
attr_hash(uint64_t h, Op op, Type type, const Attr *a)
{
    switch (op_info[op].attr) {
    case ATTR_INT: return hash_word(h, (uint64_t)a->i);
    case ATTR_INTS: return hash_bytes(h, a->ints, a->n_ints * sizeof *a->ints);
    case ATTR_TEXT: return hash_bytes(h, a->text, strlen(a->text));
    case ATTR_DATA: return hash_bytes(h, a->data, type_size(type) * dtype_size(type.dtype));
    case ATTR_CALLEE:
        return hash_bytes(hash_word(h, a->callee), a->ints, a->n_ints * sizeof *a->ints);
    case ATTR_DRAW:
        return hash_word(h, (uint64_t)a->draw.region << 40 ^ (uint64_t)a->draw.dist << 36 ^
                                a->draw.word);
    default: return h;
    }
}

static bool
same_ints(const Attr *a, const Attr *b)
{
    return a->n_ints == b->n_ints &&
           (a->n_ints == 0 || memcmp(a->ints, b->ints, a->n_ints * sizeof *a->ints) == 0);
}

static bool
same_draw(const DrawAttr *a, const DrawAttr *b)
{
    return a->dist == b->dist && a->shared == b->shared && a->halved == b->halved &&
           a->region == b->region && a->word == b->word && a->blocks == b->blocks;
}

static bool
attr_same(Op op, Type type, const Attr *a, const Attr *b)
{
    switch (op_info[op].attr) {
    case ATTR_INT: return a->i == b->i;
    case ATTR_INTS: return same_ints(a, b);
    case ATTR_TEXT: return strcmp(a->text, b->text) == 0;
    case ATTR_DATA:
        return memcmp(a->data, b->data, type_size(type) * dtype_size(type.dtype)) == 0;
    case ATTR_CALLEE: return a->callee == b->callee && same_ints(a, b);
    case ATTR_DRAW: return same_draw(&a->draw, &b->draw);
    default: return true;
    }
}

static uint64_t
node_hash(const Node *n, RegionId region)
{
    uint64_t h = hash_word(region, n->op);

    h = hash_bytes(h, n->arg, n->n_args * sizeof *n->arg);
    h = hash_word(h, (uint64_t)n->type.dtype << 8 | n->type.rank);
    return attr_hash(h, n->op, n->type, &n->attr);
}

bool
ir_same_operation(const Node *a, const Node *b)
{
    return a->op == b->op && a->n_args == b->n_args && a->n_results == b->n_results &&
           type_eq(a->type, b->type) && attr_same(a->op, a->type, &a->attr, &b->attr);
}

static bool
node_same(const Node *a, const Node *b)
{
    return ir_same_operation(a, b) &&
           (a->n_args == 0 || memcmp(a->arg, b->arg, a->n_args * sizeof *a->arg) == 0);
}

/* Parameters are each their own; nodes with regions are compared by nobody; an array that is
 * updated in place must not be shared. */
static bool
is_shareable(const Node *n)
{
    return n->op != OP_arg && n->op != OP_update && n->op != OP_put_add && n->n_regions == 0;
}

static uint32_t *
find_slot(const Function *f, const Node *n, RegionId region)
{
    uint32_t i = (uint32_t)node_hash(n, region) & f->mask;

    while (f->table[i] &&
           !(f->node[f->table[i]].region == region && node_same(&f->node[f->table[i]], n)))
        i = (i + 1) & f->mask;
    return &f->table[i];
}

/* The same node in this region or one around it. */
static uint32_t
find_shared(const Function *f, const Node *n, RegionId region)
{
    for (;; region = f->region[region].parent) {
        uint32_t id = *find_slot(f, n, region);
        if (id || region == 0)
            return id;
    }
}

static void
grow_table(Module *m, Function *f)
{
    f->mask = 2 * f->mask + 1;
    f->table = arena_array(m->arena, uint32_t, (size_t)f->mask + 1);
    for (uint32_t i = 1; i < f->n; i++)
        if (is_shareable(&f->node[i]))
            *find_slot(f, &f->node[i], f->node[i].region) = i;
}

/* ---- appending */

static const void *
copy_bytes(Arena *arena, const void *from, size_t size)
{
    void *to = arena_alloc(arena, size + !size, 1);

    if (size)
        memcpy(to, from, size);
    return to;
}

/* A node keeps its own copies: callers build operands and attributes on the stack. */
static void
own_content(Arena *arena, Node *n)
{
    n->arg = copy_bytes(arena, n->arg, n->n_args * sizeof *n->arg);
    if (n->attr.ints)
        n->attr.ints = copy_bytes(arena, n->attr.ints, n->attr.n_ints * sizeof *n->attr.ints);
    if (n->attr.text)
        n->attr.text = arena_printf(arena, "%s", n->attr.text);
    if (n->attr.data)
        n->attr.data =
            copy_bytes(arena, n->attr.data, type_size(n->type) * dtype_size(n->type.dtype));
}

static Ref
append(Builder *b, Node n)
{
    Function *f = b->function;
    Arena *arena = b->module->arena;
    Region *r = &f->region[b->region];

    own_content(arena, &n);
    n.region = b->region;
    n.span = b->span;
    f->node = arena_grow(arena, f->node, f->n, &f->cap, f->n + 1, sizeof *f->node);
    f->node[f->n] = n;
    r->node =
        arena_grow(arena, r->node, r->n_nodes, &r->cap_nodes, r->n_nodes + 1, sizeof *r->node);
    r->node[r->n_nodes++] = (uint32_t)f->n;
    b->module->n_nodes++;
    return (Ref){(uint32_t)f->n++};
}

static Ref
share_or_append(Builder *b, const Node *n)
{
    Function *f = b->function;

    if (!is_shareable(n))
        return append(b, *n);
    uint32_t old = find_shared(f, n, b->region);
    if (old)
        return (Ref){old};
    if (2 * f->n >= f->mask)
        grow_table(b->module, f);
    Ref r = append(b, *n);
    *find_slot(f, &f->node[r.id], b->region) = r.id;
    return r;
}

static Node
make_node(Builder *b, Op op, Type type, uint32_t n_args, const Ref *arg, Attr attr,
          uint32_t n_regions, const RegionId *own)
{
    ShapeResult shape;
    ShapeQuery q = {b->module, b->function, op, type, n_args, arg, &attr, n_regions, own};
    bool right = shape_infer(b->module->arena, &q, &shape);

    assert(right && "the node's type rule holds");
    (void)right;
    Node n = {
        .op = (uint16_t)op, .n_args = n_args, .arg = arg, .attr = attr, .type = shape.type};
    n.n_regions = (uint16_t)n_regions;
    n.n_results = shape.n_results;
    n.result = shape.result;
    for (uint32_t i = 0; i < n_regions; i++)
        n.own[i] = own[i];
    return n;
}

Ref
ir_build_raw(Builder *b, Op op, Type type, uint32_t n_args, const Ref *arg, Attr attr,
             uint32_t n_regions, const RegionId *own)
{
    return append(b, make_node(b, op, type, n_args, arg, attr, n_regions, own));
}

Ref
ir_build(Builder *b, Op op, Type type, uint32_t n_args, const Ref *arg, Attr attr,
         uint32_t n_regions, const RegionId *own)
{
    Node n = make_node(b, op, type, n_args, arg, attr, n_regions, own);
    Ref known = fold_node(b, &n);

    return known.id ? known : share_or_append(b, &n);
}

/* Room for one more element in an array of `n`: the array doubles when n is a power of two. */
static void *
grow_by_one(Arena *arena, const void *old, uint32_t n, size_t size)
{
    if (n & (n - 1))
        return (void *)(uintptr_t)old;
    void *more = arena_alloc(arena, n ? 2 * (size_t)n : 1, size);
    if (n)
        memcpy(more, old, n * size);
    return more;
}

Ref
ir_param(Builder *b, Type type)
{
    Attr attr = {.i = b->function->region[b->region].n_params};
    Ref p = ir_build_raw(b, OP_arg, type, 0, NULL, attr, 0, NULL);
    Region *r = &b->function->region[b->region];

    r->param = grow_by_one(b->module->arena, r->param, r->n_params, sizeof *r->param);
    r->param[r->n_params++] = p;
    return p;
}

Ref
ir_input(Builder *b, Type type, const char *name, InputKind kind, Variance variance)
{
    Function *f = b->function;
    uint32_t n = f->region[0].n_params;

    assert(b->region == 0 && (n == 0 || f->input) && "every parameter is an input, or none is");
    f->input = grow_by_one(b->module->arena, f->input, n, sizeof *f->input);
    f->input[n] =
        (Input){arena_printf(b->module->arena, "%s", name), (uint8_t)kind, (uint8_t)variance};
    return ir_param(b, type);
}

void
ir_yield(Builder *b, uint32_t n, const Ref *value)
{
    Region *r = &b->function->region[b->region];

    r->yield = (Ref *)(uintptr_t)copy_bytes(b->module->arena, value, n * sizeof *value);
    r->n_yields = n;
}

void
ir_outputs(Builder *b, const Output *output)
{
    uint32_t n = b->function->region[0].n_yields;
    Output *own = arena_array(b->module->arena, Output, n + !n);

    for (uint32_t i = 0; i < n; i++)
        own[i] = (Output){arena_printf(b->module->arena, "%s", output[i].name), output[i].kind};
    b->function->output = own;
}

uint32_t
function_results(const Function *f, Type *ret_types, uint32_t cap)
{
    const Region *body = &f->region[0];

    for (uint32_t i = 0; i < body->n_yields && i < cap; i++)
        ret_types[i] = ir_type(f, body->yield[i]);
    return body->n_yields;
}

/* ---- how values vary */

static uint8_t
worst(const Node *n, const uint8_t *vary)
{
    uint8_t v = VARY_uniform;

    for (uint32_t i = 0; i < n->n_args; i++)
        v = vary[n->arg[i].id] > v ? vary[n->arg[i].id] : v;
    return v;
}

static bool
set_params(const Function *f, RegionId region, uint32_t skip, const Ref *from, uint32_t n,
           uint8_t *vary)
{
    const Region *r = &f->region[region];
    bool changed = false;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *p = &vary[r->param[skip + i].id], v = vary[from[i].id];
        changed |= v > *p;
        *p = v > *p ? v : *p;
    }
    return changed;
}

/* What a node with regions yields varies as its operands and as what its regions yield. */
static uint8_t
yields_vary(const Function *f, const Node *n, const uint8_t *vary)
{
    uint8_t v = VARY_uniform;

    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *r = &f->region[n->own[k]];
        for (uint32_t i = 0; i < r->n_yields; i++)
            v = vary[r->yield[i].id] > v ? vary[r->yield[i].id] : v;
    }
    return v;
}

static bool
vary_carried(const Function *f, const Node *n, uint32_t skip, uint32_t first, uint8_t *vary)
{
    bool changed = false;
    RegionId body = n->own[n->n_regions - 1];

    for (uint32_t k = 0; k < n->n_regions; k++) {
        uint32_t s = k + 1 == n->n_regions ? skip : 0;
        changed |= set_params(f, n->own[k], s, n->arg + first, n->n_args - first, vary);
        changed |=
            set_params(f, n->own[k], s, f->region[body].yield, f->region[body].n_yields, vary);
    }
    return changed;
}

/* In a loop that chains leave one by one every carried value has its own history. */
static bool
diverges(const Function *f, const Node *n, const uint8_t *vary)
{
    if (n->op == OP_for)
        return vary[n->arg[0].id] == VARY_chain || vary[n->arg[1].id] == VARY_chain;
    return n->op == OP_while && (vary[n->arg[0].id] == VARY_chain ||
                                 vary[f->region[n->own[0]].yield[0].id] == VARY_chain);
}

static bool
raise_params(const Function *f, const Node *n, uint8_t *vary)
{
    bool changed = false;

    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *r = &f->region[n->own[k]];
        for (uint32_t i = 0; i < r->n_params; i++) {
            changed |= vary[r->param[i].id] != VARY_chain;
            vary[r->param[i].id] = VARY_chain;
        }
    }
    return changed;
}

static bool
vary_node(const Function *f, uint32_t id, uint8_t *vary)
{
    const Node *n = &f->node[id];
    uint8_t v = worst(n, vary);
    bool changed = false;

    if (n->op == OP_arg)
        return false;
    if ((n->op == OP_draw || n->op == OP_word) && !n->attr.draw.shared)
        v = VARY_chain;
    if (n->op == OP_chain_index)
        v = VARY_chain;
    if (n->op == OP_batch || n->op == OP_batch_sum)
        v = VARY_uniform;
    if (n->op == OP_for) { /* the index varies if the bounds do */
        changed |= set_params(f, n->own[0], 0, n->arg, 1, vary);
        changed |= set_params(f, n->own[0], 0, n->arg + 1, 1, vary);
        changed |= vary_carried(f, n, 1, 2, vary);
    }
    if (n->op == OP_while)
        changed |= vary_carried(f, n, 0, 1, vary);
    if (diverges(f, n, vary)) {
        changed |= raise_params(f, n, vary);
        v = VARY_chain;
    }
    if (n->n_regions) {
        uint8_t y = yields_vary(f, n, vary);
        v = y > v ? y : v;
    }
    changed |= v > vary[id];
    vary[id] = v > vary[id] ? v : vary[id];
    return changed;
}

void
ir_vary(const Function *f, uint8_t *vary, const uint8_t *ends)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t id = 1; id < f->n; id++)
            changed |= !(ends && ends[id]) && vary_node(f, id, vary);
    }
}

uint8_t *
ir_variance(const Function *f, Arena *arena)
{
    uint8_t *vary = arena_array(arena, uint8_t, f->n);
    const Region *body = &f->region[0];

    for (uint32_t i = 0; i < body->n_params; i++)
        vary[body->param[i].id] = f->input ? f->input[i].variance : (uint8_t)VARY_chain;
    ir_vary(f, vary, NULL);
    return vary;
}
