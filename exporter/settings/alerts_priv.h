/* alerts_priv: what the files that understand the settings of alerts share. */
#ifndef OTELSHIM_SETTINGS_ALERTS_PRIV_H
#define OTELSHIM_SETTINGS_ALERTS_PRIV_H

#include "settings/settings_priv.h"

/* Without the blanks around it, in place. */
void alert_text_strip(const char **text, size_t *bytes);
/* Digits, and where `also` is not NULL letters and its characters; not empty. */
bool alert_text_is_made_of(const char *text, size_t bytes, const char *also);

/* NULL: there is none that may be used. `uid`: the program's. */
const char *alert_token_understand(struct settings *settings, uint32_t uid);

#endif
