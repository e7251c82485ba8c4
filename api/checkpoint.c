/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.c -- a training in a file, and whether it is this one
 */
#include "runtime/checkpoint.h"

#include <stdlib.h>

#include "api/recipe.h"
#include "api/text.h"

/* Text of its own, or NULL without memory. */
static char *
write_recipe(const EbmTraining *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    recipe_write(&t->values, t->column, out);
    return text_close(out, &text);
}

static EbmStatus
check_same(const EbmTraining *t, const char *path, const RtCheckpointHead *head,
           const char *lines, EbmReport **ret_report)
{
    Recipe there = {head->recipe, head->program}, here = {.lines = lines};

    if (!recipe_program_key(t->kernel->program, &here.program))
        return report_memory(ret_report);
    return recipe_compare(&there, &here, path, "training", ret_report);
}

/* ---- saving and loading */

EbmStatus
ebm_training_save(EbmTraining *training, const char *path, EbmReport **ret_report)
{
    RtCheckpointHead head = {.seed = training->values.seed};
    RtError error = {0};
    EbmStatus status = training_start(training, ret_report);

    if (status != EBM_OK)
        return status;
    char *recipe = write_recipe(training);
    if (!recipe || !recipe_program_key(training->kernel->program, &head.program)) {
        free(recipe);
        return report_memory(ret_report);
    }
    head.recipe = recipe;
    bool done = rt_checkpoint_write(path, training->training, &head, &error);
    free(recipe);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}

static EbmStatus
take_up(EbmTraining *t, const char *path, const RtCheckpoint *c, EbmReport **ret_report)
{
    RtError error = {0};
    char *recipe = write_recipe(t);

    if (!recipe)
        return report_memory(ret_report);
    EbmStatus status = check_same(t, path, &c->head, recipe, ret_report);
    free(recipe);
    if (status == EBM_OK && c->head.step > t->steps)
        status =
            report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                       "'%s' stands before step %llu, and this training has %llu steps", path,
                       (unsigned long long)c->head.step, (unsigned long long)t->steps);
    status = status ? status : training_allocate(t, ret_report);
    if (status == EBM_OK && !rt_checkpoint_resume(c, t->training, &error))
        return report_error(ret_report, &error);
    return status;
}

EbmStatus
ebm_training_load(EbmTraining *training, const char *path, EbmReport **ret_report)
{
    RtCheckpoint c = {0};
    RtError error = {0};
    EbmStatus status = training_check_waiting(training, ret_report);

    status = status ? status : training_check_data(training, ret_report);
    if (status != EBM_OK)
        return status;
    if (!rt_checkpoint_read(path, &c, &error))
        return report_error(ret_report, &error);
    status = take_up(training, path, &c, ret_report);
    rt_checkpoint_clear(&c);
    return status;
}
