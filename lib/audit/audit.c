#include "audit/audit.h"

#include "base/fault.h"
#include "base/limits.h"
#include "base/text.h"
#include "db/db.h"

#include <errno.h>
#include <stdio.h>

#define VERSION_BYTES 24

static const struct db_query APPEND = {
    .name = "audit_append",
    .sql = "select audit.append($1, $2, $3::uuid, $4::integer, "
           "(select array_agg(name) from jsonb_array_elements_text($5::jsonb) name))",
    .param_count = 5,
};

static void append_names(struct text *names, const struct audit_entry *entry)
{
    text_append_char(names, '[');
    for (size_t i = 0; i < entry->property_count; i++) {
        if (i > 0)
            text_append_char(names, ',');
        text_append_json(names, entry->properties[i]);
    }
    text_append_char(names, ']');
}

int audit_append(struct db *db, const struct audit_entry *entry)
{
    char version[VERSION_BYTES];
    struct text names;
    int r;

    text_init(&names, AUDIT_PROPERTIES_BYTES_MAX);
    append_names(&names, entry);
    if (text_failed(&names)) {
        text_deinit(&names);
        return fault_raise(-ENOMEM);
    }
    (void)snprintf(version, sizeof(version), "%ld", entry->version);
    r = db_run(db, &APPEND,
               (const char *const[]){entry->action, entry->resource, entry->record_id,
                                     entry->version == 0 ? NULL : version, names.bytes},
               NULL);
    text_deinit(&names);
    return r;
}
