/* version: which otelshim this is, and which mapped files it understands. */
#include "cli/command.h"

#include <stdio.h>
#include <wire.h>

const char command_version_help[] =
    "usage: otelshim version [-o json]\n"
    "\n"
    "Prints the version of otelshim and of the files through which programs hand it their records.\n"
    "\n"
    "  -o, --output text|json   json: {\"schema\":1,\"version\":TEXT,\"wire_version\":NUMBER}\n";

int command_version(int argc, char **argv)
{
    bool is_json;
    int status = command_parse_only_format(argc, argv, STATUS_USAGE, &is_json);
    if (status != OPTIONS_FINE)
        return status;
    if (is_json)
        printf("{\"schema\":1,\"version\":\"%s\",\"wire_version\":%u}\n", OTELSHIM_VERSION, WIRE_VERSION);
    else
        printf("otelshim %s (wire %u)\n", OTELSHIM_VERSION, WIRE_VERSION);
    return 0;
}
