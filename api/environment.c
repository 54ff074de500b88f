#include "environment.h"

#include "base/annotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX 8192 /* a connection string and a secret */
#define PATH_BYTES 4096
#define FOLDER_DEFAULT "var"

/* What the file may say. Anything else in it would be obeyed by accident or not at all. */
static const char *const NAMES[] = {"EXPRESS_DATABASE_URL", "EXPRESS_SECRET"};

static char content[FILE_BYTES_MAX + 1];
static const char *values[ARRAY_LENGTH(NAMES)];

static int refuse(FILE *errors, const char *path, const char *why)
{
    (void)fprintf(errors, "%s %s\n", path, why);
    return ENVIRONMENT_REFUSED;
}

/* Return: what is wrong with who may write it; NULL. */
static const char *distrusted(const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return "is not a file";
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return "belongs to another user; remove it, or set EXPRESS_DATABASE_URL";
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "may be written by others; chmod 600 it";
    return NULL;
}

/* Fills @content. Return: what is wrong; NULL. */
static const char *read_file(int file)
{
    size_t length = 0;
    ssize_t part;

    do {
        part = read(file, content + length, sizeof(content) - length);
        if (part > 0)
            length += (size_t)part;
    } while (part > 0 && length < sizeof(content));
    if (part < 0)
        return "cannot be read";
    if (length == sizeof(content))
        return "is too long";
    content[length] = '\0';
    return strlen(content) == length ? NULL : "has a byte in it that no text has";
}

/* Return: is @line one of ours? Points the name's value into it. */
static bool take_line(char *line)
{
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        size_t length = strlen(NAMES[i]);

        if (strncmp(line, NAMES[i], length) == 0 && line[length] == '=') {
            values[i] = line + length + 1;
            return true;
        }
    }
    return false;
}

static const char *take_lines(void)
{
    char *line = content;

    while (*line != '\0') {
        char *end = line + strcspn(line, "\n");
        bool is_last = *end == '\0';

        *end = '\0';
        if (*line != '\0' && !take_line(line))
            return "has a line that is none of EXPRESS_DATABASE_URL=… and EXPRESS_SECRET=…";
        line = is_last ? end : end + 1;
    }
    return NULL;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

int environment_load(FILE *errors)
{
    const char *folder = is_set("EXPRESS_DATA_DIR") ? getenv("EXPRESS_DATA_DIR") : FOLDER_DEFAULT;
    const char *why = NULL;
    char path[PATH_BYTES];
    struct stat status;
    int length;
    int file;

    memset(values, 0, sizeof(values));
    if (is_set("EXPRESS_DATABASE_URL"))
        return 0;
    length = snprintf(path, sizeof(path), "%s/environment", folder);
    if (length < 0 || (size_t)length >= sizeof(path))
        return refuse(errors, "EXPRESS_DATA_DIR", "is too long");
    file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (file < 0)
        return refuse(errors, path, "cannot be read");
    if (fstat(file, &status) != 0)
        why = "cannot be read";
    if (why == NULL)
        why = distrusted(&status);
    if (why == NULL)
        why = read_file(file);
    if (why == NULL)
        why = take_lines();
    (void)close(file); /* read only: nothing can be lost */
    if (why == NULL)
        return 0;
    memset(values, 0, sizeof(values));
    return refuse(errors, path, why);
}

const char *environment_value(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        if (strcmp(NAMES[i], name) == 0)
            return values[i];
    }
    return NULL;
}
