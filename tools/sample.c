/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.c -- the default command: draws from an energy
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/names.h"
#include "tools/state.h"
#include "tools/stop.h"
#include "tools/table.h"

static void
cancel(void *run)
{
    ebm_run_cancel(run);
}

/* ---- progress
 * -------------------------------------------------------------------------------------------
 */

static int
show_progress(void *user, const EbmProgress *p)
{
    const EbmRunOptions *plan = user;
    double part = p->last_step ? (double)p->step / (double)p->last_step : 1;
    double left = part > 0 ? p->seconds * (1 - part) / part : 0;

    fprintf(stderr,
            "\r\033[Kstep %" PRIu64 " of %" PRIu64
            " (%.0f %%), %.3g chain-steps/s, %.0f s left",
            p->step, p->last_step, 100 * part,
            p->seconds > 0 ? (double)plan->chains * (double)p->step / p->seconds : 0.0, left);
    if (p->rejected)
        fprintf(stderr, ", %" PRIu64 " non-finite steps", p->rejected);
    fflush(stderr);
    return 0;
}

static void
clear_progress(bool shown)
{
    if (shown)
        fputs("\r\033[K", stderr);
}

/* ---- the plan
 * -------------------------------------------------------------------------------------------
 */

static bool
read_plan(const Args *a, EbmRunOptions *plan)
{
    uint64_t threads = 0;

    *plan = (EbmRunOptions)EBM_RUN_OPTIONS_INIT;
    bool right = parse_count("chains", a->chains, 1, UINT64_C(1) << 41, &plan->chains) &&
                 parse_count("steps", a->steps, 0, INT32_MAX, &plan->steps) &&
                 parse_count("warmup", a->warmup, 0, INT32_MAX, &plan->warmup) &&
                 parse_count("thin", a->thin, 1, INT32_MAX, &plan->thin) &&
                 parse_count("seed", a->seed, 0, UINT64_MAX, &plan->seed) &&
                 parse_count("threads", a->threads, 0, 4096, &threads);
    plan->threads = (uint32_t)threads;
    if (!right)
        return false;
    bool last = a->keep && strcmp(a->keep, "last") == 0;
    if (last && a->thin) {
        complain("--keep last keeps one state a chain: --thin has no meaning with it");
        return false;
    }
    if (last)
        plan->thin = plan->steps ? plan->steps : 1;
    else if (a->keep && strcmp(a->keep, "all") != 0) {
        complain("--keep: expected all or last, found '%s'", a->keep);
        return false;
    }
    return true;
}

/* Where draws go: NULL for nowhere. */
static const char *
output_path(const Args *a)
{
    const char *path = a->output ? a->output : "draws.npy";

    return strcmp(path, "none") == 0 ? NULL : path;
}

/* ---- memory for draws
 * ----------------------------------------------------------------------------------- */

typedef struct Store {
    void *memory;
    size_t bytes;
    double *reports;
} Store;

static int
open_store(const Session *s, const EbmRunOptions *plan, bool keep, Store *ret,
           EbmArray *ret_draws)
{
    EbmMemory need = EBM_MEMORY_INIT;
    EbmReport *report = NULL;
    EbmStatus status = ebm_run_memory(s->run, keep, &need, &report);
    size_t n_reports = ebm_program_count(s->program, EBM_LIST_reports);
    EbmValueInfo x;

    *ret = (Store){.memory = NULL};
    *ret_draws = no_array();
    if (status != EBM_OK)
        return finish_report(status, report);
    ebm_report_free(report);
    ret->reports = calloc(need.kept * n_reports + 1, sizeof *ret->reports);
    if (!ret->reports) {
        complain("no memory for the reports of %" PRIu64 " draws", need.kept);
        return EXIT_memory;
    }
    if (!keep)
        return EXIT_done;
    ret->bytes = need.draws + !need.draws; /* an array of no draws has an address, too */
    ret->memory =
        mmap(NULL, ret->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ret->memory == MAP_FAILED) {
        complain("no memory for %" PRIu64 " bytes of draws", need.draws);
        ret->memory = NULL;
        return EXIT_memory;
    }
    madvise(ret->memory, ret->bytes, MADV_HUGEPAGE); /* fewer faults; refusal costs nothing */
    ebm_program_value(s->program, EBM_LIST_x, 0, &x);
    uint64_t shape[EBM_MAX_RANK] = {plan->chains, need.kept};
    for (uint32_t k = 0; k < x.rank; k++)
        shape[2 + k] = x.shape[k];
    *ret_draws = ebm_array(x.type, x.rank + 2, shape, ret->memory);
    return EXIT_done;
}

static void
close_store(Store *store)
{
    if (store->memory)
        munmap(store->memory, store->bytes);
    free(store->reports);
}

/* ---- running
 * --------------------------------------------------------------------------------------------
 */

static EbmStatus
run_chains(const Session *s, const EbmRunOptions *plan, const EbmArray *draws, double *reports,
           uint64_t first_draw, EbmReport **report)
{
    EbmSampleOptions keep = EBM_SAMPLE_OPTIONS_INIT;
    bool show = !s->args->quiet && !s->args->json && isatty(STDERR_FILENO);
    uint64_t n_reports = ebm_program_count(s->program, EBM_LIST_reports);

    keep.draws = *draws;
    keep.reports = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){plan->steps / plan->thin, n_reports},
                             n_reports ? reports : NULL);
    keep.first_draw = first_draw;
    keep.progress = show ? show_progress : NULL;
    keep.progress_user = (void *)(uintptr_t)plan;
    catch_signals(cancel, s->run);
    EbmStatus status = ebm_run_sample(s->run, &keep, report);
    clear_progress(show);
    return status;
}

static int
write_draws(const Session *s, const char *path, EbmArray draws, uint64_t kept)
{
    EbmReport *report = NULL;
    EbmValueInfo x;

    ebm_program_value(s->program, EBM_LIST_x, 0, &x);
    draws.shape[1] = kept; /* fewer than there is room for when the run was stopped */
    EbmStatus status = ebm_draws_write(path, x.name, &draws, NULL, 0, &report);
    int code = finish_report(status, report);
    return code ? EXIT_output : EXIT_done;
}

/* What was drawn before it was stopped is on the disk, and how to go on is said. */
static int
say_how_to_resume(const Session *s, const EbmRunOptions *plan, const char *path)
{
    char state[4096];

    snprintf(state, sizeof state, "%s.state.npz", path ? path : "run");
    int code = state_save(s, plan, state);
    if (code)
        return code;
    fprintf(stderr,
            "ebmc: stopped before step %" PRIu64
            "; the same command with --resume %s and another -o goes on to the same draws\n",
            ebm_run_step(s->run), state);
    return EXIT_cancelled;
}

static Result
result_of(const Session *s, const EbmRunOptions *plan, EbmArray draws, const Store *store,
          const char *path, uint64_t first_draw, uint64_t first_step)
{
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;
    Result r = {.session = s,
                .draws = draws,
                .reports = store->reports,
                .chains = plan->chains,
                .seed = plan->seed};

    ebm_kernel_info(s->kernel, &info);
    r.kept = ebm_run_kept(s->run) - first_draw;
    r.draws.shape[1] = r.kept;
    r.steps = ebm_run_step(s->run) - first_step;
    r.seconds = ebm_run_seconds(s->run);
    r.compile_seconds = info.seconds;
    r.from_cache = info.from_cache;
    r.path = path;
    r.rejected = (EbmRejected)EBM_REJECTED_INIT;
    ebm_run_rejected(s->run, &r.rejected, NULL);
    return r;
}

/* The first step that was not taken, and why. */
static void
explain(const Session *s)
{
    EbmReport *report = NULL;

    fflush(stdout); /* it follows the table */
    ebm_run_explain(s->run, &report);
    fputs(ebm_report_text(report), stderr);
    ebm_report_free(report);
}

static int
sample_and_write(const Session *s, const EbmRunOptions *plan, const char *path, Store *store,
                 EbmArray *draws)
{
    uint64_t first_draw = ebm_run_kept(s->run), first_step = ebm_run_step(s->run);
    EbmReport *report = NULL;
    EbmStatus status = run_chains(s, plan, draws, store->reports, first_draw, &report);
    uint64_t kept = ebm_run_kept(s->run) - first_draw;

    if (status != EBM_OK && status != EBM_CANCELLED) {
        catch_nothing();
        return finish_report(status, report);
    }
    ebm_report_free(report);
    int code = path && draws->data ? write_draws(s, path, *draws, kept) : EXIT_done;
    catch_nothing(); /* only now: what was drawn is on the disk */
    if (code)
        return code;
    Result r = result_of(s, plan, *draws, store, path, first_draw, first_step);
    if (s->args->json)
        print_json(stdout, &r);
    else if (!s->args->quiet)
        code = print_table(stdout, &r);
    if (r.rejected.total)
        explain(s);
    return status == EBM_CANCELLED ? say_how_to_resume(s, plan, path) : code;
}

/* A disk that cannot hold the draws is better found before they are made. */
static int
check_disk(const char *path, uint64_t bytes)
{
    char folder[4096];
    struct statvfs disk;
    const char *slash = strrchr(path, '/');
    int size = slash ? (int)(slash - path) + 1 : 2;

    if ((size_t)size >= sizeof folder || strstr(path, ".csv"))
        return EXIT_done; /* text of no known size */
    snprintf(folder, sizeof folder, "%.*s", size, slash ? path : "./");
    if (statvfs(folder, &disk) != 0 || disk.f_blocks == 0)
        return EXIT_done; /* writing will tell */
    double left = (double)disk.f_bavail * (double)disk.f_frsize;
    if ((double)bytes <= left)
        return EXIT_done;
    complain("'%s' would hold %" PRIu64 " bytes, and its disk has %.0f left; --thin and "
             "--keep last keep less",
             path, bytes, left);
    return EXIT_output;
}

/* A resumed run writes the draws that were missing: never over those that are there. */
static bool
keeps_earlier_draws(const Args *args, const char *path)
{
    if (!args->resume || !path || access(path, F_OK) != 0)
        return true;
    complain(
        "--resume: '%s' is there already; choose another -o for the draws that are missing",
        path);
    return false;
}

static int
sample_session(Session *s, EbmRunOptions *plan)
{
    const char *path = output_path(s->args);
    Store store = {.memory = NULL};
    EbmArray draws = no_array();
    EbmReport *report = NULL;

    if (!keeps_earlier_draws(s->args, path))
        return EXIT_usage;
    if (path) {
        EbmStatus status = ebm_file_check(path, &report);
        if (finish_report(status, report))
            return status == EBM_ARGUMENT_ERROR ? EXIT_usage : EXIT_output;
    }
    s->kernel_options.chains = plan->chains;
    int code = session_run(s, plan);
    code = code || !s->args->resume ? code : state_load(s, plan, s->args->resume);
    code =
        code ? code
             : open_store(s, plan, path || !(s->args->quiet || s->args->json), &store, &draws);
    code = code || !path ? code : check_disk(path, store.bytes);
    code = code ? code : sample_and_write(s, plan, path, &store, &draws);
    close_store(&store);
    return code;
}

/* A sampler moves chains of an energy; a data set has none, and draws all at once. */
static int
check_chooses(const Session *s)
{
    const Args *a = s->args;
    const char *steps = a->steps || a->warmup || a->thin || a->keep || a->resume ? "steps"
                        : a->init                                                ? "start"
                                                                                 : NULL;

    if (s->choice.dataset && a->sampler)
        complain("a data set draws by itself: '%s' takes no --sampler", s->choice.dataset);
    else if (s->choice.dataset && steps)
        complain("a data set draws all at once: '%s' has no %s", s->choice.dataset, steps);
    else if (!s->choice.dataset && !a->sampler)
        complain("expected --sampler NAME (langevin, mala, hmc, ...); 'ebmc doc' lists them");
    else
        return EXIT_done;
    return EXIT_usage;
}

int
command_sample(const Args *args)
{
    Session s = {.args = NULL};
    EbmRunOptions plan;

    if (args->help || (!args->model && !args->sampler && !args->hyper.n))
        return command_help(args);
    if (args->emit)
        return command_emit(args);
    int known = check_model(args);
    if (known)
        return known;
    if (!read_plan(args, &plan))
        return EXIT_usage;
    int code = session_open(&s, args);
    code = code ? code : check_chooses(&s);
    code = code ? code : session_program(&s);
    if (!code)
        code = s.choice.dataset ? draw_dataset(&s, &plan, output_path(args))
                                : sample_session(&s, &plan);
    session_close(&s);
    return code;
}
