/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_array.c -- rearranging and indexing arrays
 */
#include <math.h>

#include "ir/interp_state.h"

/* ---- rearrangements */

/* Elements from position at[1] to position at[0], for each position of the walk. */
static void
copy_elements(void *to, const void *from, unsigned size, Walk *w)
{
    for (uint64_t n = walk_size(w); n > 0; n--, walk_next(w))
        switch (size) {
        case 1: ((uint8_t *)to)[w->at[0]] = ((const uint8_t *)from)[w->at[1]]; break;
        case 4: memcpy((char *)to + 4 * w->at[0], (const char *)from + 4 * w->at[1], 4); break;
        default: memcpy((char *)to + 8 * w->at[0], (const char *)from + 8 * w->at[1], 8);
        }
}

static void
rearrange(Interp *s, Plan *p, uint32_t id, Walk *w)
{
    const Node *n = &p->f->node[id];

    copy_elements(interp_out(p, id), interp_arg(p, n, 0),
                  dtype_size(interp_dtype(s, n->type.dtype)), w);
}

bool
eval_iota(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    int64_t stride = axis_stride(n->type, (unsigned)n->attr.i);
    int32_t *out = interp_out(p, id);
    uint64_t size = type_size(n->type);

    (void)s;
    for (uint64_t e = 0; e < size; e++)
        out[e] = (int32_t)(e / (uint64_t)stride % n->type.dim[n->attr.i]);
    return true;
}

bool
eval_broadcast(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    Walk w = {.rank = 0};

    for (unsigned i = 0, k = 0; i < n->type.rank; i++) {
        bool mine = k < n->attr.n_ints && n->attr.ints[k] == (int64_t)i;
        walk_axis(&w, n->type.dim[i], axis_stride(n->type, i), mine ? axis_stride(x, k) : 0);
        k += mine;
    }
    rearrange(s, p, id, &w);
    return true;
}

bool
eval_reshape(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    size_t bytes = interp_bytes(s, n->type);

    if (bytes)
        memcpy(interp_out(p, id), interp_arg(p, n, 0), bytes);
    return true;
}

bool
eval_transpose(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    Walk w = {.rank = 0};

    for (unsigned i = 0; i < n->type.rank; i++)
        walk_axis(&w, n->type.dim[i], axis_stride(n->type, i),
                  axis_stride(x, (unsigned)n->attr.ints[i]));
    rearrange(s, p, id, &w);
    return true;
}

bool
eval_slice(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    Walk w = {.rank = 0};

    for (unsigned i = 0; i < n->type.rank; i++) {
        int64_t step = axis_stride(x, i);
        walk_axis(&w, n->type.dim[i], axis_stride(n->type, i), n->attr.ints[2 * i + 1] * step);
        w.at[1] += n->attr.ints[2 * i] * step;
    }
    rearrange(s, p, id, &w);
    return true;
}

bool
eval_window(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    unsigned axis = (unsigned)n->attr.ints[0];
    Walk w = {.rank = 0};

    for (unsigned i = 0; i < n->type.rank; i++) {
        int64_t step = axis_stride(x, i > axis ? i - 1 : i);
        walk_axis(&w, n->type.dim[i], axis_stride(n->type, i),
                  i == axis ? n->attr.ints[2] * step : step);
    }
    rearrange(s, p, id, &w);
    return true;
}

bool
eval_pad(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    Walk w = {.rank = 0};

    for (unsigned i = 0; i < x.rank; i++) {
        int64_t step = axis_stride(n->type, i);
        walk_axis(&w, x.dim[i], n->attr.ints[2 * i + 1] * step, axis_stride(x, i));
        w.at[0] += n->attr.ints[2 * i] * step;
    }
    memset(interp_out(p, id), 0, interp_bytes(s, n->type));
    rearrange(s, p, id, &w);
    return true;
}

bool
eval_concat(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    size_t inner = (size_t)axis_stride(n->type, (unsigned)n->attr.i) *
                   dtype_size(interp_dtype(s, n->type.dtype));
    uint64_t rows = 1;
    unsigned char *out = interp_out(p, id);

    for (unsigned i = 0; i < n->attr.i; i++)
        rows *= n->type.dim[i];
    for (uint64_t row = 0; row < rows; row++)
        for (uint32_t k = 0; k < n->n_args; k++) {
            size_t piece = interp_arg_type(p, n, k).dim[n->attr.i] * inner;
            if (piece)
                memcpy(out, (const char *)interp_arg(p, n, k) + row * piece, piece);
            out += piece;
        }
    return true;
}

/* ---- indexing */

/* What an index out of range gives. */
static void
fill_missing(void *to, DType d, uint64_t n)
{
    Scalar missing = {.bits = 0};

    if (dtype_is_float(d))
        missing = scalar_from_double((double)NAN, d);
    for (uint64_t i = 0; i < n; i++)
        interp_store(to, d, i, missing);
}

/* Which part of x the indices from operand `first` on choose; false when it is none. */
static bool
locate(const Plan *p, const Node *n, uint32_t first, Type x, uint64_t *ret_element)
{
    *ret_element = 0;
    for (uint32_t k = first; k < n->n_args; k++) {
        int32_t i = interp_index(p, n, k);
        if (i < 0 || (uint32_t)i >= x.dim[k - first])
            return false;
        *ret_element += (uint64_t)i * (uint64_t)axis_stride(x, k - first);
    }
    return true;
}

static bool
out_of_range(Interp *s, const Node *n)
{
    if (n->attr.i & 1)
        s->status = INTERP_RANGE;
    return !(n->attr.i & 1);
}

bool
eval_at(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0);
    DType d = interp_dtype(s, x.dtype);
    const char *from = interp_arg(p, n, 0);
    void *out = interp_out(p, id);
    uint64_t element;

    if (n->type.rank == 0)
        p->value[id].scalar = (Scalar){.bits = 0};
    if (!locate(p, n, 1, x, &element)) {
        fill_missing(out, d, type_size(n->type));
        return out_of_range(s, n);
    }
    if (n->type.rank == 0)
        p->value[id].scalar = interp_load(from, d, element);
    else
        memcpy(out, from + element * dtype_size(d), interp_bytes(s, n->type));
    return true;
}

static void
add_elements(DType d, void *to, const void *x, uint64_t n)
{
    interp_combine(FOLD_sum, d, to, x, n);
}

/* The array that is changed: the operand's own place, or a copy of it. */
static unsigned char *
own_copy(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    const void *from = interp_arg(p, n, 0);
    unsigned char *to = interp_out(p, id);
    size_t bytes = interp_bytes(s, n->type);

    if (to != from && bytes)
        memcpy(to, from, bytes);
    return to;
}

bool
eval_update(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    DType d = interp_dtype(s, n->type.dtype);
    Type part = interp_arg_type(p, n, 1);
    unsigned char *to = own_copy(s, p, id);
    uint64_t element;

    if (!locate(p, n, 2, n->type, &element))
        return out_of_range(s, n);
    to += element * dtype_size(d);
    if (n->attr.i & 2)
        add_elements(d, to, interp_arg(p, n, 1), type_size(part));
    else if (interp_bytes(s, part))
        memcpy(to, interp_arg(p, n, 1), interp_bytes(s, part));
    return true;
}

bool
eval_take(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Type x = interp_arg_type(p, n, 0), row = type_drop(x, 1);
    const int32_t *index = interp_arg(p, n, 1);
    const char *from = interp_arg(p, n, 0);
    char *to = interp_out(p, id);
    size_t bytes = interp_bytes(s, row);

    for (uint32_t k = 0; k < n->type.dim[0] && bytes; k++, to += bytes) {
        if (index[k] >= 0 && (uint32_t)index[k] < x.dim[0])
            memcpy(to, from + (size_t)index[k] * bytes, bytes);
        else
            fill_missing(to, interp_dtype(s, x.dtype), type_size(row));
    }
    return true;
}

bool
eval_put_add(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    DType d = interp_dtype(s, n->type.dtype);
    Type row = type_drop(n->type, 1);
    const int32_t *index = interp_arg(p, n, 1);
    const char *v = interp_arg(p, n, 2);
    unsigned char *to = own_copy(s, p, id);
    size_t bytes = interp_bytes(s, row);

    for (uint32_t k = 0; k < interp_arg_type(p, n, 1).dim[0] && bytes; k++, v += bytes)
        if (index[k] >= 0 && (uint32_t)index[k] < n->type.dim[0])
            add_elements(d, to + (size_t)index[k] * bytes, v, type_size(row));
    return true;
}
