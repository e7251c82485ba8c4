/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_draw.c -- random numbers: which words of which block a draw is made of
 */
#include "ir/interp_state.h"
#include "base/philox.h"
#include "ir/math/math.h"

enum { BLOCK_WORDS = 4, HIGH_MASK = 0x3FF };

/* The block that was made last. */
typedef struct Stream {
    const Interp *s;
    const DrawAttr *attr;
    uint32_t iteration;
    bool made;
    uint32_t block, word[BLOCK_WORDS];
} Stream;

static void
make_block(Stream *t, uint32_t block)
{
    const InterpPlace *at = &t->s->place;
    uint64_t chain = t->attr->shared ? UINT64_MAX : at->chain;
    uint32_t counter[4] = {
        t->iteration * t->attr->blocks + block,
        (uint32_t)at->step,
        (uint32_t)t->attr->region << 20 | (uint32_t)(at->step >> 32 & HIGH_MASK) << 10 |
            (uint32_t)(chain >> 32 & HIGH_MASK),
        (uint32_t)chain,
    };

    rng_philox4x32(counter, at->key, t->word);
    t->block = block;
    t->made = true;
}

/* Word `i` after the draw's first. */
static uint32_t
take_word(Stream *t, uint32_t i)
{
    uint32_t word = t->attr->word + i;

    if (!t->made || t->block != word / BLOCK_WORDS)
        make_block(t, word / BLOCK_WORDS);
    return t->word[word % BLOCK_WORDS];
}

static Scalar
draw_f32(Stream *t, Distribution dist, uint32_t e)
{
    uint32_t w0, pair = e & ~1u;

    if (dist == DRAW_uniform)
        return (Scalar){.f32 = rng_uniform_f32(take_word(t, e))};
    w0 = take_word(t, pair);
    return (Scalar){.f32 = rng_normal_f32(w0, take_word(t, pair + 1), (int)(e & 1))};
}

static Scalar
draw_f64(Stream *t, Distribution dist, uint32_t e)
{
    uint32_t w[4], pair = e & ~1u;

    if (dist == DRAW_uniform) {
        w[0] = take_word(t, 2 * e);
        w[1] = take_word(t, 2 * e + 1);
        return (Scalar){.f64 = rng_uniform_f64(w[0], w[1])};
    }
    for (uint32_t k = 0; k < 4; k++)
        w[k] = take_word(t, 2 * pair + k);
    return (Scalar){.f64 = rng_normal_f64(w, (int)(e & 1))};
}

static Scalar
draw_element(Stream *t, DType d, uint32_t e)
{
    Scalar r = {.bits = 0};

    if (t->attr->dist == DRAW_bits)
        r.i32 = (int32_t)take_word(t, e);
    else if (d == DT_f32)
        r.f32 = draw_f32(t, t->attr->dist, e).f32;
    else
        r = draw_f64(t, t->attr->dist, e);
    return r;
}

bool
eval_draw(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Stream t = {.s = s, .attr = &n->attr.draw, .iteration = (uint32_t)interp_index(p, n, 0)};
    DType d = n->type.dtype, to = interp_dtype(s, d);
    void *out = interp_out(p, id);
    uint64_t size = type_size(n->type);

    for (uint64_t e = 0; e < size; e++) {
        Scalar x = draw_element(&t, d, (uint32_t)e);
        if (to != d)
            x.f64 = (double)x.f32;
        if (n->type.rank)
            interp_store(out, to, e, x);
        else
            p->value[id].scalar = x;
    }
    return true;
}

bool
eval_word(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    Stream t = {.s = s, .attr = &n->attr.draw, .iteration = (uint32_t)interp_index(p, n, 0)};
    Scalar r = {.bits = 0};

    r.i32 = (int32_t)take_word(&t, (uint32_t)interp_index(p, n, 1));
    p->value[id].scalar = r;
    return true;
}

void
interp_key(uint64_t seed, DrawPurpose purpose, uint32_t ret_key[2])
{
    uint32_t counter[4] = {(uint32_t)purpose, 0, 0, 0};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, out[4];

    rng_philox4x32(counter, key, out);
    ret_key[0] = out[0];
    ret_key[1] = out[1];
}
