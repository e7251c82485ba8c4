/* SPDX-License-Identifier: Apache-2.0
 *
 * ebm.h -- the C API of ebmc, an energy compiler.
 *
 *     EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
 *     choice.energy = "DoubleWell", choice.sampler = "langevin";
 *     EbmRunOptions plan = EBM_RUN_OPTIONS_INIT;
 *     plan.chains = 1024, plan.steps = 1000;
 *     EbmProgram *program;  EbmKernel *kernel;  EbmRun *run;
 *     if (ebm_program_create(&choice, &program, &report) == EBM_OK &&
 *         ebm_kernel_create(program, NULL, &kernel, &report) == EBM_OK &&
 *         ebm_run_create(kernel, &plan, &run, &report) == EBM_OK) {
 *         EbmSampleOptions keep = EBM_SAMPLE_OPTIONS_INIT;
 *         keep.draws = ebm_array(EBM_TYPE_f32, 3, (uint64_t[]){1024, 1000, 2}, memory);
 *         status = ebm_run_sample(run, &keep, &report);
 *     }
 *     puts(ebm_report_text(report));
 *
 * A program is source text and the choices that fix its shapes; a kernel is its machine code;
 * a run is one set of chains with the numbers, data and weights they use.  With a loss instead
 * of a sampler the kernel makes training steps, and an EbmTraining holds the weights:
 *
 *     EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
 *     choice.file = "moons.ebm", choice.loss = "denoising_score_matching";
 *     choice.optimizer = "adam", choice.dataset = "two_moons";
 *     ... ebm_program_create, ebm_kernel_create as before; EbmTraining *training;
 *     if (ebm_training_create(kernel, NULL, &training, &report) == EBM_OK &&
 *         ebm_training_run(training, NULL, &report) == EBM_OK)
 *         status = ebm_training_get(training, 0, &weights, &report);
 *
 * Rules for every function:
 *   - Every object has one owner; ..._free accepts NULL.  An object may be freed before those
 *     that were made from it.
 *   - A ret_ argument is written on EBM_OK only, unless it says otherwise.  `ret_report` is
 *     written always and may be NULL: it receives NULL when there is nothing to say (or no
 *     memory to say it), else a report that the caller frees; EBM_OK may come with warnings.
 *   - Strings returned live as long as the object they came from; arguments are copied.
 *   - Programs and kernels may be shared by any number of threads.  A run belongs to one
 *     thread at a time, ebm_run_cancel excepted; so does a training.  There is no other state:
 * no object knows of another, and there is no last error.
 *   - The library prints nothing, changes no signal handler, and never exits.  One exception is
 *     not ours: LLVM ends the process when memory runs out while it compiles.  Where that
 *     matters, compile in a process of its own; the disk cache hands the kernel over.
 *   - Structures whose first member is `size` grow with time: start from the ..._INIT.
 */
#ifndef EBM_EBM_H
#define EBM_EBM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EBM_API __attribute__((visibility("default")))
#else
#define EBM_API
#endif

#define EBM_VERSION_MAJOR 0
#define EBM_VERSION_MINOR 1
#define EBM_VERSION_PATCH 0

/* "0.1.0": of the library that runs, where the numbers above are of the one compiled against.
 */
EBM_API const char *ebm_version(void);

/* ---- what can go wrong */

typedef enum EbmStatus {
    EBM_OK = 0,
    EBM_PROGRAM_ERROR,  /* the source text, or an expression given as an option */
    EBM_ARGUMENT_ERROR, /* a request that cannot be carried out: an unknown name, a number out
                           of its range, something not set */
    EBM_IO_ERROR,       /* the system could not read or write */
    EBM_NOT_FOUND,      /* no such file, or no such array within it */
    EBM_FORMAT_ERROR,   /* a file is not what its name says, or is damaged */
    EBM_SHAPE_ERROR,    /* sizes do not fit */
    EBM_TYPE_ERROR,     /* this type of number is not supported there */
    EBM_RANGE_ERROR,    /* a number does not fit the wanted type, or data its declared range */
    EBM_MEMORY_ERROR,   /* more memory than there is */
    EBM_NO_SPACE,       /* the disk is full, or a quota is reached */
    EBM_CANCELLED,      /* stopped on request; what was complete is kept */
    EBM_DEVICE_ERROR,   /* this machine cannot run that */
    EBM_INTERNAL_ERROR, /* a mistake in the library */
    EBM_NOT_FINITE      /* numbers of a training step are infinite or not a number */
} EbmStatus;

/* "ok", "program error", ... */
EBM_API const char *ebm_status_name(EbmStatus status);

typedef struct EbmReport EbmReport;

EBM_API void ebm_report_free(EbmReport *report);

/* EBM_OK: there are only warnings.  A NULL report is EBM_OK with nothing in it. */
EBM_API EbmStatus ebm_report_status(const EbmReport *report);

/* All messages as a terminal shows them, with source lines, in lines that end in a newline; ""
 * for NULL. */
EBM_API const char *ebm_report_text(const EbmReport *report);

/* The first error (or else warning) in one line without its place; "" for NULL. */
EBM_API const char *ebm_report_message(const EbmReport *report);

/* A place in source text; `file` is NULL where there is none. Lines and columns count from 1,
 * columns in characters; begin and end are bytes of the file, [begin, end). */
typedef struct EbmPlace {
    const char *file;
    uint32_t line, column;
    uint32_t begin, end;
} EbmPlace;

typedef struct EbmDiagnostic {
    int is_warning;
    const char *code; /* "unknown_name"; for other errors the status's name */
    const char *message;
    const char *help; /* or NULL */
    EbmPlace place;
    size_t notes;
} EbmDiagnostic;

EBM_API size_t ebm_report_count(const EbmReport *report);
EBM_API void ebm_report_get(const EbmReport *report, size_t index, EbmDiagnostic *ret);
/* A further place that message `index` mentions, and what it says about it. */
EBM_API const char *ebm_report_note(const EbmReport *report, size_t index, size_t note,
                                    EbmPlace *ret_place);

/* ---- text and arrays */

typedef struct EbmText EbmText;

EBM_API void ebm_text_free(EbmText *text);
EBM_API const char *ebm_text_data(const EbmText *text); /* NUL-terminated */
EBM_API size_t ebm_text_size(const EbmText *text);      /* without the NUL */

/* The candidate that `word` was probably meant to be, as in "did you mean": NULL where more
 * than a third of the letters differ from every one. */
EBM_API const char *ebm_near_miss(const char *word, const char *const *candidates,
                                  size_t count);

typedef enum EbmType {
    EBM_TYPE_none = 0,
    EBM_TYPE_bool, /* a byte, 0 or 1 */
    EBM_TYPE_i32,
    EBM_TYPE_i64,
    EBM_TYPE_f32,
    EBM_TYPE_f64,
    EBM_TYPE_u8
} EbmType;

EBM_API size_t ebm_type_size(EbmType type);      /* bytes */
EBM_API const char *ebm_type_name(EbmType type); /* "f32" */

#define EBM_MAX_RANK 8

/* Memory of the caller.  Element [i, j] is at data + i * stride[0] + j * stride[1] bytes.  What
 * the library only reads it does not change.  data == NULL: no array. */
typedef struct EbmArray {
    EbmType type;
    uint32_t rank;
    uint64_t shape[EBM_MAX_RANK];
    int64_t stride[EBM_MAX_RANK]; /* bytes */
    void *data;
} EbmArray;

/* Dense, last axis fastest. */
EBM_API EbmArray ebm_array(EbmType type, uint32_t rank, const uint64_t *shape, void *data);

typedef struct EbmNamed {
    const char *name;
    EbmArray array;
} EbmNamed;

/* ---- programs */

/* A name and an expression in the language: "step_size", "cosine(t, 0.03, 0.005, 100)". */
typedef struct EbmSetting {
    const char *name;
    const char *text;
} EbmSetting;

/* Where chains start. */
typedef enum EbmInit {
    EBM_INIT_default = 0, /* as the energy says, else normal */
    EBM_INIT_normal,
    EBM_INIT_zeros,
    EBM_INIT_uniform, /* in (init_low, init_high) */
    EBM_INIT_given    /* where ebm_run_set_start says */
} EbmInit;

/* Gives the text that `import "path"`, written in file `from`, means: memory that stays until
 * the call that was given this function returns.  NULL: there is none. */
typedef const char *EbmImport(void *user, const char *from, const char *path, size_t *ret_size);

typedef struct EbmProgramOptions {
    size_t size;
    const char *file;   /* a path to read; with `source`, the name in messages only.  NULL
                           without source: the standard library alone */
    const char *source; /* the text itself, or NULL */
    size_t source_size;
    EbmImport *import; /* NULL: files beside or below `file`, none for a source */
    void *import_user;
    /* What is chosen by name may come with arguments: "Moons[h = 64]", "adam(lr = 1e-3)";
     * settings come before those. */
    const char *energy;        /* NULL: the last one of the file */
    const char *sampler;       /* NULL: the program only evaluates */
    const EbmSetting *statics; /* static parameters of the energy: d = 100 */
    size_t n_statics;
    const EbmSetting *energy_settings; /* its hyperparameters */
    size_t n_energy_settings;
    const EbmSetting *sampler_settings; /* the sampler's */
    size_t n_sampler_settings;
    const EbmNamed *inputs; /* of data and conditions; types and shapes alone are used here,
                               ebm_run_set_array gives the values.  A condition with an axis
                               more than it is declared with is one of which each chain, and
                               each point that is evaluated, has its own */
    size_t n_inputs;
    EbmType dtype; /* of `real`: EBM_TYPE_f32 or EBM_TYPE_f64 */
    EbmInit init;
    double init_low, init_high;

    /* With a loss the program trains the energy (ebm_training_create) and has no sampler.  With
     * a data set and no loss, no energy and no sampler it is that data set: what chains start
     * from are its data points. */
    const char *loss;
    const char *optimizer; /* NULL: adam */
    const char *dataset;   /* draws the data points; NULL: ebm_training_set_data gives them */
    const EbmSetting *loss_settings; /* hyperparameters; "using.step_size" reaches into one */
    size_t n_loss_settings;
    const EbmSetting *optimizer_settings;
    size_t n_optimizer_settings;
    const EbmSetting *dataset_settings;
    size_t n_dataset_settings;
    const EbmNamed *columns; /* of the data, [rows, ...]: types and shapes alone are used here;
                                ebm_training_set_data gives the values.  One without a name is
                                the data point */
    size_t n_columns;
    uint32_t batch; /* data points of a training step */
} EbmProgramOptions;

#define EBM_PROGRAM_OPTIONS_INIT \
    { \
        sizeof(EbmProgramOptions), NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, \
            NULL, 0, NULL, 0, EBM_TYPE_f32, EBM_INIT_default, -1.0, 1.0, NULL, NULL, NULL, \
            NULL, 0, NULL, 0, NULL, 0, NULL, 0, 256 \
    }

typedef struct EbmProgram EbmProgram;

/* Reads, checks and specialises.  EBM_PROGRAM_ERROR: the report has every error that could be
 * told apart. */
EBM_API EbmStatus ebm_program_create(const EbmProgramOptions *options, EbmProgram **ret,
                                     EbmReport **ret_report);
EBM_API void ebm_program_free(EbmProgram *program);

/* Checks every declaration of the file, whether or not it is chosen. */
EBM_API EbmStatus ebm_check(const EbmProgramOptions *options, EbmReport **ret_report);

EBM_API const char *ebm_program_energy(const EbmProgram *program);      /* its name */
EBM_API const char *ebm_program_sampler(const EbmProgram *program);     /* NULL: none */
EBM_API const char *ebm_program_loss(const EbmProgram *program);        /* NULL: none */
EBM_API const char *ebm_program_optimizer(const EbmProgram *program);   /* NULL: none */
EBM_API const char *ebm_program_dataset(const EbmProgram *program);     /* NULL: none */
EBM_API const char *ebm_program_energy_doc(const EbmProgram *program);  /* or NULL */
EBM_API const char *ebm_program_sampler_doc(const EbmProgram *program); /* or NULL */
EBM_API EbmType ebm_program_dtype(const EbmProgram *program);           /* of real */
EBM_API uint32_t ebm_program_batch(const EbmProgram *program); /* 0: it does not train */

/* The named values of a program, list by list. */
typedef enum EbmList {
    EBM_LIST_x = 0,   /* the one position of a chain */
    EBM_LIST_data,    /* read from files */
    EBM_LIST_given,   /* conditions */
    EBM_LIST_params,  /* trainable, dotted names as in checkpoints */
    EBM_LIST_reports, /* of the sampler, or of the loss and the optimizer; scalars */
    EBM_LIST_columns, /* of a data point: the point itself, then its labels */
    EBM_LIST_buffers  /* of the loss, [slots, ...] */
} EbmList;

typedef struct EbmValueInfo {
    const char *name;
    EbmType type;
    uint32_t rank;
    uint64_t shape[EBM_MAX_RANK];
    double low, high; /* declared range of the elements, infinite where there is none */
    int low_open, high_open;
    const char *doc; /* or NULL */
} EbmValueInfo;

EBM_API size_t ebm_program_count(const EbmProgram *program, EbmList list);
EBM_API void ebm_program_value(const EbmProgram *program, EbmList list, size_t index,
                               EbmValueInfo *ret);

typedef enum EbmOwner {
    EBM_OWNER_energy = 0,
    EBM_OWNER_sampler,
    EBM_OWNER_loss,
    EBM_OWNER_optimizer,
    EBM_OWNER_dataset
} EbmOwner;

/* A hyperparameter.  One that is not fixed is a number that a run can set. */
typedef struct EbmHyperInfo {
    const char *name;
    EbmOwner owner;
    int is_int;
    int fixed;      /* compiled in */
    int bound_to_t; /* an expression of t: a schedule */
    int has_value;  /* `value` is what a run starts with */
    double value;
    double low, high; /* infinite where there is no bound */
    int low_open, high_open;
    const char *text; /* the default as written, or NULL */
    const char *doc;  /* or NULL */
} EbmHyperInfo;

EBM_API size_t ebm_program_hyper_count(const EbmProgram *program);
EBM_API void ebm_program_hyper(const EbmProgram *program, size_t index, EbmHyperInfo *ret);

/* ---- declarations, for manuals and help */

typedef struct EbmCatalog EbmCatalog;

typedef struct EbmDecl {
    const char *kind; /* "energy", "sampler", "fn", ... */
    const char *name;
    const char *file;
    const char *result; /* its type as written, or NULL */
    const char *doc;    /* or NULL */
    size_t args;
    uint32_t line;
} EbmDecl;

typedef struct EbmArg {
    const char *name;
    const char *type;  /* as written, without the range; NULL for a static parameter */
    const char *value; /* the default as written, or NULL */
    const char *doc;   /* or NULL */
    double low, high;
    int low_open, high_open;
    int is_static, is_given, is_int;
    int is_hyper; /* a number that can be set */
} EbmArg;

/* The declarations of a file, or of the standard library when the options name none. */
EBM_API EbmStatus ebm_catalog_create(const EbmProgramOptions *options, EbmCatalog **ret,
                                     EbmReport **ret_report);
EBM_API void ebm_catalog_free(EbmCatalog *catalog);
EBM_API const char *ebm_catalog_doc(const EbmCatalog *catalog); /* of the file, or NULL */
EBM_API size_t ebm_catalog_count(const EbmCatalog *catalog);
EBM_API void ebm_catalog_decl(const EbmCatalog *catalog, size_t index, EbmDecl *ret);
EBM_API void ebm_catalog_arg(const EbmCatalog *catalog, size_t index, size_t arg, EbmArg *ret);

/* The lines of a file's `train { ... }` or `sample { ... }`: an expression as it is written, a
 * text without its quotes. */
typedef enum EbmRecipe { EBM_RECIPE_train = 0, EBM_RECIPE_sample } EbmRecipe;

EBM_API size_t ebm_catalog_recipe_count(const EbmCatalog *catalog, EbmRecipe recipe);
EBM_API void ebm_catalog_recipe(const EbmCatalog *catalog, EbmRecipe recipe, size_t index,
                                EbmSetting *ret);

/* ---- kernels */

typedef enum EbmBackend {
    EBM_BACKEND_llvm = 0,
    EBM_BACKEND_interpreter /* slow, and the definition of what is right: the same bits */
} EbmBackend;

typedef enum EbmCacheUse {
    EBM_CACHE_on = 0, /* take what is there, keep what is made */
    EBM_CACHE_off,
    EBM_CACHE_renew /* compile, and replace what is there */
} EbmCacheUse;

typedef struct EbmKernelOptions {
    size_t size;
    EbmBackend backend;
    EbmCacheUse cache;
    const char *cache_dir; /* NULL: $EBM_CACHE_DIR, $XDG_CACHE_HOME/ebmc, ~/.cache/ebmc */
    const char *cpu;       /* "x86-64-v3"; NULL: this machine's */
    uint32_t lanes;        /* chains worked on together: 4, 8, 16; 0 chooses.  Same bits. */
    uint32_t level;        /* 0 compiles faster, 1 makes faster code.  Same bits. */
    uint64_t chains; /* that runs will have, as far as is known: few take fewer lanes; or 0 */
} EbmKernelOptions;

#define EBM_KERNEL_OPTIONS_INIT \
    { \
        sizeof(EbmKernelOptions), EBM_BACKEND_llvm, EBM_CACHE_on, NULL, NULL, 0, 1, 0 \
    }

typedef struct EbmKernel EbmKernel;

/* `options` may be NULL. */
EBM_API EbmStatus ebm_kernel_create(const EbmProgram *program, const EbmKernelOptions *options,
                                    EbmKernel **ret, EbmReport **ret_report);
EBM_API void ebm_kernel_free(EbmKernel *kernel);

typedef struct EbmKernelInfo {
    size_t size;
    int from_cache;
    double seconds; /* to make it, front end included */
    uint64_t image_bytes;
    uint64_t state_bytes;   /* of 16 chains */
    uint64_t scratch_bytes; /* of a thread */
    const char *cache_path; /* the cached file, or NULL */
} EbmKernelInfo;

#define EBM_KERNEL_INFO_INIT \
    { \
        sizeof(EbmKernelInfo), 0, 0.0, 0, 0, 0, NULL \
    }

EBM_API void ebm_kernel_info(const EbmKernel *kernel, EbmKernelInfo *ret);

/* What a chain keeps from step to step: x first, then states and caches by their names. */
EBM_API size_t ebm_kernel_state_count(const EbmKernel *kernel);
EBM_API void ebm_kernel_state(const EbmKernel *kernel, size_t index, EbmValueInfo *ret);

/* ---- runs */

typedef struct EbmRunOptions {
    size_t size;
    uint64_t chains;
    uint64_t steps;  /* after warm-up */
    uint64_t warmup; /* steps before, of which nothing is kept */
    uint64_t thin;   /* step i after warm-up is kept when (i + 1) % thin == 0 */
    uint64_t seed;
    uint32_t threads; /* 0: as many as this process may use.  Same bits. */
} EbmRunOptions;

#define EBM_RUN_OPTIONS_INIT \
    { \
        sizeof(EbmRunOptions), 1024, 1000, 0, 1, 0, 0 \
    }

typedef struct EbmRun EbmRun;

/* Sets up a run at step 0: hyperparameters as the program has them, weights as the energy
 * initialises them from the seed, data and conditions not set.  Memory for chains is asked for
 * at the first sample.  `options` may be NULL. */
EBM_API EbmStatus ebm_run_create(const EbmKernel *kernel, const EbmRunOptions *options,
                                 EbmRun **ret, EbmReport **ret_report);
EBM_API void ebm_run_free(EbmRun *run);

/* Sets a hyperparameter that is not fixed, without compiling; its range is checked. */
EBM_API EbmStatus ebm_run_set_number(EbmRun *run, EbmOwner owner, const char *name,
                                     double value, EbmReport **ret_report);

/* Sets one data value, condition or parameter by name.  The shape must be the program's, for a
 * condition of each chain behind an axis of as many as there are chains, or points, or of one
 * for all; numbers are converted where that is exact (real data is rounded). */
EBM_API EbmStatus ebm_run_set_array(EbmRun *run, const char *name, const EbmArray *array,
                                    EbmReport **ret_report);

/* Sets every parameter, by dotted name; missing, extra and misshapen ones are all named. Lone
 * integers that are no parameters, such as the counts of a PyTorch state_dict, are passed over.
 */
EBM_API EbmStatus ebm_run_set_params(EbmRun *run, const EbmNamed *params, size_t count,
                                     EbmReport **ret_report);

/* Draws the parameters anew with a seed of their own. */
EBM_API EbmStatus ebm_run_init_params(EbmRun *run, uint64_t seed, EbmReport **ret_report);

/* Parameter `name` into the caller's memory, of its shape and any floating-point type. */
EBM_API EbmStatus ebm_run_get_param(EbmRun *run, const char *name, const EbmArray *ret,
                                    EbmReport **ret_report);

/* Where chains start, for EBM_INIT_given: [chains, ...x], or [...x] for all alike. */
EBM_API EbmStatus ebm_run_set_start(EbmRun *run, const EbmArray *points,
                                    EbmReport **ret_report);

/* What sampling needs, before it is asked for. */
typedef struct EbmMemory {
    size_t size;
    uint64_t kept;      /* draws a chain keeps: steps / thin */
    uint64_t draws;     /* bytes of all draws in the dtype: the caller's, chains * kept * x */
    uint64_t internal;  /* bytes the library will ask for */
    uint64_t available; /* bytes this machine has left now */
} EbmMemory;

#define EBM_MEMORY_INIT \
    { \
        sizeof(EbmMemory), 0, 0, 0, 0 \
    }

/* EBM_MEMORY_ERROR, with a message that names both, when `internal` and, if asked for, `draws`
 * are more than there is; `ret` (or NULL) is written even so. */
EBM_API EbmStatus ebm_run_memory(const EbmRun *run, int with_draws, EbmMemory *ret,
                                 EbmReport **ret_report);

typedef struct EbmProgress {
    uint64_t step, last_step; /* steps done, and where this call ends */
    uint64_t kept;            /* draws complete so far, of each chain */
    uint64_t rejected;        /* steps not committed so far, of all chains */
    double seconds;           /* since the call began */
} EbmProgress;

/* Called by the thread that samples, some twenty times a second.  Not 0: stop. */
typedef int EbmProgressFn(void *user, const EbmProgress *progress);

typedef struct EbmSampleOptions {
    size_t size;
    uint64_t last_step; /* stop before this step, counted with warm-up; UINT64_MAX: the end */
    EbmArray draws;     /* [chains, draws, ...x] in f32 or f64; no data: none are stored */
    EbmArray reports;   /* [draws, reports] f64: each report's mean over the chains that made it
                           (a number), NaN where none did; or none */
    uint64_t first_draw; /* the draw (counted in the whole run) that index 0 of both holds */
    EbmProgressFn *progress;
    void *progress_user;
} EbmSampleOptions;

#define EBM_SAMPLE_OPTIONS_INIT \
    { \
        sizeof(EbmSampleOptions), UINT64_MAX, {EBM_TYPE_none, 0, {0}, {0}, NULL}, \
            {EBM_TYPE_none, 0, {0}, {0}, NULL}, 0, NULL, NULL \
    }

/* Moves the chains on from the step they stand at; starts them first at step 0.  Calls can be
 * split anywhere and chains spread over any number of threads: every bit stays the same.
 * Draws that the arrays have no room for (before first_draw, or past the end) are left out.
 * EBM_CANCELLED: the run stands between two steps, and may go on. */
EBM_API EbmStatus ebm_run_sample(EbmRun *run, const EbmSampleOptions *options,
                                 EbmReport **ret_report);

/* Back to before the start; what is set stays.  Values can be set anew from here on: they
 * cannot once chains have started, as these may hold what was computed from them. */
EBM_API void ebm_run_restart(EbmRun *run);

/* Makes the sampling call that runs now (or else the next) stop soon.  From any thread or
 * signal handler. */
EBM_API void ebm_run_cancel(EbmRun *run);

EBM_API uint64_t ebm_run_step(const EbmRun *run);    /* the next one, with warm-up */
EBM_API uint64_t ebm_run_kept(const EbmRun *run);    /* draws complete, of each chain */
EBM_API uint32_t ebm_run_threads(const EbmRun *run); /* that it uses */
EBM_API double ebm_run_seconds(const EbmRun *run);   /* spent in sampling so far */

/* Steps whose new state was not finite: they are not committed, the chain stays. */
typedef struct EbmRejected {
    size_t size;
    uint64_t total;
    uint64_t chains;     /* with any */
    uint64_t first_step; /* the earliest, and its first chain; UINT64_MAX: none */
    uint64_t first_chain;
} EbmRejected;

#define EBM_REJECTED_INIT \
    { \
        sizeof(EbmRejected), 0, 0, 0, 0 \
    }

/* `per_chain`: NULL, or room for a count a chain. */
EBM_API void ebm_run_rejected(const EbmRun *run, EbmRejected *ret, uint64_t *per_chain);

/* Why the first of them was not taken (first_step of first_chain): a report of one warning with
 * the place in the source and the numbers of the first operation whose value was not finite,
 * among those that the new state was made of.  That chain is moved to the step again from where
 * the run began, or from a later state that is kept for this, and the interpreter makes the
 * step.  No report: no step was lost. */
EBM_API EbmStatus ebm_run_explain(EbmRun *run, EbmReport **ret_report);

/* What the chains hold between two steps: [chains, ...] of the state's type, by index as in
 * ebm_kernel_state; 0 is x.  The chains are started when they were not. */
EBM_API EbmStatus ebm_run_get_state(EbmRun *run, size_t index, const EbmArray *ret,
                                    EbmReport **ret_report);

/* Puts the run before `step` with these states, which must be all there are, in order: a run
 * goes on as the one they came from would have.  Not with rejected counts, which start at 0. */
EBM_API EbmStatus ebm_run_resume(EbmRun *run, uint64_t step, const EbmArray *states,
                                 size_t count, EbmReport **ret_report);

/* What decides a run's draws besides its number of steps and chains, to be kept with its
 * states: lines "name = value", with a key of the program and checksums of data and weights.
 * Nothing of the machine is in it, nor threads, lanes or levels.  All values must be set. */
EBM_API EbmStatus ebm_run_recipe(EbmRun *run, EbmText **ret, EbmReport **ret_report);

/* Is `recipe`, a text of ebm_run_recipe, that of this run?  Else EBM_FORMAT_ERROR, and the
 * message says what differs; `name` is what it calls the states. */
EBM_API EbmStatus ebm_run_check_recipe(EbmRun *run, const char *name, const char *recipe,
                                       EbmReport **ret_report);

/* Energies, and gradients if `grad` has data, at points [n, ...x] of any numeric type: energy
 * [n] in f64 or f32, grad [n, ...x] in f32 or f64. */
EBM_API EbmStatus ebm_run_evaluate(EbmRun *run, const EbmArray *points, const EbmArray *energy,
                                   const EbmArray *grad, EbmReport **ret_report);

/* ---- trainings */

/* What is done with a step whose loss, gradient or weights would not be finite. */
typedef enum EbmNonFinite {
    EBM_NON_FINITE_stop = 0, /* EBM_NOT_FINITE: the weights stay as they were before the step */
    EBM_NON_FINITE_skip      /* the batch is passed over, and counted */
} EbmNonFinite;

typedef struct EbmTrainingOptions {
    size_t size;
    uint64_t steps; /* in all: what schedules are told, and where training ends */
    uint64_t seed;
    uint32_t threads; /* 0: as many as this process may use.  Same bits. */
    EbmNonFinite on_nonfinite;
} EbmTrainingOptions;

#define EBM_TRAINING_OPTIONS_INIT \
    { \
        sizeof(EbmTrainingOptions), 1000, 0, 0, EBM_NON_FINITE_stop \
    }

/* The weights of one model on their way.  It belongs to one thread at a time,
 * ebm_training_cancel excepted. */
typedef struct EbmTraining EbmTraining;

/* Of a kernel whose program has a loss; at step 0, hyperparameters as the program has them,
 * weights as the energy initialises them from the seed, columns not set unless a data set draws
 * them.  Memory is asked for at the first step.  `options` may be NULL. */
EBM_API EbmStatus ebm_training_create(const EbmKernel *kernel,
                                      const EbmTrainingOptions *options, EbmTraining **ret,
                                      EbmReport **ret_report);
EBM_API void ebm_training_free(EbmTraining *training);

/* Sets column `name` (EBM_LIST_columns) of the data: [rows, ...] of any type whose numbers fit
 * the column's; all columns have the same number of rows.  NULL names the first one. */
EBM_API EbmStatus ebm_training_set_data(EbmTraining *training, const char *name,
                                        const EbmArray *array, EbmReport **ret_report);

/* As ebm_run_set_number and its kin; before the first step.  Parameters of the loss itself may
 * be left out of those that are set. */
EBM_API EbmStatus ebm_training_set_number(EbmTraining *training, EbmOwner owner,
                                          const char *name, double value,
                                          EbmReport **ret_report);
EBM_API EbmStatus ebm_training_set_array(EbmTraining *training, const char *name,
                                         const EbmArray *array, EbmReport **ret_report);
EBM_API EbmStatus ebm_training_set_params(EbmTraining *training, const EbmNamed *params,
                                          size_t count, EbmReport **ret_report);
EBM_API EbmStatus ebm_training_init_params(EbmTraining *training, uint64_t seed,
                                           EbmReport **ret_report);

/* One step.  Numbers are of the whole batch; what each data point reports is averaged. */
typedef struct EbmTrainingStep {
    uint64_t step, last_step; /* this step, from 0, and where this call ends */
    double loss;
    double gradient_norm;  /* over all parameters, before clipping */
    const double *reports; /* one a report, in the order of ebm_training_report */
    double seconds;        /* since the call began */
    uint64_t skipped;      /* steps passed over so far */
    int committed;         /* 0: passed over, or stopped at */
} EbmTrainingStep;

/* Called after each step, by the thread that trains.  Not 0: stop. */
typedef int EbmTrainingFn(void *user, const EbmTrainingStep *step);

typedef struct EbmTrainOptions {
    size_t size;
    uint64_t last_step; /* stop before this step; UINT64_MAX: the end */
    EbmTrainingFn *progress;
    void *progress_user;
} EbmTrainOptions;

#define EBM_TRAIN_OPTIONS_INIT \
    { \
        sizeof(EbmTrainOptions), UINT64_MAX, NULL, NULL \
    }

/* Trains on from the step it stands at; calls can be split anywhere without changing a bit.
 * `options` may be NULL.  EBM_CANCELLED and EBM_NOT_FINITE: it stands between two steps, and
 * may be saved or go on. */
EBM_API EbmStatus ebm_training_run(EbmTraining *training, const EbmTrainOptions *options,
                                   EbmReport **ret_report);

/* Makes the call that runs now (or else the next) stop after its step.  From any thread or
 * signal handler. */
EBM_API void ebm_training_cancel(EbmTraining *training);

EBM_API uint64_t ebm_training_step(const EbmTraining *training);  /* the next one */
EBM_API uint64_t ebm_training_steps(const EbmTraining *training); /* in all */
EBM_API uint64_t ebm_training_skipped(const EbmTraining *training);
EBM_API uint64_t ebm_training_rows(const EbmTraining *training); /* of the data; 0: drawn */
EBM_API uint32_t ebm_training_threads(const EbmTraining *training);
EBM_API double ebm_training_seconds(const EbmTraining *training); /* spent in steps so far */

/* Names of what steps report, "gradient_norm" among them. */
EBM_API size_t ebm_training_report_count(const EbmTraining *training);
EBM_API const char *ebm_training_report(const EbmTraining *training, size_t index);

/* The step that was not finite last. */
typedef struct EbmBroken {
    size_t size;
    uint64_t step;
    const char *term; /* "loss", "gradient of l1.weight", a report's name; "": all was finite */
    uint64_t point;   /* data point of the batch; UINT64_MAX: none in particular */
    uint64_t row;     /* of the data that it is; UINT64_MAX: there is none */
    double value;     /* what it was */
} EbmBroken;

#define EBM_BROKEN_INIT \
    { \
        sizeof(EbmBroken), 0, "", UINT64_MAX, UINT64_MAX, 0.0 \
    }

EBM_API void ebm_training_broken(const EbmTraining *training, EbmBroken *ret);

/* What is held from step to step: parameters of the model and of the loss itself, then memory
 * (the optimizer's states, by their names), then buffers [slots, ...]. */
typedef enum EbmHeldKind {
    EBM_HELD_param = 0,
    EBM_HELD_loss_param,
    EBM_HELD_memory,
    EBM_HELD_buffer
} EbmHeldKind;

EBM_API size_t ebm_training_held_count(const EbmTraining *training);
EBM_API void ebm_training_held(const EbmTraining *training, size_t index, EbmHeldKind *ret_kind,
                               EbmValueInfo *ret);

/* Held value `index` into the caller's memory, of its shape and its type, f32 or f64; the
 * training is started when it was not. */
EBM_API EbmStatus ebm_training_get(EbmTraining *training, size_t index, const EbmArray *ret,
                                   EbmReport **ret_report);

/* All that is held, with the step, the seed and what the program is made of, as a .safetensors
 * file with a checksum, which appears under its name only when it is complete. */
EBM_API EbmStatus ebm_training_save(EbmTraining *training, const char *path,
                                    EbmReport **ret_report);

/* Goes on where such a file stands, to the bits of the training it came from.  Refused, with
 * what differs, if anything but the number of steps does: the program, hyperparameters, the
 * seed, the data.  Before the first step. */
EBM_API EbmStatus ebm_training_load(EbmTraining *training, const char *path,
                                    EbmReport **ret_report);

/* ---- summaries */

/* As ArviZ's summary; NaN for what cannot be said. */
typedef struct EbmSummary {
    double mean, sd;
    double q5, q50, q95;
    double mcse_mean;
    double ess_bulk, ess_tail;
    double r_hat;
} EbmSummary;

/* Of each scalar of draws [chains, draws, ...x]: ret[i] for the element with row-major index
 * first + i of x, i < count.  threads: 0 for as many as there are. */
EBM_API EbmStatus ebm_summarize(const EbmArray *draws, uint64_t first, uint64_t count,
                                uint32_t threads, EbmSummary *ret, EbmReport **ret_report);

/* ---- files */

/* Arrays read from a file, which it owns. */
typedef struct EbmFile EbmFile;

/* Reads by extension: .npy, .csv (also .tsv, .txt, .dat), .npz, .safetensors; "f.npz:name"
 * and "f.csv:column" pick one, "f.csv:x" also the columns x[0], x[1], ... as one array
 * [rows, ...].  A path to one array has one, with an empty name. */
EBM_API EbmStatus ebm_file_read(const char *path, EbmFile **ret, EbmReport **ret_report);
EBM_API void ebm_file_free(EbmFile *file);
EBM_API size_t ebm_file_count(const EbmFile *file);
EBM_API void ebm_file_get(const EbmFile *file, size_t index, EbmNamed *ret);

/* Writes arrays by extension: .npy one, .npz and .safetensors several, .csv those that have
 * the same rows, [rows, ...], with a header of the columns name[0], name[1], ... unless it is
 * one array of rank 1 or 2.  The file appears under its name only when it is complete. */
EBM_API EbmStatus ebm_file_write(const char *path, const EbmNamed *arrays, size_t count,
                                 EbmReport **ret_report);

/* Writes draws [chains, draws, ...x].  .npy: that array; .npz: under `name`, and `more` arrays
 * beside it; .csv: columns chain, draw, name[0], name[1], ...  `more` is for .npz alone. */
EBM_API EbmStatus ebm_draws_write(const char *path, const char *name, const EbmArray *draws,
                                  const EbmNamed *more, size_t n_more, EbmReport **ret_report);

/* Can a file of that name be written, and is its extension one of ours?  To be asked before
 * the work that it will hold. */
EBM_API EbmStatus ebm_file_check(const char *path, EbmReport **ret_report);

/* ---- text in, text out */

/* The canonical layout of a source text. */
EBM_API EbmStatus ebm_format(const char *name, const char *source, size_t size, EbmText **ret,
                             EbmReport **ret_report);

typedef enum EbmStage {
    EBM_STAGE_ast = 0, /* the syntax tree */
    EBM_STAGE_ir,      /* as elaborated */
    EBM_STAGE_grad,    /* after differentiation, inlining and simplification */
    EBM_STAGE_loops,   /* in loop form, as the back end gets it */
    EBM_STAGE_llvm,
    EBM_STAGE_asm
} EbmStage;

/* What the program is at a stage.  `options` (or NULL) matters to the last two. */
EBM_API EbmStatus ebm_emit(const EbmProgram *program, EbmStage stage,
                           const EbmKernelOptions *options, EbmText **ret,
                           EbmReport **ret_report);

typedef struct EbmOptOptions {
    size_t size;
    const char *name;   /* of the text, in messages */
    const char *passes; /* names with commas between; "": only read and verify */
    int print;          /* log the module after each pass that changed it */
    int verify;         /* after each pass */
    int time;           /* log times and node counts */
    const char *skip;   /* a pass to leave out, or NULL */
    const char *stop;   /* the last pass to run, or NULL */
} EbmOptOptions;

#define EBM_OPT_OPTIONS_INIT \
    { \
        sizeof(EbmOptOptions), "input.ir", "", 0, 1, 0, NULL, NULL \
    }

/* Runs passes on IR text.  `ret_log` (or NULL) receives what the options asked for, on errors
 * too, NULL for nothing. */
EBM_API EbmStatus ebm_opt(const char *ir, size_t size, const EbmOptOptions *options,
                          EbmText **ret, EbmText **ret_log, EbmReport **ret_report);

EBM_API size_t ebm_pass_count(void);
EBM_API const char *ebm_pass_name(size_t index);
EBM_API const char *ebm_pass_words(size_t index); /* what it does */

/* ---- the compile cache, the machine */

typedef struct EbmCacheInfo {
    size_t size;
    uint64_t entries, bytes;
    uint64_t limit; /* bytes: the entries longest unused go first */
} EbmCacheInfo;

#define EBM_CACHE_INFO_INIT \
    { \
        sizeof(EbmCacheInfo), 0, 0, 0 \
    }

/* `dir`: NULL for the default.  `ret_path` (or NULL) receives the folder's name. */
EBM_API EbmStatus ebm_cache_info(const char *dir, EbmCacheInfo *ret, EbmText **ret_path,
                                 EbmReport **ret_report);

/* Removes every entry; counts what was there. */
EBM_API EbmStatus ebm_cache_clear(const char *dir, EbmCacheInfo *ret, EbmReport **ret_report);

typedef struct EbmMachine {
    size_t size;
    char cpu[64];      /* model name */
    char features[64]; /* "avx512", "avx2", "" */
    uint32_t threads;  /* that this process may use */
    uint64_t memory;   /* bytes, all and free for use */
    uint64_t available;
    int has_llvm; /* the compiling part can be loaded */
} EbmMachine;

#define EBM_MACHINE_INIT \
    { \
        sizeof(EbmMachine), "", "", 0, 0, 0, 0 \
    }

EBM_API void ebm_machine(EbmMachine *ret);

/* Measures, in about a second, how fast this machine computes, and keeps it in the cache folder
 * (`dir`: NULL for the default) for the two functions below.  Nothing measures unasked. */
EBM_API EbmStatus ebm_machine_measure(const char *dir, EbmReport **ret_report);

typedef struct EbmSpeed {
    size_t size;
    double f32, f64; /* additions and products a second in fused pairs; 0: not measured here */
} EbmSpeed;

#define EBM_SPEED_INIT \
    { \
        sizeof(EbmSpeed), 0.0, 0.0 \
    }

/* What was measured, of so many threads; 0: of as many as there were. */
EBM_API void ebm_speed(const char *dir, uint32_t threads, EbmSpeed *ret);

/* Steps a second, of all chains together, that the run's threads would make if its kernel did
 * nothing but the arithmetic of its steps, each kind of operation as fast as was measured:
 * memory, waiting and control left out.  NaN where that is not known: nothing
 * was measured on this machine, or how often a step's loops turn is known in a run only. */
EBM_API double ebm_run_limit(const EbmRun *run, const char *dir);

#ifdef __cplusplus
}
#endif

#endif
