/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_reduce.c -- folds, products and linear algebra, in the order that docs/ir.md fixes
 */
#include <assert.h>
#include <math.h>

#include "ir/interp_state.h"
#include "ir/shapes.h"

/* ---- folds */

void
interp_combine(FoldKind kind, DType d, void *acc, const void *x, uint64_t n)
{
    Scalar a[3] = {{.bits = 0}};

    for (uint64_t i = 0; i < n; i++) {
        a[0] = interp_load(acc, d, i);
        a[1] = interp_load(x, d, i);
        interp_store(acc, d, i, ir_eval((Op)fold_op[kind], d, d, a));
    }
}

/* 16 strided partial results over n positions, then the tree. */
#define DEFINE_SUM(T, name) \
    static T name(const T *x, Walk *w, uint64_t n) \
    { \
        T part[FOLD_PARTIALS]; \
        unsigned parts = n < FOLD_PARTIALS ? (unsigned)n : FOLD_PARTIALS; \
        for (uint64_t i = 0; i < n; i++, walk_next(w)) \
            part[i % FOLD_PARTIALS] = \
                i < FOLD_PARTIALS ? x[w->at[0]] : part[i % FOLD_PARTIALS] + x[w->at[0]]; \
        for (unsigned k = FOLD_PARTIALS / 2; k > 0; k /= 2) \
            for (unsigned i = 0; i < k && i + k < parts; i++) \
                part[i] += part[i + k]; \
        return n ? part[0] : 0; \
    }
DEFINE_SUM(float, sum_f32)
DEFINE_SUM(double, sum_f64)

static Scalar
fold_any_kind(FoldKind kind, DType d, const void *x, Walk *w, uint64_t n)
{
    Scalar part[FOLD_PARTIALS], v;
    unsigned parts = n < FOLD_PARTIALS ? (unsigned)n : FOLD_PARTIALS;

    for (uint64_t i = 0; i < n; i++, walk_next(w)) {
        v = interp_load(x, d, (uint64_t)w->at[0]);
        if (i < FOLD_PARTIALS)
            part[i] = v;
        else
            interp_combine(kind, d, &part[i % FOLD_PARTIALS], &v, 1);
    }
    for (unsigned k = FOLD_PARTIALS / 2; k > 0; k /= 2)
        for (unsigned i = 0; i < k && i + k < parts; i++)
            interp_combine(kind, d, &part[i], &part[i + k], 1);
    return n ? part[0] : fold_empty(kind, d);
}

static Scalar
fold(FoldKind kind, DType d, const void *x, Walk *w, uint64_t n)
{
    Scalar r = {.bits = 0};

    if (kind != FOLD_sum || !dtype_is_float(d))
        return fold_any_kind(kind, d, x, w, n);
    if (d == DT_f32)
        r.f32 = sum_f32(x, w, n);
    else
        r.f64 = sum_f64(x, w, n);
    return r;
}

/* `outer` runs through the results, `inner` through what each combines. */
static void
split_axes(const Node *n, Type x, Walk *outer, Walk *inner)
{
    for (unsigned i = 0, k = 0; i < x.rank; i++) {
        bool reduced = k < n->attr.n_ints && n->attr.ints[k] == (int64_t)i;
        walk_axis(reduced ? inner : outer, x.dim[i], axis_stride(x, i), 0);
        k += reduced;
    }
}

/* A walk over adjacent elements is one over a single axis. */
static void
flatten(Walk *w)
{
    int64_t expected = 1;

    for (unsigned i = w->rank; i-- > 0; expected *= w->dim[i])
        if (w->stride[0][i] != expected)
            return;
    uint64_t n = walk_size(w);
    if (w->rank > 1 && n <= UINT32_MAX)
        *w = (Walk){.rank = 1, .dim = {(uint32_t)n}, .stride = {{1}}};
}

static bool
reduce(Interp *s, Plan *p, uint32_t id, FoldKind kind)
{
    const Node *n = &p->f->node[id];
    DType d = interp_dtype(s, n->type.dtype);
    Walk outer = {.rank = 0}, inner = {.rank = 0};

    split_axes(n, interp_arg_type(p, n, 0), &outer, &inner);
    flatten(&inner);
    uint64_t results = walk_size(&outer), terms = walk_size(&inner);
    void *out = interp_out(p, id);
    for (uint64_t e = 0; e < results; e++, walk_next(&outer)) {
        Walk w = inner;
        w.at[0] = outer.at[0];
        Scalar r = fold(kind, d, interp_arg(p, n, 0), &w, terms);
        if (n->type.rank)
            interp_store(out, d, e, r);
        else
            p->value[id].scalar = r;
    }
    return true;
}

bool
eval_sum(Interp *s, Plan *p, uint32_t id)
{
    return reduce(s, p, id, FOLD_sum);
}

bool
eval_prod(Interp *s, Plan *p, uint32_t id)
{
    return reduce(s, p, id, FOLD_prod);
}

bool
eval_amax(Interp *s, Plan *p, uint32_t id)
{
    return reduce(s, p, id, FOLD_max);
}

bool
eval_amin(Interp *s, Plan *p, uint32_t id)
{
    return reduce(s, p, id, FOLD_min);
}

bool
eval_all(Interp *s, Plan *p, uint32_t id)
{
    return reduce(s, p, id, FOLD_all);
}

bool
eval_any(Interp *s, Plan *p, uint32_t id)
{
    return reduce(s, p, id, FOLD_any);
}

static bool
is_nan(DType d, Scalar x)
{
    return dtype_is_float(d) && isnan(scalar_to_double(x, d));
}

/* The first of the largest; NaN counts as larger than any number. */
static int32_t
first_largest(DType d, const void *x, uint64_t begin, int64_t stride, uint32_t n)
{
    Scalar a[3] = {interp_load(x, d, begin), {.bits = 0}, {.bits = 0}};
    uint32_t best = 0;

    for (uint32_t i = 1; i < n; i++) {
        a[1] = interp_load(x, d, begin + i * (uint64_t)stride);
        bool larger = ir_eval(OP_lt, d, DT_bool, a).b;
        if (larger || (is_nan(d, a[1]) && !is_nan(d, a[0]))) {
            a[0] = a[1];
            best = i;
        }
    }
    return (int32_t)best;
}

bool
eval_argmax(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    DType d = interp_dtype(s, x.dtype);
    Walk w = {.rank = 0};
    int32_t *out = interp_out(p, id);

    for (unsigned i = 0; i < x.rank; i++)
        if ((int64_t)i != n->attr.i)
            walk_axis(&w, x.dim[i], axis_stride(x, i), 0);
    p->value[id].scalar = (Scalar){.bits = 0};
    for (uint64_t e = 0, size = type_size(n->type); e < size; e++, walk_next(&w))
        out[e] = first_largest(d, interp_arg(p, n, 0), (uint64_t)w.at[0],
                               axis_stride(x, (unsigned)n->attr.i), x.dim[n->attr.i]);
    return true;
}

/* ---- contract */

/* The stride of a letter's axis; 0 when the operand does not have it. */
static int64_t
letter_stride(const char *letters, char letter, Type t)
{
    const char *at = strchr(letters, letter);

    return at ? axis_stride(t, (unsigned)(at - letters)) : 0;
}

static uint32_t
letter_extent(const ContractSpec *spec, char letter, Type x, Type y)
{
    const char *at = strchr(spec->x, letter);

    return at ? x.dim[at - spec->x] : y.dim[strchr(spec->y, letter) - spec->y];
}

static void
walk_letters(Walk *w, const char *letters, const ContractSpec *spec, Type x, Type y)
{
    for (; *letters; letters++)
        walk_axis(w, letter_extent(spec, *letters, x, y), letter_stride(spec->x, *letters, x),
                  letter_stride(spec->y, *letters, y));
}

/* acc = fma(x, y, acc) at each position. */
#define DEFINE_CHAIN(T, name, FMA) \
    static T name(const T *x, const T *y, Walk *w, uint64_t n, T acc) \
    { \
        for (uint64_t i = 0; i < n; i++, walk_next(w)) \
            acc = FMA(x[w->at[0]], y[w->at[1]], acc); \
        return acc; \
    }
DEFINE_CHAIN(float, chain_f32, fmaf)
DEFINE_CHAIN(double, chain_f64, fma)

bool
eval_contract(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0), y = interp_arg_type(p, n, 1);
    DType d = interp_dtype(s, n->type.dtype);
    const void *init = n->n_args == 3 ? interp_arg(p, n, 2) : NULL;
    Walk outer = {.rank = 0}, inner = {.rank = 0};
    ContractSpec spec;

    bool good = contract_parse(n->attr.text, &spec);
    assert(good && "the node is verified");
    (void)good;
    walk_letters(&outer, spec.out, &spec, x, y);
    walk_letters(&inner, spec.sum, &spec, x, y);
    uint64_t terms = walk_size(&inner), results = walk_size(&outer);
    void *out = interp_out(p, id);
    for (uint64_t e = 0; e < results; e++, walk_next(&outer)) {
        Scalar acc = init ? interp_load(init, d, e) : (Scalar){.bits = 0};
        Walk w = inner;
        w.at[0] = outer.at[0];
        w.at[1] = outer.at[1];
        if (d == DT_f32)
            acc.f32 = chain_f32(interp_arg(p, n, 0), interp_arg(p, n, 1), &w, terms, acc.f32);
        else
            acc.f64 = chain_f64(interp_arg(p, n, 0), interp_arg(p, n, 1), &w, terms, acc.f64);
        if (n->type.rank)
            interp_store(out, d, e, acc);
        else
            p->value[id].scalar = acc;
    }
    return true;
}

/* ---- linear algebra */

/* L[i, j] = (a[i, j] - sum of L[i, k] L[j, k] over k < j) / L[j, j], or the root of it
 * (Golub & Van Loan, "Matrix Computations", 4.2); and the solution of L y = b row by row, or of
 * L^T y = b from the last row up (3.1). */
#define DEFINE_LINALG(T, suffix, FMA, SQRT) \
    static void factor_##suffix(const T *a, T *l, size_t n) \
    { \
        for (size_t j = 0; j < n; j++) \
            for (size_t i = 0; i < n; i++) { \
                T r = i < j ? 0 : a[i * n + j]; \
                for (size_t k = 0; i >= j && k < j; k++) \
                    r = FMA(-l[i * n + k], l[j * n + k], r); \
                l[i * n + j] = i < j ? 0 : i == j ? SQRT(r) : r / l[j * n + j]; \
            } \
    } \
    static void solve_##suffix(const T *l, const T *b, T *y, size_t n, size_t step, \
                               bool transposed) \
    { \
        for (size_t turn = 0; turn < n; turn++) { \
            size_t i = transposed ? n - 1 - turn : turn; \
            size_t from = transposed ? i + 1 : 0, to = transposed ? n : i; \
            T r = b[i * step]; \
            for (size_t k = from; k < to; k++) \
                r = FMA(-(transposed ? l[k * n + i] : l[i * n + k]), y[k * step], r); \
            y[i * step] = r / l[i * n + i]; \
        } \
    }
DEFINE_LINALG(float, f32, fmaf, sqrtf)
DEFINE_LINALG(double, f64, fma, sqrt)

bool
eval_cholesky(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];

    if (interp_dtype(s, n->type.dtype) == DT_f32)
        factor_f32(interp_arg(p, n, 0), interp_out(p, id), n->type.dim[0]);
    else
        factor_f64(interp_arg(p, n, 0), interp_out(p, id), n->type.dim[0]);
    return true;
}

bool
eval_trisolve(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    size_t rows = n->type.dim[0], columns = n->type.rank == 2 ? n->type.dim[1] : 1;
    const void *l = interp_arg(p, n, 0), *b = interp_arg(p, n, 1);
    void *y = interp_out(p, id);
    bool transposed = n->attr.i == 1;

    for (size_t j = 0; j < columns; j++)
        if (interp_dtype(s, n->type.dtype) == DT_f32)
            solve_f32(l, (const float *)b + j, (float *)y + j, rows, columns, transposed);
        else
            solve_f64(l, (const double *)b + j, (double *)y + j, rows, columns, transposed);
    return true;
}
