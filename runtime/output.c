/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c -- a file that appears under its name only when it is complete
 */
#include "runtime/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TRIES = 1000, NAME_ROOM = 64 };

static void
release(RtOutput *output)
{
    free(output->target);
    free(output->temporary);
    *output = (RtOutput){0};
}

static bool
fail_open(RtOutput *output, int number, RtError *error)
{
    rt_fail_errno(error, number, output->path, "write");
    release(output);
    return false;
}

/* The directory part of `target` with its slash; empty for the working directory. */
static size_t
directory_length(const char *target)
{
    const char *slash = strrchr(target, '/');

    return slash ? (size_t)(slash - target) + 1 : 0;
}

/* The i-th name beside the target. */
static void
set_name(RtOutput *output, unsigned i)
{
    size_t length = directory_length(output->target);

    snprintf(output->temporary + length, NAME_ROOM, ".ebm-%ld-%u.tmp", (long)getpid(), i);
}

/* A file in the target's directory that has no name yet, so that nothing is left of it when the
 * process is killed; -1 where there is no such thing, or where it could not get a name later.
 */
static int
create_nameless(RtOutput *output)
{
    const char *directory = *output->temporary ? output->temporary : ".";

    if (access("/proc/self/fd", X_OK) != 0)
        return -1;
    int descriptor = open(directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    output->nameless = descriptor >= 0;
    return descriptor;
}

/* Creates a new file beside the target; a descriptor or -1 with errno.  O_EXCL rather than
 * mkstemp, so that the umask decides about its mode. */
static int
create_temporary(RtOutput *output)
{
    size_t length = directory_length(output->target);

    output->temporary = malloc(length + NAME_ROOM);
    if (!output->temporary)
        return -1;
    memcpy(output->temporary, output->target, length);
    output->temporary[length] = '\0';
    int descriptor = create_nameless(output);
    for (unsigned i = 0; descriptor < 0 && i < MAX_TRIES; i++) {
        set_name(output, i);
        descriptor = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST)
            return -1;
    }
    return descriptor;
}

/* Gives a file that has none a name, the temporary one; false with errno. */
static bool
give_name(RtOutput *output)
{
    char self[64];

    snprintf(self, sizeof self, "/proc/self/fd/%d", fileno(output->file));
    for (unsigned i = 0; output->nameless && i < MAX_TRIES; i++) {
        set_name(output, i);
        output->nameless =
            linkat(AT_FDCWD, self, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW) != 0;
        if (output->nameless && errno != EEXIST)
            return false;
    }
    return !output->nameless;
}

static void
remove_temporary(const RtOutput *output)
{
    if (output->temporary && !output->nameless)
        unlink(output->temporary);
}

/* Where links lead, so that a link is not replaced by a file; the path itself where there is
 * nothing yet. */
static char *
resolve(const char *path)
{
    char *real = realpath(path, NULL);

    return real || errno != ENOENT ? real : strdup(path);
}

/* Opens what `path` names; a descriptor or -1 with errno. */
static int
open_target(RtOutput *output)
{
    struct stat status;

    output->target = resolve(output->path);
    if (!output->target)
        return -1;
    bool exists = stat(output->target, &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (exists && !S_ISREG(status.st_mode))
        return open(output->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    /* rename() would replace a file that its owner made read-only. */
    if (exists && faccessat(AT_FDCWD, output->target, W_OK, AT_EACCESS) != 0)
        return -1;
    int descriptor = create_temporary(output);
    if (descriptor >= 0 && exists)
        (void)!fchmod(descriptor, status.st_mode & 07777);
    return descriptor;
}

/* The name is durable only once the directory is; file systems that cannot do this are left
 * alone, the rename itself having succeeded. */
static void
sync_directory(RtOutput *output)
{
    size_t length = directory_length(output->target);

    output->target[length] = '\0';
    int descriptor = open(length ? output->target : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

bool
rt_output_open(RtOutput *ret, const char *path, RtError *error)
{
    *ret = (RtOutput){.path = path};
    errno = 0;
    int descriptor = open_target(ret);
    if (descriptor < 0)
        return fail_open(ret, errno, error);
    ret->file = fdopen(descriptor, "wb");
    if (!ret->file) {
        int number = errno;
        close(descriptor);
        remove_temporary(ret);
        return fail_open(ret, number, error);
    }
    return true;
}

bool
rt_output_write(RtOutput *output, const void *bytes, size_t size, RtError *error)
{
    errno = 0;
    if (output->hash)
        hash_stream_add(output->hash, bytes, size);
    if (!output->failed && (!size || fwrite(bytes, 1, size, output->file) == size))
        return true;
    if (!output->failed)
        output->failed = errno ? errno : EIO;
    return rt_fail_errno(error, output->failed, output->path, "write");
}

bool
rt_output_seek(RtOutput *output, uint64_t offset, RtError *error)
{
    if (!output->failed && fseeko(output->file, (off_t)offset, SEEK_SET) == 0)
        return true;
    if (!output->failed)
        output->failed = errno;
    return rt_fail_errno(error, output->failed, output->path, "write");
}

/* A process that is killed in between leaves the temporary name: nothing else stands there. */
static bool
put_in_place(RtOutput *output)
{
    return give_name(output) && rename(output->temporary, output->target) == 0;
}

bool
rt_output_commit(RtOutput *output, RtError *error)
{
    int number = output->failed;

    if (!number && fflush(output->file) != 0)
        number = errno;
    if (!number && output->temporary &&
        (fsync(fileno(output->file)) != 0 || !put_in_place(output)))
        number = errno;
    if (fclose(output->file) != 0 && !number)
        number = errno;
    output->file = NULL;
    if (number) {
        rt_fail_errno(error, number, output->path, "write");
        rt_output_discard(output);
        return false;
    }
    if (output->temporary)
        sync_directory(output);
    release(output);
    return true;
}

void
rt_output_discard(RtOutput *output)
{
    if (output->file)
        fclose(output->file);
    remove_temporary(output);
    release(output);
}
