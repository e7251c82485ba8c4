/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_state.h -- what the files of the interpreter share
 *
 * Calls do not recurse, so a function needs one frame: its plan gives every array of it a fixed
 * place, decided once from how long each is needed.  Running allocates nothing.
 */
#ifndef EBM_IR_INTERP_STATE_H
#define EBM_IR_INTERP_STATE_H

#include <string.h>

#include "ir/interp.h"

/* A number, or an array's elements. */
typedef struct Value {
    Scalar scalar;
    void *data;
} Value;

/* Where an array lies: shared by those that are the same storage one after the other. */
typedef struct Storage {
    RegionId region; /* that it is made in */
    uint32_t last;   /* number of the last node of that region that needs it; UINT32_MAX: the
                        region's end */
    size_t needed, bytes, offset; /* bytes: rounded up */
    uint32_t next;                /* of those that end at the same node */
} Storage;

typedef struct Order {
    uint32_t *node; /* live nodes of a region but its parameters */
    uint32_t n;
} Order;

typedef struct Plan {
    const Function *f;
    Value *value;           /* one a node */
    Value *result;          /* of nodes with several results, one after the other */
    uint32_t *first_result; /* one a node: of its results in `result` */
    uint32_t *home;         /* one a node: its storage, 0 for none */
    uint32_t *result_home;  /* one a result */
    uint32_t *scratch;      /* one a node: storage of its working memory */
    Storage *storage;
    uint32_t n_storages;
    Order *order;       /* one a region */
    uint32_t n_results; /* of all nodes */
    unsigned char *memory;
    size_t bytes;
    unsigned depth;      /* of regions and calls below its body */
    struct Plan *causes; /* of what is not finite, while that is traced (interp_trace.c) */
} Plan;

struct Interp {
    Arena arena;
    const Module *module;
    bool judge;
    size_t budget; /* bytes that may still be taken */
    Plan **plan;   /* one a function; NULL until it is needed */
    InterpPlace place;
    InterpStatus status; /* why the run stops */
    struct Trace *trace; /* what broke, while that is traced */
};

/* Regions and calls below one another at most. */
enum { INTERP_MAX_DEPTH = 4000 };

/* The plan of f and of all that it calls; NULL, with s->status, when it cannot be run. */
Plan *interp_plan(Interp *s, const Function *f);

/* The plan of f, its parameters bound; NULL, with s->status. */
Plan *interp_bind(Interp *s, const Function *f, const void *const *arg);

/* Runs one structural node. */
typedef bool InterpEval(Interp *s, Plan *p, uint32_t id);
#define STRUCTURAL(name, ...) InterpEval eval_##name;
#include "ir/ops.def"

/* While causes are traced: after a node has run, its value's; and those of a turn's value
 * (NULL: of none), which a loop's fold takes in. */
void interp_trace_node(Interp *s, Plan *p, uint32_t id);
void interp_trace_fold(const Plan *p, uint32_t id, uint32_t result, Type t, const Value *value,
                       bool first);

static inline DType
interp_dtype(const Interp *s, unsigned d)
{
    return s->judge && d == DT_f32 ? DT_f64 : (DType)d;
}

static inline size_t
interp_bytes(const Interp *s, Type t)
{
    return (size_t)type_size(t) * dtype_size(interp_dtype(s, t.dtype));
}

static inline Scalar
interp_load(const void *data, DType d, uint64_t i)
{
    Scalar s = {.bits = 0};

    switch (dtype_size(d)) {
    case 1: s.b = ((const bool *)data)[i]; break;
    case 4: memcpy(&s, (const char *)data + 4 * i, 4); break;
    default: memcpy(&s, (const char *)data + 8 * i, 8);
    }
    return s;
}

static inline void
interp_store(void *data, DType d, uint64_t i, Scalar s)
{
    switch (dtype_size(d)) {
    case 1: ((bool *)data)[i] = s.b; break;
    case 4: memcpy((char *)data + 4 * i, &s, 4); break;
    default: memcpy((char *)data + 8 * i, &s, 8);
    }
}

static inline Type
interp_arg_type(const Plan *p, const Node *n, uint32_t i)
{
    return p->f->node[n->arg[i].id].type;
}

/* Elements of a value, be it a scalar. */
static inline void *
interp_elements(Value *v, Type t)
{
    return t.rank ? v->data : (void *)&v->scalar;
}

static inline const void *
interp_arg(const Plan *p, const Node *n, uint32_t i)
{
    return interp_elements(&p->value[n->arg[i].id], interp_arg_type(p, n, i));
}

static inline int32_t
interp_index(const Plan *p, const Node *n, uint32_t i)
{
    return p->value[n->arg[i].id].scalar.i32;
}

static inline void *
interp_out(const Plan *p, uint32_t id)
{
    return interp_elements(&p->value[id], p->f->node[id].type);
}

/* acc[i] = acc[i] (op) x[i]: one step of a fold. */
void interp_combine(FoldKind kind, DType d, void *acc, const void *x, uint64_t n);

/* ---- positions in several arrays, run through together */

enum { WALK_ARRAYS = 2 };

typedef struct Walk {
    unsigned rank;
    uint32_t dim[2 * MAX_RANK], index[2 * MAX_RANK];
    int64_t stride[WALK_ARRAYS][2 * MAX_RANK];
    int64_t at[WALK_ARRAYS];
} Walk;

static inline void
walk_axis(Walk *w, uint32_t dim, int64_t stride0, int64_t stride1)
{
    w->dim[w->rank] = dim;
    w->stride[0][w->rank] = stride0;
    w->stride[1][w->rank++] = stride1;
}

static inline uint64_t
walk_size(const Walk *w)
{
    uint64_t n = 1;

    for (unsigned i = 0; i < w->rank; i++)
        n *= w->dim[i];
    return n;
}

/* To the next position in row-major order; after the last, to the first. */
static inline void
walk_next(Walk *w)
{
    for (unsigned k = w->rank; k-- > 0;) {
        w->at[0] += w->stride[0][k];
        w->at[1] += w->stride[1][k];
        if (++w->index[k] < w->dim[k])
            return;
        w->index[k] = 0;
        w->at[0] -= w->stride[0][k] * w->dim[k];
        w->at[1] -= w->stride[1][k] * w->dim[k];
    }
}

/* Elements from one index along an axis to the next, row-major. */
static inline int64_t
axis_stride(Type t, unsigned axis)
{
    int64_t n = 1;

    for (unsigned i = axis + 1; i < t.rank; i++)
        n *= t.dim[i];
    return n;
}

#endif
