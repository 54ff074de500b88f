/*
 * Replay
 *
 * Stands in for libFuzzer under any compiler: hands every file of the folders
 * and files given as arguments to the target, once. A crash or a sanitizer
 * report is the failure; the name of the file is printed before it is tried.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Return: false, with a message, when the file cannot be read. */
static bool replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    /* Exactly as large as the input: a read past its end is seen. */
    uint8_t *bytes = malloc(size == 0 ? 1 : size);
    bool read_all = file != NULL && bytes != NULL && fread(bytes, 1, size, file) == size;

    if (file != NULL)
        (void)fclose(file); /* only read */
    if (read_all) {
        printf("%s\n", path);
        (void)fflush(stdout);                      /* before a crash could swallow it */
        (void)LLVMFuzzerTestOneInput(bytes, size); /* always 0, by its convention */
    } else {
        perror(path);
    }
    free(bytes);
    return read_all;
}

static bool replay(const char *path, size_t *count)
{
    struct dirent *entry;
    struct stat status;
    bool good = true;
    DIR *folder;

    if (stat(path, &status) != 0) {
        perror(path);
        return false;
    }
    if (S_ISREG(status.st_mode)) {
        (*count)++;
        return replay_file(path, (size_t)status.st_size);
    }
    folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return false;
    }
    while ((entry = readdir(folder)) != NULL) {
        char inner[PATH_BYTES_MAX];
        int length = snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (length < 0 || (size_t)length >= sizeof(inner) || stat(inner, &status) != 0 ||
            !S_ISREG(status.st_mode)) {
            fprintf(stderr, "%s/%s: not a file that can be read\n", path, entry->d_name);
            good = false;
            continue;
        }
        (*count)++;
        good = replay_file(inner, (size_t)status.st_size) && good;
    }
    (void)closedir(folder); /* only read */
    return good;
}

int main(int count, char **arguments)
{
    size_t files = 0;
    bool good = true;

    for (int i = 1; i < count; i++)
        good = replay(arguments[i], &files) && good;
    printf("%zu inputs\n", files);
    /* An empty corpus is a mistake in the path, not a passed test. */
    return good && files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
