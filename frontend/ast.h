/* SPDX-License-Identifier: Apache-2.0
 *
 * ast.h -- the syntax tree of one source file.
 *
 * The tree says what was written, not what it means: names are unresolved, `f[...]` may
 * be static arguments or an index, and parentheses are remembered.  Everything lives in
 * the arena given to syntax_parse and is not changed afterwards.
 *
 * Conventions that hold everywhere:
 *  - every `const char *` that is a *name* is interned (frontend/intern.h): two names are
 *    the same name if and only if the pointers are equal, across all files that were
 *    parsed with one Interner;
 *  - every list is an array of pointers with a count beside it (`params`, `n_params`);
 *    the array is NULL when the count is 0, and no element is NULL;
 *  - `span` covers the whole construct, `name_span` only its name;
 *  - a pointer documented "or NULL" may be NULL, any other never is;
 *  - `doc` is the text of the `##` lines above, without "## ", joined by '\n', or NULL.
 */
#ifndef EBM_FRONTEND_AST_H
#define EBM_FRONTEND_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef struct Decl Decl;
typedef struct AstType AstType;

/* ---- expressions ---- */

/* Operators; the text is as written.  OP_AT is the matrix product. */
#define AST_OPS(X) \
    X(NONE, "") \
    X(NEG, "-") \
    X(NOT, "not") \
    X(OR, "or") \
    X(AND, "and") \
    X(EQ, "==") \
    X(NE, "!=") \
    X(LT, "<") \
    X(LE, "<=") \
    X(GT, ">") \
    X(GE, ">=") \
    X(PIPE, "|>") \
    X(ADD, "+") \
    X(SUB, "-") \
    X(MUL, "*") \
    X(DIV, "/") \
    X(IDIV, "//") \
    X(MOD, "%") \
    X(AT, "@") \
    X(POW, "^")

typedef enum AstOp {
#define OP(name, text) AST_OP_##name,
    AST_OPS(OP)
#undef OP
        AST_OP_COUNT
} AstOp;

/* The fields each kind uses, besides span, at, parens and depth. */
typedef enum ExprKind {
    EXPR_NAME,   /* name */
    EXPR_INT,    /* integer, text */
    EXPR_REAL,   /* real, text */
    EXPR_BOOL,   /* boolean */
    EXPR_STRING, /* text: what stands between the quotes; there are no escapes */
    EXPR_UNARY,  /* op (NEG, NOT), left */
    EXPR_BINARY, /* op, left, right; `at` is the operator.  `x |> f(a)` stays a binary PIPE:
                    if right is an EXPR_CALL without parens, left becomes its first argument,
                    otherwise the value is right(left) */
    EXPR_CALL,   /* left (what is called), args */
    EXPR_INDEX,  /* left[args]: an index or static arguments.  The args' values may also be
                    EXPR_SLICE and EXPR_PACK; a named one (`k = 3`) is a static argument */
    EXPR_MEMBER, /* left, name (`x.T`, `c.step`); `at` is the name */
    EXPR_TUPLE,  /* args, two or more, all unnamed */
    EXPR_ARRAY,  /* args, one or more, all unnamed */
    EXPR_FOR,    /* gens, body.  An array comprehension where it stands as an expression
                    (`[for ...]`); the only place it stands as the value of a call's argument
                    without being one is a reduction, see `reduces` */
    EXPR_IF,     /* left (condition), body, other (both have a value) */
    EXPR_LAMBDA, /* params (types may be NULL), body */
    EXPR_SLICE,  /* left or NULL, right or NULL: `a:b`, `a:`, `:b`, `:`; in an index only */
    EXPR_PACK,   /* name: `S...`; in an index or a dimension only */
    EXPR_KINDS
} ExprKind;

/* One argument, index or element. */
typedef struct Arg {
    Span span;
    const char *name; /* `k = 3`: "k"; otherwise NULL */
    Span name_span;
    Expr *value;
} Arg;

/* `i in lo..hi` of a comprehension, a reduction, or a `for` loop. */
typedef struct Gen {
    Span span;
    const char *name;
    Span name_span;
    Expr *lo, *hi; /* hi is excluded */
} Gen;

/* What a function, a lambda, a comprehension, a branch, or a loop consists of.
 *   `= expr`, `|x| expr`, `for ...: expr`     no statements, `value`, not braced
 *   `{ statements }`                          statements, no value (it `return`s), braced
 *   a branch of an if-expression              STMT_LETs, `value`, braced
 *   `else if`                                 one STMT_IF (statement) or a value that is an
 *                                             EXPR_IF (expression), not braced */
typedef struct Body {
    Span span;
    bool braced;
    uint32_t depth;
    Stmt **stmts;
    uint32_t n_stmts;
    Expr *value; /* or NULL */
} Body;

/* An argument of a declaration, or of a lambda. */
typedef struct Param {
    Span span;
    const char *name;
    Span name_span;
    AstType *type;  /* NULL only in a lambda */
    bool given;  /* a condition */
    Expr *init;  /* `~ init`: how a chain starts, or NULL */
    Expr *value; /* `= value`: the default, or NULL */
    const char *doc;
} Param;

struct Expr {
    ExprKind kind;
    AstOp op;
    bool parens;    /* written in parentheses of its own */
    bool reduces;   /* EXPR_FOR: `sum(for i in 0..n: e)`, not `[for ...]` */
    uint32_t depth; /* of the tree below, at most AST_MAX_DEPTH */
    Span span;      /* with the parentheses */
    Span at;        /* the operator, the member's name, the bracket; else the span */
    union {
        const char *name;
        int64_t integer; /* never negative */
        double real;     /* finite */
        bool boolean;
    };
    const char *text; /* a literal as written, NUL-terminated */
    Expr *left, *right;
    Arg **args;
    uint32_t n_args;
    Gen **gens;
    uint32_t n_gens;
    Param **params;
    uint32_t n_params;
    Body *body, *other;
};

/* Deeper expressions are an error: recursion over the tree needs no check of its own.
 * Statements nest at most AST_MAX_DEPTH deep too. */
enum { AST_MAX_DEPTH = 1000 };

/* ---- types ---- */

/* `>= 0`, `> 0 < 1`, `in 0..n`. */
typedef struct Range {
    Span span;
    Expr *lo, *hi;         /* each or NULL, not both */
    bool lo_open, hi_open; /* the bound itself is excluded */
    bool in;               /* written `in lo..hi`: lo included, hi excluded */
} Range;

typedef enum DeclKind {
    DECL_IMPORT,
    DECL_CONST,
    DECL_DATA,
    DECL_FN,
    DECL_NETWORK,
    DECL_ENERGY,
    DECL_SAMPLER,
    DECL_LOSS,
    DECL_OPTIMIZER,
    DECL_DATASET,
    DECL_TRAIN,
    DECL_SAMPLE,
    DECL_KINDS
} DeclKind;

typedef enum TypeKind {
    TYPE_NAME,   /* name, dims: `real[n, S...]`, `int`, `bool`, `simplex[k]`, `MyNetwork` */
    TYPE_TUPLE,  /* fields, one or more */
    TYPE_FN,     /* fields are the arguments, `result`: `fn(real[n], real) -> real[n]` */
    TYPE_ENERGY, /* fields are the arguments: `energy(real[n])` */
    TYPE_ANY, /* `bare`: `fn`, `energy`, `sampler`, `optimizer` (DECL_FN, DECL_ENERGY, ...) */
    TYPE_KINDS
} TypeKind;

/* An element of a tuple type, or an argument of a function type. */
typedef struct Field {
    Span span;
    const char *name; /* `label: int in 0..k`, or NULL */
    Span name_span;
    AstType *type;
} Field;

struct AstType {
    TypeKind kind;
    uint32_t depth;
    Span span;
    const char *name;
    Expr **dims; /* any expression, or EXPR_PACK */
    uint32_t n_dims;
    Field **fields;
    uint32_t n_fields;
    AstType *result;
    DeclKind bare;
    Range *range; /* or NULL */
};

/* ---- statements ---- */

/* What `let`, `var`, `state`, `cache` bind: a name, `name: type`, or `(a, b)`.
 * `_` is an ordinary name here; it discards. */
typedef struct Pattern {
    Span span;
    uint32_t depth;
    const char *name;        /* NULL if it is a tuple of patterns */
    AstType *type;              /* or NULL */
    struct Pattern **fields; /* of a tuple */
    uint32_t n_fields;
} Pattern;

typedef enum StmtKind {
    STMT_LET,    /* patterns, values (as many, or one tuple) */
    STMT_VAR,    /* the same */
    STMT_STATE,  /* the same, patterns being names; or one pattern with a type and `init` (`~`)
                  */
    STMT_CACHE,  /* patterns (names), values */
    STMT_CONST,  /* name, type or NULL, value */
    STMT_ASSIGN, /* targets, op (NONE or ADD, SUB, MUL, DIV: then one target and value), values.
                    A target is EXPR_NAME, or EXPR_INDEX / EXPR_MEMBER of a target */
    STMT_RETURN, /* values, one or more: `return a, b` is `return (a, b)` */
    STMT_REPORT, /* name, value */
    STMT_REQUIRE, /* value (the condition), text */
    STMT_IF,      /* value (the condition), body, other or NULL (one STMT_IF for `else if`) */
    STMT_FOR,     /* gen, body */
    STMT_WHILE,   /* value (the condition), bound, body */
    STMT_PARAM,   /* name, type, and init (`~`) or value (`=`), each or NULL */
    STMT_LAYER,   /* name, dims (0 or 1: how many instances), value */
    STMT_BUFFER,  /* name, dims (one or more), type, and init (`~`) or value (`=`), each or NULL
                   */
    STMT_STEP,    /* body */
    STMT_DECL,    /* decl: a local DECL_FN */
    STMT_CALL,    /* value: an EXPR_CALL of an EXPR_MEMBER, as `c.step()` */
    STMT_KINDS
} StmtKind;

struct Stmt {
    StmtKind kind;
    AstOp op;
    uint32_t depth;
    Span span;
    const char *name;
    Span name_span;
    Pattern **patterns;
    uint32_t n_patterns;
    Expr **targets;
    uint32_t n_targets;
    Expr **values;
    uint32_t n_values;
    Expr **dims;
    uint32_t n_dims;
    Expr *value, *init, *bound;
    AstType *type;
    Gen *gen;
    Body *body, *other;
    Decl *decl;
    const char *text; /* of require, without quotes */
    const char *doc;
};

/* ---- declarations ---- */

/* A static parameter: `d`, `d = 2`, `S...`. */
typedef struct Static {
    Span span;
    const char *name;
    Span name_span;
    bool pack;
    Expr *value; /* the default, or NULL */
    const char *doc;
} Static;

/* A line `name = expression` of a recipe. */
typedef struct Setting {
    Span span;
    const char *name;
    Span name_span;
    Expr *value;
    const char *doc;
} Setting;

/* The fields each kind uses besides span and doc:
 *   import                   text (the path)
 *   const                    name, type or NULL, value
 *   data                     name, type
 *   fn network energy loss   name, statics, params, result, body; an `fn` also
 *   dataset                  derivative or NULL (`derivative |x, w| ...` behind its body)
 *   sampler optimizer        name, statics, params, body (always braced); a body without
 *                            STMT_STEP is itself the step
 *   train sample             settings (names may be dotted: "using.step_size"); `name` is
 * "train", "sample" A local fn is a Decl of its own, held by a STMT_DECL. */
struct Decl {
    DeclKind kind;
    Span span;
    const char *name;
    Span name_span;
    const char *doc;
    const char *text;
    Static **statics;
    uint32_t n_statics;
    Param **params;
    uint32_t n_params;
    AstType *type; /* const, data */
    Expr *value;
    AstType *result;
    Body *body;
    Expr *derivative;
    Setting **settings;
    uint32_t n_settings;
};

/* A comment, kept beside the tree for the formatter; the text is that of the span. */
typedef struct Comment {
    Span span;
    uint32_t line; /* from 1 */
    bool doc;      /* begins with exactly two '#' */
    bool alone;    /* nothing but blanks before it on its line */
} Comment;

typedef struct AstFile {
    uint32_t file; /* in the SourceMap */
    bool broken;   /* there were syntax errors; what could be read is here */
    const char *doc;
    Decl **decls;
    uint32_t n_decls;
    const Comment *comments; /* in the order of the text */
    uint32_t n_comments;
} AstFile;

/* "+", "and", ...; "" for NONE. */
const char *ast_op_text(AstOp op);

/* The word that begins the declaration: "energy", "fn", ... */
const char *ast_decl_word(DeclKind kind);

#endif
