/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.h -- what the files share that make a tree of the IR's text.
 *
 * The first error of a line is reported, `failed` silences the others; whoever goes on after it
 * looks for the next line.
 */
#ifndef EBM_IR_PARSE_H
#define EBM_IR_PARSE_H

#include "ir/text.h"

typedef enum Token {
    TOKEN_end,
    TOKEN_word,     /* mul */
    TOKEN_function, /* @step, @"f.vjp[0]" */
    TOKEN_node,     /* %12 */
    TOKEN_number,
    TOKEN_string,
    TOKEN_mark /* one of ()[]{},:;=* */
} Token;

typedef struct Parser {
    Arena *arena;
    DiagList *diags;
    const char *text;
    uint32_t file, size, at;
    Token token;
    Span span;          /* of the token */
    const char *string; /* content of a function's name or of a string */
    uint32_t id;        /* of a node's name */
    size_t n_names;     /* defined in the function so far */
    size_t constant_bytes;
    unsigned depth;
    bool first;  /* the token is its line's first */
    bool failed; /* in this line: its further errors are silent */
} Parser;

/* ---- parse_token.c */

/* Goes on to the next token. */
void parse_next(Parser *p);

/* Reports what was expected, and the token that was found. */
void parse_fail(Parser *p, Span span, const char *expected);
void parse_fail_with(Parser *p, Span span, DiagCode code);

bool parse_is(const Parser *p, Token token, const char *text);
bool parse_is_mark(const Parser *p, char mark);

/* Goes on if it stands here. */
bool parse_take_mark(Parser *p, char mark);
bool parse_take_word(Parser *p, const char *word);
void parse_expect_mark(Parser *p, char mark);
void parse_expect_word(Parser *p, const char *word);

/* Which of `n` words stands here; n after an error. */
unsigned parse_choose(Parser *p, const char *const *word, unsigned n, const char *expected);
int64_t parse_int(Parser *p, int64_t min, int64_t max, const char *expected);

/* ---- parse_attr.c */

Type parse_type(Parser *p);
/* ": f32[2]", or ": (f32, i32[3])", or nothing. */
void parse_types(Parser *p, TextNode *n);
/* What stands between an op and its operands. */
void parse_attr(Parser *p, TextNode *n);

#endif
