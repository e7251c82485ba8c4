/* SPDX-License-Identifier: Apache-2.0
 *
 * interp.c -- running functions, regions and control flow
 *
 * Pointwise ops are ir_eval, element by element; each structural op has its eval_<name> here or
 * in interp_array.c, interp_reduce.c and interp_draw.c.
 */
#include "ir/interp_state.h"

#include <math.h>
#include <stdlib.h>

const char *
interp_status_text(InterpStatus status)
{
    switch (status) {
    case INTERP_OK: return "done";
    case INTERP_MEMORY: return "the arrays need more memory than there is";
    case INTERP_DERIVATIVE: return "derivatives must be expanded first";
    case INTERP_BATCH: return "the step must be cut into phases where it crosses the batch";
    case INTERP_DEPTH: return "calls and regions nest too deeply";
    case INTERP_RANGE: return "an index or a number of turns is not in the range declared";
    case INTERP_INPUT: return "an input is not bound, or start and step disagree";
    }
    return "";
}

static bool
stop(Interp *s, InterpStatus status)
{
    s->status = status;
    return false;
}

/* ---- pointwise */

/* bitcast sees the bits of the program's dtype even when numbers are wider. */
static Scalar
judge_bitcast(DType d, DType to, Scalar x)
{
    Scalar r = {.bits = 0};

    if (d == DT_f32)
        r.f32 = (float)x.f64;
    else
        r = x;
    if (to == DT_f32)
        r = scalar_from_double((double)r.f32, DT_f64);
    return r;
}

/* The commonest ops on arrays of floats, as loops: what ir_eval says, without asking it for
 * each element. */
#define LOOP(expression) \
    for (uint64_t e = 0; e < n; e++) \
        r[e] = (expression); \
    return true
#define DEFINE_LOOPS(T, name, FMA) \
    static bool name(Op op, uint64_t n, const T *x, const T *y, const T *z, T *r) \
    { \
        switch (op) { \
        case OP_add: LOOP(x[e] + y[e]); \
        case OP_sub: LOOP(x[e] - y[e]); \
        case OP_mul: LOOP(x[e] * y[e]); \
        case OP_div: LOOP(x[e] / y[e]); \
        case OP_neg: LOOP(-x[e]); \
        case OP_fma: LOOP(FMA(x[e], y[e], z[e])); \
        default: return false; \
        } \
    }
DEFINE_LOOPS(float, loop_f32, fmaf)
DEFINE_LOOPS(double, loop_f64, fma)

static DType
operand_dtype(const Plan *p, const Node *n)
{
    return interp_arg_type(p, n, n->op == OP_select).dtype;
}

static void
eval_pointwise(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    DType program = operand_dtype(p, n), d = interp_dtype(s, program);
    DType to = interp_dtype(s, n->type.dtype);
    bool bits = s->judge && n->op == OP_bitcast;
    const void *from[3] = {NULL};
    DType from_dtype[3] = {DT_none};
    Scalar x[3] = {{.bits = 0}};
    void *out = interp_out(p, id);
    uint64_t size = type_size(n->type);

    for (uint32_t i = 0; i < n->n_args; i++) {
        from[i] = interp_arg(p, n, i);
        from_dtype[i] = interp_dtype(s, interp_arg_type(p, n, i).dtype);
    }
    if (d == DT_f32 && loop_f32(n->op, size, from[0], from[1], from[2], out))
        return;
    if (d == DT_f64 && loop_f64(n->op, size, from[0], from[1], from[2], out))
        return;
    for (uint64_t e = 0; e < size; e++) {
        for (uint32_t i = 0; i < n->n_args; i++)
            x[i] = interp_load(from[i], from_dtype[i], e);
        interp_store(out, to, e,
                     bits ? judge_bitcast(program, n->type.dtype, x[0])
                          : ir_eval(n->op, d, to, x));
    }
}

static void
scalar_pointwise(Interp *s, Plan *p, const Node *n, Value *out)
{
    Scalar x[3] = {{.bits = 0}};

    for (uint32_t i = 0; i < n->n_args; i++)
        x[i] = p->value[n->arg[i].id].scalar;
    out->scalar =
        ir_eval(n->op, interp_dtype(s, operand_dtype(p, n)), interp_dtype(s, n->type.dtype), x);
}

/* ---- results */

static Value *
results_of(const Plan *p, uint32_t id)
{
    return p->result + p->first_result[id];
}

static void
copy_value(Interp *s, Value *to, const Value *from, Type t)
{
    size_t bytes = interp_bytes(s, t);

    if (t.rank == 0)
        to->scalar = from->scalar;
    else if (to->data != from->data && bytes)
        memcpy(to->data, from->data, bytes);
}

static void
copy_yields(Interp *s, Plan *p, uint32_t id, RegionId region)
{
    const Region *r = &p->f->region[region];
    Value *to = results_of(p, id);

    for (uint32_t i = 0; i < r->n_yields; i++)
        copy_value(s, &to[i], &p->value[r->yield[i].id], ir_type(p->f, r->yield[i]));
    if (p->causes)
        copy_yields(s, p->causes, id, region);
}

bool
eval_arg(Interp *s, Plan *p, uint32_t id)
{
    (void)s, (void)p, (void)id; /* bound where its region is entered */
    return true;
}

bool
eval_const(Interp *s, Plan *p, uint32_t id)
{
    (void)s, (void)p, (void)id; /* bound by the plan */
    return true;
}

bool
eval_get(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];

    (void)s;
    if (n->type.rank == 0)
        p->value[id].scalar = results_of(p, n->arg[0].id)[n->attr.i].scalar;
    return true; /* an array lies where its result does */
}

/* ---- calls */

/* Runs a region; false, with s->status, when the run stops. */
static bool run_region(Interp *s, Plan *p, RegionId r);

bool
eval_call(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Plan *callee = s->plan[n->attr.callee];
    const Region *body = &callee->f->region[0];
    Value *result = results_of(p, id);

    for (uint32_t i = 0; i < n->n_args; i++)
        callee->value[body->param[i].id] = p->value[n->arg[i].id];
    if (!run_region(s, callee, 0))
        return false;
    for (uint32_t i = 0; i < body->n_yields; i++)
        copy_value(s, &result[i], &callee->value[body->yield[i].id], n->result[i]);
    return true;
}

bool
eval_chain_index(Interp *s, Plan *p, uint32_t id)
{
    p->value[id].scalar = (Scalar){.bits = 0};
    p->value[id].scalar.i32 = (int32_t)s->place.chain;
    return true;
}

bool
eval_batch(Interp *s, Plan *p, uint32_t id)
{
    (void)p;
    (void)id;
    return stop(s, INTERP_BATCH);
}

bool
eval_batch_sum(Interp *s, Plan *p, uint32_t id)
{
    return eval_batch(s, p, id);
}

static bool
refuse_derivative(Interp *s)
{
    return stop(s, INTERP_DERIVATIVE);
}

bool
eval_vjp(Interp *s, Plan *p, uint32_t id)
{
    (void)p, (void)id;
    return refuse_derivative(s);
}

bool
eval_jvp(Interp *s, Plan *p, uint32_t id)
{
    (void)p, (void)id;
    return refuse_derivative(s);
}

bool
eval_laplacian(Interp *s, Plan *p, uint32_t id)
{
    (void)p, (void)id;
    return refuse_derivative(s);
}

/* ---- control flow */

bool
eval_if(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    RegionId branch = n->own[p->value[n->arg[0].id].scalar.b ? 0 : 1];

    if (!run_region(s, p, branch))
        return false;
    copy_yields(s, p, id, branch);
    return true;
}

/* Carried values: operands from `first` on become the results, which the parameters from `skip`
 * on of each region share. */
static void
carry_in(Interp *s, Plan *p, uint32_t id, uint32_t first)
{
    const Node *n = &p->f->node[id];
    Value *result = results_of(p, id);

    for (uint32_t i = 0; i < n->n_results; i++)
        copy_value(s, &result[i], &p->value[n->arg[first + i].id], n->result[i]);
    if (p->causes)
        carry_in(s, p->causes, id, first);
}

static void
set_params(Plan *p, uint32_t id, RegionId region, uint32_t skip)
{
    const Region *r = &p->f->region[region];
    const Value *result = results_of(p, id);

    for (uint32_t i = skip; i < r->n_params; i++)
        p->value[r->param[i].id].scalar = result[i - skip].scalar;
    if (p->causes)
        set_params(p->causes, id, region, skip);
}

/* What the body yields becomes what is carried.  Where a value that one result yields lies in
 * the place of another, all are put aside first. */
static void
carry_over(Interp *s, Plan *p, uint32_t id, RegionId body)
{
    const Node *n = &p->f->node[id];
    const Region *r = &p->f->region[body];
    const Storage *scratch = &p->storage[p->scratch[id]];
    Value *result = results_of(p, id);
    Scalar *aside = (Scalar *)(void *)(p->memory + scratch->offset);
    unsigned char *to = (unsigned char *)(aside + n->n_results);
    bool crosses = scratch->needed > n->n_results * sizeof *aside;

    for (uint32_t i = 0; i < n->n_results; i++) {
        const Value *v = &p->value[r->yield[i].id];
        aside[i] = v->scalar;
        if (crosses && n->result[i].rank)
            memcpy(to, v->data, interp_bytes(s, n->result[i]));
        to += n->result[i].rank ? interp_bytes(s, n->result[i]) : 0;
    }
    to = (unsigned char *)(aside + n->n_results);
    for (uint32_t i = 0; i < n->n_results; i++) {
        Value from = {aside[i], crosses ? to : p->value[r->yield[i].id].data};
        copy_value(s, &result[i], &from, n->result[i]);
        to += n->result[i].rank ? interp_bytes(s, n->result[i]) : 0;
    }
    if (p->causes)
        carry_over(s, p->causes, id, body);
}

bool
eval_for(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    int64_t from = interp_index(p, n, 0), to = interp_index(p, n, 1);
    RegionId body = n->own[0];
    Value *index = &p->value[p->f->region[body].param[0].id];

    if (n->attr.i >= 0 && to - from > n->attr.i)
        return stop(s, INTERP_RANGE);
    carry_in(s, p, id, 2);
    for (int64_t i = from; i < to; i++) {
        index->scalar = (Scalar){.i32 = (int32_t)i};
        set_params(p, id, body, 1);
        if (!run_region(s, p, body))
            return false;
        carry_over(s, p, id, body);
    }
    return true;
}

bool
eval_while(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Ref condition = p->f->region[n->own[0]].yield[0];
    int32_t most = interp_index(p, n, 0);

    carry_in(s, p, id, 1);
    for (int32_t turn = 0; turn < most; turn++) {
        set_params(p, id, n->own[0], 0);
        if (!run_region(s, p, n->own[0]))
            return false;
        if (!p->value[condition.id].scalar.b)
            break;
        set_params(p, id, n->own[1], 0);
        if (!run_region(s, p, n->own[1]))
            return false;
        carry_over(s, p, id, n->own[1]);
    }
    return true;
}

/* One result of a loop while it runs: where its values go, or 16 partial results. */
typedef struct Gathering {
    FoldKind kind;
    DType dtype;
    Type value;
    uint64_t size;          /* elements a value */
    size_t bytes;           /* of a value */
    unsigned char *partial; /* 16 values */
} Gathering;

static Gathering
gathering(Interp *s, Plan *p, uint32_t id, uint32_t i, unsigned char **scratch)
{
    const Node *n = &p->f->node[id];
    Type value = ir_type(p->f, p->f->region[n->own[0]].yield[i]);
    Gathering g = {.kind = (FoldKind)n->attr.ints[1 + n->attr.ints[0] + i], .value = value};

    g.dtype = interp_dtype(s, value.dtype);
    g.size = type_size(value);
    g.bytes = interp_bytes(s, value);
    g.partial = *scratch;
    if (g.kind != FOLD_store)
        *scratch += FOLD_PARTIALS * g.bytes;
    return g;
}

static void
gather(const Gathering *g, Value *v, uint64_t turn, Value *result)
{
    const void *from = interp_elements(v, g->value);
    unsigned char *partial = g->partial + turn % FOLD_PARTIALS * g->bytes;

    if (g->kind == FOLD_store)
        memcpy((unsigned char *)result->data + turn * g->bytes, from, g->bytes);
    else if (turn < FOLD_PARTIALS)
        memcpy(partial, from, g->bytes);
    else
        interp_combine(g->kind, g->dtype, partial, from, g->size);
}

static void
finish_fold(const Gathering *g, uint64_t turns, Value *result)
{
    unsigned n = turns < FOLD_PARTIALS ? (unsigned)turns : FOLD_PARTIALS;
    void *out = interp_elements(result, g->value);

    if (g->kind == FOLD_store)
        return;
    for (unsigned k = FOLD_PARTIALS / 2; k > 0; k /= 2)
        for (unsigned i = 0; i < k && i + k < n; i++)
            interp_combine(g->kind, g->dtype, g->partial + i * g->bytes,
                           g->partial + (i + k) * g->bytes, g->size);
    for (uint64_t e = 0; turns == 0 && e < g->size; e++)
        interp_store(g->partial, g->dtype, e, fold_empty(g->kind, g->dtype));
    if (g->value.rank == 0)
        result->scalar = (Scalar){.bits = 0};
    memcpy(out, g->partial, g->bytes);
}

/* The loop's indices, the last running fastest. */
static void
next_iteration(Plan *p, const Node *n)
{
    const Region *r = &p->f->region[n->own[0]];

    for (uint32_t k = r->n_params; k-- > 0;) {
        Scalar *i = &p->value[r->param[k].id].scalar;
        if (++i->i32 < n->attr.ints[1 + k])
            return;
        i->i32 = 0;
    }
}

/* What is not finite among a turn's values, and stays so in what they are gathered to. */
static void
gather_causes(const Gathering *g, const Plan *p, uint32_t id, uint32_t i, uint64_t turn)
{
    const Node *n = &p->f->node[id];
    Value *value = &p->causes->value[p->f->region[n->own[0]].yield[i].id];

    if (!dtype_is_float(g->dtype))
        return;
    if (g->kind == FOLD_store)
        gather(g, value, turn, &results_of(p->causes, id)[i]);
    else
        interp_trace_fold(p, id, i, g->value, value, turn == 0);
}

enum { FEW_RESULTS = 16 };

static bool
run_iterations(Interp *s, Plan *p, uint32_t id, const Gathering *g)
{
    const Node *n = &p->f->node[id];
    const Region *r = &p->f->region[n->own[0]];
    Value *result = results_of(p, id);
    uint64_t turns = ir_loop_turns(n);

    for (uint32_t k = 0; k < r->n_params; k++)
        p->value[r->param[k].id].scalar = (Scalar){.bits = 0};
    for (uint64_t t = 0; t < turns; t++) {
        if (!run_region(s, p, n->own[0]))
            return false;
        for (uint32_t i = 0; i < r->n_yields; i++)
            gather(&g[i], &p->value[r->yield[i].id], t, &result[i]);
        for (uint32_t i = 0; p->causes && i < r->n_yields; i++)
            gather_causes(&g[i], p, id, i, t);
        next_iteration(p, n);
    }
    for (uint32_t i = 0; i < r->n_yields; i++)
        finish_fold(&g[i], turns, &result[i]);
    return true;
}

bool
eval_loop(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    unsigned char *scratch = p->memory + p->storage[p->scratch[id]].offset;
    Gathering few[FEW_RESULTS];
    Gathering *g = n->n_results <= FEW_RESULTS ? few : malloc(n->n_results * sizeof *g);

    if (!g)
        return stop(s, INTERP_MEMORY);
    for (uint32_t i = 0; i < n->n_results; i++)
        g[i] = gathering(s, p, id, i, &scratch);
    bool done = run_iterations(s, p, id, g);
    if (g != few)
        free(g);
    return done;
}

/* ---- regions and functions */

static bool
run_region(Interp *s, Plan *p, RegionId r)
{
    static InterpEval *const eval[OP_COUNT] = {
#define STRUCTURAL(name, ...) [OP_##name] = eval_##name,
#include "ir/ops.def"
    };
    const Order *order = &p->order[r];

    for (uint32_t k = 0; k < order->n; k++) {
        uint32_t id = order->node[k];
        const Node *n = &p->f->node[id];
        if (!op_is_pointwise(n->op)) {
            if (!eval[n->op](s, p, id))
                return false;
        } else if (n->type.rank || s->judge) {
            eval_pointwise(s, p, id);
        } else {
            scalar_pointwise(s, p, n, &p->value[id]);
        }
        if (p->causes)
            interp_trace_node(s, p, id);
    }
    return true;
}

Interp *
interp_new(const Module *m, const InterpOptions *options)
{
    Interp *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->module = m;
    s->judge = options && options->judge;
    s->budget = options && options->memory ? options->memory : INTERP_MEMORY_DEFAULT;
    s->plan = calloc(m->n + 1, sizeof(Plan *));
    if (!s->plan) {
        free(s);
        return NULL;
    }
    return s;
}

void
interp_free(Interp *s)
{
    for (size_t i = 0; s && i < s->module->n; i++)
        if (s->plan[i])
            free(s->plan[i]->memory);
    if (s) {
        free(s->plan);
        arena_free(&s->arena);
    }
    free(s);
}

Type
interp_type(const Interp *s, Type t)
{
    return type_with(t, interp_dtype(s, t.dtype));
}

/* A request, for the arena's guard. */
typedef struct Planning {
    Interp *s;
    const Function *f;
    Plan *plan;
} Planning;

static void
make_plan(void *user)
{
    Planning *r = user;

    r->plan = interp_plan(r->s, r->f);
}

static Plan *
find_plan(Interp *s, const Function *f)
{
    Planning r = {.s = s, .f = f, .plan = s->plan[f->index]};

    if (!r.plan && !arena_guard(&s->arena, make_plan, &r)) {
        s->status = INTERP_MEMORY;
        return NULL;
    }
    return r.plan;
}

Plan *
interp_bind(Interp *s, const Function *f, const void *const *arg)
{
    s->status = INTERP_OK;
    Plan *p = find_plan(s, f);
    const Region *body = &f->region[0];

    for (uint32_t i = 0; p && i < body->n_params; i++) {
        Type t = interp_type(s, ir_type(f, body->param[i]));
        Value *v = &p->value[body->param[i].id];
        if (t.rank)
            v->data = (void *)(uintptr_t)arg[i];
        else
            v->scalar = interp_load(arg[i], t.dtype, 0);
    }
    return p;
}

InterpStatus
interp_run(Interp *s, const Function *f, const InterpPlace *at, const void *const *arg,
           void *const *ret_result)
{
    Plan *p = interp_bind(s, f, arg);
    const Region *body = &f->region[0];

    if (!p)
        return s->status;
    s->place = *at;
    if (!run_region(s, p, 0))
        return s->status;
    for (uint32_t i = 0; i < body->n_yields; i++) {
        Type t = ir_type(f, body->yield[i]);
        size_t bytes = interp_bytes(s, t);
        if (bytes)
            memcpy(ret_result[i], interp_elements(&p->value[body->yield[i].id], t), bytes);
    }
    return INTERP_OK;
}
