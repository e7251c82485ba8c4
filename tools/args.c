/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c -- the command line's options
 */
#include "tools/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(member) offsetof(Args, member)

const OptionInfo option_info[] = {
    {"sampler", 0, OPTION_text, FIELD(sampler), "NAME",
     "how chains move: a sampler of the library or of the file", GROUP_sampling},
    {"chains", 'n', OPTION_text, FIELD(chains), "N", "chains to run side by side (1024)",
     GROUP_sampling},
    {"steps", 0, OPTION_text, FIELD(steps), "N", "steps of each chain after warm-up (1000)",
     GROUP_sampling},
    {"warmup", 0, OPTION_text, FIELD(warmup), "N", "steps before, of which nothing is kept (0)",
     GROUP_sampling},
    {"thin", 0, OPTION_text, FIELD(thin), "N", "keep every Nth step (1)", GROUP_sampling},
    {"keep", 0, OPTION_text, FIELD(keep), "WHAT",
     "'all' draws or only each chain's 'last' state (all)", GROUP_sampling},
    {"loss", 0, OPTION_text, FIELD(loss), "NAME",
     "what is made small: a loss of the library or of the file", GROUP_training},
    {"optimizer", 0, OPTION_text, FIELD(optimizer), "NAME",
     "how weights move: an optimizer of the library or of the file (adam)", GROUP_training},
    {"dataset", 0, OPTION_text, FIELD(dataset), "NAME",
     "a data set of the library or of the file that draws the points",
     GROUP_training | GROUP_sampling},
    {"batch", 0, OPTION_text, FIELD(batch), "N", "data points a step (256)", GROUP_training},
    {"steps", 0, OPTION_text, FIELD(steps), "N", "training steps (1000)", GROUP_training},
    {"epochs", 0, OPTION_text, FIELD(epochs), "N", "passes over the data, instead of --steps",
     GROUP_training},
    {"epoch-size", 0, OPTION_text, FIELD(epoch_size), "N",
     "points of an epoch where a data set draws them (2000)", GROUP_training},
    {"clip-norm", 0, OPTION_text, FIELD(clip_norm), "X",
     "shorten gradients whose norm over all weights is larger", GROUP_training},
    {"clip-value", 0, OPTION_text, FIELD(clip_value), "X",
     "move elements of gradients into [-X, X]", GROUP_training},
    {"ema", 0, OPTION_text, FIELD(ema), "DECAY",
     "write a moving average of the weights (--ema 0.999)", GROUP_training},
    {"accumulate", 0, OPTION_text, FIELD(accumulate), "N",
     "move weights every Nth step, by the mean of the gradients", GROUP_training},
    {"checkpoint", 0, OPTION_text, FIELD(checkpoint), "FILE",
     "where the state is kept, to go on from with --resume", GROUP_training},
    {"checkpoint-every", 0, OPTION_text, FIELD(checkpoint_every), "N",
     "steps between checkpoints (at the end alone)", GROUP_training},
    {"resume", 0, OPTION_text, FIELD(resume), "FILE", "go on from a checkpoint",
     GROUP_training},
    {"log", 0, OPTION_text, FIELD(log), "FILE",
     ".csv or .jsonl: loss and reports of steps, one a line", GROUP_training},
    {"log-every", 0, OPTION_text, FIELD(log_every), "N", "log every Nth step (1)",
     GROUP_training},
    {"on-nonfinite", 0, OPTION_text, FIELD(on_nonfinite), "WHAT",
     "'stop' at a step that is not finite, or 'skip' it (stop)", GROUP_training},
    {"output", 'o', OPTION_text, FIELD(output), "FILE",
     "weights: .safetensors or .npz; 'none' keeps nothing (weights.safetensors)",
     GROUP_training},
    {"data", 0, OPTION_source, FIELD(data), "[NAME=]FILE",
     "points [rows, ...], labels by name; or a data set: 'two_moons(noise = 0.1)'",
     GROUP_training},
    {"seed", 0, OPTION_text, FIELD(seed), "N", "of the random numbers (0)",
     GROUP_result | GROUP_training},
    {"init", 0, OPTION_text, FIELD(init), "START",
     "normal, zeros, uniform(a, b), or a file of points", GROUP_sampling},
    {"resume", 0, OPTION_text, FIELD(resume), "FILE",
     "go on from the state that an interrupted run left", GROUP_sampling},
    {"output", 'o', OPTION_text, FIELD(output), "FILE",
     ".npy, .npz or .csv; 'none' keeps nothing (draws.npy)", GROUP_result},
    {"at", 0, OPTION_text, FIELD(at), "FILE", "points to evaluate at", GROUP_points},
    {"grad", 0, OPTION_flag, FIELD(grad), NULL, "gradients too", GROUP_points},
    {"energy", 0, OPTION_text, FIELD(energy), "NAME", "which energy of the file (the last)",
     GROUP_model},
    {"static", 'S', OPTION_pair, FIELD(statics), "NAME=N", "a static parameter: -S d=100",
     GROUP_model},
    {"set", 0, OPTION_pair, FIELD(set), "NAME=VALUE", "a hyperparameter of the energy",
     GROUP_model},
    {"data", 0, OPTION_source, FIELD(data), "NAME=FILE",
     "the file a `data` declaration or a condition is read from", GROUP_inputs},
    {"weights", 0, OPTION_text, FIELD(weights), "FILE",
     "trained parameters: .safetensors or .npz", GROUP_model},
    {"dtype", 0, OPTION_text, FIELD(dtype), "TYPE", "f32 or f64 (f32)", GROUP_model},
    {"device", 0, OPTION_text, FIELD(device), "NAME", "cpu", GROUP_model},
    {"threads", 'j', OPTION_text, FIELD(threads), "N", "0 uses what there is (0)", GROUP_model},
    {"emit", 0, OPTION_text, FIELD(emit), "STAGE",
     "print ast, ir, grad, loops, llvm or asm instead of running", GROUP_model},
    {"backend", 0, OPTION_text, FIELD(backend), "NAME",
     "llvm, or the slow interpreter that defines the result (llvm)", GROUP_model},
    {"lanes", 0, OPTION_text, FIELD(lanes), "N", "chains a vector: 4, 8 or 16; 0 chooses (0)",
     GROUP_model},
    {"level", 'O', OPTION_text, FIELD(level), "N", "0 compiles faster, 1 makes faster code (1)",
     GROUP_model},
    {"no-cache", 0, OPTION_flag, FIELD(no_cache), NULL, "compile even if a kernel is cached",
     GROUP_model},
    {"json", 0, OPTION_flag, FIELD(json), NULL, "print the result's figures as JSON",
     GROUP_sampling | GROUP_training},
    {"quiet", 'q', OPTION_flag, FIELD(quiet), NULL, "no progress, no table; warnings stay",
     GROUP_model},
    {"passes", 0, OPTION_text, FIELD(passes), "LIST", "passes to run, with commas between",
     GROUP_passes},
    {"skip", 0, OPTION_text, FIELD(skip), "PASS", "leave one out", GROUP_passes},
    {"stop", 0, OPTION_text, FIELD(stop), "PASS", "the last one to run", GROUP_passes},
    {"print", 0, OPTION_flag, FIELD(print), NULL, "the module after each pass that changed it",
     GROUP_passes},
    {"time", 0, OPTION_flag, FIELD(time), NULL, "what each pass took", GROUP_passes},
    {"write", 'w', OPTION_flag, FIELD(write), NULL, "change the files in place", GROUP_layout},
    {"check", 0, OPTION_flag, FIELD(check), NULL, "only say whether a file would change",
     GROUP_layout},
    {"measure", 0, OPTION_flag, FIELD(measure), NULL,
     "measure how fast it computes, for the table's 'of limit'; takes a second", GROUP_machine},
    {"help", 'h', OPTION_flag, FIELD(help), NULL,
     "this text; with a model and a sampler, their parameters too", GROUP_every},
    {"version", 0, OPTION_flag, FIELD(version), NULL, "the version", GROUP_general},
};
const size_t option_count = sizeof option_info / sizeof *option_info;

void
complain(const char *format, ...)
{
    va_list ap;

    fputs("error: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

bool
parse_count(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *ret)
{
    char *end;

    if (!text)
        return true;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool whole = *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
    if (whole && value >= low && value <= high) {
        *ret = value;
        return true;
    }
    complain("--%s: expected a whole number from %llu to %llu, found '%s'", option,
             (unsigned long long)low, (unsigned long long)high, text);
    return false;
}

/* ---- parsing
 * --------------------------------------------------------------------------------------------
 */

static bool
add_pair(PairList *list, const char *name, const char *value)
{
    Pair *more = realloc(list->pair, (list->n + 1) * sizeof *more);

    if (!more)
        return false;
    list->pair = more;
    list->pair[list->n++] = (Pair){name, value};
    return true;
}

static bool
complain_of_value(const OptionInfo *o, const char *text)
{
    complain("--%s: expected %s, found '%s'", o->name, o->argument, text);
    return false;
}

static bool
split_pair(PairList *list, const OptionInfo *o, char *text)
{
    char *equals = strchr(text, '=');

    if (!equals || equals == text || !equals[1])
        return complain_of_value(o, text);
    *equals = '\0';
    return add_pair(list, text, equals + 1);
}

/* `x=points.npy`, and what has no name: `points.npy`, `two_moons(noise = 0.1)`. */
static bool
split_source(PairList *list, const OptionInfo *o, char *text)
{
    char *equals = strchr(text, '='), *bracket = strpbrk(text, "([");

    if (!equals || (bracket && bracket < equals))
        return *text ? add_pair(list, NULL, text) : complain_of_value(o, text);
    return split_pair(list, o, text);
}

bool
set_option(Args *args, const OptionInfo *o, char *value)
{
    void *field = (char *)args + o->offset;

    switch (o->kind) {
    case OPTION_flag: *(bool *)field = true; return true;
    case OPTION_text: *(const char **)field = value; return true;
    case OPTION_pair: return split_pair(field, o, value);
    case OPTION_source: return split_source(field, o, value);
    }
    return false;
}

char *
keep_text(Args *args, const char *text)
{
    char **more = realloc(args->kept, (args->n_kept + 1) * sizeof *more);

    if (more) {
        args->kept = more;
        more[args->n_kept] = strdup(text);
        if (more[args->n_kept])
            return more[args->n_kept++];
    }
    complain("no memory");
    return NULL;
}

bool
add_hyper(Args *args, const char *name, const char *value)
{
    return add_pair(&args->hyper, name, value);
}

/* Commands may have options of one name and of different meanings: the command's own goes
 * before another's. */
static const OptionInfo *
prefer(const CommandInfo *command, const OptionInfo *found, const OptionInfo *other)
{
    return found && takes_option(command, found) ? found : other;
}

const OptionInfo *
find_option(const CommandInfo *command, const char *name, size_t size)
{
    const OptionInfo *found = NULL;

    for (size_t i = 0; i < option_count; i++)
        if (strlen(option_info[i].name) == size && memcmp(option_info[i].name, name, size) == 0)
            found = prefer(command, found, &option_info[i]);
    return found;
}

static const OptionInfo *
find_letter(const CommandInfo *command, char letter)
{
    const OptionInfo *found = NULL;

    for (size_t i = 0; i < option_count; i++)
        if (option_info[i].letter == letter)
            found = prefer(command, found, &option_info[i]);
    return found;
}

typedef struct Cursor {
    int at, argc;
    char **argv;
} Cursor;

static char *
next_value(Cursor *c, const char *option)
{
    if (c->at < c->argc)
        return c->argv[c->at++];
    complain("%s: expected a value", option);
    return NULL;
}

/* ... of a hyperparameter, which nobody knows yet: what is none is found out later, and then it
 * is told from one without a value, "". */
static char *
hyper_value(Cursor *c)
{
    static char nothing[] = "";
    bool option = c->at < c->argc && strncmp(c->argv[c->at], "--", 2) == 0;

    return c->at < c->argc && !option ? c->argv[c->at++] : nothing;
}

bool
takes_option(const CommandInfo *command, const OptionInfo *o)
{
    return o->group == GROUP_every || (command->groups & o->group);
}

/* Of a command that runs no model, whose hyperparameter it might be. */
static void
complain_of_unknown(const CommandInfo *command, const char *text, size_t size)
{
    const char *word[64];
    size_t n = 0;
    char *option = strndup(text, size);

    for (size_t i = 0; i < option_count && n < sizeof word / sizeof *word; i++)
        if (takes_option(command, &option_info[i]))
            word[n++] = option_info[i].name;
    const char *near = option ? ebm_near_miss(option, word, n) : NULL;
    if (near)
        complain("unknown option '--%s'; did you mean '--%s'?", option, near);
    else
        complain("unknown option '--%s'; try 'ebmc %s --help'", option ? option : text,
                 command->name);
    free(option);
}

static bool
parse_long(Args *args, Cursor *c, char *text)
{
    char *option = text - 2, *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    const OptionInfo *o = find_option(args->command, text, size);

    if (o && !takes_option(args->command, o)) {
        complain("'%s' does not take --%s", args->command->name, o->name);
        return false;
    }
    if (o && o->kind == OPTION_flag) {
        if (equals)
            complain("--%s takes no value", o->name);
        return !equals && set_option(args, o, NULL);
    }
    if (!o && !(args->command->groups & GROUP_model)) {
        complain_of_unknown(args->command, text, size);
        return false;
    }
    char *value = equals ? equals + 1 : o ? next_value(c, option) : hyper_value(c);
    if (!value)
        return false;
    if (equals)
        *equals = '\0';
    if (o)
        return set_option(args, o, value);
    for (char *c = text; *c; c++) /* as the language spells it */
        *c = *c == '-' ? '_' : *c;
    return add_hyper(args, text, value);
}

static bool
parse_short(Args *args, Cursor *c, char *text)
{
    const OptionInfo *o = find_letter(args->command, text[1]);

    if (!o || !takes_option(args->command, o)) {
        complain("unknown option '-%c'; try 'ebmc --help'", text[1]);
        return false;
    }
    if (o->kind == OPTION_flag) {
        if (text[2])
            complain("-%c takes no value", text[1]);
        return !text[2] && set_option(args, o, NULL);
    }
    char *value = text[2] ? text + 2 : next_value(c, text);
    return value && set_option(args, o, value);
}

static void
complain_of_second(const char *first, const char *second)
{
    const char *word[COMMANDS_MAX];
    size_t n = command_names(word);
    const char *near = find_command(first) ? NULL : ebm_near_miss(first, word, n);

    if (near)
        complain("unknown command '%s'; did you mean '%s'?", first, near);
    else
        complain("one model at a time: '%s' and '%s'", first, second);
}

static bool
parse_one(Args *args, Cursor *c)
{
    char *text = c->argv[c->at++];

    if (text[0] == '-' && text[1] == '-' && text[2])
        return parse_long(args, c, text + 2);
    if (text[0] == '-' && text[1])
        return parse_short(args, c, text);
    if (args->model) {
        complain_of_second(args->model, text);
        return false;
    }
    args->model = text;
    return true;
}

bool
args_parse(Args *ret, int argc, char **argv)
{
    Cursor c = {1, argc, argv};

    *ret = (Args){.command = find_command("sample")};
    for (int i = 1; i < argc && i <= 2;
         i++) /* `ebmc train model.ebm`, `ebmc model.ebm train` */
        if (argv[i - 1][0] != '-' && find_command(argv[i])) {
            ret->command = find_command(argv[i]);
            ret->model = i == 2 ? argv[1] : NULL;
            c.at = i + 1;
            break;
        }
    while (c.at < c.argc)
        if (!parse_one(ret, &c))
            return false;
    return true;
}

void
args_clear(Args *args)
{
    free(args->statics.pair);
    free(args->set.pair);
    free(args->data.pair);
    free(args->hyper.pair);
    for (size_t i = 0; i < args->n_kept; i++)
        free(args->kept[i]);
    free(args->kept);
}
