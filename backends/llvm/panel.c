/* SPDX-License-Identifier: Apache-2.0
 *
 * panel.c -- uniform matrices, rearranged for the loops that read them
 *
 * A product is emitted as groups of rows that go through the contracted axis together.
 * `prepare` keeps the matrix as [group][contracted axis][row of the group], so that a turn
 * reads consecutive numbers; strided rows would fall into the same sets of the cache.
 */
#include "backends/llvm/emit.h"

enum { MIN_ELEMENTS = 64 };

/* Data that no cache holds is read once a pass: a copy would double that. */
static bool
is_worth_packing(Type t)
{
    uint64_t n = type_size(t);
    return t.rank == 2 && n >= MIN_ELEMENTS && n * dtype_size(t.dtype) <= CACHED_BYTES;
}

static bool
place_eq(Place a, Place b)
{
    return a.kind == b.kind && a.at == b.at && a.global == b.global;
}

static uint64_t
panel_elements(const Panel *p)
{
    uint32_t along = p->by_column ? p->columns : p->rows;
    uint32_t across = p->by_column ? p->rows : p->columns;

    return (uint64_t)((along + p->width - 1) / p->width) * p->width * across;
}

static const Panel *
find_panel(Emit *e, Panel want)
{
    for (size_t i = 0; i < e->n_panels; i++) {
        const Panel *p = &e->panel[i];
        if (place_eq(p->from, want.from) && p->by_column == want.by_column &&
            p->width == want.width && p->rows == want.rows && p->columns == want.columns)
            return p;
    }
    want.at = e->manifest->uniform_bytes;
    want.version = ++e->versions;
    uint64_t bytes = panel_elements(&want) * dtype_size(want.dtype);
    e->manifest->uniform_bytes += (bytes + 63) & ~UINT64_C(63);
    e->panel = arena_grow(e->arena, e->panel, e->n_panels, &e->cap_panels, e->n_panels + 1,
                          sizeof *e->panel);
    e->panel[e->n_panels] = want;
    return &e->panel[e->n_panels++];
}

static bool
inside(const Value *x, uint32_t extent)
{
    return x->known && x->index.low >= 0 && x->index.high < extent;
}

/* The jam of the axis whose parameter is `id`, in a loop around the frame's, and which of its
 * turns instance i belongs to. */
static const Jam *
outer_jam(const Emit *e, uint32_t id, unsigned i, unsigned *ret_turn)
{
    for (const Frame *f = e->frame; f->parent; f = f->parent) {
        i = f->up[i];
        for (unsigned k = 0; k < MAX_JAMS; k++) {
            const Jam *jam = &f->parent->jam[k];
            *ret_turn = jam->axis ? i / jam->apart % jam->turns : 0;
            if (jam->axis == id)
                return jam;
        }
    }
    return NULL;
}

bool
panel_load(Emit *e, const Node *n, unsigned i, const Value *array, Value *ret)
{
    Type type = ir_type(e->f, n->arg[0]);

    if (e->preparing || e->whole || array->place.kind == PLACE_none || n->n_args != 3 ||
        !is_worth_packing(type))
        return false;
    for (uint32_t k = 0; k < 2; k++) {
        unsigned turn;
        const Jam *jam = outer_jam(e, n->arg[1 + k].id, i, &turn);
        const Value *other = value_at(e, n->arg[2 - k], i);
        if (!jam || !inside(other, type.dim[1 - k]) ||
            !inside(value_at(e, n->arg[1 + k], i), type.dim[k]))
            continue;
        const Panel *p = find_panel(e, (Panel){.from = array->place,
                                               .dtype = type.dtype,
                                               .rows = type.dim[0],
                                               .columns = type.dim[1],
                                               .by_column = k == 1,
                                               .width = jam->width});
        Index at = index_add(e, index_scale(e, jam->group, type.dim[1 - k]), other->index);
        at = index_add(e, index_scale(e, at, p->width), index_constant(turn));
        Value panel = {.v = place_pointer(e, (Place){PLACE_uniform, p->at, NULL}),
                       .row = 1,
                       .version = p->version,
                       .place = {PLACE_uniform, p->at, NULL}};
        *ret = load_element(e, &panel, p->dtype, at);
        return true;
    }
    return false;
}

/* Turn k of a group: `turns` numbers of a row, which follow one another, and zeros. */
static void
fill_from_row(Emit *e, const Panel *p, Index group, Index k, Index to, uint32_t turns)
{
    Value from = {.v = place_pointer(e, p->from), .row = 1};
    Value panel = {.v = place_pointer(e, (Place){PLACE_uniform, p->at, NULL}), .row = 1};
    Index at = index_add(e, index_scale(e, k, p->columns), index_scale(e, group, p->width));
    LLVMValueRef v =
        load_run(e, p->dtype, element_address(e, &from, p->dtype, at), p->width, turns);

    store_run(e, p->dtype, element_address(e, &panel, p->dtype, to), v, p->width);
}

/* The same of a column: one number of each of `turns` rows. */
static void
fill_from_column(Emit *e, const Panel *p, Index group, Index k, Index to, uint32_t turns)
{
    Value from = {.v = place_pointer(e, p->from), .row = 1, .version = ++e->versions};
    Value panel = {.v = place_pointer(e, (Place){PLACE_uniform, p->at, NULL}), .row = 1};

    for (uint32_t r = 0; r < p->width; r++) {
        Index row = index_add(e, index_scale(e, group, p->width), index_constant(r));
        Index at = index_add(e, index_scale(e, row, p->columns), k);
        Value x = uniform_value(zero_of(e, p->dtype, false));
        if (r < turns)
            x = load_element(e, &from, p->dtype, at);
        store_element(e, &panel, p->dtype, index_add(e, to, index_constant(r)), &x);
    }
}

static void
fill_group(Emit *e, const Panel *p, Index group, uint32_t turns)
{
    int64_t across = p->by_column ? p->rows : p->columns;
    Turns t = turns_open(e, int64_of(e, 0), int64_of(e, across), 1, true);
    Index k = {t.i, 1, 0, 0, across - 1};
    Index to = index_scale(e, index_add(e, index_scale(e, group, across), k), p->width);

    (p->by_column ? fill_from_row : fill_from_column)(e, p, group, k, to, turns);
    turns_close(e, &t);
}

void
emit_panels(Emit *e)
{
    for (size_t i = 0; i < e->n_panels; i++) {
        const Panel *p = &e->panel[i];
        uint32_t along = p->by_column ? p->columns : p->rows;
        uint32_t groups = along / p->width, tail = along % p->width;

        if (groups) {
            Turns t = turns_open(e, int64_of(e, 0), int64_of(e, groups), 1, true);
            fill_group(e, p, (Index){t.i, 1, 0, 0, groups - 1}, p->width);
            turns_close(e, &t);
        }
        if (tail)
            fill_group(e, p, index_constant(groups), tail);
    }
}
