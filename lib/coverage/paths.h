#pragma once
/*
 * Paths
 *
 * How two organisations are connected: through networks that they are members of or run, networks
 * that work together, projects and practices that they share. Breadth first, so that the shortest
 * ways are found, all of the same length; within bounds, that it ends wherever it begins.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define PATHS_STEPS_MAX 6     /* of one way; farther apart nobody knows anybody */
#define PATHS_NODES_MAX 5000  /* looked at */
#define PATHS_EDGES_MAX 20000 /* looked at */
#define PATHS_FAN_OUT_MAX                                                                          \
    1000 /* of one record, of a kind; more of it tell nothing of whom one knows */
#define PATHS_SHOWN_MAX 10

enum paths_kind { PATHS_ORGANISATION, PATHS_NETWORK, PATHS_PRACTICE, PATHS_PROJECT, PATHS_KINDS };
enum paths_edge_kind {
    PATHS_MEMBER,          /* organisation and network */
    PATHS_OPERATOR,        /* organisation and network */
    PATHS_PARTNER_NETWORK, /* two networks */
    PATHS_PROJECT_PARTNER, /* organisation and project */
    PATHS_PROJECT_NETWORK, /* network and project */
    PATHS_PRACTICE_BEHIND  /* organisation and practice */
};

struct paths_edge {
    uint32_t from; /* a node one step nearer to the beginning */
    uint32_t next; /* of the same node; UINT32_MAX: none */
    enum paths_edge_kind kind;
};

struct paths_node {
    const char *id;
    enum paths_kind kind;
    unsigned level; /* steps from the beginning */
    uint32_t first_edge;
};

struct paths {
    struct arena *arena;
    struct paths_node *nodes;
    size_t node_count;
    struct paths_edge *edges;
    size_t edge_count;
    uint32_t *places; /* of nodes by hash, + 1 */
    bool is_full;     /* no more can be looked at */
    bool is_cut;      /* there was more to look at */
};

struct path {
    uint32_t nodes[PATHS_STEPS_MAX + 1]; /* from the beginning */
    enum paths_edge_kind edges[PATHS_STEPS_MAX];
    size_t length; /* edges */
};

/* @id: borrowed; the organisation that ways begin at, node 0. Return: 0; a fault. */
MUST_CHECK int paths_init(struct paths *paths, struct arena *arena, const char *id);
/* Node @from touches another one. */
void paths_see(struct paths *paths, uint32_t from, enum paths_edge_kind edge, enum paths_kind kind,
               const char *id);
/* UINT32_MAX: it was not reached. */
uint32_t paths_find(const struct paths *paths, enum paths_kind kind, const char *id);
/* All shortest ways to @target, at most @limit. Return: how many. */
size_t paths_list(const struct paths *paths, uint32_t target, struct path *ret_paths, size_t limit);
