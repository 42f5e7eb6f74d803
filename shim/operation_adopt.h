/*
 * operation_adopt: a span that began as a call's and goes on as a handle's business: a COPY whose data come after the
 * call.
 *
 * Context: hot, async-signal-safe.
 */
#ifndef OTELSHIM_OPERATION_ADOPT_H
#define OTELSHIM_OPERATION_ADOPT_H

#include "operation.h"

/*
 * Opens an operation on `connection` (not NULL) that is the span: its ids, parent, begin and kind. The span is gone then,
 * without a record. Of its facts the connection's are there; the others are to be appended again to *ret_facts, which
 * has less room. NULL: nothing was done, and the span is to be ended.
 */
struct operation *operation_adopt(struct span *span, struct connection *connection, struct facts *ret_facts);

#endif
