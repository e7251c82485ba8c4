/* SPDX-License-Identifier: Apache-2.0
 *
 * linalg.c -- Cholesky factors and triangular solves as loops
 *
 * Column by column, inner products as fma chains in order (Golub & Van Loan, "Matrix
 * Computations", algorithm 4.2.1 and section 3.1).
 */
#include "passes/fold_build.h"
#include "passes/lower/lower.h"

typedef Ref Body(Lower *l, Ref i, Ref carried, const void *context);

/* for i in from..to carrying one value. */
static Ref
each(Lower *l, Ref from, Ref to, int64_t most, Ref init, Body *body, const void *context)
{
    RegionId region = region_begin(&l->b);
    Ref i = ir_param(&l->b, type_scalar(DT_i32));
    Ref carried = ir_param(&l->b, ir_type(l->b.function, init));
    Ref next = body(l, i, carried, context);

    ir_yield(&l->b, 1, &next);
    region_end(&l->b);
    return ir_get(&l->b, ir_for(&l->b, from, to, 1, &init, region, most), 0);
}

static Ref
at2(Lower *l, Ref a, Ref i, Ref j)
{
    return ir_at(&l->b, a, 2, (Ref[]){i, j}, true);
}

/* acc - x[k] * y[k], where x and y are read by what the context says. */
typedef struct Product {
    Ref x, xi; /* x[xi, k], or x[k, xi] when transposed */
    Ref y, yi; /* y[yi, k]; a solution: y[k] or y[k, yi] */
    bool transposed, solution;
} Product;

static Ref
subtract_product(Lower *l, Ref k, Ref acc, const void *context)
{
    const Product *p = context;
    Ref x = p->transposed ? at2(l, p->x, k, p->xi) : at2(l, p->x, p->xi, k);
    Ref y = !p->solution ? at2(l, p->y, p->yi, k)
            : p->yi.id   ? at2(l, p->y, k, p->yi)
                         : ir_at(&l->b, p->y, 1, &k, true);

    return ir_fma(&l->b, ir_neg(&l->b, x), y, acc);
}

typedef struct Factor {
    Ref a, column;
    uint32_t n;
} Factor;

/* L[i, j] for i >= j: (a[i, j] - sum of L[i, k] L[j, k] over k < j) / L[j, j], or the root of
 * it. */
static Ref
factor_row(Lower *l, Ref i, Ref factor, const void *context)
{
    const Factor *f = context;
    Ref j = f->column;
    Product p = {.x = factor, .xi = i, .y = factor, .yi = j};
    Ref s = each(l, lower_int(l, 0), j, f->n, at2(l, f->a, i, j), subtract_product, &p);
    Ref diagonal = ir_eq(&l->b, i, j), root = ir_sqrt(&l->b, s);
    Ref divisor =
        ir_select(&l->b, diagonal, ir_number(&l->b, ir_type(l->b.function, s).dtype, 1),
                  at2(l, factor, j, j));
    Ref v = ir_select(&l->b, diagonal, root, ir_div(&l->b, s, divisor));

    return ir_update(&l->b, factor, v, 2, (Ref[]){i, j}, true, false);
}

static Ref
factor_column(Lower *l, Ref j, Ref factor, const void *context)
{
    Factor f = *(const Factor *)context;

    f.column = j;
    return each(l, j, lower_int(l, f.n), f.n, factor, factor_row, &f);
}

static Ref
lower_cholesky(Lower *l, const Node *n)
{
    Factor f = {.a = lower_value(l, n->arg[0]), .n = n->type.dim[0]};

    return each(l, lower_int(l, 0), lower_int(l, f.n), f.n,
                filled_array(&l->b, n->type, ir_number(&l->b, n->type.dtype, 0)), factor_column,
                &f);
}

typedef struct Solve {
    Ref factor, b, column; /* column: NO_REF for a vector */
    uint32_t n;
    bool transposed; /* from the last row up */
} Solve;

/* y[i] = (b[i] - sum of L[i, k] y[k] over the rows solved before) / L[i, i] */
static Ref
solve_row(Lower *l, Ref turn, Ref y, const void *context)
{
    const Solve *s = context;
    Ref last = lower_int(l, s->n - 1), i = s->transposed ? ir_sub(&l->b, last, turn) : turn;
    Ref index[2] = {i, s->column};
    unsigned rank = s->column.id ? 2 : 1;
    Product p = {.x = s->factor,
                 .xi = i,
                 .y = y,
                 .yi = s->column,
                 .transposed = s->transposed,
                 .solution = true};
    Ref from = s->transposed ? lower_add(l, i, 1) : lower_int(l, 0),
        to = s->transposed ? lower_int(l, s->n) : i;
    Ref rest =
        each(l, from, to, s->n, ir_at(&l->b, s->b, rank, index, true), subtract_product, &p);
    Ref v = ir_div(&l->b, rest, at2(l, s->factor, i, i));

    return ir_update(&l->b, y, v, rank, index, true, false);
}

static Ref
solve_column(Lower *l, Ref column, Ref y, const void *context)
{
    Solve s = *(const Solve *)context;

    s.column = column;
    return each(l, lower_int(l, 0), lower_int(l, s.n), s.n, y, solve_row, &s);
}

static Ref
lower_trisolve(Lower *l, const Node *n)
{
    Solve s = {.factor = lower_value(l, n->arg[0]),
               .b = lower_value(l, n->arg[1]),
               .n = n->type.dim[0]};
    Ref zero = lower_int(l, 0),
        y = filled_array(&l->b, n->type, ir_number(&l->b, n->type.dtype, 0));

    s.transposed = n->attr.i == 1;
    if (n->type.rank == 1)
        return each(l, zero, lower_int(l, s.n), s.n, y, solve_row, &s);
    return each(l, zero, lower_int(l, n->type.dim[1]), n->type.dim[1], y, solve_column, &s);
}

void
lower_linalg(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];

    l->value[id] = n->op == OP_cholesky ? lower_cholesky(l, n) : lower_trisolve(l, n);
}
