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

#include "frontend/ast.h"
#include "frontend/program.h"

typedef struct Elab Elab;
typedef struct Env Env;
typedef struct FnVal FnVal;
typedef struct Frame Frame;
typedef struct File File;
typedef struct Buffer Buffer;
typedef struct NetState NetState;
typedef struct Point Point;
typedef struct ModelSums ModelSums;
typedef struct Requirements Requirements;

/* ---- values ---- */

typedef enum ValueKind {
    VAL_poison, /* after an error: everything made of it is silent */
    VAL_none,   /* no value was given; of a name, it is known in a call only */
    VAL_open,   /* a static parameter that nothing has fixed yet */
    VAL_int,    /* numbers known while compiling */
    VAL_real,
    VAL_bool,
    VAL_ref,   /* computed by the kernel */
    VAL_shape, /* what `S...` stands for */
    VAL_tuple,
    VAL_list,   /* an array of functions or chains: the layers `blocks[i]` */
    VAL_buffer, /* a replay buffer */
    VAL_slot,   /* ... and this data point's slot of it */
    VAL_fn,
    VAL_chain /* a sampler or an optimizer at work */
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
        Buffer *buffer; /* VAL_buffer, VAL_slot */
        const struct ChainVal *chain;
    };
} Value;

#define POISON ((Value){.kind = VAL_poison})
#define NO_VALUE ((Value){.kind = VAL_none})

/* How reals are computed.  An energy's value is kept in f64: `wide` is what it returns, `term`
 * what that is made of, in the run's dtype.  In a sampler's step each operation has the wider
 * dtype of its operands. */
typedef enum Mode { MODE_term, MODE_wide, MODE_step } Mode;

/* ---- names ---- */

typedef struct Binding Binding;
typedef struct WideLet WideLet;

struct Binding {
    const char *name;
    Value value;
    uint32_t slot;         /* of a `var` or state; 0: cannot be assigned */
    uint32_t owned_region; /* region + 1 in which its array is this name's alone */
    bool shadow;           /* an assignment: not a declaration */
    uint32_t clock;        /* the innermost clock that its value changes with; 0: none */
    const struct Activation *act;
    Span span;
    WideLet *wide;   /* of a `let` that an energy may return; else NULL */
    NetState *state; /* of a network's state; else NULL */
    const Binding *next;
};

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
        bool busy; /* a const being evaluated */
        FnVal *fn; /* its value, once asked for */
    } * decl;
    uint32_t n_decls;
    struct DataDim {
        const char *name;
        int64_t size;
        bool read; /* by the declaration that is checked */
    } * dim;       /* the names in the shapes of `data` */
    uint32_t n_dims;
    bool loading, sized;
};

/* What a text reports. */
typedef struct Reports {
    const char **name;
    uint32_t *slot; /* of a step: a variable each, that no program can name; else NULL */
    Value *value;   /* of a loss: what was reported, outside branches and loops */
    size_t n, cap;
} Reports;

/* Where an expression stands.  Copied freely: a function value keeps its own. */
struct Env {
    const Binding *local;
    File *file;
    const Activation *act;
    const char *path; /* of the network instance whose body this is; NULL elsewhere */
    Mode let_mode, ret_mode;
    Reports *reports;        /* of the sampler or loss whose text this is; NULL elsewhere */
    struct Buffers *buffers; /* of the loss whose text this is; NULL elsewhere */
    uint32_t required;       /* slot of what this body's result is multiplied by; 0: nothing */
};

/* A number bound by `let`, to be computed again in f64. */
struct WideLet {
    const Expr *expr;
    Env env;
    const Frame *frame; /* where `value` is; NULL before it is computed */
    RegionId region;
    Value value;
};

/* ---- functions as values ---- */

typedef enum FnKind { FN_decl, FN_lambda, FN_builtin, FN_derived, FN_opaque } FnKind;
typedef enum Deriv {
    DERIV_grad,
    DERIV_value_and_grad,
    DERIV_jvp,
    DERIV_vjp,
    DERIV_laplacian,
    DERIV_grad_and_laplacian
} Deriv;

/* An argument given by name; evaluated, or (of a sampler) kept as it was written. */
typedef struct Named {
    const char *name;
    Span span;
    Value value;
    const Expr *expr;
    const Env *env;
} Named;

/* Whose hyperparameters those of a function are, and what stands before their names: "" of the
 * run's own sampler, "using." of the one that its argument `using` is. */
typedef struct Tuning {
    HyperOwner owner;
    const char *prefix;
} Tuning;

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
    const char *path;     /* of a network instance; NULL: none yet */
    bool entry;           /* the energy of this run: its hyperparameters are inputs */
    bool once;            /* made by `entry` or `layer`: its address is its identity */
    const Tuning *tuning; /* of a sampler or an optimizer; NULL: its defaults are fixed */
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
    bool certain; /* all these turns are made */
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
    uint32_t n_draw_regions; /* of an entry function and all inside it */
    bool shared_draws;
    Ref *uniform; /* known to be the same for all data points, though made by a call */
    size_t n_uniform, cap_uniform;
};

/* ---- the elaborator ---- */

/* The draws of a network in training.  They belong to the instance: called again, it draws the
 * same numbers for the same data point. */
typedef struct NetDraws {
    const char *path; /* NULL: not in a network */
    uint32_t n;       /* draws so far in this call */
    const Nest *around;
} NetDraws;

typedef struct NetPlace {
    const char *path;
    uint32_t number;
    uint8_t dist;
    Type type;
    uint16_t region;
} NetPlace;

typedef struct ParamInfo {
    const char *name;
    Type type;
    const Expr *init, *value; /* what it starts from: `~ init` or `= value` */
    Span span;
    Env env;
    bool state; /* of a network: no gradient moves it */
} ParamInfo;

/* Settings of one owner: the request's, then what the call that names it says. */
typedef struct Settings {
    ProgramSetting *setting;
    size_t n, cap;
} Settings;

struct Elab {
    Arena *arena;
    DiagList *diags;
    const ElabRequest *request;
    Program *program;
    Module *module;
    Frame *frame;
    DType real;
    uint64_t work;
    uint64_t
        effects; /* draws and assignments of networks' states: what has them is computed once */
    unsigned depth;
    bool stopped; /* a limit was reached, or a requirement failed: nothing more is elaborated */
    bool checking; /* program_check: sizes are guesses */
    bool gave_up;  /* ... and a `require` did not hold */
    /* What changes from step to step has a clock, that of the loop in which the steps are: the
     * run's own is 1, that of `run` inside it 2, and so on. */
    uint32_t clock;
    uint32_t reads;       /* the innermost clock of all that was read */
    uint32_t binds;       /* the clock of what is bound next */
    uint32_t owner_slots; /* slots up to this one are those of the sampler that owns this one */
    struct Keeping *keeping; /* while a `state` is evaluated, which keeps the chains it makes */
    bool steady;    /* cleared when a network's state is used: no two calls are alike */
    bool may_draw;  /* random numbers may be drawn here */
    bool training;  /* in a loss, but not in the samplers it runs: the batch may be crossed */
    Point *point;   /* the data point of this entry function; NULL: there is none */
    bool evaluates; /* @eval is being made */
    Requirements *requirements; /* so far; NULL: none */
    bool in_laplacian;          /* whose function gives nothing but its value */
    ModelSums *model_sums;      /* of the optimizer's step; NULL elsewhere */
    const Dims *expect;         /* shape wanted of the call that is evaluated next, or NULL */
    const Activation *act;      /* whose text is being elaborated */
    struct {
        const Decl *decl;
        uint8_t state;
    } * pointwise; /* what is_pointwise has found out */
    size_t n_pointwise, cap_pointwise;
    uint32_t next_slot;
    uint32_t n_functions;
    File **file;
    size_t n_files, cap_files;
    File *prelude, *main;
    File *options;      /* where the request's expressions stand */
    FnVal **builtin_fn; /* one a builtin, once asked for */
    ParamInfo *param;
    size_t n_params, cap_params;
    NetDraws net_draws;
    NetPlace *net_place; /* of the present entry function */
    size_t n_net_places, cap_net_places;
    NetState **net_state;
    size_t n_net_states, cap_net_states;
    Settings settings[HYPER_OWNERS];
    ProgramHyper *hyper;
    size_t n_hypers, cap_hypers;
    ProgramData *data;
    size_t n_data, cap_data;
    const Binding *time;  /* `t` and its like, for expressions of the request */
    const Expr **setting; /* one a hyper: the request's expression, once parsed */
    size_t cap_settings;
    ProgramData *given;
    size_t n_given, cap_given;
    struct {
        const char *batch_size, *batch_index, *training;
        const char *t, *n_steps, *n_warmup, *warming_up, *inf, *pi, *underscore, *real, *int_,
            *bool_, *transpose;
    } word;
};

/* Reports message `code`; the value is the Diag. */
#define complain(e, code, ...) diag_add((e)->diags, DIAG_##code, __VA_ARGS__)
#define FAIL(e, code, ...) (complain(e, code, __VA_ARGS__), POISON)

/* ---- values (elab_value.c) ---- */

Value elab_value_int(int64_t i);
Value elab_value_real(double r);
Value elab_value_bool(bool b);
Value elab_value_ref(Elab *e, Ref r); /* of the present frame */
Value elab_value_fn(FnVal *fn);
Value elab_value_tuple(Elab *e, uint32_t n, const Value *item); /* copies */
Value elab_value_chain(const struct ChainVal *chain);
struct ChainVal *elab_copy_chain(Elab *e, const struct ChainVal *chain);

bool elab_is_poison(Value v); /* also of tuples that hold one */
bool elab_has_chain(Value v); /* is one, or holds some */
bool elab_is_static(Value v); /* a number known while compiling */
bool elab_is_number(Value v); /* static, or a node */
/* Type of a number; a static real has the dtype of reals. */
Type elab_value_type(const Elab *e, Value v);
bool elab_is_scalar(const Elab *e, Value v);
bool elab_is_wide(const Elab *e, Value v);

/* "real[3]", "(int, bool)", "a function": for messages. */
const char *elab_type_text(const Elab *e, Type t);
const char *elab_value_text(const Elab *e, Value v);
const char *elab_dims_text(const Elab *e, Dims d);
const char *elab_expr_text(const Elab *e, Span span); /* as written, on one line */

/* The node of number v in the present frame, in dtype d (DT_none: its own). */
Ref elab_ref_of(Elab *e, Value v, DType d);
/* A number in dtype d: a static one stays static where d can hold it. */
Value elab_convert(Elab *e, Value v, DType d);
/* Number v in exactly type t, scalars and sizes 1 stretched; false if its shape does not fit.
 */
bool elab_fit(Elab *e, Value *v, Type t);

/* The numbers in v, tuples taken apart, in order; false if there are other things in it. */
bool elab_flatten(Elab *e, Value v, Value *ret, uint32_t *n, uint32_t cap);
/* The same, chains taken apart too. */
bool elab_flatten_all(Elab *e, Value v, Value *ret, uint32_t *n, uint32_t cap);
enum { MAX_LEAVES = 256 };
/* v with its numbers replaced by `leaf`, in order. */
Value elab_unflatten(Elab *e, Value v, const Value *leaf, uint32_t *n);

/* Makes a and b one type (int to real, scalar dtypes widened) inside their regions ra, rb. */
bool elab_unify(Elab *e, Value *a, RegionId ra, Value *b, RegionId rb, Mode mode);

/* ---- frames, inputs, draws (elab_frame.c) ---- */

Frame *elab_frame_new(Elab *e, const char *name, Frame *outer);
Ref elab_import_ref(Elab *e, Frame *frame, Value v, Span span);
/* The input of the entry function around; made when first asked for. */
Value elab_entry_input(Elab *e, InputKind kind, const char *name, Type type, Variance variance);
Value elab_draw_value(Elab *e, Distribution dist, Type type);
/* The text of a network begins, whose draws belong to that instance; gives what was before. */
NetDraws elab_enter_network(Elab *e, const char *path);
void elab_nest_enter(Elab *e, Nest *nest, unsigned rank, const Ref *index,
                     const uint32_t *extent);
void elab_nest_leave(Elab *e);

/* ---- files (elab_file.c) ---- */

bool elab_load_files(Elab *e);
void elab_load_all_std(Elab *e);
/* The library's file that declares it, or NULL; others are not read for it. */
File *elab_find_std(Elab *e, DeclKind kind, const char *name);
/* The file in which the request's expressions stand: it sees the main file, what that imports,
 * and the whole library. */
File *elab_options_file(Elab *e);
/* What expression x of the request sees; a number sees nothing, and no library is read for it.
 */
Env elab_options_env(Elab *e, const Expr *x);
Env elab_file_env(File *file);

/* ---- data (elab_data.c) ---- */

/* What the request says of the data of that name; NULL: nothing. */
const ProgramShape *elab_given_shape(const Elab *e, const char *name);
/* The data of this file in whose shape `name` is; NULL if there is none. */
const Decl *elab_names_dim(const File *f, const char *name);
Value elab_dim_value(Elab *e, File *f, const Decl *d, const char *name);
Value elab_data_value(Elab *e, File *f, const Decl *d);

/* ---- names (elab_lookup.c) ---- */

const Binding *elab_find_local(const Env *env, const char *name);
/* A declaration that `name` means in `file`; NULL if there is none. */
const Decl *elab_find_decl(File *file, const char *name, File **ret_file);
FnVal *elab_fn_of_decl(Elab *e, File *file, const Decl *d);
Value elab_decl_value(Elab *e, File *file, const Decl *d);
Value elab_lookup(Elab *e, const Env *env, const char *name, Span span);
/* Says so if `name` means nothing there. */
void elab_check_name(Elab *e, const Env *env, const char *name, Span span);
void elab_bind(Elab *e, Env *env, const char *name, Value v, Span span);
void elab_bind_var(Elab *e, Env *env, const char *name, Value v, Span span);

/* ---- expressions (elab_expr.c, elab_op.c, elab_index.c, elab_loop.c) ---- */

Value elab_eval(Elab *e, const Env *env, const Expr *x, Mode mode);
/* A whole number known while compiling; what: "a size", for the message. */
bool elab_static_int(Elab *e, const Env *env, const Expr *x, const char *what, int64_t *ret);
Value elab_arith(Elab *e, AstOp op, Value a, Value b, Mode mode, Span span);
Value elab_compare(Elab *e, AstOp op, Value a, Value b, Span span);
Value elab_logic(Elab *e, AstOp op, Value a, Value b, Span span);
Value elab_negate(Elab *e, Value a, Mode mode, Span span);
Value elab_apply_pointwise(Elab *e, Op op, const Value *arg, unsigned n, Span span);
/* Broadcasts numbers to one shape, in dtype d; false after an error. */
bool elab_align(Elab *e, Value *arg, unsigned n, Span span);
Value elab_index(Elab *e, const Env *env, Value base, const Expr *x, Mode mode);
Value elab_index_value(Elab *e, Value base, uint32_t n, const Value *index, Span span);
/* The array `base` with base[index...] = v; owned: no other name reads `base`. */
Value elab_assign_index(Elab *e, const Env *env, Value base, bool owned, uint32_t n,
                        const Expr *const *index, Value v, Span span, bool *ret_owned);
Value elab_comprehension(Elab *e, const Env *env, const Expr *x, Mode mode);
Value elab_reduction(Elab *e, const Env *env, FoldKind kind, bool mean, const Expr *x,
                     Mode mode);
Value elab_call_lifted(Elab *e, FnVal *fn, const Call *call, Mode mode);
Value elab_shifted_log(Elab *e, Value largest, Value sum, Mode mode, Span span);
Value elab_choose(Elab *e, Value condition, Value a, Value b, Span span);
/* Ends two regions begun one after the other with what they give; the `if` of them. */
Value elab_join_regions(Elab *e, Value condition, RegionId then, Value a, RegionId otherwise,
                        Value b, Mode mode, Span span);

/* ---- calls (elab_call.c, elab_static.c) ---- */

Value elab_call_fn(Elab *e, FnVal *fn, const Call *call, Mode mode);
const Param *elab_find_param(const Decl *d, const char *name);
/* Complains of an argument of call x that the declaration does not have. */
void elab_no_such_argument(Elab *e, const Decl *d, const Arg *a, const Expr *x);
/* An array for an argument that is declared as a number; NO_VALUE if v is no array. */
Value elab_coerce_lifted(Elab *e, Value v, const AstType *t, Span span, const char *name);
Value elab_call(Elab *e, const Env *env, const Expr *x, const Value *piped, Span piped_span,
                Mode mode);
Value elab_with_statics(Elab *e, const Env *env, FnVal *fn, const Expr *x);
Mode elab_arg_mode(Mode mode);
/* Is the function one of numbers, made of elementwise operations alone? */
bool elab_is_pointwise(Elab *e, File *file, const Decl *d);
/* Does it take and give numbers alone, so that it lifts over arrays? */
bool elab_is_liftable(const Decl *d);
/* Closures outlive the call that made them, so activations live in the arena. */
const Activation *elab_enter_text(Elab *e, const Decl *d, const Activation *caller, Span call);
Value elab_call_derived(Elab *e, FnVal *fn, const Call *call, Mode mode);
const Value *elab_named_arg(const Call *call, const char *name);
bool elab_push_depth(Elab *e, Span span);

/* Static parameters being found. */
typedef struct Solve {
    const Decl *decl;
    Value *value; /* one a static */
    Span *said;   /* where an option says it, for those of which one does */
    Span span;
    bool failed;
} Solve;
void elab_solve_begin(Elab *e, Solve *s, const FnVal *fn, Span span);
void elab_solve_match(Elab *e, Solve *s, const AstType *type, Dims actual, Span span,
                      const char *what);
void elab_solve_end(Elab *e, Solve *s, Env *env);
/* Notes at an error about an expression which of the static parameters in it are options' and
 * not the program's. */
void elab_note_options(Elab *e, const Env *env, Diag *d, const Expr *x);
bool elab_type_of(Elab *e, const Env *env, const AstType *t, Type *ret);
bool elab_is_scalar_type(const AstType *t);
bool elab_is_value_type(const AstType *t); /* of numbers: not functions, not tuples */
/* Converts an argument, default or result to its declared type. */
Value elab_coerce(Elab *e, const Env *env, Value v, const AstType *t, Span span,
                  const char *what);

/* ---- bodies (elab_stmt.c, elab_network.c) ---- */

Value elab_run_body(Elab *e, Env *env, const Body *body, Mode mode);
/* `require` of a condition that is not known while compiling (elab_require.c). */
void elab_require(Elab *e, Env *env, const Stmt *s, Value condition);
/* A body begins whose result is to be NaN unless what it requires holds; v: that result. */
void elab_open_required(Elab *e, Env *env, const Body *body, Span span);
Value elab_close_required(Elab *e, const Env *env, Value v, Span span);
/* An index of one of `size` elements: where data supply it, it is checked before a run. */
void elab_require_index(Elab *e, Value index, int64_t size, Span span);
void elab_end_requirements(Elab *e); /* @require, and what it says */
void elab_run_stmts(Elab *e, Env *env, Stmt *const *stmts, uint32_t n);
Value elab_bind_param(Elab *e, Env *env, const Stmt *s);
/* Makes known a parameter or a state of the network whose body this is; NULL after an error. */
const ParamInfo *elab_register_param(Elab *e, const ParamInfo *p, const char *own,
                                     const AstType *type);
/* `E.hidden`: what the body of a network declares. */
Value elab_network_member(Elab *e, FnVal *fn, const Expr *x);
void elab_bind_layer(Elab *e, Env *env, const Stmt *s);
/* Evaluates `~ x` or `= x` as an array of type t. */
Value elab_initial(Elab *e, const Env *env, const Expr *init, const Expr *value, Type t,
                   Span span);
/* Does a statement read a name?  By its text alone. */
bool elab_mentions(const Stmt *s, const char *name);
bool elab_expr_mentions(const Expr *x, const char *name);
/* Does the body of a loop pick from a list by what the loop makes known? */
bool elab_uses_list(const Env *env, const Body *body, Gen *const *gen, uint32_t n_gens);

/* The main file's recipe, if it has one; false if it has two (elab_recipe.c). */
bool elab_recipe(Elab *e, DeclKind kind, ProgramRecipe *ret);
/* Says which names of a recipe mean nothing (elab_names.c). */
void elab_check_recipe(Elab *e, const Decl *d);

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
const Builtin *elab_find_builtin(const char *name);
const Builtin *elab_builtin_table(size_t *ret_n);

/* ---- training (elab_train.c and what it calls) ---- */

/* A `given` argument, or a value that a loss takes, of the present data point. */
Value elab_column(Elab *e, const Env *env, const Param *p);
/* Outside all branches and loops, where all data points go the same way? */
bool elab_in_body(const Elab *e);
/* Is the number known to be the same for all data points? */
bool elab_is_uniform(Elab *e, Value v);
void elab_know_uniform(Elab *e, Frame *frame, Ref r);
/* `training`, `batch_size`, `batch_index`; NO_VALUE: another name. */
Value elab_training_name(Elab *e, const char *name, Span span);
/* Networks' state: bound for reading, assigned, and carried out of an inner function as
 * further results. */
void elab_bind_net_state(Elab *e, Env *env, const Stmt *s);
void elab_assign_net_state(Elab *e, NetState *s, Value v, Span span);
uint32_t elab_export_net_states(Elab *e, const Frame *inner, Ref *ret, uint32_t cap);
void elab_import_net_states(Elab *e, const Frame *inner, Ref node, uint32_t first);
/* Replay buffers of a loss. */
void elab_bind_buffer(Elab *e, Env *env, const Stmt *s);
bool elab_is_buffer_call(const Env *env, const Expr *x);
Value elab_call_buffer(Elab *e, const Env *env, const Expr *x);
Value elab_buffer_member(Elab *e, const Env *env, Value v, const Expr *x);
/* The variable that `c.value` stands for; NULL if it is none. */
const Binding *elab_slot_target(const Env *env, const Expr *x);
Value elab_with_slots(Elab *e, const Env *env, Value v); /* what a loss returns */

/* ---- entry functions (elab_entry.c, elab_hyper.c, elab_sampler.c) ---- */

/* A request as it is elaborated: what it names, with static arguments. */
typedef struct Roles {
    FnVal *energy, *sampler, *loss, *optimizer, *dataset; /* or NULL */
} Roles;
/* @train, @memory, @slots. */
bool elab_build_training(Elab *e, const Roles *r, Type x);
/* Each by itself, for its errors. */
void elab_try_loss(Elab *e, FnVal *loss);
void elab_try_optimizer(Elab *e, FnVal *optimizer);
void elab_try_dataset(Elab *e, FnVal *dataset);
/* @start of a data set by itself. */
bool elab_build_dataset(Elab *e, FnVal *dataset);

/* The value of a parameter that the call leaves out; NO_VALUE if it has no default. */
Value elab_default_value(Elab *e, const Env *env, FnVal *fn, const Param *p);
/* A hyperparameter of a sampler or optimizer: an input, or what the request, `text` (where it
 * was named, or NULL) or the default says. */
Value elab_tuned_value(Elab *e, const Env *env, const Tuning *of, const Decl *d, const Param *p,
                       const Named *text, Span *ret_span);
/* Says which settings of samplers inside others name nothing; after all was elaborated. */
bool elab_check_nested(Elab *e);
/* Binds an argument to the hyperparameter that it is. */
void elab_bind_hyper(Elab *e, Env *env, HyperOwner owner, const Decl *d, const Param *p);
/* Where that value is written: an option, or the default. */
Span elab_hyper_span(Elab *e, const Env *env, HyperOwner owner, const Param *p);
/* A bool of the kernel: what it is, if constants and hyperparameters of the loss alone say so.
 * Those are fixed then. */
Value elab_decide(Elab *e, Value condition);
/* Is the argument used where sizes stand? */
bool elab_in_shape(const Decl *d, const char *name);
void elab_range_of(Elab *e, const Env *env, const Range *r, double *low, double *high,
                   bool *low_open, bool *high_open);
const Expr *elab_parse_setting(Elab *e, const ProgramSetting *s, const char *prefix);
/* The names `t`, `n_steps`, `n_warmup`, `warming_up`, with these values. */
const Binding *elab_time(Elab *e, Value t, Value n_steps, Value n_warmup);
/* env with them in front: in an argument they are those of whose argument it is. */
Env elab_in_time(Elab *e, const Env *env);
/* Binds `t` and its like: to inputs in a step, to zeros elsewhere; training has no warm-up. */
typedef enum TimeKind { TIME_zero, TIME_step, TIME_training } TimeKind;
void elab_bind_time(Elab *e, TimeKind kind);
/* Gives an entry function its results. */
void elab_end_entry(Elab *e, uint32_t n, const Ref *r, const Output *output);
bool elab_build_sampler(Elab *e, FnVal *energy, FnVal *sampler, Type x);
/* Is the argument the energy that a sampler or a loss is written for? */
bool elab_is_energy_param(const Param *p);
/* Static parameters of a function whose arguments are not at hand. */
void elab_bind_statics(Elab *e, FnVal *fn, Env *env);
bool elab_is_state_param(const Param *p);
Elab *elab_new(const ElabRequest *request, Program *program);

/* ---- what the request names (elab_request.c) ---- */

/* The file that declares it: the main file, those it imports, else any of the library. */
File *elab_declared_in(Elab *e, DeclKind kind, const char *name);
void elab_take_settings(Elab *e);
/* A declaration by its name, which may have arguments: `adam(lr = 1e-3)`; text NULL: the last
 * energy of the file. */
FnVal *elab_find_wanted(Elab *e, const char *text, DeclKind kind, HyperOwner owner);
/* The request's static parameters, one an entry; NULL after an error. */
const Expr *const *elab_parse_statics(Elab *e);
/* The function with those of them that it has, and with those that are settings. */
FnVal *elab_give_statics(Elab *e, FnVal *fn, HyperOwner owner, const Expr *const *statics);
/* Static parameters and settings that name nothing; fn[0] is not NULL. */
void elab_check_statics(Elab *e, FnVal *const *fn, unsigned n, const Expr *const *statics);
void elab_check_settings(Elab *e, const Decl *d, HyperOwner owner);

#endif
