/* SPDX-License-Identifier: Apache-2.0
 *
 * span.c -- the files of a compilation
 */
#include "base/span.h"

uint32_t
source_add(SourceMap *map, const char *name, const char *text, size_t size)
{
    if (size >= UINT32_MAX)
        arena_exhausted(map->arena);
    if (map->count == 0)
        map->count = 1;
    map->source = arena_grow(map->arena, map->source, map->source ? map->count : 0, &map->cap,
                             map->count + 1, sizeof *map->source);
    map->source[map->count] = (Source){
        .name = arena_printf(map->arena, "%s", name),
        .text = arena_strndup(map->arena, text, size),
        .size = (uint32_t)size,
    };
    return (uint32_t)map->count++;
}

const Source *
source_get(const SourceMap *map, uint32_t file)
{
    return map && file && file < map->count ? &map->source[file] : NULL;
}

Span
span_join(Span a, Span b)
{
    if (!a.file)
        return b;
    if (!b.file)
        return a;
    return (Span){a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}
