/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h -- texts that the C API hands out
 */
#ifndef EBM_API_TEXT_H
#define EBM_API_TEXT_H

#include <stdio.h>

#include "ebm/ebm.h"

/* Ends what was written to open_memstream(text, ...): the text, for free(); NULL, and nothing
 * is left of it, where it could not all be written. */
char *text_close(FILE *out, char **text);

/* A copy; NULL when there is no memory. */
EbmText *text_copy(const char *data, size_t size);

/* The same into *ret; else reported. */
EbmStatus text_give(const char *data, size_t size, EbmText **ret, EbmReport **ret_report);

/* The syntax tree of a source. */
EbmStatus text_of_tree(const char *name, const char *source, size_t size, EbmText **ret,
                       EbmReport **ret_report);

#endif
