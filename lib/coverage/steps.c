#include "coverage/steps.h"

#include "base/annotate.h"

#include <string.h>

const char *const STEPS[STEPS_COUNT] = {"competence_assessment", "training",   "mentoring",
                                        "information_campaign",  "networking", "financing"};
const char *const STEP_TITLES[STEPS_COUNT] = {"Competence assessment", "Training",   "Mentoring",
                                              "Information campaigns", "Networking", "Financing"};

const char *const COLUMN_RESOURCES[COLUMNS_COUNT] = {
    [COLUMN_ORGANISATIONS] = "organisations",
    [COLUMN_PRACTICES] = "practices",
    [COLUMN_ASSESSMENT_TOOLS] = "assessment-tools",
    [COLUMN_TRAININGS] = "trainings",
    [COLUMN_MENTORING_PROGRAMMES] = "mentoring-programmes",
    [COLUMN_CAMPAIGNS] = "campaigns",
    [COLUMN_NETWORKS] = "networks",
    [COLUMN_EVENTS] = "events",
    [COLUMN_PLACES] = "places",
    [COLUMN_SERVICES] = "services",
    [COLUMN_FINANCING_OFFERS] = "financing-offers",
};
const char *const COLUMN_TITLES[COLUMNS_COUNT] = {
    [COLUMN_ORGANISATIONS] = "Organisations",
    [COLUMN_PRACTICES] = "Practices",
    [COLUMN_ASSESSMENT_TOOLS] = "Tools",
    [COLUMN_TRAININGS] = "Trainings",
    [COLUMN_MENTORING_PROGRAMMES] = "Mentoring",
    [COLUMN_CAMPAIGNS] = "Campaigns",
    [COLUMN_NETWORKS] = "Networks",
    [COLUMN_EVENTS] = "Events",
    [COLUMN_PLACES] = "Places",
    [COLUMN_SERVICES] = "Services",
    [COLUMN_FINANCING_OFFERS] = "Financing",
};

/* The kinds of services that are not here help people to live, which is no step of the chain. */
const struct step_source STEP_SOURCES[] = {
    {"practices", "value_chain_steps", "competence_assessment", "competence_assessment"},
    {"practices", "value_chain_steps", "training", "training"},
    {"practices", "value_chain_steps", "mentoring", "mentoring"},
    {"practices", "value_chain_steps", "information_campaign", "information_campaign"},
    {"practices", "value_chain_steps", "networking", "networking"},
    {"practices", "value_chain_steps", "financing", "financing"},
    {"assessment-tools", "kind", "competence_assessment", "competence_assessment"},
    {"trainings", NULL, NULL, "training"},
    {"mentoring-programmes", NULL, NULL, "mentoring"},
    {"campaigns", NULL, NULL, "information_campaign"},
    {"networks", NULL, NULL, "networking"},
    {"events", NULL, NULL, "networking"},
    {"places", NULL, NULL, "networking"},
    {"financing-offers", NULL, NULL, "financing"},
    {"services", "kind", "language_course", "training"},
    {"services", "kind", "entrepreneurship_support", "mentoring"},
    {"services", "kind", "contact_points", "information_campaign"},
    {"services", "kind", "digital_platform", "information_campaign"},
    {"services", "kind", "helpline", "information_campaign"},
    {"services", "kind", "one_stop_shop", "information_campaign"},
    {"services", "kind", "job_matching", "networking"},
};
const size_t STEP_SOURCE_COUNT = ARRAY_LENGTH(STEP_SOURCES);

const char *const IDLE_STATES[] = {"proposed",           "planned", "paused", "postponed",
                                   "temporarily_closed", "ended",   "merged", "closed",
                                   "cancelled"};
const size_t IDLE_STATE_COUNT = ARRAY_LENGTH(IDLE_STATES);

static int find(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int step_index(const char *step)
{
    return find(step, STEPS, STEPS_COUNT);
}

int step_column_of(const char *resource)
{
    return find(resource, COLUMN_RESOURCES, COLUMNS_COUNT);
}

const struct step_source *step_source_of(const char *resource, const char *step)
{
    for (size_t i = 0; i < STEP_SOURCE_COUNT; i++)
        if (strcmp(STEP_SOURCES[i].resource, resource) == 0 &&
            strcmp(STEP_SOURCES[i].step, step) == 0)
            return &STEP_SOURCES[i];
    return NULL;
}
