/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h -- making the reports that the C API hands out
 *
 * Each function writes *ret (if ret is not NULL) and gives the status that it reports, so that
 * an entry point can return the call.  A report that there is no memory for is NULL.
 */
#ifndef EBM_API_REPORT_H
#define EBM_API_REPORT_H

#include "base/diag.h"
#include "ebm/ebm.h"
#include "runtime/error.h"

/* EBM_OK and no report. */
EbmStatus report_nothing(EbmReport **ret);

/* All diagnostics; EBM_PROGRAM_ERROR when one of them is an error, else EBM_OK. */
EbmStatus report_diags(EbmReport **ret, const DiagList *diags);

/* The same; `status` when one of them is an error. */
EbmStatus report_diags_as(EbmReport **ret, const DiagList *diags, EbmStatus status);

EbmStatus report_error(EbmReport **ret, const RtError *error);

/* One message without a place; help may be NULL. */
EbmStatus report_say(EbmReport **ret, EbmStatus status, const char *help, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* A name that means nothing: the help is the nearest of `names`, else `help`. */
EbmStatus report_unknown(EbmReport **ret, const char *name, const char *const *names,
                         size_t count, const char *help, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

EbmStatus report_memory(EbmReport **ret);

/* Copies an option structure, or what is there of it in an older one, over defaults; false for
 * one that was never set up.  NULL leaves the defaults. */
bool take_options(void *defaults, size_t size, const void *given);

/* Fills as much of a structure of results as its owner knows. */
void give_results(void *ret, const void *results, size_t size);

#endif
