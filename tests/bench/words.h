#pragma once
/*
 * The vocabulary of the made-up catalogue. Common words come first: how often a
 * word is used falls with its place, as in real texts. Compounds of a beginning
 * and a topic make the long tail of rare words.
 */
#include "base/annotate.h"

static const char *const COMMON_WORDS[] = {
    "the",          "of",        "and",       "to",          "in",          "for",
    "with",         "on",        "from",      "by",          "as",          "at",
    "is",           "are",       "an",        "that",        "this",        "which",
    "has",          "have",      "been",      "more",        "than",        "local",
    "regional",     "community", "project",   "practice",    "migrants",    "refugees",
    "employment",   "training",  "support",   "language",    "skills",      "business",
    "enterprise",   "social",    "economy",   "work",        "workers",     "cooperative",
    "members",      "network",   "approach",  "results",     "partners",    "public",
    "new",          "small",     "services",  "advice",      "income",      "jobs",
    "young",        "women",     "inclusion", "integration", "process",     "municipality",
    "volunteers",   "mentoring", "financing", "recognition", "competences", "course",
    "participants", "first",     "year",      "city",        "association", "people",
};

static const char *const TOPICS[] = {
    "kitchen",     "bakery",     "restaurant",  "catering",     "garden",     "orchard",
    "farm",        "market",     "shop",        "workshop",     "studio",     "school",
    "nursery",     "hospital",   "clinic",      "library",      "museum",     "theatre",
    "choir",       "festival",   "harbour",     "station",      "bicycle",    "repair",
    "textile",     "tailor",     "carpentry",   "furniture",    "ceramic",    "jewellery",
    "painting",    "printing",   "publishing",  "radio",        "film",       "software",
    "website",     "data",       "interpreter", "translation",  "dialect",    "grammar",
    "literacy",    "diploma",    "certificate", "portfolio",    "assessment", "interview",
    "apprentice",  "internship", "vacancy",     "contract",     "wage",       "pension",
    "insurance",   "tax",        "permit",      "visa",         "asylum",     "residence",
    "housing",     "hostel",     "rent",        "mortgage",     "loan",       "grant",
    "voucher",     "guarantee",  "investor",    "crowdfunding", "savings",    "budget",
    "accounting",  "invoice",    "tender",      "procurement",  "supplier",   "customer",
    "marketing",   "brand",      "logo",        "fair",         "export",     "import",
    "transport",   "logistics",  "warehouse",   "delivery",     "courier",    "taxi",
    "driver",      "licence",    "mechanic",    "electrician",  "plumber",    "builder",
    "mason",       "roof",       "insulation",  "solar",        "energy",     "heating",
    "recycling",   "reuse",      "compost",     "waste",        "water",      "river",
    "forest",      "timber",     "honey",       "cheese",       "bread",      "spice",
    "tea",         "coffee",     "vegetable",   "mushroom",     "olive",      "herb",
    "fish",        "seaweed",    "wool",        "leather",      "cotton",     "fashion",
    "hairdresser", "barber",     "beauty",      "laundry",      "cleaning",   "caretaker",
    "nurse",       "midwife",    "dentist",     "pharmacy",     "therapy",    "counselling",
    "trauma",      "childcare",  "family",      "parent",       "neighbour",  "elder",
    "disability",  "gender",     "rights",      "law",          "lawyer",     "notary",
    "court",       "union",      "chamber",     "guild",        "federation", "foundation",
    "institute",   "university", "laboratory",  "research",     "survey",     "evaluation",
    "incubator",   "coworking",  "accelerator", "campus",       "academy",    "seminar",
    "webinar",     "handbook",   "toolkit",     "podcast",      "newsletter", "exhibition",
    "tournament",  "football",   "swimming",    "hiking",       "camp",       "excursion",
    "tourism",     "hotel",      "guide",       "heritage",     "monument",   "craft",
    "village",     "town",       "district",    "province",     "region",     "island",
    "border",      "corridor",   "reception",   "shelter",      "canteen",    "cafe",
};

static const char *const VERBS[] = {
    "improve", "reduce",  "increase", "organise",  "share",   "collect",   "open",
    "deliver", "monitor", "certify",  "restore",   "protect", "start",     "diversify",
    "measure", "report",  "finance",  "train",     "employ",  "connect",   "promote",
    "mentor",  "advise",  "welcome",  "translate", "found",   "accompany", "recognise",
};

static const char *const BEGINNINGS[] = {
    "inter", "multi", "cross", "post", "re",   "under", "over",  "micro", "macro",
    "co",    "pre",   "self",  "eco",  "tele", "neo",   "extra", "semi",  "proto",
};

static const char *const ENDINGS[] = {
    "hub", "lab", "link", "net", "flow", "works", "field", "house", "point", "craft", "care", "way",
};
