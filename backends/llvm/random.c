/* SPDX-License-Identifier: Apache-2.0
 *
 * random.c -- the words of Philox4x32-10
 *
 * A counter word is kept in 64 bits, of which the lower 32 count, so that a round is two
 * multiplications; the even chains of a vector and the odd ones are worked on apart and merged
 * at the end.  The upper half of a product is taken by a shuffle, which does not wait for the
 * port that multiplies.  Words that are the same for all chains stay scalar: of the 20
 * multiplications of a block 16 are on vectors.
 */
#include <assert.h>

#include "backends/llvm/emit.h"

/* One counter word: uniform, or by halves of the lanes. */
typedef struct Half {
    LLVMValueRef u;       /* i64 */
    LLVMValueRef part[2]; /* vectors of lanes / 2 i64: even, odd; where u is NULL */
} Half;

static LLVMValueRef
widened(Emit *e, const Half *x, int part)
{
    return x->u ? splat(e, x->u, e->lanes / 2) : x->part[part];
}

static LLVMValueRef
like_half(Emit *e, LLVMValueRef x, uint64_t value)
{
    LLVMValueRef c = LLVMConstInt(e->i64, value, false);

    return LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind ? splat(e, c, e->lanes / 2) : c;
}

static LLVMValueRef
multiply_word(Emit *e, LLVMValueRef x, uint32_t by)
{
    LLVMValueRef low = LLVMBuildAnd(e->b, x, like_half(e, x, UINT32_MAX), "");

    return LLVMBuildMul(e->b, low, like_half(e, x, by), "");
}

static Half
multiply(Emit *e, const Half *x, uint32_t by, bool last)
{
    Half r = {.u = x->u ? multiply_word(e, x->u, by) : NULL};

    for (int i = 0; i < 2 && !x->u; i++) {
        r.part[i] = multiply_word(e, x->part[i], by);
        if (last) /* of some of them half is not used */
            r.part[i] = opaque(e, r.part[i]);
    }
    return r;
}

/* The key in both halves of each element: the upper one does not count. */
static LLVMValueRef
key_vector(Emit *e, LLVMValueRef key)
{
    LLVMTypeRef t = LLVMVectorType(e->i64, e->lanes / 2);
    MemoKey k = {TAG_key, 0, key, NULL, NULL};
    LLVMValueRef v = memo_find(e, k);

    return v ? v : memo_keep(e, k, LLVMBuildBitCast(e->b, splat(e, key, e->lanes), t, ""));
}

/* The upper half of each element, above it anything. */
static LLVMValueRef
upper_half(Emit *e, LLVMValueRef x)
{
    LLVMTypeRef t = LLVMTypeOf(x), words = LLVMVectorType(e->i32, e->lanes);
    LLVMValueRef mask[MAX_LANES];

    if (LLVMGetTypeKind(t) != LLVMVectorTypeKind)
        return LLVMBuildLShr(e->b, x, int64_of(e, 32), "");
    for (unsigned i = 0; i < e->lanes; i++)
        mask[i] = int32_of(e, i | 1);
    x = LLVMBuildBitCast(e->b, x, words, "");
    x = LLVMBuildShuffleVector(e->b, x, LLVMGetPoison(words), LLVMConstVector(mask, e->lanes),
                               "");
    return LLVMBuildBitCast(e->b, x, t, "");
}

static LLVMValueRef
mix_word(Emit *e, LLVMValueRef product, LLVMValueRef word, LLVMValueRef key)
{
    LLVMValueRef high = upper_half(e, product);

    return LLVMBuildXor(e->b, LLVMBuildXor(e->b, high, word, ""), key, "");
}

/* (product >> 32) ^ word ^ key */
static Half
mix(Emit *e, const Half *product, const Half *word, LLVMValueRef key)
{
    if (product->u && word->u)
        return (Half){
            .u = mix_word(e, product->u, word->u, LLVMBuildZExt(e->b, key, e->i64, ""))};
    Half r = {.u = NULL};
    for (int i = 0; i < 2; i++)
        r.part[i] =
            mix_word(e, widened(e, product, i), widened(e, word, i), key_vector(e, key));
    return r;
}

static void
rounds(Emit *e, Half c[4])
{
    for (int r = 0; r < EBM_PHILOX_ROUNDS; r++) {
        bool last = r >= EBM_PHILOX_ROUNDS - 2;
        Half p = multiply(e, &c[0], 0xD2511F53, last), q = multiply(e, &c[2], 0xCD9E8D57, last);
        Half n0 = mix(e, &q, &c[1], e->random.key[r][0]);
        Half n2 = mix(e, &p, &c[3], e->random.key[r][1]);
        c[0] = n0;
        c[1] = q;
        c[2] = n2;
        c[3] = p;
    }
}

/* The lower halves, in the order of the lanes. */
static LLVMValueRef
merge(Emit *e, const Half *x)
{
    LLVMTypeRef t = LLVMVectorType(e->i32, e->lanes);
    LLVMValueRef mask[MAX_LANES];

    if (x->u)
        return LLVMBuildTrunc(e->b, x->u, e->i32, "");
    for (unsigned i = 0; i < e->lanes; i++)
        mask[i] = int32_of(e, i % 2 ? e->lanes + i - 1 : i);
    return LLVMBuildShuffleVector(e->b, LLVMBuildBitCast(e->b, x->part[0], t, ""),
                                  LLVMBuildBitCast(e->b, x->part[1], t, ""),
                                  LLVMConstVector(mask, e->lanes), "");
}

/* Every other lane of an i32 vector, as i64. */
static LLVMValueRef
half_lanes(Emit *e, LLVMValueRef x, unsigned first)
{
    MemoKey key = {TAG_half, first, x, NULL, NULL};
    LLVMValueRef mask[MAX_LANES / 2], v = memo_find(e, key);

    if (v)
        return v;
    for (unsigned i = 0; i < e->lanes / 2; i++)
        mask[i] = int32_of(e, 2 * i + first);
    v = LLVMBuildShuffleVector(e->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                               LLVMConstVector(mask, e->lanes / 2), "");
    v = LLVMBuildZExt(e->b, v, LLVMVectorType(e->i64, e->lanes / 2), "");
    return memo_keep(e, key, opaque(e, v));
}

/* iteration * blocks + block by lane. */
static LLVMValueRef
lane_counter(Emit *e, LLVMValueRef iteration, LLVMValueRef block, uint32_t blocks)
{
    MemoKey key = {TAG_counter, blocks, iteration, block, NULL};
    LLVMValueRef v = memo_find(e, key);

    if (v)
        return v;
    v = LLVMBuildMul(e->b, iteration, splat(e, int32_of(e, blocks), e->lanes), "");
    return memo_keep(e, key, LLVMBuildAdd(e->b, v, block, ""));
}

/* The first counter word: iteration * blocks + block. */
static Half
block_counter(Emit *e, const Value *iteration, const Value *block, uint32_t blocks)
{
    if (!iteration->chain && !block->chain) {
        Index i =
            index_add(e, index_scale(e, index_of(e, iteration), blocks), index_of(e, block));
        return (Half){.u = index_wide(e, i)};
    }
    LLVMValueRef x = lane_counter(e, vector_of(e, iteration), vector_of(e, block), blocks);
    return (Half){.part = {half_lanes(e, x, 0), half_lanes(e, x, 1)}};
}

static void
set_counter(Emit *e, const DrawAttr *draw, Half first, Half c[4])
{
    LLVMValueRef region = int64_of(e, (int64_t)draw->region << 20);
    LLVMValueRef high = LLVMBuildOr(e->b, region, e->random.high, "");
    LLVMValueRef chain = draw->shared ? int64_of(e, 0x3FF) : e->random.chain_high;

    c[0] = first;
    c[1] = (Half){.u = e->random.step_low};
    c[2] = (Half){.u = LLVMBuildOr(e->b, high, chain, "")};
    c[3] = draw->shared ? (Half){.u = int64_of(e, UINT32_MAX)}
                        : (Half){.part = {e->random.even, e->random.odd}};
}

/* The words of a block, kept for whoever asks for another of its words. */
static void
block_words(Emit *e, const DrawAttr *draw, Half first, LLVMValueRef ret[4])
{
    const void *a = first.u ? first.u : first.part[0];
    uint32_t number = (uint32_t)draw->region << 1 | draw->shared;
    Half c[4];

    for (uint32_t w = 0; w < 4; w++)
        ret[w] = memo_find(e, (MemoKey){TAG_word | w << 8, number, a, first.part[1], NULL});
    if (ret[0])
        return;
    set_counter(e, draw, first, c);
    rounds(e, c);
    for (uint32_t w = 0; w < 4; w++)
        ret[w] = memo_keep(e, (MemoKey){TAG_word | w << 8, number, a, first.part[1], NULL},
                           merge(e, &c[w]));
}

static Value
typed(LLVMValueRef v)
{
    bool chain = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind;

    return (Value){.v = v, .chain = chain};
}

/* Word `which` (an i32, uniform or not) modulo 4. */
static Value
pick_word(Emit *e, const LLVMValueRef word[4], const Value *which)
{
    bool chain = which->chain || LLVMGetTypeKind(LLVMTypeOf(word[0])) == LLVMVectorTypeKind;
    LLVMValueRef w = which->chain ? which->v : scalar_of(e, which);
    LLVMValueRef r = NULL;

    for (int i = 3; i >= 0; i--) {
        Value x = typed(word[i]);
        LLVMValueRef v = chain ? vector_of(e, &x) : x.v;
        LLVMValueRef number = int32_of(e, i);
        if (which->chain)
            number = splat(e, number, e->lanes);
        LLVMValueRef is = LLVMBuildICmp(e->b, LLVMIntEQ, w, number, "");
        r = r ? LLVMBuildSelect(e->b, is, v, r, "") : v;
    }
    return chain ? chain_value(r) : uniform_value(r);
}

static Value
word_at(Emit *e, const DrawAttr *draw, const Value *iteration, const Value *element)
{
    Value at, block, which;
    int64_t residue;
    LLVMValueRef word[4];

    if (!element->chain) {
        Index i = index_add(e, index_of(e, element), index_constant(draw->word));
        block = index_value(index_divide(e, i, 4));
        block_words(e, draw, block_counter(e, iteration, &block, draw->blocks), word);
        if (index_residue(i, 4, &residue))
            return typed(word[residue]);
        at = uniform_value(LLVMBuildTrunc(e->b, index_wide(e, i), e->i32, ""));
    } else {
        LLVMValueRef first = splat(e, int32_of(e, draw->word), e->lanes);
        at = chain_value(LLVMBuildAdd(e->b, element->v, first, ""));
        LLVMValueRef two = splat(e, int32_of(e, 2), e->lanes);
        block = chain_value(LLVMBuildLShr(e->b, at.v, two, ""));
        block_words(e, draw, block_counter(e, iteration, &block, draw->blocks), word);
    }
    LLVMValueRef three = int32_of(e, 3);
    which = at;
    which.v = LLVMBuildAnd(e->b, at.v, at.chain ? splat(e, three, e->lanes) : three, "");
    return pick_word(e, word, &which);
}

void
emit_word(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    Value *ret = value_room(e, id, 1);

    for (unsigned i = 0; i < e->frame->n; i++)
        ret[i] =
            word_at(e, &n->attr.draw, value_at(e, n->arg[0], i), value_at(e, n->arg[1], i));
}

void
emit_chain_index(Emit *e, uint32_t id)
{
    Value *ret = value_room(e, id, 1);
    LLVMValueRef lane[MAX_LANES];

    for (unsigned i = 0; i < e->lanes; i++)
        lane[i] = int32_of(e, i);
    LLVMValueRef first = LLVMBuildTrunc(e->b, e->random.first, e->i32, "");
    LLVMValueRef v =
        LLVMBuildAdd(e->b, splat(e, first, e->lanes), LLVMConstVector(lane, e->lanes), "");
    for (unsigned i = 0; i < e->frame->n; i++)
        ret[i] = chain_value(v);
}
