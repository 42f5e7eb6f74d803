/* statement: any statement, with a number of its own; names of prepared ones. */
#include "world.h"
#include <stdio.h>

void statement_choose(struct world *w, char *text, size_t bytes)
{
    int n = ++w->base.n_serial;
    static const char *const forms[][2] = {
        {"SELECT ", ""},
        {"SELECT ", "/0"},
        {"SELEC ", ""},
        {"INSERT INTO t VALUES (", ")"},
        {"INSERT INTO t SELECT generate_series(1,", ")"},
        {"SELECT n FROM t WHERE n > ", ""},
        {"SELECT ", "; SELECT 5"},
        {"SELECT 5; SELECT ", "/0; SELECT 6"},
        {"SELECT generate_series(1,", ")"},
        {"BEGIN /* ", " */"},
        {"COMMIT /* ", " */"},
        {"ROLLBACK /* ", " */"},
        {"SET search_path TO public, w", ""},
        {"DO $$ BEGIN RAISE NOTICE 'number ", "'; END $$"},
        {"SELECT '", "', 'it''s text -- no comment'"},
    };
    const char *const *form = forms[roll(&w->base, sizeof(forms) / sizeof(forms[0]))];
    snprintf(text, bytes, "%s%d%s", form[0], n, form[1]);
}

const char *statement_name(uint32_t i)
{
    static const char *const names[N_NAMES] = {"p0", "p1", "p2", "p3"};
    return names[i];
}

void statement_choose_prepared(struct world *w, char *text)
{
    int n = ++w->base.n_serial;
    snprintf(text, TAG_BYTES - 8, "%s%d", one_in(&w->base, 6) ? "SELEC $1, " : "SELECT $1::int * ", n);
}

const char *statement_tag(const struct conn *conn, uint32_t i)
{
    return conn->texts[i][0] ? conn->texts[i] : "(unknown)";
}
