/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c -- ebmc, the command line: a client of ebm.h like any other
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"

static const struct {
    const char *name;
    int (*run)(const Args *args);
} command[] = {
    {"sample", command_sample},   {"eval", command_eval},   {"check", command_check},
    {"fmt", command_fmt},         {"doc", command_doc},     {"opt", command_opt},
    {"summary", command_summary}, {"cache", command_cache}, {"doctor", command_doctor},
};

static int
run(const Args *args)
{
    if (args->version) {
        printf("ebmc %s\n", ebm_version());
        return EXIT_done;
    }
    for (size_t i = 0; i < sizeof command / sizeof *command; i++)
        if (strcmp(args->command, command[i].name) == 0)
            return command[i].run(args);
    complain("'%s' cannot run yet", args->command); /* train and build: their names are taken */
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
