/* url_template: see url_template.h. */
#include "signals/spans/url_template.h"

#include "settings/settings.h"
#include <string.h>

static const char *segment_end(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));
    return slash ? slash : end;
}

static bool is_placeholder(const char *at, const char *end)
{
    return end - at > 2 && *at == '{' && end[-1] == '}';
}

static bool matches(const char *template, const char *template_end, const char *path, const char *path_end)
{
    for (;;) {
        const char *end = segment_end(template, template_end), *other = segment_end(path, path_end);
        bool is_same =
            is_placeholder(template, end)
                ? other > path
                : end - template == other - path && memcmp(template, path, (size_t)(end - template)) == 0;
        if (!is_same || (end == template_end) != (other == path_end))
            return false;
        if (end == template_end)
            return true;
        template = end + 1;
        path = other + 1;
    }
}

bool url_template_find(const char *list, struct text path, struct text *ret_template)
{
    const char *bytes = path.n_bytes ? path.bytes : "/"; /* http://host has the path / */
    const char *path_end = bytes + (path.n_bytes ? path.n_bytes : 1);
    const char *word;
    size_t n;
    while (setting_next_element(&list, &word, &n))
        if (n && matches(word, word + n, bytes, path_end)) {
            *ret_template = (struct text){.bytes = word, .n_bytes = (uint32_t)n};
            return true;
        }
    return false;
}
