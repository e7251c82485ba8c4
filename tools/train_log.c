/* SPDX-License-Identifier: Apache-2.0
 *
 * train_log.c -- loss and reports of training steps, one line a step
 */
#include "tools/train_log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/table.h"

static bool
ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

static int
complain_of_writing(const char *path)
{
    complain("'%s': cannot write: %s", path, strerror(errno));
    return EXIT_output;
}

bool
may_write(const char *path)
{
    bool there = access(path, F_OK) == 0;
    FILE *f = fopen(path, "ab");

    if (!f) {
        complain_of_writing(path);
        return false;
    }
    fclose(f);
    if (!there)
        remove(path);
    return true;
}

int
log_check(const char *path)
{
    if (!ends_with(path, ".csv") && !ends_with(path, ".jsonl")) {
        complain("--log: expected a name that ends in .csv or .jsonl, found '%s'", path);
        return EXIT_usage;
    }
    return may_write(path) ? EXIT_done : EXIT_output;
}

/* ---- lines */

static void
put_number(FILE *out, double v, const char *otherwise)
{
    if (isfinite(v))
        print_exactly(out, v);
    else
        fputs(otherwise, out);
}

static void
write_header(const TrainLog *log)
{
    fputs("step,loss", log->file);
    for (size_t i = 0; i < ebm_training_report_count(log->training); i++)
        fprintf(log->file, ",%s", ebm_training_report(log->training, i));
    fputs(",skipped,seconds\n", log->file);
}

static void
write_row(const TrainLog *log, const EbmTrainingStep *s)
{
    fprintf(log->file, "%" PRIu64 ",", s->step);
    put_number(log->file, s->loss, "");
    for (size_t i = 0; i < ebm_training_report_count(log->training); i++) {
        putc(',', log->file);
        put_number(log->file, s->reports[i], "");
    }
    fprintf(log->file, ",%" PRIu64 ",%.6f\n", s->skipped, s->seconds);
}

static void
write_object(const TrainLog *log, const EbmTrainingStep *s)
{
    fprintf(log->file, "{\"step\": %" PRIu64 ", \"loss\": ", s->step);
    put_number(log->file, s->loss, "null");
    for (size_t i = 0; i < ebm_training_report_count(log->training); i++) {
        fprintf(log->file, ", \"%s\": ", ebm_training_report(log->training, i));
        put_number(log->file, s->reports[i], "null");
    }
    fprintf(log->file, ", \"skipped\": %" PRIu64 ", \"seconds\": %.6f}\n", s->skipped,
            s->seconds);
}

/* ---- what was there */

/* The step of a line, or UINT64_MAX for a header or half a line. */
static uint64_t
step_of(const char *line, size_t size)
{
    const char *digits = line[0] == '{' ? line + strcspn(line, "0123456789\n") : line;
    char *end;

    if (size == 0 || line[size - 1] != '\n' || digits[0] < '0' || digits[0] > '9')
        return UINT64_MAX;
    uint64_t step = strtoull(digits, &end, 10);
    return *end == ',' ? step : UINT64_MAX;
}

/* Writes the lines before `step` of an older file anew. */
static void
keep_lines(const TrainLog *log, const char *text, uint64_t step)
{
    while (text && *text) {
        size_t size = strcspn(text, "\n");
        size += text[size] == '\n';
        if (step_of(text, size) < step)
            fwrite(text, 1, size, log->file);
        text += size;
    }
}

int
log_open(TrainLog *ret, const char *path, uint64_t every, uint64_t step,
         const EbmTraining *training)
{
    size_t size;
    char *before = NULL;

    *ret = (TrainLog){.path = path, .every = every, .training = training};
    if (!path)
        return EXIT_done;
    if (step > 0 && access(path, F_OK) == 0 && !(before = read_text(path, &size)))
        return EXIT_data;
    ret->json = ends_with(path, ".jsonl");
    ret->file = fopen(path, "wb");
    if (!ret->file) {
        free(before);
        return complain_of_writing(path);
    }
    if (!ret->json)
        write_header(ret);
    keep_lines(ret, before, step);
    free(before);
    log_flush(ret);
    return EXIT_done;
}

void
log_flush(TrainLog *log)
{
    if (log->file)
        fflush(log->file);
}

void
log_step(TrainLog *log, const EbmTrainingStep *s)
{
    bool last = s->step + 1 == ebm_training_steps(log->training);

    if (!log->file || (!last && (s->step + 1) % log->every != 0))
        return;
    if (log->json)
        write_object(log, s);
    else
        write_row(log, s);
    if (s->seconds < log->flushed || s->seconds > log->flushed + 0.5) {
        fflush(log->file); /* for whoever looks on */
        log->flushed = s->seconds;
    }
}

int
log_close(TrainLog *log)
{
    if (!log->file)
        return EXIT_done;
    bool failed = fflush(log->file) != 0 || ferror(log->file);
    int code = failed ? complain_of_writing(log->path) : EXIT_done;
    fclose(log->file);
    log->file = NULL;
    return code;
}
