/* SPDX-License-Identifier: Apache-2.0
 *
 * contract.c -- derivatives of contract
 *
 * A contraction is linear in each operand; its derivatives are contractions whose letters are
 * those of the source in another order.  Several terms are chained through the initial value,
 * so that each adds to the one before in a single fma chain.
 */
#include "passes/ad/ad.h"

#include <assert.h>
#include <string.h>

#include "ir/shapes.h"

/* Letters of one operand or result. */
typedef struct Letters {
    char c[MAX_RANK + 2];
} Letters;

static Letters
letters(const char *text)
{
    Letters l = {{0}};

    assert(strlen(text) <= MAX_RANK);
    memcpy(l.c, text, strlen(text) + 1);
    return l;
}

static Letters
with_letter(const char *text, char c)
{
    Letters l = letters(text);
    size_t n = strlen(l.c);

    l.c[n] = c;
    l.c[n + 1] = '\0';
    return l;
}

static ContractSpec
spec_of(const Node *n)
{
    ContractSpec s;
    bool right = contract_parse(n->attr.text, &s);

    assert(right);
    (void)right;
    return s;
}

static char
unused_letter(const ContractSpec *s)
{
    char c = 'a';

    while (strchr(s->x, c) || strchr(s->y, c))
        c++;
    assert(c <= 'z');
    return c;
}

/* x, whose letters are `own`, in the order of `out` and repeated along its other letters. */
static Ref
spread(Ad *a, const char *own, const char *out, Ref x, Type to)
{
    int64_t perm[MAX_RANK], axes[MAX_RANK];
    unsigned n = 0;

    for (unsigned i = 0; out[i]; i++) {
        const char *at = strchr(own, out[i]);
        if (!at)
            continue;
        perm[n] = at - own;
        axes[n++] = i;
    }
    return ir_broadcast(&a->copy.b, ir_transpose(&a->copy.b, x, perm), to, axes);
}

/* Is every letter one of the result?  Then nothing is summed. */
static bool
sums_nothing(const char *x, const char *y, const char *out)
{
    return strspn(x, out) == strlen(x) && strspn(y, out) == strlen(y);
}

static Type
product_type(const Ad *a, const char *x_letters, const char *y_letters, const char *out, Ref x,
             Ref y)
{
    const Function *f = a->copy.b.function;
    Type t = type_scalar((DType)ir_type(f, x).dtype);

    for (; *out; out++) {
        const char *in_x = strchr(x_letters, *out), *in_y = strchr(y_letters, *out);
        t.dim[t.rank++] =
            in_x ? ir_type(f, x).dim[in_x - x_letters] : ir_type(f, y).dim[in_y - y_letters];
    }
    return t;
}

/* The contraction; where nothing is summed a product, which fuses with what is around it. */
static Ref
contract(Ad *a, const char *x_letters, const char *y_letters, const char *out, Ref x, Ref y,
         Ref init)
{
    const char *text = arena_printf(a->ctx->arena, "%s,%s->%s", x_letters, y_letters, out);

    if (sums_nothing(x_letters, y_letters, out)) {
        Type t = product_type(a, x_letters, y_letters, out, x, y);
        Ref product = ir_mul(&a->copy.b, spread(a, x_letters, out, x, t),
                             spread(a, y_letters, out, y, t));
        return init.id ? ir_add(&a->copy.b, product, init) : product;
    }
    return ir_contract(&a->copy.b, text, x, y, init);
}

/* ---- forward */

/* The contraction of the identity matrix with `other` (a vector's letter `c` in place of the
 * matrix): other, with its axis c last.  NO_REF when that is not all there is to it. */
static Ref
contract_identity(Ad *a, char c, const char *other_letters, const char *out, Ref other)
{
    int64_t perm[MAX_RANK];
    size_t n = strlen(other_letters);

    if (!strchr(other_letters, c) || strchr(out, c) || strlen(out) != n - 1)
        return NO_REF;
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(other_letters, i + 1 < n ? out[i] : c);
        if (!at)
            return NO_REF;
        perm[i] = at - other_letters;
    }
    return ir_transpose(&a->copy.b, other, perm);
}

/* One term of the tangent: operand k replaced by its tangent. */
static Ref
forward_term(Ad *a, const Node *n, uint32_t k, Ref sum)
{
    ContractSpec s = spec_of(n);
    char extra = unused_letter(&s);
    bool wide = ad_is_wide(a);
    Letters x = wide && k == 0 ? with_letter(s.x, extra) : letters(s.x);
    Letters y = wide && k == 1 ? with_letter(s.y, extra) : letters(s.y);
    Letters out = wide ? with_letter(s.out, extra) : letters(s.out);
    Ref t = ad_tan(a, n, k), other = ad_arg(a, n, 1 - k);
    const char *own = k ? s.y : s.x;

    if (!t.id)
        return sum;
    if (wide && ref_eq(t, a->seed) && strlen(own) == 1 && !sum.id) {
        Ref r = contract_identity(a, own[0], k ? s.x : s.y, s.out, other);
        if (r.id)
            return r;
    }
    return k ? contract(a, x.c, y.c, out.c, other, t, sum)
             : contract(a, x.c, y.c, out.c, t, other, sum);
}

Ref
jvp_contract(Ad *a, const Node *n)
{
    Ref sum = n->n_args == 3 ? ad_tan(a, n, 2) : NO_REF;

    sum = forward_term(a, n, 0, sum);
    return forward_term(a, n, 1, sum);
}

/* Twice the sum over the tangents of tangent of x times tangent of y. */
Ref
ad_second_contract(Ad *a, const Node *n)
{
    ContractSpec s = spec_of(n);
    char extra = unused_letter(&s);
    Ref x = a->tan[0][n->arg[0].id], y = a->tan[0][n->arg[1].id];

    if (!x.id || !y.id)
        return NO_REF;
    Ref r =
        contract(a, with_letter(s.x, extra).c, with_letter(s.y, extra).c, s.out, x, y, NO_REF);
    return ir_mul(&a->copy.b, ir_number(&a->copy.b, (DType)n->type.dtype, 2), r);
}

/* ---- reverse */

/* Letters of `own` that are in the result or in the other operand; the others were summed
 * alone. */
static Letters
known_letters(const char *own, const ContractSpec *s, const char *other, int64_t *axes)
{
    Letters l = {{0}};
    size_t n = 0;

    for (size_t i = 0; own[i]; i++)
        if (strchr(s->out, own[i]) || strchr(other, own[i])) {
            axes[n] = (int64_t)i;
            l.c[n++] = own[i];
        }
    return l;
}

static void
reverse_term(Ad *a, const Node *n, uint32_t k, Ref g)
{
    ContractSpec s = spec_of(n);
    const char *own = k ? s.y : s.x, *other = k ? s.x : s.y;
    int64_t axes[MAX_RANK];
    Letters known = known_letters(own, &s, other, axes);
    Ref x = ad_arg(a, n, 1 - k), old = a->cot[n->arg[k].id];
    bool whole = strlen(known.c) == strlen(own);

    if (!a->active.node[n->arg[k].id])
        return;
    /* The other operand stays on its side: a weight matrix remains the left one. */
    Ref init = whole ? old : NO_REF;
    Ref r = k ? contract(a, other, s.out, known.c, x, g, init)
              : contract(a, s.out, other, known.c, g, x, init);
    if (whole)
        a->cot[n->arg[k].id] = r;
    else
        ad_give(a, n->arg[k], ir_broadcast(&a->copy.b, r, ir_type(a->f, n->arg[k]), axes));
}

void
vjp_contract(Ad *a, const Node *n, const Ref *g)
{
    if (n->n_args == 3)
        ad_give(a, n->arg[2], g[0]);
    reverse_term(a, n, 0, g[0]);
    reverse_term(a, n, 1, g[0]);
}
