/* SPDX-License-Identifier: Apache-2.0
 *
 * elab.h -- what the parts of the elaborator share.
 *
 * Elaboration is evaluation: expressions are walked with the values of their names at hand,
 * a value being a number known while compiling, a node of the IR, a tuple, or a function.
 * Names, types, shapes and the IR all follow from that one walk.  Calls are elaborated into
 * the caller's IR function; only derivatives make functions of their own.
 */
#ifndef EBM_FRONTEND_ELAB_H
#define EBM_FRONTEND_ELAB_H

/* The tree's Type is what was written, the IR's what is meant. */
#define Type AstType
#include "frontend/ast.h"
#undef Type

#include "frontend/program.h"

typedef struct Elab Elab;
typedef struct Env Env;
typedef struct FnVal FnVal;
typedef struct Frame Frame;
typedef struct File File;

/* ---- values ---- */

typedef enum ValueKind {
    VAL_poison, /* after an error: everything made of it is silent */
    VAL_none,   /* no value was given */
    VAL_open,   /* a static parameter that nothing has fixed yet */
    VAL_int,    /* numbers known while compiling */
    VAL_real,
    VAL_bool,
    VAL_ref,   /* computed by the kernel */
    VAL_shape, /* what `S...` stands for */
    VAL_tuple,
    VAL_list, /* an array of functions: the layers `blocks[i]` */
    VAL_fn
} ValueKind;

typedef struct Dims {
    uint32_t rank;
    uint32_t dim[MAX_RANK];
} Dims;

typedef struct Value {
    uint8_t kind; /* ValueKind */
    bool bounded; /* an int of the kernel that lies in lo..hi, both included */
    int64_t lo, hi;
    union {
        int64_t i;
        double r;
        bool b;
        struct {
            Ref ref;
            Frame *frame; /* the IR function that `ref` belongs to */
        };
        struct {
            uint32_t n;
            struct Value *item;
        };
        const Dims *dims;
        FnVal *fn;
    };
} Value;

#define POISON ((Value){.kind = VAL_poison})
#define NO_VALUE ((Value){.kind = VAL_none})

/* How reals are computed.  An energy's value is kept in f64: `wide` is what it returns, `term`
 * what that is made of, in the run's dtype.  In a sampler's step each operation has the wider
 * dtype of its operands. */
typedef enum Mode { MODE_term, MODE_wide, MODE_step } Mode;

/* ---- names ---- */

typedef struct Binding {
    const char *name;
    Value value;
    uint32_t slot;         /* of a `var` or state; 0: cannot be assigned */
    uint32_t owned_region; /* region + 1 in which its array is this name's alone */
    bool shadow;           /* an assignment: not a declaration */
    const struct Activation *act;
    Span span;
    const struct Binding *next;
} Binding;

/* A body being elaborated; `caller` is the one whose text holds the call. */
typedef struct Activation {
    const Decl *decl; /* or NULL */
    const struct Activation *caller;
    Span call;
} Activation;

/* A source file and what it imports. */
struct File {
    const AstFile *ast;
    const char *name;
    bool std;
    File **import;
    uint32_t n_imports;
    struct {
        const char *name;
        const Decl *decl;
        bool busy, done;
        Value value; /* of a const */
    } * decl;
    uint32_t n_decls;
    bool loading;
};

typedef struct Reports {
    const char **name;
    Value *value;
    size_t n, cap;
} Reports;

/* Where an expression stands.  Copied freely: a function value keeps its own. */
struct Env {
    const Binding *local;
    File *file;
    const Activation *act;
    const char *path; /* of the network instance whose body this is; NULL elsewhere */
    Mode let_mode, ret_mode;
    Reports *reports; /* of the sampler whose step this is; NULL elsewhere */
    bool draws;       /* random numbers may be drawn */
};

/* ---- functions as values ---- */

typedef enum FnKind { FN_decl, FN_lambda, FN_builtin, FN_derived, FN_opaque } FnKind;
typedef enum Deriv {
    DERIV_grad,
    DERIV_value_and_grad,
    DERIV_jvp,
    DERIV_vjp,
    DERIV_laplacian
} Deriv;

/* An argument given by name; evaluated, or (of a sampler) kept as it was written. */
typedef struct Named {
    const char *name;
    Span span;
    Value value;
    const Expr *expr;
    const Env *env;
} Named;

/* A function made by a derivative, kept to be used again: see elab_deriv.c. */
typedef struct Derived Derived;

struct FnVal {
    FnKind kind;
    Env env; /* of its text */
    const Decl *decl;
    const Expr *lambda;
    const struct Builtin *builtin;
    Deriv deriv;
    FnVal *of;
    const AstType *type; /* opaque: as declared */
    Named *statics;      /* given in brackets; name NULL by position */
    uint32_t n_statics;
    Named *bound; /* arguments given before the call */
    uint32_t n_bound;
    const char *path; /* of a network instance; NULL: none yet */
    bool entry;       /* the energy of this run: its hyperparameters are inputs */
    bool once;        /* made by `entry` or `layer`: its address is its identity */
    Derived *derived;
};

typedef struct Call {
    Span span;
    Value *arg; /* by position */
    Span *arg_span;
    uint32_t n;
    Named *named;
    uint32_t n_named;
    const Dims *expect; /* shape wanted of the result, or NULL */
} Call;

/* ---- IR functions ---- */

typedef struct Capture {
    Value outer; /* in the frame outside */
    Ref inner;
} Capture;

typedef struct EntryInput {
    uint8_t kind;
    const char *name;
    Ref ref;
} EntryInput;

/* A loop of the IR that is being built, for numbering draws. */
typedef struct Nest {
    struct Nest *outer;
    unsigned rank;
    Ref index[MAX_RANK]; /* i32, from 0 */
    uint32_t extent[MAX_RANK];
    bool draws;
    uint16_t region;
    uint32_t words;
    uint32_t *node; /* its draws */
    size_t n, cap;
} Nest;

struct Frame {
    Frame *outer; /* NULL: an entry function */
    Builder b;
    Capture *capture;
    size_t n_captures, cap_captures;
    EntryInput *input;
    size_t n_inputs, cap_inputs;
    Nest *nest;
    Nest base;
    uint32_t n_draw_regions;
    bool shared_draws;
};

/* ---- the elaborator ---- */

typedef struct ParamInfo {
    const char *name;
    Type type;
    const Stmt *stmt;
    Env env;
} ParamInfo;

struct Elab {
    Arena *arena;
    DiagList *diags;
    const ElabRequest *request;
    Program *program;
    Module *module;
    Frame *frame;
    DType real;
    uint64_t work;
    unsigned depth;
    bool stopped;  /* a limit was reached: nothing more is elaborated */
    bool checking; /* program_check: sizes are guesses */
    bool gave_up;  /* ... and a `require` did not hold */
    bool reads_t;  /* set when `t` is read */
    uint32_t next_slot;
    uint32_t n_functions;
    File **file;
    size_t n_files, cap_files;
    File *prelude, *main;
    FnVal **builtin_fn; /* one a builtin, once asked for */
    ParamInfo *param;
    size_t n_params, cap_params;
    ProgramHyper *hyper;
    size_t n_hypers, cap_hypers;
    ProgramData *data;
    size_t n_data, cap_data;
    Value time; /* `t` where it means something */
    struct {
        const char *t, *n_steps, *n_warmup, *warming_up, *inf, *pi, *underscore, *real, *int_,
            *bool_, *transpose;
    } word;
};

/* Reports message `code`; the value is the Diag. */
#define complain(e, code, ...) diag_add((e)->diags, DIAG_##code, __VA_ARGS__)
#define FAIL(e, code, ...) (complain(e, code, __VA_ARGS__), POISON)

/* ---- values (elab_value.c) ---- */

Value value_int(int64_t i);
Value value_real(double r);
Value value_bool(bool b);
Value value_ref(Elab *e, Ref r); /* of the present frame */
Value value_fn(FnVal *fn);
Value value_tuple(Elab *e, uint32_t n, const Value *item); /* copies */

bool is_poison(Value v); /* also of tuples that hold one */
bool is_static(Value v); /* a number known while compiling */
bool is_number(Value v); /* static, or a node */
/* Type of a number; a static real has the dtype of reals. */
Type value_type(const Elab *e, Value v);
bool is_scalar(const Elab *e, Value v);
bool is_wide(const Elab *e, Value v);

/* "real[3]", "(int, bool)", "a function": for messages. */
const char *type_text(const Elab *e, Type t);
const char *value_text(const Elab *e, Value v);
const char *dims_text(const Elab *e, Dims d);
const char *expr_text(const Elab *e, Span span); /* as written, on one line */

/* The node of number v in the present frame, in dtype d (DT_none: its own). */
Ref ref_of(Elab *e, Value v, DType d);
/* A number in dtype d: a static one stays static where d can hold it. */
Value convert(Elab *e, Value v, DType d);
/* Number v in exactly type t, scalars and sizes 1 stretched; false if its shape does not fit.
 */
bool fit(Elab *e, Value *v, Type t);

/* The numbers in v, tuples taken apart, in order; false if there are other things in it. */
bool flatten(Elab *e, Value v, Value *ret, uint32_t *n, uint32_t cap);
enum { MAX_LEAVES = 256 };
/* v with its numbers replaced by `leaf`, in order. */
Value unflatten(Elab *e, Value v, const Value *leaf, uint32_t *n);

/* Makes a and b one type (int to real, scalar dtypes widened) inside their regions ra, rb. */
bool unify(Elab *e, Value *a, RegionId ra, Value *b, RegionId rb, Mode mode);

/* ---- frames, inputs, draws (elab_frame.c) ---- */

Frame *frame_new(Elab *e, const char *name, Frame *outer);
Ref import_ref(Elab *e, Frame *frame, Value v, Span span);
/* The input of the entry function around; made when first asked for. */
Value entry_input(Elab *e, InputKind kind, const char *name, Type type, Variance variance);
Value draw_value(Elab *e, Distribution dist, Type type);
void nest_enter(Elab *e, Nest *nest, unsigned rank, const Ref *index, const uint32_t *extent);
void nest_leave(Elab *e);

/* ---- files and names (elab_file.c) ---- */

bool load_files(Elab *e);
File *load_std(Elab *e, const char *name);
const Binding *find_local(const Env *env, const char *name);
/* A declaration that `name` means in `file`; NULL if there is none. */
const Decl *find_decl(File *file, const char *name, File **ret_file);
/* Shape of a `data` declaration; false after an error. */
bool data_type(Elab *e, File *file, const Decl *d, Type *ret);
void load_all_std(Elab *e);
Value lookup(Elab *e, const Env *env, const char *name, Span span);
const char *near_name(Elab *e, const Env *env, const char *name);
void bind(Elab *e, Env *env, const char *name, Value v, Span span);
void bind_var(Elab *e, Env *env, const char *name, Value v, Span span);
Value decl_value(Elab *e, File *file, const Decl *d);

/* ---- expressions (elab_expr.c, elab_op.c, elab_index.c, elab_loop.c) ---- */

Value eval(Elab *e, const Env *env, const Expr *x, Mode mode);
/* A whole number known while compiling; what: "a size", for the message. */
bool eval_static_int(Elab *e, const Env *env, const Expr *x, const char *what, int64_t *ret);
Value arith(Elab *e, AstOp op, Value a, Value b, Mode mode, Span span);
Value compare(Elab *e, AstOp op, Value a, Value b, Span span);
Value logic(Elab *e, AstOp op, Value a, Value b, Span span);
Value negate(Elab *e, Value a, Mode mode, Span span);
Value apply_pointwise(Elab *e, Op op, const Value *arg, unsigned n, Span span);
/* Broadcasts numbers to one shape, in dtype d; false after an error. */
bool align(Elab *e, Value *arg, unsigned n, Span span);
Value eval_index(Elab *e, const Env *env, Value base, const Expr *x, Mode mode);
Value index_value(Elab *e, Value base, uint32_t n, const Value *index, Span span);
Value assign_index(Elab *e, Value base, bool owned, uint32_t n, const Value *index, Value v,
                   Span span, bool *ret_owned);
Value eval_comprehension(Elab *e, const Env *env, const Expr *x, Mode mode);
Value eval_reduction(Elab *e, const Env *env, FoldKind kind, bool mean, const Expr *x,
                     Mode mode);
Value call_lifted(Elab *e, FnVal *fn, const Call *call, Mode mode);
Value choose(Elab *e, Value condition, Value a, Value b, Span span);
Value eval_if(Elab *e, const Env *env, const Expr *x, Mode mode);
/* Ends two regions begun one after the other with what they give; the `if` of them. */
Value join_regions(Elab *e, Value condition, RegionId then, Value a, RegionId otherwise,
                   Value b, Mode mode, Span span);

/* ---- calls (elab_call.c, elab_static.c) ---- */

Value call_fn(Elab *e, FnVal *fn, const Call *call, Mode mode);
Value eval_call(Elab *e, const Env *env, const Expr *x, const Value *piped, Span piped_span,
                Mode mode);
Value with_statics(Elab *e, const Env *env, FnVal *fn, const Expr *x);
Mode arg_mode(Mode mode);
bool is_pointwise(Elab *e, const FnVal *fn);
Value call_derived(Elab *e, FnVal *fn, const Call *call, Mode mode);
const Value *named_arg(const Call *call, const char *name);
bool push_depth(Elab *e, Span span);

/* Static parameters being found. */
typedef struct Solve {
    const Decl *decl;
    Value *value; /* one a static */
    Span span;
    bool failed;
} Solve;
void solve_begin(Elab *e, Solve *s, const FnVal *fn, Span span);
void solve_match(Elab *e, Solve *s, const AstType *type, Dims actual, Span span,
                 const char *what);
void solve_end(Elab *e, Solve *s, Env *env);
bool type_of(Elab *e, const Env *env, const AstType *t, Type *ret);
bool dims_of(Elab *e, const Env *env, Expr *const *dims, uint32_t n, Dims *ret);
bool is_scalar_type(const AstType *t);
bool is_value_type(const AstType *t); /* of numbers: not functions, not tuples */
/* Converts an argument, default or result to its declared type. */
Value coerce(Elab *e, const Env *env, Value v, const AstType *t, Span span, const char *what);

/* ---- bodies (elab_stmt.c, elab_network.c) ---- */

Value run_body(Elab *e, Env *env, const Body *body, Mode mode);
void run_stmts(Elab *e, Env *env, Stmt *const *stmts, uint32_t n);
Value bind_param(Elab *e, Env *env, const Stmt *s);
void bind_layer(Elab *e, Env *env, const Stmt *s);
/* Evaluates `~ x` or `= x` as an array of type t. */
Value initial(Elab *e, const Env *env, const Expr *init, const Expr *value, Type t, Span span);
bool uses_list(Elab *e, const Env *env, const Body *body);
/* Interval of an int expression over the names in env; false if unknown. */
bool interval(Elab *e, const Env *env, const Expr *x, int64_t *lo, int64_t *hi);

/* ---- builtins (elab_builtin.c) ---- */

typedef Value BuiltinFn(Elab *e, const Env *env, const struct Builtin *b, FnVal *fn,
                        const Call *call, Mode mode);
typedef struct Builtin {
    const char *name;
    BuiltinFn *call;
    uint8_t least, most; /* arguments */
    uint8_t op;          /* Op, FoldKind, Deriv or Distribution */
    bool pointwise;
    bool folds;        /* takes `for ...:` as an argument */
    const char *named; /* arguments by name, separated by spaces */
} Builtin;
const Builtin *find_builtin(const char *name);
const Builtin *builtin_table(size_t *ret_n);
const char *builtin_names(void);

/* ---- entry functions (elab_entry.c, elab_sampler.c) ---- */

/* The value of a parameter that the call leaves out; NO_VALUE if it has no default. */
Value default_value(Elab *e, const Env *env, FnVal *fn, const Param *p);
const char *hyper_doc(const Param *p);
void range_of(Elab *e, const Env *env, const Range *r, double *low, double *high,
              bool *low_open, bool *high_open);
void build_sampler(Elab *e, FnVal *energy, FnVal *sampler, Type x);
Value start_x(Elab *e, FnVal *energy, Type x);
bool prepare_elab(Elab *e, const ElabRequest *request, Program *program);
FnVal *fn_of_decl(Elab *e, File *file, const Decl *d);
Env file_env(File *file);

#endif
