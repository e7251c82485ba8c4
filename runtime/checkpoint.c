/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.c -- a training in one file, to be taken up to the same bits
 */
#include "runtime/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { PIECE = 1 << 16 };
#define SEED UINT64_C(0x6562632d636b7031) /* of the checksum */

static const char checksum_name[] = "checksum", format_name[] = "format";
static const char format_text[] = "ebm-checkpoint-1";

/* ---- the numbers of the head, as texts */

static const struct {
    const char *name;
    size_t offset;
    int base;
} numbers[] = {
    {"step", offsetof(RtCheckpointHead, step), 10},
    {"skipped", offsetof(RtCheckpointHead, skipped), 10},
    {"seed", offsetof(RtCheckpointHead, seed), 10},
    {"batch", offsetof(RtCheckpointHead, batch), 10},
    {"n_steps", offsetof(RtCheckpointHead, n_steps), 10},
    {"program.0", offsetof(RtCheckpointHead, program.word[0]), 16},
    {"program.1", offsetof(RtCheckpointHead, program.word[1]), 16},
};

enum { NUMBERS = sizeof numbers / sizeof *numbers, TEXTS = NUMBERS + 2, LONGEST = 24 };

static bool
read_number(const RtMetadata *metadata, size_t i, RtCheckpointHead *head)
{
    const char *text = rt_metadata_get(metadata, numbers[i].name);
    char *end;
    uint64_t value;

    if (!text || !*text || strspn(text, "0123456789abcdef") != strlen(text))
        return false;
    errno = 0;
    value = strtoull(text, &end, numbers[i].base);
    memcpy((char *)head + numbers[i].offset, &value, sizeof value);
    return errno == 0 && *end == '\0';
}

/* ---- arrays */

static const char *
prefix_of(EbmRole role)
{
    return role == EBM_ROLE_param ? "" : role == EBM_ROLE_memory ? "memory/" : "buffer/";
}

/* The held array as one of a file, whose name the caller frees. */
static bool
name_held(const RtHeld *held, RtNamed *ret, RtError *error)
{
    unsigned lead = held->role == EBM_ROLE_slot;
    RtArray array = {.type = rt_type_of((EbmDType)held->slot->dtype),
                     .rank = held->slot->rank + lead,
                     .shape = {held->rows},
                     .data = held->data,
                     .bytes = (size_t)held->bytes};
    size_t room = sizeof held->slot->name + 16;

    for (unsigned i = 0; i < held->slot->rank; i++)
        array.shape[lead + i] = held->slot->dim[i];
    *ret = (RtNamed){malloc(room), array};
    if (!ret->name)
        return rt_fail_memory(error, "checkpoint", room);
    snprintf(ret->name, room, "%s%s", prefix_of(held->role), held->slot->name);
    return true;
}

/* All that is held, and the checksum's place. */
static bool
list_arrays(const RtTraining *training, uint64_t *checksum, RtNamed *ret, RtError *error)
{
    uint32_t n = rt_training_held_count(training);

    for (uint32_t i = 0; i < n; i++) {
        RtHeld held = rt_training_held(training, i);
        if (!name_held(&held, &ret[i], error))
            return false;
    }
    ret[n].name = strdup(checksum_name);
    ret[n].array = (RtArray){
        .type = RT_i64, .rank = 1, .shape = {1}, .data = checksum, .bytes = sizeof *checksum};
    return ret[n].name ? true : rt_fail_memory(error, "checkpoint", sizeof checksum_name);
}

static void
free_names(RtNamed *named, size_t count)
{
    for (size_t i = 0; named && i < count; i++)
        free(named[i].name);
    free(named);
}

/* ---- writing */

static bool
write_arrays(RtOutput *output, const RtMetadata *metadata, const RtNamed *named, size_t count,
             uint64_t *checksum, RtError *error)
{
    HashStream hash = hash_stream(SEED);

    output->hash = &hash;
    bool done = rt_safetensors_head(output, metadata, named, count, error) &&
                rt_safetensors_data(output, named, count - 1, error);
    output->hash = NULL;
    *checksum = hash_stream_end(&hash);
    return done && rt_safetensors_data(output, named + count - 1, 1, error);
}

static bool
write_file(const char *path, const RtMetadata *metadata, const RtTraining *training,
           RtError *error)
{
    size_t count = (size_t)rt_training_held_count(training) + 1;
    RtNamed *named = calloc(count, sizeof *named);
    uint64_t checksum = 0;
    RtOutput output;
    bool done = named ? list_arrays(training, &checksum, named, error)
                      : rt_fail_memory(error, "checkpoint", count * sizeof *named);

    done = done && rt_output_open(&output, path, error);
    if (done && !write_arrays(&output, metadata, named, count, &checksum, error)) {
        rt_output_discard(&output);
        done = false;
    }
    done = done && rt_output_commit(&output, error);
    free_names(named, count);
    return done;
}

bool
rt_checkpoint_write(const char *path, const RtTraining *training, const RtCheckpointHead *head,
                    RtError *error)
{
    RtCheckpointHead full = *head;
    char text[NUMBERS][LONGEST];
    RtPair pair[TEXTS];
    RtMetadata metadata = {pair, TEXTS};

    if (!rt_training_started(training))
        return rt_fail(error, RT_ARGUMENT, "the training is not started");
    full.step = rt_training_next(training);
    full.skipped = rt_training_skipped(training);
    full.batch = rt_training_batch(training);
    full.n_steps = rt_training_plan(training)->n_steps;
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&full + numbers[i].offset, sizeof value);
        snprintf(text[i], LONGEST, numbers[i].base == 10 ? "%" PRIu64 : "%" PRIx64, value);
        pair[i] = (RtPair){(char *)(uintptr_t)numbers[i].name, text[i]};
    }
    pair[NUMBERS] = (RtPair){(char *)(uintptr_t)format_name, (char *)(uintptr_t)format_text};
    pair[NUMBERS + 1] = (RtPair){(char *)(uintptr_t) "recipe",
                                 (char *)(uintptr_t)(head->recipe ? head->recipe : "")};
    return write_file(path, &metadata, training, error);
}

/* ---- reading */

bool
rt_checkpoint_verify(RtSource *source, RtError *error)
{
    HashStream hash = hash_stream(SEED);
    unsigned char piece[PIECE];
    uint64_t checksum;

    while (source->left > sizeof checksum) {
        uint64_t most = source->left - sizeof checksum;
        size_t size = most < PIECE ? (size_t)most : PIECE;
        if (!rt_source_read(source, piece, size, error))
            return false;
        hash_stream_add(&hash, piece, size);
    }
    if (!rt_source_read(source, &checksum, sizeof checksum, error))
        return false;
    return checksum == hash_stream_end(&hash) ||
           rt_fail(error, RT_FORMAT,
                   "'%s': damaged, or not a checkpoint: its checksum is wrong", source->name);
}

static bool
read_head(const RtSource *source, const RtMetadata *metadata, RtCheckpoint *c, RtError *error)
{
    const char *format = rt_metadata_get(metadata, format_name);
    const char *recipe = rt_metadata_get(metadata, "recipe");
    bool good = format && strcmp(format, format_text) == 0 && recipe;

    for (size_t i = 0; good && i < NUMBERS; i++)
        good = read_number(metadata, i, &c->head);
    if (!good)
        return rt_fail(error, RT_FORMAT, "'%s': not a checkpoint of a training", source->name);
    c->head.recipe = c->recipe = strdup(recipe);
    return c->recipe ? true : rt_fail_memory(error, source->name, strlen(recipe));
}

/* Its last tensor is the checksum, which has done its work. */
static bool
drop_checksum(const RtSource *source, RtCheckpoint *c, RtError *error)
{
    if (c->count == 0 || strcmp(c->named[c->count - 1].name, checksum_name) != 0)
        return rt_fail(error, RT_FORMAT, "'%s': not a checkpoint: it has no checksum",
                       source->name);
    c->count--;
    free(c->named[c->count].name);
    rt_array_clear(&c->named[c->count].array);
    return true;
}

bool
rt_checkpoint_decode(RtSource *source, RtCheckpoint *ret, RtError *error)
{
    RtCheckpoint c = {0};
    RtMetadata metadata;

    if (!rt_memory_check("the checkpoint", source->left, error) ||
        !rt_safetensors_read_with(source, &c.named, &c.count, &metadata, error))
        return false;
    bool done = read_head(source, &metadata, &c, error) && drop_checksum(source, &c, error);
    rt_metadata_clear(&metadata);
    if (!done) {
        rt_checkpoint_clear(&c);
        return false;
    }
    *ret = c;
    return true;
}

bool
rt_checkpoint_read(const char *path, RtCheckpoint *ret, RtError *error)
{
    RtSource source;

    if (!rt_source_open(&source, path, error))
        return false;
    bool done = rt_checkpoint_verify(&source, error);
    rt_source_close(&source);
    if (!done || !rt_source_open(&source, path, error))
        return false;
    done = rt_checkpoint_decode(&source, ret, error);
    rt_source_close(&source);
    return done;
}

void
rt_checkpoint_clear(RtCheckpoint *checkpoint)
{
    rt_named_free(checkpoint->named, checkpoint->count);
    free(checkpoint->recipe);
    *checkpoint = (RtCheckpoint){0};
}

/* ---- taking up */

static bool
same_array(const RtArray *a, const RtArray *b)
{
    return a->type == b->type && a->rank == b->rank && a->bytes == b->bytes &&
           memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}

/* Copies the checkpoint's array of this name. */
static bool
fill_held(const RtCheckpoint *c, const RtHeld *held, RtError *error)
{
    RtNamed wanted;
    size_t i = 0;

    if (!name_held(held, &wanted, error))
        return false;
    while (i < c->count && strcmp(c->named[i].name, wanted.name) != 0)
        i++;
    bool found = i < c->count, fits = found && same_array(&c->named[i].array, &wanted.array);
    if (!fits)
        rt_fail(error, RT_SHAPE,
                found ? "the checkpoint's '%s' has another shape or type than the training's"
                      : "the checkpoint has no '%s'",
                wanted.name);
    else if (held->bytes)
        memcpy(held->data, c->named[i].array.data, held->bytes);
    free(wanted.name);
    return fits;
}

bool
rt_checkpoint_resume(const RtCheckpoint *checkpoint, RtTraining *training, RtError *error)
{
    uint32_t n = rt_training_held_count(training);

    rt_training_halt(training);
    if (!rt_training_allocated(training))
        return rt_fail(error, RT_ARGUMENT, "the training has no memory for its arrays yet");
    if (checkpoint->head.batch != rt_training_batch(training))
        return rt_fail(error, RT_ARGUMENT,
                       "the checkpoint's batch has %" PRIu64 " data points, and the training's "
                       "has %u",
                       checkpoint->head.batch, rt_training_batch(training));
    if (checkpoint->count != n)
        return rt_fail(error, RT_SHAPE,
                       "the checkpoint holds %zu arrays, and the training %u: it is of another "
                       "model, loss or optimizer",
                       checkpoint->count, n);
    for (uint32_t i = 0; i < n; i++) {
        RtHeld held = rt_training_held(training, i);
        if (!fill_held(checkpoint, &held, error))
            return false;
    }
    return rt_training_resume(training, checkpoint->head.step, checkpoint->head.skipped, error);
}
