/* SPDX-License-Identifier: Apache-2.0
 *
 * mixture.c -- the limit of Langevin dynamics on eight Gaussians around a circle: 65,536
 * chains.
 *
 * Two vectors of chains are moved together, which uses all four words of a Philox block.
 */
#include <math.h>

#include "measure.h"
#include "vector.h"

enum { CHAINS = 65536, MODES = 8, STEPS = 100 };

static float mode_x[MODES], mode_y[MODES];
static Vec state_x[CHAINS / LANES], state_y[CHAINS / LANES];

INLINE void
step_vector(Vec *x, Vec *y, Vec zx, Vec zy)
{
    const float step_size = 0.05f, noise = 0.31622777f;
    Vec weights = splat(1e-30f), gx = {0}, gy = {0};
    UNROLL
    for (int k = 0; k < MODES; k++) {
        Vec dx = *x - mode_x[k], dy = *y - mode_y[k];
        Vec weight = vec_exp2(-0.72134752f * (dx * dx + dy * dy));
        weights += weight;
        gx += weight * dx;
        gy += weight * dy;
    }
    Vec scale = step_size * vec_rcp(weights);
    *x = *x - scale * gx + noise * zx;
    *y = *y - scale * gy + noise * zy;
}

static void
run_pair(int block, long turn)
{
    Vec x0 = state_x[block], x1 = state_x[block + 1], y0 = state_y[block],
        y1 = state_y[block + 1];
    for (uint32_t step = 0; step < STEPS; step++) {
        Vec z[4];
        random_normals(0, (uint32_t)turn * STEPS + step, (uint32_t)(block * LANES), z);
        step_vector(&x0, &y0, z[0], z[1]);
        step_vector(&x1, &y1, z[2], z[3]);
    }
    state_x[block] = x0, state_x[block + 1] = x1, state_y[block] = y0, state_y[block + 1] = y1;
}

static double
run(long turns)
{
    for (int k = 0; k < MODES; k++)
        mode_x[k] = 4 * cosf((float)k * 0.78539816f),
        mode_y[k] = 4 * sinf((float)k * 0.78539816f);
    for (int block = 0; block < CHAINS / LANES; block++)
        state_x[block] = splat(0.5f), state_y[block] = splat(0.2f);
    for (long turn = 0; turn < turns; turn++)
        for (int block = 0; block < CHAINS / LANES; block += 2)
            run_pair(block, turn);
    double squares = 0;
    for (int block = 0; block < CHAINS / LANES; block++)
        squares += vec_sum(state_x[block] * state_x[block] + state_y[block] * state_y[block]);
    return squares / (2.0 * CHAINS);
}

int
main(int argc, char **argv)
{
    measure("w2", "chain-steps/s", (double)CHAINS * STEPS, seconds_wanted(argc, argv), run);
    return 0;
}
