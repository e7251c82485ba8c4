/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h -- 64-bit hashing for tables and 128-bit content keys.
 *
 * Not cryptographic: a cache entry found by such a key is checked before it is trusted.
 */
#ifndef EBM_BASE_HASH_H
#define EBM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Continues `h` with `size` bytes; start with any seed. */
uint64_t hash_bytes(uint64_t h, const void *bytes, size_t size);

/* Mixes one word into `h`. */
static inline uint64_t
hash_word(uint64_t h, uint64_t w)
{
    h = (h ^ w) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

/* The hash of bytes that come in pieces, however they are cut.  Two of one length that differ
 * in one word have different hashes. */
typedef struct HashStream {
    uint64_t h, size;
    unsigned char word[8]; /* the last size % 8 bytes */
} HashStream;

HashStream hash_stream(uint64_t seed);
void hash_stream_add(HashStream *stream, const void *bytes, size_t size);
uint64_t hash_stream_end(const HashStream *stream);

#endif
