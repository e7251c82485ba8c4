/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_state.c -- a network's state: running averages, a vector of spectral normalisation.
 *
 * It is a parameter that no gradient moves: a training step assigns it, the same for all data
 * points, and checkpoints hold it.  What a derivative's function assigns leaves it as one more
 * result.
 */
#include <string.h>

#include "frontend/elab_train.h"

static const Frame *
entry_of(const Frame *f)
{
    while (f->outer)
        f = f->outer;
    return f;
}

static NetState *
find_state(Elab *e, const char *name, Type t)
{
    size_t i = 0;

    while (i < e->n_net_states && strcmp(e->net_state[i]->name, name) != 0)
        i++;
    if (i < e->n_net_states)
        return e->net_state[i];
    e->net_state =
        arena_grow(e->arena, e->net_state, i, &e->cap_net_states, i + 1, sizeof *e->net_state);
    e->net_state[i] = arena_new(e->arena, NetState);
    *e->net_state[i] = (NetState){.name = name, .type = t};
    return e->net_state[e->n_net_states++];
}

void
elab_bind_net_state(Elab *e, Env *env, const Stmt *s)
{
    const Pattern *p = s->patterns[0];
    const ParamInfo own = {.init = s->init,
                           .value = s->n_values ? s->values[0] : NULL,
                           .span = s->span,
                           .env = *env,
                           .state = true};

    if (s->n_patterns != 1 || !p->name || !p->type) {
        complain(e, elab_net_state, s->span);
        return;
    }
    const ParamInfo *known = elab_register_param(e, &own, p->name, p->type);
    if (!known)
        return;
    NetState *state = find_state(e, known->name, known->type);
    Value v = state->entry == entry_of(e->frame)
                  ? state->value
                  : elab_entry_input(e, INPUT_param, known->name, known->type, VARY_uniform);
    e->steady = false;
    elab_bind_var(e, env, p->name, v, p->span);
    Binding *bound = arena_new(e->arena, Binding);
    *bound = *env->local;
    bound->state = state;
    env->local = bound;
}

void
elab_assign_net_state(Elab *e, NetState *s, Value v, Span span)
{
    if (elab_is_poison(v))
        return;
    if (!e->training && !e->checking) {
        complain(e, elab_net_state_place, span, s->name);
        return;
    }
    if (!elab_may_cross(e, s->name, span))
        return;
    if (!elab_is_uniform(e, v)) {
        Diag *d = complain(e, elab_net_state_varies, span, s->name);
        diag_help(e->diags, d,
                  "'batch_mean' and its kin give what the whole batch has in common");
        return;
    }
    if (!elab_fit(e, &v, s->type))
        return;
    Ref r = ir_stop_gradient(&e->frame->b, elab_ref_of(e, v, (DType)s->type.dtype));
    s->value = (Value){.kind = VAL_ref, .ref = r, .frame = e->frame};
    s->entry = entry_of(e->frame);
    e->steady = false;
    e->effects++;
}

/* ---- out of inner functions ---- */

static bool
is_made_in(const NetState *s, const Frame *inner)
{
    return s->entry && s->value.frame == inner;
}

uint32_t
elab_export_net_states(Elab *e, const Frame *inner, Ref *ret, uint32_t cap)
{
    uint32_t n = 0;

    for (size_t i = 0; i < e->n_net_states; i++)
        if (is_made_in(e->net_state[i], inner) && n < cap)
            ret[n++] = e->net_state[i]->value.ref;
    return n;
}

void
elab_import_net_states(Elab *e, const Frame *inner, Ref node, uint32_t first)
{
    for (size_t i = 0; i < e->n_net_states; i++) {
        NetState *s = e->net_state[i];
        if (!is_made_in(s, inner))
            continue;
        Ref r = ir_get(&e->frame->b, node, first++);
        elab_know_uniform(e, e->frame, r);
        s->value = (Value){.kind = VAL_ref, .ref = r, .frame = e->frame};
    }
}
