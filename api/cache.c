/* SPDX-License-Identifier: Apache-2.0
 *
 * cache.c -- kernels on disk
 */
#include "api/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXTENSION ".kernel"
#define TEMPORARY ".tmp"

static char *
join(const char *folder, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static const char *
variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

char *
cache_folder(const char *dir)
{
    const char *own = variable("EBM_CACHE_DIR"), *base = variable("XDG_CACHE_HOME");
    const char *home = variable("HOME");

    if (dir || own)
        return strdup(dir ? dir : own);
    if (base && base[0] == '/') /* the standard says to ignore others */
        return join(base, "ebmc");
    return home ? join(home, ".cache/ebmc") : NULL;
}

char *
cache_path(const char *folder, RtKey key)
{
    char name[64];

    snprintf(name, sizeof name, "%016llx%016llx" EXTENSION, (unsigned long long)key.word[0],
             (unsigned long long)key.word[1]);
    return join(folder, name);
}

/* ---- reading */

static bool
may_trust(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
           !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static bool
read_all(int fd, unsigned char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool
cache_load(const char *path, RtKey key, RtImage *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    RtError error = {0};

    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0 || !may_trust(&st) || (uint64_t)st.st_size > CACHE_LIMIT) {
        close(fd);
        return false;
    }
    size_t size = (size_t)st.st_size;
    unsigned char *bytes = malloc(size + 1);
    bool done = bytes && read_all(fd, bytes, size);
    bool good = done && rt_image_unpack(bytes, size, key, ret, &error);
    if (good)
        futimens(fd, NULL); /* it was used: eviction looks at the time */
    close(fd);
    free(bytes);
    if (done && error.code == RT_FORMAT)
        unlink(path);
    return good;
}

/* ---- the folder's entries */

typedef struct Entry {
    char *name;
    uint64_t bytes;
    struct timespec used;
} Entry;

typedef struct Listing {
    Entry *entry;
    size_t n, cap;
} Listing;

static bool
ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* Is the name one that this file gives: so many hexadecimal digits, then the extension? */
static bool
is_entry(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    return digits == 32 && strncmp(name + digits, EXTENSION, strlen(EXTENSION)) == 0 &&
           (ends_with(name, EXTENSION) || strstr(name, TEMPORARY));
}

static bool
add_entry(Listing *list, const char *name, const struct stat *st)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 64;
        Entry *more = realloc(list->entry, cap * sizeof *more);
        if (!more)
            return false;
        list->entry = more;
        list->cap = cap;
    }
    char *copy = strdup(name);
    if (!copy)
        return false;
    list->entry[list->n++] = (Entry){copy, (uint64_t)st->st_size, st->st_mtim};
    return true;
}

static void
clear_listing(Listing *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->entry[i].name);
    free(list->entry);
    *list = (Listing){0};
}

static bool
list_entries(const char *folder, Listing *ret)
{
    DIR *dir = opendir(folder);
    struct stat st;
    bool done = true;

    if (!dir)
        return errno == ENOENT;
    for (struct dirent *d; done && (d = readdir(dir));)
        if (is_entry(d->d_name) &&
            fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            done = add_entry(ret, d->d_name, &st);
    closedir(dir);
    return done;
}

static void
remove_entry(const char *folder, const char *name)
{
    char *path = join(folder, name);

    if (path)
        unlink(path);
    free(path);
}

static int
by_use(const void *x, const void *y)
{
    const struct timespec *a = &((const Entry *)x)->used, *b = &((const Entry *)y)->used;

    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

static void
evict(const char *folder)
{
    Listing list = {0};
    uint64_t bytes = 0;

    if (list_entries(folder, &list)) {
        for (size_t i = 0; i < list.n; i++)
            bytes += list.entry[i].bytes;
        qsort(list.entry, list.n, sizeof *list.entry, by_use);
        for (size_t i = 0; i < list.n && bytes > CACHE_LIMIT; i++) {
            remove_entry(folder, list.entry[i].name);
            bytes -= list.entry[i].bytes;
        }
    }
    clear_listing(&list);
}

bool
cache_scan(const char *folder, bool remove, uint64_t *ret_entries, uint64_t *ret_bytes,
           RtError *error)
{
    Listing list = {0};
    bool done = list_entries(folder, &list);

    if (!done)
        rt_fail_errno(error, errno, folder, "read");
    *ret_entries = list.n;
    *ret_bytes = 0;
    for (size_t i = 0; i < list.n; i++) {
        *ret_bytes += list.entry[i].bytes;
        if (remove)
            remove_entry(folder, list.entry[i].name);
    }
    clear_listing(&list);
    return done;
}

/* ---- writing */

/* Makes the folder and those above it, for this user alone. */
static bool
make_folder(const char *folder)
{
    char *path = strdup(folder);
    struct stat st;

    for (char *slash = path ? strchr(path + 1, '/') : NULL; slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    free(path);
    mkdir(folder, 0700);
    return stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
write_all(int fd, const unsigned char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Writes beside the target and renames, so that readers see all or nothing. */
static bool
write_file(const char *path, const unsigned char *bytes, size_t size)
{
    char *temporary = NULL;

    if (asprintf(&temporary, "%s" TEMPORARY "XXXXXX", path) < 0)
        return false;
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    bool done = fd >= 0 && write_all(fd, bytes, size);
    if (fd >= 0)
        done = close(fd) == 0 && done;
    done = done && rename(temporary, path) == 0;
    if (!done && fd >= 0)
        unlink(temporary);
    free(temporary);
    return done;
}

bool
cache_write(const char *folder, const char *path, const void *bytes, size_t size)
{
    return make_folder(folder) && write_file(path, bytes, size);
}

bool
cache_store(const char *folder, const char *path, const EbmManifest *manifest,
            const unsigned char *bytes, RtKey key)
{
    unsigned char *packed;
    RtError error = {0};
    size_t size;

    if (!make_folder(folder) || !rt_image_pack(manifest, bytes, key, &packed, &size, &error))
        return false;
    bool done = size <= CACHE_LIMIT && write_file(path, packed, size);
    free(packed);
    evict(folder);
    return done;
}
