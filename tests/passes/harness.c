/* SPDX-License-Identifier: Apache-2.0
 *
 * harness.c -- derivatives of a function against differences and against each other
 *
 * Everything goes through the passes and the interpreter, in f64.  For a random direction u of
 * the arguments and random weights w of the results, w . jvp(u), vjp(w) . u and the difference
 * quotient of w . f along u are one number.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t
harness_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double
uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * ((double)(harness_bits(state) >> 11) * 0x1p-53);
}

/* ---- derivatives as functions */

static const Region *
body_of(const Function *f)
{
    return &f->region[0];
}

static Type
param_type(const Function *f, uint32_t i)
{
    return ir_type(f, body_of(f)->param[i]);
}

static uint32_t
real_params(const Function *f, int64_t *active)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < body_of(f)->n_params; i++)
        if (dtype_is_float((DType)param_type(f, i).dtype))
            active[n++] = i;
    return n;
}

enum { MAX_ARGS = 64 };

static Function *
derivative(Subject *s, const Function *f, Op mode)
{
    Ref arg[2 * MAX_ARGS], out[2 * MAX_ARGS];
    int64_t active[MAX_ARGS];
    uint32_t n_params = body_of(f)->n_params, n_yields = body_of(f)->n_yields, n = 0;
    uint32_t n_active = real_params(f, active);
    Function *g =
        function_new(s->m, arena_printf(s->arena, "%s_%zu", op_info[mode].name, s->m->n));
    Builder b = builder_at(s->m, g);

    for (; n < n_params; n++)
        arg[n] = ir_param(&b, param_type(f, n));
    for (uint32_t i = 0; mode == OP_vjp && i < n_yields; i++)
        arg[n++] = ir_param(&b, ir_type(f, body_of(f)->yield[i]));
    for (uint32_t i = 0; mode == OP_jvp && i < n_active; i++)
        arg[n++] = ir_param(&b, param_type(f, (uint32_t)active[i]));
    Ref call = ir_call(&b, mode, f->index, n, arg, mode == OP_laplacian ? 1 : n_active, active);
    uint32_t count = mode == OP_jvp ? n_yields : mode == OP_vjp ? n_active : 1;
    uint32_t first = mode == OP_laplacian ? 2 : n_yields;
    for (uint32_t i = 0; i < count; i++)
        out[i] = ir_get(&b, call, first + i);
    ir_yield(&b, count, out);
    return g;
}

Function *
harness_vjp(Subject *s, const Function *f)
{
    return derivative(s, f, OP_vjp);
}

Function *
harness_jvp(Subject *s, const Function *f)
{
    return derivative(s, f, OP_jvp);
}

Function *
harness_laplacian(Subject *s, const Function *f)
{
    return derivative(s, f, OP_laplacian);
}

Function *
harness_beside(Subject *s, const Function *f)
{
    Ref arg[2 * MAX_ARGS], out[3 * MAX_ARGS], call[3];
    const Function *grad = harness_vjp(s, f);
    uint32_t n = body_of(f)->n_params, n_all = body_of(grad)->n_params, count = 0;
    Function *g = function_new(s->m, "beside");
    Builder b = builder_at(s->m, g);

    for (uint32_t i = 0; i < n_all; i++)
        arg[i] = ir_param(&b, param_type(grad, i));
    call[0] = ir_call(&b, OP_call, f->index, n, arg, 0, NULL);
    call[1] = ir_call(&b, OP_call, grad->index, n_all, arg, 0, NULL);
    arg[0] = ir_tanh(&b, arg[0]);
    call[2] = ir_call(&b, OP_call, f->index, n, arg, 0, NULL);
    for (int k = 0; k < 3; k++)
        for (uint32_t i = 0; i < ir_node(g, call[k])->n_results; i++)
            out[count++] = ir_get(&b, call[k], i);
    ir_yield(&b, count, out);
    return g;
}

/* ---- running */

static Module *
expand(Subject *s, const PassId *pass, size_t n)
{
    SourceMap sources = {.arena = s->arena};
    DiagList diags = {.arena = s->arena, .sources = &sources};
    PassOptions options = {.arena = s->arena, .diags = &diags, .log = stdout, .verify = true};
    Module *m = pass_run(s->m, pass, n, &options);

    diag_render(&diags, stdout);
    if (!m)
        printf("%s: the passes fail\n", s->name);
    return m;
}

/* Runs the passes up to the interpreter; NULL after diagnostics, which are printed. */
static Module *
expand_all(Subject *s)
{
    return expand(s, pipeline_middle.pass, pipeline_middle.n);
}

typedef struct Buffers {
    void *at[4 * MAX_ARGS];
    Type type[4 * MAX_ARGS];
    uint32_t n;
} Buffers;

static Buffers
buffers_of(Subject *s, const Function *f, bool params)
{
    Buffers b = {.n = params ? body_of(f)->n_params : body_of(f)->n_yields};

    for (uint32_t i = 0; i < b.n; i++) {
        b.type[i] = params ? param_type(f, i) : ir_type(f, body_of(f)->yield[i]);
        b.at[i] =
            arena_alloc(s->arena, type_size(b.type[i]) + 1, dtype_size((DType)b.type[i].dtype));
    }
    return b;
}

static void
fill(Subject *s, Buffers *b, uint64_t *random)
{
    for (uint32_t i = 0; i < b->n; i++)
        for (uint64_t k = 0; k < type_size(b->type[i]); k++) {
            double v = uniform(random, s->low, s->high);
            switch (b->type[i].dtype) {
            case DT_f64: ((double *)b->at[i])[k] = v; break;
            case DT_f32: ((float *)b->at[i])[k] = (float)v; break;
            case DT_i32: ((int32_t *)b->at[i])[k] = (int32_t)(harness_bits(random) % 4); break;
            default: ((bool *)b->at[i])[k] = harness_bits(random) & 1;
            }
        }
}

static bool
run(Subject *s, const Module *m, const char *name, const Buffers *arg, const Buffers *result)
{
    Interp *interp = interp_new(m, NULL);
    InterpPlace place = {{1, 2}, 3, 4};
    InterpStatus status = INTERP_MEMORY;

    if (interp)
        status = interp_run(interp, module_find(m, name), &place, (const void *const *)arg->at,
                            result->at);
    if (status != INTERP_OK)
        printf("%s: %s: %s\n", s->name, name, interp_status_text(status));
    interp_free(interp);
    return status == INTERP_OK;
}

static double
dot(const Buffers *x, uint32_t from, const Buffers *y, uint32_t first, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        for (uint64_t k = 0;
             x->type[from + i].dtype == DT_f64 && k < type_size(x->type[from + i]); k++)
            sum += ((double *)x->at[from + i])[k] * ((double *)y->at[first + i])[k];
    return sum;
}

/* ---- checks */

static int
compare(const Subject *s, const char *what, double got, double want, double scale)
{
    double tolerance = s->tolerance != 0 ? s->tolerance : 1e-6;

    if (fabs(got - want) <= tolerance * (1 + scale + fabs(want)))
        return 0;
    printf("%s: %s: %.12g, expected %.12g (seed %llu)\n", s->name, what, got, want,
           (unsigned long long)s->seed);
    return 1;
}

typedef struct Check {
    Subject *s;
    const Function *f, *v, *j;
    Module *m;
    Buffers x, u, r, w, tangent, gradient;
    int64_t active[MAX_ARGS];
    uint32_t n_active;
} Check;

/* w . f(x + h u) */
static double
moved(Check *c, double h)
{
    Buffers x = buffers_of(c->s, c->f, true);

    for (uint32_t i = 0; i < x.n; i++)
        memcpy(x.at[i], c->x.at[i], type_size(x.type[i]) * dtype_size((DType)x.type[i].dtype));
    for (uint32_t i = 0; i < c->n_active; i++)
        for (uint64_t k = 0; k < type_size(c->u.type[i]); k++)
            ((double *)x.at[c->active[i]])[k] += h * ((double *)c->u.at[i])[k];
    return run(c->s, c->m, c->f->name, &x, &c->r) ? dot(&c->r, 0, &c->w, 0, c->r.n) : NAN;
}

static Buffers
joined(const Buffers *x, const Buffers *y)
{
    Buffers b = *x;

    memcpy(b.at + b.n, y->at, y->n * sizeof *y->at);
    memcpy(b.type + b.n, y->type, y->n * sizeof *y->type);
    b.n += y->n;
    return b;
}

static int
check_direction(Check *c, const char *what)
{
    double h = c->s->step != 0 ? c->s->step : 1e-5;
    /* fourth order, so that h may be large enough for the rounding of long programs */
    double near = moved(c, h) - moved(c, -h), far = moved(c, 2 * h) - moved(c, -2 * h);
    double difference = (8 * near - far) / (12 * h);
    Buffers forward = joined(&c->x, &c->u), reverse = joined(&c->x, &c->w);
    int failures = 0;

    if (!run(c->s, c->m, c->j->name, &forward, &c->tangent) ||
        !run(c->s, c->m, c->v->name, &reverse, &c->gradient))
        return 1;
    double tangent = dot(&c->tangent, 0, &c->w, 0, c->w.n);
    double gradient = dot(&c->gradient, 0, &c->u, 0, c->n_active);
    failures += compare(c->s, arena_printf(c->s->arena, "%s, forward", what), tangent,
                        difference, fabs(near) * 1e-3);
    failures += compare(c->s, arena_printf(c->s->arena, "%s, reverse", what), gradient, tangent,
                        fabs(near) * 1e-3);
    return failures;
}

static Buffers
tangents_of(Subject *s, const Check *c)
{
    Buffers b = {.n = c->n_active};

    for (uint32_t i = 0; i < b.n; i++) {
        b.type[i] = c->x.type[c->active[i]];
        b.at[i] = arena_alloc(s->arena, type_size(b.type[i]) + 1, sizeof(double));
    }
    return b;
}

int
harness_check(Subject *s, const Function *f)
{
    Check c = {.s = s, .f = f, .v = harness_vjp(s, f), .j = harness_jvp(s, f)};
    uint64_t random = s->seed;
    int failures = 0;
    Subject unit = *s;

    unit.low = -1;
    unit.high = 1;
    c.m = expand_all(s);
    if (!c.m)
        return 1;
    c.n_active = real_params(f, c.active);
    c.x = buffers_of(s, f, true);
    c.r = buffers_of(s, f, false);
    c.w = buffers_of(s, f, false);
    c.u = tangents_of(s, &c);
    c.tangent = buffers_of(s, c.j, false);
    c.gradient = buffers_of(s, c.v, false);
    fill(s, &c.x, &random);
    fill(&unit, &c.w, &random);
    fill(&unit, &c.u, &random);
    failures += check_direction(&c, "all arguments");
    for (uint32_t i = 0; c.n_active > 1 && i < c.n_active; i++) {
        for (uint32_t k = 0; k < c.n_active; k++)
            memset(c.u.at[k], 0, type_size(c.u.type[k]) * sizeof(double));
        Buffers one = {{c.u.at[i]}, {c.u.type[i]}, 1};
        fill(&unit, &one, &random);
        failures += check_direction(&c, arena_printf(s->arena, "argument %u", i));
    }
    return failures;
}

/* Hessian-vector products as a function: x, cotangent, tangents -> tangents of the gradients.
 */
int
harness_check_laplacian(Subject *s, const Function *f)
{
    const Function *gradient = harness_vjp(s, f), *hessian = harness_jvp(s, gradient);
    const Function *laplacian = harness_laplacian(s, f);
    uint64_t random = s->seed, d = type_size(param_type(f, 0));
    Module *m = expand_all(s);
    double trace = 0;

    if (!m)
        return 1;
    Buffers x = buffers_of(s, f, true), h = buffers_of(s, hessian, true);
    Buffers out = buffers_of(s, laplacian, false), product = buffers_of(s, hessian, false);
    fill(s, &x, &random);
    if (!run(s, m, laplacian->name, &x, &out))
        return 1;
    for (uint32_t i = 0; i < x.n; i++)
        h.at[i] = x.at[i];
    ((double *)h.at[x.n])[0] = 1;
    for (uint64_t i = 0; i < d; i++) {
        ((double *)h.at[x.n + 1])[i] = 1;
        if (!run(s, m, hessian->name, &h, &product))
            return 1;
        ((double *)h.at[x.n + 1])[i] = 0;
        trace += ((double *)product.at[0])[i];
    }
    return compare(s, "laplacian", ((double *)out.at[0])[0], trace, 0);
}

/* ---- passes that keep every bit */

static bool
same_bits(const Buffers *x, const Buffers *y)
{
    for (uint32_t i = 0; i < x->n; i++)
        for (uint64_t k = 0; k < type_size(x->type[i]); k++) {
            double a = ((double *)x->at[i])[k], b = ((double *)y->at[i])[k];
            if (memcmp(&a, &b, sizeof a) != 0 && !(isnan(a) && isnan(b)))
                return false;
        }
    return true;
}

int
harness_check_exact(Subject *s, const Function *f)
{
    static const PassId plain[] = {PASS_derive, PASS_inline};
    static const PassId exact[] = {PASS_derive, PASS_inline, PASS_simplify, PASS_simplify,
                                   PASS_merge};
    Module *before = expand(s, plain, 2), *after = expand(s, exact, 5);
    Buffers x = buffers_of(s, f, true), want = buffers_of(s, f, false);
    Buffers got = buffers_of(s, f, false);
    uint64_t random = s->seed;

    fill(s, &x, &random);
    ((double *)x.at[0])[0] = -0.0;
    if (!before || !after || !run(s, before, f->name, &x, &want) ||
        !run(s, after, f->name, &x, &got))
        return 1;
    if (same_bits(&want, &got))
        return 0;
    printf("%s: a pass changes bits (seed %llu)\n", s->name, (unsigned long long)s->seed);
    return 1;
}
