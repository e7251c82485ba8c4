/* SPDX-License-Identifier: Apache-2.0
 *
 * emit.h -- the state of one emission, and what its files offer each other.
 *
 * A chain is a lane: what varies by chain is a vector of `lanes` elements, what is uniform a
 * scalar.  A region is emitted for one or several *instances* at once (the turns of an
 * unrolled loop); a Frame says how the instances of a region belong to those of the region
 * around it, and a node has a Value for each instance of its region.
 */
#ifndef EBM_BACKENDS_LLVM_EMIT_H
#define EBM_BACKENDS_LLVM_EMIT_H

#include "backends/llvm/llvm.h"
#include "backends/llvm/llvm_backend.h"
#include "backends/manifest.h"

/* A uniform integer whose residue is known: base + offset, base a multiple of align (0: base
 * is 0), the whole within [low, high], which an i32 holds. */
typedef struct Index {
    LLVMValueRef base; /* i64, NULL for 0 */
    int64_t align, offset, low, high;
} Index;

typedef enum PlaceKind { PLACE_none, PLACE_input, PLACE_uniform, PLACE_constant } PlaceKind;

/* Where a uniform array stands that every entry function can find again. */
typedef struct Place {
    PlaceKind kind;
    uint64_t at; /* number of an input, offset into `uniform` */
    LLVMValueRef global;
} Place;

typedef struct Frame Frame;

enum {
    MAX_LANES = 4 * EBM_BLOCK,
    MAX_PACK = EBM_BLOCK,
    CACHED_BYTES = 4 << 20 /* larger inputs come from memory each time */
};

/* A scalar: `v`, a vector when `chain`, or made of `index` when needed.  An array: `v` points
 * at its first element, the elements are `row` lanes apart. */
typedef struct Value {
    LLVMValueRef v;
    bool chain;
    bool known; /* index holds */
    /* Not 0: lane l is index + l, for as many lanes as this; the others hold anything. */
    uint8_t ramp;
    Index index;
    uint32_t row;       /* arrays: 1, lanes, or EBM_BLOCK */
    LLVMValueRef apart; /* records of two blocks: bytes from one to the other; else NULL */
    uint32_t version;   /* arrays: a number for this content */
    LLVMValueRef root;  /* arrays: the memory that v points into */
    const Frame *owner; /* arrays: nodes of this frame may overwrite it */
    Place place;
    const Node *constant; /* arrays: the node with its elements */
} Value;

/* An axis of a loop, a few turns of which go through inner loops together. */
typedef struct Jam {
    uint32_t axis;         /* its parameter; 0: there is none */
    unsigned width, turns; /* of a group that is not the last, and of this one */
    unsigned apart;        /* instances from one turn to the next */
    int64_t extent;
    Index group; /* its number */
} Jam;

enum { MAX_JAMS = 2 };

/* How the lanes of a pack are ordered: one instance after the other, or their first lanes, then
 * their second ones, ..., in one register or with a register for each chain. */
typedef enum PackOrder { PACK_none, PACK_in_row, PACK_by_turns, PACK_apart } PackOrder;

struct Frame {
    Frame *parent;
    RegionId region;
    unsigned n;         /* instances */
    const unsigned *up; /* instance of the parent, one an instance */
    Jam jam[MAX_JAMS];
    PackOrder packs; /* of its instances, in regions inside too */
};

typedef struct MemoKey {
    uint32_t tag;
    uint32_t number;
    const void *a, *b, *c;
} MemoKey;

typedef struct MemoEntry {
    MemoKey key;
    LLVMValueRef v;
    uint32_t next;
} MemoEntry;

enum { MEMO_BUCKETS = 1 << 12 };

/* Values already emitted, by what they are made of; entries of a scope end with it, so that
 * what is found dominates. */
typedef struct Memo {
    MemoEntry *entry;
    size_t n, cap;
    uint32_t *bucket;
} Memo;

/* A uniform array that is read in groups of `width` along one of its two axes, kept by
 * `prepare` as [group][other axis][width]. */
typedef struct Panel {
    Place from;
    DType dtype;
    uint32_t rows, columns; /* of the array */
    bool by_column;         /* groups run along the columns */
    uint32_t width;
    uint64_t at; /* offset into `uniform` */
    uint32_t version;
} Panel;

typedef struct Random {
    LLVMValueRef key[EBM_PHILOX_ROUNDS][2]; /* i32 */
    LLVMValueRef step_low;                  /* i64, below 2^32 */
    LLVMValueRef high;                      /* i64: step high << 10 */
    LLVMValueRef chain_high;                /* i64, below 2^10 */
    LLVMValueRef first;                     /* i64: chain of lane 0 */
    LLVMValueRef even, odd;                 /* i64 vectors: low words of the lanes' chains */
    LLVMValueRef pair, pair_high;           /* the same of chains' numbers halved */
} Random;

/* Whether `sample` works on two blocks at once where it can. */
typedef enum Pairing { PAIR_never, PAIR_if_it_pays, PAIR_always } Pairing;

typedef enum HomeKind { HOME_own, HOME_over, HOME_row, HOME_given } HomeKind;

/* Where a result that is an array stands if it can: in memory of its own, in that of `array`,
 * in the row of `array` that update `number` sets, or where result `number` of a phase goes. */
typedef struct Home {
    HomeKind kind;
    Ref array;
    uint32_t number;
    Ref get;      /* the last node that reads it */
    bool written; /* of what a `for` carries: all of it is, and nothing reads what it was */
} Home;

/* A strip of rows, from node `start` on, of input `array`, the second half of whose successor
 * is still to be asked for. */
typedef struct SharedStrip {
    uint32_t array, start; /* nodes; 0: there is none */
} SharedStrip;

/* The pieces that a phase over the whole batch is shared out in, and those of this launch. */
typedef struct Pieces {
    uint32_t n;
    LLVMValueRef first, last; /* i64 */
} Pieces;

typedef struct Emit {
    Arena *arena;
    const Module *module;
    EbmManifest *manifest;
    LLVMContextRef context;
    LLVMModuleRef llvm;
    LLVMBuilderRef b;
    LLVMTypeRef ptr, i1, i8, i32, i64, f32, f64;
    unsigned lanes;
    Pairing pairing;
    unsigned registers; /* vector registers of the target */
    unsigned register_bytes;

    /* The function that is emitted. */
    const Function *f;
    LLVMValueRef function, launch, uniform, scratch;
    LLVMBasicBlockRef entry; /* allocas go before its terminator */
    LLVMBasicBlockRef first; /* loads that hold for the whole call */
    uint8_t *variance;
    uint8_t *prepared; /* by node: done by `prepare` */
    Home **home;       /* by node: [result] */
    uint64_t *kept_at; /* by node: its offset into `uniform` if others read it, else NOT_KEPT */
    Value **value;     /* by node: [instance][result] */
    uint32_t *room;    /* by node: values it has room for */
    Frame **frame_of;  /* by region */
    Frame *frame;
    Memo memo;
    LLVMBasicBlockRef straight_block; /* which has so many values in a row: */
    size_t straight;
    uint32_t versions;
    bool preparing;
    bool whole; /* a phase over the whole batch: nothing is left to `prepare` */
    Pieces pieces;
    uint8_t *spread; /* by node: a loop whose axis `spread - 1` is the lanes; 0: others */
    unsigned joined; /* trailing axes that the loop's lanes go through as one; 0: one axis */
    Value *given;    /* in such a phase, by result: where it goes */
    SharedStrip shared;
    Random random;
    LLVMValueRef step, n_steps, n_warmup; /* i32 */

    /* Memory. */
    uint64_t scratch_used, stack_used;
    Panel *panel;
    size_t n_panels, cap_panels;
} Emit;

#define NOT_KEPT UINT64_MAX

/* ---- value.c: LLVM in short */
LLVMTypeRef scalar_type(Emit *e, DType d); /* bool is i1 */
LLVMTypeRef lane_type(Emit *e, DType d, bool chain);
LLVMTypeRef memory_type(Emit *e, DType d, bool chain); /* bool is i8 */
LLVMValueRef int64_of(Emit *e, int64_t x);
LLVMValueRef int32_of(Emit *e, int64_t x);
LLVMValueRef scalar_constant(Emit *e, DType d, Scalar s);
LLVMValueRef zero_of(Emit *e, DType d, bool chain);
LLVMValueRef splat(Emit *e, LLVMValueRef x, unsigned n);
LLVMValueRef intrinsic(Emit *e, const char *name, LLVMTypeRef over, unsigned n,
                       LLVMValueRef *arg);
LLVMValueRef some_lanes(Emit *e, LLVMValueRef x, unsigned first, unsigned n);
LLVMValueRef join_lanes(Emit *e, LLVMValueRef x, LLVMValueRef y, unsigned n);
/* x, a vector of i64 of which LLVM knows nothing and all bits count.  Were the upper half of a
 * factor known to be 0, or that of a product not used, LLVM would leave out the mask of the
 * factor, and so miss that a product of 32 bits by 32 will do, for a much slower one. */
LLVMValueRef opaque(Emit *e, LLVMValueRef x);
LLVMValueRef memo_find(Emit *e, MemoKey key);
LLVMValueRef memo_keep(Emit *e, MemoKey key, LLVMValueRef v);
size_t memo_open(Emit *e);
void memo_close(Emit *e, size_t mark);
enum {
    TAG_pointwise = 1 << 10, /* + op */
    TAG_splat = 1,
    TAG_wide,
    TAG_narrow,
    TAG_index, /* + operation << 8 */
    TAG_address,
    TAG_load,
    TAG_word, /* + which << 8 */
    TAG_key,
    TAG_half,
    TAG_counter,
    TAG_place,
    TAG_run, /* + lanes << 8 */
    TAG_pack,
    TAG_repeat,
    TAG_block /* + register << 8 */
};
LLVMValueRef scalar_of(Emit *e, const Value *x); /* uniform */
LLVMValueRef vector_of(Emit *e, const Value *x);
LLVMValueRef value_as(Emit *e, const Value *x, bool chain); /* one or the other */
Value uniform_value(LLVMValueRef v);
Value chain_value(LLVMValueRef v);
Value index_value(Index i);
LLVMBasicBlockRef new_block(Emit *e, const char *name);
LLVMValueRef any_lane(Emit *e, LLVMValueRef mask);
bool same_value(const Value *x, const Value *y);

/* Where the value of r for instance i of the current frame stands. */
Value *value_at(Emit *e, Ref r, unsigned i);
/* Room for the values of node `id` for all instances of the current frame. */
Value *value_room(Emit *e, uint32_t id, uint32_t n_results);

/* ---- index.c */
Index index_constant(int64_t x);
LLVMValueRef index_wide(Emit *e, Index i);
Index index_of(Emit *e, const Value *x);
Index index_add(Emit *e, Index a, Index b);      /* never leaves i64 */
Index index_scale(Emit *e, Index a, int64_t by); /* by >= 0 */
/* op on two known indices, if that is known too. */
bool index_pointwise(Emit *e, Op op, Index x, Index y, Value *ret);
bool index_residue(Index a, int64_t modulus, int64_t *ret);
Index index_divide(Emit *e, Index a, int64_t by); /* a >= 0 */

/* ---- pointwise.c */
Value emit_pointwise(Emit *e, const Node *n, const Value *const arg[3]);
/* op on LLVM values of dtype d. */
LLVMValueRef build_op(Emit *e, Op op, DType d, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z);
LLVMValueRef convert_to(Emit *e, DType d, DType to, LLVMValueRef x);
LLVMValueRef select_lanes(Emit *e, LLVMValueRef mask, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef nan_where(Emit *e, DType d, LLVMValueRef mask, LLVMValueRef x);
LLVMValueRef extreme_number(Emit *e, DType d, bool greater, LLVMValueRef x, LLVMValueRef y);

/* ---- memory.c */
Value array_new(Emit *e, Type type, bool chain);
LLVMValueRef element_address(Emit *e, const Value *array, DType d, Index element);
/* Element of an array, as a vector when its rows are lanes. */
Value load_element(Emit *e, const Value *array, DType d, Index element);
/* n elements of a uniform array of floats, one after another. */
LLVMValueRef load_elements(Emit *e, const Value *array, DType d, Index first, unsigned n);
void store_element(Emit *e, const Value *array, DType d, Index element, const Value *x);
Value array_part(Emit *e, const Value *array, DType d, Index element);
/* Element of an array whose content may have changed since others were read. */
Value read_fresh(Emit *e, const Value *array, DType d, Index element);
/* What is at the lanes' addresses `at`, where mask; x to them. */
LLVMValueRef gather(Emit *e, DType d, LLVMValueRef at, LLVMValueRef mask,
                    LLVMValueRef otherwise);
void scatter(Emit *e, DType d, LLVMValueRef at, LLVMValueRef mask, LLVMValueRef x);
/* n elements of memory that stand one after another, those of `live` lanes. */
LLVMValueRef load_run(Emit *e, DType d, LLVMValueRef at, unsigned lanes, unsigned live);
void store_run(Emit *e, DType d, LLVMValueRef at, LLVMValueRef x, unsigned live);
/* Nothing writes to what `prepare` left and the launch gave. */
void mark_invariant(Emit *e, LLVMValueRef load);
void copy_array(Emit *e, const Value *to, const Value *from, Type type);
/* to = mask ? from : to */
void blend_array(Emit *e, const Value *to, const Value *from, LLVMValueRef mask, Type type);
typedef void ElementFn(Emit *e, Index element, void *user);
void each_element(Emit *e, uint64_t n, ElementFn *fn, void *user);
LLVMValueRef entry_alloca(Emit *e, LLVMTypeRef type, uint64_t count);
LLVMValueRef byte_offset(Emit *e, LLVMValueRef pointer, LLVMValueRef bytes);
LLVMValueRef load_field(Emit *e, uint64_t offset, LLVMTypeRef type);
void constant_array(Emit *e, uint32_t id);

/* ---- access.c */
/* Of instances [from, to), in the room that the node has. */
void emit_at(Emit *e, uint32_t id, unsigned from, unsigned to);
void emit_update(Emit *e, uint32_t id);
/* The part of `array` that `update` replaces, if it is the same for all chains and known to be
 * in range. */
bool row_of_update(Emit *e, const Node *update, const Value *array, Value *ret);

/* ---- random.c */
void emit_word(Emit *e, uint32_t id);
void emit_chain_index(Emit *e, uint32_t id);

/* ---- schedule.c */
typedef struct LoopPlan {
    unsigned axis;   /* that is unrolled; the ones after it are whole in a group */
    unsigned factor; /* turns of that axis in a group */
    unsigned rows;   /* turns of the axis before it in a group */
    bool whole;      /* no LLVM loop: every group is emitted */
    bool jam;        /* groups share inner loops */
    PackOrder pack;  /* of their instances */
} LoopPlan;
LoopPlan plan_loop(const Emit *e, const Node *loop);
/* Is the function to work on two blocks at once?  Products with uniform matrices and random
 * words do well so. */
bool plan_pairs(const Emit *e);
/* How a loop is cut whose lanes go through an axis of `lanes` turns, and tiles through one of
 * `rows` (1: there is none); columns are vectors. */
typedef struct TilePlan {
    unsigned rows, columns;
} TilePlan;
TilePlan plan_spread(const Emit *e, const Node *loop, int64_t lanes, int64_t rows);
bool plan_for_whole(const Emit *e, const Node *n, int64_t turns);
/* Turns of such a `for` that are emitted together, for its index divides by constants. */
unsigned plan_for_block(const Emit *e, const Node *n, int64_t turns);
uint32_t region_cost(const Emit *e, RegionId r);

/* ---- node.c */
void emit_region(Emit *e, RegionId region);
/* The same; as soon as all is known of instances [from, to), `take` is called for them. */
typedef void TakeFn(Emit *e, unsigned from, unsigned to, void *user);
void emit_region_for(Emit *e, RegionId region, TakeFn *take, void *user);

/* ---- frame.c */
Frame *frame_open(Emit *e, RegionId region, unsigned n, const unsigned *up);
/* A region with the instances of the one around it. */
Frame *frame_same(Emit *e, RegionId region);
void frame_close(Emit *e, Frame *frame);
/* Is operand k of n one value for all instances? */
bool is_common(Emit *e, const Node *n, uint32_t k);
typedef void InstanceFn(Emit *e, const Node *n, Value *ret);
/* One instance of n after the other. */
void emit_each(Emit *e, const Node *n, Value *ret, InstanceFn *fn);

/* ---- turns.c */
typedef struct Turns {
    LLVMBasicBlockRef before, head, body, done;
    LLVMValueRef i; /* i64 */
    LLVMValueRef to;
    int64_t by;
    size_t mark;
    bool at_least_once;
} Turns;
/* A loop of i from `from` below `to`; phis may be added in head right after the call. */
Turns turns_open(Emit *e, LLVMValueRef from, LLVMValueRef to, int64_t by, bool at_least_once);
/* Ends the body: returns the block it ends in. */
LLVMBasicBlockRef turns_close(Emit *e, Turns *t);
/* A phi at the start of `head`, which is `first` when it comes `from` before. */
LLVMValueRef phi_at(Emit *e, LLVMBasicBlockRef head, LLVMValueRef first,
                    LLVMBasicBlockRef from);
/* What follows is done where the condition, an i1, holds, until when_close. */
typedef struct When {
    LLVMBasicBlockRef after;
    size_t mark;
} When;
When when_open(Emit *e, LLVMValueRef condition);
void when_close(Emit *e, const When *w);

/* ---- branch.c */
void emit_if(Emit *e, uint32_t id);

/* ---- carry.c */
typedef struct Carried {
    const Node *n;
    RegionId body;
    uint32_t n_values;
    unsigned all;                   /* values of all instances */
    bool masked;                    /* lanes leave the loop one by one */
    Value *now;                     /* [instance][value]: arrays are this loop's own */
    LLVMValueRef *phi;              /* NULL for arrays */
    unsigned packed;                /* instances whose values make packs */
    LLVMValueRef *pack, *next_pack; /* by pack: its phi, and what it becomes */
} Carried;
/* What `for` or `while` n begins with, for all instances. */
Carried carry_open(Emit *e, const Node *n, bool masked);
/* Where LLVM's loop is to follow: its phis take values made before it.  What needs an
 * instruction is made here; values are joined where packs pay. */
void carry_settle(Emit *e, Carried *c);
void carry_in_packs(Emit *e, Carried *c);
void carry_phis(Emit *e, Carried *c, LLVMBasicBlockRef head, LLVMBasicBlockRef before);
/* The parameters of a region of n. */
void carry_bind(Emit *e, const Carried *c, RegionId region);
/* What the body yields becomes what is carried; `mask` (or NULL): lanes that go on.  Returns
 * the block that this ends in. */
LLVMBasicBlockRef carry_on(Emit *e, Carried *c, LLVMValueRef mask);
/* After LLVM's loop, whose body ends in `end`. */
void carry_close(Emit *e, Carried *c, LLVMBasicBlockRef end, bool at_least_once);
void carry_results(Emit *e, const Carried *c, Value *ret);

/* ---- control.c */
void emit_for(Emit *e, uint32_t id);
void emit_while(Emit *e, uint32_t id);

/* ---- home.c */
/* By node and result; `whole`: of a phase over the whole batch. */
Home **find_homes(const Function *f, Arena *arena, bool whole);
/* The array of result k of `id`, a loop, `for` or `while`, for instance i: at its home, or a
 * new one. */
Value result_array(Emit *e, uint32_t id, uint32_t k, unsigned i, bool chain);

/* ---- fold.c */
LLVMValueRef combine_folds(Emit *e, FoldKind kind, DType d, LLVMValueRef x, LLVMValueRef y);
/* The fold of `total` values, from their partial results, which it overwrites. */
LLVMValueRef fold_partials(Emit *e, FoldKind kind, DType d, LLVMValueRef *p, uint64_t total);

/* ---- loop.c */
void emit_loop(Emit *e, uint32_t id);

/* ---- pack.c */
/* Instances in a pack of the current frame; 1: there are none. */
unsigned pack_size(const Emit *e);
/* 32-bit lanes of a register. */
unsigned pack_lanes(const Emit *e);
/* Remembers that these values are the parts of `pack`. */
void pack_keep(Emit *e, LLVMValueRef pack, const Value *const part[]);
/* One value made of these; NULL where that would cost more than it saves. */
LLVMValueRef pack_join(Emit *e, const Value *const part[]);
void pack_split(Emit *e, LLVMValueRef pack, Value *ret);
/* A pointwise node for the instances from `first` on that make a pack, if they do. */
bool pack_pointwise(Emit *e, const Node *n, unsigned first, Value *ret);
/* An `at` whose instances read one element after another. */
bool pack_row(Emit *e, const Node *n, unsigned first, Value *ret);
/* Does an `at` in a `for` read large data, which makes no panel, along its last axis turn by
 * turn of that `for`, or at `turn` of a loop around it? */
bool pack_reads_along(const Emit *e, const Node *at);
bool pack_reads_across(const Emit *e, const Node *at, Ref turn);
/* One whose instances read one column of their rows, in a `for` whose turns go along the rows
 * by blocks of pack_turns. */
bool pack_column(Emit *e, const Node *n, unsigned first, Value *ret);
unsigned pack_turns(Emit *e, const Node *loop);
/* Is what a `for` carries to be packed? */
bool pack_carried(Emit *e, const Node *loop);

/* ---- panel.c */
/* Reads the array of an `at` through a panel, if it is of that shape. */
bool panel_load(Emit *e, const Node *n, unsigned i, const Value *array, Value *ret);
void emit_panels(Emit *e);

/* ---- prefetch.c */
/* For a group just emitted in `frame`: asks for the rows of large inputs that the same turns of
 * its jams will read when the loop runs again, as many rows further on as the loop has turns.
 */
void prefetch_streamed(Emit *e, const Frame *frame);
/* The same for what a turn of a `for` inside the group reads: each turn asks for its share, as
 * memory answers so many questions at a time.  Where the strip is read once more, by one group
 * of another loop, each of the two asks for half of the next one. */
void prefetch_turn(Emit *e, const Node *loop, Index turn);

/* ---- uniform.c */
typedef struct Analysis {
    uint8_t *variance, *prepared;
    uint64_t *kept_at;
    uint8_t *spread; /* as in Emit; NULL but for phases over the whole batch */
    Home **home;
} Analysis;
/* Is it an array, or a number, that the launch gives? */
bool is_launch_input(InputKind kind);
/* By node: whether its value is by lane.  Loops of `spread` (or NULL) have lanes inside. */
uint8_t *lane_variance(const Function *f, Arena *arena, const uint8_t *spread);
Analysis analyse_function(const Function *f, Arena *arena, uint64_t *uniform_bytes);
/* The same for a phase over the whole batch: `prepare` has nothing to do. */
Analysis analyse_whole(const Function *f, Arena *arena);
/* Values of prepared nodes, read from or written to the uniform area. */
void load_kept(Emit *e);
void store_kept(Emit *e);
LLVMValueRef place_pointer(Emit *e, Place p);

/* ---- pieces.c */
enum { PIECE = EBM_BLOCK }; /* rows */
/* From here on, loops over arrays make those rows that are the launch's among n pieces. */
void pieces_open(Emit *e, uint32_t n);
void pieces_close(Emit *e);
/* Rows [first, first + rows) of an axis. */
typedef void PieceBody(Emit *e, Index first, int64_t rows, void *user);
/* A piece at a time, those of the launch of an axis of so many rows. */
void each_piece(Emit *e, int64_t rows, PieceBody *body, void *user);
/* The launch's part of a result to memory; */
void put_pieces(Emit *e, const Value *to, const Value *x, Type type);
/* all of it, if `number` is 0. */
void put_first(Emit *e, LLVMValueRef number, const Value *to, const Value *x, Type type);

/* ---- spread.c */
/* By region: the node that it belongs to, or 0. */
uint32_t *find_owners(const Function *f, Arena *arena);
/* By node: 1 + the axis of a loop that becomes the lanes, or 0. */
uint8_t *find_spread(const Function *f, Arena *arena);
void emit_spread(Emit *e, uint32_t id);
/* Reads consecutive elements, if that is what the lanes of this `at` want. */
bool ramp_load(Emit *e, const Node *n, unsigned i, const Value *array, Value *ret);
/* Copies n elements of a dense array to another one. */
void copy_dense(Emit *e, const Value *to, const Value *from, DType d, Index first, uint64_t n);

/* ---- tile.c */
typedef struct Tile {
    Turns blocks, tiles;
    LLVMValueRef block; /* i64 */
    LLVMValueRef lane;  /* i64: first lane within the block */
} Tile;
/* The launch's blocks, those of them that make pairs, or the others.  The first of a pair is
 * even, so that the upper half of a chain's number is the same for both. */
typedef enum TileRange { TILE_all, TILE_pairs, TILE_rest } TileRange;
/* The entry point `name`: calls `pairs`, if there is one, and `body`. */
void emit_shell(Emit *e, const char *name, LLVMValueRef pairs, LLVMValueRef body);
/* The body of an entry point, the builder in its first block. */
LLVMValueRef open_body(Emit *e, const char *name);
void set_function(Emit *e, const Function *f, const Analysis *a);
void bind_uniform_inputs(Emit *e);
void load_constants(Emit *e);
void set_step(Emit *e, LLVMValueRef step);
Tile tile_open(Emit *e, TileRange range);
void tile_close(Emit *e, Tile *t);
/* What to add for the second block of a pair, whose records are `bytes` after the first's. */
LLVMValueRef apart_by(const Emit *e, LLVMValueRef bytes);
/* Element [0] of a value in record `block` of an array of records, at this tile's lanes. */
Value record_value(Emit *e, const Tile *t, LLVMValueRef records, uint64_t bytes,
                   uint64_t offset, DType d);
/* A record as the body works on it: small ones, and those of pairs, in an array of their own.
 */
Value local_record(Emit *e, const Value *record, Type type);
Type slot_type(const EbmSlot *s);
/* By number in the exchange: where the values stand that the function reads of its own point.
 */
LLVMValueRef *point_pointers(Emit *e);
void bind_points(Emit *e, const Tile *t, LLVMValueRef const *at);
void bind_array(Emit *e, Ref param, const Value *array, Type type);
/* A result to memory, whatever it is. */
void put(Emit *e, const Value *to, const Value *x, Type type);

/* ---- entry.c */
void emit_entries(Emit *e, const Function *const entry[EBM_ENTRY_COUNT]);
extern const char *const entry_symbol[EBM_ENTRY_COUNT];

/* ---- phase.c */
void emit_phases(Emit *e, const PhaseList *phases);
/* The number of a phase, and whether it is its `prepare`, from the name of its symbol. */
bool phase_of_symbol(const char *name, uint32_t *ret_number, bool *ret_prepare);

/* ---- rows.c */
/* Writes x as rows of `count` elements, one a lane, the first at `to`. */
void store_rows(Emit *e, LLVMValueRef to, const Value *x, Type type);

/* ---- work.c */
/* Counts what one step of one chain computes. */
void manifest_count_work(Arena *arena, const Function *step, EbmManifest *m);

/* ---- image.c */
/* Lays out an ELF object as a flat image.  NULL, or what is wrong with it. */
const char *image_from_object(const unsigned char *object, size_t size, Arena *arena,
                              const unsigned char **ret_bytes, EbmManifest *manifest);

#endif
