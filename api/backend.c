/* SPDX-License-Identifier: Apache-2.0
 *
 * backend.c -- the back end, opened when it is first needed
 */
#include "api/backend.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define MODULE "libebmllvm.so"

/* Beside the library, where it is installed, and where it is built. */
static const char *const place[] = {"", "ebmc/", "../backends/llvm/"};
enum { PLACES = sizeof place / sizeof *place, PATH = 4096 };

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

void
backend_lock(void)
{
    pthread_mutex_lock(&compiling);
}

void
backend_unlock(void)
{
    pthread_mutex_unlock(&compiling);
}

/* The file that this function is in. */
static const char *
library_path(void)
{
    static const char here = 0;
    Dl_info info;

    return dladdr(&here, &info) && info.dli_fname ? info.dli_fname : "";
}

static void
module_path(unsigned i, char path[PATH])
{
    const char *library = library_path(), *slash = strrchr(library, '/');
    int folder = slash ? (int)(slash - library + 1) : 0;

    snprintf(path, PATH, "%.*s%s%s", folder, library, place[i], MODULE);
}

/* dlsym gives a data pointer, which ISO C does not convert to a function. */
static const Backend *
backend_of(void *module)
{
    void *symbol = dlsym(module, "ebm_backend");
    BackendFn *fn;

    if (!symbol)
        return NULL;
    memcpy(&fn, &symbol, sizeof fn);
    return fn();
}

const Backend *
backend_open(RtError *error)
{
    char path[PATH];
    struct stat st;

    for (unsigned i = 0; i < PLACES; i++) {
        module_path(i, path);
        if (stat(path, &st) != 0)
            continue;
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!module) {
            rt_fail(error, RT_DEVICE, "cannot open the back end '%s': %s", path, dlerror());
            return NULL;
        }
        const Backend *backend = backend_of(module);
        dlclose(module); /* the code stays */
        if (backend && backend->abi == EBM_ABI)
            return backend;
        rt_fail(error, RT_DEVICE, "the back end '%s' belongs to another version", path);
        return NULL;
    }
    module_path(0, path);
    rt_fail(error, RT_DEVICE, "there is no back end '%s', nor in the folder ebmc beside it",
            path);
    return NULL;
}

static void
describe(Arena *arena, const char *path, const char **ret)
{
    struct stat st;

    if (!*ret && stat(path, &st) == 0)
        *ret = arena_printf(arena, "%s %lld %lld.%09ld", path, (long long)st.st_size,
                            (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

const char *
backend_build(Arena *arena)
{
    const char *library = NULL, *module = NULL;
    char path[PATH];

    describe(arena, library_path(), &library);
    for (unsigned i = 0; i < PLACES; i++) {
        module_path(i, path);
        describe(arena, path, &module);
    }
    return arena_printf(arena, "%s; %s", library ? library : "", module ? module : "");
}
