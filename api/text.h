/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h -- texts that the C API hands out
 */
#ifndef EBM_API_TEXT_H
#define EBM_API_TEXT_H

#include "ebm/ebm.h"

/* A copy; NULL when there is no memory. */
EbmText *text_copy(const char *data, size_t size);

/* The same into *ret; else reported. */
EbmStatus text_give(const char *data, size_t size, EbmText **ret, EbmReport **ret_report);

/* The syntax tree of a source. */
EbmStatus text_of_tree(const char *name, const char *source, size_t size, EbmText **ret,
                       EbmReport **ret_report);

#endif
