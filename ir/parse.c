/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c -- the IR's text to a tree
 *
 * Grammar only: what a name stands for, and whether an operation may have such
 * operands, is read.c's to say.  After an error the parser goes on with the next line.
 */
#include "ir/parse.h"

#include <string.h>

enum { MAX_FUNCTIONS = 1 << 14 };

static TextUse
parse_use(Parser *p)
{
    TextUse use = {p->id, p->span};

    if (p->token != TOKEN_node)
        parse_fail(p, p->span, "a node");
    else
        parse_next(p);
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
    } while (!p->failed && parse_take_mark(p, ','));
}

/* What binds an entry function's parameter: "x chain \"x\"". */
static void
parse_input(Parser *p, TextParam *param)
{
    static const char *const variance[] = {"uniform", "chain"};

    if (p->token != TOKEN_word)
        return;
    param->bound = true;
    param->input.kind = (uint8_t)parse_choose(p, input_name, INPUT_COUNT, "a kind of input");
    param->input.variance = (uint8_t)parse_choose(p, variance, 2, "'uniform' or 'chain'");
    param->input.name = p->string;
    if (p->token != TOKEN_string)
        parse_fail(p, p->span, "a string");
    else
        parse_next(p);
}

static void
parse_params(Parser *p, TextRegion *r)
{
    size_t cap = 0;

    parse_expect_mark(p, '(');
    if (parse_take_mark(p, ')'))
        return;
    do {
        r->param = arena_grow(p->arena, r->param, r->n_params, &cap, r->n_params + 1,
                              sizeof *r->param);
        TextParam *param = &r->param[r->n_params++];
        *param = (TextParam){.name = parse_new_name(p)};
        parse_expect_mark(p, ':');
        param->type = parse_type(p);
        parse_input(p, param);
    } while (!p->failed && parse_take_mark(p, ','));
    parse_expect_mark(p, ')');
}

static uint8_t
take_output_kind(Parser *p)
{
    uint8_t kind = OUTPUT_value;

    for (uint8_t i = OUTPUT_value + 1; i < OUTPUT_COUNT && kind == OUTPUT_value; i++)
        if (parse_take_word(p, output_name[i]))
            kind = i;
    return kind;
}

static void
parse_yield(Parser *p, TextRegion *r)
{
    size_t cap = 0, cap_names = 0;

    r->span = p->span;
    parse_expect_word(p, "yield");
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
            parse_next(p);
            output->kind = take_output_kind(p);
        }
        if (!parse_take_mark(p, ','))
            break;
    }
}

/* After an error: to the next line that can begin a node, a yield or a function. */
static void
recover(Parser *p)
{
    while (p->token != TOKEN_end &&
           !(p->first && (p->token == TOKEN_node || parse_is(p, TOKEN_word, "yield") ||
                          parse_is(p, TOKEN_word, "func") || parse_is_mark(p, '}'))))
        parse_next(p);
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
            parse_expect_word(p, ir_second_region_word(n->op));
        if (parse_is_mark(p, '('))
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
        if (op != OP_arg && parse_take_word(p, op_info[op].name))
            return (Op)op;
    }
    if (p->token != TOKEN_word) {
        parse_fail(p, p->span, "an operation");
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
    parse_expect_mark(p, '=');
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
        parse_fail_with(p, p->span, DIAG_too_deep);
        return;
    }
    p->depth++;
    parse_expect_mark(p, '{');
    while (p->token == TOKEN_node && !p->failed) {
        r->node =
            arena_grow(p->arena, r->node, r->n_nodes, &cap, r->n_nodes + 1, sizeof *r->node);
        parse_node(p, &r->node[r->n_nodes++]);
        if (p->failed)
            recover(p);
    }
    parse_yield(p, r);
    parse_expect_mark(p, '}');
    p->depth--;
}

static void
parse_function(Parser *p, TextFunction *f)
{
    *f = (TextFunction){.name = ""};
    parse_expect_word(p, "func");
    p->n_names = 0;
    f->span = p->span;
    if (p->token != TOKEN_function)
        parse_fail(p, p->span, "a function");
    else
        f->name = p->string;
    parse_next(p);
    if (!p->failed)
        parse_params(p, &f->body);
    if (!p->failed)
        parse_region(p, &f->body);
    f->n_names = p->n_names;
}

static bool
starts_function(const Parser *p)
{
    return parse_is(p, TOKEN_word, "func");
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
    for (parse_next(&p); p.token != TOKEN_end;) {
        if (m.n == MAX_FUNCTIONS) {
            diag_add(diags, DIAG_ir_size, p.span);
            break;
        }
        m.function = arena_grow(arena, m.function, m.n, &cap, m.n + 1, sizeof *m.function);
        parse_function(&p, &m.function[m.n++]);
        if (!p.failed)
            continue;
        while (p.token != TOKEN_end && !starts_function(&p))
            parse_next(&p);
        p.failed = false;
    }
    return m;
}
