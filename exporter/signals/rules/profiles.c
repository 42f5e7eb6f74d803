/* profiles: see profiles.h. The assembler takes the files as they are; the Makefile knows that it does. */
#include "signals/rules/profiles.h"

#include <string.h>

#define PROFILE(name)                                                 \
    __asm__(".pushsection .rodata\n"                                  \
            "profile_" #name ":\n"                                    \
            ".incbin \"exporter/signals/rules/profiles/" #name "\"\n" \
            ".byte 0\n"                                               \
            ".popsection\n");                                         \
    extern const char profile_##name[] __attribute__((visibility("hidden")))

PROFILE(api);
PROFILE(messages);
PROFILE(upbit);

const char profile_names[] = "api, upbit";

const char *profile_find(const char *name)
{
    static const struct {
        const char *name, *text;
    } profiles[] = {{"api", profile_api}, {"messages", profile_messages}, {"upbit", profile_upbit}};
    for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
        if (strcmp(profiles[i].name, name) == 0)
            return profiles[i].text;
    return NULL;
}
