/* SPDX-License-Identifier: Apache-2.0
 *
 * regression.c -- the limit of MALA on logistic regression with 100,000 rows of 50 numbers, for
 * many chains (a chain a lane) and for four (a row a lane).
 *
 * Rows are taken in tiles that stay in cache while all chains use them: first the logits, then
 * what each says about the coefficients.  Energies are added up in f64 once a tile.
 */
#include <math.h>
#include <string.h>

#include "measure.h"
#include "vector.h"

enum { ROWS = 100000, DIM = 50, TILE = 80, FEW = 4 };

static float *rows;                       /* [ROWS][DIM] */
static Vec (*columns)[DIM][TILE / LANES]; /* the same, column by column in each tile */
static float label[ROWS] __attribute__((aligned(64)));

/* A sum of softplus(z) - y z: `linear` less the logarithm of `product`, which is kept between
 * calls of `settle` for as many terms as cannot underflow. */
typedef struct Loss {
    Vec linear, product;
} Loss;

/* Adds a term; returns its slope in z. */
INLINE Vec
add_loss(Loss *sum, Vec z, Vec y)
{
    Vec size = __builtin_elementwise_min(__builtin_elementwise_abs(z), splat(80));
    Vec e = vec_exp2(-1.44269504f * size), s = vec_rcp(1.0f + e);
    sum->linear += __builtin_elementwise_max(z, splat(0)) - y * z;
    sum->product *= s;
    return vec_select(z < 0.0f, e * s, s) - y;
}

INLINE void
settle(Loss *sum)
{
    sum->linear -= vec_log(sum->product);
    sum->product = splat(1);
}

/* ---- many chains: VECS vectors of them at a time ---- */

enum { VECS = 2, CHAINS = 1024, GROUPS = CHAINS / (VECS * LANES), JAM = 10 };

typedef struct Group {
    Vec x[DIM][VECS], proposal[DIM][VECS], gradient[DIM][VECS], at_proposal[DIM][VECS];
    double energy[VECS * LANES], energy_at_proposal[VECS * LANES];
} Group;

static Group group[GROUPS];

/* JAM rows from `row` on: residuals to `ret`. */
INLINE void
many_logits(const Group *g, int row, Vec ret[JAM][VECS], Loss total[VECS])
{
    Vec z[JAM][VECS] = {0};
    for (int k = 0; k < DIM; k++)
        UNROLL
    for (int j = 0; j < JAM; j++)
        UNROLL
    for (int v = 0; v < VECS; v++)
        z[j][v] += rows[(row + j) * DIM + k] * g->proposal[k][v];
    for (int v = 0; v < VECS; v++) {
        for (int j = 0; j < JAM; j++)
            ret[j][v] = add_loss(&total[v], z[j][v], splat(label[row + j]));
        settle(&total[v]);
    }
}

/* Adds what TILE residuals say to the gradient, JAM coefficients at a time. */
INLINE void
many_gradient(Group *g, int row, const Vec (*residual)[VECS])
{
    for (int k = 0; k < DIM; k += JAM) {
        Vec sum[JAM][VECS];
        memcpy(sum, g->at_proposal[k], sizeof sum);
        for (int r = 0; r < TILE; r++)
            UNROLL
        for (int j = 0; j < JAM; j++)
            UNROLL
        for (int v = 0; v < VECS; v++)
            sum[j][v] += rows[(row + r) * DIM + k + j] * residual[r][v];
        memcpy(g->at_proposal[k], sum, sizeof sum);
    }
}

static void
many_tile(Group *g, int row)
{
    Vec residual[TILE][VECS];
    Loss total[VECS];
    for (int v = 0; v < VECS; v++)
        total[v] = (Loss){splat(0), splat(1)};
    for (int r = 0; r < TILE; r += JAM)
        many_logits(g, row + r, residual + r, total);
    many_gradient(g, row, (const Vec(*)[VECS])residual);
    for (int v = 0; v < VECS; v++)
        for (int i = 0; i < LANES; i++)
            g->energy_at_proposal[v * LANES + i] += total[v].linear[i];
}

static const float step_size = 1e-5f;

static void
many_propose(Group *g, uint32_t step, uint32_t chain)
{
    for (int v = 0; v < VECS; v++)
        for (int k = 0; k < DIM; k++) {
            Vec z[4];
            if (k % 4 == 0)
                random_normals((uint32_t)k / 4, step, chain + (uint32_t)(v * LANES), z);
            g->proposal[k][v] =
                g->x[k][v] - step_size * g->gradient[k][v] + sqrtf(2 * step_size) * z[k % 4];
        }
    memcpy(g->at_proposal, g->proposal, sizeof g->proposal); /* the prior's gradient, sd 1 */
    memset(g->energy_at_proposal, 0, sizeof g->energy_at_proposal);
}

/* log of the density ratio of the two proposals, and of the prior. */
INLINE Vec
log_ratio(const Group *g, int v)
{
    Vec forward = {0}, backward = {0}, prior = {0};
    for (int k = 0; k < DIM; k++) {
        Vec d = g->proposal[k][v] - g->x[k][v];
        Vec f = d + step_size * g->gradient[k][v], b = step_size * g->at_proposal[k][v] - d;
        forward += f * f, backward += b * b;
        prior += 0.5f * (g->x[k][v] * g->x[k][v] - g->proposal[k][v] * g->proposal[k][v]);
    }
    return (forward - backward) * (0.25f / step_size) + prior;
}

static void
many_accept(Group *g, uint32_t step, uint32_t chain)
{
    for (int v = 0; v < VECS; v++) {
        VecU word[4];
        random_words(0, step, (chain + (uint32_t)(v * LANES)) ^ 0x80000000u, word);
        Vec u = __builtin_convertvector((VecI)(word[0] >> 9), Vec) * 0x1p-23f + 0x1p-24f,
            change;
        for (int i = 0; i < LANES; i++)
            change[i] =
                (float)(g->energy[v * LANES + i] - g->energy_at_proposal[v * LANES + i]);
        VecI accept = vec_log(u) < change + log_ratio(g, v);
        for (int k = 0; k < DIM; k++) {
            g->x[k][v] = vec_select(accept, g->proposal[k][v], g->x[k][v]);
            g->gradient[k][v] = vec_select(accept, g->at_proposal[k][v], g->gradient[k][v]);
        }
        for (int i = 0; i < LANES; i++)
            if (accept[i])
                g->energy[v * LANES + i] = g->energy_at_proposal[v * LANES + i];
    }
}

static double
run_many(long turns)
{
    memset(group, 0, sizeof group);
    for (int i = 0; i < GROUPS; i++)
        for (int c = 0; c < VECS * LANES; c++)
            group[i].energy[c] = 1e30;
    for (long turn = 0; turn < turns; turn++) {
        for (int i = 0; i < GROUPS; i++)
            many_propose(&group[i], (uint32_t)turn, (uint32_t)(i * VECS * LANES));
        for (int row = 0; row < ROWS; row += TILE)
            for (int i = 0; i < GROUPS; i++)
                many_tile(&group[i], row);
        for (int i = 0; i < GROUPS; i++)
            many_accept(&group[i], (uint32_t)turn, (uint32_t)(i * VECS * LANES));
    }
    return group[0].energy[0] / ROWS;
}

/* ---- few chains: LANES rows at a time ---- */

/* Of each PAIR vectors of rows, the logits' loop asks for the next tile's first ASKED, and the
 * gradient's for the others, so that memory answers all the time. */
enum { FEW_JAM = 5, PAIR = 5, ASKED = 2 };

static float few_x[FEW][DIM];
static Vec few_gradient[DIM][FEW]; /* a lane for every LANES-th row */

/* PAIR vectors of rows of a tile: residuals to `ret`. */
INLINE void
few_logits(const Vec (*tile)[TILE / LANES], const Vec (*next)[TILE / LANES], const Vec *y,
           Vec ret[PAIR][FEW], Loss *total)
{
    Vec z[PAIR][FEW] = {0};
    for (int k = 0; k < DIM; k++) {
        UNROLL
        for (int p = 0; p < ASKED; p++)
            __builtin_prefetch(&next[k][p], 0, 2);
        UNROLL
        for (int c = 0; c < FEW; c++)
            UNROLL
        for (int p = 0; p < PAIR; p++)
            z[p][c] += few_x[c][k] * tile[k][p];
    }
    for (int p = 0; p < PAIR; p++)
        for (int c = 0; c < FEW; c++)
            ret[p][c] = add_loss(total, z[p][c], y[p]);
    settle(total);
}

INLINE void
few_gradients(const Vec (*tile)[TILE / LANES], const Vec (*next)[TILE / LANES], int first,
              const Vec (*residual)[FEW])
{
    Vec sum[FEW_JAM][FEW];
    memcpy(sum, few_gradient[first], sizeof sum);
    for (int r = 0; r < TILE / LANES; r++)
        UNROLL
    for (int j = 0; j < FEW_JAM; j++) {
        if (r % PAIR >= ASKED)
            __builtin_prefetch(&next[first + j][r], 0, 2);
        UNROLL
        for (int c = 0; c < FEW; c++)
            sum[j][c] += tile[first + j][r] * residual[r][c];
    }
    memcpy(few_gradient[first], sum, sizeof sum);
}

static double
few_tile(int row)
{
    const Vec(*tile)[TILE / LANES] = columns[row / TILE];
    const Vec(*next)[TILE / LANES] = columns[(row / TILE + 2) % (ROWS / TILE)];
    const Vec *y = (const Vec *)(label + row);
    Vec residual[TILE / LANES][FEW];
    Loss total = {splat(0), splat(1)};
    for (int r = 0; r < TILE / LANES; r += PAIR)
        few_logits((const Vec(*)[TILE / LANES])(tile[0] + r),
                   (const Vec(*)[TILE / LANES])(next[0] + r), y + r, residual + r, &total);
    for (int k = 0; k < DIM; k += FEW_JAM)
        few_gradients(tile, next, k, (const Vec(*)[FEW])residual);
    return vec_sum(total.linear);
}

/* The proposal and its acceptance are some thousand operations beside 80 million, and left out.
 */
static double
run_few(long turns)
{
    double energy = 0;
    memset(few_x, 0, sizeof few_x);
    for (long turn = 0; turn < turns; turn++) {
        energy = 0;
        memset(few_gradient, 0, sizeof few_gradient);
        for (int row = 0; row < ROWS; row += TILE)
            energy += few_tile(row);
        for (int c = 0; c < FEW; c++)
            for (int k = 0; k < DIM; k++)
                few_x[c][k] -= step_size * (vec_sum(few_gradient[k][c]) + few_x[c][k]);
    }
    return energy / ROWS / FEW;
}

static int
set_up(void)
{
    rows = large_memory(sizeof(float) * ROWS * DIM);
    columns = large_memory(sizeof(float) * ROWS * DIM);
    if (!rows || !columns)
        return 1;
    uint32_t hash = 1;
    for (int r = 0; r < ROWS; r++) {
        for (int k = 0; k < DIM; k++) {
            hash = hash * 1664525u + 1013904223u;
            rows[r * DIM + k] = (float)(int32_t)hash * 0x1p-31f * 1.7f;
            columns[r / TILE][k][r % TILE / LANES][r % LANES] = rows[r * DIM + k];
        }
        label[r] = rows[r * DIM] > 0;
    }
    return 0;
}

/* The second argument names one of the two; without it both are measured. */
int
main(int argc, char **argv)
{
    double seconds = seconds_wanted(argc, argv);
    const char *wanted = argc > 2 ? argv[2] : NULL;
    if (set_up())
        return 1;
    if (!wanted || !strcmp(wanted, "logistic_1024"))
        measure("logistic_1024", "chain-steps/s", CHAINS, seconds, run_many);
    if (!wanted || !strcmp(wanted, "logistic_4"))
        measure("logistic_4", "chain-steps/s", FEW, seconds, run_few);
    return 0;
}
