/* SPDX-License-Identifier: Apache-2.0
 *
 * format.h -- the pieces of the formatter
 *
 * `tail` is how many columns will follow on the same line at least.
 */
#ifndef EBM_FRONTEND_FORMAT_H
#define EBM_FRONTEND_FORMAT_H

#include "frontend/layout.h"

void format_expr(Layout *p, const Expr *e, int tail);
void format_type(Layout *p, const AstType *t);

/* A block or a branch in braces; `broken`: not on one line. */
void format_block(Layout *p, const Body *body, bool broken, int tail);

/* Is it of one statement at most, and written on one line? */
bool format_one_line(const Layout *p, const Body *body);

/* Should it stand on this line rather than the next? */
bool format_expr_goes_on(const Layout *p, const Expr *e, int tail);

/* A list in brackets whose elements are written by `item(p, elements, i, tail)`; `span` gives
 * their places, `end` is that of the closing bracket. */
typedef struct Listing {
    const char *open, *close;
    void *const *elements;
    uint32_t count;
    Span (*span)(const void *element);
    void (*item)(Layout *p, const void *element, int tail);
    uint32_t begin, end;
    bool rows; /* one element a line if they do not fit on one */
} Listing;

void format_list(Layout *p, const Listing *list, int tail);

/* Expressions with commas between. */
void format_exprs(Layout *p, Expr *const *e, uint32_t count, int tail);

void format_gen(Layout *p, const Gen *gen);

#endif
