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
