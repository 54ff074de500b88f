#include "record/import.h"

#include "audit/audit.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "db/db.h"
#include "record/content.h"
#include "record/model.h"
#include "record/put.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ARENA_BYTES_MAX (1024u * 1024 * 1024) /* of the command line's own process */
#define FILES_MAX 256
#define PATH_TEXT_BYTES_MAX 4096

struct importer {
    const struct model *model;
    struct db *db;
    struct arena arena;
    FILE *errors;
    json_t *documents[FILES_MAX]; /* owned */
    size_t document_count;
    struct put_draft *drafts;
    size_t draft_count;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* "…/practices.json" is practices. */
static const struct resource *resource_of(struct importer *importer, const char *path)
{
    const char *name = base_name(path);
    const size_t length = strlen(name);
    const char *stem;

    if (length <= 5 || strcmp(name + length - 5, ".json") != 0)
        return NULL;
    stem = arena_copy_bytes(&importer->arena, name, length - 5);
    return stem == NULL ? NULL : contract_resource_find(model_contract(importer->model), stem);
}

static int read_file(struct importer *importer, const char *path)
{
    const struct resource *resource = resource_of(importer, path);
    struct put_draft *drafts;
    json_error_t error;
    json_t *document;
    json_t *record;
    size_t i;
    int r;

    if (resource == NULL) {
        (void)fprintf(importer->errors,
                      "%s: the name of a file is that of a resource, as in practices.json\n", path);
        return IMPORT_UNREADABLE;
    }
    document = importer->document_count == FILES_MAX
                   ? NULL
                   : json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL || !json_is_array(document)) {
        (void)fprintf(importer->errors, "%s:%d: a JSON array of records is needed: %s\n", path,
                      document == NULL ? error.line : 1,
                      document == NULL ? error.text : "this is something else");
        json_decref(document);
        return IMPORT_UNREADABLE;
    }
    r = content_compose(importer->db, &document);
    importer->documents[importer->document_count++] = document;
    if (r != 0)
        return r;

    drafts = arena_alloc_array(&importer->arena, importer->draft_count + json_array_size(document),
                               sizeof(*drafts));
    if (drafts == NULL)
        return fault_raise(-ENOMEM);
    if (importer->draft_count > 0)
        memcpy(drafts, importer->drafts, importer->draft_count * sizeof(*drafts));
    importer->drafts = drafts;
    json_array_foreach (document, i, record)
        importer->drafts[importer->draft_count++] = (struct put_draft){
            .resource = resource,
            .data = record,
            .pointer = arena_format(&importer->arena, "%s/%zu", base_name(path), i)};
    return arena_failed(&importer->arena) ? fault_raise(-ENOMEM) : 0;
}

static int is_json_file(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);

    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static int read_folder(struct importer *importer, const char *path)
{
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_json_file, alphasort);
    int r = 0;

    if (count < 0) {
        (void)fprintf(importer->errors, "%s: the folder cannot be read\n", path);
        return IMPORT_UNREADABLE;
    }
    for (int i = 0; i < count; i++) {
        const char *file = arena_format(&importer->arena, "%s/%s", path, entries[i]->d_name);

        if (r == 0)
            r = file == NULL ? fault_raise(-ENOMEM) : read_file(importer, file);
        free(entries[i]);
    }
    free(entries);
    return r;
}

static int read_path(struct importer *importer, const char *path)
{
    struct stat about;

    if (stat(path, &about) != 0) {
        (void)fprintf(importer->errors, "%s: there is no such file or folder\n", path);
        return IMPORT_UNREADABLE;
    }
    if (S_ISDIR(about.st_mode))
        return read_folder(importer, path);
    if (about.st_size > IMPORT_FILE_BYTES_MAX) {
        (void)fprintf(importer->errors, "%s: larger than %d bytes; split it\n", path,
                      IMPORT_FILE_BYTES_MAX);
        return IMPORT_UNREADABLE;
    }
    return read_file(importer, path);
}

static void tell_faults(const struct importer *importer, const struct problem *problem)
{
    const size_t shown =
        problem->error_count < FAULTS_MAX ? problem->error_count : (size_t)FAULTS_MAX;

    for (size_t i = 0; i < shown; i++)
        (void)fprintf(importer->errors, "%s: %s: %s\n", problem->errors[i].pointer,
                      problem->errors[i].code, problem->errors[i].detail);
    if (problem->error_count > shown)
        (void)fprintf(importer->errors, "and %zu more faults\n", problem->error_count - shown);
    (void)fprintf(importer->errors, "nothing was imported\n");
}

static int put_all(struct importer *importer, const struct put_options *options,
                   struct put_summary *summary)
{
    static const struct audit_entry IMPORTED = {.action = "record.import"};
    struct problem *problem = arena_alloc(&importer->arena, sizeof(*problem));
    struct db *db = importer->db;
    int r = problem == NULL ? fault_raise(-ENOMEM) : db_begin(db);

    if (r == 0)
        r = put_records(importer->model, db, importer->drafts, importer->draft_count, options,
                        &importer->arena, problem, summary);
    /* One entry for all: the history of each record says what became of it. */
    if (r == 0 && summary->created + summary->updated > 0)
        r = audit_append(db, &IMPORTED);
    if (r == 0)
        return db_commit(db);
    db_rollback(db);
    if (r == PUT_INVALID) {
        tell_faults(importer, problem);
        return IMPORT_INVALID;
    }
    return r;
}

int import_files(const struct model *model, struct db *db, const char *const *paths, size_t count,
                 const struct put_options *options, FILE *errors, struct put_summary *ret_summary)
{
    struct importer *importer = calloc(1, sizeof(*importer));
    int r = 0;

    if (importer == NULL)
        return fault_raise(-ENOMEM);
    importer->model = model;
    importer->db = db;
    importer->errors = errors;
    arena_init(&importer->arena, ARENA_BYTES_MAX);
    for (size_t i = 0; i < count && r == 0; i++)
        r = read_path(importer, paths[i]);
    if (r == 0)
        r = put_all(importer, options, ret_summary);
    for (size_t i = 0; i < importer->document_count; i++)
        json_decref(importer->documents[i]);
    arena_deinit(&importer->arena);
    free(importer);
    return r;
}

/* --- export ---------------------------------------------------------------------------------- */

static int export_resource(const struct model_resource *of, struct db *db, FILE *file,
                           size_t *count)
{
    char after[256] = "";
    bool is_first = true;

    for (;;) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        int r = db_run_text(db, of->export_batch, DB_PLAN_CUSTOM, 1, (const char *const[]){after},
                            &rows);

        if (r != 0)
            return r;
        if (db_rows_count(rows) == 0)
            break;
        for (size_t i = 0; i < db_rows_count(rows); i++) {
            json_auto_t *record = json_loads(db_rows_text(rows, i, 0), 0, NULL);
            const char *slug = json_string_value(json_object_get(record, "slug"));
            char *text;

            if (record == NULL || slug == NULL)
                return fault_raise(-EPROTO);
            (void)snprintf(after, sizeof(after), "%s", slug);
            /* The id is this database's own; in another the slug finds the record. */
            (void)json_object_del(record, ID_PROPERTY);
            text = json_dumps(record, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
            if (text == NULL)
                return fault_raise(-ENOMEM);
            (void)fprintf(file, "%s%s", is_first ? "[\n" : ",\n", text);
            free(text);
            is_first = false;
            (*count)++;
        }
    }
    (void)fprintf(file, "%s", is_first ? "[]\n" : "\n]\n");
    return 0;
}

int export_files(const struct model *model, struct db *db, const char *folder, FILE *errors,
                 size_t *ret_count)
{
    const struct contract *contract = model_contract(model);
    size_t count = 0;
    int r = db_begin_snapshot(db);

    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++) {
        const struct resource *resource = contract_resource(contract, i);
        char path[PATH_TEXT_BYTES_MAX];
        FILE *file;

        if (snprintf(path, sizeof(path), "%s/%s.json", folder, resource->path) >= (int)sizeof(path))
            return fault_raise(-ENAMETOOLONG);
        file = fopen(path, "we");
        if (file == NULL) {
            (void)fprintf(errors, "%s: cannot be written\n", path);
            db_rollback(db);
            return IMPORT_UNREADABLE;
        }
        r = export_resource(model_of(model, resource), db, file, &count);
        if (fclose(file) != 0 && r == 0) {
            (void)fprintf(errors, "%s: was not written whole\n", path);
            r = IMPORT_UNREADABLE;
        }
    }
    db_rollback(db); /* nothing was written: the transaction was for one view of all */
    if (r == 0)
        *ret_count = count;
    return r;
}
