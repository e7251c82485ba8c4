/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c -- the IR's text to a tree
 *
 * Grammar and attributes only: what a name stands for, and whether an operation may have such
 * operands, is read.c's to say.  After an error the parser goes on with the next line.
 */
#include "ir/text.h"

#include <ctype.h>
#include <string.h>

typedef enum Token {
    TOKEN_end,
    TOKEN_word,     /* mul */
    TOKEN_function, /* @step, @"f.vjp[0]" */
    TOKEN_node,     /* %12 */
    TOKEN_number,
    TOKEN_string,
    TOKEN_mark /* one of ()[]{},:;=* */
} Token;

/* Constants of one module may take this many bytes: a few letters of text ask for any number of
 * elements. */
enum { MAX_CONSTANT_BYTES = 1 << 28, MAX_FUNCTIONS = 1 << 14 };

typedef struct Parser {
    Arena *arena;
    DiagList *diags;
    const char *text;
    uint32_t file, size, at;
    Token token;
    Span span;          /* of the token */
    const char *string; /* content of a function's name or of a string */
    uint32_t id;        /* of a node's name */
    size_t n_names;     /* defined in the function so far */
    size_t constant_bytes;
    unsigned depth;
    bool first;  /* the token is its line's first */
    bool failed; /* in this line: its further errors are silent */
} Parser;

/* ---- tokens */

static bool
is_letter(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool
is_word(char c)
{
    return is_letter(c) || isdigit((unsigned char)c) || c == '.';
}

static void
fail(Parser *p, Span span, const char *expected)
{
    const char *found = "the end of the text";

    if (p->failed)
        return;
    p->failed = true;
    if (p->token != TOKEN_end)
        found = arena_printf(p->arena, "'%.*s'", (int)(p->span.end - p->span.begin),
                             p->text + p->span.begin);
    diag_add(p->diags, DIAG_syntax, span, expected, found);
}

static void
fail_with(Parser *p, Span span, DiagCode code)
{
    if (!p->failed)
        diag_add(p->diags, code, span);
    p->failed = true;
}

static void
skip_blanks(Parser *p)
{
    for (; p->at < p->size; p->at++) {
        if (p->text[p->at] == '#')
            while (p->at + 1 < p->size && p->text[p->at + 1] != '\n')
                p->at++;
        else if (!strchr(" \t\r\n", p->text[p->at]) || !p->text[p->at])
            return;
        p->first |= p->text[p->at] == '\n';
    }
}

static uint32_t
scan_while(const Parser *p, uint32_t at, bool (*is_part)(char))
{
    while (at < p->size && is_part(p->text[at]))
        at++;
    return at;
}

/* "1.5e-3", "-inf" */
static uint32_t
scan_number(const Parser *p, uint32_t at)
{
    for (at++; at < p->size; at++) { /* the first is a digit or the sign */
        char before = p->text[at - 1], c = p->text[at];
        bool exponent = (c == '-' || c == '+') && strchr("eEpP", before);
        if (!is_word(c) && !exponent)
            break;
    }
    return at;
}

/* A NaN's bits belong to its word: "nan(0x7fc00001)". */
static uint32_t
scan_word(const Parser *p, uint32_t begin)
{
    uint32_t at = scan_while(p, begin, is_word);

    if (at - begin != 3 || at == p->size || p->text[at] != '(' ||
        memcmp(p->text + begin, "nan", 3) != 0)
        return at;
    uint32_t end = scan_while(p, at + 1, is_word);
    return end < p->size && p->text[end] == ')' ? end + 1 : at;
}

static int
hex_digit(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* The character after a backslash; 0 when there is none such. */
static char
read_escape(Parser *p)
{
    char c = p->at < p->size ? p->text[p->at] : '\0';

    if (c == '"' || c == '\\') {
        p->at++;
        return c;
    }
    if (c != 'x' || p->at + 2 >= p->size)
        return '\0';
    int high = hex_digit(p->text[p->at + 1]), low = hex_digit(p->text[p->at + 2]);
    p->at += 3;
    return high < 0 || low < 0 ? '\0' : (char)(16 * high + low);
}

/* Moves to the closing quote; false when there is none in the line. */
static bool
find_quote(Parser *p)
{
    for (; p->at < p->size && p->text[p->at] != '\n'; p->at++) {
        if (p->text[p->at] == '"')
            return true;
        p->at += p->text[p->at] == '\\' && p->at + 1 < p->size;
    }
    return false;
}

/* From the opening quote on. */
static void
scan_string(Parser *p)
{
    uint32_t begin = ++p->at;
    bool closed = find_quote(p);
    uint32_t end = p->at;
    char *content = arena_array(p->arena, char, end - begin + 1);
    size_t n = 0;

    p->span.end = closed ? end + 1 : begin;
    for (p->at = begin; closed && p->at < end; n++) {
        content[n] = p->text[p->at++];
        if (content[n] == '\\')
            content[n] = read_escape(p);
        closed = content[n] != '\0';
    }
    p->string = content;
    p->at = closed ? end + 1 : end;
    if (!closed)
        fail_with(p, p->span, DIAG_ir_string);
}

static void
scan_name(Parser *p)
{
    uint32_t begin = ++p->at;

    p->token = TOKEN_function;
    if (p->at < p->size && p->text[p->at] == '"') {
        scan_string(p);
        return;
    }
    p->at = p->span.end = scan_while(p, p->at, is_word);
    p->string = arena_strndup(p->arena, p->text + begin, p->at - begin);
}

static bool
is_digit(char c)
{
    return isdigit((unsigned char)c);
}

static void
scan_node(Parser *p)
{
    uint64_t id = 0;

    p->token = TOKEN_node;
    for (p->at++; p->at < p->size && is_digit(p->text[p->at]); p->at++)
        id = id > UINT32_MAX ? id : 10 * id + (uint64_t)(p->text[p->at] - '0');
    p->span.end = p->at;
    p->id = id > UINT32_MAX ? 0 : (uint32_t)id;
    if (p->id == 0)
        fail_with(p, p->span, DIAG_ir_name);
}

static void
next(Parser *p)
{
    p->first = false;
    skip_blanks(p);
    char c = p->at < p->size ? p->text[p->at] : '\0';
    p->span = (Span){p->file, p->at, p->at};
    if (p->at == p->size) {
        p->token = TOKEN_end;
    } else if (c == '@') {
        scan_name(p);
    } else if (c == '%') {
        scan_node(p);
    } else if (c == '"') {
        p->token = TOKEN_string;
        scan_string(p);
    } else if (is_letter(c)) {
        p->token = TOKEN_word;
        p->at = p->span.end = scan_word(p, p->at);
    } else if (is_digit(c) || c == '-') {
        p->token = TOKEN_number;
        p->at = p->span.end = scan_number(p, p->at);
    } else {
        p->token = TOKEN_mark;
        p->span.end = ++p->at;
    }
}

static bool
is_mark(const Parser *p, char mark)
{
    return p->token == TOKEN_mark && p->text[p->span.begin] == mark;
}

static bool
is_this(const Parser *p, Token token, const char *word)
{
    size_t size = p->span.end - p->span.begin;

    return p->token == token && strlen(word) == size &&
           memcmp(p->text + p->span.begin, word, size) == 0;
}

static bool
take_mark(Parser *p, char mark)
{
    bool here = is_mark(p, mark);

    if (here)
        next(p);
    return here;
}

static bool
take_word(Parser *p, const char *word)
{
    bool here = is_this(p, TOKEN_word, word);

    if (here)
        next(p);
    return here;
}

static void
expect_mark(Parser *p, char mark)
{
    if (!take_mark(p, mark))
        fail(p, p->span, arena_printf(p->arena, "'%c'", mark));
}

static void
expect_word(Parser *p, const char *word)
{
    if (!take_word(p, word))
        fail(p, p->span, arena_printf(p->arena, "'%s'", word));
}

/* Which of `n` words stands here; n after an error. */
static unsigned
choose(Parser *p, const char *const *word, unsigned n, const char *expected)
{
    for (unsigned i = 0; i < n; i++)
        if (word[i] && take_word(p, word[i]))
            return i;
    fail(p, p->span, expected);
    return n;
}

static int64_t
parse_int(Parser *p, int64_t min, int64_t max, const char *expected)
{
    Scalar s = {.bits = 0};
    bool good = p->token == TOKEN_number &&
                ir_number_read(p->text + p->span.begin, p->span.end - p->span.begin, DT_i64,
                               &s) == NUMBER_OK &&
                s.i64 >= min && s.i64 <= max;

    if (!good)
        fail(p, p->span, expected);
    else
        next(p);
    return good ? s.i64 : min;
}

/* ---- types */

static Type
parse_type(Parser *p)
{
    Span begin = p->span;
    unsigned d = choose(p, dtype_name + 1, DT_COUNT - 1, "a type");
    Type t = type_scalar(d + 1 < DT_COUNT ? (DType)(d + 1) : DT_f32);

    if (!take_mark(p, '['))
        return t;
    do {
        if (t.rank == MAX_RANK) {
            fail_with(p, p->span, DIAG_ir_rank);
            break;
        }
        t.dim[t.rank++] = (uint32_t)parse_int(p, 0, INT32_MAX, "an extent");
    } while (!p->failed && take_mark(p, ','));
    expect_mark(p, ']');
    if (type_size(t) > IR_MAX_ELEMENTS)
        fail_with(p, begin, DIAG_ir_size);
    return t;
}

/* ": f32[2]", or ": (f32, i32[3])", or nothing. */
static void
parse_types(Parser *p, TextNode *n)
{
    size_t cap = 0;

    n->typed = take_mark(p, ':');
    if (!n->typed)
        return;
    n->several = take_mark(p, '(');
    if (n->several && take_mark(p, ')'))
        return;
    do {
        n->type =
            arena_grow(p->arena, n->type, n->n_types, &cap, n->n_types + 1, sizeof *n->type);
        n->type[n->n_types++] = parse_type(p);
    } while (n->several && !p->failed && take_mark(p, ','));
    if (n->several)
        expect_mark(p, ')');
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
    if (is_mark(p, ']') || is_mark(p, ';'))
        return;
    do
        add_int(p, ints, parse_int(p, min, INT32_MAX, "an integer"));
    while (!p->failed && take_mark(p, ','));
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
    if (take_mark(p, ';'))
        do
            add_int(p, &ints, choose(p, fold_name, FOLD_COUNT, "a kind of fold"));
        while (!p->failed && take_mark(p, ','));
    set_ints(a, &ints);
}

static const char *const share_name[] = {"shared", "halved"};

/* "[normal, region 0, word 0, blocks 1]"; ", shared" or ", halved" may follow. */
static void
parse_draw(Parser *p, DrawAttr *a)
{
    a->dist = (uint8_t)choose(p, draw_name, DRAW_COUNT, "a distribution");
    expect_mark(p, ',');
    expect_word(p, "region");
    a->region = (uint16_t)parse_int(p, 0, 4095, "a region");
    expect_mark(p, ',');
    expect_word(p, "word");
    a->word = (uint32_t)parse_int(p, 0, UINT32_MAX, "a word");
    expect_mark(p, ',');
    expect_word(p, "blocks");
    a->blocks = (uint32_t)parse_int(p, 0, UINT32_MAX, "a number of blocks");
    if (take_mark(p, ',')) {
        a->halved = choose(p, share_name, 2, "'shared' or 'halved'") == 1;
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
        fail_with(p, p->span, DIAG_ir_number_range);
    else if (status == NUMBER_MALFORMED)
        fail(p, p->span, d == DT_bool ? "'true' or 'false'" : "a number");
    else
        next(p);
    return s;
}

/* Elements as they come: "1, 2 * 3" are four; returns how many. */
static uint64_t
parse_elements(Parser *p, Type t, unsigned char *to)
{
    uint64_t n = 0, size = type_size(t);
    unsigned width = dtype_size(t.dtype);

    if (is_mark(p, ']'))
        return 0;
    do {
        Scalar s = parse_number(p, t.dtype);
        uint64_t run = 1;
        if (take_mark(p, '*'))
            run = (uint64_t)parse_int(p, 1, INT32_MAX, "a number of times");
        for (uint64_t i = n; i < n + run && i < size; i++)
            memcpy(to + i * width, &s, width);
        n += run;
    } while (!p->failed && take_mark(p, ','));
    return n;
}

static void
parse_data(Parser *p, TextNode *n)
{
    Span begin = p->span;

    if (!n->typed || n->several) {
        fail_with(p, n->span, DIAG_ir_untyped);
        return;
    }
    Type t = n->type[0];
    size_t bytes = (size_t)type_size(t) * dtype_size(t.dtype);
    if (p->failed || bytes > MAX_CONSTANT_BYTES - p->constant_bytes) {
        fail_with(p, begin, DIAG_ir_size);
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
    expect_mark(p, '[');
    uint64_t count = parse_elements(p, t, data);
    if (!p->failed && count != type_size(t)) {
        diag_add(p->diags, DIAG_ir_elements, begin, (unsigned long long)type_size(t),
                 (unsigned long long)count);
        p->failed = true;
    }
    expect_mark(p, ']');
}

static void
parse_bracket(Parser *p, TextNode *n)
{
    Ints ints = {.n = 0};

    expect_mark(p, '[');
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
    expect_mark(p, ']');
}

static void
parse_attr(Parser *p, TextNode *n)
{
    switch (op_info[n->op].attr) {
    case ATTR_NONE: break;
    case ATTR_DATA: parse_data(p, n); break;
    case ATTR_TEXT:
        n->attr.text = p->string;
        if (p->token != TOKEN_string)
            fail(p, p->span, "a string");
        else
            next(p);
        break;
    case ATTR_CALLEE:
        n->callee = p->string;
        if (p->token != TOKEN_function) {
            fail(p, p->span, "a function");
            break;
        }
        next(p);
        if (n->op != OP_call)
            parse_bracket(p, n);
        break;
    default: parse_bracket(p, n);
    }
}

/* ---- nodes and regions */

static TextUse
parse_use(Parser *p)
{
    TextUse use = {p->id, p->span};

    if (p->token != TOKEN_node)
        fail(p, p->span, "a node");
    else
        next(p);
    return use;
}

static TextUse
parse_new_name(Parser *p)
{
    p->n_names++;
    return parse_use(p);
}

static void
parse_operands(Parser *p, TextNode *n)
{
    size_t cap = 0;

    if (p->token != TOKEN_node || p->failed)
        return;
    /* A line without operands is followed by the next one's name and its ':' or '='. */
    uint32_t at = p->at;
    while (at < p->size && strchr(" \t", p->text[at]) && p->text[at])
        at++;
    if (at < p->size && (p->text[at] == '=' || p->text[at] == ':'))
        return;
    do {
        n->arg = arena_grow(p->arena, n->arg, n->n_args, &cap, n->n_args + 1, sizeof *n->arg);
        n->arg[n->n_args++] = parse_use(p);
    } while (!p->failed && take_mark(p, ','));
}

/* What binds an entry function's parameter: "x chain \"x\"". */
static void
parse_input(Parser *p, TextParam *param)
{
    static const char *const variance[] = {"uniform", "chain"};

    if (p->token != TOKEN_word)
        return;
    param->bound = true;
    param->input.kind = (uint8_t)choose(p, input_name, INPUT_COUNT, "a kind of input");
    param->input.variance = (uint8_t)choose(p, variance, 2, "'uniform' or 'chain'");
    param->input.name = p->string;
    if (p->token != TOKEN_string)
        fail(p, p->span, "a string");
    else
        next(p);
}

static void
parse_params(Parser *p, TextRegion *r)
{
    size_t cap = 0;

    expect_mark(p, '(');
    if (take_mark(p, ')'))
        return;
    do {
        r->param = arena_grow(p->arena, r->param, r->n_params, &cap, r->n_params + 1,
                              sizeof *r->param);
        TextParam *param = &r->param[r->n_params++];
        *param = (TextParam){.name = parse_new_name(p)};
        expect_mark(p, ':');
        param->type = parse_type(p);
        parse_input(p, param);
    } while (!p->failed && take_mark(p, ','));
    expect_mark(p, ')');
}

static uint8_t
take_output_kind(Parser *p)
{
    uint8_t kind = OUTPUT_value;

    for (uint8_t i = OUTPUT_value + 1; i < OUTPUT_COUNT && kind == OUTPUT_value; i++)
        if (take_word(p, output_name[i]))
            kind = i;
    return kind;
}

static void
parse_yield(Parser *p, TextRegion *r)
{
    size_t cap = 0, cap_names = 0;

    r->span = p->span;
    expect_word(p, "yield");
    while (p->token == TOKEN_node && !p->failed) {
        r->yield = arena_grow(p->arena, r->yield, r->n_yields, &cap, r->n_yields + 1,
                              sizeof *r->yield);
        r->output = arena_grow(p->arena, r->output, r->n_yields, &cap_names, r->n_yields + 1,
                               sizeof *r->output);
        Output *output = &r->output[r->n_yields];
        r->yield[r->n_yields++] = parse_use(p);
        *output = (Output){.name = NULL};
        if (p->token == TOKEN_string) {
            output->name = p->string;
            next(p);
            output->kind = take_output_kind(p);
        }
        if (!take_mark(p, ','))
            break;
    }
}

/* After an error: to the next line that can begin a node, a yield or a function. */
static void
recover(Parser *p)
{
    while (p->token != TOKEN_end &&
           !(p->first && (p->token == TOKEN_node || is_this(p, TOKEN_word, "yield") ||
                          is_this(p, TOKEN_word, "func") || is_mark(p, '}'))))
        next(p);
    p->failed = false;
}

static void parse_region(Parser *p, TextRegion *r);

static unsigned
count_regions(Op op)
{
    return op == OP_if || op == OP_while ? 2 : op == OP_for || op == OP_loop ? 1 : 0;
}

static void
parse_regions(Parser *p, TextNode *n)
{
    unsigned count = count_regions(n->op);

    n->own = arena_array(p->arena, TextRegion, count + !count);
    for (unsigned k = 0; k < count && !p->failed; k++) {
        if (k)
            expect_word(p, ir_second_region_word(n->op));
        if (is_mark(p, '('))
            parse_params(p, &n->own[k]);
        if (!p->failed)
            parse_region(p, &n->own[k]);
    }
}

static Op
parse_op(Parser *p)
{
    const char *names[OP_COUNT];

    for (int op = OP_none + 1; op < OP_COUNT; op++) {
        names[op] = op_info[op].name;
        if (op != OP_arg && take_word(p, op_info[op].name))
            return (Op)op;
    }
    if (p->token != TOKEN_word) {
        fail(p, p->span, "an operation");
        return OP_none;
    }
    const char *word =
        arena_strndup(p->arena, p->text + p->span.begin, p->span.end - p->span.begin);
    if (p->failed)
        return OP_none;
    p->failed = true;
    Diag *d = diag_add(p->diags, DIAG_ir_operation, p->span, word);
    diag_near(p->diags, d, word, names + 1, OP_COUNT - 1);
    return OP_none;
}

static void
parse_node(Parser *p, TextNode *n)
{
    *n = (TextNode){.name = parse_new_name(p)};
    parse_types(p, n);
    expect_mark(p, '=');
    n->span = p->span;
    if (!p->failed)
        n->op = parse_op(p);
    if (!p->failed)
        parse_attr(p, n);
    if (!p->failed)
        parse_operands(p, n);
    if (!p->failed)
        parse_regions(p, n);
}

/* From its brace to the other. */
static void
parse_region(Parser *p, TextRegion *r)
{
    size_t cap = 0;

    if (p->depth == IR_MAX_DEPTH) {
        fail_with(p, p->span, DIAG_too_deep);
        return;
    }
    p->depth++;
    expect_mark(p, '{');
    while (p->token == TOKEN_node && !p->failed) {
        r->node =
            arena_grow(p->arena, r->node, r->n_nodes, &cap, r->n_nodes + 1, sizeof *r->node);
        parse_node(p, &r->node[r->n_nodes++]);
        if (p->failed)
            recover(p);
    }
    parse_yield(p, r);
    expect_mark(p, '}');
    p->depth--;
}

static void
parse_function(Parser *p, TextFunction *f)
{
    *f = (TextFunction){.name = ""};
    expect_word(p, "func");
    p->n_names = 0;
    f->span = p->span;
    if (p->token != TOKEN_function)
        fail(p, p->span, "a function");
    else
        f->name = p->string;
    next(p);
    if (!p->failed)
        parse_params(p, &f->body);
    if (!p->failed)
        parse_region(p, &f->body);
    f->n_names = p->n_names;
}

static bool
starts_function(const Parser *p)
{
    return is_this(p, TOKEN_word, "func");
}

TextModule
ir_parse(Arena *arena, const SourceMap *sources, uint32_t file, DiagList *diags)
{
    const Source *source = source_get(sources, file);
    Parser p = {.arena = arena, .diags = diags, .file = file};
    TextModule m = {.n = 0};
    size_t cap = 0;

    p.text = source->text;
    p.size = source->size;
    for (next(&p); p.token != TOKEN_end;) {
        if (m.n == MAX_FUNCTIONS) {
            diag_add(diags, DIAG_ir_size, p.span);
            break;
        }
        m.function = arena_grow(arena, m.function, m.n, &cap, m.n + 1, sizeof *m.function);
        parse_function(&p, &m.function[m.n++]);
        if (!p.failed)
            continue;
        while (p.token != TOKEN_end && !starts_function(&p))
            next(&p);
        p.failed = false;
    }
    return m;
}
