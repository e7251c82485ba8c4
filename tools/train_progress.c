/* SPDX-License-Identifier: Apache-2.0
 *
 * train_progress.c -- a training on a terminal: one line, which the next replaces
 */
#include "tools/train_progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_SIZE = 4096, PART_SIZE = 192 };

/* Characters that fit in a line; a terminal which does not know its width has plenty. */
static size_t
line_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;

    return known && size.ws_col < LINE_SIZE ? size.ws_col - 1U : LINE_SIZE - 1;
}

static void
write_begin(char *ret, const EbmTraining *training, const EbmTrainingStep *s)
{
    uint64_t all = ebm_training_steps(training), made = s->step + 1;

    snprintf(ret, PART_SIZE, "step %" PRIu64 " of %" PRIu64 " (%.0f %%), loss %.5g", made, all,
             all ? 100.0 * (double)made / (double)all : 100.0, s->loss);
}

static void
write_end(char *ret, const EbmTraining *training, const EbmTrainingStep *s, uint64_t first_step)
{
    uint64_t all = ebm_training_steps(training), made = s->step + 1;
    double seconds = ebm_training_seconds(training);
    double rate = seconds > 0 ? (double)(made - first_step) / seconds : 0;
    int n = s->skipped ? snprintf(ret, PART_SIZE, ", %" PRIu64 " skipped", s->skipped) : 0;

    snprintf(ret + n, PART_SIZE - (size_t)n, ", %.4g steps/s, %.0f s left", rate,
             rate > 0 ? (double)(all - made) / rate : 0.0);
}

void
progress_show(const EbmTraining *training, const EbmTrainingStep *s, uint64_t first_step)
{
    char line[LINE_SIZE], part[PART_SIZE], end[PART_SIZE];
    size_t width = line_width(), n;

    write_begin(line, training, s);
    write_end(end, training, s, first_step);
    n = strlen(line);
    for (size_t i = 0; i < ebm_training_report_count(training); i++) {
        int size = snprintf(part, sizeof part, ", %s %.4g", ebm_training_report(training, i),
                            s->reports[i]);
        if (n + (size_t)size + strlen(end) > width || (size_t)size >= sizeof part)
            continue;
        memcpy(line + n, part, (size_t)size + 1);
        n += (size_t)size;
    }
    fprintf(stderr, "\r\033[K%.*s", (int)width, strcat(line, end));
    fflush(stderr);
}

void
progress_clear(void)
{
    fputs("\r\033[K", stderr);
}
