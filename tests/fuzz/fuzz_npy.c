/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_npy.c -- any bytes read as a .npy file
 *
 * Whatever they are, the reader answers with an array or an error with a message.
 */
#include <stdlib.h>

#include "runtime/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    RtSource source;
    RtError error = {0};
    RtArray array;

    rt_source_memory(&source, "input", bytes, size);
    if (rt_npy_read(&source, &array, &error)) {
        if (rt_array_count(&array) * rt_type_size(array.type) != array.bytes)
            abort();
        rt_array_clear(&array);
    } else if (error.code == RT_OK || !error.message[0])
        abort();
    rt_source_close(&source);
    return 0;
}
