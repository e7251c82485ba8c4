/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c -- ebmc, the command line: a client of ebm.h like any other
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/recipe.h"

const CommandInfo command_info[] = {
    {"sample", command_sample,
     GROUP_general | GROUP_sampling | GROUP_result | GROUP_model | GROUP_inputs,
     "ebmc [sample] MODEL --sampler NAME [options]",
     "draws from an energy (the default command)"},
    {"eval", command_eval, GROUP_points | GROUP_result | GROUP_model | GROUP_inputs,
     "ebmc eval MODEL --at POINTS [--grad] [-o VALUES.npz]",
     "energies and gradients at given points"},
    {"train", command_train, GROUP_training | GROUP_model,
     "ebmc train MODEL --loss NAME --data DATA [options]", "learns a model's weights"},
    {"check", command_check, 0, "ebmc check FILE", "every error of a file, without running it"},
    {"fmt", command_fmt, GROUP_layout, "ebmc fmt [--write | --check] FILE", "canonical layout"},
    {"doc", command_doc, 0, "ebmc doc [NAME | FILE]",
     "declarations of the library, or of a file"},
    {"opt", command_opt, GROUP_passes, "ebmc opt --passes=LIST FILE",
     "runs passes on the text of the intermediate representation"},
    {"summary", command_summary, 0, "ebmc summary DRAWS",
     "mean, quantiles, ESS and R-hat of draws on the disk"},
    {"cache", command_cache, 0, "ebmc cache [info | clear]", "compiled kernels that are kept"},
    {"doctor", command_doctor, GROUP_machine, "ebmc doctor [--measure]",
     "what this machine can do"},
    {"build", NULL, 0, NULL, NULL},
};
const size_t command_count = sizeof command_info / sizeof *command_info;
_Static_assert(sizeof command_info / sizeof *command_info <= COMMANDS_MAX, "command_names");

const CommandInfo *
find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(name, command_info[i].name) == 0)
            return &command_info[i];
    return NULL;
}

size_t
command_names(const char *ret[COMMANDS_MAX])
{
    for (size_t i = 0; i < command_count; i++)
        ret[i] = command_info[i].name;
    return command_count;
}

static int
run(Args *args)
{
    if (args->version) {
        printf("ebmc %s\n", ebm_version());
        return EXIT_done;
    }
    int code = apply_recipe(args);
    if (code)
        return code;
    if (args->command->run)
        return args->command->run(args);
    complain("'%s' cannot run yet", args->command->name);
    return EXIT_usage;
}

int
main(int argc, char **argv)
{
    /* a file that may not grow further is an error like a full disk, not the process's end */
    signal(SIGXFSZ, SIG_IGN);

    Args args;
    int code = args_parse(&args, argc, argv) ? run(&args) : EXIT_usage;

    args_clear(&args);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_done) {
        complain("standard output could not be written");
        code = EXIT_output;
    }
    return code;
}
