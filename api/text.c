/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c -- texts that the C API hands out, and what names and sizes need no object
 */
#include "api/text.h"

#include <stdlib.h>
#include <string.h>

#include "api/report.h"
#include "base/diag.h"

struct EbmText {
    size_t size;
    char data[];
};

char *
text_close(FILE *out, char **text)
{
    bool done = !ferror(out);

    done = fclose(out) == 0 && done;
    if (done)
        return *text;
    free(*text);
    return *text = NULL;
}

EbmText *
text_copy(const char *data, size_t size)
{
    EbmText *text = malloc(sizeof *text + size + 1);

    if (!text)
        return NULL;
    text->size = size;
    if (size)
        memcpy(text->data, data, size);
    text->data[size] = '\0';
    return text;
}

EbmStatus
text_give(const char *data, size_t size, EbmText **ret, EbmReport **ret_report)
{
    EbmText *text = text_copy(data, size);

    if (!text)
        return report_memory(ret_report);
    *ret = text;
    return EBM_OK;
}

void
ebm_text_free(EbmText *text)
{
    free(text);
}

const char *
ebm_text_data(const EbmText *text)
{
    return text ? text->data : "";
}

size_t
ebm_text_size(const EbmText *text)
{
    return text ? text->size : 0;
}

const char *
ebm_near_miss(const char *word, const char *const *candidates, size_t count)
{
    return near_miss(word, candidates, count);
}
