/* destinations: where alerts can go. One row per kind. Weak: unit tests of the queue have a list of their own. */
#include "outputs/alerts/destination.h"

__attribute__((weak)) const struct destination_kind *const destination_kinds[] = {&telegram_destination,
                                                                                  &webhook_destination, NULL};
