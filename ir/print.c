/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c -- the IR as text
 *
 * docs/ir.md is the text's reference; read.c reads it back.  Printing what was read gives the
 * same text again.
 */
#include "ir/text.h"

#include <assert.h>
#include <string.h>

/* Where the text goes, and how its nodes are called. */
typedef struct Printer {
    const Module *module;
    const Function *function;
    const uint32_t *number;
    FILE *out;
    unsigned depth;
} Printer;

bool
ir_op_takes_type(Op op)
{
    switch (op) {
    case OP_arg:
    case OP_const:
    case OP_iota:
    case OP_broadcast:
    case OP_reshape:
    case OP_slice:
    case OP_pad:
    case OP_convert:
    case OP_bitcast:
    case OP_draw: return true;
    default: return false;
    }
}

/* ---- numbering */

typedef struct Numbering {
    const Function *function;
    uint32_t *number;
    uint32_t last;
} Numbering;

static void
number_region(Numbering *s, RegionId id)
{
    const Region *r = &s->function->region[id];

    for (uint32_t i = 0; i < r->n_params; i++)
        s->number[r->param[i].id] = ++s->last;
    for (size_t i = 0; i < r->n_nodes; i++) {
        const Node *n = &s->function->node[r->node[i]];
        if (n->op == OP_arg)
            continue;
        for (uint32_t k = 0; k < n->n_regions; k++)
            number_region(s, n->own[k]);
        s->number[r->node[i]] = ++s->last;
    }
}

/* One entry a node: its number in the text, 0 for nodes of regions that nobody owns.  Nodes are
 * numbered as they stand in the text, a node with regions after them. */
static uint32_t *
number_nodes(const Function *f, Arena *arena)
{
    Numbering s = {f, arena_array(arena, uint32_t, f->n), 0};

    number_region(&s, 0);
    return s.number;
}

/* ---- pieces */

static void
indent(const Printer *p)
{
    fprintf(p->out, "%*s", (int)(4 * p->depth), "");
}

static void
print_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7F)
            fprintf(out, "\\x%02x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

/* Letters, digits, '_' and '.', not starting with a digit or a point; others are quoted. */
static bool
is_plain(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

    return name[0] && strchr(letters, name[0]) &&
           name[strspn(name + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                                 ".0123456789") +
                1] == '\0';
}

static void
print_callee(FILE *out, const char *name)
{
    fputc('@', out);
    if (is_plain(name))
        fputs(name, out);
    else
        print_string(out, name);
}

static void
print_type(FILE *out, Type t)
{
    fputs(dtype_name[t.dtype], out);
    for (unsigned i = 0; i < t.rank; i++)
        fprintf(out, "%s%u", i ? ", " : "[", t.dim[i]);
    if (t.rank)
        fputc(']', out);
}

static void
print_types(FILE *out, const Node *n)
{
    if (n->type.dtype != DT_none) {
        print_type(out, n->type);
        return;
    }
    fputc('(', out);
    for (uint32_t i = 0; i < n->n_results; i++) {
        fputs(i ? ", " : "", out);
        print_type(out, n->result[i]);
    }
    fputc(')', out);
}

static void
print_ref(const Printer *p, Ref r)
{
    fprintf(p->out, "%%%u", p->number[r.id]);
}

static void
print_refs(const Printer *p, uint32_t n, const Ref *r)
{
    for (uint32_t i = 0; i < n; i++) {
        fputs(i ? ", " : " ", p->out);
        print_ref(p, r[i]);
    }
}

/* ---- attributes */

static void
print_ints(FILE *out, const int64_t *value, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "%s%lld", i ? ", " : "", (long long)value[i]);
}

static void
print_loop(FILE *out, const Attr *a)
{
    uint32_t rank = (uint32_t)a->ints[0];

    fputc('[', out);
    print_ints(out, a->ints + 1, rank);
    for (uint32_t i = 1 + rank; i < a->n_ints; i++)
        fprintf(out, "%s%s", i > 1 + rank ? ", " : "; ", fold_name[a->ints[i]]);
    fputc(']', out);
}

static Scalar
element(const void *data, DType d, uint64_t i)
{
    Scalar s = {.bits = 0};

    memcpy(&s, (const char *)data + i * dtype_size(d), dtype_size(d));
    return s;
}

/* Equal elements that follow one another are written once: "0 * 100". */
static uint64_t
run_length(const void *data, DType d, uint64_t i, uint64_t n)
{
    unsigned size = dtype_size(d);
    const char *at = (const char *)data + i * size;
    uint64_t run = 1;

    while (i + run < n && memcmp(at, at + run * size, size) == 0)
        run++;
    return run;
}

static void
print_data(FILE *out, Type t, const void *data)
{
    char text[NUMBER_TEXT];
    uint64_t n = type_size(t);
    const char *separator = "";

    if (t.rank)
        fputc('[', out);
    for (uint64_t i = 0, run; i < n; i += run) {
        run = run_length(data, t.dtype, i, n);
        ir_number_print(element(data, t.dtype, i), t.dtype, text);
        fprintf(out, "%s%s", separator, text);
        if (run > 1)
            fprintf(out, " * %llu", (unsigned long long)run);
        separator = ", ";
    }
    if (t.rank)
        fputc(']', out);
}

static void
print_draw(FILE *out, const DrawAttr *a)
{
    fprintf(out, "[%s, region %u, word %u, blocks %u%s]", draw_name[a->dist], a->region,
            a->word, a->blocks,
            a->shared   ? ", shared"
            : a->halved ? ", halved"
                        : "");
}

static void
print_attr(const Printer *p, const Node *n)
{
    const Attr *a = &n->attr;

    switch (op_info[n->op].attr) {
    case ATTR_INT: fprintf(p->out, "[%lld]", (long long)a->i); break;
    case ATTR_TEXT:
        fputc(' ', p->out);
        print_string(p->out, a->text);
        break;
    case ATTR_DATA:
        fputc(' ', p->out);
        print_data(p->out, n->type, a->data);
        break;
    case ATTR_DRAW: print_draw(p->out, &a->draw); break;
    case ATTR_CALLEE:
        fputc(' ', p->out);
        print_callee(p->out, p->module->function[a->callee]->name);
        if (n->op == OP_call)
            break;
        /* fall through */
    case ATTR_INTS:
        if (n->op == OP_loop) {
            print_loop(p->out, a);
            break;
        }
        fputc('[', p->out);
        print_ints(p->out, a->ints, a->n_ints);
        fputc(']', p->out);
        break;
    default: break;
    }
}

/* ---- nodes and regions */

static void
print_params(const Printer *p, const Region *r, const Input *input)
{
    fputc('(', p->out);
    for (uint32_t i = 0; i < r->n_params; i++) {
        fputs(i ? ", " : "", p->out);
        print_ref(p, r->param[i]);
        fputs(": ", p->out);
        print_type(p->out, ir_type(p->function, r->param[i]));
        if (input && input[i].name) {
            fprintf(p->out, " %s %s ", input_name[input[i].kind],
                    input[i].variance == VARY_uniform ? "uniform" : "chain");
            print_string(p->out, input[i].name);
        }
    }
    fputc(')', p->out);
}

static void
print_yield(const Printer *p, const Region *r, const Output *output)
{
    indent(p);
    fputs("yield", p->out);
    for (uint32_t i = 0; i < r->n_yields; i++) {
        fputs(i ? ", " : " ", p->out);
        print_ref(p, r->yield[i]);
        if (output && output[i].name) {
            fputc(' ', p->out);
            print_string(p->out, output[i].name);
            if (output[i].kind != OUTPUT_value)
                fprintf(p->out, " %s", output_name[output[i].kind]);
        }
    }
    fputc('\n', p->out);
}

static void print_node(Printer *p, uint32_t id);

/* From its brace to the other. */
static void
print_region(Printer *p, RegionId id, const Output *output)
{
    const Region *r = &p->function->region[id];

    fputs(" {\n", p->out);
    p->depth++;
    for (size_t i = 0; i < r->n_nodes; i++)
        if (p->function->node[r->node[i]].op != OP_arg)
            print_node(p, r->node[i]);
    print_yield(p, r, output);
    p->depth--;
    indent(p);
    fputc('}', p->out);
}

static void
print_node(Printer *p, uint32_t id)
{
    const Node *n = &p->function->node[id];

    indent(p);
    print_ref(p, (Ref){id});
    fputs(": ", p->out);
    print_types(p->out, n);
    fprintf(p->out, " = %s", op_info[n->op].name);
    print_attr(p, n);
    print_refs(p, n->n_args, n->arg);
    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *r = &p->function->region[n->own[k]];
        if (k)
            fprintf(p->out, " %s", ir_second_region_word(n->op));
        if (r->n_params) {
            fputc(' ', p->out);
            print_params(p, r, NULL);
        }
        print_region(p, n->own[k], NULL);
    }
    fputc('\n', p->out);
}

static void
print_function(const Module *m, const Function *f, Arena *scratch, FILE *out)
{
    Printer p = {.module = m, .function = f, .out = out};

    p.number = number_nodes(f, scratch);
    fputs("func ", out);
    print_callee(out, f->name);
    print_params(&p, &f->region[0], f->input);
    print_region(&p, 0, f->output);
    fputc('\n', out);
}

typedef struct Printing {
    const Module *module;
    FILE *out;
    Arena scratch;
} Printing;

static void
print_all(void *user)
{
    Printing *s = user;

    for (size_t i = 0; i < s->module->n; i++) {
        fputs(i ? "\n" : "", s->out);
        print_function(s->module, s->module->function[i], &s->scratch, s->out);
    }
}

void
ir_print(const Module *m, FILE *out)
{
    Printing s = {.module = m, .out = out};

    if (!arena_guard(&s.scratch, print_all, &s))
        fputs("# out of memory\n", out);
    arena_free(&s.scratch);
}
