/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h -- the commands: one row of a table and one function each.
 */
#ifndef EBM_TOOLS_COMMANDS_H
#define EBM_TOOLS_COMMANDS_H

#include "tools/session.h"

/* Gives what the process should return. */
typedef int CommandRun(const Args *args);

typedef struct CommandInfo {
    const char *name;
    CommandRun *run;           /* NULL: the name is taken, for what cannot be done yet */
    unsigned groups;           /* of options it takes, besides those of every command */
    const char *usage, *words; /* one line each */
} CommandInfo;

extern const CommandInfo command_info[]; /* the default command is `sample` */
extern const size_t command_count;
enum { COMMANDS_MAX = 32 };

const CommandInfo *find_command(const char *name); /* NULL: no command has that name */
size_t command_names(const char *ret[COMMANDS_MAX]);

int command_sample(const Args *args);
int command_train(const Args *args);
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

/* Data points of the session's data set; `path` may be NULL. */
int draw_dataset(Session *s, const EbmRunOptions *plan, const char *path);

/* A file's whole text, NUL-terminated, to be freed; '-' is standard input.  NULL: complained.
 */
char *read_text(const char *path, size_t *ret_size);

#endif
