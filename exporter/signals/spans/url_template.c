/* url_template: see url_template.h. */
#include "signals/spans/url_template.h"

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
    while (*list) {
        const char *begin = list, *end = begin + strcspn(begin, ",");
        list = *end ? end + 1 : end;
        while (begin < end && (*begin == ' ' || *begin == '\t'))
            begin++;
        while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if (begin < end && matches(begin, end, bytes, path_end)) {
            *ret_template = (struct text){.bytes = begin, .n_bytes = (uint32_t)(end - begin)};
            return true;
        }
    }
    return false;
}
