/* SPDX-License-Identifier: Apache-2.0
 *
 * double_well.c -- the limit of Langevin dynamics on a double well: 1024 chains of 128 numbers.
 *
 * The wells do not depend on each other, so that the loop over steps can stand inside and four
 * numbers of sixteen chains stay in registers: what is left is random numbers.
 */
#include "measure.h"
#include "vector.h"

enum { CHAINS = 1024, DIM = 128, STEPS = 100 };

static Vec state[CHAINS / LANES][DIM];

INLINE void
step_group(Vec x[4], uint32_t group, uint32_t step, uint32_t chain)
{
    const float step_size = 0.01f, noise = 0.14142136f, height = 2.0f;
    Vec z[4];
    random_normals(group, step, chain, z);
    UNROLL
    for (int k = 0; k < 4; k++) {
        Vec gradient = (4 * height) * x[k] * (x[k] * x[k] - 1.0f);
        x[k] = x[k] - step_size * gradient + noise * z[k];
    }
}

static void
run_group(int block, int group, long turn)
{
    Vec x[4];
    for (int k = 0; k < 4; k++)
        x[k] = state[block][4 * group + k];
    for (uint32_t step = 0; step < STEPS; step++)
        step_group(x, (uint32_t)group, (uint32_t)turn * STEPS + step,
                   (uint32_t)(block * LANES));
    for (int k = 0; k < 4; k++)
        state[block][4 * group + k] = x[k];
}

static double
run(long turns)
{
    for (int block = 0; block < CHAINS / LANES; block++)
        for (int i = 0; i < DIM; i++)
            state[block][i] = splat(0.5f);
    Vec squares = {0};
    for (long turn = 0; turn < turns; turn++)
        for (int block = 0; block < CHAINS / LANES; block++)
            for (int group = 0; group < DIM / 4; group++)
                run_group(block, group, turn);
    for (int block = 0; block < CHAINS / LANES; block++)
        for (int i = 0; i < DIM; i++)
            squares += state[block][i] * state[block][i];
    return vec_sum(squares) / ((double)CHAINS * DIM);
}

int
main(int argc, char **argv)
{
    measure("w1", "element-steps/s", (double)CHAINS * DIM * STEPS, seconds_wanted(argc, argv),
            run);
    return 0;
}
