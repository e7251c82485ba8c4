/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.y -- the grammar of .ebm
 *
 * Operators are stratified rather than given precedences, every level twice: X_e is
 * closed, X_o ends in an anonymous function, whose body reaches as far right as it can.
 * So the bounds of a range (`real > 0 < 1`) are simply `add_e`.  An action is one call.
 */
%require "3.8"
%define api.pure full
%define api.prefix {ebm_yy}
%define api.location.type {Span}
%define api.value.type union
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param { yyscan_t scanner }
%parse-param { Syntax *s }
%initial-action { @$ = (Span){s->file, s->at, s->at}; (void)yynerrs; }

%code requires {
#include "frontend/build.h"
#ifndef YY_TYPEDEF_YY_SCANNER_T
#define YY_TYPEDEF_YY_SCANNER_T
typedef void *yyscan_t;
#endif
}
%code {
/* The stack does not grow: so deep an input is an error, and nothing is allocated. */
#define YYMAXDEPTH 4000
#define YYINITDEPTH 4000
#define YYLLOC_DEFAULT(cur, rhs, n)                                                         \
    ((cur) = (n) ? (Span){YYRHSLOC(rhs, 1).file, YYRHSLOC(rhs, 1).begin, YYRHSLOC(rhs, n).end} \
                 : (Span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end})

int ebm_yylex(EBM_YYSTYPE *value, EBM_YYLTYPE *span, yyscan_t scanner);
static void yyerror(const Span *at, yyscan_t scanner, Syntax *s, const char *what);
}

%token END 0 "end of file"  SEP "end of line"  START_FILE START_EXPR
%token <const char *> NAME "a name" INT "an integer" REAL "a number" STRING "a string"
%token TRUE "'true'" FALSE "'false'"
/* reserved */
%token IMPORT "'import'" CONST "'const'" FN "'fn'" LET "'let'" VAR "'var'" RETURN "'return'" IF "'if'"
%token ELSE "'else'" FOR "'for'" IN "'in'" WHILE "'while'" AND "'and'" OR "'or'" NOT "'not'"
/* words with a meaning in one place, names elsewhere; the scanner sets NAME,
   a member of the union of the same type as theirs */
%token <const char *> ENERGY "'energy'" NETWORK "'network'" SAMPLER "'sampler'" LOSS "'loss'"
%token <const char *> OPTIMIZER "'optimizer'" DATASET "'dataset'" DATA "'data'" TRAIN "'train'" SAMPLE "'sample'"
%token <const char *> PARAM "'param'" LAYER "'layer'" BUFFER "'buffer'" STATE "'state'" CACHE "'cache'"
%token <const char *> STEP "'step'" REPORT "'report'" REQUIRE "'require'" GIVEN "'given'" AT "'at'"
%token <const char *> MOST "'most'" DERIVATIVE "'derivative'"
%token ARROW "'->'" PIPE "'|>'" BAR "'|'" ELLIPSIS "'...'" DOTDOT "'..'"
%token EQ "'=='" NE "'!='" LT "'<'" LE "'<='" GT "'>'" GE "'>='"
%token ASSIGN "'='" ADD_TO "'+='" SUB_FROM "'-='" MUL_BY "'*='" DIV_BY "'/='" TILDE "'~'"
%token PLUS "'+'" MINUS "'-'" STAR "'*'" SLASH "'/'" SLASHES "'//'" PERCENT "'%'" HAT "'^'" MATMUL "'@'"
%token COMMA "','" COLON "':'" DOT "'.'" LPAREN "'('" RPAREN "')'" LBRACKET "'['" RBRACKET "']'"
%token LBRACE "'{'" RBRACE "'}'"

%nterm <List *> decls settings settings_opt statics static_args params param_list fields fields_opt dims
%nterm <List *> block_stmts stmts patterns names lvalues exprs args arg_list indices elems gens
%nterm <List *> lambda_params lets
%nterm <Decl *> decl local_fn
%nterm <DeclKind> kind
%nterm <Setting *> setting
%nterm <Static *> static_arg
%nterm <Param *> param param_head lambda_param
%nterm <AstType *> type base_type
%nterm <Field *> field
%nterm <Range *> range bounds
%nterm <Body *> body block lambda_body for_body branch else_if
%nterm <Stmt *> stmt if_stmt let
%nterm <Pattern *> pattern name_pattern typed_name
%nterm <Gen *> gen
%nterm <Arg *> arg index elem
%nterm <AstOp> bound_op cmp_op add_op mul_op assign_op
%nterm <const char *> key name plain_name most_names
%nterm <Expr *> expr lvalue dim postfix array if_expr atom lambda call_stmt derivative
%nterm <Expr *> or_e or_o and_e and_o not_e not_o cmp_e cmp_o pipe_e pipe_o
%nterm <Expr *> add_e add_o mul_e mul_o unary_e unary_o power_e power_o
%%
start:    START_FILE file
        | START_EXPR seps_opt expr seps_opt      { s->expr = $expr; } ;

/* separators: a newline that counts, or ';' */
seps:     SEP                                    { yyerrok; }
        | seps SEP                               { yyerrok; } ;
seps_opt: %empty | seps ;
comma_opt: %empty | COMMA ;

/* ---- declarations ---- */

file:     seps_opt                               { build_file(s, list_of(s, NULL)); }
        | seps_opt decls seps_opt                { build_file(s, $decls); } ;
decls:    decl                                   { $$ = list_of(s, $1); }
        | decls seps decl                        { $$ = list_add(s, $1, $3); } ;

decl:     IMPORT STRING                          { $$ = build_import(s, @$, $2); }
        | CONST name COLON type ASSIGN expr      { $$ = build_value(s, @$, DECL_CONST, $name, @name, $type, $expr); }
        | CONST name ASSIGN expr                 { $$ = build_value(s, @$, DECL_CONST, $name, @name, NULL, $expr); }
        | DATA name COLON type                   { $$ = build_value(s, @$, DECL_DATA, $name, @name, $type, NULL); }
        | kind name statics params ARROW type body derivative
                                                 { $$ = build_callable(s, @$, $kind, $name, @name, $statics, $params, $type, $body, $derivative); }
        | SAMPLER name statics params block      { $$ = build_callable(s, @$, DECL_SAMPLER, $name, @name, $statics, $params, NULL, $block, NULL); }
        | OPTIMIZER name statics params block    { $$ = build_callable(s, @$, DECL_OPTIMIZER, $name, @name, $statics, $params, NULL, $block, NULL); }
        | TRAIN LBRACE settings_opt RBRACE       { $$ = build_recipe(s, @$, DECL_TRAIN, @1, $3); }
        | SAMPLE LBRACE settings_opt RBRACE      { $$ = build_recipe(s, @$, DECL_SAMPLE, @1, $3); }
        | error                                  { $$ = NULL; }
        | error block                            { $$ = NULL; } ;

local_fn: FN name statics params ARROW type body derivative
                                                 { $$ = build_callable(s, @$, DECL_FN, $name, @name, $statics, $params, $type, $body, $derivative); } ;
kind:     FN                                     { $$ = DECL_FN; }
        | NETWORK                                { $$ = DECL_NETWORK; }
        | ENERGY                                 { $$ = DECL_ENERGY; }
        | LOSS                                   { $$ = DECL_LOSS; }
        | DATASET                                { $$ = DECL_DATASET; } ;
body:     block
        | ASSIGN expr                            { $$ = build_body(s, @expr, false, NULL, $expr); } ;
derivative: %empty                               { $$ = NULL; }
        | DERIVATIVE expr                        { $$ = $expr; } ;

settings_opt: seps_opt                           { $$ = list_of(s, NULL); }
        | seps_opt settings seps_opt             { $$ = $settings; } ;
settings: setting                                { $$ = list_of(s, $1); }
        | settings seps setting                  { $$ = list_add(s, $1, $3); } ;
setting:  key ASSIGN expr                        { $$ = build_setting(s, @$, $key, @key, $expr); }
        | error                                  { $$ = NULL; } ;
key:      name
        | key DOT name                           { $$ = build_dotted(s, $1, $name); } ;

statics:  %empty                                 { $$ = list_of(s, NULL); }
        | LBRACKET static_args comma_opt RBRACKET { $$ = $static_args; } ;
static_args: static_arg                          { $$ = list_of(s, $1); }
        | static_args COMMA static_arg           { $$ = list_add(s, $1, $3); } ;
static_arg: name                                 { $$ = build_static(s, @$, $name, @name, false, NULL); }
        | name ASSIGN expr                       { $$ = build_static(s, @$, $name, @name, false, $expr); }
        | name ELLIPSIS                          { $$ = build_static(s, @$, $name, @name, true, NULL); } ;

/* the head of a declaration may go on in the next line */
params:   LPAREN RPAREN                          { $$ = list_of(s, NULL); }
        | LPAREN param_list comma_opt RPAREN     { $$ = $param_list; }
        | SEP LPAREN RPAREN                      { $$ = list_of(s, NULL); }
        | SEP LPAREN param_list comma_opt RPAREN { $$ = $param_list; } ;
param_list: param                                { $$ = list_of(s, $1); }
        | param_list COMMA param                 { $$ = list_add(s, $1, $3); } ;
param:    param_head                             { $$ = build_argument(s, @$, $1, false, NULL, NULL); }
        | param_head TILDE expr[i]               { $$ = build_argument(s, @$, $1, false, $i, NULL); }
        | param_head ASSIGN expr[v]              { $$ = build_argument(s, @$, $1, false, NULL, $v); }
        | param_head TILDE expr[i] ASSIGN expr[v] { $$ = build_argument(s, @$, $1, false, $i, $v); }
        | GIVEN param_head                       { $$ = build_argument(s, @$, $2, true, NULL, NULL); }
        | GIVEN param_head ASSIGN expr[v]        { $$ = build_argument(s, @$, $2, true, NULL, $v); } ;
param_head: name COLON type                      { $$ = build_param(s, @$, $name, @name, $type); } ;

/* ---- types ---- */

type:     base_type range                        { $$ = build_ranged(s, @$, $1, $2); } ;
base_type: name                                  { $$ = build_named_type(s, @$, $name, NULL); }
        | name LBRACKET dims comma_opt RBRACKET  { $$ = build_named_type(s, @$, $name, $dims); }
        | LPAREN fields comma_opt RPAREN         { $$ = build_type(s, @$, TYPE_TUPLE, $fields); }
        | FN                                     { $$ = build_any_fn(s, @$); }
        | FN LPAREN fields_opt RPAREN ARROW base_type[r] { $$ = build_fn_type(s, @$, $fields_opt, $r); }
        | ENERGY LPAREN fields comma_opt RPAREN  { $$ = build_type(s, @$, TYPE_ENERGY, $fields); } ;
range:    %empty                                 { $$ = NULL; }
        | bounds
        | IN add_e[lo] DOTDOT add_e[hi]          { $$ = build_range(s, @$, $lo, $hi); } ;
bounds:   bound_op add_e                         { $$ = build_bound(s, @$, NULL, $bound_op, $add_e); }
        | bounds bound_op add_e                  { $$ = build_bound(s, span_join(@bound_op, @add_e), $1, $bound_op, $add_e); } ;
bound_op: LT                                     { $$ = AST_OP_LT; }
        | LE                                     { $$ = AST_OP_LE; }
        | GT                                     { $$ = AST_OP_GT; }
        | GE                                     { $$ = AST_OP_GE; } ;
fields:   field                                  { $$ = list_of(s, $1); }
        | fields COMMA field                     { $$ = list_add(s, $1, $3); } ;
fields_opt: %empty                               { $$ = list_of(s, NULL); }
        | fields comma_opt                       { $$ = $fields; } ;
field:    type                                   { $$ = build_field(s, @$, NULL, @$, $type); }
        | name COLON type                        { $$ = build_field(s, @$, $name, @name, $type); } ;
dims:     dim                                    { $$ = list_of(s, $1); }
        | dims COMMA dim                         { $$ = list_add(s, $1, $3); } ;
dim:      expr
        | name ELLIPSIS                          { $$ = build_pack(s, @$, $name); } ;

/* ---- statements ---- */

block:    LBRACE block_stmts RBRACE              { $$ = build_body(s, @$, true, $block_stmts, NULL); } ;
block_stmts: seps_opt                            { $$ = list_of(s, NULL); }
        | seps_opt stmts seps_opt                { $$ = $stmts; } ;
stmts:    stmt                                   { $$ = list_of(s, $1); }
        | stmts seps stmt                        { $$ = list_add(s, $1, $3); } ;

stmt:     let
        | VAR patterns ASSIGN exprs              { $$ = build_binding(s, @$, STMT_VAR, $patterns, $exprs, NULL); }
        | STATE names ASSIGN exprs               { $$ = build_binding(s, @$, STMT_STATE, $names, $exprs, NULL); }
        | STATE names TILDE expr                 { $$ = build_binding(s, @$, STMT_STATE, $names, NULL, $expr); }
        | CACHE names ASSIGN exprs               { $$ = build_binding(s, @$, STMT_CACHE, $names, $exprs, NULL); }
        | CONST name COLON type ASSIGN expr      { $$ = build_named(s, @$, STMT_CONST, $name, @name, $type, $expr); }
        | CONST name ASSIGN expr                 { $$ = build_named(s, @$, STMT_CONST, $name, @name, NULL, $expr); }
        | lvalues assign_op exprs                { $$ = build_assign(s, @$, $lvalues, $assign_op, $exprs); }
        | call_stmt                              { $$ = build_call_stmt(s, @$, $1); }
        | RETURN exprs                           { $$ = build_return(s, @$, $exprs); }
        | REPORT name ASSIGN expr                { $$ = build_named(s, @$, STMT_REPORT, $name, @name, NULL, $expr); }
        | REQUIRE expr COMMA STRING              { $$ = build_require(s, @$, $expr, $STRING); }
        | if_stmt
        | FOR gen block                          { $$ = build_loop(s, @$, $gen, $block); }
        | WHILE expr[c] COMMA AT MOST expr[n] block { $$ = build_block(s, @$, STMT_WHILE, $c, $n, $block, NULL); }
        | PARAM name COLON type                  { $$ = build_member_of(s, @$, STMT_PARAM, $name, @name, NULL, $type, false, NULL); }
        | PARAM name COLON type TILDE expr       { $$ = build_member_of(s, @$, STMT_PARAM, $name, @name, NULL, $type, false, $expr); }
        | PARAM name COLON type ASSIGN expr      { $$ = build_member_of(s, @$, STMT_PARAM, $name, @name, NULL, $type, true, $expr); }
        | LAYER name ASSIGN expr                 { $$ = build_member_of(s, @$, STMT_LAYER, $name, @name, NULL, NULL, true, $expr); }
        | LAYER name LBRACKET expr[n] RBRACKET ASSIGN expr[v]
                                                 { $$ = build_member_of(s, @$, STMT_LAYER, $name, @name, list_of(s, $n), NULL, true, $v); }
        | BUFFER name LBRACKET dims comma_opt RBRACKET COLON type
                                                 { $$ = build_member_of(s, @$, STMT_BUFFER, $name, @name, $dims, $type, false, NULL); }
        | BUFFER name LBRACKET dims comma_opt RBRACKET COLON type TILDE expr
                                                 { $$ = build_member_of(s, @$, STMT_BUFFER, $name, @name, $dims, $type, false, $expr); }
        | BUFFER name LBRACKET dims comma_opt RBRACKET COLON type ASSIGN expr
                                                 { $$ = build_member_of(s, @$, STMT_BUFFER, $name, @name, $dims, $type, true, $expr); }
        | STEP block                             { $$ = build_block(s, @$, STMT_STEP, NULL, NULL, $block, NULL); }
        | local_fn                               { $$ = build_local(s, $1); }
        | error                                  { $$ = NULL; }
        | error block                            { $$ = NULL; } ;
let:      LET patterns ASSIGN exprs              { $$ = build_binding(s, @$, STMT_LET, $patterns, $exprs, NULL); } ;

if_stmt:  IF expr block                          { $$ = build_block(s, @$, STMT_IF, $expr, NULL, $block, NULL); }
        | IF expr block[a] ELSE block[b]         { $$ = build_block(s, @$, STMT_IF, $expr, NULL, $a, $b); }
        | IF expr block[a] ELSE if_stmt[b]       { $$ = build_block(s, @$, STMT_IF, $expr, NULL, $a, build_else_if(s, @b, $b)); } ;

assign_op: ASSIGN                                { $$ = AST_OP_NONE; }
        | ADD_TO                                 { $$ = AST_OP_ADD; }
        | SUB_FROM                               { $$ = AST_OP_SUB; }
        | MUL_BY                                 { $$ = AST_OP_MUL; }
        | DIV_BY                                 { $$ = AST_OP_DIV; } ;

/* `let` and `var` take patterns; `state` and `cache` begin as a call may, so names only */
patterns: pattern                                { $$ = list_of(s, $1); }
        | patterns COMMA pattern                 { $$ = list_add(s, $1, $3); } ;
pattern:  name_pattern
        | LPAREN patterns RPAREN                 { $$ = build_pattern(s, @$, NULL, NULL, $patterns); } ;
names:    name_pattern                           { $$ = list_of(s, $1); }
        | names COMMA name_pattern               { $$ = list_add(s, $1, $3); } ;
name_pattern: name                               { $$ = build_pattern(s, @$, $name, NULL, NULL); }
        | typed_name ;
typed_name: name COLON type                      { $$ = build_pattern(s, @$, $name, $type, NULL); } ;

/* what may be assigned; `require` begins a statement of its own */
lvalues:  lvalue                                 { $$ = list_of(s, $1); }
        | lvalues COMMA lvalue                   { $$ = list_add(s, $1, $3); } ;
lvalue:   plain_name                             { $$ = build_name(s, @$, $1); }
        | lvalue[x] LBRACKET[at] indices comma_opt RBRACKET { $$ = build_index(s, @$, @at, $x, $indices); }
        | lvalue[x] DOT name                     { $$ = build_member(s, @$, @name, $x, $name); } ;
call_stmt: lvalue[f] LPAREN[at] args RPAREN      { $$ = build_call(s, @$, @at, $f, $args); } ;

exprs:    expr                                   { $$ = list_of(s, $1); }
        | exprs COMMA expr                       { $$ = list_add(s, $1, $3); } ;

name:     most_names | REQUIRE ;
plain_name: most_names ;
most_names: NAME | ENERGY | NETWORK | SAMPLER | LOSS | OPTIMIZER | DATASET | DATA | TRAIN | SAMPLE | PARAM
        | LAYER | BUFFER | STATE | CACHE | STEP | REPORT | GIVEN | AT | MOST | DERIVATIVE ;

/* ---- expressions ---- */

expr:     or_e | or_o ;
or_e:     and_e
        | or_e[x] OR and_e[y]                    { $$ = build_binary(s, @$, AST_OP_OR, @OR, $x, $y); } ;
or_o:     and_o
        | or_e[x] OR and_o[y]                    { $$ = build_binary(s, @$, AST_OP_OR, @OR, $x, $y); } ;
and_e:    not_e
        | and_e[x] AND not_e[y]                  { $$ = build_binary(s, @$, AST_OP_AND, @AND, $x, $y); } ;
and_o:    not_o
        | and_e[x] AND not_o[y]                  { $$ = build_binary(s, @$, AST_OP_AND, @AND, $x, $y); } ;
not_e:    cmp_e
        | NOT not_e[x]                           { $$ = build_unary(s, @$, AST_OP_NOT, @NOT, $x); } ;
not_o:    cmp_o
        | NOT not_o[x]                           { $$ = build_unary(s, @$, AST_OP_NOT, @NOT, $x); } ;
cmp_e:    pipe_e
        | pipe_e[x] cmp_op pipe_e[y]             { $$ = build_binary(s, @$, $cmp_op, @cmp_op, $x, $y); } ;
cmp_o:    pipe_o
        | pipe_e[x] cmp_op pipe_o[y]             { $$ = build_binary(s, @$, $cmp_op, @cmp_op, $x, $y); } ;
pipe_e:   add_e
        | pipe_e[x] PIPE add_e[y]                { $$ = build_binary(s, @$, AST_OP_PIPE, @PIPE, $x, $y); } ;
pipe_o:   add_o
        | pipe_e[x] PIPE add_o[y]                { $$ = build_binary(s, @$, AST_OP_PIPE, @PIPE, $x, $y); } ;
add_e:    mul_e
        | add_e[x] add_op mul_e[y]               { $$ = build_binary(s, @$, $add_op, @add_op, $x, $y); } ;
add_o:    mul_o
        | add_e[x] add_op mul_o[y]               { $$ = build_binary(s, @$, $add_op, @add_op, $x, $y); } ;
mul_e:    unary_e
        | mul_e[x] mul_op unary_e[y]             { $$ = build_binary(s, @$, $mul_op, @mul_op, $x, $y); } ;
mul_o:    unary_o
        | mul_e[x] mul_op unary_o[y]             { $$ = build_binary(s, @$, $mul_op, @mul_op, $x, $y); } ;
unary_e:  power_e
        | MINUS unary_e[x]                       { $$ = build_unary(s, @$, AST_OP_NEG, @MINUS, $x); } ;
unary_o:  power_o
        | MINUS unary_o[x]                       { $$ = build_unary(s, @$, AST_OP_NEG, @MINUS, $x); } ;
power_e:  atom
        | atom[x] HAT unary_e[y]                 { $$ = build_binary(s, @$, AST_OP_POW, @HAT, $x, $y); } ;
power_o:  lambda
        | atom[x] HAT unary_o[y]                 { $$ = build_binary(s, @$, AST_OP_POW, @HAT, $x, $y); } ;

cmp_op:   EQ                                     { $$ = AST_OP_EQ; }
        | NE                                     { $$ = AST_OP_NE; }
        | bound_op ;
add_op:   PLUS                                   { $$ = AST_OP_ADD; }
        | MINUS                                  { $$ = AST_OP_SUB; } ;
mul_op:   STAR                                   { $$ = AST_OP_MUL; }
        | SLASH                                  { $$ = AST_OP_DIV; }
        | SLASHES                                { $$ = AST_OP_IDIV; }
        | PERCENT                                { $$ = AST_OP_MOD; }
        | MATMUL                                 { $$ = AST_OP_AT; } ;

lambda:   BAR lambda_params BAR lambda_body      { $$ = build_lambda(s, @$, $lambda_params, $lambda_body); } ;
lambda_params: lambda_param                      { $$ = list_of(s, $1); }
        | lambda_params COMMA lambda_param       { $$ = list_add(s, $1, $3); } ;
lambda_param: name                               { $$ = build_param(s, @$, $name, @name, NULL); }
        | name COLON type                        { $$ = build_param(s, @$, $name, @name, $type); } ;
lambda_body: block
        | expr                                   { $$ = build_body(s, @$, false, NULL, $expr); } ;

atom:     postfix | array | if_expr
        | INT                                    { $$ = build_int(s, @$, $1); }
        | REAL                                   { $$ = build_real(s, @$, $1); }
        | STRING                                 { $$ = build_string(s, @$, $1); }
        | TRUE                                   { $$ = build_bool(s, @$, true); }
        | FALSE                                  { $$ = build_bool(s, @$, false); } ;

/* What may be called or indexed: names and parentheses, not numbers, not array literals (of
 * which only a member may be asked: `[...].T`), not if-expressions. */
postfix:  name                                   { $$ = build_name(s, @$, $name); }
        | LPAREN expr RPAREN                     { $$ = build_parens(@$, $expr); }
        | LPAREN elem COMMA elems comma_opt RPAREN { $$ = build_list(s, @$, EXPR_TUPLE, list_join(s, $elem, $elems)); }
        | postfix[f] LPAREN[at] args RPAREN      { $$ = build_call(s, @$, @at, $f, $args); }
        | postfix[x] LBRACKET[at] indices comma_opt RBRACKET { $$ = build_index(s, @$, @at, $x, $indices); }
        | postfix[x] DOT name                    { $$ = build_member(s, @$, @name, $x, $name); }
        | array[x] DOT name                      { $$ = build_member(s, @$, @name, $x, $name); } ;

args:     %empty                                 { $$ = list_of(s, NULL); }
        | arg_list comma_opt                     { $$ = $arg_list; } ;
arg_list: arg                                    { $$ = list_of(s, $1); }
        | arg_list COMMA arg                     { $$ = list_add(s, $1, $3); } ;
arg:      elem
        | name ASSIGN expr                       { $$ = build_arg(s, @$, $name, @name, $expr); }
        | FOR gens COLON for_body                { $$ = build_arg(s, @$, NULL, @$, build_for(s, @$, true, $gens, $for_body)); } ;

/* x[i, :, 1:3] and f[n, k = 3, S...] alike: what the name means decides later */
indices:  index                                  { $$ = list_of(s, $1); }
        | indices COMMA index                    { $$ = list_add(s, $1, $3); } ;
index:    elem
        | COLON                                  { $$ = build_arg(s, @$, NULL, @$, build_slice(s, @$, NULL, NULL)); }
        | expr COLON                             { $$ = build_arg(s, @$, NULL, @$, build_slice(s, @$, $1, NULL)); }
        | COLON expr                             { $$ = build_arg(s, @$, NULL, @$, build_slice(s, @$, NULL, $2)); }
        | expr[a] COLON expr[b]                  { $$ = build_arg(s, @$, NULL, @$, build_slice(s, @$, $a, $b)); }
        | name ASSIGN expr                       { $$ = build_arg(s, @$, $name, @name, $expr); }
        | name ELLIPSIS                          { $$ = build_arg(s, @$, NULL, @$, build_pack(s, @$, $name)); } ;

array:    LBRACKET elems comma_opt RBRACKET      { $$ = build_list(s, @$, EXPR_ARRAY, $elems); }
        | LBRACKET FOR gens COLON for_body RBRACKET { $$ = build_for(s, @$, false, $gens, $for_body); } ;
elems:    elem                                   { $$ = list_of(s, $1); }
        | elems COMMA elem                       { $$ = list_add(s, $1, $3); } ;
elem:     expr                                   { $$ = build_arg(s, @$, NULL, @$, $expr); } ;
gens:     gen                                    { $$ = list_of(s, $1); }
        | gens COMMA gen                         { $$ = list_add(s, $1, $3); } ;
gen:      name IN expr[lo] DOTDOT expr[hi]       { $$ = build_gen(s, @$, $name, @name, $lo, $hi); } ;
for_body: block
        | expr                                   { $$ = build_body(s, @$, false, NULL, $expr); } ;

if_expr:  IF expr branch[a] ELSE branch[b]       { $$ = build_if(s, @$, $expr, $a, $b); }
        | IF expr branch[a] ELSE else_if         { $$ = build_if(s, @$, $expr, $a, $else_if); } ;
else_if:  if_expr                                { $$ = build_body(s, @$, false, NULL, $1); } ;
branch:   LBRACE seps_opt lets expr seps_opt RBRACE { $$ = build_body(s, @$, true, $lets, $expr); } ;
lets:     %empty                                 { $$ = list_of(s, NULL); }
        | lets let seps                          { $$ = list_add(s, $1, $let); } ;
%%
static int
yyreport_syntax_error(const yypcontext_t *at, yyscan_t scanner, Syntax *s)
{
    yysymbol_kind_t kind[YYNTOKENS];
    Expected expected[YYNTOKENS];
    int n = yypcontext_expected_tokens(at, kind, YYNTOKENS), found = 0;

    (void)scanner;
    for (int token = 0; token <= YYMAXUTOK; token++) {
        found = YYTRANSLATE(token) == yypcontext_token(at) ? token : found;
        for (int i = 0; i < n; i++)
            if (YYTRANSLATE(token) == kind[i])
                expected[i] = (Expected){token, yysymbol_name(kind[i])};
    }
    build_syntax_error(s, expected, n, found, yysymbol_name(yypcontext_token(at)),
                       *yypcontext_location(at));
    return 0;
}

/* Called for one reason only. */
static void
yyerror(const Span *at, yyscan_t scanner, Syntax *s, const char *what)
{
    (void)scanner;
    (void)what;
    build_too_deep(s, *at);
}
