/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.c -- what this machine has
 *
 * A container may be allowed less than the machine has; its control group (version 2) says how
 * much, at its own level: levels above it are not looked at.
 */
#include "runtime/cpu.h"

#include <ctype.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

/* The rest of the line of `path` that starts with `key`, without what separates them. */
static bool
find_line(const char *path, const char *key, char *ret, size_t size)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) {
            char *at = line + strlen(key);
            while (isspace((unsigned char)*at) || *at == ':')
                at++;
            at[strcspn(at, "\n")] = '\0';
            snprintf(ret, size, "%s", at);
            found = true;
        }
    if (file)
        fclose(file);
    return found;
}

void
rt_cpu_name(char *ret, size_t size)
{
    if (!find_line("/proc/cpuinfo", "model name", ret, size))
        snprintf(ret, size, "unknown");
}

const char *
rt_cpu_vectors(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (wide)
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "avx2";
#endif
    return "";
}

/* The number at the start of a control group's file; 0 for none ("max"). */
static uint64_t
group_number(const char *name, uint64_t *ret_second)
{
    char group[256], path[512], text[64];

    if (!find_line("/proc/self/cgroup", "0::", group, sizeof group))
        return 0;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, name);
    if (!find_line(path, "", text, sizeof text))
        return 0;
    char *end;
    uint64_t first = strtoull(text, &end, 10);
    if (ret_second)
        *ret_second = strtoull(end, NULL, 10);
    return first;
}

unsigned
rt_cpu_threads(void)
{
    cpu_set_t set;
    uint64_t period = 0, quota = group_number("cpu.max", &period);
    unsigned n = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set)
                                                             : (unsigned)get_nprocs();

    if (quota && period && quota / period < n)
        n = (unsigned)(quota / period);
    return n ? n : 1;
}

static uint64_t
available_in_system(const struct sysinfo *info)
{
    char text[64];

    if (find_line("/proc/meminfo", "MemAvailable", text, sizeof text))
        return strtoull(text, NULL, 10) * 1024;
    return ((uint64_t)info->freeram + info->bufferram) * info->mem_unit;
}

RtMemory
rt_memory(void)
{
    struct sysinfo info = {0};
    uint64_t limit = group_number("memory.max", NULL);
    uint64_t used = group_number("memory.current", NULL);

    sysinfo(&info);
    RtMemory m = {(uint64_t)info.totalram * info.mem_unit, available_in_system(&info)};
    if (limit && limit < m.total)
        m.total = limit;
    if (limit && limit - (used < limit ? used : limit) < m.available)
        m.available = limit - (used < limit ? used : limit);
    return m;
}
