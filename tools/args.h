/* SPDX-License-Identifier: Apache-2.0
 *
 * args.h -- the command line's options.
 *
 * One table holds every option of every command.  A long option that is not in it is a
 * hyperparameter of the sampler: `--step-size 0.1` is step_size = 0.1; which names are right is
 * known once the sampler's declaration is.
 */
#ifndef EBM_TOOLS_ARGS_H
#define EBM_TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include <ebm/ebm.h>

/* What the process returns.  Documented in docs/command-line.md and tested. */
typedef enum ExitCode {
    EXIT_done = 0,       /* everything asked for is on the disk */
    EXIT_program = 1,    /* the source text is wrong, or `fmt --check` found a difference */
    EXIT_usage = 2,      /* the command line is */
    EXIT_data = 3,       /* an input file is missing, damaged or of the wrong shape or type */
    EXIT_memory = 4,     /* more memory than there is */
    EXIT_output = 5,     /* the output could not be written */
    EXIT_internal = 6,   /* a mistake in ebmc, or this machine cannot run the kernel */
    EXIT_not_finite = 7, /* a training step was; the state before it is on the disk */
    EXIT_cancelled = 130 /* stopped by Ctrl-C; what was complete is on the disk */
} ExitCode;

typedef struct Pair {
    const char *name, *value;
} Pair;

typedef struct PairList {
    Pair *pair;
    size_t n;
} PairList;

typedef struct Args {
    const struct CommandInfo *command;
    const char *model; /* first positional argument, or NULL */
    const char *energy, *sampler, *dtype, *device, *init, *output, *at, *weights, *emit,
        *passes, *keep, *resume;
    const char *chains, *steps, *warmup, *thin, *seed, *threads, *lanes, *level, *backend,
        *skip, *stop;
    const char *loss, *optimizer, *dataset, *batch, *epochs, *epoch_size, *clip_norm,
        *clip_value, *ema, *accumulate, *checkpoint, *checkpoint_every, *log, *log_every,
        *on_nonfinite;
    bool grad, quiet, help, json, no_cache, write, check, print, time, measure, version;
    PairList statics, set, data; /* -S, --set, --data; of data a name may be NULL */
    PairList hyper;              /* anything else, with _ for - */
    char **kept;                 /* texts that did not come from the process's arguments */
    size_t n_kept;
} Args;

typedef enum OptionKind {
    OPTION_flag,
    OPTION_text,
    OPTION_pair,
    OPTION_source /* a pair that may lack its name */
} OptionKind;

/* Options that commands take together; a command's row says which groups it takes. */
typedef enum OptionGroup {
    GROUP_every = 0, /* of every command */
    GROUP_general = 1 << 0,
    GROUP_sampling = 1 << 1,
    GROUP_result = 1 << 2,
    GROUP_points = 1 << 3,
    GROUP_model = 1 << 4, /* which model, and how to run it */
    GROUP_passes = 1 << 5,
    GROUP_layout = 1 << 6,
    GROUP_training = 1 << 7,
    GROUP_inputs = 1 << 8, /* arrays that a model reads */
    GROUP_machine = 1 << 9
} OptionGroup;

/* A row of the table. */
typedef struct OptionInfo {
    const char *name;
    char letter; /* or 0 */
    OptionKind kind;
    size_t offset;        /* of the field in Args */
    const char *argument; /* its name in --help */
    const char *words;
    OptionGroup group;
} OptionInfo;

extern const OptionInfo option_info[];
extern const size_t option_count;

/* Is the option one of the command's? */
bool takes_option(const struct CommandInfo *command, const OptionInfo *o);

/* The command's option of that name; else another command's; NULL: there is none. */
const OptionInfo *find_option(const struct CommandInfo *command, const char *name, size_t size);

/* Gives an option its value.  False: it has no such value, which has been reported. */
bool set_option(Args *args, const OptionInfo *o, char *value);

/* A copy that lives as long as the arguments; NULL: no memory, which has been reported. */
char *keep_text(Args *args, const char *text);

/* A hyperparameter: what no row of the table names. */
bool add_hyper(Args *args, const char *name, const char *value);

/* Parses argv[1..]; strings are not copied.  False: the mistake has been reported. */
bool args_parse(Args *ret, int argc, char **argv);
void args_clear(Args *args);

/* "error: ...", in one line, as the library's messages look. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole number within [low, high], or a complaint that names the option. */
bool parse_count(const char *option, const char *text, uint64_t low, uint64_t high,
                 uint64_t *ret);

#endif
