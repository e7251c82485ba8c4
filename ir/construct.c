/* SPDX-License-Identifier: Apache-2.0
 *
 * construct.c -- one constructor an op, over ir_build
 */
#include <assert.h>
#include <string.h>

#include "ir/ir.h"

static Ref
build1(Builder *b, Op op, Type type, Ref x, Attr attr)
{
    return ir_build(b, op, type, 1, &x, attr, 0, NULL);
}

static Ref
broadcast_scalar(Builder *b, Ref x, Type like)
{
    return ir_type(b->function, x).rank == 0 && like.rank ? ir_broadcast(b, x, like, NULL) : x;
}

Ref
ir_pointwise(Builder *b, Op op, Ref x, Ref y, Ref z)
{
    Ref arg[3] = {x, y, z};
    unsigned n = op_info[op].arity;
    Type like = ir_type(b->function, x);

    for (unsigned i = 1; i < n; i++)
        if (ir_type(b->function, arg[i]).rank > like.rank)
            like = ir_type(b->function, arg[i]);
    for (unsigned i = 0; i < n; i++)
        arg[i] = broadcast_scalar(b, arg[i], like);
    return ir_build(b, op, (Type){0}, n, arg, (Attr){0}, 0, NULL);
}

Ref
ir_convert(Builder *b, Ref x, DType to)
{
    return build1(b, OP_convert, type_scalar(to), x, (Attr){0});
}

Ref
ir_bitcast(Builder *b, Ref x, DType to)
{
    return build1(b, OP_bitcast, type_scalar(to), x, (Attr){0});
}

Ref
ir_const(Builder *b, Type type, const void *data)
{
    return ir_build(b, OP_const, type, 0, NULL, (Attr){.data = data}, 0, NULL);
}

Ref
ir_number(Builder *b, DType d, double value)
{
    Scalar s = scalar_from_double(value, d);
    return ir_const(b, type_scalar(d), &s);
}

Ref
ir_full(Builder *b, Type type, double value)
{
    Ref x = ir_number(b, type.dtype, value);
    return type.rank ? ir_broadcast(b, x, type, NULL) : x;
}

Ref
ir_broadcast(Builder *b, Ref x, Type to, const int64_t *axes)
{
    return build1(b, OP_broadcast, to, x,
                  (Attr){.ints = axes, .n_ints = ir_type(b->function, x).rank});
}

Ref
ir_broadcast_to(Builder *b, Ref x, Type to)
{
    Type from = ir_type(b->function, x), kept = type_scalar(from.dtype);
    int64_t axes[MAX_RANK];

    assert(from.rank <= to.rank);
    for (unsigned i = 0; i < from.rank;
         i++) { /* axes of size 1 that stretch are dropped first */
        unsigned axis = to.rank - from.rank + i;
        if (from.dim[i] == 1 && to.dim[axis] != 1)
            continue;
        axes[kept.rank] = axis;
        kept.dim[kept.rank++] = from.dim[i];
    }
    return ir_broadcast(b, ir_reshape(b, x, kept), to, axes);
}

Ref
ir_reshape(Builder *b, Ref x, Type to)
{
    return build1(b, OP_reshape, to, x, (Attr){0});
}

Ref
ir_transpose(Builder *b, Ref x, const int64_t *perm)
{
    return build1(b, OP_transpose, (Type){0}, x,
                  (Attr){.ints = perm, .n_ints = ir_type(b->function, x).rank});
}

Ref
ir_slice(Builder *b, Ref x, Type to, const int64_t *start_stride)
{
    return build1(b, OP_slice, to, x, (Attr){.ints = start_stride, .n_ints = 2u * to.rank});
}

Ref
ir_pad(Builder *b, Ref x, Type to, const int64_t *low_stride)
{
    return build1(b, OP_pad, to, x, (Attr){.ints = low_stride, .n_ints = 2u * to.rank});
}

Ref
ir_window(Builder *b, Ref x, unsigned axis, uint32_t size, uint32_t stride)
{
    const int64_t ints[3] = {axis, size, stride};

    return build1(b, OP_window, (Type){0}, x, (Attr){.ints = ints, .n_ints = 3});
}

Ref
ir_concat(Builder *b, uint32_t n, const Ref *x, unsigned axis)
{
    return ir_build(b, OP_concat, (Type){0}, n, x, (Attr){.i = axis}, 0, NULL);
}

/* An op whose operands are one or two values and then indices. */
static Ref
build_indexed(Builder *b, Op op, uint32_t n_values, const Ref *value, uint32_t n,
              const Ref *index, int64_t attr)
{
    Ref arg[2 + MAX_RANK];

    assert(n <= MAX_RANK);
    memcpy(arg, value, n_values * sizeof *arg);
    memcpy(arg + n_values, index, n * sizeof *arg);
    return ir_build(b, op, (Type){0}, n_values + n, arg, (Attr){.i = attr}, 0, NULL);
}

Ref
ir_at(Builder *b, Ref x, uint32_t n, const Ref *index, bool in_range)
{
    return n ? build_indexed(b, OP_at, 1, &x, n, index, in_range) : x;
}

Ref
ir_update(Builder *b, Ref x, Ref v, uint32_t n, const Ref *index, bool in_range, bool add)
{
    return build_indexed(b, OP_update, 2, (Ref[]){x, v}, n, index, in_range | add << 1);
}

Ref
ir_take(Builder *b, Ref x, Ref index)
{
    return ir_build(b, OP_take, (Type){0}, 2, (Ref[]){x, index}, (Attr){0}, 0, NULL);
}

Ref
ir_reduce(Builder *b, Op op, Ref x, uint32_t n_axes, const int64_t *axes)
{
    return n_axes ? build1(b, op, (Type){0}, x, (Attr){.ints = axes, .n_ints = n_axes}) : x;
}

Ref
ir_reduce_all(Builder *b, Op op, Ref x)
{
    static const int64_t axes[MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return ir_reduce(b, op, x, ir_type(b->function, x).rank, axes);
}

Ref
ir_contract(Builder *b, const char *spec, Ref x, Ref y, Ref init)
{
    return ir_build(b, OP_contract, (Type){0}, init.id ? 3 : 2, (Ref[]){x, y, init},
                    (Attr){.text = spec}, 0, NULL);
}

Ref
ir_draw(Builder *b, Type type, DrawAttr attr, Ref iteration)
{
    return build1(b, OP_draw, type, iteration, (Attr){.draw = attr});
}

Ref
ir_iota(Builder *b, Type type, unsigned axis)
{
    return ir_build(b, OP_iota, type_with(type, DT_i32), 0, NULL, (Attr){.i = axis}, 0, NULL);
}

Ref
ir_chain_index(Builder *b)
{
    return ir_build(b, OP_chain_index, (Type){0}, 0, NULL, (Attr){0}, 0, NULL);
}

Ref
ir_batch(Builder *b, Ref x, uint32_t size)
{
    return build1(b, OP_batch, (Type){0}, x, (Attr){.i = size});
}

Ref
ir_batch_sum(Builder *b, Ref x, uint32_t size)
{
    return build1(b, OP_batch_sum, (Type){0}, x, (Attr){.i = size});
}

Ref
ir_get(Builder *b, Ref x, uint32_t i)
{
    return build1(b, OP_get, (Type){0}, x, (Attr){.i = i});
}

Ref
ir_call(Builder *b, Op op, uint32_t callee, uint32_t n, const Ref *arg, uint32_t n_active,
        const int64_t *active)
{
    return ir_build(b, op, (Type){0}, n, arg,
                    (Attr){.callee = callee, .ints = active, .n_ints = n_active}, 0, NULL);
}

Ref
ir_if(Builder *b, Ref condition, RegionId then, RegionId otherwise)
{
    return ir_build(b, OP_if, (Type){0}, 1, &condition, (Attr){0}, 2,
                    (RegionId[]){then, otherwise});
}

/* `first` operands of the op itself, then the initial values of what it carries. */
static Ref
build_carrying(Builder *b, Op op, uint32_t n_first, const Ref *first, uint32_t n,
               const Ref *init, Attr attr, uint32_t n_regions, const RegionId *own)
{
    Ref *arg = arena_array(b->module->arena, Ref, n_first + n);

    memcpy(arg, first, n_first * sizeof *arg);
    if (n)
        memcpy(arg + n_first, init, n * sizeof *arg);
    return ir_build(b, op, (Type){0}, n_first + n, arg, attr, n_regions, own);
}

Ref
ir_for(Builder *b, Ref from, Ref to, uint32_t n, const Ref *init, RegionId body, int64_t most)
{
    return build_carrying(b, OP_for, 2, (Ref[]){from, to}, n, init, (Attr){.i = most}, 1,
                          &body);
}

Ref
ir_while(Builder *b, Ref most, uint32_t n, const Ref *init, RegionId condition, RegionId body)
{
    return build_carrying(b, OP_while, 1, &most, n, init, (Attr){0}, 2,
                          (RegionId[]){condition, body});
}

Ref
ir_loop(Builder *b, unsigned rank, const uint32_t *extent, const FoldKind *kind, RegionId body)
{
    uint32_t n = b->function->region[body].n_yields;
    int64_t *ints = arena_array(b->module->arena, int64_t, 1 + rank + n);

    ints[0] = rank;
    for (unsigned i = 0; i < rank; i++)
        ints[1 + i] = extent[i];
    for (uint32_t i = 0; i < n; i++)
        ints[1 + rank + i] = kind[i];
    return ir_build(b, OP_loop, (Type){0}, 0, NULL,
                    (Attr){.ints = ints, .n_ints = 1 + rank + n}, 1, &body);
}
