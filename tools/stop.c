/* SPDX-License-Identifier: Apache-2.0
 *
 * stop.c -- Ctrl-C, SIGTERM and the end of the terminal while something runs
 */
#include "tools/stop.h"

#include <signal.h>
#include <stddef.h>

static CancelFn *volatile cancel_run;
static void *volatile cancelled;

static void
on_signal(int signal)
{
    if (cancel_run)
        cancel_run(cancelled);
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(signal, &usual, NULL);
}

static void
handle(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler}, before;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL); /* nohup has it ignored */
}

void
catch_signals(CancelFn *cancel, void *user)
{
    cancelled = user;
    cancel_run = cancel;
    handle(on_signal);
}

void
catch_nothing(void)
{
    handle(SIG_DFL);
    cancel_run = NULL;
}
