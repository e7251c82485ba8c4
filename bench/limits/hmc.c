/* SPDX-License-Identifier: Apache-2.0
 *
 * hmc.c -- the limit of Hamiltonian Monte Carlo on a Gaussian of 100 independent numbers and on
 * the Rosenbrock function of 10.
 *
 * One gradient a leapfrog step, the half steps between two positions taken as one, energies at
 * the ends alone; the gradient at the end of an accepted trajectory begins the next.  Chains
 * stay in the first-level cache while they move.
 */
#include "measure.h"
#include "vector.h"

enum { BLOCKS = 64, CHAINS = BLOCKS * LANES, STEPS = 4, LEAPFROGS = 10 };

#if defined(ROSENBROCK)
enum { DIM = 10 };
static const float step_size = 0.01f;
#else
enum { DIM = 100 };
static const float step_size = 0.1f;
static float precision[DIM];
#endif

typedef struct Chain {
    Vec x[DIM], gradient[DIM], energy;
} Chain;

static Chain chain[BLOCKS];

#if defined(ROSENBROCK)
static Vec
energy(const Vec *x)
{
    Vec sum = {0};
    for (int i = 0; i + 1 < DIM; i++) {
        Vec over = x[i + 1] - x[i] * x[i], short_of = 1.0f - x[i];
        sum += 100.0f * over * over + short_of * short_of;
    }
    return sum;
}

/* p -= h * gradient at x. */
INLINE void
kick(const Vec *x, Vec *p, float h)
{
    Vec before = {0};
    UNROLL
    for (int i = 0; i + 1 < DIM; i++) {
        Vec over = h * (x[i + 1] - x[i] * x[i]);
        p[i] -= before - 400.0f * over * x[i] - (2 * h) * (1.0f - x[i]);
        before = 200.0f * over;
    }
    p[DIM - 1] -= before;
}
#else
static Vec
energy(const Vec *x)
{
    Vec sum = {0};
    for (int i = 0; i < DIM; i++)
        sum += 0.5f * precision[i] * x[i] * x[i];
    return sum;
}

INLINE void
kick(const Vec *x, Vec *p, float h)
{
    for (int i = 0; i < DIM; i++)
        p[i] -= h * precision[i] * x[i];
}
#endif

static Vec
kinetic(const Vec *p)
{
    Vec sum = {0};
    for (int i = 0; i < DIM; i++)
        sum += 0.5f * p[i] * p[i];
    return sum;
}

INLINE void
gradient(const Vec *x, Vec *g)
{
    for (int i = 0; i < DIM; i++)
        g[i] = splat(0);
    kick(x, g, -1);
}

INLINE void
drift(Vec *restrict q, const Vec *restrict p)
{
    for (int i = 0; i < DIM; i++)
        q[i] += step_size * p[i];
}

/* Moves q and p through the trajectory; g is the gradient at q before and after, and needed
 * nowhere between. */
static void
leapfrogs(Vec *restrict q, Vec *restrict p, Vec *restrict g)
{
    for (int i = 0; i < DIM; i++)
        p[i] -= 0.5f * step_size * g[i];
    for (int l = 1; l < LEAPFROGS; l++) {
        drift(q, p);
        kick(q, p, step_size);
    }
    drift(q, p);
    gradient(q, g);
    for (int i = 0; i < DIM; i++)
        p[i] -= 0.5f * step_size * g[i];
}

_Static_assert(DIM % 4 <= 2, "the last group has a word left for the uniform");

/* DIM normals, and a uniform from the same groups of words. */
static void
draw(uint32_t step, uint32_t first_chain, Vec *p, Vec *ret_uniform)
{
    VecU word[4];
    for (int group = 0; group < DIM / 4; group++)
        random_normals((uint32_t)group, step, first_chain, p + 4 * group);
    random_words(DIM / 4, step, first_chain, word);
    if (DIM % 4)
        vec_normals(word[0], word[1], p + DIM / 4 * 4, p + DIM / 4 * 4 + 1);
    *ret_uniform = __builtin_convertvector((VecI)(word[3] >> 9), Vec) * 0x1p-23f + 0x1p-24f;
}

static void
step_chain(Chain *c, uint32_t step, uint32_t first_chain)
{
    Vec q[DIM], g[DIM], p[DIM + 2], u;
    draw(step, first_chain, p, &u);
    for (int i = 0; i < DIM; i++)
        q[i] = c->x[i], g[i] = c->gradient[i];
    Vec before = c->energy + kinetic(p);
    leapfrogs(q, p, g);
    Vec at_end = energy(q), change = at_end + kinetic(p) - before;
    VecI accept = vec_log(u) < -change;
    for (int i = 0; i < DIM; i++) {
        c->x[i] = vec_select(accept, q[i], c->x[i]);
        c->gradient[i] = vec_select(accept, g[i], c->gradient[i]);
    }
    c->energy = vec_select(accept, at_end, c->energy);
}

static void
set_up(void)
{
#if !defined(ROSENBROCK)
    for (int i = 0; i < DIM; i++) {
        float sd = 0.5f + (float)i / DIM;
        precision[i] = 1 / (sd * sd);
    }
#endif
    for (int b = 0; b < BLOCKS; b++) {
        for (int i = 0; i < DIM; i++)
            chain[b].x[i] = splat(0.5f);
        gradient(chain[b].x, chain[b].gradient);
        chain[b].energy = energy(chain[b].x);
    }
}

static double
run(long turns)
{
    set_up();
    for (long turn = 0; turn < turns; turn++)
        for (int b = 0; b < BLOCKS; b++)
            for (uint32_t step = 0; step < STEPS; step++)
                step_chain(&chain[b], (uint32_t)turn * STEPS + step, (uint32_t)(b * LANES));
    double squares = 0;
    for (int b = 0; b < BLOCKS; b++)
        for (int i = 0; i < DIM; i++)
            squares += vec_sum(chain[b].x[i] * chain[b].x[i]);
    return squares / ((double)CHAINS * DIM);
}

int
main(int argc, char **argv)
{
    measure(NAME, "leapfrog-steps/s", (double)CHAINS * STEPS * LEAPFROGS,
            seconds_wanted(argc, argv), run);
    return 0;
}
