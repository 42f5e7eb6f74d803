/*
 * url_template: which of the user's path templates a path is one of: /v1/orders/{id} for /v1/orders/17.
 *
 * Context: loop. Pure; linear in list and path.
 */
#ifndef OTELSHIM_URL_TEMPLATE_H
#define OTELSHIM_URL_TEMPLATE_H

#include "telemetry/attribute.h"

/*
 * The first template of the comma list that matches: segment by segment, with case; {…} matches one that is not empty. What
 * is written of a template is low in cardinality, whatever the path. False: none. *ret_template points into `list`.
 */
bool url_template_find(const char *list, struct text path, struct text *ret_template);

#endif
