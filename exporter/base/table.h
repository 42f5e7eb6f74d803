/*
 * table: uthash as the exporter uses it; the one place that includes it.
 * Its default hash falls through switch labels, a warning with clang. Context: loop.
 */
#ifndef OTELSHIM_EXPORTER_TABLE_H
#define OTELSHIM_EXPORTER_TABLE_H

#define HASH_FUNCTION HASH_SAX
#include <uthash.h>

#endif
