/* explain: a setting as `otelshim config` shows it: what it is, its value without secrets, and where that came from. */
#include "settings/settings_priv.h"

#include <string.h>

#define MASK "********"

static const char *const meanings[N_SETTINGS] = {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning_) [SETTING_##NAME] = (meaning_),
#include <settings.h>
#undef SETTING
};

/* user:password@ of a URL does not belong on a screen, whatever the row says of secrecy. */
static const char *hide_userinfo(struct arena *arena, const char *value)
{
    const char *at = strrchr(value, '@'), *scheme_end = strstr(value, "://");
    if (!at || !scheme_end || scheme_end > at)
        return value;
    return arena_printf(arena, "%.*s://" MASK "%s", (int)(scheme_end - value), value, at);
}

static const char *path_of_origin(const struct settings *settings, enum setting_origin origin)
{
    if (origin == ORIGIN_ENV_FILE)
        return settings->values[SETTING_OTELSHIM_ENV_FILE];
    if (origin == ORIGIN_SYSTEM_FILE)
        return SETTINGS_SYSTEM_FILE;
    for (uint32_t i = 0; origin == ORIGIN_USER_FILE && i < settings->n_paths; i++)
        if (strcmp(settings->paths[i], SETTINGS_SYSTEM_FILE) != 0)
            return settings->paths[i];
    return NULL;
}

const char *settings_origin_name(const struct settings *settings, enum setting setting)
{
    static const char *const names[] = {
        [ORIGIN_OPTION] = "the command line",        [ORIGIN_ENVIRONMENT] = "the environment",
        [ORIGIN_ENV_FILE] = "the .env file",         [ORIGIN_USER_FILE] = "the user's otelshim.conf",
        [ORIGIN_SYSTEM_FILE] = SETTINGS_SYSTEM_FILE, [ORIGIN_DEFAULT] = "nowhere",
    };
    return names[settings->origins[setting]];
}

void settings_explain(const struct settings *settings, enum setting setting, struct arena *arena,
                      struct setting_explanation *ret_explanation)
{
    const struct setting_row *row = setting_row(setting);
    enum setting_origin origin = settings->origins[setting];
    const char *value = settings->values[setting], *path = path_of_origin(settings, origin);
    *ret_explanation = (struct setting_explanation){
        .name = row->name,
        .given_as = settings->names[setting],
        .standard = row->standard,
        .allowed = row->allowed,
        .meaning = meanings[setting],
        .origin = !value ? "default"
                  : path ? path
                         : settings_origin_name(settings, setting),
        .is_set = value != NULL,
        .is_secret = row->is_secret,
        .has_no_effect = value && row->reader == READER_SHIM && path && setting != SETTING_OTELSHIM_LOG &&
                         !settings_is_live(setting),
    };
    if (!value)
        ret_explanation->value = row->standard;
    else if (row->is_secret)
        ret_explanation->value = MASK;
    else
        ret_explanation->value = row->type == TYPE_URL ? hide_userinfo(arena, value) : value;
}
