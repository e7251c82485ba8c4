/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h -- from the command line to a program, a kernel and a run.
 */
#ifndef EBM_TOOLS_SESSION_H
#define EBM_TOOLS_SESSION_H

#include "tools/settings.h"

/* Everything one command opens; starts as {0} and is closed by session_close. */
typedef struct Session {
    const Args *args;
    EbmProgramOptions choice;
    Declarations declarations;
    Owner owner[OWNERS]; /* what was chosen by name, and its settings */
    EbmSetting *statics;
    char **kept; /* names of settings that no option spells */
    size_t n_kept;
    EbmFile **data_file;
    EbmNamed *inputs, *columns; /* arrays of those files: whole, and [rows, ...] */
    EbmFile *start_file, *weights_file;
    EbmArray start; /* points of --init FILE */
    EbmKernelOptions kernel_options;
    EbmProgram *program;
    EbmKernel *kernel;
    EbmRun *run;
    EbmTraining *training;
} Session;

/* Each gives EXIT_done, or reports and gives what the process should return. */
int session_open(Session *s, const Args *args);         /* choices and files */
int session_program(Session *s);                        /* checks and specialises */
int session_run(Session *s, const EbmRunOptions *plan); /* compiles, binds data and weights */
int session_train(Session *s, const EbmTrainingOptions *plan); /* the same, for a loss */
void session_close(Session *s);

/* Says which --data would give the columns that none gives. */
void help_with_columns(const Session *s);

/* Prints a report's text and frees it; gives what the process should return. */
int finish_report(EbmStatus status, EbmReport *report);

/* An array with no data. */
EbmArray no_array(void);

#endif
