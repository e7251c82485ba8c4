/* SPDX-License-Identifier: Apache-2.0
 *
 * program.h -- source text to IR: what the front end is asked for, and what it gives.
 *
 * A request names an energy, a sampler and every size; the answer is a module whose entry
 * functions are complete for that one use, and a description of what they read and give.
 */
#ifndef EBM_FRONTEND_PROGRAM_H
#define EBM_FRONTEND_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "frontend/intern.h"
#include "ir/ir.h"

/* `--set name=expression`, `--step-size expression`, `-S name=expression`: the text to parse.
 */
typedef struct ProgramSetting {
    const char *name;
    const char *text;
} ProgramSetting;

/* The shape and dtype of what a `data` name or a `given` argument is bound to. */
typedef struct ProgramShape {
    const char *name;
    Type type;
} ProgramShape;

/* Where chains start. */
typedef enum InitKind {
    INIT_default, /* as the energy's `x: ... ~ start` says, else normal */
    INIT_normal,
    INIT_zeros,
    INIT_uniform, /* in (low, high) */
    INIT_given    /* @start takes x */
} InitKind;

/* Reads the source that `import "path"` written in file `from` names, a file beside or below
 * it: gives its text (valid as long as the arena) or NULL. */
typedef const char *ReadImport(void *user, const char *from, const char *path,
                               size_t *ret_size);

typedef struct ElabRequest {
    Arena *arena;       /* everything in the answer lives here */
    SourceMap *sources; /* files are added to it */
    Interner *names;
    DiagList *diags;
    uint32_t file;           /* the main file in `sources`; 0: the standard library alone */
    ReadImport *read_import; /* NULL: only std can be imported */
    void *user;
    /* Names, which may have arguments: "Moons[h = 64]", "adam(lr = 1e-3)"; settings given
     * beside them come before those. */
    const char *energy;  /* NULL: the last of the file */
    const char *sampler; /* NULL: no @start and @step; the file's, else the library's */
    const ProgramSetting *statics, *energy_hyper, *sampler_hyper;
    size_t n_statics, n_energy_hyper, n_sampler_hyper;
    const ProgramShape *data; /* `data` declarations, `given` arguments; of a training program
                                 its columns too, "x" being the data point, without the axis
                                 of the points */
    size_t n_data;
    DType dtype; /* of real: DT_f32 (also for DT_none) or DT_f64 */
    InitKind init;
    double low, high; /* INIT_uniform */

    /* Training: with a loss there is @train, and no @start and @step. */
    const char *loss;
    const char *optimizer; /* of a training program; NULL: adam */
    const char *dataset;   /* draws the data points of @train; without a loss and an energy,
                              @start is its draws.  NULL: `data` holds the columns */
    const ProgramSetting *loss_hyper, *optimizer_hyper, *dataset_hyper;
    size_t n_loss_hyper, n_optimizer_hyper, n_dataset_hyper;
    uint32_t batch; /* data points a training step */
} ElabRequest;

typedef enum HyperOwner {
    HYPER_energy,
    HYPER_sampler,
    HYPER_loss,
    HYPER_optimizer,
    HYPER_dataset,
    HYPER_OWNERS
} HyperOwner;

/* A hyperparameter.  Its range is checked by whoever gives a value; bounds that are not there
 * are infinite.  `input` is the name of the entry functions' INPUT_hyper, which is absent
 * where the value is not used or is compiled in.  Fixed are those that a run cannot set. */
typedef struct ProgramHyper {
    const char *name;
    const char *input;
    HyperOwner owner;
    bool is_int;
    bool fixed;      /* an expression of t, an array, an absent bound; or it decides a branch */
    bool bound_to_t; /* ... of t */
    bool has_value;  /* `value`: the default, or the number that the request gave */
    double value;
    double low, high;
    bool low_open, high_open;
    const char *text; /* the default as written */
    const char *doc;  /* or NULL */
} ProgramHyper;

/* A value read from a file (`data`) or a condition (`given`): an input of that name. */
typedef struct ProgramData {
    const char *name;
    Type type;
    double low, high; /* range of the elements */
    bool low_open, high_open;
    bool each; /* a condition of which each chain, or point, has its own: an INPUT_point */
    const char *doc;
} ProgramData;

/* A trainable parameter: an INPUT_param of that name, and the result of @params. */
typedef struct ProgramParam {
    const char *name; /* as a checkpoint has it: "l1.weight" */
    Type type;
    bool state; /* a network's state (running_mean): @train gives its next value too, but no
                   gradient and no optimizer moves it */
} ProgramParam;

/* A replay buffer of a loss: an INPUT_point of that name and an OUTPUT_slot. */
typedef struct ProgramBuffer {
    const char *name;
    Type type; /* of a slot */
    uint32_t slots;
} ProgramBuffer;

/* What a program requires: a condition, or an index that data supply.  If it is known before
 * the run, @require has a result for it, and further ones, f64, to be shown. */
typedef struct ProgramRequirement {
    Span span;
    const char *text; /* of `require`; NULL: of an index */
    int64_t size;     /* ... into so many elements */
    bool before;      /* it is checked before the run; else each step checks it */
    bool of_data;     /* it reads data or conditions, not hyperparameters alone */
    bool placed;      /* it stands in a loop, or is made for each element of an array */
    uint32_t result; /* of @require: bool, then one f64 a `shown`; if placed, the first turn, or
                        element, at which it does not hold */
    const char **shown;
    size_t n_shown;
} ProgramRequirement;

typedef struct Program {
    Module *module;
    const char *energy, *sampler; /* names; sampler NULL if none was asked for */
    bool has_start, has_step, has_eval, has_params; /* entry functions of the module */
    Type x;
    const char *x_name;
    ProgramHyper *hyper;
    size_t n_hyper;
    ProgramData *data, *given;
    size_t n_data, n_given;
    ProgramParam *param;
    size_t n_param;
    ProgramRequirement *requirement; /* in training, INPUT_point of @require are the columns */
    size_t n_requirement;
    const char **report; /* names of the sampler's reports, in order */
    size_t n_report;
    const char *energy_doc, *sampler_doc; /* or NULL */

    /* Training.  @train is one step of the whole batch as seen by one data point: INPUT_point
     * are its columns and slots, OUTPUT_value "loss" its loss in f64, OUTPUT_param and _memory
     * what the batch makes of the weights; @memory gives the first memory from the parameters;
     * @slots is run for each slot of the buffers. */
    bool has_train, has_memory, has_slots;
    const char *loss, *optimizer, *dataset;
    ProgramData *column; /* what the data must hold: the data point first, then its labels */
    size_t n_column;
    ProgramBuffer *buffer;
    size_t n_buffer;
} Program;

/* Gives false after errors, which are in the request's diags.  Needs an arena_guard. */
bool elaborate(const ElabRequest *request, Program *ret);

/* Checks every declaration of the main file; static parameters without a default are tried
 * with small sizes.  True when there is no error. */
bool program_check(const ElabRequest *request);

/* An argument or a static parameter, as declared. */
typedef struct ProgramArg {
    const char *name;
    const char *type;  /* as written, without the range; NULL for a static parameter */
    const char *value; /* the default as written, or NULL */
    const char *doc;   /* or NULL */
    double low, high;
    bool low_open, high_open;
    bool is_static, given, is_int, is_hyper; /* is_hyper: a number with a default */
} ProgramArg;

/* A declaration, for `ebmc doc` and `--help`. */
typedef struct ProgramDecl {
    const char *kind; /* "energy", "sampler", "fn", ... */
    const char *name;
    const char *file;   /* as diagnostics name it */
    const char *result; /* type as written, or NULL */
    const char *doc;    /* or NULL */
    ProgramArg *arg;    /* statics first */
    size_t n_arg;
    Span span;
} ProgramDecl;

/* The lines of `train { }` or `sample { }`, as options: an expression as it is written, a text
 * without its quotes. */
typedef struct ProgramRecipe {
    ProgramSetting *line;
    size_t n;
} ProgramRecipe;

typedef struct ProgramList {
    const char *doc; /* of the main file, or NULL */
    ProgramDecl *decl;
    size_t n;
    ProgramRecipe train, sample;
} ProgramList;

/* The declarations and recipes of the main file, or the declarations of the whole standard
 * library if there is none.  False after errors. */
bool program_list(const ElabRequest *request, ProgramList *ret);

#endif
