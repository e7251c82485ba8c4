/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_conv.c -- convolutions of images.
 *
 * A convolution is a matrix product: of the weights, a row an output channel, and of the
 * windows of the padded image, a column a place.  Windows are views; nothing is copied.
 */
#include "frontend/elab_builtin.h"

typedef struct Conv {
    Type x, weight; /* [channels, height, width], [out, channels, height, width] */
    int64_t stride, padding;
} Conv;

/* A whole number given by name, at least `least`. */
static bool
read_size(Elab *e, const Call *call, const char *name, int64_t least, int64_t *ret)
{
    const Value *v = elab_named_arg(call, name);

    if (!v)
        return true;
    if (v->kind != VAL_int) {
        complain(e, elab_not_static, call->span, arena_printf(e->arena, "'%s'", name),
                 elab_value_text(e, *v));
        return false;
    }
    if (v->i < least || v->i > INT32_MAX / 4) {
        complain(e, elab_argument, call->span, "conv2d",
                 arena_printf(e->arena, "'%s' of at least %lld", name, (long long)least),
                 arena_printf(e->arena, "%lld", (long long)v->i));
        return false;
    }
    *ret = v->i;
    return true;
}

static bool
fits(const Conv *c)
{
    const Type *x = &c->x, *w = &c->weight;

    return x->rank == 3 && w->rank == 4 && w->dim[1] == x->dim[0] &&
           w->dim[2] <= x->dim[1] + 2 * c->padding && w->dim[3] <= x->dim[2] + 2 * c->padding;
}

static bool
read_conv(Elab *e, const Builtin *b, const Call *call, Conv *ret)
{
    *ret = (Conv){.stride = 1};
    if (!elab_check_array(e, b, call, 0, "an image [channels, height, width]") ||
        !elab_check_array(e, b, call, 1, "weights [out, channels, height, width]") ||
        !elab_check_number(e, b, call, 0) || !elab_check_number(e, b, call, 1) ||
        !read_size(e, call, "stride", 1, &ret->stride) ||
        !read_size(e, call, "padding", 0, &ret->padding))
        return false;
    ret->x = elab_value_type(e, call->arg[0]);
    ret->weight = elab_value_type(e, call->arg[1]);
    if (fits(ret))
        return true;
    complain(e, elab_conv, call->span, elab_value_text(e, call->arg[0]),
             elab_value_text(e, call->arg[1]), (long long)ret->padding);
    return false;
}

static Ref
padded(Builder *b, Ref x, Type t, int64_t padding)
{
    const int64_t low_stride[6] = {0, 1, padding, 1, padding, 1};

    t.dim[1] += 2 * (uint32_t)padding;
    t.dim[2] += 2 * (uint32_t)padding;
    return padding ? ir_pad(b, x, t, low_stride) : x;
}

/* [channels * height * width of a window, rows, columns] */
static Ref
windows(Builder *b, Ref x, const Conv *c)
{
    static const int64_t order[5] = {0, 2, 4, 1, 3};
    uint32_t stride = (uint32_t)c->stride;
    uint32_t high = (c->x.dim[1] + 2 * (uint32_t)c->padding - c->weight.dim[2]) / stride + 1;
    uint32_t wide = (c->x.dim[2] + 2 * (uint32_t)c->padding - c->weight.dim[3]) / stride + 1;
    uint32_t each = c->weight.dim[1] * c->weight.dim[2] * c->weight.dim[3];
    Type to = type_array((DType)c->x.dtype, 3, (uint32_t[]){each, high, wide});

    x = ir_window(b, x, 1, c->weight.dim[2], stride);
    x = ir_window(b, x, 3, c->weight.dim[3], stride);
    return ir_reshape(b, ir_transpose(b, x, order), to);
}

static bool
too_large(const Conv *c)
{
    uint64_t high = c->x.dim[1] + 2 * (uint64_t)c->padding;
    uint64_t wide = c->x.dim[2] + 2 * (uint64_t)c->padding;
    uint64_t each = type_size(c->weight) / c->weight.dim[0];

    return high * wide > IR_MAX_ELEMENTS / each ||
           high * wide > IR_MAX_ELEMENTS / c->weight.dim[0];
}

/* `conv2d(x, weight, stride = 1, padding = 0)`, as torch.nn.functional.conv2d of one image. */
Value
elab_call_conv2d(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    static const int64_t channels_first[3] = {2, 0, 1};
    Builder *to = &e->frame->b;
    Conv c;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !read_conv(e, b, call, &c))
        return POISON;
    if (too_large(&c))
        return FAIL(e, elab_too_large, call->span, elab_expr_text(e, call->span));
    bool wide = elab_is_wide(e, call->arg[0]) || elab_is_wide(e, call->arg[1]);
    c.x.dtype = c.weight.dtype = (uint8_t)(wide ? DT_f64 : e->real);
    Ref x = elab_ref_of(e, call->arg[0], (DType)c.x.dtype);
    Ref weight = elab_ref_of(e, call->arg[1], (DType)c.x.dtype);
    to->span = call->span;
    x = windows(to, padded(to, x, c.x, c.padding), &c);
    Type rows = type_array((DType)c.x.dtype, 2,
                           (uint32_t[]){c.weight.dim[0], ir_type(to->function, x).dim[0]});
    Ref y = ir_contract(to, "ok,kyx->yxo", ir_reshape(to, weight, rows), x, NO_REF);
    return elab_value_ref(e, ir_transpose(to, y, channels_first));
}
