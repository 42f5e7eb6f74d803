/*
 * aliases: names of settings that older set-ups use, for programs whose environment nobody wants to change.
 *
 * Included by shim/settings.c (copied into the header area like the settings; the switches act there), by
 * exporter/settings/load.c and the documentation. To add one: add a row; first rows win. In every origin (environment,
 * .env, file) the standard name is asked first, then its aliases; an alias in the environment wins over a
 * standard name in a file.
 *
 * ALIAS_VALUE(NAME, SETTING)       the same value as SETTING
 * ALIAS_ENABLED(NAME)              false, 0, no, off: as OTEL_SDK_DISABLED=true
 * ALIAS_ATTRIBUTE(NAME, "key")     attribute of the resource, unless OTEL_RESOURCE_ATTRIBUTES has it
 * ALIAS_INSECURE(NAME)             false: an endpoint without a scheme means https://
 */
ALIAS_VALUE(OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT)
ALIAS_VALUE(SIGNOZ_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT)
ALIAS_VALUE(SERVICE_NAME, OTEL_SERVICE_NAME)
ALIAS_ENABLED(TELEMETRY_ENABLED)
ALIAS_ENABLED(OTEL_ENABLED)
ALIAS_ENABLED(SIGNOZ_ENABLED)
ALIAS_ATTRIBUTE(OTEL_SERVICE_VERSION, "service.version")
ALIAS_ATTRIBUTE(OTEL_ENVIRONMENT, "deployment.environment.name")
ALIAS_ATTRIBUTE(OTEL_ENVIRONMENT, "deployment.environment")
ALIAS_ATTRIBUTE(ENVIRONMENT, "deployment.environment.name")
ALIAS_ATTRIBUTE(ENVIRONMENT, "deployment.environment")
ALIAS_INSECURE(OTEL_EXPORTER_OTLP_INSECURE)
ALIAS_INSECURE(OTEL_INSECURE)
ALIAS_INSECURE(SIGNOZ_INSECURE)
