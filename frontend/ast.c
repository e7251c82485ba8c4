/* SPDX-License-Identifier: Apache-2.0
 *
 * ast.c -- how the words of the tree are spelled
 */
#include "frontend/ast.h"

const char *
ast_op_text(AstOp op)
{
    static const char *const text[AST_OP_COUNT] = {
#define OP(name, spelling) spelling,
        AST_OPS(OP)
#undef OP
    };

    return text[op];
}

const char *
ast_decl_word(DeclKind kind)
{
    static const char *const word[DECL_KINDS] = {
        [DECL_IMPORT] = "import",   [DECL_CONST] = "const",     [DECL_DATA] = "data",
        [DECL_FN] = "fn",           [DECL_NETWORK] = "network", [DECL_ENERGY] = "energy",
        [DECL_SAMPLER] = "sampler", [DECL_LOSS] = "loss",       [DECL_OPTIMIZER] = "optimizer",
        [DECL_DATASET] = "dataset", [DECL_TRAIN] = "train",     [DECL_SAMPLE] = "sample",
    };

    return word[kind];
}
