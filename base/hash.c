/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.c -- 64-bit hashing of bytes
 */
#include "base/hash.h"

#include <string.h>

uint64_t
hash_bytes(uint64_t h, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    h = hash_word(h, size);
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = hash_word(h, w);
    }
    uint64_t tail = 0;
    if (size)
        memcpy(&tail, p, size);
    return hash_word(h, tail);
}

HashStream
hash_stream(uint64_t seed)
{
    return (HashStream){.h = seed};
}

static void
take_word(HashStream *s, const unsigned char *bytes)
{
    uint64_t w;

    memcpy(&w, bytes, sizeof w);
    s->h = hash_word(s->h, w);
}

void
hash_stream_add(HashStream *s, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    for (; size > 0 && s->size % 8 != 0; size--) {
        s->word[s->size++ % 8] = *p++;
        if (s->size % 8 == 0)
            take_word(s, s->word);
    }
    for (; size >= 8; size -= 8, p += 8, s->size += 8)
        take_word(s, p);
    if (size)
        memcpy(s->word, p, size);
    s->size += size;
}

uint64_t
hash_stream_end(const HashStream *s)
{
    uint64_t tail = 0;

    memcpy(&tail, s->word, s->size % 8);
    return hash_word(hash_word(s->h, tail), s->size);
}
