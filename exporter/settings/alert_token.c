/* alert_token: the bot's token: of the setting, of the file, of systemd's credential. Its bytes are in no note. */
#include "settings/alerts_priv.h"

#include "base/file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TOKEN_BYTES 128u

/* It becomes part of a path: nothing else may be in it. */
static bool is_token(const char *text, size_t bytes)
{
    const char *colon = memchr(text, ':', bytes);
    size_t n = colon ? (size_t)(colon - text) : 0;
    return colon && bytes <= MAX_TOKEN_BYTES && alert_text_is_made_of(text, n, NULL) &&
           alert_text_is_made_of(colon + 1, bytes - n - 1, "_-");
}

static const char *token_from(struct settings *settings, const char *where, const char *text)
{
    size_t bytes = strlen(text);
    alert_text_strip(&text, &bytes);
    if (is_token(text, bytes))
        return arena_copy(&settings->arena, text, bytes);
    settings_note(settings, "%s: a token as @BotFather gives it (123456:ABC-DEF...) is allowed; ignored",
                  where);
    return NULL;
}

/* A file that a process of another user names must be his: it would be sent to a server that he names. */
static const char *token_of_file(struct settings *settings, const char *path, uint32_t owner_uid,
                                 const char *name)
{
    int error = 0;
    bool is_open = false;
    const char *text =
        file_read_text(&settings->arena, path, owner_uid, SETTINGS_FILE_MAX_BYTES, &is_open, &error);
    if (!text) {
        settings_note(settings, "%s=\"%s\": cannot be read: %s; ignored", name, path,
                      error == -EPERM ? "it must belong to the program's user" : strerrordesc_np(-error));
        return NULL;
    }
    if (is_open)
        settings_note(settings, "%s=\"%s\": other users may read it; chmod 600 is advised", name, path);
    return token_from(settings, name, text);
}

static const char *credential_path(struct settings *settings)
{
    const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
    if (!directory || *directory != '/')
        return NULL;
    const char *path = arena_printf(&settings->arena, "%s/telegram-token", directory);
    return access(path, F_OK) == 0 ? path : NULL;
}

/* As guard_secrets() in load.c, for a token that a file of the machine holds. */
static bool may_be_sent(struct settings *settings, uint32_t uid, enum setting_origin origin, const char *name)
{
    static const enum setting servers[] = {SETTING_OTELSHIM_TELEGRAM_API_URL, SETTING_OTELSHIM_TELEGRAM_PROXY,
                                           SETTING_OTELSHIM_TELEGRAM_CERTIFICATE};
    if (uid == geteuid() || origin <= ORIGIN_ENV_FILE)
        return true;
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        if (setting_is_of_process(settings, servers[i])) {
            settings_note(settings, "%s is not sent to a server from the program's own environment (%s)",
                          name, settings->names[servers[i]]);
            return false;
        }
    return true;
}

const char *alert_token_understand(struct settings *settings, uint32_t uid)
{
    const enum setting token = SETTING_OTELSHIM_TELEGRAM_TOKEN, file = SETTING_OTELSHIM_TELEGRAM_TOKEN_FILE;
    const char *path = settings->values[file], *name = settings_name(file);
    if (settings->values[token] && (!path || settings->origins[token] <= settings->origins[file]))
        return token_from(settings, settings->names[token], settings->values[token]);
    if (settings->is_secret_missing[token] && (!path || settings->origins[file] > ORIGIN_ENVIRONMENT))
        return NULL; /* the program has one of its own: another's bot is not meant */
    enum setting_origin origin = settings->origins[file];
    if (!path) {
        path = credential_path(settings);
        origin = ORIGIN_SYSTEM_FILE;
        name = "credential telegram-token";
    }
    if (!path || !may_be_sent(settings, uid, origin, name))
        return NULL;
    return token_of_file(settings, path, origin <= ORIGIN_ENV_FILE ? uid : geteuid(), name);
}
