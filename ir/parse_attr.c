/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_attr.c -- types and attributes in the IR's text
 */
#include "ir/parse.h"

#include <string.h>

/* Constants of one module may take this many bytes: a few letters of text ask for any number of
 * elements. */
enum { MAX_CONSTANT_BYTES = 1 << 28 };

/* ---- types */

Type
parse_type(Parser *p)
{
    Span begin = p->span;
    unsigned d = parse_choose(p, dtype_name + 1, DT_COUNT - 1, "a type");
    Type t = type_scalar(d + 1 < DT_COUNT ? (DType)(d + 1) : DT_f32);

    if (!parse_take_mark(p, '['))
        return t;
    do {
        if (t.rank == MAX_RANK) {
            parse_fail_with(p, p->span, DIAG_ir_rank);
            break;
        }
        t.dim[t.rank++] = (uint32_t)parse_int(p, 0, INT32_MAX, "an extent");
    } while (!p->failed && parse_take_mark(p, ','));
    parse_expect_mark(p, ']');
    if (type_size(t) > IR_MAX_ELEMENTS)
        parse_fail_with(p, begin, DIAG_ir_size);
    return t;
}

void
parse_types(Parser *p, TextNode *n)
{
    size_t cap = 0;

    n->typed = parse_take_mark(p, ':');
    if (!n->typed)
        return;
    n->several = parse_take_mark(p, '(');
    if (n->several && parse_take_mark(p, ')'))
        return;
    do {
        n->type =
            arena_grow(p->arena, n->type, n->n_types, &cap, n->n_types + 1, sizeof *n->type);
        n->type[n->n_types++] = parse_type(p);
    } while (n->several && !p->failed && parse_take_mark(p, ','));
    if (n->several)
        parse_expect_mark(p, ')');
}

/* ---- attributes */

/* Integers up to the bracket or semicolon; the array doubles, so its size is kept here. */
typedef struct Ints {
    int64_t *value;
    size_t n, cap;
} Ints;

static void
add_int(Parser *p, Ints *ints, int64_t value)
{
    ints->value = arena_grow(p->arena, ints->value, ints->n, &ints->cap, ints->n + 1,
                             sizeof *ints->value);
    ints->value[ints->n++] = value;
}

static void
parse_ints(Parser *p, Ints *ints, int64_t min)
{
    if (parse_is_mark(p, ']') || parse_is_mark(p, ';'))
        return;
    do
        add_int(p, ints, parse_int(p, min, INT32_MAX, "an integer"));
    while (!p->failed && parse_take_mark(p, ','));
}

static void
set_ints(Attr *a, const Ints *ints)
{
    static const int64_t none[1] = {0};

    a->ints = ints->n ? ints->value : none;
    a->n_ints = (uint32_t)ints->n;
}

/* "[3, 4; store, sum]" */
static void
parse_loop(Parser *p, Attr *a)
{
    Ints ints = {.n = 0};

    add_int(p, &ints, 0);
    parse_ints(p, &ints, 0);
    ints.value[0] = (int64_t)ints.n - 1;
    if (parse_take_mark(p, ';'))
        do
            add_int(p, &ints, parse_choose(p, fold_name, FOLD_COUNT, "a kind of fold"));
        while (!p->failed && parse_take_mark(p, ','));
    set_ints(a, &ints);
}

static const char *const share_name[] = {"shared", "halved"};

/* "[normal, region 0, word 0, blocks 1]"; ", shared" or ", halved" may follow. */
static void
parse_draw(Parser *p, DrawAttr *a)
{
    a->dist = (uint8_t)parse_choose(p, draw_name, DRAW_COUNT, "a distribution");
    parse_expect_mark(p, ',');
    parse_expect_word(p, "region");
    a->region = (uint16_t)parse_int(p, 0, 4095, "a region");
    parse_expect_mark(p, ',');
    parse_expect_word(p, "word");
    a->word = (uint32_t)parse_int(p, 0, UINT32_MAX, "a word");
    parse_expect_mark(p, ',');
    parse_expect_word(p, "blocks");
    a->blocks = (uint32_t)parse_int(p, 0, UINT32_MAX, "a number of blocks");
    if (parse_take_mark(p, ',')) {
        a->halved = parse_choose(p, share_name, 2, "'shared' or 'halved'") == 1;
        a->shared = !a->halved;
    }
}

static Scalar
parse_number(Parser *p, DType d)
{
    Scalar s = {.bits = 0};
    bool number = p->token == TOKEN_number || p->token == TOKEN_word;
    NumberStatus status =
        !number ? NUMBER_MALFORMED
                : ir_number_read(p->text + p->span.begin, p->span.end - p->span.begin, d, &s);

    if (status == NUMBER_RANGE)
        parse_fail_with(p, p->span, DIAG_ir_number_range);
    else if (status == NUMBER_MALFORMED)
        parse_fail(p, p->span, d == DT_bool ? "'true' or 'false'" : "a number");
    else
        parse_next(p);
    return s;
}

/* Elements as they come: "1, 2 * 3" are four; returns how many. */
static uint64_t
parse_elements(Parser *p, Type t, unsigned char *to)
{
    uint64_t n = 0, size = type_size(t);
    unsigned width = dtype_size(t.dtype);

    if (parse_is_mark(p, ']'))
        return 0;
    do {
        Scalar s = parse_number(p, t.dtype);
        uint64_t run = 1;
        if (parse_take_mark(p, '*'))
            run = (uint64_t)parse_int(p, 1, INT32_MAX, "a number of times");
        for (uint64_t i = n; i < n + run && i < size; i++)
            memcpy(to + i * width, &s, width);
        n += run;
    } while (!p->failed && parse_take_mark(p, ','));
    return n;
}

static void
parse_data(Parser *p, TextNode *n)
{
    Span begin = p->span;

    if (!n->typed || n->several) {
        parse_fail_with(p, n->span, DIAG_ir_untyped);
        return;
    }
    Type t = n->type[0];
    size_t bytes = (size_t)type_size(t) * dtype_size(t.dtype);
    if (p->failed || bytes > MAX_CONSTANT_BYTES - p->constant_bytes) {
        parse_fail_with(p, begin, DIAG_ir_size);
        return;
    }
    p->constant_bytes += bytes;
    unsigned char *data = arena_alloc(p->arena, bytes + sizeof(Scalar), 1);
    n->attr.data = data;
    if (t.rank == 0) {
        Scalar s = parse_number(p, t.dtype);
        memcpy(data, &s, dtype_size(t.dtype));
        return;
    }
    parse_expect_mark(p, '[');
    uint64_t count = parse_elements(p, t, data);
    if (!p->failed && count != type_size(t)) {
        diag_add(p->diags, DIAG_ir_elements, begin, (unsigned long long)type_size(t),
                 (unsigned long long)count);
        p->failed = true;
    }
    parse_expect_mark(p, ']');
}

static void
parse_bracket(Parser *p, TextNode *n)
{
    Ints ints = {.n = 0};

    parse_expect_mark(p, '[');
    if (op_info[n->op].attr == ATTR_INT) {
        n->attr.i = parse_int(p, -1, INT32_MAX, "an integer");
    } else if (op_info[n->op].attr == ATTR_DRAW) {
        parse_draw(p, &n->attr.draw);
    } else if (n->op == OP_loop) {
        parse_loop(p, &n->attr);
    } else {
        parse_ints(p, &ints, 0);
        set_ints(&n->attr, &ints);
    }
    parse_expect_mark(p, ']');
}

void
parse_attr(Parser *p, TextNode *n)
{
    switch (op_info[n->op].attr) {
    case ATTR_NONE: break;
    case ATTR_DATA: parse_data(p, n); break;
    case ATTR_TEXT:
        n->attr.text = p->string;
        if (p->token != TOKEN_string)
            parse_fail(p, p->span, "a string");
        else
            parse_next(p);
        break;
    case ATTR_CALLEE:
        n->callee = p->string;
        if (p->token != TOKEN_function) {
            parse_fail(p, p->span, "a function");
            break;
        }
        parse_next(p);
        if (n->op != OP_call)
            parse_bracket(p, n);
        break;
    default: parse_bracket(p, n);
    }
}
