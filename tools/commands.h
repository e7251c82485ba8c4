/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h -- one function a command; each returns what the process should.
 */
#ifndef EBM_TOOLS_COMMANDS_H
#define EBM_TOOLS_COMMANDS_H

#include "tools/session.h"

int command_sample(const Args *args);
int command_eval(const Args *args);
int command_emit(const Args *args); /* --emit STAGE of either */
int command_check(const Args *args);
int command_fmt(const Args *args);
int command_doc(const Args *args);
int command_opt(const Args *args);
int command_summary(const Args *args);
int command_cache(const Args *args);
int command_doctor(const Args *args);
int command_help(const Args *args);

/* A file's whole text, NUL-terminated, to be freed; '-' is standard input.  NULL: complained.
 */
char *read_text(const char *path, size_t *ret_size);

#endif
