/*
 * attributes: every kind of fact a record can carry. One row per kind.
 *
 * Included by shim/facts.h (numbers), exporter/telemetry/attribute.h (numbers, types, names) and the documentation
 * (all columns). To add one: append a row with the next free number; numbers are never reused (a test freezes
 * them). Names of attributes come from the OpenTelemetry semantic conventions 1.44; a name that begins with "~" is
 * raw material from which the exporter makes attributes, events or status. `always` facts are kept when the span
 * is not sampled, because metrics need them.
 *
 * ATTRIBUTE(number, NAME, TYPE, always|sampled, "attribute name", "what it is")
 */
ATTRIBUTE(1, URL_FULL, STRING, always, "url.full", "URL as the program gave it, raw: the exporter redacts")
ATTRIBUTE(2, HTTP_REQUEST_METHOD, STRING, always, "http.request.method", "method as it goes on the wire")
ATTRIBUTE(3, HTTP_RESPONSE_STATUS_CODE, INT, always, "http.response.status_code", "0 is never recorded")
ATTRIBUTE(4, HTTP_VERSION, INT, always, "~http_version", "CURL_HTTP_VERSION_…: 1 1.0, 2 1.1, 3 2, 30 3")
ATTRIBUTE(5, NETWORK_PEER_ADDRESS, STRING, sampled, "network.peer.address", "IP address or socket path of the peer")
ATTRIBUTE(6, NETWORK_PEER_PORT, INT, sampled, "network.peer.port", "")
ATTRIBUTE(7, HTTP_REQUEST_BODY_BYTES, INT, sampled, "http.request.body.size", "")
ATTRIBUTE(8, HTTP_RESPONSE_BODY_BYTES, INT, sampled, "http.response.body.size", "as received, compressed or not")
ATTRIBUTE(9, HTTP_REDIRECT_COUNT, INT, sampled, "~redirect_count", "hops hidden in one call")
ATTRIBUTE(10, HTTP_NAMELOOKUP_US, INT, sampled, "~http_namelookup_us", "phase end, from the start, microseconds")
ATTRIBUTE(11, HTTP_CONNECT_US, INT, sampled, "~http_connect_us", "")
ATTRIBUTE(12, HTTP_APPCONNECT_US, INT, sampled, "~http_appconnect_us", "TLS done; 0 without TLS")
ATTRIBUTE(13, HTTP_PRETRANSFER_US, INT, sampled, "~http_pretransfer_us", "request is about to be sent")
ATTRIBUTE(14, HTTP_STARTTRANSFER_US, INT, sampled, "~http_starttransfer_us", "first byte of the answer")
ATTRIBUTE(15, HTTP_TOTAL_US, INT, sampled, "~http_total_us", "")
ATTRIBUTE(16, HTTP_NEW_CONNECTIONS, INT, sampled, "~http_new_connections", "0: the connection was reused")
ATTRIBUTE(17, EFFECTIVE_URL, STRING, sampled, "~effective_url", "last hop, when redirected; raw")
ATTRIBUTE(18, URL_SCHEME, STRING, always, "url.scheme", "scheme the library settled on, when the URL has none")
ATTRIBUTE(19, USER_AGENT_ORIGINAL, STRING, sampled, "user_agent.original", "where OTELSHIM_USER_AGENT asks for it")
ATTRIBUTE(20, DB_QUERY_TEXT, STRING, sampled, "db.query.text", "statement, raw: the exporter redacts")
ATTRIBUTE(21, DB_PARAMETER_COUNT, INT, sampled, "~db_parameter_count", "bind parameters sent apart from the text")
ATTRIBUTE(22, DB_STATEMENT_NAME, STRING, sampled, "~db_statement_name", "name of a prepared statement")
ATTRIBUTE(23, DB_RETURNED_ROWS, INT, always, "db.response.returned_rows", "")
ATTRIBUTE(24, DB_RESPONSE_STATUS_CODE, STRING, always, "db.response.status_code", "SQLSTATE")
ATTRIBUTE(25, DB_NAMESPACE, STRING, always, "db.namespace", "database name")
ATTRIBUTE(26, DB_USER, STRING, sampled, "~db_user", "role of the connection")
ATTRIBUTE(27, DB_COMMAND_FORMAT, STRING, always, "~db_command_format", "hiredis format; its arguments follow")
ATTRIBUTE(28, DB_COMMAND_ARGUMENT, BYTES, always, "~db_command_argument", "one argument each, in order, raw; INT and DOUBLE too")
ATTRIBUTE(29, DB_ERROR_REPLY, STRING, always, "~db_error_reply", "text of the server's error reply, raw")
ATTRIBUTE(30, DB_DATABASE_INDEX, INT, always, "~db_database_index", "Redis SELECT")
ATTRIBUTE(31, DB_COMMAND_COUNT, INT, sampled, "~db_command_count", "arguments the command had, when not all are here")
ATTRIBUTE(32, DB_AFFECTED_ROWS, INT, sampled, "~db_affected_rows", "")
ATTRIBUTE(33, DB_BATCH_SIZE, INT, sampled, "db.operation.batch.size", "operations submitted together, 2 or more")
ATTRIBUTE(34, DB_OPERATION_NAME, STRING, always, "db.operation.name", "of a call that has no statement: what the library calls it")
ATTRIBUTE(35, DB_SEARCH_PATH, STRING, always, "~db_search_path", "raw: its first schema goes into db.namespace")
ATTRIBUTE(36, DB_FUNCTION_OID, INT, sampled, "otelshim.db.function_oid", "function called by PQfn")
ATTRIBUTE(40, SERVER_ADDRESS, STRING, always, "server.address", "host as the program named it, or socket path")
ATTRIBUTE(41, SERVER_PORT, INT, always, "server.port", "")
ATTRIBUTE(50, ERROR_CODE, INT, always, "~error_code", "the library's own error number (CURLcode, redisContext.err)")
ATTRIBUTE(51, ERROR_MESSAGE, STRING, sampled, "~error_message", "the library's words; may hold host names, never a password")
ATTRIBUTE(52, ERROR_ERRNO, INT, sampled, "~error_errno", "errno behind the failure")
ATTRIBUTE(60, HTTP_REQUEST_HEADER, STRING, sampled, "~http_request_header", "\"Name: value\" of an allowed header, raw; a list")
ATTRIBUTE(61, HTTP_RESPONSE_HEADER, STRING, sampled, "~http_response_header", "likewise")
