/* SPDX-License-Identifier: Apache-2.0
 *
 * reading.h -- from program options to a request of the front end.
 */
#ifndef EBM_API_READING_H
#define EBM_API_READING_H

#include "ebm/ebm.h"
#include "frontend/program.h"
#include "runtime/error.h"

typedef struct ReadText ReadText; /* a file's content */

/* What reading a program needs; stays where it is, because its parts point to one another. */
typedef struct Reading {
    Arena arena;
    SourceMap sources;
    Interner names;
    DiagList diags;
    ElabRequest request;
    EbmProgramOptions options;
    ReadText *texts;
    RtError error; /* of files and of the options themselves */
} Reading;

/* Reads the main file and fills the request, copying all it points to.  False: `error`.
 * Within an arena_guard of the reading's arena. */
bool reading_open(Reading *r);

/* The arena and all in it. */
void reading_clear(Reading *r);

/* Says what a reading found: `done` is what the guard gave. */
EbmStatus reading_report(const Reading *r, bool done, EbmReport **ret);

#endif
