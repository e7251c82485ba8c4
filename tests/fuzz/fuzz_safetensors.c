/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_safetensors.c -- any bytes read as a .safetensors file
 *
 * Whatever they are, the reader answers with tensors or an error with a message.
 */
#include <stdlib.h>

#include "runtime/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    RtSource source;
    RtError error = {0};
    RtNamed *named;
    size_t count;

    rt_source_memory(&source, "input", bytes, size);
    if (rt_safetensors_read(&source, &named, &count, &error)) {
        for (size_t i = 0; i < count; i++) {
            if (!named[i].name || !named[i].array.data)
                abort();
        }
        rt_named_free(named, count);
    } else if (error.code == RT_OK || !error.message[0])
        abort();
    rt_source_close(&source);
    return 0;
}
