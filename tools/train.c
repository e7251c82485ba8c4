/* SPDX-License-Identifier: Apache-2.0
 *
 * train.c -- ebmc train: a model's weights from data
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/names.h"
#include "tools/stop.h"
#include "tools/table.h"
#include "tools/train_log.h"
#include "tools/train_progress.h"
#include "tools/weights.h"

/* What the command line asks for, and how it goes. */
typedef struct Trainer {
    Session session;
    EbmTrainingOptions plan;
    const char *weights, *checkpoint; /* paths, or NULL */
    uint64_t checkpoint_every;        /* steps; 0: at the end alone */
    TrainLog log;
    bool show;          /* progress */
    double shown;       /* when last, in seconds of the call */
    double recent[100]; /* losses of the last steps, in a ring */
    uint64_t made;      /* steps that are in it or were */
    uint64_t first_step;
    bool diverged; /* a step was not finite */
} Trainer;

enum { RECENT = 100 };

/* ---- the plan */

static const char *
output_path(const Args *a)
{
    const char *path = a->output ? a->output : "weights.safetensors";

    return strcmp(path, "none") == 0 ? NULL : path;
}

static bool
read_policy(const Args *a, EbmTrainingOptions *plan)
{
    const char *what = a->on_nonfinite;

    if (what && strcmp(what, "skip") == 0)
        plan->on_nonfinite = EBM_NON_FINITE_skip;
    else if (what && strcmp(what, "stop") != 0) {
        complain("--on-nonfinite: expected stop or skip, found '%s'", what);
        return false;
    }
    return true;
}

static bool
read_plan(const Args *a, Trainer *t)
{
    uint64_t threads = 0, log_every = 1;

    t->plan = (EbmTrainingOptions)EBM_TRAINING_OPTIONS_INIT;
    bool right = parse_count("steps", a->steps, 0, INT32_MAX, &t->plan.steps) &&
                 parse_count("seed", a->seed, 0, UINT64_MAX, &t->plan.seed) &&
                 parse_count("threads", a->threads, 0, 4096, &threads) &&
                 parse_count("log-every", a->log_every, 1, INT32_MAX, &log_every) &&
                 parse_count("checkpoint-every", a->checkpoint_every, 1, INT32_MAX,
                             &t->checkpoint_every) &&
                 read_policy(a, &t->plan);
    t->plan.threads = (uint32_t)threads;
    t->log.every = log_every;
    if (right && a->checkpoint_every && !a->checkpoint) {
        complain("--checkpoint-every: expected --checkpoint FILE, too");
        return false;
    }
    if (right && a->log_every && !a->log) {
        complain("--log-every: expected --log FILE, too");
        return false;
    }
    return right;
}

/* Points of an epoch: the rows of the data, or what is asked for where a data set draws them.
 */
static bool
epoch_points(const Trainer *t, uint64_t *ret)
{
    const Session *s = &t->session;

    *ret = 2000;
    if (s->choice.n_columns > 0) {
        *ret = s->columns[0].array.rank > 0 ? s->columns[0].array.shape[0] : 0;
        if (s->args->epoch_size)
            complain("--epoch-size: an epoch is the data's %" PRIu64 " rows", *ret);
        return !s->args->epoch_size;
    }
    return parse_count("epoch-size", s->args->epoch_size, 1, INT32_MAX, ret);
}

static bool
count_steps(Trainer *t)
{
    const Args *a = t->session.args;
    uint64_t epochs = 0, points, batch = t->session.choice.batch;

    if (!a->epochs && a->epoch_size)
        complain("--epoch-size: expected --epochs N, too");
    if (!a->epochs)
        return !a->epoch_size;
    if (a->steps) {
        complain("--steps and --epochs both say how long to train: expected one of them");
        return false;
    }
    if (!parse_count("epochs", a->epochs, 0, INT32_MAX, &epochs) || !epoch_points(t, &points))
        return false;
    t->plan.steps = (epochs * points + batch - 1) / batch;
    if (t->plan.steps <= INT32_MAX)
        return true;
    complain("--epochs: %" PRIu64 " of %" PRIu64 " points are more than %d steps", epochs,
             points, INT32_MAX);
    return false;
}

/* ---- before the work */

static bool
is_same(const char *path, const char *other)
{
    return other && strcmp(path, other) == 0;
}

static int
check_outputs(const Trainer *t)
{
    const Args *a = t->session.args;
    int code = t->weights ? weights_check(t->weights) : EXIT_done;

    if (!code && t->checkpoint &&
        (is_same(t->checkpoint, t->weights) || is_same(t->checkpoint, a->log))) {
        complain("--checkpoint: '%s' is where %s goes", t->checkpoint,
                 is_same(t->checkpoint, t->weights) ? "--output" : "--log");
        return EXIT_usage;
    }
    code = code || !a->log ? code : log_check(a->log);
    return code || !t->checkpoint || may_write(t->checkpoint) ? code : EXIT_output;
}

static int
check_data(const Trainer *t)
{
    const Session *s = &t->session;

    if (s->choice.dataset || s->choice.n_columns > 0)
        return EXIT_done;
    complain("expected --data: a file of points [rows, ...], or a data set such as two_moons; "
             "'ebmc doc' lists them");
    return EXIT_usage;
}

static int
resume(Trainer *t)
{
    const char *path = t->session.args->resume;
    EbmReport *report = NULL;

    if (!path)
        return EXIT_done;
    EbmStatus status = ebm_training_load(t->session.training, path, &report);
    int code = finish_report(status, report);
    if (code)
        help_with_columns(&t->session);
    return code;
}

/* ---- running */

static int
on_step(void *user, const EbmTrainingStep *s)
{
    Trainer *t = user;

    if (s->committed)
        t->recent[t->made++ % RECENT] = s->loss;
    log_step(&t->log, s);
    if (t->show && (s->seconds < t->shown || s->seconds >= t->shown + 0.1)) {
        t->shown = s->seconds;
        progress_show(t->session.training, s, t->first_step);
    }
    return 0;
}

static int
save(Trainer *t)
{
    EbmReport *report = NULL;

    if (!t->checkpoint)
        return EXIT_done;
    log_flush(&t->log); /* a training taken up from here has the lines before it */
    EbmStatus status = ebm_training_save(t->session.training, t->checkpoint, &report);
    return finish_report(status, report) ? EXIT_output : EXIT_done;
}

static void
cancel(void *training)
{
    ebm_training_cancel(training);
}

/* Where the next piece of the work ends: checkpoints stand between pieces. */
static uint64_t
next_stop(const Trainer *t, uint64_t step)
{
    uint64_t every = t->checkpoint_every;
    uint64_t next = every ? (step / every + 1) * every : t->plan.steps;

    return next < t->plan.steps ? next : t->plan.steps;
}

static int
train(Trainer *t, EbmStatus *ret_status)
{
    EbmTrainOptions options = EBM_TRAIN_OPTIONS_INIT;
    EbmTraining *training = t->session.training;
    EbmBroken broken = EBM_BROKEN_INIT;
    EbmReport *report = NULL;
    int code = EXIT_done;

    options.progress = on_step;
    options.progress_user = t;
    do {
        ebm_report_free(report);
        report = NULL;
        options.last_step = next_stop(t, ebm_training_step(training));
        *ret_status = ebm_training_run(training, &options, &report);
        if (*ret_status == EBM_OK && ebm_training_step(training) < t->plan.steps)
            code = save(t);
    } while (*ret_status == EBM_OK && !code && ebm_training_step(training) < t->plan.steps);
    if (t->show)
        progress_clear();
    ebm_training_broken(training, &broken);
    t->diverged = *ret_status == EBM_NOT_FINITE && *broken.term; /* else it could not begin */
    if (*ret_status == EBM_OK || *ret_status == EBM_CANCELLED) {
        ebm_report_free(report);
        return code;
    }
    int failed = finish_report(*ret_status, report);
    help_with_columns(&t->session);
    return t->diverged ? code : failed; /* what there is is written */
}

/* ---- what came of it */

static double
recent_loss(const Trainer *t)
{
    uint64_t n = t->made < RECENT ? t->made : RECENT;
    double sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += t->recent[i];
    return n ? sum / (double)n : NAN;
}

/* Steps a second of those made here; NaN where none was. */
static double
rate_of(const Trainer *t)
{
    const EbmTraining *training = t->session.training;
    uint64_t here = ebm_training_step(training) - t->first_step;
    double seconds = ebm_training_seconds(training);

    return here && seconds > 0 ? (double)here / seconds : NAN;
}

static void
print_json_result(const Trainer *t, uint64_t numbers, bool averaged)
{
    const EbmTraining *training = t->session.training;
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;

    ebm_kernel_info(t->session.kernel, &info);
    printf("{\"steps\": %" PRIu64 ", \"steps_asked\": %" PRIu64
           ", \"batch\": %u, \"seed\": %" PRIu64 ", \"parameters\": %" PRIu64 ", ",
           ebm_training_step(training), t->plan.steps, t->session.choice.batch, t->plan.seed,
           numbers);
    print_json_number(stdout, "loss", recent_loss(t));
    print_json_number(stdout, "seconds", ebm_training_seconds(training));
    print_json_number(stdout, "steps_per_second", rate_of(t));
    print_json_number(stdout, "compile_seconds", info.seconds);
    printf("\"averaged\": %s, \"from_cache\": %s, \"non_finite_steps\": %" PRIu64
           ", \"threads\": %u}\n",
           averaged ? "true" : "false", info.from_cache ? "true" : "false",
           ebm_training_skipped(training), ebm_training_threads(training));
}

static void
print_result(const Trainer *t, uint64_t numbers, bool averaged)
{
    const EbmTraining *training = t->session.training;
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;

    ebm_kernel_info(t->session.kernel, &info);
    if (t->made)
        printf("%-20s %.6g (mean over the last %" PRIu64 " steps)\n", "loss", recent_loss(t),
               t->made < RECENT ? t->made : (uint64_t)RECENT);
    printf("%-20s %" PRIu64 " of %" PRIu64 ", %u data points each\n", "steps",
           ebm_training_step(training), t->plan.steps, t->session.choice.batch);
    if (ebm_training_skipped(training))
        printf("%-20s %" PRIu64 " steps that were not finite\n", "skipped",
               ebm_training_skipped(training));
    if (isfinite(rate_of(t)))
        printf("%-20s %.4g steps/s (%.3g s, %u thread%s)\n", "speed", rate_of(t),
               ebm_training_seconds(training), ebm_training_threads(training),
               ebm_training_threads(training) == 1 ? "" : "s");
    printf("%-20s %.3g s%s\n", "compile time", info.seconds,
           info.from_cache ? " (from the cache)" : "");
    printf("%-20s %" PRIu64 "\n", "seed", t->plan.seed);
    printf("%-20s %" PRIu64 "\n", "parameters", numbers);
    if (t->weights)
        printf("%-20s %s%s\n", "weights", t->weights, averaged ? " (moving average)" : "");
    if (t->checkpoint)
        printf("%-20s %s\n", "checkpoint", t->checkpoint);
}

static void
say_how_to_resume(const Trainer *t)
{
    uint64_t step = ebm_training_step(t->session.training);

    if (t->checkpoint)
        fprintf(stderr,
                "ebmc: stopped before step %" PRIu64
                "; the same command with --resume %s goes on to the same weights\n",
                step, t->checkpoint);
    else if (t->weights)
        fprintf(
            stderr,
            "ebmc: stopped before step %" PRIu64
            "; --weights %s starts from these weights, and with --checkpoint FILE a training "
            "can be resumed\n",
            step, t->weights);
    else
        fprintf(stderr, "ebmc: stopped before step %" PRIu64 "\n", step);
}

/* A step that was passed over is told even where no table is. */
static void
warn_of_skipped(const Trainer *t)
{
    const EbmTraining *training = t->session.training;
    EbmBroken b = EBM_BROKEN_INIT;

    ebm_training_broken(training, &b);
    if (t->diverged || !*b.term)
        return;
    fprintf(stderr,
            "warning: %" PRIu64 " of %" PRIu64 " steps were passed over; the last of "
            "them, step %" PRIu64 ": %s is not finite",
            ebm_training_skipped(training), ebm_training_step(training), b.step, b.term);
    if (b.point != UINT64_MAX)
        fprintf(stderr, " at data point %" PRIu64 " of the batch", b.point);
    if (b.row != UINT64_MAX)
        fprintf(stderr, " (row %" PRIu64 " of the data)", b.row);
    putc('\n', stderr);
}

/* After a checkpoint that could not be written: what was learnt is not lost. */
static void
say_where_weights_are(const Trainer *t)
{
    if (t->weights)
        fprintf(stderr,
                "ebmc: the weights after %" PRIu64 " of %" PRIu64 " steps were written to %s\n",
                ebm_training_step(t->session.training), t->plan.steps, t->weights);
}

/* Writes what there is, whatever has ended the training; the checkpoint unless just that has
 * failed, with the exit code `saved`. */
static int
finish(Trainer *t, EbmStatus status, int saved)
{
    uint64_t numbers;
    bool averaged;
    int code = weights_write(t->session.training, t->weights, &numbers, &averaged);

    saved = saved ? saved : save(t);
    catch_nothing(); /* only now: what was learnt is on the disk */
    if (!code && saved)
        say_where_weights_are(t);
    if (code || saved)
        return code ? code : saved;
    warn_of_skipped(t);
    if (t->session.args->json)
        print_json_result(t, numbers, averaged);
    else if (!t->session.args->quiet)
        print_result(t, numbers, averaged);
    if (status == EBM_CANCELLED)
        say_how_to_resume(t);
    return t->diverged ? EXIT_not_finite : status == EBM_CANCELLED ? EXIT_cancelled : EXIT_done;
}

static int
train_session(Trainer *t)
{
    Session *s = &t->session;
    EbmStatus status = EBM_OK;
    int code = check_outputs(t);

    code = code ? code : session_program(s);
    code = code ? code : session_train(s, &t->plan);
    code = code ? code : resume(t);
    if (code)
        return code;
    t->first_step = ebm_training_step(s->training);
    t->show = !s->args->quiet && !s->args->json && isatty(STDERR_FILENO);
    code = log_open(&t->log, s->args->log, t->log.every, t->first_step, s->training);
    if (code)
        return code;
    catch_signals(cancel, s->training);
    code = train(t, &status);
    bool trained = status == EBM_OK || status == EBM_CANCELLED || t->diverged;
    int finished = trained ? finish(t, status, code) : code;
    catch_nothing();
    int logged = log_close(&t->log);
    return code ? code : logged ? logged : finished;
}

int
command_train(const Args *args)
{
    Trainer t = {.weights = output_path(args), .checkpoint = args->checkpoint};

    if (args->help || (!args->model && !args->loss))
        return command_help(args);
    int code = check_model(args);
    if (code)
        return code;
    if (!args->loss) {
        complain(
            "expected --loss NAME (denoising_score_matching, contrastive_divergence, ...), or "
            "a recipe train { ... } in the file; 'ebmc doc' lists losses");
        return EXIT_usage;
    }
    if (args->emit)
        return command_emit(args);
    if (!read_plan(args, &t))
        return EXIT_usage;
    code = session_open(&t.session, args);
    code = code ? code : check_data(&t);
    code = code || count_steps(&t) ? code : EXIT_usage;
    code = code ? code : train_session(&t);
    session_close(&t.session);
    return code;
}
