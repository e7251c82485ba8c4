/* SPDX-License-Identifier: Apache-2.0
 *
 * span.h -- places in source text.
 *
 * A Span is a piece of one source file; the files of a compilation are numbered by a
 * SourceMap, so that a span fits in twelve bytes and survives into the IR.
 */
#ifndef EBM_BASE_SPAN_H
#define EBM_BASE_SPAN_H

#include <stdint.h>

#include "base/arena.h"

/* Bytes [begin, end) of source file `file`; file 0 means "no place". */
typedef struct Span {
    uint32_t file;
    uint32_t begin, end;
} Span;

typedef struct Source {
    const char *name; /* as the user wrote it: "model.ebm", "std/energies" */
    const char *text; /* NUL-terminated for the scanner's sake; `size` excludes it */
    uint32_t size;
} Source;

typedef struct SourceMap {
    Arena *arena;
    Source *source; /* source[0] is unused */
    size_t count, cap;
} SourceMap;

/* Adds a file, copying name and text, and returns its number (from 1). */
uint32_t source_add(SourceMap *map, const char *name, const char *text, size_t size);

/* NULL for file 0. */
const Source *source_get(const SourceMap *map, uint32_t file);

/* The smallest span that covers both; both in one file. */
Span span_join(Span a, Span b);

#endif
