/* SPDX-License-Identifier: Apache-2.0
 *
 * cache.h -- kernels on disk.
 *
 * A file is named by the key of what it was made from, appears whole or not at all, and is
 * used only if it belongs to this user, nobody else may write it, and it is to the byte what
 * was packed for that key.  A cache that cannot be used is no error: kernels are compiled.
 */
#ifndef EBM_API_CACHE_H
#define EBM_API_CACHE_H

#include "runtime/image.h"

#define CACHE_LIMIT (UINT64_C(256) << 20)

/* The folder: `dir`, or the default for NULL; the caller frees it.  NULL: there is none. */
char *cache_folder(const char *dir);

/* The file of a key, which the caller frees. */
char *cache_path(const char *folder, RtKey key);

/* False: nothing there that can be used; a broken file is removed. */
bool cache_load(const char *path, RtKey key, RtImage *ret);

/* Makes the folder if need be; removes what was longest unused above CACHE_LIMIT.  False, and
 * nothing is left behind, when that is not possible. */
bool cache_store(const char *folder, const char *path, const EbmManifest *manifest,
                 const unsigned char *bytes, RtKey key);

/* Another file of the folder, whole or not at all; made if need be. */
bool cache_write(const char *folder, const char *path, const void *bytes, size_t size);

/* Entries and their bytes; `remove` deletes them.  False: the folder cannot be read. */
bool cache_scan(const char *folder, bool remove, uint64_t *ret_entries, uint64_t *ret_bytes,
                RtError *error);

#endif
