/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel.h -- the kernel ABI: what a back end and the runtime agree on.
 *
 * A kernel is a flat position-independent image with entry points that take one EbmLaunch and
 * call nothing.  Chains come in blocks of 16 consecutive ones; chain c is lane c % 16 of block
 * c / 16.  A value of `count` elements per chain lies as [element][16] of its dtype: its
 * element e of lane l is at offset + (e * 16 + l) * size, offsets being multiples of 64 within
 * a block's record.  Lanes past the last chain are computed and ignored.
 */
#ifndef EBM_RUNTIME_KERNEL_H
#define EBM_RUNTIME_KERNEL_H

#include <stdint.h>

enum { EBM_BLOCK = 16, EBM_ABI = 4, EBM_PHILOX_ROUNDS = 10 };

typedef enum EbmDType {
    EBM_DT_bool = 1,
    EBM_DT_i32,
    EBM_DT_i64,
    EBM_DT_f32,
    EBM_DT_f64
} EbmDType; /* as DType of the IR; bool is one byte */

/* The entry points of an image; an absent one has offset UINT64_MAX. */
typedef enum EbmEntry {
    EBM_ENTRY_prepare, /* fills `uniform` from `hyper` and `input`; once whenever they change;
                          no blocks */
    EBM_ENTRY_start,   /* writes `state` of the blocks [first_block, last_block); reads slot x
                          from it when x is given */
    EBM_ENTRY_sample,  /* moves `state` through the steps [first_step, last_step), writes kept
                          draws and reports */
    EBM_ENTRY_eval,    /* reads slot x of `points`, writes `values` */
    EBM_ENTRY_COUNT
} EbmEntry;

typedef struct EbmLaunch {
    uint32_t size; /* of this struct */
    uint32_t abi;  /* EBM_ABI */

    uint64_t first_block, last_block; /* records below are indexed by block - first_block of the
                                         run, that is by block */
    uint64_t n_chains; /* (or points) there are: vectors that hold none of them are left out */
    uint64_t first_step, last_step;
    uint64_t n_steps, n_warmup;
    uint64_t thin; /* step s >= n_warmup is kept when (s - n_warmup + 1) % thin == 0 */
    uint64_t
        first_kept; /* index of the first kept draw that `draws` and `reports` have room for */
    uint64_t kept_room; /* kept draws they have room for, per block */

    uint32_t round_key[EBM_PHILOX_ROUNDS][2]; /* Philox round keys of this purpose's key */

    const double *hyper;      /* numbers, in the order of the manifest */
    const void *const *input; /* dense row-major arrays: data, parameters, conditions, in the
                                 order of the manifest */
    unsigned char
        *uniform; /* prepared values, manifest.uniform_bytes; written by prepare alone */
    unsigned char *state;   /* [block][manifest.state_bytes] */
    unsigned char *draws;   /* [block][kept_room][x_bytes]; NULL: nothing is kept */
    double *reports;        /* [block][kept_room][n_reports][16]; NULL: nothing is kept */
    unsigned char *points;  /* eval: [block][x_bytes] */
    unsigned char *values;  /* eval: [block][value_bytes]: energy f64, then the gradient */
    unsigned char *scratch; /* manifest.scratch_bytes, one a thread, not shared */
    unsigned char *const *exchange; /* one a manifest.exchange, in that order */
    uint64_t *rejected;       /* [block][16]: steps whose new state was not finite, added to */
    uint64_t *first_rejected; /* [block][16]: the first such step, UINT64_MAX before */
} EbmLaunch;

typedef void EbmKernelFn(const EbmLaunch *launch);

/* A value that the kernel reads or keeps. */
typedef struct EbmSlot {
    char name[64];
    uint32_t dtype; /* EbmDType */
    uint32_t rank;
    uint32_t dim[8];
    uint64_t count;  /* elements */
    uint64_t offset; /* bytes into the record (state, values) ; unused for inputs */
} EbmSlot;

/* A training step is a list of phases, run one after another.  One over points runs on blocks
 * of 16 data points, as `sample` does on chains; one over the whole batch has `pieces` as
 * blocks, which share what it makes.  `prepare` of a phase is run before it, as often as it is
 * run.  Random numbers of data point i at training step first_step are those of chain i at that
 * step. */
typedef enum EbmPhaseKind { EBM_PHASE_points, EBM_PHASE_whole } EbmPhaseKind;

/* When a phase is run: groups follow one another, the first two once, at step 0. */
typedef enum EbmPhaseGroup {
    EBM_GROUP_memory, /* first values of memory, from the parameters */
    EBM_GROUP_slots,  /* first contents of buffers; its data points are the slots */
    EBM_GROUP_step,
    EBM_GROUP_COUNT
} EbmPhaseGroup;

typedef struct EbmPhase {
    uint32_t group;  /* EbmPhaseGroup */
    uint32_t kind;   /* EbmPhaseKind */
    uint32_t pieces; /* over the whole batch: threads that can work on it; else 1 */
    uint32_t pad;
    uint64_t prepare, run; /* offsets into the image; prepare: UINT64_MAX if there is none */
} EbmPhase;

/* How a value that phases read and write lies in memory. */
typedef enum EbmLayout {
    EBM_LAYOUT_whole,   /* one dense row-major array */
    EBM_LAYOUT_records, /* one a data point: [block][element][16], blocks 64 bytes aligned */
    EBM_LAYOUT_rows /* one a data point: dense, row i is data point i; room for whole blocks */
} EbmLayout;

typedef enum EbmRole {
    EBM_ROLE_point,  /* read: the data point's column, or its slot of a buffer; a chain's
                        condition */
    EBM_ROLE_slot,   /* written: what goes back to that slot */
    EBM_ROLE_param,  /* written: the parameter's next value */
    EBM_ROLE_memory, /* written: the memory's next value */
    EBM_ROLE_value,  /* written: named results: "loss", one a data point, f64 */
    EBM_ROLE_report, /* written: diagnostics; one a data point or one in all */
    EBM_ROLE_handed  /* written by one phase, read by later ones (as an input if not records) */
} EbmRole;

/* A value of a training step, or a condition that each chain has of its own (records that are
 * read).  What is the same for all data points is read through
 * `input` under its name (parameters, memory, what is handed on, whole or in rows); data
 * points' records are read, and everything is written, through `exchange`. */
typedef struct EbmExchange {
    EbmSlot slot; /* of one data point, or of the whole; offset 0 */
    uint32_t layout, role;
} EbmExchange;

typedef enum EbmHyperKind { EBM_HYPER_real, EBM_HYPER_int } EbmHyperKind;

typedef struct EbmHyper {
    char name[64];
    uint32_t kind; /* EbmHyperKind */
    uint32_t pad;
} EbmHyper;

/* Kinds of work, by what an operation costs; the divisions and roots last. */
typedef enum EbmWork {
    EBM_WORK_float32,  /* one f32 operation: fma, add, compare, round, ... */
    EBM_WORK_float64,  /* one f64 operation */
    EBM_WORK_int32,    /* one i32 operation but a product; half of an i64 one */
    EBM_WORK_multiply, /* the lower half of a product of i32 */
    EBM_WORK_wide,     /* a whole product of i32 */
    EBM_WORK_divide32,
    EBM_WORK_divide64,
    EBM_WORK_root32,
    EBM_WORK_root64,
    EBM_WORK_COUNT
} EbmWork;

#define EBM_NO_HYPER UINT32_MAX

/* What the runtime must know to launch an image.  `slot` arrays follow one another in this
 * order. */
typedef struct EbmManifest {
    uint64_t entry[EBM_ENTRY_COUNT]; /* offsets into the image */
    uint64_t image_bytes;            /* text, then constants; page rounding is the loader's */
    uint64_t uniform_bytes, state_bytes, x_bytes, value_bytes, scratch_bytes;
    uint32_t n_hyper, n_inputs, n_state, n_reports, n_values;
    uint32_t x_given; /* start reads x from `state` */
    EbmHyper *hyper;  /* n_hyper */
    EbmSlot *input;   /* n_inputs */
    EbmSlot *state;   /* n_state; [0] is x at offset 0 */
    EbmSlot *report;  /* n_reports; name only */
    EbmSlot *value;   /* n_values: energy, gradient */
    uint32_t n_phases, n_exchange;
    uint32_t batch, pad;   /* data points a training step; 0: the image does not train */
    EbmPhase *phase;       /* n_phases, in the order in which they run */
    EbmExchange *exchange; /* n_exchange */
    /* Of a step of one chain, if work_known: work, and work_turn as often as hyper[work_hyper]
     * says (EBM_NO_HYPER: not at all). */
    double work[EBM_WORK_COUNT], work_turn[EBM_WORK_COUNT];
    uint32_t work_known, work_hyper;
} EbmManifest;

#endif
