/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_checkpoint.c -- any bytes read as a checkpoint
 *
 * Whatever they are, both halves of reading answer with a checkpoint or an error with a
 * message.
 */
#include <stdlib.h>

#include "runtime/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
expect_message(const RtError *error)
{
    if (error->code == RT_OK || !error->message[0])
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    RtSource source;
    RtError error = {0};
    RtCheckpoint c;

    rt_source_memory(&source, "input", bytes, size);
    if (!rt_checkpoint_verify(&source, &error))
        expect_message(&error);
    rt_source_memory(&source, "input", bytes, size);
    error = (RtError){0};
    if (rt_checkpoint_decode(&source, &c, &error)) {
        if (!c.head.recipe)
            abort();
        rt_checkpoint_clear(&c);
    } else {
        expect_message(&error);
    }
    return 0;
}
