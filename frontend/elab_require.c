/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_require.c -- `require` of what is not known while compiling, and indices that data
 * supply.
 *
 * What is known before a run is checked before it, by the entry function @require.  Where a
 * requirement depends on more, the text that states it gives NaN unless it holds, so that the
 * step is not taken: its result is multiplied by c / c, 1 or 0 / 0.
 */
#include <assert.h>
#include <string.h>

#include "frontend/elab_flow.h"
#include "frontend/elab_known.h"

/* ---- @require */

struct Requirements {
    Frame *frame;
    ProgramRequirement *item;
    size_t n, cap;
    Ref *result;
    size_t n_results, cap_results;
};

static Requirements *
requirements_of(Elab *e)
{
    if (!e->requirements)
        e->requirements = arena_new(e->arena, Requirements);
    return e->requirements;
}

static Frame *
check_frame(Elab *e)
{
    Requirements *all = requirements_of(e);

    if (!all->frame)
        all->frame = elab_frame_new(e, "require", NULL);
    return all->frame;
}

static ProgramRequirement *
add_requirement(Elab *e, Span span, const char *text)
{
    Requirements *all = requirements_of(e);

    all->item =
        arena_grow(e->arena, all->item, all->n, &all->cap, all->n + 1, sizeof *all->item);
    all->item[all->n] = (ProgramRequirement){.span = span, .text = text};
    return &all->item[all->n++];
}

static void
add_result(Elab *e, Ref r)
{
    Requirements *all = e->requirements;

    all->result = arena_grow(e->arena, all->result, all->n_results, &all->cap_results,
                             all->n_results + 1, sizeof *all->result);
    all->result[all->n_results++] = r;
}

/* A condition to be checked; NULL where it is checked already. */
static ProgramRequirement *
add_condition(Elab *e, const Known *k, Ref holds, Span span, const char *text)
{
    Requirements *all = requirements_of(e);

    for (size_t i = 0; i < all->n; i++)
        if (all->item[i].before && ref_eq(all->result[all->item[i].result], holds))
            return NULL;
    ProgramRequirement *r = add_requirement(e, span, text);
    r->before = true;
    r->of_data = k->arrays;
    r->result = (uint32_t)all->n_results;
    add_result(e, holds);
    return r;
}

/* One number more in f64. */
static void
add_number(Elab *e, Ref value)
{
    add_result(e, ir_convert(&check_frame(e)->b, value, DT_f64));
}

static void
add_shown(Elab *e, ProgramRequirement *r, const char *text, Ref value)
{
    size_t cap = r->n_shown;

    for (size_t i = 0; i < r->n_shown; i++)
        if (strcmp(r->shown[i], text) == 0)
            return;
    r->shown =
        arena_grow(e->arena, r->shown, r->n_shown, &cap, r->n_shown + 1, sizeof *r->shown);
    r->shown[r->n_shown++] = text;
    add_number(e, value);
}

/* The program of a training has an @eval too, whose conditions are no columns. */
static bool
is_checked_here(const Elab *e)
{
    const Frame *f = e->frame;

    while (f->outer)
        f = f->outer;
    return f != (e->requirements ? e->requirements->frame : NULL) &&
           !(e->request->loss && e->evaluates);
}

void
elab_end_requirements(Elab *e)
{
    Requirements *all = requirements_of(e);
    Output *out = arena_array(e->arena, Output, all->n_results + 1);

    for (size_t i = 0; i < all->n_results; i++)
        out[i].name = arena_printf(e->arena, "%zu", i);
    e->frame = all->frame;
    if (all->frame)
        elab_end_entry(e, (uint32_t)all->n_results, all->result, out);
    e->program->requirement = all->item;
    e->program->n_requirement = all->n;
}

/* ---- the numbers that a condition compares */

static bool
is_comparison(AstOp op)
{
    return op == AST_OP_EQ || op == AST_OP_NE || op == AST_OP_LT || op == AST_OP_LE ||
           op == AST_OP_GT || op == AST_OP_GE;
}

static void
show_side(Elab *e, const Env *env, const Expr *x, ProgramRequirement *r)
{
    Known k;
    Value v = elab_eval(e, env, x, MODE_term);

    if (!elab_is_scalar(e, v) || !elab_known(&k, e, v) || k.loops)
        return;
    Ref value = elab_known_copy(&k, check_frame(e), v);
    add_shown(e, r, elab_expr_text(e, x->span), value);
}

static void
show_sides(Elab *e, const Env *env, const Expr *x, ProgramRequirement *r)
{
    if (x->kind == EXPR_UNARY && x->op == AST_OP_NOT)
        show_sides(e, env, x->left, r);
    if (x->kind != EXPR_BINARY)
        return;
    void (*const show)(Elab *, const Env *, const Expr *, ProgramRequirement *) =
        is_comparison(x->op) ? show_side : show_sides;
    if (is_comparison(x->op) || x->op == AST_OP_AND || x->op == AST_OP_OR) {
        show(e, env, x->left, r);
        show(e, env, x->right, r);
    }
}

/* ---- where it does not hold */

/* `number` where the condition does not hold, else a larger one than any. */
static Ref
if_broken(Builder *b, Ref holds, Ref number)
{
    Type t = ir_type(b->function, number);

    return ir_select(b, holds, ir_full(b, t, INT32_MAX), number);
}

/* The turn of the loops around, if the condition does not hold in it. */
static Ref
first_turn(const Known *k, Ref holds)
{
    Builder *b = &k->to->b;

    return if_broken(b, holds, elab_known_turn(k));
}

static void
add_place(Elab *e, ProgramRequirement *r, Ref place)
{
    r->placed = true;
    add_number(e, place);
}

/* ---- `require` */

static bool
check_before(Elab *e, const Env *env, const Stmt *s, Value condition)
{
    static const FoldKind kind[] = {FOLD_all, FOLD_min};
    Known k;
    Ref r[2];

    if (!is_checked_here(e) || !elab_known(&k, e, condition))
        return false;
    r[0] = elab_known_copy(&k, check_frame(e), condition);
    r[1] = first_turn(&k, r[0]);
    elab_known_fold(&k, 2, r, kind);
    ProgramRequirement *q = add_condition(e, &k, r[0], s->value->span, s->text);
    if (q && k.loops)
        add_place(e, q, r[1]);
    else if (q)
        show_sides(e, env, s->value, q);
    return true;
}

/* What the body gives is multiplied by one more factor. */
static void
check_here(Elab *e, Env *env, const Stmt *s, Value condition)
{
    Builder *b = &e->frame->b;
    const Binding *factor = elab_find_slot(env, env->required);

    assert(factor && "whoever opened the body has looked for what it requires");
    add_requirement(e, s->value->span, s->text);
    Ref one = ir_convert(b, elab_ref_of(e, condition, DT_bool), e->real);
    b->span = s->value->span;
    Value v = elab_value_ref(e, ir_div(b, one, one));
    if (elab_is_static(factor->value))
        elab_push_slot(e, env, factor, v, 0);
    else
        elab_push_slot(e, env, factor,
                       elab_arith(e, AST_OP_MUL, factor->value, v, MODE_term, s->value->span),
                       0);
}

void
elab_require(Elab *e, Env *env, const Stmt *s, Value condition)
{
    if (!check_before(e, env, s, condition))
        check_here(e, env, s, condition);
}

static bool
states_requirement(const Body *body)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        if (s->kind == STMT_REQUIRE || states_requirement(s->body) ||
            states_requirement(s->other))
            return true;
    }
    return false;
}

void
elab_open_required(Elab *e, Env *env, const Body *body, Span span)
{
    env->required = 0;
    if (!states_requirement(body))
        return;
    elab_bind_var(e, env, "a requirement", elab_value_real(1.0), span);
    env->required = env->local->slot;
}

Value
elab_close_required(Elab *e, const Env *env, Value v, Span span)
{
    Value leaf[MAX_LEAVES], factor;
    uint32_t n = 0, k = 0;
    bool real = false;

    if (!env->required || elab_is_poison(v) || v.kind == VAL_none)
        return v;
    factor = elab_find_slot(env, env->required)->value;
    if (elab_is_static(factor) || elab_is_poison(factor))
        return v;
    bool numbers = elab_flatten(e, v, leaf, &n, MAX_LEAVES);
    for (uint32_t i = 0; numbers && i < n; i++)
        if (dtype_is_float((DType)elab_value_type(e, leaf[i]).dtype)) {
            leaf[i] = elab_arith(e, AST_OP_MUL, leaf[i], factor, MODE_step, span);
            real = true;
        }
    return real ? elab_unflatten(e, v, leaf, &k)
                : FAIL(e, unsupported, span,
                       "'require' of what varies, where the result holds no real number,");
}

/* ---- indices */

static Ref
is_in_range(Builder *b, Ref low, Ref high, int64_t size)
{
    return ir_and(b, ir_ge(b, low, ir_number(b, DT_i32, 0)),
                  ir_lt(b, high, ir_number(b, DT_i32, (double)size)));
}

/* The smallest and the largest of the indices, and the first element, or turn, at which one is
 * out of range. */
static void
judge_indices(const Known *k, Ref index, int64_t size, Ref ret[3])
{
    Builder *b = &k->to->b;
    Type t = ir_type(b->function, index);
    Ref fits = is_in_range(b, index, index, size);

    ret[0] = ret[1] = index;
    ret[2] = first_turn(k, fits);
    if (t.rank == 0)
        return;
    ret[0] = ir_reduce_all(b, OP_amin, index);
    ret[1] = ir_reduce_all(b, OP_amax, index);
    ret[2] = k->loops ? first_turn(k, ir_reduce_all(b, OP_all, fits))
                      : ir_reduce_all(b, OP_amin, if_broken(b, fits, ir_iota(b, t, 0)));
}

void
elab_require_index(Elab *e, Value index, int64_t size, Span span)
{
    static const FoldKind kind[] = {FOLD_min, FOLD_max, FOLD_min};
    Known k;
    Ref end[3];

    if (!is_checked_here(e) || !elab_known(&k, e, index) || !k.arrays)
        return;
    Ref all = elab_known_copy(&k, check_frame(e), index);
    Builder *b = &k.to->b;
    bool array = ir_type(b->function, all).rank > 0;
    judge_indices(&k, all, size, end);
    elab_known_fold(&k, 3, end, kind);
    ProgramRequirement *r =
        add_condition(e, &k, is_in_range(b, end[0], end[1], size), span, NULL);
    if (!r)
        return;
    Ref below = ir_lt(b, end[0], ir_number(b, DT_i32, 0));
    r->size = size;
    add_shown(e, r, elab_expr_text(e, span), ir_select(b, below, end[0], end[1]));
    if (array || k.loops)
        add_place(e, r, end[2]);
}
