/* SPDX-License-Identifier: Apache-2.0
 *
 * test_verify.c -- every rule of the verifier is broken once, in a module that keeps all others
 */
#include <CUnit/Basic.h>

#include "base/text.h"
#include "tests/ir/text.h"

static const char sound[] =
    "func @g(%1: f32) {\n"
    "    %2 = neg %1\n"
    "    yield %2\n"
    "}\n"
    "func @f(%1: f32[2] x chain \"x\", %2: i32 step uniform \"t\") {\n"
    "    %3 = neg %1\n"                                                  /* 3 */
    "    %4 = at[0] %3, %2\n"                                            /* 4 */
    "    %5: bool = const true\n"                                        /* 5 */
    "    %7 = if %5 { %6 = neg %4 yield %6 } else { yield %4 }\n"        /* 6, 7 */
    "    %8 = get[0] %7\n"                                               /* 8 */
    "    %9 = call @g %8\n"                                              /* 9 */
    "    %10 = get[0] %9\n"                                              /* 10 */
    "    %13 = for[-1] %2, %2, %10 (%11: i32, %12: f32) { yield %12 }\n" /* 11 to 13 */
    "    %15 = loop[3; sum] (%14: i32) { yield %4 }\n"                   /* 14, 15 */
    "    %16: f32[2] = draw[normal, region 0, word 0, blocks 1] %2\n"    /* 16 */
    "    %17 = neg %16\n"                                                /* 17 */
    "    %18 = update[1] %17, %8, %2\n"                                  /* 18 */
    "    yield %18 \"x\", %8 \"e\" report\n"
    "}\n";

/* What it may change: f's nodes and regions.  Arrays that the IR holds as constant are copied
 * by whoever changes them. */
typedef void Break(Module *m, Function *g, Function *f);

static Ref *
own_args(Module *m, Function *f, uint32_t id)
{
    Ref *arg = arena_array(m->arena, Ref, f->node[id].n_args + 1);

    memcpy(arg, f->node[id].arg, f->node[id].n_args * sizeof *arg);
    f->node[id].arg = arg;
    return arg;
}

#define BREAK(name, statements) \
    static void name(Module *m, Function *g, Function *f) \
    { \
        (void)m, (void)g, (void)f; \
        statements; \
    }

// clang-format off
BREAK(use_later, own_args(m, f, 3)[0] = (Ref){4})
BREAK(use_none, own_args(m, f, 3)[0] = (Ref){0})
BREAK(no_op, f->node[3].op = OP_none)
BREAK(wild_op, f->node[3].op = 60000)
BREAK(wild_region, f->node[3].region = 99)
BREAK(ninth_axis, f->node[3].type.rank = 9)
BREAK(no_args, f->node[3].arg = NULL)
BREAK(third_region, f->node[7].n_regions = 3)
BREAK(foreign_region, f->node[7].own[0] = 99)
BREAK(moved_region, f->region[f->node[13].own[0]].parent = 1)
BREAK(two_owners, f->node[13].own[0] = f->node[7].own[0])
BREAK(late_parent, f->region[1].parent = 2)
BREAK(wrong_order, (f->region[0].node[3] = 4, f->region[0].node[2] = 5))
BREAK(wrong_list, f->node[3].region = 1)
BREAK(wild_param, f->region[0].param[0] = (Ref){99})
BREAK(wrong_param, f->region[0].param[0] = (Ref){3})
BREAK(wild_yield, f->region[0].yield[0] = (Ref){99})
BREAK(no_body, f->n_regions = 0)
BREAK(unlisted, f->region[0].n_nodes--)
BREAK(invisible, own_args(m, f, 8)[0] = (Ref){6})
BREAK(reads_several, own_args(m, f, 10)[0] = (Ref){3}; f->node[10].op = OP_neg; own_args(m, f, 10)[0] = (Ref){9})
BREAK(too_large, (f->node[1].type.dim[0] = 1u << 31, f->node[1].type.dim[1] = 2, f->node[1].type.rank = 2))
BREAK(too_long, (f->node[1].type.dim[0] = UINT32_MAX, f->node[1].type.dim[1] = 0, f->node[1].type.rank = 2))
BREAK(bad_rule, own_args(m, f, 4)[1] = (Ref){3})
BREAK(other_type, f->node[3].type.dim[0] = 3)
BREAK(at_attr, f->node[4].attr.i = 2)
BREAK(update_attr, f->node[18].attr.i = 4)
BREAK(for_attr, f->node[13].attr.i = -2)
BREAK(draw_words, f->node[16].attr.draw.blocks = 0)
BREAK(draw_align, (f->node[16].attr.draw.word = 1))
BREAK(stray_arg, f->region[0].n_params = 1)
BREAK(no_regions, f->node[15].n_regions = 0)
BREAK(yields_hidden, f->region[0].yield[1] = (Ref){6})
BREAK(yields_several, f->region[0].yield[1] = (Ref){7})
BREAK(update_read, f->region[0].yield[1] = (Ref){17})
BREAK(no_input_name, f->input[0].name = NULL)
BREAK(wild_input, f->input[1].kind = INPUT_COUNT)
BREAK(no_output_name, f->output[0].name = NULL)
BREAK(recursion, { f->node[9].attr.callee = f->index; })
BREAK(no_name, f->name = "")
BREAK(wrong_index, f->index = 0)
BREAK(same_name, f->name = "g")
BREAK(no_callee, f->node[9].attr.callee = 7)
// clang-format on

static void
many_iterations(Module *m, Function *g, Function *f)
{
    int64_t *ints = arena_array(m->arena, int64_t, 4);

    (void)g;
    ints[0] = 2, ints[1] = ints[2] = 1 << 20, ints[3] = FOLD_sum;
    f->node[15].attr.ints = ints;
    f->node[15].attr.n_ints = 4;
}

static const struct {
    const char *title;
    Break *change;
    const char *message;
} rule[] = {
    {"use_later", use_later, "@f: %3 = neg: an operand stands before its use\n"},
    {"use_none", use_none, "@f: %3 = neg: an operand stands before its use\n"},
    {"no_op", no_op, "a node has an operation\n"},
    {"wild_op", wild_op, "@f: %3 = ?: a node has an operation\n"},
    {"wild_region", wild_region, "a node stands in a region of its function\n"},
    {"ninth_axis", ninth_axis, "an array has at most 8 axes\n"},
    {"no_args", no_args, "operands are given\n"},
    {"third_region", third_region, "a node owns at most two regions\n"},
    {"foreign_region", foreign_region, "a node owns regions of its function\n"},
    {"moved_region", moved_region, "a region stands in the one around its owner\n"},
    {"two_owners", two_owners, "a region has one owner\n"},
    {"late_parent", late_parent, "a region stands after the one around it\n"},
    {"wrong_order", wrong_order, "a region lists its nodes in order\n"},
    {"wrong_list", wrong_list, "a node is listed by the region it is in\n"},
    {"wild_param", wild_param, "a parameter is a node\n"},
    {"wrong_param", wrong_param, "a region's parameter is its 'arg' of that number\n"},
    {"wild_yield", wild_yield, "a region yields nodes\n"},
    {"no_body", no_body, "a function has a body\n"},
    {"unlisted", unlisted, "every node stands in one region\n"},
    {"invisible", invisible, "an operand is visible where it is used\n"},
    {"reads_several", reads_several, "only 'get' reads a node with several results\n"},
    {"too_large", too_large, "an array has at most 2^31 elements\n"},
    {"too_long", too_long, "an array has at most 2^31 elements\n"},
    {"bad_rule", bad_rule, "@f: %4 = at: expected i32 indices\n"},
    {"other_type", other_type, "a node's type follows from its operands\n"},
    {"at_attr", at_attr, "'at' has the attribute 0 or 1\n"},
    {"update_attr", update_attr, "'update' has an attribute in 0..3\n"},
    {"for_attr", for_attr, "'for' has a number of turns, or -1\n"},
    {"draw_words", draw_words, "a draw's words lie within its blocks\n"},
    {"draw_align", draw_align, "a normal draw's first word is even, of f64 fourfold\n"},
    {"stray_arg", stray_arg, "an 'arg' is a parameter of its region\n"},
    {"no_regions", no_regions, "a node owns as many regions as its operation has\n"},
    {"many_iterations", many_iterations, "a loop has at most 2^31 iterations\n"},
    {"yields_hidden", yields_hidden, "a region yields what is visible in it\n"},
    {"yields_several", yields_several,
     "a region yields values, not nodes with several results\n"},
    {"update_read", update_read, "'update' writes over a value that is read afterwards\n"},
    {"no_input_name", no_input_name, "an input has a name, a kind and a variance\n"},
    {"wild_input", wild_input, "an input has a name, a kind and a variance\n"},
    {"no_output_name", no_output_name, "a result of an entry has a name and a kind\n"},
    {"recursion", recursion, "@f: %9 = call: a function calls itself\n"},
    {"no_name", no_name, "a function has a name\n"},
    {"wrong_index", wrong_index, "a function knows its number\n"},
    {"same_name", same_name, "a function's name is its own\n"},
    {"no_callee", no_callee, "expected a function\n"},
};

static void
break_each(void *user)
{
    Arena *arena = user;
    bool good;

    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        Module *m = test_read(arena, sound);
        CU_ASSERT_PTR_NOT_NULL_FATAL(m);
        CU_ASSERT_STRING_EQUAL(test_verify(arena, m, &good), "");
        CU_ASSERT_TRUE(good);
        rule[i].change(m, m->function[0], m->function[1]);
        const char *said = test_verify(arena, m, &good);
        if (good || !strstr(said, rule[i].message))
            fprintf(stderr, "%s: expected %s, found %s\n", rule[i].title, rule[i].message,
                    said);
        CU_ASSERT_FALSE(good);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, rule[i].message));
    }
}

static void
test_every_rule_is_held(void)
{
    Arena arena = {0};

    CU_ASSERT_TRUE(arena_guard(&arena, break_each, &arena));
    arena_free(&arena);
}

/* Modules that the text cannot show: nodes of an outer region between those of an inner one,
 * regions that nobody owns, shared nodes. */
static void
build_interleaved(void *user)
{
    Arena *arena = user;
    Module *m = module_new(arena);
    Function *f = function_new(m, "f");
    Builder b = builder_at(m, f), outer;
    bool good;

    Ref x = ir_input(&b, type_scalar(DT_f32), "x", INPUT_x, VARY_chain);
    Ref n = ir_input(&b, type_scalar(DT_i32), "n", INPUT_hyper, VARY_uniform);
    outer = b;
    region_begin(&b); /* given up */
    ir_neg(&b, x);
    region_end(&b);
    RegionId body = region_begin(&b);
    Ref i = ir_param(&b, type_scalar(DT_i32)), v = ir_param(&b, type_scalar(DT_f32));
    Ref y = ir_mul(&outer, x, x);
    Ref w = ir_add(&b, ir_add(&b, v, y), ir_convert(&b, i, DT_f32));
    ir_yield(&b, 1, &w);
    region_end(&b);
    Ref r = ir_get(&b, ir_for(&b, ir_number(&b, DT_i32, 0), n, 1, &x, body, -1), 0);
    ir_yield(&b, 1, &r);
    ir_outputs(&b, (Output[]){{"x", false}});

    CU_ASSERT_STRING_EQUAL(test_verify(arena, m, &good), "");
    const char *text = test_print(arena, m);
    Module *again = test_read(arena, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_STRING_EQUAL(test_print(arena, again), text);
}

static void
test_reading_what_was_printed_prints_the_same(void)
{
    Arena arena = {0};

    CU_ASSERT_TRUE(arena_guard(&arena, build_interleaved, &arena));
    arena_free(&arena);
}

/* `before`, then `count` times `piece`, then `after`. */
static char *
repeat(Arena *arena, const char *before, const char *piece, size_t count, const char *after)
{
    size_t head = strlen(before), size = strlen(piece);
    char *text = arena_array(arena, char, head + count * size + strlen(after) + 1);

    memcpy(text, before, head);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head + i * size, piece, size);
    memcpy(text + head + count * size, after, strlen(after) + 1);
    return text;
}

static const char *
refusal(Arena *arena, const char *text)
{
    SourceMap *sources = arena_new(arena, SourceMap);
    DiagList diags = {.arena = arena, .sources = sources};

    sources->arena = arena;
    uint32_t file = source_add(sources, "test", text, strlen(text));
    return ir_read(arena, sources, file, &diags) ? "read" : diags.diag[0].message;
}

static void
read_hostile(void *user)
{
    Arena *arena = user;

    CU_ASSERT_STRING_EQUAL(
        refusal(arena, repeat(arena, "func @f(%1: bool) {", "%2 = if %1 {", 5000, "")),
        "too deeply nested");
    CU_ASSERT_STRING_EQUAL(
        refusal(arena, repeat(arena, "", "func @f() { yield }\n", 20000, "")), "too large");
    Text calls = {.arena = arena};
    for (int i = 0; i < 5000; i++)
        text_printf(&calls, "func @f%d() { %%1 = call @f%d yield }\n", i, i + 1);
    CU_ASSERT_STRING_EQUAL(refusal(arena, text_str(&calls)), "too deeply nested");
}

static void
test_deep_and_large_text_is_refused(void)
{
    Arena arena = {0};

    CU_ASSERT_TRUE(arena_guard(&arena, read_hostile, &arena));
    arena_free(&arena);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("ir text", NULL, NULL);
    CU_ADD_TEST(suite, test_every_rule_is_held);
    CU_ADD_TEST(suite, test_reading_what_was_printed_prints_the_same);
    CU_ADD_TEST(suite, test_deep_and_large_text_is_refused);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
