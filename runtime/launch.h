/* SPDX-License-Identifier: Apache-2.0
 *
 * launch.h -- one set of chains, and the launches that move it.
 *
 * Every launch covers blocks of chains and a range of steps; ranges last about 50 ms, so that
 * progress can be shown and a request to stop is heard.  How blocks are spread over threads
 * and steps over launches changes no bit: a chain's numbers follow from its own state, its
 * index and the step alone, and what crosses chains is summed in the order of chains.
 */
#ifndef EBM_RUNTIME_LAUNCH_H
#define EBM_RUNTIME_LAUNCH_H

#include "runtime/cells.h"
#include "runtime/image.h"

/* What is run of a phase. */
typedef enum RtPart { RT_PART_prepare, RT_PART_run } RtPart;

/* What runs the entry points and the phases: an image, or an interpreter. */
typedef struct RtEngine {
    const EbmManifest *manifest;
    const void *user;
    /* False, with an error, if the launch could not be carried out.  Called by several threads
     * at once, for blocks of their own. */
    bool (*launch)(const void *user, EbmEntry entry, const EbmLaunch *launch, RtError *error);
    /* The same for phase `phase` of the manifest.  A phase without a preparation is prepared by
     * doing nothing. */
    bool (*phase)(const void *user, uint32_t phase, RtPart part, const EbmLaunch *launch,
                  RtError *error);
} RtEngine;

/* The image must outlive it. */
RtEngine rt_image_engine(const RtImage *image);

typedef struct RtPlan {
    uint64_t chains;
    uint64_t steps, warmup; /* `steps` come after `warmup` */
    uint64_t thin;
    uint32_t sample_key[2], start_key[2]; /* Philox keys */
    unsigned threads;
} RtPlan;

typedef struct RtRun RtRun;

/* The engine is copied.  No memory for chains is asked for yet. */
bool rt_run_create(const RtEngine *engine, const RtPlan *plan, RtRun **ret, RtError *error);
void rt_run_free(RtRun *run);

const RtPlan *rt_run_plan(const RtRun *run);

/* The numbers and arrays the kernel reads, in the order of the manifest, for the caller to
 * fill; the arrays stay the caller's.  After a change call rt_run_changed. */
double *rt_run_hyper(RtRun *run);
const void **rt_run_input(RtRun *run);
void rt_run_changed(RtRun *run);

/* Bytes that sampling asks for, or UINT64_MAX when they cannot be addressed. */
uint64_t rt_run_bytes(const RtRun *run);

/* RT_MEMORY, naming both sizes, if `what` needs more than is available. */
bool rt_memory_check(const char *what, uint64_t need, RtError *error);

/* Draws a chain keeps in the whole run, and those among steps before `step`. */
uint64_t rt_plan_kept(const RtPlan *plan, uint64_t step);

/* Makes states for step 0.  `points` [chains, ...x] for images that are given x, else NULL. */
bool rt_run_start(RtRun *run, const RtView *points, RtError *error);
bool rt_run_started(const RtRun *run);
/* Back to before the start. */
void rt_run_restart(RtRun *run);

typedef struct RtProgress {
    uint64_t step, last_step, kept, rejected;
    double seconds;
} RtProgress;

/* May be NULL; true: stop. */
typedef bool RtProgressFn(void *user, const RtProgress *progress);

typedef struct RtSampling {
    uint64_t last_step;
    const RtView *draws;   /* [chains, draws, ...x], or NULL */
    const RtView *reports; /* [draws, reports], or NULL */
    uint64_t first_draw;   /* that index 0 of both stands for */
    RtProgressFn *progress;
    void *user;
} RtSampling;

/* Needs a started run.  RT_CANCELLED: the run stands between two steps. */
bool rt_run_sample(RtRun *run, const RtSampling *sampling, RtError *error);

/* From any thread or signal handler. */
void rt_run_cancel(RtRun *run);

uint64_t rt_run_step(const RtRun *run);
double rt_run_seconds(const RtRun *run);

/* Steps of chain c that were not committed, and the first of them. */
uint64_t rt_run_rejected(const RtRun *run, uint64_t chain, uint64_t *ret_first);

/* The states of block chain / 16 before the run's first step that was not committed, or any
 * before: moves the block there again.  `record` is manifest.state_bytes, aligned to 64. */
bool rt_run_replay(RtRun *run, uint64_t chain, uint64_t step, unsigned char *record,
                   RtError *error);

/* Value `index` of the exchange, which each chain has of its own: [chains, ...], or [1, ...]
 * for all alike. */
bool rt_run_set_condition(RtRun *run, uint32_t index, const RtView *view, RtError *error);

/* What all launches of this entry have in common: numbers, arrays, round keys. */
EbmLaunch rt_run_launch(const RtRun *run, EbmEntry entry);

/* State `index` of the manifest, [chains, ...], of its type; the run is started. */
bool rt_run_get_state(const RtRun *run, uint32_t index, const RtView *view, RtError *error);

/* Puts the run before `step` with one view for each state. */
bool rt_run_resume(RtRun *run, uint64_t step, const RtView *state, RtError *error);

/* points [n, ...x]; one condition a value of the exchange, [n, ...] or [1, ...]; energy [n];
 * grad [n, ...x] or NULL. */
bool rt_run_evaluate(RtRun *run, const RtView *points, const RtView *condition,
                     const RtView *energy, const RtView *grad, RtError *error);

/* Does the slot's shape follow `leading` axes of the view? */
bool rt_view_fits(const RtView *view, unsigned leading, const EbmSlot *slot);

#endif
