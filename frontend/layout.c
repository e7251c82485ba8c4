/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.c -- lines, columns and comments of formatted text
 */
#include "frontend/layout.h"

#include <string.h>

static int
width_of(const char *text, size_t size)
{
    int width = 0;

    for (size_t i = 0; i < size; i++)
        width += (text[i] & 0xC0) != 0x80;
    return width;
}

static void
put_bytes(Layout *p, const char *text, size_t size)
{
    p->column += width_of(text, size);
    if (p->mode != LAYOUT_WRITE) {
        p->over = p->over || (!p->done && p->column > LAYOUT_WIDTH);
        p->fresh = false;
        return;
    }
    if (p->fresh)
        text_printf(p->out, "%*s", p->line, "");
    p->fresh = false;
    text_add(p->out, text, size);
}

void
layout_put(Layout *p, const char *text)
{
    put_bytes(p, text, strlen(text));
}

void
layout_space(Layout *p)
{
    if (!p->fresh)
        layout_put(p, " ");
}

static void
trim(Layout *p)
{
    while (p->out->size && p->out->data[p->out->size - 1] == ' ')
        p->out->data[--p->out->size] = '\0';
}

void
layout_newline(Layout *p, int column)
{
    if (p->mode != LAYOUT_WRITE)
        return;
    if (!p->fresh) {
        trim(p);
        text_add(p->out, "\n", 1);
    }
    p->fresh = true;
    p->line = p->column = column;
}

static const Comment *
pending(const Layout *p)
{
    return p->next < p->ast->n_comments ? &p->ast->comments[p->next] : NULL;
}

static void
put_comment(Layout *p, const Comment *c)
{
    if (!p->fresh) {
        trim(p);
        text_add(p->out, "  ", 2);
    }
    put_bytes(p, p->source->text + c->span.begin, c->span.end - c->span.begin);
    p->next++;
}

void
layout_flush(Layout *p, uint32_t at)
{
    const Comment *c;

    if (p->mode != LAYOUT_WRITE) {
        p->over = p->over || (!p->done && layout_has_comment(p, 0, at));
        return;
    }
    while ((c = pending(p)) && c->span.begin < at) {
        if (c->alone)
            layout_newline(p, p->hang);
        put_comment(p, c);
        layout_newline(p, p->hang);
    }
}

/* Is there an empty line before `at`? */
static bool
is_apart(const Layout *p, uint32_t at)
{
    unsigned newlines = 0;

    while (at && newlines < 2 && strchr(" \t\r\f\n;", p->source->text[at - 1]) &&
           p->source->text[at - 1])
        newlines += p->source->text[--at] == '\n';
    return newlines >= 2;
}

void
layout_closing(Layout *p, uint32_t at, bool first)
{
    const Comment *c;
    int column = p->line;

    while ((c = pending(p)) && c->span.begin < at) {
        if (!first && is_apart(p, c->span.begin))
            text_add(p->out, "\n", 1);
        put_comment(p, c);
        layout_newline(p, column);
        first = false;
    }
}

void
layout_leading(Layout *p, uint32_t at, bool first)
{
    uint32_t before = p->next;

    layout_closing(p, at, first);
    if ((!first || p->next > before) && is_apart(p, at))
        text_add(p->out, "\n", 1);
}

/* Does nothing but blanks and separators stand between the two? */
static bool
is_beside(const Layout *p, uint32_t end, uint32_t begin)
{
    for (; end < begin; end++)
        if (!p->source->text[end] || !strchr(" \t\f,;{", p->source->text[end]))
            return false;
    return true;
}

void
layout_trailing(Layout *p, uint32_t end, int column)
{
    const Comment *c;

    while ((c = pending(p)) &&
           (c->span.begin < end || (!c->alone && is_beside(p, end, c->span.begin)))) {
        put_comment(p, c);
        layout_newline(p, column);
    }
    layout_newline(p, column);
}

bool
layout_has_comment(const Layout *p, uint32_t begin, uint32_t end)
{
    uint32_t lo = p->next, hi = p->ast->n_comments;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p->ast->comments[mid].span.begin < begin)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < p->ast->n_comments && p->ast->comments[lo].span.begin < end;
}

bool
layout_is_broken(const Layout *p, uint32_t begin, uint32_t end)
{
    return memchr(p->source->text + begin, '\n', end - begin) != NULL;
}

Layout
layout_measure(const Layout *p, LayoutMode mode)
{
    Layout m = *p;

    m.mode = p->mode == LAYOUT_STRICT ? LAYOUT_STRICT : mode;
    return m;
}

bool
layout_fits(const Layout *p, int tail)
{
    return !p->over && (p->done || p->column + tail <= LAYOUT_WIDTH);
}
