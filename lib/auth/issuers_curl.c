#include "auth/issuers_internal.h"

#include "auth/jwks.h"
#include "base/text.h"

#include <string.h>

#include <curl/curl.h>

#define TOTAL_MS 5000L
#define CONNECT_MS 3000L

bool issuers_curl_begin(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void issuers_curl_end(void)
{
    curl_global_cleanup();
}

/* Less than it was given: libcurl ends the transfer. */
static size_t take(char *bytes, size_t one, size_t count, void *data)
{
    struct text *text = data;

    text_append_bytes(text, bytes, one * count);
    return text_failed(text) ? 0 : one * count;
}

static int look_whether_to_go_on(void *data, curl_off_t all_down, curl_off_t down,
                                 curl_off_t all_up, curl_off_t up)
{
    const atomic_bool *stop = data;

    (void)all_down, (void)down, (void)all_up, (void)up;
    return atomic_load(stop) ? 1 : 0;
}

static const char *meaning_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        return "it took too long";
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return "larger than 256 KiB";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the host has no address";
    case CURLE_COULDNT_CONNECT:
        return "nobody answers there";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
        return "its certificate is not valid";
    default:
        return "the transfer failed";
    }
}

static CURLcode prepare(CURL *curl, const char *uri, struct text *text, const atomic_bool *stop,
                        struct curl_slist *headers)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_TIMEOUT_MS, TOTAL_MS},
        {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
        {CURLOPT_MAXFILESIZE, JWKS_BYTES_MAX},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_FAILONERROR, 0},
        {CURLOPT_NOPROGRESS, 0},
    };
    CURLcode r = CURLE_OK;

    for (size_t i = 0; r == CURLE_OK && i < ARRAY_LENGTH(numbers); i++)
        r = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_URL, uri);
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                             strncmp(uri, "https:", 6) == 0 ? "https" : "http");
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_USERAGENT, "express-api");
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_whether_to_go_on);
    if (r == CURLE_OK)
        r = curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
    return r;
}

bool issuers_curl_fetch(const char *uri, struct text *text, const atomic_bool *stop,
                        const char **reterr_why)
{
    struct curl_slist *headers =
        curl_slist_append(NULL, "Accept: application/jwk-set+json, application/json");
    CURL *curl = curl_easy_init();
    long status = 0;
    CURLcode r = CURLE_OUT_OF_MEMORY;

    if (curl != NULL && headers != NULL)
        r = prepare(curl, uri, text, stop, headers);
    if (r == CURLE_OK)
        r = curl_easy_perform(curl);
    if (r == CURLE_OK)
        r = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (r != CURLE_OK)
        *reterr_why = meaning_of(r);
    else if (status != 200)
        *reterr_why = "the answer is not 200";
    return r == CURLE_OK && status == 200;
}
