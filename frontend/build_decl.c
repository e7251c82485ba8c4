/* SPDX-License-Identifier: Apache-2.0
 *
 * build_decl.c -- the tree of statements and declarations
 */
#include "frontend/build.h"

/* ---- statements ---- */

static Stmt *
new_stmt(Syntax *s, StmtKind kind, Span span)
{
    Stmt *st = arena_new(s->arena, Stmt);

    *st = (Stmt){.kind = kind, .depth = 1, .span = span, .doc = scan_doc(s, span.begin)};
    return st;
}

/* To be called when the statement is complete; one that is too deep is left out. */
static Stmt *
finish(Syntax *s, Stmt *st)
{
    st->depth = build_stmt_depth(st);
    if (st->depth <= AST_MAX_DEPTH)
        return st;
    build_too_deep(s, st->span);
    return NULL;
}

static void
set_values(Stmt *st, List *values)
{
    st->values = (Expr **)values->item;
    st->n_values = (uint32_t)values->count;
}

Stmt *
build_binding(Syntax *s, Span span, StmtKind kind, List *patterns, List *values, Expr *init)
{
    Stmt *st = new_stmt(s, kind, span);

    st->patterns = (Pattern **)patterns->item;
    st->n_patterns = (uint32_t)patterns->count;
    st->init = init;
    if (values)
        set_values(st, values);
    if (init && st->n_patterns != 1)
        syntax_error(s, DIAG_one_start, span, (unsigned)st->n_patterns);
    return finish(s, st);
}

Stmt *
build_assign(Syntax *s, Span span, List *targets, AstOp op, List *values)
{
    Stmt *st = new_stmt(s, STMT_ASSIGN, span);

    st->op = op;
    st->targets = (Expr **)targets->item;
    st->n_targets = (uint32_t)targets->count;
    set_values(st, values);
    if (op != AST_OP_NONE && (st->n_targets != 1 || st->n_values != 1))
        syntax_error(s, DIAG_one_target, span, ast_op_text(op));
    return finish(s, st);
}

Stmt *
build_return(Syntax *s, Span span, List *values)
{
    Stmt *st = new_stmt(s, STMT_RETURN, span);

    set_values(st, values);
    return finish(s, st);
}

Stmt *
build_named(Syntax *s, Span span, StmtKind kind, const char *name, Span name_span, AstType *type,
            Expr *value)
{
    Stmt *st = new_stmt(s, kind, span);

    st->name = name;
    st->name_span = name_span;
    st->type = type;
    st->value = value;
    return finish(s, st);
}

Stmt *
build_require(Syntax *s, Span span, Expr *condition, const char *text)
{
    Stmt *st = new_stmt(s, STMT_REQUIRE, span);

    st->value = condition;
    st->text = text;
    return finish(s, st);
}

Stmt *
build_block(Syntax *s, Span span, StmtKind kind, Expr *condition, Expr *bound, Body *body,
            Body *other)
{
    Stmt *st = new_stmt(s, kind, span);

    st->value = condition;
    st->bound = bound;
    st->body = body;
    st->other = other;
    return finish(s, st);
}

Stmt *
build_loop(Syntax *s, Span span, Gen *gen, Body *body)
{
    Stmt *st = new_stmt(s, STMT_FOR, span);

    st->gen = gen;
    st->body = body;
    return finish(s, st);
}

Stmt *
build_member_of(Syntax *s, Span span, StmtKind kind, const char *name, Span name_span,
                List *dims, AstType *type, bool fixed, Expr *init)
{
    Stmt *st = new_stmt(s, kind, span);

    st->name = name;
    st->name_span = name_span;
    st->type = type;
    if (dims) {
        st->dims = (Expr **)dims->item;
        st->n_dims = (uint32_t)dims->count;
    }
    *(fixed ? &st->value : &st->init) = init;
    return finish(s, st);
}

Stmt *
build_local(Syntax *s, Decl *decl)
{
    Stmt *st = new_stmt(s, STMT_DECL, decl->span);

    st->decl = decl;
    st->name = decl->name;
    st->name_span = decl->name_span;
    return finish(s, st);
}

Stmt *
build_call_stmt(Syntax *s, Span span, Expr *call)
{
    Stmt *st = new_stmt(s, STMT_CALL, span);

    st->value = call;
    if (call->kind != EXPR_CALL || call->left->kind != EXPR_MEMBER) {
        Diag *d = syntax_error(s, DIAG_unused_value, span);
        if (d)
            diag_help(s->diags, d, "'return' gives a value, 'let' names it");
        return NULL;
    }
    return finish(s, st);
}

Body *
build_else_if(Syntax *s, Span span, Stmt *stmt)
{
    List *one = list_of(s, stmt);

    return build_body(s, span, false, one, NULL);
}

/* ---- declarations ---- */

Static *
build_static(Syntax *s, Span span, const char *name, Span name_span, bool pack, Expr *value)
{
    Static *st = arena_new(s->arena, Static);

    *st = (Static){
        .span = span, .name = name, .name_span = name_span, .pack = pack, .value = value};
    st->doc = scan_doc(s, span.begin);
    return st;
}

static Decl *
new_decl(Syntax *s, DeclKind kind, Span span)
{
    Decl *d = arena_new(s->arena, Decl);

    *d = (Decl){.kind = kind, .span = span};
    d->doc = kind == DECL_IMPORT ? NULL : scan_doc(s, span.begin);
    return d;
}

Decl *
build_import(Syntax *s, Span span, const char *path)
{
    Decl *d = new_decl(s, DECL_IMPORT, span);

    d->text = path;
    return d;
}

Decl *
build_value(Syntax *s, Span span, DeclKind kind, const char *name, Span name_span, AstType *type,
            Expr *value)
{
    Decl *d = new_decl(s, kind, span);

    d->name = name;
    d->name_span = name_span;
    d->type = type;
    d->value = value;
    return d;
}

Decl *
build_callable(Syntax *s, Span span, DeclKind kind, const char *name, Span name_span,
               List *statics, List *params, AstType *result, Body *body, Expr *derivative)
{
    Decl *d = new_decl(s, kind, span);

    d->name = name;
    d->name_span = name_span;
    d->statics = (Static **)statics->item;
    d->n_statics = (uint32_t)statics->count;
    d->params = (Param **)params->item;
    d->n_params = (uint32_t)params->count;
    d->result = result;
    d->body = body;
    d->derivative = derivative;
    return d;
}

Decl *
build_recipe(Syntax *s, Span span, DeclKind kind, Span name_span, List *settings)
{
    Decl *d = new_decl(s, kind, span);

    d->name = intern_str(s->names, ast_decl_word(kind));
    d->name_span = name_span;
    d->settings = (Setting **)settings->item;
    d->n_settings = (uint32_t)settings->count;
    return d;
}

Setting *
build_setting(Syntax *s, Span span, const char *name, Span name_span, Expr *value)
{
    Setting *set = arena_new(s->arena, Setting);

    *set = (Setting){.span = span, .name = name, .name_span = name_span, .value = value};
    set->doc = scan_doc(s, span.begin);
    return set;
}

const char *
build_dotted(Syntax *s, const char *a, const char *b)
{
    return intern_str(s->names, arena_printf(s->arena, "%s.%s", a, b));
}

void
build_file(Syntax *s, List *decls)
{
    AstFile *f = s->ast;

    f->decls = (Decl **)decls->item;
    f->n_decls = (uint32_t)decls->count;
    f->doc = scan_file_doc(s, f->n_decls ? f->decls[0] : NULL);
}
