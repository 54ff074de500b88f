#pragma once
/*
 * Connections of organisations: the ways between two (paths.h), and others that do the like.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;
struct profiles;

struct connect_query {
    const char *from, *to; /* ids of organisations */
    bool by_networks, by_projects, by_practices;
    size_t limit; /* 1 .. PATHS_SHOWN_MAX */
};

/*
 * connect_paths()
 * @ret_json: owned: {"length", "paths": […], "is_cut"}
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int connect_paths(struct db *db, struct arena *arena, const struct connect_query *query,
                             json_t **ret_json);

/*
 * connect_partners() - organisations whose practices share most with those of one
 * An organisation stands for its best practice. Points are out of 100, which are all that the
 * practices of the organisation asked about have between them.
 * @profiles: refreshed by the caller, who held no connection meanwhile
 * @ret_json: owned: {"terms": […], "data": […]}
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int connect_partners(struct profiles *profiles, struct db *db, struct arena *arena,
                                const char *id, size_t limit, json_t **ret_json);

/*
 * connect_find() - the id of a published organisation, by id or slug
 * @ret_id: in the arena; NULL: there is none
 */
MUST_CHECK int connect_find(struct db *db, struct arena *arena, const char *name,
                            const char **ret_id);
