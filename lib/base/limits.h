#pragma once
/*
 * Limits
 *
 * Every maximum of the program, each with its reason. README lists those that
 * a setting can change.
 */
#define SLUG_BYTES_MAX 100 /* letters, digits and hyphens */
#define BODY_BYTES_MAX                                                                             \
    (64 * 1024)              /* 1 MiB of JSON can take 80 MiB parsed; ordinary bodies are small */
#define JSON_DEPTH_MAX 16    /* the deepest resource needs 5 */
#define JSON_VALUES_MAX 5000 /* values of one body, counted before it is parsed */
#define IMPORT_FILE_BYTES_MAX (64 * 1024 * 1024) /* one file of the command line's import */
#define PATH_BYTES_MAX 1024                      /* of a decoded path */
#define PATH_SEGMENTS_MAX 8
#define QUERY_BYTES_MAX 8192    /* of a raw query string: 100 ids of 36 bytes fit twice */
#define QUERY_PARAMETERS_MAX 64 /* of one request */
#define FORM_PARAMETERS_MAX 16  /* of one form body; signing in needs five */
#define FAILURES_WINDOW_S 60    /* in which that many attempts to sign in come back */
#define FAILURES_OF_ADDRESS_MAX                                                                    \
    10 /* at once, then one in six seconds: people mistype, programs guess */
#define FAILURES_OF_CLIENT_MAX                                                                     \
    60                        /* with one id: more than an address has, so that none shuts it out */
#define FILTER_VALUES_MAX 100 /* of one parameter, separated by commas */
#define SEARCH_CHARACTERS_MAX 100 /* of q */
#define CURSOR_BYTES_MAX 3400     /* four sort values of full length */
#define PAGE_ITEMS_DEFAULT 20
#define PAGE_ITEMS_MAX 100      /* keeps a page under 1 MiB */
#define IDS_MAX 100             /* of ids= and batch-get */
#define FACET_VALUES_MAX 100    /* of one facet */
#define SEARCH_MATCHES_MAX 1000 /* ranked at most: beyond it nobody pages by relevance */
#define SORT_KEYS_MAX 4
#define GONE_DAYS 90            /* calendars that ask once a quarter hear of what was withdrawn */
#define GONE_MAX 500            /* forms of records of these in one calendar, the latest first */
#define GONE_LOOKED_AT_MAX 5000 /* changes that are looked at for that: a second */
#define GONE_SEARCHED_MAX 500   /* the same where their words are read */
#define FAULTS_MAX 100          /* errors of one problem */
#define REPLY_BYTES_MAX (16 * 1024 * 1024)
#define REQUEST_ARENA_BYTES_MAX (32 * 1024 * 1024)
#define COMPRESS_BYTES_MIN 1024 /* below it the header costs what the coding saves */
#define STREAM_BATCH_ITEMS 200  /* records fetched at once while streaming */

#define IDEMPOTENCY_KEY_CHARACTERS_MAX 255 /* as the key's column holds */
#define WRITE_RETRIES_MAX 3     /* of a transaction that met another one: then it is told */
#define WRITE_PAUSE_MS_MAX 40   /* before the first; doubled before each next one, by chance less */
#define CREATES_TOGETHER_MAX 16 /* in one transaction: beyond it one more saves little */
#define CREATES_BYTES_MAX (96 * 1024) /* of their bodies: so what they refer to stays few */
#define CREATES_LED_MAX 2             /* such transactions of one caller and resource at once, */
#define CREATES_BESIDE_MIN 8          /* and how many make the second worth while */
#define AUDIT_PROPERTIES_BYTES_MAX (64 * 1024) /* names in one entry: no body has more bytes */

#define COHORT_PAIRS_LARGE 250000 /* 500 with 500: beyond it one at a time in a server, */
#define COHORTS_LARGE_MAX 1       /* because each takes a core and its memory for seconds */
#define COHORT_PERSONS_MAX 4000   /* mentees, and mentors, of one assignment */
#define MATCH_ARENA_BYTES_MAX (32 * 1024 * 1024) /* their profiles: 4 KiB of each, or 1.6 */
#define CANDIDATES_MAX 20000     /* mentors looked at for one mentee: 12 MiB, and a second */
#define COHORT_PAIRS_MAX 4000000 /* 2 000 with 2 000: 48 MiB, and seconds */
