#pragma once
/*
 * Import and export
 *
 * Files of records in the shape in which they are written: a JSON array in a
 * file named after its resource, practices.json. What is exported can be
 * imported again and changes nothing.
 */
#include "base/annotate.h"

#include <stddef.h>
#include <stdio.h>

struct db;
struct model;
struct put_options;
struct put_summary;

enum import_outcome {
    IMPORT_UNREADABLE = 300, /* a file or folder: told on @errors */
    IMPORT_INVALID           /* faults in the records: told on @errors, one a line */
};

/*
 * import_files() - all records of some files, in one transaction, or none
 * @paths:  borrowed; files, or folders of which all *.json are taken
 * @options: borrowed; see put.h
 * Return: 0; IMPORT_UNREADABLE; IMPORT_INVALID; a db outcome; a fault.
 */
MUST_CHECK int import_files(const struct model *model, struct db *db, const char *const *paths,
                            size_t count, const struct put_options *options, FILE *errors,
                            struct put_summary *ret_summary);

/*
 * export_files() - every public record, one file a resource, into an existing folder
 * Return: 0; IMPORT_UNREADABLE (the folder cannot be written); a db outcome; a fault.
 */
MUST_CHECK int export_files(const struct model *model, struct db *db, const char *folder,
                            FILE *errors, size_t *ret_count);
