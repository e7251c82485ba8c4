/* SPDX-License-Identifier: Apache-2.0
 *
 * info.c -- commands that say what there is: summary, cache, doctor
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/table.h"

/* The number of chains of a table of draws, whose first column counts them; 0: it is another
 * table. */
static uint64_t
chains_of_table(const char *path, const EbmArray *table)
{
    EbmFile *file = NULL;
    EbmReport *report = NULL;
    EbmNamed column = {.name = NULL};
    char *name = malloc(strlen(path) + sizeof ":chain");
    uint64_t chains = 0;

    if (name && table->rank == 2 && table->shape[0] && table->shape[1] > 2 &&
        ebm_file_read(strcat(strcpy(name, path), ":chain"), &file, &report) == EBM_OK)
        ebm_file_get(file, 0, &column);
    if (column.array.type == EBM_TYPE_f64 && column.array.shape[0] == table->shape[0]) {
        double last = ((const double *)column.array.data)[table->shape[0] - 1];
        chains = last >= 0 && last < (double)table->shape[0] ? (uint64_t)last + 1 : 0;
    }
    ebm_report_free(report);
    ebm_file_free(file);
    free(name);
    return chains && table->shape[0] % chains == 0 ? chains : 0;
}

/* What `sample -o draws.csv` wrote, as [chains, draws, scalars]. */
static void
reshape_table(const char *path, EbmArray *table)
{
    uint64_t chains = chains_of_table(path, table);
    EbmArray t = *table;

    if (!chains)
        return;
    table->rank = 3;
    table->shape[0] = chains;
    table->shape[1] = t.shape[0] / chains;
    table->shape[2] = t.shape[1] - 2;
    table->stride[0] = t.stride[0] * (int64_t)table->shape[1];
    table->stride[1] = t.stride[0];
    table->stride[2] = t.stride[1];
    table->data = (char *)t.data + 2 * t.stride[1];
}

int
command_summary(const Args *args)
{
    EbmFile *file = NULL;
    EbmReport *report = NULL;
    EbmNamed named;

    if (args->help || !args->model)
        return command_help(args);
    EbmStatus status = ebm_file_read(args->model, &file, &report);
    int code = finish_report(status, report);
    for (size_t i = 0; !code && i < ebm_file_count(file); i++) {
        ebm_file_get(file, i, &named);
        reshape_table(args->model, &named.array);
        if (named.array.rank < 2) {
            complain("'%s': expected [chains, draws, ...], found %u ax%s", args->model,
                     named.array.rank, named.array.rank == 1 ? "is" : "es");
            code = EXIT_data;
        } else {
            code = print_draws(stdout, *named.name ? named.name : "x", &named.array, 0);
        }
    }
    ebm_file_free(file);
    return code;
}

int
command_cache(const Args *args)
{
    EbmCacheInfo info = EBM_CACHE_INFO_INIT;
    EbmText *path = NULL;
    EbmReport *report = NULL;
    bool clear = args->model && strcmp(args->model, "clear") == 0;

    if (args->help)
        return command_help(args);
    if (args->model && !clear && strcmp(args->model, "info") != 0) {
        complain("cache: expected info or clear, found '%s'", args->model);
        return EXIT_usage;
    }
    EbmStatus status = ebm_cache_info(NULL, &info, &path, &report);
    int code = finish_report(status, report);
    if (!code && clear) {
        report = NULL;
        status = ebm_cache_clear(NULL, &info, &report);
        code = finish_report(status, report);
    }
    if (!code)
        printf("%s%" PRIu64 " kernel%s, %" PRIu64 " bytes of at most %" PRIu64 ", in %s\n",
               clear ? "removed " : "", info.entries, info.entries == 1 ? "" : "s", info.bytes,
               info.limit, ebm_text_data(path));
    ebm_text_free(path);
    return code;
}

static void
print_speed(uint32_t threads)
{
    EbmSpeed s = EBM_SPEED_INIT;

    ebm_speed(NULL, threads, &s);
    if (s.f32 > 0)
        printf("speed         %.4g Gflop/s in f32, %.4g in f64, of %u thread%s\n", 1e-9 * s.f32,
               1e-9 * s.f64, threads, threads == 1 ? "" : "s");
    else if (threads == 1)
        printf("speed         not measured: 'ebmc doctor --measure'\n");
}

int
command_doctor(const Args *args)
{
    EbmMachine m = EBM_MACHINE_INIT;

    if (args->help)
        return command_help(args);
    if (args->measure) {
        EbmReport *report = NULL;
        EbmStatus status = ebm_machine_measure(NULL, &report);
        int code = finish_report(status, report);
        if (code)
            return status == EBM_IO_ERROR ? EXIT_output : code;
    }
    ebm_machine(&m);
    printf("ebmc          %s\n", ebm_version());
    printf("processor     %s\n", m.cpu);
    printf("vectors       %s\n", *m.features ? m.features : "older than AVX2");
    printf("threads       %u\n", m.threads);
    printf("memory        %.1f GiB, %.1f free\n", (double)m.memory / 0x1p30,
           (double)m.available / 0x1p30);
    print_speed(1);
    if (m.threads > 1)
        print_speed(m.threads);
    printf("compiler      %s\n",
           m.has_llvm ? "LLVM found" : "LLVM not found: only cached kernels run");
    return m.has_llvm ? EXIT_done : EXIT_internal;
}
