/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_ir.c -- libFuzzer target: the reader of IR text
 *
 * Whatever is read must verify, print, and print the same after being read again.  What is
 * small is interpreted as well.
 */
#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"

enum { MAX_WORK = 1 << 16 };

typedef struct Round {
    const uint8_t *data;
    size_t size;
    Arena arena;
} Round;

static Module *
read_text(Round *r, const char *text, size_t size)
{
    SourceMap *sources = arena_new(&r->arena, SourceMap);
    DiagList diags = {.arena = &r->arena, .sources = sources};

    sources->arena = &r->arena;
    uint32_t file = source_add(sources, "-", text, size);
    Module *m = ir_read(&r->arena, sources, file, &diags);
    if (!m && diags.errors == 0)
        __builtin_trap(); /* refused without a word */
    return m;
}

static char *
print_text(const Module *m, size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);

    ir_print(m, out);
    fclose(out);
    return text;
}

/* Elements and turns that a run might touch, roughly. */
static uint64_t
work_of(const Function *f)
{
    uint64_t work = 0;

    for (size_t i = 1; i < f->n; i++) {
        const Node *n = &f->node[i];
        if (n->n_regions || n->op == OP_call || n->op == OP_contract || n->op == OP_cholesky ||
            n->op == OP_trisolve || n->op == OP_const)
            return UINT64_MAX;
        work += n->type.dtype ? type_size(n->type) : 0;
    }
    return work;
}

static void
interpret(const Module *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const Function *f = m->function[i];
        if (f->region[0].n_params || f->region[0].n_yields > 8 || work_of(f) > MAX_WORK)
            continue;
        Interp *s = interp_new(m, NULL);
        void *result[8];
        for (uint32_t k = 0; k < f->region[0].n_yields; k++) {
            Type t = ir_type(f, f->region[0].yield[k]);
            result[k] = malloc((size_t)type_size(t) * dtype_size(t.dtype) + 1);
        }
        InterpBreak broken;
        interp_trace(s, f, &(InterpPlace){.chain = 0}, NULL, result, &broken);
        for (uint32_t k = 0; k < f->region[0].n_yields; k++)
            free(result[k]);
        interp_free(s);
    }
}

static void
check(void *user)
{
    Round *r = user;
    const Module *m = read_text(r, (const char *)r->data, r->size);
    size_t size, again_size;

    if (!m)
        return;
    if (!ir_verify(m, stderr))
        __builtin_trap();
    char *text = print_text(m, &size);
    const Module *again = read_text(r, text, size);
    if (!again)
        __builtin_trap();
    char *second = print_text(again, &again_size);
    if (size != again_size || memcmp(text, second, size) != 0)
        __builtin_trap();
    free(text);
    free(second);
    interpret(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Round r = {.data = data, .size = size};

    arena_guard(&r.arena, check, &r);
    arena_free(&r.arena);
    return 0;
}
