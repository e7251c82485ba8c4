/* SPDX-License-Identifier: Apache-2.0
 *
 * std.h -- the standard library's files, embedded when the program is built.
 */
#ifndef EBM_FRONTEND_STD_H
#define EBM_FRONTEND_STD_H

#include <stddef.h>

typedef struct StdFile {
    const char *name; /* "energies" */
    const char *text;
    size_t size;
} StdFile;

extern const StdFile std_file[];
extern const size_t n_std_files;

#endif
