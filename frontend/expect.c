/* SPDX-License-Identifier: Apache-2.0
 *
 * expect.c -- what a syntax error says
 *
 * The parser knows every token that could stand here; a reader wants to hear "an
 * expression" or "an operator".  So the classes are named and their tokens left out.
 */
#include <string.h>

#include "frontend/build.h"
#include "parse.tab.h"

enum { TOKENS = RBRACE + 1 };

/* The tokens that were expected, and how they are summed up. */
typedef struct Choice {
    bool has[TOKENS];
    bool expression, operators, statement, declaration;
    bool target; /* what may follow a name that begins a statement */
} Choice;

static bool
is_binary(int token)
{
    switch (token) {
    case OR:
    case AND:
    case EQ:
    case NE:
    case LT:
    case LE:
    case GT:
    case GE:
    case PIPE:
    case PLUS:
    case MINUS:
    case STAR:
    case SLASH:
    case SLASHES:
    case PERCENT:
    case MATMUL:
    case HAT: return true;
    default: return false;
    }
}

static bool
is_comparison(int token)
{
    return token >= EQ && token <= GE;
}

static bool
is_word(int token)
{
    return token >= ENERGY && token <= DERIVATIVE;
}

static bool
begins_expression(int token)
{
    switch (token) {
    case NAME:
    case INT:
    case REAL:
    case STRING:
    case TRUE:
    case FALSE:
    case LBRACKET:
    case LPAREN:
    case IF:
    case BAR:
    case NOT:
    case MINUS: return true;
    default: return is_word(token);
    }
}

static bool
begins_statement(int token)
{
    switch (token) {
    case LET:
    case VAR:
    case CONST:
    case RETURN:
    case IF:
    case FOR:
    case WHILE:
    case FN:
    case NAME:
    case SEP: return true;
    default: return is_word(token);
    }
}

static Choice
sum_up(const Expected *expected, int count)
{
    Choice c = {0};
    int binary = 0;

    for (int i = 0; i < count; i++) {
        c.has[expected[i].token] = true;
        binary += is_binary(expected[i].token);
    }
    c.expression = c.has[INT] && c.has[LPAREN] && c.has[MINUS] && c.has[NAME];
    c.operators = binary >= 6 && !c.expression;
    c.statement = c.has[LET] && c.has[RETURN];
    c.declaration = c.has[IMPORT];
    c.target = c.has[ADD_TO] && c.has[COMMA];
    return c;
}

/* Is the token part of a class that has been named? */
static bool
is_covered(const Choice *c, int token)
{
    if (c->expression && (begins_expression(token) || token == SEP))
        return true;
    if (c->operators &&
        (is_binary(token) || token == LPAREN || token == LBRACKET || token == DOT))
        return true;
    if (c->statement && begins_statement(token))
        return true;
    if (c->declaration && (token == IMPORT || token == CONST || token == FN || token == SEP))
        return true;
    if (c->target && token >= ADD_TO && token <= DIV_BY)
        return true;
    return is_word(token) && (c->has[NAME] || c->declaration || token == DERIVATIVE);
}

static const char *
describe(Syntax *s, const Choice *c, const Expected *expected, int count)
{
    const char *choice[TOKENS + 4];
    size_t n = 0;
    Text text = {.arena = s->arena};

    if (c->expression)
        choice[n++] = "an expression";
    if (c->operators)
        choice[n++] = "an operator";
    if (c->statement)
        choice[n++] = "a statement";
    if (c->declaration)
        choice[n++] = "a declaration";
    for (int i = 0; i < count; i++)
        if (!is_covered(c, expected[i].token))
            choice[n++] = expected[i].name;
    for (size_t i = 0; i < n; i++)
        text_printf(&text, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", choice[i]);
    return text_str(&text);
}

/* What stands there, in the user's own spelling. */
static const char *
found_text(Syntax *s, int found, const char *name, Span span)
{
    switch (found) {
    case SEP: return s->source->text[span.begin] == ';' ? "';'" : name;
    case NAME:
    case INT:
    case REAL: return arena_printf(s->arena, "'%s'", scan_quote(s, span));
    default: return name;
    }
}

static const char *
help_text(const Choice *c, int found)
{
    if (c->target && found == EQ)
        return "assignment is written '='";
    if (c->target)
        return "a statement that is only an expression does nothing: 'return' gives a value";
    if (c->statement && begins_expression(found))
        return "a statement begins with a word or a name; 'return' gives a value";
    if (c->operators && is_comparison(found))
        return "comparisons do not chain: write a < b and b < c";
    if (c->operators && c->has[COMMA] && c->has[SEP] && (found == ASSIGN || found == COLON))
        return "several at once are written a, b = 1, 2";
    if (c->operators && c->has[DOTDOT] && found == LBRACE)
        return "the turns of a loop are a range, 0..n";
    if (c->operators && c->has[COMMA] && !c->has[SEP] && found == LBRACE)
        return "every loop has a bound: while condition, at most 100 { ... }";
    if (c->has[ARROW] && found == ASSIGN)
        return "the type of the result is written '-> real'";
    if (found == SLASHES)
        return "'//' is integer division; a comment starts with '#'";
    return NULL;
}

/* The bracket whose end is missing: it is where the mistake is, more often than not. */
static Bracket
left_open(Syntax *s, int found)
{
    Bracket b = s->unclosed;

    s->unclosed.kind = 0;
    if (found == END && s->n_open)
        return s->open[s->n_open - 1];
    if (found == SEP || found == RBRACE || found == RPAREN || found == RBRACKET)
        return b;
    return (Bracket){0};
}

void
build_syntax_error(Syntax *s, const Expected *expected, int count, int found,
                   const char *found_name, Span span)
{
    Choice c = sum_up(expected, count);
    const char *wanted = describe(s, &c, expected, count), *help = help_text(&c, found);
    Bracket open = left_open(s, found);
    Diag *d =
        syntax_error(s, DIAG_syntax, span, wanted, found_text(s, found, found_name, span));

    if (d && help)
        diag_help(s->diags, d, "%s", help);
    if (d && open.kind && !d->notes)
        diag_note(s->diags, d, (Span){s->file, open.at, open.at + 1}, "this '%c' is not closed",
                  open.kind);
}
