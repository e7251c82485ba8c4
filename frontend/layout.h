/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h -- where the formatter breaks lines and puts comments back
 *
 * Tokens are written in their old order, so a comment may stand wherever it stood between
 * two of them: a newline that did not end a statement there does not end one now.  A
 * comment is written before the first token, at or behind its old place, whose place is
 * known to the tree.
 */
#ifndef EBM_FRONTEND_LAYOUT_H
#define EBM_FRONTEND_LAYOUT_H

#include "base/text.h"
#include "frontend/ast.h"

enum { LAYOUT_WIDTH = 100, LAYOUT_INDENT = 4 };

/* Writing, or finding out whether something fits on the rest of the line. */
typedef enum LayoutMode {
    LAYOUT_WRITE,
    LAYOUT_LOOSE, /* fits up to the first brace that is followed by a new line */
    LAYOUT_STRICT /* fits as a whole */
} LayoutMode;

typedef struct Layout {
    const AstFile *ast;
    const Source *source;
    Text *out;
    LayoutMode mode;
    bool over, done; /* measuring: it does not fit; it does */
    bool fresh;      /* nothing on this line yet */
    int line;        /* the indentation of this line */
    int column;
    int hang;      /* where a line goes on that is broken here */
    uint32_t next; /* the first comment that is not yet written */
} Layout;

void layout_put(Layout *p, const char *text);

/* A space, unless the line is fresh. */
void layout_space(Layout *p);

/* A new line, indented so; if this one is fresh, only its indentation changes. */
void layout_newline(Layout *p, int column);

/* The comments before `at`, within a line of code. */
void layout_flush(Layout *p, uint32_t at);

/* The comments before what begins at `at`, on lines of their own, and an empty line where
 * there was one, unless this is the first thing here. */
void layout_leading(Layout *p, uint32_t at, bool first);

/* The same without the empty line before `at` itself: comments before a closing brace. */
void layout_closing(Layout *p, uint32_t at, bool first);

/* The comments in and right behind what ended at `end`, then a new line. */
void layout_trailing(Layout *p, uint32_t end, int column);

/* Is there a comment in [begin, end) that is not yet written? */
bool layout_has_comment(const Layout *p, uint32_t begin, uint32_t end);

/* Is there a line break in the source between these places? */
bool layout_is_broken(const Layout *p, uint32_t begin, uint32_t end);

/* A copy that measures: what is done with it writes nothing. */
Layout layout_measure(const Layout *p, LayoutMode mode);

/* Does what was measured fit, with so many more columns behind it? */
bool layout_fits(const Layout *p, int tail);

#endif
