/* destinations: where alerts can go. One row per kind. */
#include "outputs/alerts/destination.h"

const struct destination_kind *const destination_kinds[] = {&telegram_destination, &webhook_destination,
                                                            NULL};
