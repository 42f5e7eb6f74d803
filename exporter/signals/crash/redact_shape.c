/* redact_shape: see redact_shape.h. */
#include "signals/crash/redact_shape.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define RANDOM_MIN 24u
#define WORD_MIN 6u /* lower-case letters in a row: a word of some language */
#define HEXADECIMAL_MIN 32u

/* Anywhere in the name. */
static const char *const parts[] = {
    "password",    "passwd",      "passphrase", "pwd",        "secret",        "token",
    "apikey",      "api_key",     "api-key",    "access_key", "access-key",    "accesskey",
    "private_key", "private-key", "privatekey", "credential", "authorization", "cookie",
    "sessionid",   "session_id",  "session-id", "signature",  "jwt",           "bearer",
};
static const char *const names[] = {"pass", "passin", "passout", "pw", "auth", "pat", "oauth", "dsn"};

/* Beginnings of tokens that their issuers made recognisable. */
static const char *const marks[] = {
    "ghp_",  "gho_",  "ghu_",  "ghs_", "ghr_",     "github_pat_", "glpat-",    "xoxb-", "xoxp-",
    "xoxa-", "xoxr-", "xoxs-", "sk-",  "sk_live_", "sk_test_",    "rk_live_",  "AKIA",  "ASIA",
    "AIza",  "ya29.", "eyJ",   "hf_",  "npm_",     "pypi-",       "dckr_pat_", "SG.",
};

static bool contains(const char *text, size_t bytes, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= bytes; i++)
        if (strncasecmp(text + i, part, n) == 0)
            return true;
    return false;
}

bool redact_is_secret_name(const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (contains(name, bytes, parts[i]))
            return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == bytes && strncasecmp(name, names[i], bytes) == 0)
            return true;
    return false;
}

bool redact_is_header_name(const char *name, size_t bytes)
{
    return contains(name, bytes, "authorization") || contains(name, bytes, "cookie");
}

/* Random letters change between lower case, upper case and digits more often than words do. */
static bool is_random(const char *word, size_t bytes)
{
    enum { OTHER, LOWER, UPPER, DIGIT } class, last = OTHER;
    size_t n[4] = {0}, n_changes = 0, run = 0, longest = 0; /* of lower-case letters */
    bool is_hexadecimal = true;
    if (bytes < RANDOM_MIN)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)word[i];
        class = islower(c) ? LOWER : isupper(c) ? UPPER : isdigit(c) ? DIGIT : OTHER;
        n[class]++;
        n_changes += class != last;
        last = class;
        run = class == LOWER ? run + 1 : 0;
        longest = run > longest ? run : longest;
        is_hexadecimal &= isxdigit(c) != 0;
    }
    if (is_hexadecimal)
        return bytes >= HEXADECIMAL_MIN && n[DIGIT] >= 4 && n[LOWER] + n[UPPER] >= 4;
    return n[LOWER] >= 3 && n[UPPER] >= 3 && n[DIGIT] >= 3 && n_changes * 2 >= bytes && longest < WORD_MIN;
}

/* "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw" */
static bool is_bot_token(const char *word, size_t bytes)
{
    size_t n = 0;
    while (n < bytes && isdigit((unsigned char)word[n]))
        n++;
    return n >= 6 && n <= 12 && n < bytes && word[n] == ':' && bytes - n > 30;
}

bool redact_is_secret_word(const char *word, size_t bytes)
{
    bool is_mangled = bytes > 2 && word[0] == '_' && (word[1] == 'Z' || word[1] == 'R');
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t n = strlen(marks[i]);
        if (bytes >= n + 12 && strncmp(word, marks[i], n) == 0)
            return true;
    }
    return !is_mangled && (is_bot_token(word, bytes) || is_random(word, bytes));
}
