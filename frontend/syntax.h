/* SPDX-License-Identifier: Apache-2.0
 *
 * syntax.h -- source text to syntax tree and back.
 *
 * Nothing here resolves a name.  Errors go to the DiagList; several are found in one go.
 * All functions run within an arena_guard of their arena.
 */
#ifndef EBM_FRONTEND_SYNTAX_H
#define EBM_FRONTEND_SYNTAX_H

#include "base/diag.h"
#include "base/text.h"
#include "frontend/ast.h"
#include "frontend/intern.h"

/* Parses source file `file`.  Never NULL: after errors `broken` is set, declarations and
 * statements that could not be read are left out, and the tree is otherwise well formed. */
const AstFile *syntax_parse(Arena *a, Interner *names, const SourceMap *sources, uint32_t file,
                            DiagList *diags);

/* Parses a file that holds one expression, as the command line has them:
 * `cosine(t, 0.03, 0.005, 100)`.  NULL after an error. */
const Expr *syntax_parse_expr(Arena *a, Interner *names, const SourceMap *sources,
                              uint32_t file, DiagList *diags);

/* The tree as S-expressions, for reading and for comparing trees. */
void syntax_dump(const AstFile *ast, Text *out);
void syntax_dump_expr(const Expr *e, Text *out);

/* The canonical layout: comments and single empty lines are kept, parsing the result gives
 * the same tree, formatting it again gives the same text.  `ast` is not broken. */
void syntax_format(Arena *a, const AstFile *ast, const SourceMap *sources, Text *out);

#endif
