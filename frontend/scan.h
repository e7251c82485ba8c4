/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h -- what scanner, parser and tree builder share while a file is read.
 *
 * The scanner applies the newline rule: a newline becomes a SEP token if the innermost
 * open bracket is not `(` or `[`, the token before it can end a statement and the token
 * after it does not continue a line.  So it keeps the stack of open brackets; comments go
 * to a side table that the grammar never sees.
 */
#ifndef EBM_FRONTEND_SCAN_H
#define EBM_FRONTEND_SCAN_H

#include "frontend/syntax.h"

/* A growing array of pointers, for the parser's lists. */
typedef struct List {
    void **item;
    size_t count, cap;
} List;

typedef struct Bracket {
    char kind; /* '(', '[', '{' */
    uint32_t at;
} Bracket;

typedef struct Syntax {
    Arena *arena;
    Interner *names;
    DiagList *diags;
    const Source *source;
    uint32_t file;

    int start;           /* pseudo token to send first, or 0 */
    uint32_t at, line;   /* the next byte; its line */
    bool newline;        /* one is pending before the next token */
    uint32_t newline_at; /* the first of them */
    bool code_on_line;   /* a token has been seen on this line */
    bool ended;          /* the last token can end a statement */
    uint32_t last_end;   /* where it ends */
    Bracket *open;
    size_t n_open, cap_open;
    Bracket unclosed; /* the innermost bracket that was given up; kind 0 if none was */
    Comment *comments;
    size_t n_comments, cap_comments;
    uint32_t bad_to; /* text before this has been complained about */

    unsigned errors;
    bool too_deep; /* has been said */

    AstFile *ast;
    Expr *expr;
} Syntax;

/* Adds an error unless enough has been said, and counts it.  `...` as in diag.def; the
 * value is a Diag or NULL. */
#define syntax_error(s, ...) \
    (++(s)->errors <= DIAG_MAX_ERRORS ? diag_add((s)->diags, __VA_ARGS__) : NULL)

/* The most bytes of the user's text that a message shows. */
enum { QUOTE_MAX = 40 };

/* The text of a span for a message: shortened at a character's edge, printable. */
const char *scan_quote(Syntax *s, Span span);

/* Is there a SEP between the token before and this one?  To be asked once a token. */
bool scan_separates(Syntax *s, int token, Span span);

/* Follows the brackets and remembers whether the token can end a statement. */
void scan_note(Syntax *s, int token, Span span);

void scan_comment(Syntax *s, Span span);

/* Reads a word: a keyword's token, or NAME with `*name`.  `*used` is how much of the text
 * belongs to it; 0 as token means that what was used has been reported and is left out. */
int scan_word(Syntax *s, Span span, const char *text, uint32_t size, uint32_t *used,
              const char **name);

/* How much of a number that runs into letters is the number; all of it (an error, which is
 * reported) if letters do follow. */
uint32_t scan_number(Syntax *s, Span span, const char *text, uint32_t size);

/* The content of a string literal without its quotes; reports what may not stand there. */
const char *scan_string(Syntax *s, Span span, const char *text, uint32_t size, bool closed);

/* A byte that begins nothing. */
void scan_bad_byte(Syntax *s, Span span, unsigned char byte);

/* The documentation of what begins at `at`: the `##` lines right above it, or NULL. */
const char *scan_doc(const Syntax *s, uint32_t at);

/* The documentation of the file, to be asked when its first declaration (or NULL) is known. */
const char *scan_file_doc(const Syntax *s, const Decl *first);

#endif
