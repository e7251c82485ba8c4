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
