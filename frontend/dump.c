/* SPDX-License-Identifier: Apache-2.0
 *
 * dump.c -- the tree as S-expressions
 *
 * Everything but places is written, so that two trees are equal if their dumps are.
 * `_` stands for what was left out.
 */
#include "frontend/syntax.h"

static void dump_body(const Body *body, Text *out);
static void dump_decl(const Decl *d, Text *out);

static void
put(Text *out, const char *text)
{
    text_printf(out, "%s", text);
}

static void
dump_doc(const char *doc, Text *out)
{
    if (!doc)
        return;
    put(out, " (doc \"");
    for (const char *c = doc; *c; c++)
        if (*c == '\n')
            put(out, "\\n");
        else
            text_add(out, c, 1);
    put(out, "\")");
}

/* ---- types ---- */

static void
dump_range(const Range *r, Text *out)
{
    if (!r)
        return;
    if (r->in) {
        put(out, " in ");
        syntax_dump_expr(r->lo, out);
        put(out, "..");
        syntax_dump_expr(r->hi, out);
        return;
    }
    if (r->lo) {
        put(out, r->lo_open ? " > " : " >= ");
        syntax_dump_expr(r->lo, out);
    }
    if (r->hi) {
        put(out, r->hi_open ? " < " : " <= ");
        syntax_dump_expr(r->hi, out);
    }
}

static void
dump_dims(Expr *const *dims, uint32_t count, Text *out)
{
    for (uint32_t i = 0; i < count; i++) {
        put(out, i ? " " : "[");
        syntax_dump_expr(dims[i], out);
    }
    if (count)
        put(out, "]");
}

static void
dump_type(const AstType *t, Text *out)
{
    if (!t) {
        put(out, "_");
        return;
    }
    if (t->range)
        put(out, "(");
    switch (t->kind) {
    case TYPE_NAME: put(out, t->name); break;
    case TYPE_TUPLE: put(out, "(tuple"); break;
    case TYPE_FN: put(out, "(fn-type ("); break;
    case TYPE_ENERGY: put(out, "(energy-type"); break;
    case TYPE_ANY: text_printf(out, "(any %s)", ast_decl_word(t->bare)); break;
    case TYPE_KINDS: break;
    }
    dump_dims(t->dims, t->n_dims, out);
    for (uint32_t i = 0; i < t->n_fields; i++) {
        put(out, i || t->kind != TYPE_FN ? " " : "");
        if (t->fields[i]->name)
            text_printf(out, "%s:", t->fields[i]->name);
        dump_type(t->fields[i]->type, out);
    }
    if (t->kind == TYPE_FN) {
        put(out, ") ");
        dump_type(t->result, out);
    }
    if (t->kind == TYPE_FN || t->kind == TYPE_TUPLE || t->kind == TYPE_ENERGY)
        put(out, ")");
    dump_range(t->range, out);
    if (t->range)
        put(out, ")");
}

/* ---- expressions ---- */

static void
dump_typed(const char *name, const AstType *type, Text *out)
{
    put(out, name);
    if (type) {
        put(out, ":");
        dump_type(type, out);
    }
}

static void
dump_args(const Expr *e, const char *before, Text *out)
{
    for (uint32_t i = 0; i < e->n_args; i++) {
        put(out, i ? " " : before);
        if (e->args[i]->name)
            text_printf(out, "(%s = ", e->args[i]->name);
        syntax_dump_expr(e->args[i]->value, out);
        put(out, e->args[i]->name ? ")" : "");
    }
}

static void
dump_gen(const Gen *gen, Text *out)
{
    text_printf(out, " %s ", gen->name);
    syntax_dump_expr(gen->lo, out);
    put(out, " ");
    syntax_dump_expr(gen->hi, out);
}

static void
dump_for(const Expr *e, Text *out)
{
    put(out, e->reduces ? "(for" : "[for");
    for (uint32_t i = 0; i < e->n_gens; i++)
        dump_gen(e->gens[i], out);
    put(out, " ");
    dump_body(e->body, out);
    put(out, e->reduces ? ")" : "]");
}

static void
dump_lambda(const Expr *e, Text *out)
{
    put(out, "(fn (");
    for (uint32_t i = 0; i < e->n_params; i++) {
        put(out, i ? " " : "");
        dump_typed(e->params[i]->name, e->params[i]->type, out);
    }
    put(out, ") ");
    dump_body(e->body, out);
    put(out, ")");
}

static void
dump_slice(const Expr *e, Text *out)
{
    if (e->left)
        syntax_dump_expr(e->left, out);
    put(out, ":");
    if (e->right)
        syntax_dump_expr(e->right, out);
}

static void
dump_head(const Expr *e, const char *head, Text *out)
{
    text_printf(out, "(%s ", head);
    syntax_dump_expr(e->left, out);
}

static void
dump_operands(const Expr *e, Text *out)
{
    dump_head(e, e->op == AST_OP_NEG ? "neg" : ast_op_text(e->op), out);
    if (e->right) {
        put(out, " ");
        syntax_dump_expr(e->right, out);
    }
    put(out, ")");
}

static void
dump_if(const Expr *e, Text *out)
{
    dump_head(e, "if", out);
    put(out, " ");
    dump_body(e->body, out);
    put(out, " ");
    dump_body(e->other, out);
    put(out, ")");
}

static void
dump_bare(const Expr *e, Text *out)
{
    switch (e->kind) {
    case EXPR_NAME: put(out, e->name); break;
    case EXPR_INT:
    case EXPR_REAL: put(out, e->text); break;
    case EXPR_BOOL: put(out, e->boolean ? "true" : "false"); break;
    case EXPR_STRING: text_printf(out, "\"%s\"", e->text); break;
    case EXPR_UNARY:
    case EXPR_BINARY: dump_operands(e, out); break;
    case EXPR_CALL:
    case EXPR_INDEX:
        dump_head(e, e->kind == EXPR_CALL ? "call" : "at", out);
        dump_args(e, " ", out);
        put(out, ")");
        break;
    case EXPR_MEMBER:
        dump_head(e, ".", out);
        text_printf(out, " %s)", e->name);
        break;
    case EXPR_TUPLE:
        dump_args(e, "(tuple ", out);
        put(out, ")");
        break;
    case EXPR_ARRAY:
        dump_args(e, "[", out);
        put(out, "]");
        break;
    case EXPR_FOR: dump_for(e, out); break;
    case EXPR_IF: dump_if(e, out); break;
    case EXPR_LAMBDA: dump_lambda(e, out); break;
    case EXPR_SLICE: dump_slice(e, out); break;
    case EXPR_PACK: text_printf(out, "%s...", e->name); break;
    case EXPR_KINDS: break;
    }
}

void
syntax_dump_expr(const Expr *e, Text *out)
{
    if (e->parens)
        put(out, "(group ");
    dump_bare(e, out);
    if (e->parens)
        put(out, ")");
}

/* ---- statements ---- */

static void
dump_pattern(const Pattern *p, Text *out)
{
    if (p->name) {
        dump_typed(p->name, p->type, out);
        return;
    }
    for (uint32_t i = 0; i < p->n_fields; i++) {
        put(out, i ? " " : "(");
        dump_pattern(p->fields[i], out);
    }
    put(out, ")");
}

static void
dump_binding(const char *word, const Stmt *st, Text *out)
{
    text_printf(out, "(%s (", word);
    for (uint32_t i = 0; i < st->n_patterns; i++) {
        put(out, i ? " " : "");
        dump_pattern(st->patterns[i], out);
    }
    put(out, ")");
    if (st->init) {
        put(out, " ~ ");
        syntax_dump_expr(st->init, out);
    }
}

static void
dump_values(const Stmt *st, Text *out)
{
    for (uint32_t i = 0; i < st->n_values; i++) {
        put(out, " ");
        syntax_dump_expr(st->values[i], out);
    }
}

static void
dump_assign(const Stmt *st, Text *out)
{
    text_printf(out, "(set%s (", ast_op_text(st->op));
    for (uint32_t i = 0; i < st->n_targets; i++) {
        put(out, i ? " " : "");
        syntax_dump_expr(st->targets[i], out);
    }
    put(out, ")");
}

static void
dump_init(const Expr *init, const Expr *value, Text *out)
{
    if (init) {
        put(out, " (~ ");
        syntax_dump_expr(init, out);
        put(out, ")");
    }
    if (value) {
        put(out, " (= ");
        syntax_dump_expr(value, out);
        put(out, ")");
    }
}

/* `param`, `buffer` and `layer`. */
static void
dump_member(const char *word, const Stmt *st, Text *out)
{
    text_printf(out, "(%s %s", word, st->name);
    if (st->n_dims)
        put(out, " ");
    dump_dims(st->dims, st->n_dims, out);
    if (st->type) {
        put(out, " ");
        dump_type(st->type, out);
    }
    dump_init(st->init, st->value, out);
}

static void
dump_condition(const char *word, const Stmt *st, Text *out)
{
    text_printf(out, "(%s ", word);
    syntax_dump_expr(st->value, out);
    if (st->bound) {
        put(out, " ");
        syntax_dump_expr(st->bound, out);
    }
}

static void
dump_stmt_head(const Stmt *st, Text *out)
{
    switch (st->kind) {
    case STMT_LET: dump_binding("let", st, out); break;
    case STMT_VAR: dump_binding("var", st, out); break;
    case STMT_STATE: dump_binding("state", st, out); break;
    case STMT_CACHE: dump_binding("cache", st, out); break;
    case STMT_ASSIGN: dump_assign(st, out); break;
    case STMT_RETURN: put(out, "(return"); break;
    case STMT_CONST:
        text_printf(out, "(const %s ", st->name);
        dump_type(st->type, out);
        put(out, " ");
        syntax_dump_expr(st->value, out);
        break;
    case STMT_REPORT:
        text_printf(out, "(report %s ", st->name);
        syntax_dump_expr(st->value, out);
        break;
    case STMT_REQUIRE:
        dump_condition("require", st, out);
        text_printf(out, " \"%s\"", st->text);
        break;
    case STMT_IF: dump_condition("if", st, out); break;
    case STMT_WHILE: dump_condition("while", st, out); break;
    case STMT_FOR:
        put(out, "(for");
        dump_gen(st->gen, out);
        break;
    case STMT_PARAM: dump_member("param", st, out); break;
    case STMT_LAYER: dump_member(st->n_dims ? "layers" : "layer", st, out); break;
    case STMT_BUFFER: dump_member("buffer", st, out); break;
    case STMT_STEP: put(out, "(step"); break;
    case STMT_CALL:
        put(out, "(do ");
        syntax_dump_expr(st->value, out);
        break;
    case STMT_DECL:
    case STMT_KINDS: break;
    }
}

static void
dump_stmt(const Stmt *st, Text *out)
{
    if (st->kind == STMT_DECL) {
        dump_decl(st->decl, out);
        return;
    }
    dump_stmt_head(st, out);
    dump_values(st, out);
    if (st->body) {
        put(out, " ");
        dump_body(st->body, out);
    }
    if (st->other) {
        put(out, " ");
        dump_body(st->other, out);
    }
    dump_doc(st->doc, out);
    put(out, ")");
}

static void
dump_body(const Body *body, Text *out)
{
    bool block = body->braced && !body->value;

    put(out, block ? "{" : "");
    for (uint32_t i = 0; i < body->n_stmts; i++) {
        put(out, i ? " " : "");
        dump_stmt(body->stmts[i], out);
    }
    if (body->value) {
        put(out, body->n_stmts ? " " : "");
        syntax_dump_expr(body->value, out);
    }
    put(out, block ? "}" : "");
}

/* ---- declarations ---- */

static void
dump_statics(const Decl *d, Text *out)
{
    for (uint32_t i = 0; i < d->n_statics; i++) {
        const Static *st = d->statics[i];
        put(out, i ? " " : " [");
        text_printf(out, st->value ? "(%s " : "%s", st->name);
        if (st->value)
            syntax_dump_expr(st->value, out);
        put(out, st->pack ? "..." : "");
        dump_doc(st->doc, out);
        put(out, st->value ? ")" : "");
    }
    put(out, d->n_statics ? "]" : "");
}

static void
dump_param(const Param *p, Text *out)
{
    text_printf(out, "(%s%s ", p->given ? "given " : "", p->name);
    dump_type(p->type, out);
    if (p->init) {
        put(out, " ~ ");
        syntax_dump_expr(p->init, out);
    }
    if (p->value) {
        put(out, " ");
        syntax_dump_expr(p->value, out);
    }
    dump_doc(p->doc, out);
    put(out, ")");
}

static void
dump_callable(const Decl *d, Text *out)
{
    text_printf(out, "(%s %s", ast_decl_word(d->kind), d->name);
    dump_statics(d, out);
    put(out, " (");
    for (uint32_t i = 0; i < d->n_params; i++) {
        put(out, i ? " " : "");
        dump_param(d->params[i], out);
    }
    put(out, ") ");
    if (d->result) {
        dump_type(d->result, out);
        put(out, " ");
    }
    put(out, d->body->braced ? "" : "(= ");
    dump_body(d->body, out);
    put(out, d->body->braced ? "" : ")");
    if (d->derivative) {
        put(out, " (derivative ");
        syntax_dump_expr(d->derivative, out);
        put(out, ")");
    }
}

static void
dump_recipe(const Decl *d, Text *out)
{
    text_printf(out, "(%s", d->name);
    for (uint32_t i = 0; i < d->n_settings; i++) {
        text_printf(out, " (%s ", d->settings[i]->name);
        syntax_dump_expr(d->settings[i]->value, out);
        dump_doc(d->settings[i]->doc, out);
        put(out, ")");
    }
}

static void
dump_decl(const Decl *d, Text *out)
{
    switch (d->kind) {
    case DECL_IMPORT: text_printf(out, "(import \"%s\"", d->text); break;
    case DECL_CONST:
    case DECL_DATA:
        text_printf(out, "(%s %s ", ast_decl_word(d->kind), d->name);
        dump_type(d->type, out);
        if (d->value) {
            put(out, " ");
            syntax_dump_expr(d->value, out);
        }
        break;
    case DECL_TRAIN:
    case DECL_SAMPLE: dump_recipe(d, out); break;
    default: dump_callable(d, out); break;
    }
    dump_doc(d->doc, out);
    put(out, ")");
}

void
syntax_dump(const AstFile *ast, Text *out)
{
    put(out, "(file");
    dump_doc(ast->doc, out);
    for (uint32_t i = 0; i < ast->n_decls; i++) {
        put(out, "\n  ");
        dump_decl(ast->decls[i], out);
    }
    put(out, ")\n");
}
