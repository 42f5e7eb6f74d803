#include "signals/spans/redis.h"
#include "signals/spans/redact.h"

#define NAME_MAX_BYTES 32

/* ---- words ---- */

/* Of commands' options and second words: what does not come from data. Sorted. */
/* clang-format off */
static const char *const option_words[] = {
    "=", "ABSTTL", "ACKED", "AFTER", "AGGREGATE", "ALPHA", "AND", "ANDOR", "ANY", "ASC", "ASYNC", "BEFORE",
    "BIT", "BLOCK", "BY", "BYBOX", "BYLEX", "BYRADIUS", "BYSCORE", "BYTE", "CACHING", "CAT", "CH",
    "CONSUMERS", "COUNT", "CREATE", "CREATECONSUMER", "DB", "DEL", "DELCONSUMER", "DELETE", "DELREF",
    "DESC", "DESTROY", "DIFF", "DIFF1", "DOCS", "DOCTOR", "DUMP", "ENCODING", "ENTRIESREAD", "EX", "EXAT",
    "EXISTS", "FAIL", "FIELDS", "FLUSH", "FNX", "FORCE", "FREQ", "FROMLONLAT", "FROMMEMBER", "FT", "FULL",
    "FXX", "GET", "GETNAME", "GETREDIR", "GROUP", "GROUPS", "GT", "HELP", "HISTOGRAM", "HISTORY", "ID",
    "IDLE", "IDLETIME", "IDX", "INCR", "INCRBY", "INFO", "JUSTID", "KEEPREF", "KEEPTTL", "KEYSLOT", "KILL",
    "KM", "LASTID", "LATEST", "LCS", "LEFT", "LEN", "LIMIT", "LIST", "LOAD", "LT", "M", "MALLOC-STATS",
    "MATCH", "MAX", "MAXLEN", "MI", "MIN", "MINID", "MINMATCHLEN", "MKSTREAM", "NO-EVICT", "NO-TOUCH",
    "NOACK", "NODES", "NOMKSTREAM", "NOSAVE", "NOT", "NOVALUES", "NUMPAT", "NUMSUB", "NX", "ONE", "OR",
    "OVERFLOW", "PAUSE", "PERSIST", "PURGE", "PX", "PXAT", "REFCOUNT", "REPLACE", "REPLY", "RESET",
    "RESETSTAT", "RESTORE", "RETRYCOUNT", "REV", "REWRITE", "RIGHT", "SAMPLES", "SAT", "SCHEDULE", "SET",
    "SETID", "SETINFO", "SETNAME", "SHARDCHANNELS", "SHARDNUMSUB", "SHARDS", "SLOTS", "STATS", "STORE",
    "STOREDIST", "STREAM", "STREAMS", "SUM", "SYNC", "TIME", "TRACKING", "TYPE", "UNBLOCK", "UNPAUSE",
    "USAGE", "WEIGHTS", "WITHCODE", "WITHCOORD", "WITHCOUNT", "WITHDIST", "WITHHASH", "WITHMATCHLEN",
    "WITHSCORE", "WITHSCORES", "WITHVALUES", "WRAP", "XOR", "XX", "~",
};
/* clang-format on */

static const struct command {
    const char *name, *pattern;
} commands[] = {
#define COMMAND(name, pattern) {name, pattern},
#include "signals/spans/redis_commands.h"
#undef COMMAND
};

static uint8_t to_upper(char letter)
{
    return (uint8_t)(letter >= 'a' && letter <= 'z' ? letter - 0x20 : letter);
}

/* Upper case against a NUL-terminated word in upper case; like memcmp(). */
static int compare(const struct redis_argument *arg, const char *word)
{
    for (uint32_t i = 0; i < arg->n_bytes; i++) {
        int difference = (int)to_upper(arg->bytes[i]) - (int)(uint8_t)word[i];
        if (difference || !word[i])
            return difference ? difference : 1;
    }
    return word[arg->n_bytes] ? -1 : 0;
}

static bool is_word(const struct redis_argument *arg, const char *word)
{
    return !arg->cut && compare(arg, word) == 0;
}

static bool is_option(const struct redis_argument *arg)
{
    size_t low = 0, high = sizeof option_words / sizeof *option_words;
    if (arg->cut || arg->n_bytes > NAME_MAX_BYTES)
        return false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int difference = compare(arg, option_words[middle]);
        if (difference == 0)
            return true;
        if (difference < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* A command that is not known hides everything behind its name. */
static const char *find_pattern(const struct redis_argument *name)
{
    size_t low = 0, high = sizeof commands / sizeof *commands;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int difference = compare(name, commands[middle].name);
        if (difference == 0)
            return commands[middle].pattern;
        if (difference < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return "(v)";
}

bool redis_operation(const struct redis_argument *args, uint32_t n, struct redis_argument *ret_operation)
{
    if (n == 0 || args[0].cut || args[0].n_bytes == 0 || args[0].n_bytes > NAME_MAX_BYTES)
        return false;
    for (uint32_t i = 0; i < args[0].n_bytes; i++) {
        uint8_t byte = to_upper(args[0].bytes[i]);
        bool is_letter = (byte >= 'A' && byte <= 'Z') || byte == '_';
        bool is_inner = (byte >= '0' && byte <= '9') || byte == '.' || byte == '-';
        if (!is_letter && (i == 0 || !is_inner))
            return false;
    }
    *ret_operation = args[0];
    return true;
}

bool redis_procedure(const struct redis_argument *args, uint32_t n, struct redis_argument *ret_procedure)
{
    static const char *const callers[] = {"EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"};
    if (n < 2 || args[1].cut || !args[1].n_bytes)
        return false;
    for (size_t i = 0; i < sizeof callers / sizeof *callers; i++)
        if (is_word(&args[0], callers[i])) {
            *ret_procedure = args[1];
            return true;
        }
    return false;
}

/* ---- output ---- */

/* As redis-cli would have to be given it: quoted where it must be. A bare `?` is ours, so a key `?` is quoted. */
static bool needs_quotes(const struct redis_argument *arg)
{
    if (arg->n_bytes == 0 || (arg->n_bytes == 1 && *arg->bytes == '?'))
        return true;
    for (uint32_t i = 0; i < arg->n_bytes;) {
        uint8_t byte = (uint8_t)arg->bytes[i];
        if (byte <= ' ' || byte == 0x7f || byte == '"' || byte == '\'')
            return true;
        size_t length = redact_utf8_length(arg->bytes + i, arg->n_bytes - i);
        if (length == 0)
            return true;
        i += (uint32_t)length;
    }
    return false;
}

static void put_escaped(struct redact_writer *writer, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef", names[] = "\n\r\t\a\b\"\\", letters[] = "nrtab\"\\";
    const char *name = byte ? strchr(names, byte) : NULL;
    char escape[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    if (name)
        escape[1] = letters[name - names];
    redact_put(writer, escape, name ? 2 : 4);
}

static void put_quoted(struct redact_writer *writer, const struct redis_argument *arg)
{
    for (uint32_t i = 0; i < arg->n_bytes && !writer->is_full;) {
        uint8_t byte = (uint8_t)arg->bytes[i];
        size_t length = redact_utf8_length(arg->bytes + i, arg->n_bytes - i);
        bool is_plain = length && byte >= ' ' && byte != 0x7f && byte != '"' && byte != '\\';
        if (is_plain)
            redact_put(writer, arg->bytes + i, length);
        else
            put_escaped(writer, byte);
        i += is_plain ? (uint32_t)length : 1;
    }
}

static void put_kept(struct redact_writer *writer, const struct redis_argument *arg)
{
    struct redis_argument whole = *arg;
    if (arg->cut)
        whole.n_bytes = (uint32_t)redact_cut(whole.bytes, whole.n_bytes);
    bool is_quoted = needs_quotes(&whole);
    if (is_quoted) {
        redact_put_char(writer, '"');
        put_quoted(writer, &whole);
    } else {
        redact_put(writer, whole.bytes, whole.n_bytes);
    }
    if (arg->cut)
        redact_put_text(writer, REDACT_MARK);
    if (is_quoted)
        redact_put_char(writer, '"');
}

/* ---- the walk over a command's arguments ---- */

struct walk {
    struct redact_writer writer;
    const struct redis_argument *args;
    uint32_t i, n, n_total;
};

static bool has_more(const struct walk *walk)
{
    return walk->i < walk->n && !walk->writer.is_full;
}

static const struct redis_argument *this_one(const struct walk *walk)
{
    return &walk->args[walk->i];
}

static void keep(struct walk *walk)
{
    if (!has_more(walk))
        return;
    redact_put_char(&walk->writer, ' ');
    put_kept(&walk->writer, this_one(walk));
    walk->i++;
}

static void hide(struct walk *walk)
{
    if (!has_more(walk))
        return;
    redact_put_text(&walk->writer, " ?");
    walk->i++;
}

static void keep_option(struct walk *walk)
{
    if (has_more(walk) && is_option(this_one(walk)))
        keep(walk);
    else
        hide(walk);
}

static void hide_rest(struct walk *walk)
{
    while (has_more(walk))
        hide(walk);
}

/* A number, then as many keys. What is not a number that can be right hides the rest. */
static void keep_counted(struct walk *walk)
{
    if (!has_more(walk))
        return;
    const struct redis_argument *arg = this_one(walk);
    uint32_t count = 0;
    bool is_number = !arg->cut && arg->n_bytes > 0 && arg->n_bytes <= 6;
    for (uint32_t i = 0; is_number && i < arg->n_bytes; i++) {
        is_number = arg->bytes[i] >= '0' && arg->bytes[i] <= '9';
        count = count * 10 + (uint32_t)(arg->bytes[i] - '0');
    }
    if (!is_number || count > walk->n_total - walk->i - 1) {
        hide_rest(walk);
        return;
    }
    keep(walk);
    while (count-- > 0 && has_more(walk))
        keep(walk);
}

static void keep_keys_but_last(struct walk *walk)
{
    while (has_more(walk) && walk->i + 1 < walk->n_total)
        keep(walk);
    hide(walk);
}

/* Options up to and with `word`. */
static void keep_options_until(struct walk *walk, const char *word)
{
    bool is_there = false;
    while (has_more(walk) && !is_there) {
        is_there = is_word(this_one(walk), word);
        keep_option(walk);
    }
}

static void keep_streams(struct walk *walk)
{
    keep_options_until(walk, "STREAMS");
    uint32_t n_keys = (walk->n_total - walk->i) / 2;
    while (n_keys-- > 0 && has_more(walk))
        keep(walk);
    hide_rest(walk);
}

/* XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value … */
static void keep_stream_entry(struct walk *walk)
{
    while (has_more(walk) && is_option(this_one(walk))) {
        bool has_value = is_word(this_one(walk), "MAXLEN") || is_word(this_one(walk), "MINID");
        bool has_limit = is_word(this_one(walk), "LIMIT");
        keep(walk);
        if (has_value && has_more(walk) && (is_word(this_one(walk), "=") || is_word(this_one(walk), "~")))
            keep(walk);
        if (has_value || has_limit)
            hide(walk);
    }
    if (has_more(walk) && is_word(this_one(walk), "*"))
        keep(walk);
    else
        hide(walk);
    while (has_more(walk)) {
        keep(walk);
        hide(walk);
    }
}

static void follow_letter(struct walk *walk, char letter)
{
    switch (letter) {
    case 'k':
        keep(walk);
        break;
    case 'o':
        keep_option(walk);
        break;
    case '#':
        keep_counted(walk);
        break;
    case 'K':
        keep_keys_but_last(walk);
        break;
    case 'S':
        keep_streams(walk);
        break;
    case 'X':
        keep_stream_entry(walk);
        break;
    case 'F':
        keep_options_until(walk, "FIELDS");
        keep_counted(walk);
        break;
    default:
        hide(walk);
    }
}

size_t redis_redact(const struct redis_argument *args, uint32_t n, uint32_t n_total, char *out, size_t max)
{
    struct walk walk = {.args = args, .n = n, .n_total = n_total > n ? n_total : n};
    struct redis_argument name;
    const char *pattern = "(v)";
    redact_begin(&walk.writer, out, max);
    if (redis_operation(args, n, &name)) {
        pattern = find_pattern(&name);
        redact_put(&walk.writer, name.bytes, name.n_bytes);
    } else if (n) {
        redact_put_char(&walk.writer, '?');
    }
    walk.i = 1;
    for (const char *group = NULL; has_more(&walk) && *pattern; pattern++) {
        if (*pattern == '(')
            group = pattern;
        else if (*pattern == ')')
            pattern = group;
        else
            follow_letter(&walk, *pattern);
    }
    hide_rest(&walk);
    if (n < n_total && n)
        redact_put_char(&walk.writer, ' ');
    return redact_end(&walk.writer, n < n_total);
}
