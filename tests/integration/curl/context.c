/*
 * context: which headers go out: by the propagators that are configured, not beside the program's own, never to a host on the
 * exclude list, whatever way its name is given. Prints the names of what went out: the same line without the shim, but for
 * those of the shim, which are checked here against what is wanted.
 */
#include "http.h"

static char sent[400];
static int own_prereq_calls;
static bool is_by_copy, has_own_prereq; /* what show() does besides */

/* The program's own, with its own data. */
static int before_request(void *data, char *peer, char *local, int peer_port, int local_port)
{
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    own_prereq_calls += data == (void *)&own_prereq_calls ? 1 : 1000;
    return CURL_PREREQFUNC_OK;
}

/* Collects the names of trace headers, in order. */
static int watch(CURL *handle, curl_infotype type, char *data, size_t bytes, void *context)
{
    static const char *const names[] = {"traceparent",  "tracestate",  "baggage",     "b3",
                                        "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"};
    (void)handle;
    (void)context;
    for (const char *line = data; type == CURLINFO_HEADER_OUT && line && line < data + bytes;
         line = memchr(line, '\n', (size_t)(data + bytes - line)), line = line ? line + 1 : NULL)
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (!strncasecmp(line, names[i], strlen(names[i])) && line[strlen(names[i])] == ':')
                snprintf(sent + strlen(sent), sizeof(sent) - strlen(sent), " %s", names[i]);
    return 0;
}

/* `wanted` with the shim, `own` without. */
static void show(const char *what, const char *url, struct curl_slist *list, const char *wanted,
                 const char *own)
{
    char resolve[8][100];
    static const char *const hosts[] = {"api.example",  "db.internal",  "DB.Internal",
                                        "db.internal.", "away.example", "other.example"};
    struct curl_slist *addresses = NULL;
    CURL *handle = curl_easy_init();
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        snprintf(resolve[i], sizeof(resolve[i]), "%s:%s:127.0.0.1", hosts[i], getenv("HTTP_PORT"));
        addresses = curl_slist_append(addresses, resolve[i]);
    }
    curl_easy_setopt(handle, CURLOPT_RESOLVE, addresses);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, watch);
    curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(handle, CURLOPT_PREREQDATA, &own_prereq_calls);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    if (has_own_prereq)
        curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    sent[0] = 0;
    own_prereq_calls = 0;
    CURLcode code = curl_easy_perform(handle);
    if (is_by_copy) {
        CURL *first = handle;
        handle = curl_easy_duphandle(first);
        curl_easy_cleanup(first);
        sent[0] = 0;
        code = curl_easy_perform(handle);
    }
    const char *expected = is_traced() ? wanted : own;
    printf("%s: %d, %d calls%s\n", what, code, own_prereq_calls,
           strcmp(sent, expected) ? " WRONG HEADERS:" : "");
    if (strcmp(sent, expected))
        printf("  sent%s, wanted%s\n", sent, expected);
    curl_easy_cleanup(handle);
    curl_slist_free_all(addresses);
}

static const char *at(const char *host, const char *path)
{
    static char url[200];
    snprintf(url, sizeof(url), "http:%s%s:%s%s", *host == '/' ? "" : "//", host, getenv("HTTP_PORT"), path);
    return url;
}

int main(int argc, char **argv)
{
    const char *all = argc > 1 ? argv[1] : "";
    char with_own[300];
    struct curl_slist *own = curl_slist_append(NULL, "Traceparent: 00-of-its-own"),
                      *removed = curl_slist_append(NULL, "b3:");
    struct curl_slist *baggage = curl_slist_append(NULL, "Baggage: a=b");
    const char *other =
        strstr(all, " baggage") ? " baggage" : ""; /* the tests' lists have it last, or not at all */
    show("plain", at("api.example", "/small"), NULL, all, "");
    show("own context", at("api.example", "/small"), own, " traceparent", " traceparent");
    show("taken away", at("api.example", "/small"), removed, "", "");
    snprintf(with_own, sizeof(with_own), "%.*s baggage", (int)(strlen(all) - strlen(other)), all);
    show("own baggage", at("api.example", "/small"), baggage, with_own, " baggage");
    show("excluded", at("db.internal", "/small"), NULL, "", "");
    show("excluded, upper case", at("DB.Internal", "/small"), NULL, "", "");
    show("excluded, with a dot", at("db.internal.", "/small"), NULL, "", "");
    show("excluded, with a user", at("a:b@db.internal", "/small"), NULL, "", "");
    show("excluded, encoded", at("db.interna%6c", "/small"), NULL, "", "");
    show("excluded, without a scheme", at("db.internal", "/small") + 7, NULL, "", "");
    show("excluded, one slash", at("/db.internal", "/small"), NULL, "", "");
    show("not excluded", at("other.example", "/db.internal"), NULL, all, "");
    show("redirected to one that is excluded", at("api.example", "/away"), NULL, all, "");
    is_by_copy = true;
    show("likewise, by a copy", at("api.example", "/away"), NULL, all, "");
    is_by_copy = false;
    has_own_prereq = true; /* then nobody tells us of the hops */
    show("likewise, with a function of its own", at("api.example", "/away"), NULL, "", "");
    has_own_prereq = false;
    curl_slist_free_all(own);
    curl_slist_free_all(removed);
    curl_slist_free_all(baggage);
    return 0;
}
