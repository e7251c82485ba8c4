/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_known.h -- values that are known before a run (elab_known.c).
 */
#ifndef EBM_FRONTEND_ELAB_KNOWN_H
#define EBM_FRONTEND_ELAB_KNOWN_H

#include "frontend/elab.h"

enum { KNOWN_LOOPS = 16 };

/* A loop around the value, and the one that stands for it in @require. */
typedef struct KnownLoop {
    const Frame *frame;
    const Nest *nest;
    bool used; /* the value depends on its turn */
    RegionId body;
    Ref index[MAX_RANK];
} KnownLoop;

/* A region inside a node that is being copied, and its copy. */
typedef struct KnownRegion {
    const Frame *frame;
    RegionId from, to;
} KnownRegion;

/* ... and a parameter of it. */
typedef struct KnownParam {
    const Frame *frame;
    Ref from, to;
} KnownParam;

typedef struct Known {
    Elab *e;
    Frame *to;
    unsigned visits;
    bool arrays; /* it reads data or conditions */
    bool loops;  /* it depends on the turns of loops */
    KnownLoop loop[KNOWN_LOOPS];
    unsigned n_loops;
    KnownRegion entered[KNOWN_LOOPS];
    unsigned n_entered;
    KnownParam *map;
    size_t n_map, cap_map;
} Known;

/* Is v, which stands here, computed whatever happens, and known before the run? */
bool elab_known(Known *k, Elab *e, Value v);
/* Its copy in @require, inside the loops that it depends on, where the builder is left. */
Ref elab_known_copy(Known *k, Frame *to, Value v);
/* The turn of these loops, counted in the order in which they are made; 0 without loops. */
Ref elab_known_turn(const Known *k);
/* Closes these loops: value[i] folded over all turns. */
void elab_known_fold(Known *k, uint32_t n, Ref *value, const FoldKind *kind);

#endif
