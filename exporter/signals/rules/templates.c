/* templates: see templates.h; and which one a message is made with. */
#include "signals/rules/templates.h"

#include "base/file.h"
#include "signals/rules/profiles.h"
#include "signals/rules/rules.h"
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES (64u << 10)
#define MAX_TEMPLATES 128u

/* ---- reading ---- */

struct reader {
    struct template_book *book;
    struct arena *arena;
    const char *path;
    template_note_fn note;
    void *context;
    struct template *open; /* whose body is being read; NULL: none, or a wrong one */
    char *body;
    uint32_t line; /* of its head */
};

static void note(const struct reader *reader, uint32_t line, const char *problem)
{
    if (reader->note)
        reader->note(reader->context, arena_printf(reader->arena, "%s:%u: %s", reader->path, line, problem));
}

static bool parse_language(const char *word, struct template *template)
{
    template->is_any = !*word;
    template->language = strcmp(word, "ko") == 0 ? LANGUAGE_KO : LANGUAGE_EN;
    return template->is_any || strcmp(word, "ko") == 0 || strcmp(word, "en") == 0;
}

/* [template NAME], [template NAME LANGUAGE] */
static void begin(struct reader *reader, char *line, uint32_t number)
{
    static const char allowed[] =
        "[template NAME], [template NAME en] or [template NAME ko] is allowed; template left out";
    char *end, *words = line + strlen("[template");
    struct template template = {0};
    reader->open = NULL;
    words += strspn(words, " \t");
    end = strchr(words, ']');
    size_t n = strcspn(words, " \t]");
    if (!end || n == 0 || end[1 + strspn(end + 1, " \t\r")]) {
        note(reader, number, allowed);
        return;
    }
    *end = 0;
    while (end > words && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    char *language = words + n + strspn(words + n, " \t");
    template.name = arena_copy(reader->arena, words, n);
    if (!parse_language(language, &template) || reader->book->n == MAX_TEMPLATES) {
        note(reader, number,
             reader->book->n == MAX_TEMPLATES ? "128 templates are allowed; template left out" : allowed);
        return;
    }
    reader->open = &reader->book->items[reader->book->n++];
    *reader->open = template;
    reader->line = number;
    reader->body = NULL;
}

/* The body, without empty lines around it. `end` is behind it, and belongs to nobody any more. */
static void close_body(struct reader *reader, char *end)
{
    const char *why;
    if (!reader->open)
        return;
    if (!reader->body || reader->body > end)
        reader->body = end;
    *end = 0;
    char *body = reader->body + strspn(reader->body, "\r\n");
    size_t n = strlen(body);
    while (n && strchr("\r\n \t", body[n - 1]))
        body[--n] = 0;
    reader->open->body = body;
    if (n && template_check(body, &why))
        return;
    note(reader, reader->line,
         n ? arena_printf(reader->arena, "template %s: %s; template left out", reader->open->name, why)
           : "a template has a body; template left out");
    reader->book->n--;
}

/* Takes comment lines and carriage returns out: *out never passes the line's end. */
static void keep_line(char **out, const char *line, bool is_last)
{
    size_t n = strlen(line);
    if (*line == '#')
        return;
    if (n && line[n - 1] == '\r')
        n--;
    memmove(*out, line, n);
    *out += n;
    if (!is_last)
        *(*out)++ = '\n';
}

void template_book_parse(struct template_book *book, struct arena *arena, const char *path, char *text,
                         template_note_fn note_line, void *context)
{
    struct reader reader = {
        .book = book, .arena = arena, .path = path, .note = note_line, .context = context};
    char *out = text;
    uint32_t number = 0;
    if (!book->items)
        book->items = arena_alloc(arena, MAX_TEMPLATES * sizeof(*book->items));
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        number++;
        if (strncmp(line, "[template", 9) != 0) {
            if (!next && !*line)
                break;
            if (reader.open && !reader.body)
                reader.body = out;
            if (reader.open)
                keep_line(&out, line, !next);
            else if (*line && *line != '#' && *line != '\r')
                note(&reader, number, "outside of a template: line ignored");
            continue;
        }
        char *head = arena_copy(arena, line, strlen(line));
        close_body(&reader, out);
        out = next ? next : line;
        begin(&reader, head, number);
    }
    close_body(&reader, out);
}

const struct template *template_book_find(const struct template_book *book, const char *name,
                                          enum language language)
{
    const struct template *any = NULL;
    for (uint32_t i = 0; i < book->n; i++) {
        const struct template *item = &book->items[i];
        if (strcmp(item->name, name) != 0)
            continue;
        if (!item->is_any && item->language == language)
            return item;
        if (item->is_any)
            any = item;
    }
    return any;
}

/* ---- the books ---- */

/* Loop thread only; read at the first message. */
static struct {
    struct arena arena;
    struct template_book book;
} shipped;

/* The file of the program that spoke last, as it stands on the disk; loop thread only. */
static struct {
    struct arena arena;
    struct template_book book;
    char path[512];
    uint32_t uid;
    struct stat status;
} own;

static const struct template_book *shipped_book(void)
{
    if (!shipped.book.n) {
        const char *text = profile_find("messages");
        template_book_parse(&shipped.book, &shipped.arena, "messages",
                            arena_copy(&shipped.arena, text, strlen(text)), NULL, NULL);
    }
    return &shipped.book;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void templates_read(const struct settings *settings, struct template_book *book, struct arena *arena,
                    template_note_fn note_line, void *context)
{
    int error;
    const char *path = settings->alerts.templates;
    *book = (struct template_book){0};
    if (!path)
        return;
    char *text = file_read_text(arena, path, settings->uid, FILE_MAX_BYTES, NULL, &error);
    if (text) {
        struct text valid = text_repaired(arena, text, strlen(text));
        template_book_parse(book, arena, path, arena_copy(arena, valid.bytes, valid.n_bytes), note_line,
                            context);
    } else if (note_line)
        note_line(context, arena_printf(arena, "OTELSHIM_TEMPLATES=\"%s\": %s; the shipped messages are used",
                                        path, strerrordesc_np(-error)));
}

static const struct template_book *own_book(const struct settings *settings)
{
    const char *path = settings->alerts.templates;
    struct stat status;
    if (stat(path, &status) != 0 || strlen(path) >= sizeof(own.path))
        return NULL;
    if (strcmp(own.path, path) != 0 || own.uid != settings->uid || !is_same_file(&own.status, &status)) {
        arena_reset(&own.arena);
        templates_read(settings, &own.book, &own.arena, NULL, NULL);
        memcpy(own.path, path, strlen(path) + 1);
        own.uid = settings->uid;
        own.status = status;
    }
    return &own.book;
}

const struct template *template_choose(const struct settings *settings, const char *name)
{
    enum language language = settings->alerts.language;
    const struct template_book *book = settings->alerts.templates ? own_book(settings) : NULL;
    const struct template *found = book ? template_book_find(book, name, language) : NULL;
    return found ? found : template_book_find(shipped_book(), name, language);
}

const char *template_render(const struct settings *settings, const char *name,
                            const struct attributes *fields, uint64_t time_unix_ns, struct arena *arena)
{
    const struct template *template = template_choose(settings, name);
    return template ? template_fill(template->body, fields, time_unix_ns, arena) : NULL;
}
