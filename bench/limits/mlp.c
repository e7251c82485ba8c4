/* SPDX-License-Identifier: Apache-2.0
 *
 * mlp.c -- the limit of Langevin dynamics on an MLP energy DIM-HIDDEN-HIDDEN-1 with SiLU.
 *
 * A tile is VECS vectors of chains; weights lie in panels of ROWS neurons, so that ROWS x VECS
 * accumulators stay in registers while the inputs of a layer are read once a panel.  The
 * gradient runs through the transposed weights, which have panels of their own.
 */
#include <math.h>

#include "measure.h"
#include "vector.h"

enum { TILES = CHAINS / (LANES * VECS), STEPS = 10, PANELS = HIDDEN / ROWS };
enum { DIM_PANELS = (DIM + ROWS - 1) / ROWS, DIM_ROWS = DIM_PANELS * ROWS };
enum { GROUPS = (DIM + 3) / 4 };

_Static_assert(HIDDEN % ROWS == 0 && CHAINS % (LANES * VECS) == 0, "whole panels and tiles");

typedef Vec Row[VECS]; /* one number of every chain of a tile */

static float into_first[PANELS][DIM][ROWS], into_second[PANELS][HIDDEN][ROWS];
static float back_second[PANELS][HIDDEN][ROWS], back_first[DIM_PANELS][HIDDEN][ROWS];
static float bias_first[HIDDEN], bias_second[HIDDEN], last[HIDDEN], no_bias[HIDDEN + ROWS];
static Row state[TILES][4 * GROUPS];

INLINE void
panel(int inputs, const float (*weight)[ROWS], const float *bias, const Row *in, Row sum[ROWS])
{
    UNROLL
    for (int j = 0; j < ROWS; j++)
        UNROLL
    for (int v = 0; v < VECS; v++)
        sum[j][v] = splat(bias[j]);
    for (int k = 0; k < inputs; k++)
        UNROLL
    for (int j = 0; j < ROWS; j++)
        UNROLL
    for (int v = 0; v < VECS; v++)
        sum[j][v] += weight[k][j] * in[k][v];
}

/* x sigmoid(x) and its derivative. */
INLINE void
silu(Vec x, Vec *ret_value, Vec *ret_slope)
{
    Vec s = vec_rcp(1.0f + vec_exp_clamped(-x)), y = x * s;
    *ret_value = y;
    *ret_slope = s + y * (1.0f - s);
}

static void
forward_first(const Row *x, Row *value, Row *slope)
{
    for (int p = 0; p < PANELS; p++) {
        Row sum[ROWS];
        panel(DIM, into_first[p], bias_first + p * ROWS, x, sum);
        for (int j = 0; j < ROWS; j++)
            for (int v = 0; v < VECS; v++)
                silu(sum[j][v], &value[p * ROWS + j][v], &slope[p * ROWS + j][v]);
    }
}

static void
forward_second(const Row *value, Row *gradient)
{
    for (int p = 0; p < PANELS; p++) {
        Row sum[ROWS];
        panel(HIDDEN, into_second[p], bias_second + p * ROWS, value, sum);
        for (int j = 0; j < ROWS; j++)
            for (int v = 0; v < VECS; v++) {
                Vec unused, slope;
                silu(sum[j][v], &unused, &slope);
                gradient[p * ROWS + j][v] = slope * last[p * ROWS + j];
            }
    }
}

static void
backward_second(const Row *gradient, const Row *slope, Row *ret)
{
    for (int p = 0; p < PANELS; p++) {
        Row sum[ROWS];
        panel(HIDDEN, back_second[p], no_bias, gradient, sum);
        for (int j = 0; j < ROWS; j++)
            for (int v = 0; v < VECS; v++)
                ret[p * ROWS + j][v] = sum[j][v] * slope[p * ROWS + j][v];
    }
}

/* x - step_size * gradient + noise, four numbers at a time as random numbers come. */
static void
move(Row *x, const Row *gradient, uint32_t step, uint32_t chain)
{
    for (int group = 0; group < GROUPS; group++)
        for (int v = 0; v < VECS; v++) {
            Vec z[4];
            random_normals((uint32_t)group, step, chain + (uint32_t)(v * LANES), z);
            for (int k = 4 * group; k < 4 * group + 4 && k < DIM; k++)
                x[k][v] += -1e-3f * gradient[k][v] + 0.0447213595f * z[k % 4];
        }
}

static void
step_tile(int tile, uint32_t step)
{
    Row value[HIDDEN], slope[HIDDEN], second[HIDDEN], first[HIDDEN], gradient[DIM_ROWS];
    Row *x = state[tile];
    forward_first(x, value, slope);
    forward_second(value, second);
    backward_second(second, slope, first);
    for (int p = 0; p < DIM_PANELS; p++)
        panel(HIDDEN, back_first[p], no_bias, first, gradient + p * ROWS);
    move(x, gradient, step, (uint32_t)(tile * LANES * VECS));
}

static float
weight(int i, int j, int inputs)
{
    uint32_t hash = (uint32_t)(i * 4099 + j + 1) * 2654435761u;
    return ((float)(hash >> 8) * 0x1p-24f - 0.5f) * 2 / sqrtf((float)inputs);
}

static void
set_up(void)
{
    for (int i = 0; i < HIDDEN; i++) {
        bias_first[i] = bias_second[i] = 0.01f, last[i] = 0.1f;
        for (int k = 0; k < DIM; k++) {
            into_first[i / ROWS][k][i % ROWS] = weight(i, k, DIM);
            back_first[k / ROWS][i][k % ROWS] = weight(i, k, DIM);
        }
        for (int k = 0; k < HIDDEN; k++) {
            into_second[i / ROWS][k][i % ROWS] = weight(i, k, HIDDEN);
            back_second[k / ROWS][i][k % ROWS] = weight(i, k, HIDDEN);
        }
    }
    for (int tile = 0; tile < TILES; tile++)
        for (int i = 0; i < DIM; i++)
            for (int v = 0; v < VECS; v++)
                state[tile][i][v] = splat(0.1f * (float)((i + v) % 5));
}

static double
run(long turns)
{
    set_up();
    for (long turn = 0; turn < turns; turn++)
        for (int tile = 0; tile < TILES; tile++)
            for (uint32_t step = 0; step < STEPS; step++)
                step_tile(tile, (uint32_t)turn * STEPS + step);
    double squares = 0;
    for (int tile = 0; tile < TILES; tile++)
        for (int i = 0; i < DIM; i++)
            for (int v = 0; v < VECS; v++)
                squares += vec_sum(state[tile][i][v] * state[tile][i][v]);
    return squares / ((double)CHAINS * DIM);
}

int
main(int argc, char **argv)
{
    measure(NAME, "chain-steps/s", (double)CHAINS * STEPS, seconds_wanted(argc, argv), run);
    return 0;
}
