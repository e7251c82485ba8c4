/* SPDX-License-Identifier: Apache-2.0
 *
 * ir_tool.c -- IR text on standard input, what is made of it on standard output
 *
 *   ir_tool print     prints it again
 *   ir_tool check     says "ok"
 *   ir_tool run       interprets the function @main, which has no parameters: its results
 *   ir_tool judge     the same with f32 evaluated as f64
 *   ir_tool trace     as run, then the operation that what is not finite came from
 *   ir_tool sample CHAINS STEPS [NAME=NUMBER ...]
 *                     interprets @start and @step: the last position of each chain and the
 *                     mean of each report
 *   ir_tool ops       the table of operations, as docs/ir.md has it
 * Errors are printed as the compiler prints them; the exit status is 1 then.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"
#include "ir/text.h"
#include "tests/tools/tool.h"

enum { SEED = 1 };

typedef struct Tool {
    int argc;
    char **argv;
    const char *command;
    Arena arena;
    int status;
} Tool;

static void
print_array(Type t, const void *data)
{
    char text[NUMBER_TEXT];
    unsigned size = dtype_size(t.dtype);
    uint64_t n = type_size(t);

    fputs(t.rank ? "[" : "", stdout);
    for (uint64_t i = 0; i < n; i++) {
        Scalar s = {.bits = 0};
        memcpy(&s, (const char *)data + i * size, size);
        bool nan = dtype_is_float(t.dtype) &&
                   scalar_to_double(s, t.dtype) != scalar_to_double(s, t.dtype);
        ir_number_print(s, t.dtype, text);
        printf("%s%s", i ? ", " : "", nan ? "nan" : text); /* whatever its sign and payload */
    }
    fputs(t.rank ? "]\n" : "\n", stdout);
}

static void *
room(Tool *t, Type type)
{
    return arena_alloc(&t->arena, (size_t)type_size(type) * dtype_size(type.dtype) + 8, 1);
}

static void
print_break(const InterpBreak *b)
{
    if (!b->node) {
        puts("all finite");
        return;
    }
    printf("%%%u %s, element %llu: %g", (unsigned)(b->node - b->function->node),
           op_info[b->node->op].name, (unsigned long long)b->element,
           isnan(b->value) ? (double)NAN : b->value);
    for (uint32_t i = 0; i < b->n_operands; i++)
        printf("%s %g", i ? "," : " of", b->operand[i]);
    putchar('\n');
}

static void
interpret(Tool *t, const Module *m)
{
    bool judge = strcmp(t->command, "judge") == 0, trace = strcmp(t->command, "trace") == 0;
    const Function *f = module_find(m, "main");
    Interp *s = interp_new(m, &(InterpOptions){.judge = judge});
    InterpPlace place = {.chain = 0};
    void *result[64];

    if (!s || !f || f->region[0].n_params || f->region[0].n_yields > 64) {
        puts("there is no @main without parameters");
        interp_free(s);
        return;
    }
    interp_key(SEED, PURPOSE_sample, place.key);
    for (uint32_t i = 0; i < f->region[0].n_yields; i++)
        result[i] = room(t, interp_type(s, ir_type(f, f->region[0].yield[i])));
    InterpBreak broken;
    InterpStatus status = trace ? interp_trace(s, f, &place, NULL, result, &broken)
                                : interp_run(s, f, &place, NULL, result);
    if (status != INTERP_OK)
        puts(interp_status_text(status));
    for (uint32_t i = 0; status == INTERP_OK && i < f->region[0].n_yields; i++)
        print_array(interp_type(s, ir_type(f, f->region[0].yield[i])), result[i]);
    if (trace && status == INTERP_OK)
        print_break(&broken);
    t->status = status != INTERP_OK;
    interp_free(s);
}

static InterpInput *
read_numbers(Tool *t, int first, size_t *ret_n)
{
    InterpInput *input = arena_array(&t->arena, InterpInput, (size_t)t->argc + 1);

    for (int i = first; i < t->argc; i++) {
        char *equal = strchr(t->argv[i], '=');
        double *value = arena_new(&t->arena, double);
        if (!equal)
            continue;
        *value = strtod(equal + 1, NULL);
        input[(*ret_n)++] = (InterpInput){
            .name = arena_strndup(&t->arena, t->argv[i], (size_t)(equal - t->argv[i])),
            .kind = INPUT_hyper,
            .data = value};
    }
    return input;
}

static void
print_sample(const InterpSample *in, Type x, uint32_t n_reports)
{
    size_t bytes = (size_t)type_size(x) * dtype_size(x.dtype);

    for (uint64_t c = 0; c < in->n_chains; c++) {
        print_array(x, in->draws + (c * in->kept_room + in->kept_room - 1) * bytes);
        for (uint32_t k = 0; k < n_reports; k++) {
            double sum = 0;
            for (uint64_t i = 0; i < in->kept_room; i++)
                sum += in->reports[(c * in->kept_room + i) * n_reports + k];
            printf("report %u: %.9g\n", k, sum / (double)in->kept_room);
        }
        if (in->rejected[c])
            printf("rejected: %llu, first %llu\n", (unsigned long long)in->rejected[c],
                   (unsigned long long)in->first_rejected[c]);
    }
}

static void
sample(Tool *t, const Module *m)
{
    InterpSample in = {.start = module_find(m, "start"), .step = module_find(m, "step")};
    Interp *s = interp_new(m, NULL);

    if (!s || t->argc < 4 || !in.start || !in.step) {
        puts("there is no @start and @step");
        interp_free(s);
        return;
    }
    Type x = ir_type(in.start, in.start->region[0].yield[0]);
    uint32_t n_reports = in.step->region[0].n_yields - in.start->region[0].n_yields;
    in.seed = SEED;
    in.n_chains = strtoull(t->argv[2], NULL, 10);
    in.last_step = in.n_steps = in.kept_room = strtoull(t->argv[3], NULL, 10);
    in.thin = 1;
    in.input = read_numbers(t, 4, &in.n_inputs);
    in.draws = room(
        t, type_array(DT_f64, 1,
                      (uint32_t[]){(uint32_t)(in.n_chains * in.kept_room * type_size(x))}));
    in.reports = arena_array(&t->arena, double, in.n_chains *in.kept_room *n_reports + 1);
    in.rejected = arena_array(&t->arena, uint64_t, in.n_chains + 1);
    in.first_rejected = arena_array(&t->arena, uint64_t, in.n_chains + 1);
    memset(in.first_rejected, 0xFF, (in.n_chains + 1) * sizeof(uint64_t));
    InterpStatus status = interp_sample(s, &in);
    if (status == INTERP_OK)
        print_sample(&in, x, n_reports);
    else
        puts(interp_status_text(status));
    t->status = status != INTERP_OK;
    interp_free(s);
}

static void
run(void *user)
{
    Tool *t = user;
    SourceMap sources;
    DiagList diags;
    Module *m = read_module(&t->arena, &sources, &diags);

    diag_render(&diags, stdout);
    if (!m)
        return;
    if (strcmp(t->command, "run") == 0 || strcmp(t->command, "judge") == 0 ||
        strcmp(t->command, "trace") == 0) {
        interpret(t, m);
        return;
    }
    if (strcmp(t->command, "sample") == 0) {
        sample(t, m);
        return;
    }
    t->status = 0;
    if (strcmp(t->command, "print") == 0)
        ir_print(m, stdout);
    else
        puts("ok");
}

/* A bar within a cell of the table is escaped. */
static int
print_ops(void)
{
    for (int op = OP_none + 1; op < OP_COUNT; op++) {
        printf("| `%s` | ", op_info[op].name);
        for (const char *c = op_info[op].words; *c; c++)
            printf(*c == '|' ? "\\%c" : "%c", *c);
        puts(" |");
    }
    return 0;
}

int
main(int argc, char **argv)
{
    Tool t = {.argc = argc, .argv = argv, .command = argc > 1 ? argv[1] : "print", .status = 1};

    if (strcmp(t.command, "ops") == 0)
        return print_ops();
    if (!arena_guard(&t.arena, run, &t))
        fputs("out of memory\n", stderr);
    arena_free(&t.arena);
    return t.status;
}
