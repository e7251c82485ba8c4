/* SPDX-License-Identifier: Apache-2.0
 *
 * read.c -- a module from its text
 *
 * Every function is declared before the first is built, and a function is built after those it
 * calls.  Each node's rule is asked before the node is made; the rules that only whole
 * functions have (ir_check) are asked at the end.
 */
#include "ir/text.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "ir/shapes.h"
#include "ir/verify.h"

typedef enum Progress { NOT_BUILT, IN_WORK, BUILT, REFUSED } Progress;

/* What a node's name stands for; node 0 where the node was refused: uses of it are silent. */
typedef struct Meaning {
    uint32_t name;
    Ref node;
} Meaning;

typedef struct Reader {
    Arena *arena;
    DiagList *diags;
    const TextModule *text;
    Module *module;
    uint8_t *progress; /* one a function */
    Builder b;
    Meaning *table; /* of the function in work */
    size_t mask;
    unsigned depth; /* of regions and calls in work */
} Reader;

static void build_function(Reader *r, uint32_t index);

/* ---- names */

static Meaning *
find_name(const Reader *r, uint32_t name)
{
    size_t i = hash_word(0, name) & r->mask;

    while (r->table[i].name && r->table[i].name != name)
        i = (i + 1) & r->mask;
    return &r->table[i];
}

static void
define(Reader *r, TextUse use, Ref node)
{
    Meaning *m = find_name(r, use.id);

    if (m->name)
        diag_add(r->diags, DIAG_ir_defined_twice, use.span, use.id);
    *m = (Meaning){use.id, node};
}

static bool
is_visible(const Reader *r, Ref node)
{
    return region_within(r->b.function, r->b.region, ir_node(r->b.function, node)->region);
}

/* The node that a name stands for; NO_REF when there is none, which has been reported. */
static Ref
resolve(Reader *r, TextUse use, bool may_be_several)
{
    const Meaning *m = find_name(r, use.id);

    if (!m->name || (m->node.id && !is_visible(r, m->node))) {
        diag_add(r->diags, DIAG_ir_undefined, use.span, use.id);
        return NO_REF;
    }
    if (m->node.id && !may_be_several && ir_type(r->b.function, m->node).dtype == DT_none) {
        diag_add(r->diags, DIAG_ir_several, use.span, use.id);
        return NO_REF;
    }
    return m->node;
}

/* All of them, in `ret`; false when one is missing. */
static bool
resolve_all(Reader *r, size_t n, const TextUse *use, bool may_be_several, Ref *ret)
{
    bool all = true;

    for (size_t i = 0; i < n; i++) {
        ret[i] = resolve(r, use[i], may_be_several);
        all &= ret[i].id != 0;
    }
    return all;
}

/* ---- types */

static void
add_type(Text *to, Type t)
{
    text_printf(to, "%s", dtype_name[t.dtype]);
    for (unsigned i = 0; i < t.rank; i++)
        text_printf(to, "%s%u", i ? ", " : "[", t.dim[i]);
    if (t.rank)
        text_printf(to, "]");
}

static const char *
type_text(Arena *arena, bool several, uint32_t n, const Type *type)
{
    Text to = {.arena = arena};

    text_printf(&to, several ? "(" : "");
    for (uint32_t i = 0; i < n; i++) {
        text_printf(&to, i ? ", " : "");
        add_type(&to, type[i]);
    }
    text_printf(&to, several ? ")" : "");
    return text_str(&to);
}

static bool
same_types(const TextNode *n, const ShapeResult *shape)
{
    if (n->several != (shape->type.dtype == DT_none))
        return false;
    if (!n->several)
        return type_eq(n->type[0], shape->type);
    bool same = n->n_types == shape->n_results;
    for (uint32_t i = 0; same && i < n->n_types; i++)
        same = type_eq(n->type[i], shape->result[i]);
    return same;
}

static bool
fits(const ShapeResult *shape)
{
    bool fit = shape->type.dtype == DT_none || type_size(shape->type) <= IR_MAX_ELEMENTS;

    for (uint32_t i = 0; i < shape->n_results; i++)
        fit &= type_size(shape->result[i]) <= IR_MAX_ELEMENTS;
    return fit;
}

/* What the node's rule says about it; false, reported, when it is broken. */
static bool
check_rule(Reader *r, const TextNode *n, const ShapeQuery *q)
{
    ShapeResult shape;

    if (!shape_infer(r->arena, q, &shape)) {
        diag_add(r->diags, DIAG_ir_rule, n->span, shape.why);
        return false;
    }
    if (!fits(&shape)) {
        diag_add(r->diags, DIAG_ir_size, n->span);
        return false;
    }
    if (!n->typed || same_types(n, &shape))
        return true;
    bool several = shape.type.dtype == DT_none;
    diag_add(r->diags, DIAG_ir_type, n->span,
             type_text(r->arena, several, several ? shape.n_results : 1,
                       several ? shape.result : &shape.type),
             type_text(r->arena, n->several, n->n_types, n->type));
    return false;
}

/* ---- nodes */

/* Builds the callee first; false, reported, when there is none or it is in work. */
static bool
find_callee(Reader *r, const TextNode *n, Attr *attr)
{
    const Function *f = module_find(r->module, n->callee);

    if (!f) {
        diag_add(r->diags, DIAG_ir_function_unknown, n->span, n->callee);
        return false;
    }
    attr->callee = f->index;
    if (r->progress[f->index] == IN_WORK) {
        diag_add(r->diags, DIAG_ir_recursion, n->span, n->callee);
        return false;
    }
    if (r->progress[f->index] == NOT_BUILT) {
        Builder b = r->b;
        Meaning *table = r->table;
        size_t mask = r->mask;
        build_function(r, f->index);
        r->b = b;
        r->table = table;
        r->mask = mask;
    }
    return r->progress[f->index] == BUILT;
}

static bool
check_typed(Reader *r, const TextNode *n)
{
    bool good = (n->typed && !n->several) || !ir_op_takes_type(n->op);

    if (!good)
        diag_add(r->diags, DIAG_ir_untyped, n->span);
    return good;
}

static bool build_region(Reader *r, const TextRegion *text, bool is_body);

static bool
build_own(Reader *r, const TextNode *n, unsigned *ret_count, RegionId own[2])
{
    bool good = true;

    *ret_count = n->op == OP_if || n->op == OP_while ? 2 : n->op == OP_for || n->op == OP_loop;
    for (unsigned k = 0; k < *ret_count; k++) {
        own[k] = region_begin(&r->b);
        good &= build_region(r, &n->own[k], false);
        region_end(&r->b);
    }
    return good;
}

static Ref
build_node(Reader *r, const TextNode *n)
{
    Ref *arg = arena_array(r->arena, Ref, n->n_args + 1);
    RegionId own[2] = {0, 0};
    Attr attr = n->attr;
    unsigned n_regions;
    bool good = resolve_all(r, n->n_args, n->arg, n->op == OP_get, arg);

    good &= check_typed(r, n);
    if (n->callee)
        good &= find_callee(r, n, &attr);
    good &= build_own(r, n, &n_regions, own);
    if (!good)
        return NO_REF;
    ShapeQuery q = {r->module,
                    r->b.function,
                    n->op,
                    n->typed && !n->several ? n->type[0] : (Type){0},
                    (uint32_t)n->n_args,
                    arg,
                    &attr,
                    n_regions,
                    own};
    if (!check_rule(r, n, &q))
        return NO_REF;
    r->b.span = n->span;
    return ir_build_raw(&r->b, n->op, q.given, q.n_args, arg, attr, n_regions, own);
}

/* ---- regions and functions */

static void
build_params(Reader *r, const TextRegion *text, bool is_body)
{
    size_t bound = 0;

    for (size_t i = 0; i < text->n_params; i++)
        bound += text->param[i].bound;
    for (size_t i = 0; i < text->n_params; i++) {
        const TextParam *p = &text->param[i];
        if (p->bound && !is_body)
            diag_add(r->diags, DIAG_ir_rule, p->name.span,
                     "a binding of a function's parameter only");
        else if (bound && bound != text->n_params)
            diag_add(r->diags, DIAG_ir_named_all, p->name.span, "parameter");
        r->b.span = p->name.span;
        define(r, p->name,
               is_body && bound == text->n_params
                   ? ir_input(&r->b, p->type, p->input.name, p->input.kind, p->input.variance)
                   : ir_param(&r->b, p->type));
    }
}

static void
build_outputs(Reader *r, const TextRegion *text, bool is_body)
{
    size_t named = 0;

    for (size_t i = 0; i < text->n_yields; i++)
        named += text->output[i].name != NULL;
    if (named == 0)
        return;
    if (!is_body)
        diag_add(r->diags, DIAG_ir_rule, text->span, "names of a function's results only");
    else if (named != text->n_yields)
        diag_add(r->diags, DIAG_ir_named_all, text->span, "result");
    else
        ir_outputs(&r->b, text->output);
}

/* False when something in it, or in what it uses, was refused. */
static bool
build_region(Reader *r, const TextRegion *text, bool is_body)
{
    Ref *yield = arena_array(r->arena, Ref, text->n_yields + 1);

    if (r->depth > IR_MAX_DEPTH) {
        diag_add(r->diags, DIAG_too_deep, text->span);
        return false;
    }
    r->depth++;
    build_params(r, text, is_body);
    for (size_t i = 0; i < text->n_nodes; i++)
        define(r, text->node[i].name, build_node(r, &text->node[i]));
    r->depth--;
    if (!resolve_all(r, text->n_yields, text->yield, false, yield))
        return false;
    ir_yield(&r->b, (uint32_t)text->n_yields, yield);
    build_outputs(r, text, is_body);
    return true;
}

static void
build_function(Reader *r, uint32_t index)
{
    const TextFunction *text = &r->text->function[index];
    unsigned before = r->diags->errors;

    for (r->mask = 7; r->mask < 2 * text->n_names; r->mask = 2 * r->mask + 1)
        ;
    r->table = arena_array(r->arena, Meaning, r->mask + 1);
    r->progress[index] = IN_WORK;
    r->b = builder_at(r->module, r->module->function[index]);
    build_region(r, &text->body, true);
    r->progress[index] = r->diags->errors == before ? BUILT : REFUSED;
}

static void
report_broken(void *user, const Function *f, uint32_t node, const char *message)
{
    Reader *r = user;
    const TextFunction *text = f ? &r->text->function[f->index] : &r->text->function[0];

    diag_add(r->diags, DIAG_ir_broken, f && node ? f->node[node].span : text->span, message);
}

static void
declare_functions(Reader *r)
{
    for (size_t i = 0; i < r->text->n; i++) {
        const TextFunction *f = &r->text->function[i];
        if (module_find(r->module, f->name))
            diag_add(r->diags, DIAG_ir_function_twice, f->span, f->name);
        function_new(r->module, f->name);
    }
}

Module *
ir_read(Arena *arena, const SourceMap *sources, uint32_t file, DiagList *diags)
{
    unsigned before = diags->errors;
    TextModule text = ir_parse(arena, sources, file, diags);
    Reader r = {.arena = arena, .diags = diags, .text = &text};

    if (diags->errors != before)
        return NULL;
    r.module = module_new(arena);
    r.progress = arena_array(arena, uint8_t, text.n + 1);
    declare_functions(&r);
    for (uint32_t i = 0; i < text.n; i++)
        if (r.progress[i] == NOT_BUILT)
            build_function(&r, i);
    if (diags->errors == before)
        ir_check(r.module, arena, report_broken, &r);
    return diags->errors == before ? r.module : NULL;
}
