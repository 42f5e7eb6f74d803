/*
 * webhook_body: an alert as the JSON body of a POST: our own document, Slack's, Discord's.
 *
 * The document's fields are stable: "schema" is raised when one changes its meaning; new ones may come. README.md of this folder lists
 * them. Context: loop; pure.
 */
#ifndef OTELSHIM_WEBHOOK_BODY_H
#define OTELSHIM_WEBHOOK_BODY_H

#include "outputs/alerts/destination.h"

#define WEBHOOK_SCHEMA 1
#define SLACK_MAX_UNITS 3500u   /* 40,000 are cut by Slack; it folds what is longer than this */
#define DISCORD_MAX_UNITS 2000u /* characters, of which UTF-16 units are never fewer */

/* NUL-terminated JSON; the caller frees it. */
char *webhook_body_make(enum webhook_format format, const struct outgoing *outgoing);

#endif
