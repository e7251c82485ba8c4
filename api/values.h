/* SPDX-License-Identifier: Apache-2.0
 *
 * values.h -- the numbers and arrays that a kernel reads, set by name
 */
#ifndef EBM_API_VALUES_H
#define EBM_API_VALUES_H

#include "api/kernel.h"
#include "api/report.h"

/* A value that the kernel may read: data, a condition or a parameter. */
typedef struct Bound {
    const char *name;
    Type type;
    const ProgramData *range; /* NULL for parameters */
    RtArray value;            /* no data: not set */
    bool set;
    uint32_t input; /* index in the manifest; UINT32_MAX: the kernel does not read it */
} Bound;

/* Arrays of which each data point has a row, by name; NULL of another name. */
typedef struct ValueRows {
    const RtArray *(*find)(const void *user, const char *name);
    const void *user;
} ValueRows;

typedef struct Values {
    const EbmKernel *kernel;
    double *hyper;      /* in the order of the manifest, as `input` is */
    const void **input; /* written by values_bind */
    uint64_t seed;      /* of parameters that nobody sets */
    Bound *bound;       /* data, then conditions, then parameters */
    size_t n_bound, first_param;
    double *number;   /* one a hyperparameter of the program */
    bool *hyper_set;  /* one a hyperparameter of the manifest */
    bool checked;     /* what the program requires of them holds */
    bool params_made; /* all of them have values */
} Values;

/* Hyperparameters as the program has them, nothing else set.  False: no memory. */
bool values_open(Values *v, const EbmKernel *kernel, double *hyper, const void **input,
                 uint64_t seed);
void values_close(Values *v);

/* "energy", "data set": for messages and the recipe of a checkpoint. */
extern const char *const owner_word[HYPER_OWNERS];

/* As the functions of ebm.h of that name say. */
EbmStatus values_set_number(Values *v, EbmOwner owner, const char *name, double value,
                            EbmReport **ret_report);
EbmStatus values_set_array(Values *v, const char *name, const EbmArray *array,
                           EbmReport **ret_report);
/* Is it a parameter of the loss itself, under its name?  Weights do without. */
bool param_of_loss(const Program *p, const char *name);
EbmStatus values_set_params(Values *v, const EbmNamed *params, size_t count,
                            EbmReport **ret_report);
EbmStatus values_init_params(Values *v, uint64_t seed, EbmReport **ret_report);
EbmStatus values_get_param(Values *v, const char *name, const EbmArray *ret,
                           EbmReport **ret_report);

/* Do all elements lie in the range that `info` (or NULL) declares?  Else the error names one.
 */
bool values_in_range(const RtArray *value, const ProgramData *info, RtError *error);

/* A view of the condition that is value `index` of the kernel's exchange: [rows, ...]. */
bool values_condition(const Values *v, uint32_t index, RtView *ret, RtError *error);

/* Hands arrays to the kernel, drawing parameters that nobody set; reports what is missing, and
 * what is not as the program requires.  `rows` may be NULL. */
EbmStatus values_bind(Values *v, const ValueRows *rows, EbmReport **ret_report);

#endif
