/* SPDX-License-Identifier: Apache-2.0
 *
 * run_corpus.c -- a fuzz target over the files of folders, as a test
 *
 * `run_corpus DIR...` gives every file's bytes to the target.  Whatever is wrong ends the
 * process, and the name printed last is the culprit's.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
run_file(const char *path)
{
    struct stat info;
    FILE *f = fopen(path, "rb");

    if (!f || fstat(fileno(f), &info) != 0 || !S_ISREG(info.st_mode)) {
        if (f)
            fclose(f);
        return false;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *bytes = malloc(size + !size);
    bool whole = bytes && fread(bytes, 1, size, f) == size;
    fclose(f);
    printf("%s\n", path);
    fflush(stdout);
    if (whole)
        LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return whole;
}

static size_t
run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[4096];
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < sizeof path)
            n += run_file(path);
    }
    if (dir)
        closedir(dir);
    return n;
}

int
main(int argc, char **argv)
{
    size_t n = 0;

    for (int i = 1; i < argc; i++) {
        size_t here = run_folder(argv[i]);
        if (here == 0)
            fprintf(stderr, "no files in %s\n", argv[i]);
        n = here ? n + here : 0;
    }
    printf("%zu files\n", n);
    return n ? EXIT_SUCCESS : EXIT_FAILURE;
}
