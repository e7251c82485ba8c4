/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.h -- whose hyperparameter an option is.
 *
 * An option that the table does not have is a hyperparameter of what was chosen by name: the
 * sampler, or the loss, the optimizer, the data set and the energy.  Their declarations say
 * which there are: `--step-size 0.1` is step_size = 0.1, `--using.step-size` reaches into the
 * sampler that is the argument `using`, and `--loss.sigma` says whose `sigma` is meant.
 */
#ifndef EBM_TOOLS_SETTINGS_H
#define EBM_TOOLS_SETTINGS_H

#include "tools/args.h"

enum { OWNERS = EBM_OWNER_dataset + 1 };

/* One that hyperparameters may belong to. */
typedef struct Owner {
    const char *kind; /* of declaration: "loss"; NULL: not chosen */
    const char *text; /* as chosen: "adam(lr = 1e-3)", or NULL: the file's last energy */
    EbmSetting *setting;
    size_t n;
} Owner;

/* The declarations of the model's file (or NULL) and of the library. */
typedef struct Declarations {
    EbmCatalog *own, *library;
} Declarations;

/* Each gives EXIT_done, or reports.  Opening what is open does nothing. */
int open_library(Declarations *d);
int open_own(Declarations *d, const char *file);
void close_declarations(Declarations *d);

/* Gives every hyperparameter of the list to its owner, adding to `setting`; reports each that
 * is nobody's, or several's, and then gives EXIT_usage.  The names must outlive the settings.
 */
int give_settings(const Args *args, const Declarations *d, Owner owner[OWNERS]);

bool add_setting(Owner *owner, const char *name, const char *text);

/* "adam" of "adam(lr = 1e-3)", in memory of its own. */
char *head_of(const char *text);

/* Is it a name, or a name with arguments or sizes, rather than a file's? */
bool is_name(const char *text);

/* The catalog that declares `name` as a `kind` (NULL: as anything), or NULL. */
const EbmCatalog *find_declaration(const Declarations *d, const char *kind, const char *name,
                                   size_t *ret_index);

#endif
