/* SPDX-License-Identifier: Apache-2.0
 *
 * speed.h -- how fast this machine computes, when nothing else holds it up.
 */
#ifndef EBM_RUNTIME_SPEED_H
#define EBM_RUNTIME_SPEED_H

#include "runtime/error.h"
#include "runtime/kernel.h"

/* Operations a second of each EbmWork, in the widest vectors that kernels use. */
typedef struct RtSpeed {
    double rate[EBM_WORK_COUNT];
} RtSpeed;

/* Of `threads` threads together, measured in about a second.  RT_DEVICE: no such vectors. */
bool rt_speed_measure(unsigned threads, RtSpeed *ret, RtError *error);

/* Steps of this work that could be made in a second, of all chains together.  The vector units
 * do one thing after another, but for quotients and roots, which have a unit of their own. */
double rt_speed_steps(const RtSpeed *speed, const double work[EBM_WORK_COUNT]);

#endif
