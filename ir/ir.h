/* SPDX-License-Identifier: Apache-2.0
 *
 * ir.h -- the intermediate representation.
 *
 * A Module has Functions; a Function is an append-only array of nodes in SSA form over arrays,
 * for one chain.  A node may use only nodes before it, so array order is a topological order
 * and a Ref is a dense index.  Structured control flow is nodes with regions; the nodes of a
 * region stand before the node that owns it.  Nodes are folded and shared as they are built,
 * and never edited: a pass reads one module and builds the next.
 */
#ifndef EBM_IR_IR_H
#define EBM_IR_IR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/span.h"

/* ---- types */

typedef enum DType { DT_none, DT_bool, DT_i32, DT_i64, DT_f32, DT_f64, DT_COUNT } DType;

enum { MAX_RANK = 8 };

/* A dtype and a shape; rank 0 is a scalar.  Passed by value, compared by type_eq. */
typedef struct Type {
    uint8_t dtype; /* DType; DT_none for a node with several results or none */
    uint8_t rank;
    uint32_t dim[MAX_RANK];
} Type;

extern const char *const dtype_name[DT_COUNT];
unsigned dtype_size(DType d); /* bytes; bool is 1 */
bool dtype_is_float(DType d);
bool dtype_is_int(DType d);

Type type_scalar(DType d);
Type type_array(DType d, unsigned rank, const uint32_t *dim);
Type type_with(Type shape, DType d);      /* the same shape, another dtype */
Type type_drop(Type t, unsigned leading); /* without its first axes */
bool type_eq(Type a, Type b);
bool type_same_shape(Type a, Type b);
uint64_t type_size(Type t); /* elements */

/* Ceiling on the elements of one array: larger ones are refused before anything is allocated.
 */
#define IR_MAX_ELEMENTS (UINT64_C(1) << 31)

/* One number of any dtype. */
typedef union Scalar {
    bool b;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    uint64_t bits; /* zero-extended */
} Scalar;

/* ---- nodes */

typedef enum Op {
    OP_none,
#define POINTWISE(name, ...) OP_##name,
#define STRUCTURAL(name, ...) OP_##name,
#include "ir/ops.def"
    OP_COUNT
} Op;

typedef enum AttrKind {
    ATTR_NONE,
    ATTR_INT,
    ATTR_INTS,
    ATTR_TEXT,
    ATTR_DATA,
    ATTR_CALLEE,
    ATTR_DRAW
} AttrKind;
typedef enum OpClass {
    CLASS_STRUCTURAL,
    CLASS_F,
    CLASS_N,
    CLASS_I,
    CLASS_B,
    CLASS_L,
    CLASS_C,
    CLASS_P,
    CLASS_S,
    CLASS_X,
    CLASS_Y
} OpClass;

typedef struct OpInfo {
    const char *name;
    uint8_t arity; /* pointwise ops; 0 for structural ones */
    uint8_t class; /* OpClass */
    uint8_t attr;  /* AttrKind */
    const char *words;
} OpInfo;

extern const OpInfo op_info[OP_COUNT];

static inline bool
op_is_pointwise(Op op)
{
    return op_info[op].class != CLASS_STRUCTURAL;
}

/* A node of one function.  {0} is none, and the poison of the front end. */
typedef struct Ref {
    uint32_t id;
} Ref;
#define NO_REF ((Ref){0})

/* A region of one function; 0 is the function's body. */
typedef uint32_t RegionId;

/* How the results of OP_loop come about.  STORE keeps every iteration's value: the result's
 * shape is the extents, then the value's shape.  The others combine all iterations: SUM and
 * PROD by 16 strided partial results over the linear (row-major) index and the tree for s in 8,
 * 4, 2, 1: p[i] = p[i] (op) p[i + s] for i < s, where i + s < min(16, n). MAX and MIN propagate
 * NaN.  An empty fold gives 0, 1, -inf, inf (or the int extremes), true, false. */
typedef enum FoldKind {
    FOLD_store,
    FOLD_sum,
    FOLD_prod,
    FOLD_max,
    FOLD_min,
    FOLD_all,
    FOLD_any,
    FOLD_COUNT
} FoldKind;
enum { FOLD_PARTIALS = 16 };
extern const char *const fold_name[FOLD_COUNT];
extern const uint8_t fold_op[FOLD_COUNT]; /* what joins two values */

typedef enum Distribution { DRAW_uniform, DRAW_normal, DRAW_bits, DRAW_COUNT } Distribution;
extern const char *const draw_name[DRAW_COUNT];

/* Where a draw's random bits stand (docs/ir.md, "Draws").  Elements of f32 take one word each
 * (normals in pairs), of f64 two.  Element e of a draw is made of the words from `word + e`
 * (f64: `word + 2 e`) on, of the `blocks` Philox blocks of its iteration.  Where
 * an iteration takes two words at most, two consecutive chains halve a block. */
typedef struct DrawAttr {
    uint8_t dist;    /* Distribution */
    bool shared;     /* the same for every chain */
    bool halved;     /* chains 2k and 2k + 1 share a block: words 0, 1 and 2, 3; never shared */
    uint16_t region; /* loop nest that draws, < 4096 */
    uint32_t word; /* first word within the iteration; even for normals, a multiple of 4 for f64
                      normals */
    uint32_t blocks; /* Philox blocks an iteration */
} DrawAttr;

typedef struct Attr {
    int64_t i;
    const int64_t *ints;
    uint32_t n_ints;
    uint32_t callee; /* index of a function */
    const char *text;
    const void *data; /* ATTR_DATA: elements in row-major order, bool as bytes */
    DrawAttr draw;
} Attr;

typedef struct Node {
    uint16_t op;
    uint16_t n_regions;
    uint32_t n_args;
    RegionId region; /* that it stands in */
    Type type;       /* of its one result; DT_none if it has several, read by OP_get */
    const Ref *arg;
    RegionId own[2]; /* regions it owns */
    Attr attr;
    Span span;
    uint32_t n_results;
    const Type *result; /* types of several results */
} Node;

typedef struct Region {
    RegionId parent;
    Ref *param; /* OP_arg nodes */
    uint32_t n_params;
    Ref *yield;
    uint32_t n_yields;
    uint32_t *node; /* ids of its nodes, ascending */
    size_t n_nodes, cap_nodes;
} Region;

/* What an entry function's parameter is bound to; INPUT_value for inner functions. */
typedef enum InputKind {
    INPUT_value, /* whatever the caller gives */
    INPUT_x,     /* the chain's position */
    INPUT_state, /* another value kept per chain from step to step */
    INPUT_hyper, /* a number given when the program runs */
    INPUT_data,  /* read from a file */
    INPUT_param, /* a trainable parameter */
    INPUT_given, /* a condition */
    INPUT_step,  /* t */
    INPUT_n_steps,
    INPUT_n_warmup,
    INPUT_memory, /* training: kept from step to step, the same for all data points */
    INPUT_point,  /* of this chain: a condition; training: of this data point: its columns, its
                     slots of buffers */
    INPUT_handed, /* training: what an earlier phase handed on */
    INPUT_COUNT
} InputKind;
extern const char *const input_name[INPUT_COUNT];

/* How a value varies. */
typedef enum Variance { VARY_uniform, VARY_chain } Variance;

typedef struct Input {
    const char *name;
    uint8_t kind;     /* InputKind */
    uint8_t variance; /* Variance */
} Input;

/* What becomes of an entry function's result. */
typedef enum OutputKind {
    OUTPUT_value,  /* x, a state, an energy, a loss: by its name */
    OUTPUT_report, /* a diagnostic */
    OUTPUT_param,  /* training: a parameter's next value */
    OUTPUT_memory, /* ... what INPUT_memory of this name is next */
    OUTPUT_slot,   /* ... what this data point's slot of a buffer is next */
    OUTPUT_points, /* a phase hands on to phases over data points: one value a point */
    OUTPUT_rows,   /* ... to phases over the whole batch: array [batch, ...] */
    OUTPUT_whole,  /* ... what is the same for all data points */
    OUTPUT_COUNT
} OutputKind;
extern const char *const output_name[OUTPUT_COUNT];

/* A result of an entry function: "x", a state's name, a report's. */
typedef struct Output {
    const char *name;
    uint8_t kind; /* OutputKind */
} Output;

typedef struct Function {
    const char *name;
    uint32_t index; /* in its module */
    Node *node;     /* node[0] is the null node */
    size_t n, cap;
    Region *region; /* region[0] is the body: params are the function's, yields its results */
    size_t n_regions, cap_regions;
    Input *input;    /* one a parameter */
    Output *output;  /* one a result; NULL for inner functions */
    uint32_t *table; /* sharing: open addressing over node ids */
    uint32_t mask;
} Function;

typedef struct Module {
    Arena *arena;
    Function **function;
    size_t n, cap;
    uint64_t n_nodes; /* of all functions: ceilings are checked against it */
} Module;

/* Ceiling on the nodes of a module; above it the front end and passes report `too_large`. */
enum { IR_MAX_NODES = 1 << 21 };

/* ---- building */

/* Where the next node goes. */
typedef struct Builder {
    Module *module;
    Function *function;
    RegionId region;
    Span span;
} Builder;

Module *module_new(Arena *arena);
Function *function_new(Module *m, const char *name);
Function *module_find(const Module *m, const char *name);
Builder builder_at(Module *m, Function *f); /* the end of the body */

/* A parameter of the function (builder in its body) or of the region that is open. */
Ref ir_param(Builder *b, Type type);
Ref ir_input(Builder *b, Type type, const char *name, InputKind kind, Variance variance);
void ir_yield(Builder *b, uint32_t n, const Ref *value);
/* Names the results, after ir_yield in an entry function. */
void ir_outputs(Builder *b, const Output *output);

/* Opens a region inside the current one and moves the builder into it; region_end goes back
 * out. */
RegionId region_begin(Builder *b);
void region_end(Builder *b);

/* The one funnel: every node is made here; folds, shares, checks types by assert.  `type` is
 * used by ops whose type does not follow from their operands (const, iota, broadcast, reshape,
 * slice, pad, convert, bitcast, draw, word), else ignored. */
Ref ir_build(Builder *b, Op op, Type type, uint32_t n_args, const Ref *arg, Attr attr,
             uint32_t n_regions, const RegionId *own);

/* The same without folding and sharing: for the reader, which must give back what was printed.
 */
Ref ir_build_raw(Builder *b, Op op, Type type, uint32_t n_args, const Ref *arg, Attr attr,
                 uint32_t n_regions, const RegionId *own);

/* Pointwise ops by name: ir_add(b, x, y).  A rank-0 operand is broadcast to the other's shape.
 */
Ref ir_pointwise(Builder *b, Op op, Ref x, Ref y, Ref z);
#define IR_POINTWISE_1(name) \
    static inline Ref ir_##name(Builder *b, Ref x) \
    { \
        return ir_pointwise(b, OP_##name, x, NO_REF, NO_REF); \
    }
#define IR_POINTWISE_2(name) \
    static inline Ref ir_##name(Builder *b, Ref x, Ref y) \
    { \
        return ir_pointwise(b, OP_##name, x, y, NO_REF); \
    }
#define IR_POINTWISE_3(name) \
    static inline Ref ir_##name(Builder *b, Ref x, Ref y, Ref z) \
    { \
        return ir_pointwise(b, OP_##name, x, y, z); \
    }
#define IR_CLASS_F(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_N(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_I(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_B(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_L(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_C(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_P(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_S(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_Y(n, name) IR_POINTWISE_##n(name)
#define IR_CLASS_X(n, name)
#define POINTWISE(name, arity, class, ...) IR_CLASS_##class(arity, name)
#include "ir/ops.def"

Ref ir_convert(Builder *b, Ref x, DType to); /* x itself when it has that dtype */
Ref ir_bitcast(Builder *b, Ref x, DType to);

Ref ir_const(Builder *b, Type type, const void *data); /* copies */
Ref ir_number(Builder *b, DType d, double value);      /* scalar; exact for ints below 2^53 */
Ref ir_full(Builder *b, Type type, double value);      /* broadcast of ir_number */
Ref ir_broadcast(Builder *b, Ref x, Type to, const int64_t *axes); /* `to` shape, x's dtype */
Ref ir_broadcast_to(Builder *b, Ref x,
                    Type to); /* NumPy: trailing axes align, size 1 stretches */
Ref ir_reshape(Builder *b, Ref x, Type to);
Ref ir_transpose(Builder *b, Ref x, const int64_t *perm);
Ref ir_slice(Builder *b, Ref x, Type to, const int64_t *start_stride);
Ref ir_pad(Builder *b, Ref x, Type to, const int64_t *low_stride);
/* Windows of `size` elements along an axis, `stride` apart: [.., window, element, ..]. */
Ref ir_window(Builder *b, Ref x, unsigned axis, uint32_t size, uint32_t stride);
Ref ir_concat(Builder *b, uint32_t n, const Ref *x, unsigned axis);
Ref ir_at(Builder *b, Ref x, uint32_t n, const Ref *index, bool in_range);
Ref ir_update(Builder *b, Ref x, Ref v, uint32_t n, const Ref *index, bool in_range, bool add);
Ref ir_take(Builder *b, Ref x, Ref index);
Ref ir_reduce(Builder *b, Op op, Ref x, uint32_t n_axes,
              const int64_t *axes); /* sum prod amax amin all any */
Ref ir_reduce_all(Builder *b, Op op, Ref x);
Ref ir_contract(Builder *b, const char *spec, Ref x, Ref y, Ref init); /* init may be NO_REF */
Ref ir_draw(Builder *b, Type type, DrawAttr attr, Ref iteration);
Ref ir_iota(Builder *b, Type type, unsigned axis);
Ref ir_chain_index(Builder *b);
Ref ir_batch(Builder *b, Ref x, uint32_t size);     /* size: data points in a batch */
Ref ir_batch_sum(Builder *b, Ref x, uint32_t size); /* ... */
Ref ir_get(Builder *b, Ref x, uint32_t i);
Ref ir_call(Builder *b, Op op, uint32_t callee, uint32_t n, const Ref *arg, uint32_t n_active,
            const int64_t *active);
Ref ir_if(Builder *b, Ref condition, RegionId then, RegionId otherwise);
Ref ir_for(Builder *b, Ref from, Ref to, uint32_t n, const Ref *init, RegionId body,
           int64_t most);
Ref ir_while(Builder *b, Ref most, uint32_t n, const Ref *init, RegionId condition,
             RegionId body);
Ref ir_loop(Builder *b, unsigned rank, const uint32_t *extent, const FoldKind *kind,
            RegionId body);

/* Result types of calls to `f`: what its body yields. */
uint32_t function_results(const Function *f, Type *ret_types, uint32_t cap);

/* ---- reading */

static inline const Node *
ir_node(const Function *f, Ref r)
{
    return &f->node[r.id];
}

static inline bool
ref_eq(Ref a, Ref b)
{
    return a.id == b.id;
}

static inline Type
ir_type(const Function *f, Ref r)
{
    return f->node[r.id].type;
}

static inline bool
ir_is(const Function *f, Ref r, Op op)
{
    return f->node[r.id].op == op;
}

/* How many turns a `loop` makes. */
static inline uint64_t
ir_loop_turns(const Node *loop)
{
    uint64_t turns = 1;

    for (int64_t i = 0; i < loop->attr.ints[0]; i++)
        turns *= (uint64_t)loop->attr.ints[1 + i];
    return turns;
}

/* Is r a scalar constant, or a broadcast of one?  Then *ret_value (may be NULL) is it. */
bool ir_is_splat(const Function *f, Ref r, Scalar *ret_value);
bool ir_is_number(const Function *f, Ref r,
                  double value); /* such a splat, equal to value (-0 is not 0) */
double scalar_to_double(Scalar s, DType d);
Scalar scalar_from_double(double value, DType d);
Scalar fold_empty(FoldKind kind, DType d); /* of no values */
/* What leaves every value that it is joined with as it is, to the bit: -0 for sums. */
Scalar fold_neutral(FoldKind kind, DType d);

/* The meaning of pointwise op `op` on operands of dtype d (select: of its second operand);
 * X-class ops convert d -> to. */
Scalar ir_eval(Op op, DType d, DType to, const Scalar arg[3]);

/* Do two nodes compute the same of the same operands, as far as they own no regions? */
bool ir_same_operation(const Node *a, const Node *b);

/* Is region `inner` the region `outer`, or inside it? */
bool region_within(const Function *f, RegionId inner, RegionId outer);

/* One entry a node: how it varies. */
uint8_t *ir_variance(const Function *f, Arena *arena);

/* Carries on what `vary` says of some nodes to those that depend on them; not past nodes with
 * an entry in `ends` (NULL: there are none), which stay as they are. */
void ir_vary(const Function *f, uint8_t *vary, const uint8_t *ends);

/* ---- text, checking */

void ir_print(const Module *m, FILE *out);

/* Reads what ir_print writes (docs/ir.md).  NULL after errors, which are reported with their
 * place. */
Module *ir_read(Arena *arena, const SourceMap *sources, uint32_t file, DiagList *diags);

/* Writes every broken rule; true when there is none. */
bool ir_verify(const Module *m, FILE *out);

#endif
