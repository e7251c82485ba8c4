/* SPDX-License-Identifier: Apache-2.0
 *
 * error.h -- how the runtime says what went wrong.
 *
 * Every function that can fail takes an RtError and returns false after filling it.  The
 * message is meant for the user: it names the file and, where there is one, the line.
 * An RtError that was not filled holds RT_OK; no function clears one.
 */
#ifndef EBM_RUNTIME_ERROR_H
#define EBM_RUNTIME_ERROR_H

#include <stdbool.h>

/* code, whose fault it is */
#define RT_ERRORS(ERROR) \
    ERROR(OK, "no error") \
    ERROR(IO, "the system could not read or write") \
    ERROR(NOT_FOUND, "there is no such file, or no such array within it") \
    ERROR(FORMAT, "the file is not what its name says, or is damaged") \
    ERROR(SHAPE, "the sizes do not fit") \
    ERROR(TYPE, "this type of number is not supported") \
    ERROR(RANGE, "a number does not fit the wanted type") \
    ERROR(ARGUMENT, "a request that cannot be carried out") \
    ERROR(MEMORY, "out of memory") \
    ERROR(NO_SPACE, "the disk is full, or a quota or size limit is reached") \
    ERROR(CANCELLED, "stopped on request") \
    ERROR(DEVICE, "the device failed or is missing") \
    ERROR(INTERNAL, "a mistake in the program itself") \
    ERROR(NOT_FINITE, "numbers became infinite or not a number")

typedef enum RtCode {
#define ERROR(name, text) RT_##name,
    RT_ERRORS(ERROR)
#undef ERROR
        RT_CODE_COUNT
} RtCode;

typedef struct RtError {
    RtCode code;
    char message[512];
} RtError;

/* Fills `error` and returns false, so that a caller can return it at once.  A message that
 * is too long is cut at a character boundary of UTF-8. */
bool rt_fail(RtError *error, RtCode code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: "'path': cannot <action>: <reason>", with the code
 * that `number`, an errno, stands for. */
bool rt_fail_errno(RtError *error, int number, const char *path, const char *action);

/* "out of memory" for `bytes` wanted by `what`. */
bool rt_fail_memory(RtError *error, const char *what, unsigned long long bytes);

/* "OK", "IO", ... and the sentence that explains it. */
const char *rt_code_name(RtCode code);
const char *rt_code_text(RtCode code);

#endif
