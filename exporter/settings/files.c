/*
 * files: NAME = value lines: .env files, otelshim.conf.
 *
 * One reader for both, not inih: Debian's libinih cuts lines at 200 bytes (measured: 195 bytes of a 500-byte value
 * came back, and the parse went on), which a bearer token in OTEL_EXPORTER_OTLP_HEADERS exceeds, and it takes " ;" in a
 * value for a comment.
 *
 *   # comment          ; comment          [section] (ignored)
 *   NAME = value       export NAME=value  NAME='as it is'  NAME="with \" \\ \n \t"  NAME = value # comment
 */
#include "settings/settings_priv.h"

#include "base/file.h"
#include <string.h>

const char *setting_file_lookup(void *file, const char *name)
{
    const struct setting_file *of = file;
    for (uint32_t i = of->n_pairs; i-- > 0;) /* the last line wins, as in a shell */
        if (strcmp(of->pairs[i][0], name) == 0)
            return of->pairs[i][1];
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks off both ends, in place. */
static char *strip(char *text)
{
    while (is_blank(*text))
        text++;
    size_t n = strlen(text);
    while (n && is_blank(text[n - 1]))
        text[--n] = 0;
    return text;
}

/* Takes quotes or a trailing comment off, in place. False: a quote has no end. */
static bool unquote(char **value)
{
    char quote = **value;
    if (quote != '"' && quote != '\'') {
        for (char *c = *value; *c; c++)
            if (*c == '#' && (c == *value || is_blank(c[-1]))) {
                *c = 0;
                break;
            }
        *value = strip(*value);
        return true;
    }
    char *out = *value, *in = *value + 1;
    for (; *in && *in != quote; in++) {
        if (quote == '"' && *in == '\\' && in[1]) {
            in++;
            *out++ = (char)(*in == 'n' ? '\n' : *in == 't' ? '\t' : *in);
            continue;
        }
        *out++ = *in;
    }
    bool has_end = *in == quote;
    *out = 0;
    return has_end;
}

static bool is_name(const char *name)
{
    if (!*name || (*name >= '0' && *name <= '9'))
        return false;
    for (; *name; name++)
        if (!((*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z') ||
              (*name >= '0' && *name <= '9') || *name == '_'))
            return false;
    return true;
}

/* False: the line is none of the forms above. */
static bool parse_line(char *line, struct setting_file *file)
{
    line = strip(line);
    if (!*line || *line == '#' || *line == ';' || *line == '[')
        return true;
    if (strncmp(line, "export", 6) == 0 && is_blank(line[6]))
        line += 7;
    char *equals = strchr(line, '=');
    if (!equals)
        return false;
    *equals = 0;
    char *name = strip(line), *value = strip(equals + 1);
    if (!is_name(name) || !unquote(&value))
        return false;
    file->pairs[file->n_pairs][0] = name;
    file->pairs[file->n_pairs][1] = value;
    file->n_pairs++;
    return true;
}

int setting_file_read(struct settings *settings, const char *path, uint32_t owner_uid,
                      struct setting_file *file)
{
    int error = 0;
    char *text = file_read_text(&settings->arena, path, owner_uid, SETTINGS_FILE_MAX_BYTES, NULL, &error);
    if (!text)
        return error;
    uint32_t n_lines = 1;
    for (const char *c = text; *c; c++)
        n_lines += *c == '\n';
    file->pairs = arena_alloc(&settings->arena, n_lines * sizeof(*file->pairs));
    file->n_pairs = 0;
    uint32_t number = 0;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        number++;
        if (!parse_line(line, file))
            settings_note(settings, "%s:%u: NAME = value is allowed; line ignored", path, number);
    }
    return 0;
}
