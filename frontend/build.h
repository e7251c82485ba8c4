/* SPDX-License-Identifier: Apache-2.0
 *
 * build.h -- one function for each action of the grammar.
 *
 * They allocate nodes, keep the depth of the tree, and report what the grammar lets pass.
 * A NULL in a list (what was left out after an error) is dropped.
 */
#ifndef EBM_FRONTEND_BUILD_H
#define EBM_FRONTEND_BUILD_H

#include "frontend/scan.h"

/* The arena's copy of a literal's text. */
const char *build_text(Syntax *s, const char *text, uint32_t size);

/* A list of none, of one; a list with one more.  A NULL item is left out. */
List *list_of(Syntax *s, void *item);
List *list_add(Syntax *s, List *list, void *item);

/* The item, then those of the list. */
List *list_join(Syntax *s, void *item, const List *rest);

/* ---- expressions ---- */

Expr *build_name(Syntax *s, Span span, const char *name);
Expr *build_int(Syntax *s, Span span, const char *text);
Expr *build_real(Syntax *s, Span span, const char *text);
Expr *build_bool(Syntax *s, Span span, bool value);
Expr *build_string(Syntax *s, Span span, const char *text);
Expr *build_parens(Span span, Expr *e);
Expr *build_unary(Syntax *s, Span span, AstOp op, Span at, Expr *x);
Expr *build_binary(Syntax *s, Span span, AstOp op, Span at, Expr *x, Expr *y);
Expr *build_call(Syntax *s, Span span, Span at, Expr *callee, List *args);
Expr *build_index(Syntax *s, Span span, Span at, Expr *x, List *args);
Expr *build_member(Syntax *s, Span span, Span at, Expr *x, const char *name);
/* EXPR_TUPLE, EXPR_ARRAY */
Expr *build_list(Syntax *s, Span span, ExprKind kind, List *args);
Expr *build_for(Syntax *s, Span span, bool reduces, List *gens, Body *body);
Expr *build_if(Syntax *s, Span span, Expr *condition, Body *yes, Body *no);
Expr *build_lambda(Syntax *s, Span span, List *params, Body *body);
Expr *build_slice(Syntax *s, Span span, Expr *from, Expr *to);
Expr *build_pack(Syntax *s, Span span, const char *name);

Arg *build_arg(Syntax *s, Span span, const char *name, Span name_span, Expr *value);
Gen *build_gen(Syntax *s, Span span, const char *name, Span name_span, Expr *lo, Expr *hi);
Body *build_body(Syntax *s, Span span, bool braced, List *stmts, Expr *value);
Param *build_param(Syntax *s, Span span, const char *name, Span name_span, AstType *type);
/* The rest of a declaration's argument. */
Param *build_argument(Syntax *s, Span span, Param *p, bool given, Expr *init, Expr *value);

/* ---- types ---- */

AstType *build_named_type(Syntax *s, Span span, const char *name, List *dims);
AstType *build_fn_type(Syntax *s, Span span, List *fields, AstType *result);
/* TYPE_TUPLE, TYPE_ENERGY */
AstType *build_type(Syntax *s, Span span, TypeKind kind, List *fields);
AstType *build_any_fn(Syntax *s, Span span);
Field *build_field(Syntax *s, Span span, const char *name, Span name_span, AstType *type);
AstType *build_ranged(Syntax *s, Span span, AstType *type, Range *range);
/* One more bound; `range` may be NULL. */
Range *build_bound(Syntax *s, Span span, Range *range, AstOp op, Expr *value);
Range *build_range(Syntax *s, Span span, Expr *lo, Expr *hi);

/* ---- statements ---- */

Pattern *build_pattern(Syntax *s, Span span, const char *name, AstType *type, List *fields);
/* STMT_LET, STMT_VAR, STMT_STATE, STMT_CACHE */
Stmt *build_binding(Syntax *s, Span span, StmtKind kind, List *patterns, List *values,
                    Expr *init);
Stmt *build_assign(Syntax *s, Span span, List *targets, AstOp op, List *values);
Stmt *build_return(Syntax *s, Span span, List *values);
/* STMT_CONST, STMT_REPORT */
Stmt *build_named(Syntax *s, Span span, StmtKind kind, const char *name, Span name_span,
                  AstType *type, Expr *value);
Stmt *build_require(Syntax *s, Span span, Expr *condition, const char *text);
/* STMT_IF, STMT_WHILE, STMT_STEP; what does not apply is NULL */
Stmt *build_block(Syntax *s, Span span, StmtKind kind, Expr *condition, Expr *bound, Body *body,
                  Body *other);
Stmt *build_loop(Syntax *s, Span span, Gen *gen, Body *body);
/* STMT_PARAM, STMT_BUFFER, STMT_LAYER: `init` is what `~` or `=` (if `fixed`) gives, or NULL */
Stmt *build_member_of(Syntax *s, Span span, StmtKind kind, const char *name, Span name_span,
                      List *dims, AstType *type, bool fixed, Expr *init);
Stmt *build_local(Syntax *s, Decl *decl);
Stmt *build_call_stmt(Syntax *s, Span span, Expr *call);
Body *build_else_if(Syntax *s, Span span, Stmt *stmt);

/* ---- declarations ---- */

Static *build_static(Syntax *s, Span span, const char *name, Span name_span, bool pack,
                     Expr *value);
Decl *build_import(Syntax *s, Span span, const char *path);
/* DECL_CONST, DECL_DATA */
Decl *build_value(Syntax *s, Span span, DeclKind kind, const char *name, Span name_span,
                  AstType *type, Expr *value);
Decl *build_callable(Syntax *s, Span span, DeclKind kind, const char *name, Span name_span,
                     List *statics, List *params, AstType *result, Body *body, Expr *derivative);
Decl *build_recipe(Syntax *s, Span span, DeclKind kind, Span name_span, List *settings);
Setting *build_setting(Syntax *s, Span span, const char *name, Span name_span, Expr *value);
const char *build_dotted(Syntax *s, const char *a, const char *b);
void build_file(Syntax *s, List *decls);

/* 1 more than the depth of what is below. */
uint32_t build_stmt_depth(const Stmt *st);

/* What a syntax error expected: a token and the words for it. */
typedef struct Expected {
    int token;
    const char *name;
} Expected;

void build_syntax_error(Syntax *s, const Expected *expected, int count, int found,
                        const char *found_name, Span span);

/* The parser's stack is full, or the tree is too deep; said once. */
void build_too_deep(Syntax *s, Span span);

#endif
