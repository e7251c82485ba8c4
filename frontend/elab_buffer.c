/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_buffer.c -- replay buffers of a loss.
 *
 * This data point's slot is a variable: an input that the loss may assign, whose last value is
 * what the slot holds next.
 */
#include <string.h>

#include "frontend/elab_flow.h"
#include "frontend/elab_train.h"

static bool
buffer_size(Elab *e, const Env *env, const Stmt *s, uint32_t *ret)
{
    int64_t n;

    if (s->n_dims != 1) {
        complain(e, elab_buffer_axes, s->span);
        return false;
    }
    if (!elab_static_int(e, env, s->dims[0], "the number of slots", &n))
        return false;
    if (n < 1 || n > INT32_MAX) {
        complain(e, elab_size, s->dims[0]->span, (long long)n);
        return false;
    }
    if (e->request->loss && e->request->batch > n) { /* a file that is checked has no batch */
        Diag *d = complain(e, elab_buffer_small, s->dims[0]->span, s->name, (long long)n,
                           e->request->batch);
        diag_help(e->diags, d, "each data point of a batch holds a slot of its own");
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}

static Buffer *
add_buffer(Elab *e, Buffers *all, const Stmt *s)
{
    Buffer *b = arena_new(e->arena, Buffer);

    all->buffer =
        arena_grow(e->arena, all->buffer, all->n, &all->cap, all->n + 1, sizeof *all->buffer);
    all->buffer[all->n++] = b;
    *b = (Buffer){.name = s->name, .stmt = s};
    return b;
}

void
elab_bind_buffer(Elab *e, Env *env, const Stmt *s)
{
    Value v = {.kind = VAL_buffer};
    uint32_t slots;
    Type t;

    elab_bind(e, env, s->name, POISON, s->name_span);
    if (!env->buffers || e->frame->b.region) {
        complain(e, elab_place, s->span, "buffer", "a loss, outside branches and loops");
        return;
    }
    if (!s->init && !s->value) {
        complain(e, elab_no_start, s->span);
        return;
    }
    if (!elab_type_of(e, env, s->type, &t) || !buffer_size(e, env, s, &slots))
        return;
    Buffer *b = add_buffer(e, env->buffers, s);
    b->type = t;
    b->slots = slots;
    const char *held =
        intern_str(e->request->names, arena_printf(e->arena, "%s.value", s->name));
    elab_bind_var(e, env, held, elab_entry_input(e, INPUT_point, s->name, t, VARY_chain),
                  s->name_span);
    b->slot = env->local->slot;
    v.buffer = b;
    elab_bind(e, env, s->name, v, s->name_span);
}

/* ---- `chains.draw()`, `c.value` ---- */

bool
elab_is_buffer_call(const Env *env, const Expr *x)
{
    if (x->left->kind != EXPR_MEMBER || x->left->left->kind != EXPR_NAME)
        return false;
    const Binding *b = elab_find_local(env, x->left->left->name);
    return b && b->value.kind == VAL_buffer;
}

static Value
no_member(Elab *e, Value v, const Expr *x)
{
    Diag *d = complain(e, elab_no_member, x->at, elab_value_text(e, v), x->name);

    diag_help(e->diags, d,
              v.kind == VAL_buffer ? "'draw()' gives this data point's slot"
                                   : "'value' is what the slot holds");
    return POISON;
}

Value
elab_call_buffer(Elab *e, const Env *env, const Expr *x)
{
    const Expr *member = x->left;
    Value v = elab_find_local(env, member->left->name)->value;

    if (strcmp(member->name, "draw") != 0)
        return no_member(e, v, member);
    if (x->n_args)
        return FAIL(e, elab_arity, x->span, "draw", 0u, x->n_args);
    if (!env->buffers)
        return FAIL(e, elab_place, x->span, "draw", "the text of the loss itself");
    if (v.buffer->drawn)
        return FAIL(e, elab_buffer_twice, x->span, v.buffer->name);
    v.buffer->drawn = true;
    v.kind = VAL_slot;
    return v;
}

Value
elab_buffer_member(Elab *e, const Env *env, Value v, const Expr *x)
{
    if (v.kind == VAL_buffer || strcmp(x->name, "value") != 0)
        return no_member(e, v, x);
    return elab_find_slot(env, v.buffer->slot)->value;
}

const Binding *
elab_slot_target(const Env *env, const Expr *x)
{
    if (x->kind != EXPR_MEMBER || x->left->kind != EXPR_NAME || strcmp(x->name, "value") != 0)
        return NULL;
    const Binding *b = elab_find_local(env, x->left->name);
    return b && b->value.kind == VAL_slot && b->act == env->act
               ? elab_find_slot(env, b->value.buffer->slot)
               : NULL;
}

Value
elab_with_slots(Elab *e, const Env *env, Value v)
{
    const Buffers *all = env->buffers;
    Value *item = arena_array(e->arena, Value, all->n + 1);

    item[0] = v;
    for (size_t i = 0; i < all->n; i++)
        item[i + 1] = elab_find_slot(env, all->buffer[i]->slot)->value;
    return elab_value_tuple(e, (uint32_t)all->n + 1, item);
}
