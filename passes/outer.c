/* SPDX-License-Identifier: Apache-2.0
 *
 * outer.c -- outer products: what sums over data points or turns of a loop make products of
 */
#include "passes/outer.h"

#include <string.h>

/* The letters of the axes that a broadcast keeps. */
static const char *
axes_letters(Arena *arena, const Node *broadcast)
{
    char *text = arena_strndup(arena, "abcdefgh", broadcast->attr.n_ints);

    for (uint32_t i = 0; i < broadcast->attr.n_ints; i++)
        text[i] = (char)('a' + broadcast->attr.ints[i]);
    return text;
}

static bool
covers(const char *x, const char *y, unsigned rank)
{
    for (unsigned i = 0; i < rank; i++)
        if (!strchr(x, 'a' + (int)i) && !strchr(y, 'a' + (int)i))
            return false;
    return true;
}

bool
outer_find(const Function *f, Ref r, Arena *arena, Outer *ret)
{
    const Node *n = ir_node(f, r);

    if (n->op != OP_mul || !dtype_is_float((DType)n->type.dtype))
        return false;
    const Node *x = ir_node(f, n->arg[0]), *y = ir_node(f, n->arg[1]);
    if (x->op != OP_broadcast || y->op != OP_broadcast)
        return false;
    *ret = (Outer){x->arg[0], y->arg[0], axes_letters(arena, x), axes_letters(arena, y),
                   arena_strndup(arena, "abcdefgh", n->type.rank)};
    return covers(ret->of_x, ret->of_y, n->type.rank);
}

bool
outer_pays(Type whole, Type x, Type y, unsigned axes)
{
    unsigned most = x.rank > y.rank ? x.rank : y.rank;

    return most + axes <= MAX_RANK && type_size(whole) > type_size(x) + type_size(y);
}

enum { MAX_TERMS = 1000 }; /* of a sum that is taken apart, and how deep it may be */

static void
collect(const Function *f, Ref value, Arena *arena, Terms *t)
{
    const Node *n = ir_node(f, value);
    Outer o;

    if (t->work++ >= MAX_TERMS)
        return;
    if (t->self.id && ref_eq(value, t->self)) {
        t->n_self++;
    } else if (n->op == OP_add && n->region == t->region) {
        collect(f, n->arg[0], arena, t);
        collect(f, n->arg[1], arena, t);
    } else if (outer_find(f, value, arena, &o) &&
               t->pays(t->user, n->type, ir_type(f, o.x), ir_type(f, o.y))) {
        t->outer = arena_grow(arena, t->outer, t->n, &t->cap, t->n + 1, sizeof *t->outer);
        t->outer[t->n++] = o;
    } else if (!ir_is_number(f, value, 0)) {
        t->rest =
            arena_grow(arena, t->rest, t->n_rest, &t->cap_rest, t->n_rest + 1, sizeof *t->rest);
        t->rest[t->n_rest++] = value;
    }
}

void
outer_terms(const Function *f, Ref value, Arena *arena, Terms *t)
{
    collect(f, value, arena, t);
    if (t->work > MAX_TERMS)
        t->n = 0;
}
