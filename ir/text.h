/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h -- the IR's text: numbers, and the tree that the parser hands to the reader
 */
#ifndef EBM_IR_TEXT_H
#define EBM_IR_TEXT_H

#include "ir/ir.h"

/* Regions nest at most this deep: what walks them may recurse. */
enum { IR_MAX_DEPTH = 1000 };

/* The word that stands before an op's second region. */
static inline const char *
ir_second_region_word(Op op)
{
    return op == OP_if ? "else" : "do";
}

/* Does the op have the type it is given, rather than one that follows from its operands? */
bool ir_op_takes_type(Op op);

/* ---- numbers */

enum { NUMBER_TEXT = 40 };

/* The shortest text that gives back the same bits; "nan", "nan(0x...)", "inf", "-0", "true". */
void ir_number_print(Scalar s, DType d, char ret[NUMBER_TEXT]);

typedef enum NumberStatus { NUMBER_OK, NUMBER_MALFORMED, NUMBER_RANGE } NumberStatus;

NumberStatus ir_number_read(const char *text, size_t size, DType d, Scalar *ret);

/* ---- what the parser makes */

typedef struct TextUse {
    uint32_t id;
    Span span;
} TextUse;

typedef struct TextParam {
    TextUse name;
    Type type;
    bool bound; /* has an input */
    Input input;
} TextParam;

typedef struct TextRegion {
    Span span;
    size_t n_params, n_nodes, n_yields;
    TextParam *param;
    struct TextNode *node;
    TextUse *yield;
    Output *output; /* one a yield; name NULL where none is given */
} TextRegion;

typedef struct TextNode {
    TextUse name;
    Span span; /* of the op's word */
    Op op;
    bool typed, several; /* a type is written; in parentheses */
    uint32_t n_types;
    Type *type;
    Attr attr;
    const char *callee;
    size_t n_args;
    TextUse *arg;
    TextRegion *own;
} TextNode;

typedef struct TextFunction {
    const char *name;
    Span span;
    TextRegion body;
    size_t n_names; /* defined in it */
} TextFunction;

typedef struct TextModule {
    TextFunction *function;
    size_t n;
} TextModule;

/* Reports and skips what is malformed; the result is meaningful when nothing was reported. */
TextModule ir_parse(Arena *arena, const SourceMap *sources, uint32_t file, DiagList *diags);

#endif
