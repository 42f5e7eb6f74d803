/*
 * url: the parts of a URL that attributes want, and url.full without its secrets.
 *
 * Context: loop. Pure; output bounded (redact.h). A URL is read as libcurl reads it: without a scheme it is guessed from
 * the host name (http, or ftp for ftp.…, and so on), one to three slashes may follow the scheme.
 */
#ifndef OTELSHIM_URL_H
#define OTELSHIM_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_SCHEME_MAX_BYTES 40u

struct url_text {
    const char *bytes; /* into the input; not NUL-terminated */
    size_t n_bytes;
};

struct url {
    bool
        is_valid; /* false: the part before the path is none that can be understood, so nothing of it is known */
    bool has_guessed;                      /* the scheme is not in the text */
    char scheme[URL_SCHEME_MAX_BYTES + 1]; /* lower case, NUL-terminated */
    struct url_text user_info;             /* up to the @, without it; NULL: there is none */
    struct url_text host;                  /* IPv6 without brackets; as written */
    uint16_t port;                         /* the scheme's, where none is written; 0: not known */
    struct url_text authority;             /* behind the userinfo: host and port as written */
    struct url_text path;                  /* from the slash on, or empty */
    struct url_text query;                 /* behind the ?; NULL: none */
    struct url_text fragment;              /* behind the #; NULL: none */
};

/* `is_cut`: the text is the beginning of something longer; a part before the path that may be half is not valid then. */
void url_parse(const char *text, size_t n_bytes, bool is_cut, struct url *ret_url);

/* Of a scheme in lower case; 0: not known. */
uint16_t url_default_port(const char *scheme);

/* Query keys whose values are hidden: compared exactly, with case (OTel semantic conventions, url.full). */
extern const char *const url_secret_keys[];
extern const size_t url_n_secret_keys;

struct url_redaction {
    const char *const *keys; /* instead of url_secret_keys; NULL: those */
    size_t n_keys;
};

/*
 * url.full: userinfo is REDACTED:REDACTED (REDACTED for a lone user), values of secret query keys REDACTED, the token
 * in a path segment bot<digits>:<token> (Telegram) too; the scheme is in lower case, and added where it was guessed;
 * blanks and control characters are percent-encoded; the rest stays as written. Of a URL that is not valid only
 * scheme://REDACTED is left. `redaction` may be NULL. Returns the length.
 */
size_t url_redact(const char *text, size_t n_bytes, bool is_cut, const struct url_redaction *redaction,
                  char *out, size_t max);

#endif
