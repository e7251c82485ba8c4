/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c -- the library, the machine it runs on, and the cache they share
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backend.h"
#include "api/cache.h"
#include "api/machine.h"
#include "api/text.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)

const char *
ebm_version(void)
{
    return NUMBER(EBM_VERSION_MAJOR) "." NUMBER(EBM_VERSION_MINOR) "." NUMBER(
        EBM_VERSION_PATCH);
}

void
ebm_machine(EbmMachine *ret)
{
    EbmMachine m = EBM_MACHINE_INIT;
    RtMemory memory = rt_memory();
    RtError ignored = {0};

    rt_cpu_name(m.cpu, sizeof m.cpu);
    snprintf(m.features, sizeof m.features, "%s", rt_cpu_vectors());
    m.threads = rt_cpu_threads();
    m.memory = memory.total;
    m.available = memory.available;
    m.has_llvm = backend_open(&ignored) != NULL;
    give_results(ret, &m, sizeof m);
}

EbmStatus
machine_threads(uint32_t *threads, EbmReport **ret_report)
{
    unsigned cores = rt_cpu_threads();

    if (*threads > RT_MAX_THREADS)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "expected at most %d threads, found %u", RT_MAX_THREADS, *threads);
    if (*threads == 0)
        *threads = cores > RT_MAX_THREADS ? RT_MAX_THREADS : cores;
    return EBM_OK;
}

/* ---- the cache */

static EbmStatus
scan(const char *dir, bool remove, EbmCacheInfo *ret, EbmText **ret_path,
     EbmReport **ret_report)
{
    EbmCacheInfo info = EBM_CACHE_INFO_INIT;
    char *folder = cache_folder(dir);
    RtError error = {0};
    EbmText *path = NULL;

    if (!folder)
        return report_say(ret_report, EBM_NOT_FOUND, "set EBM_CACHE_DIR",
                          "there is no place for a cache: HOME is not set");
    info.limit = CACHE_LIMIT;
    bool done = cache_scan(folder, remove, &info.entries, &info.bytes, &error);
    if (done && ret_path && !(path = text_copy(folder, strlen(folder))))
        done = rt_fail_memory(&error, folder, strlen(folder));
    free(folder);
    if (!done)
        return report_error(ret_report, &error);
    if (ret)
        give_results(ret, &info, sizeof info);
    if (ret_path)
        *ret_path = path;
    return report_nothing(ret_report);
}

EbmStatus
ebm_cache_info(const char *dir, EbmCacheInfo *ret, EbmText **ret_path, EbmReport **ret_report)
{
    return scan(dir, false, ret, ret_path, ret_report);
}

EbmStatus
ebm_cache_clear(const char *dir, EbmCacheInfo *ret, EbmReport **ret_report)
{
    return scan(dir, true, ret, NULL, ret_report);
}
