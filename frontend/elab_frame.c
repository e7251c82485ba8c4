/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_frame.c -- IR functions being built: captured values, inputs, and the numbering of
 * draws.
 *
 * A value made in one function and used in one inside it becomes a parameter there; the call
 * passes it.  Inputs of an entry function are made when they are first asked for.
 */
#include <assert.h>
#include <string.h>

#include "frontend/elab.h"

/* What making a function counts as, in expressions. */
enum { FUNCTION_WORK = 100 };

Frame *
elab_frame_new(Elab *e, const char *name, Frame *outer)
{
    Frame *f = arena_new(e->arena, Frame);

    e->work += FUNCTION_WORK;
    f->outer = outer;
    f->b = builder_at(e->module, function_new(e->module, name));
    f->nest = &f->base;
    if (!outer)
        e->n_net_places = 0;
    return f;
}

/* ---- captures ---- */

static bool
is_inside(const Frame *frame, const Frame *outer)
{
    while (frame && frame != outer)
        frame = frame->outer;
    return frame != NULL;
}

/* Constants are made anew instead of being passed, so that they go on folding. */
static Ref
copy_constant(Elab *e, Frame *to, const Function *from, Ref r)
{
    const Node *n = ir_node(from, r);
    Type t = n->type;

    (void)e;
    while (n->op == OP_broadcast && n->attr.n_ints == 0)
        n = ir_node(from, n->arg[0]);
    if (n->op != OP_const)
        return NO_REF;
    Ref c = ir_const(&to->b, n->type, n->attr.data);
    return type_same_shape(t, n->type) ? c : ir_broadcast(&to->b, c, t, NULL);
}

static Ref
add_capture(Elab *e, Frame *frame, Value v, Type type)
{
    RegionId back = frame->b.region;

    frame->b.region = 0;
    Ref inner = ir_param(&frame->b, type);
    frame->b.region = back;
    frame->capture = arena_grow(e->arena, frame->capture, frame->n_captures,
                                &frame->cap_captures, frame->n_captures + 1, sizeof(Capture));
    frame->capture[frame->n_captures++] = (Capture){v, inner};
    return inner;
}

Ref
elab_import_ref(Elab *e, Frame *frame, Value v, Span span)
{
    if (v.frame == frame)
        return v.ref;
    if (!is_inside(frame, v.frame)) {
        complain(e, elab_not_here, span);
        return ir_full(&frame->b, elab_value_type(e, v), 0);
    }
    Ref c = copy_constant(e, frame, v.frame->b.function, v.ref);
    if (c.id)
        return c;
    Value outer = v;
    outer.ref = elab_import_ref(e, frame->outer, v, span);
    outer.frame = frame->outer;
    for (size_t i = 0; i < frame->n_captures; i++)
        if (ref_eq(frame->capture[i].outer.ref, outer.ref))
            return frame->capture[i].inner;
    return add_capture(e, frame, outer, elab_value_type(e, outer));
}

/* ---- inputs ---- */

static Frame *
entry_frame(Frame *f)
{
    while (f->outer)
        f = f->outer;
    return f;
}

Value
elab_entry_input(Elab *e, InputKind kind, const char *name, Type type, Variance variance)
{
    Frame *f = entry_frame(e->frame);
    RegionId back = f->b.region;

    for (size_t i = 0; i < f->n_inputs; i++)
        if (f->input[i].kind == kind && strcmp(f->input[i].name, name) == 0)
            return (Value){.kind = VAL_ref, .ref = f->input[i].ref, .frame = f};
    f->b.region = 0;
    Ref r = ir_input(&f->b, type, name, kind, variance);
    f->b.region = back;
    f->input = arena_grow(e->arena, f->input, f->n_inputs, &f->cap_inputs, f->n_inputs + 1,
                          sizeof(EntryInput));
    f->input[f->n_inputs++] = (EntryInput){(uint8_t)kind, name, r};
    return (Value){.kind = VAL_ref, .ref = r, .frame = f};
}

/* ---- draws ---- */

void
elab_nest_enter(Elab *e, Nest *nest, unsigned rank, const Ref *index, const uint32_t *extent)
{
    *nest = (Nest){.outer = e->frame->nest, .rank = rank};
    for (unsigned i = 0; i < rank; i++) {
        nest->index[i] = index[i];
        nest->extent[i] = extent[i];
    }
    e->frame->nest = nest;
}

/* Blocks of random words an iteration takes; known when its last draw is. */
static void
number_blocks(Frame *f, const Nest *nest)
{
    uint32_t blocks = (nest->words + 3) / 4;

    for (size_t i = 0; i < nest->n; i++)
        f->b.function->node[nest->node[i]].attr.draw.blocks = blocks;
}

void
elab_nest_leave(Elab *e)
{
    Nest *nest = e->frame->nest;

    number_blocks(e->frame, nest);
    if (nest->outer)
        e->frame->nest = nest->outer;
}

/* Turns of a loop whose trip count only the run knows, where another loop is around it. */
enum { UNKNOWN_EXTENT = 1 << 16 };

/* The linear index of the loops from `nest` out to `end`, row-major. */
static Ref
iteration_of(Elab *e, const Nest *nest, const Nest *end)
{
    Builder *b = &e->frame->b;

    if (!nest || nest == end)
        return ir_number(b, DT_i32, 0);
    Ref at = iteration_of(e, nest->outer, end);

    for (unsigned i = 0; i < nest->rank; i++) {
        uint32_t extent = nest->extent[i] ? nest->extent[i] : UNKNOWN_EXTENT;
        Ref scaled =
            ir_is_number(b->function, at, 0) ? at : ir_mul(b, at, ir_number(b, DT_i32, extent));
        at = ir_is_number(b->function, scaled, 0) ? nest->index[i]
                                                  : ir_add(b, scaled, nest->index[i]);
    }
    return at;
}

/* Draws of four words and more begin a block, so that they are made block by block; pairs of
 * normals stay together. */
static uint32_t
words_of(Distribution dist, Type t, uint32_t *align)
{
    uint32_t size = t.dtype == DT_f64 ? 2 : 1, n = (uint32_t)type_size(t);

    if (dist == DRAW_normal)
        n += n & 1;
    *align = size * (dist == DRAW_normal ? 2 : 1);
    if (n * size >= 4)
        *align = 4;
    return n * size;
}

enum { MAX_REGIONS = 4096, MAX_DRAWN = 1 << 28 };

static bool
next_region(Elab *e, uint16_t *ret)
{
    Frame *f = entry_frame(e->frame);

    if (f->n_draw_regions >= MAX_REGIONS) {
        complain(e, elab_too_many_draws, e->frame->b.span);
        return false;
    }
    *ret = (uint16_t)f->n_draw_regions++;
    return true;
}

/* ---- draws of networks ---- */

NetDraws
elab_enter_network(Elab *e, const char *path)
{
    NetDraws before = e->net_draws;

    e->net_draws = (NetDraws){.path = path, .around = e->frame->nest};
    return before;
}

static bool
is_place(const NetPlace *p, const NetDraws *at, Distribution dist, Type type)
{
    return p->number == at->n && p->dist == dist && strcmp(p->path, at->path) == 0 &&
           type_eq(p->type, type);
}

static bool
place_region(Elab *e, Distribution dist, Type type, uint16_t *ret)
{
    const NetDraws *at = &e->net_draws;

    for (size_t i = 0; i < e->n_net_places; i++)
        if (is_place(&e->net_place[i], at, dist, type)) {
            *ret = e->net_place[i].region;
            return true;
        }
    if (!next_region(e, ret))
        return false;
    e->net_place = arena_grow(e->arena, e->net_place, e->n_net_places, &e->cap_net_places,
                              e->n_net_places + 1, sizeof *e->net_place);
    e->net_place[e->n_net_places++] = (NetPlace){at->path, at->n, (uint8_t)dist, type, *ret};
    return true;
}

static Value
draw_in_network(Elab *e, Distribution dist, Type type)
{
    DrawAttr attr = {.dist = (uint8_t)dist};
    uint32_t align;

    if (!place_region(e, dist, type, &attr.region))
        return POISON;
    attr.blocks = (words_of(dist, type, &align) + 3) / 4;
    Ref at = iteration_of(e, e->frame->nest, e->net_draws.around);
    e->net_draws.n++;
    e->effects++;
    return elab_value_ref(e, ir_draw(&e->frame->b, type, attr, at));
}

/* ---- other draws ---- */

Value
elab_draw_value(Elab *e, Distribution dist, Type type)
{
    Frame *f = e->frame;
    Nest *nest = f->nest;
    uint32_t align, n;

    if (type_size(type) > MAX_DRAWN / 2 || nest->words > MAX_DRAWN)
        return FAIL(e, elab_too_many_draws, f->b.span);
    if (e->net_draws.path)
        return draw_in_network(e, dist, type);
    e->effects++;
    n = words_of(dist, type, &align);
    if (!nest->draws && !next_region(e, &nest->region))
        return POISON;
    nest->draws = true;
    nest->words = (nest->words + align - 1) / align * align;
    DrawAttr attr = {.dist = (uint8_t)dist, .shared = f->shared_draws, .region = nest->region};
    attr.word = nest->words;
    Ref r = ir_draw(&f->b, type, attr, iteration_of(e, nest, NULL));
    nest->words += n;
    nest->node =
        arena_grow(e->arena, nest->node, nest->n, &nest->cap, nest->n + 1, sizeof *nest->node);
    nest->node[nest->n++] = r.id;
    return (Value){.kind = VAL_ref, .ref = r, .frame = f};
}
