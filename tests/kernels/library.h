/* SPDX-License-Identifier: Apache-2.0
 *
 * library.h -- every energy of the standard library with every sampler of it
 *
 * The declarations are asked of the library, so that what is added to it is tested.
 */
#ifndef EBM_TESTS_KERNELS_LIBRARY_H
#define EBM_TESTS_KERNELS_LIBRARY_H

#include "tests/kernels/task.h"

typedef void LibraryVisit(void *user, const Task *task);

/* False: the library cannot be listed. The task and what it points to last for the call. */
bool library_visit(LibraryVisit *visit, void *user);

#endif
