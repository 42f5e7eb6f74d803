"""otelshim.h for Python by ctypes: spans, metrics, errors, log records and trade messages, where the library is preloaded.

Without it every call does nothing. `OTELSHIM=…` or not, what the program does is the same.

  with otelshim.span("analyze_coin", coin="KRW-BTC"):
      otelshim.counter_add("orders.processed", 1, status="filled")
"""
import contextlib
import ctypes

CURRENT = 2**64 - 1
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
STATUS_OK, STATUS_ERROR = 1, 2
TRACE, DEBUG, INFO, WARN, ERROR, CRITICAL = 1, 5, 9, 13, 17, 21
COUNTER, UP_DOWN_COUNTER, GAUGE, HISTOGRAM = 1, 2, 3, 4
LINE, EVENT, REPORT, TRADE, NOTICE = 2, 3, 4, 5, 6


class _Value(ctypes.Union):
    _fields_ = [("text", ctypes.c_char_p), ("integer", ctypes.c_int64), ("number", ctypes.c_double)]


class _Attribute(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("value", _Value), ("type", ctypes.c_uint32), ("bytes", ctypes.c_uint32)]


class _Metric(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("unit", ctypes.c_char_p), ("description", ctypes.c_char_p),
                ("instrument", ctypes.c_uint32), ("is_double", ctypes.c_uint32)]


def _find():
    """The functions of the preloaded library; None without one."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "otelshim_span_begin"):
        return None
    attributes, text, span = (ctypes.POINTER(_Attribute), ctypes.c_size_t), ctypes.c_char_p, ctypes.c_uint64
    for name, result, arguments in [
            ("span_begin", span, (text, ctypes.c_int, *attributes)), ("span_end", None, (span,)),
            ("span_set", None, (span, *attributes)), ("span_status", None, (span, ctypes.c_int, text)),
            ("span_error", None, (span, text, text)), ("current", ctypes.c_int, (text, text)),
            ("server_headers", ctypes.c_int, (span, text, text)),
            ("measure_int", None, (ctypes.POINTER(_Metric), ctypes.c_int64, *attributes)),
            ("measure_double", None, (ctypes.POINTER(_Metric), ctypes.c_double, *attributes)),
            ("record", None, (ctypes.c_int, ctypes.c_int, text, text, *attributes))]:
        function = getattr(library, "otelshim_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _find()


def _bytes(text):
    return None if text is None else str(text).encode("utf-8", "replace").replace(b"\0", b" ")


def _list(values):
    """(array, length) of attributes, as the functions take them."""
    made = (_Attribute * len(values))()
    for attribute, (key, value) in zip(made, values.items()):
        attribute.key, attribute.bytes = _bytes(key), 2**32 - 1
        if isinstance(value, bool):
            attribute.type, attribute.value.integer = 5, value
        elif isinstance(value, int) and -2**63 <= value < 2**63:
            attribute.type, attribute.value.integer = 2, value
        elif isinstance(value, float):
            attribute.type, attribute.value.number = 3, value
        else:
            attribute.type, attribute.value.text = 1, _bytes(value)
    return made, len(values)


def span_begin(name, kind=INTERNAL, **attributes):
    return _library.otelshim_span_begin(_bytes(name), kind, *_list(attributes)) if _library else 0


def span_end(span):
    if _library:
        _library.otelshim_span_end(span)


def span_set(span=CURRENT, **attributes):
    if _library:
        _library.otelshim_span_set(span, *_list(attributes))


def span_error(span, error):
    if _library:
        _library.otelshim_span_error(span, _bytes(type(error).__name__), _bytes(error))


@contextlib.contextmanager
def span(name, kind=INTERNAL, **attributes):
    """A span of the block; an exception that leaves it is recorded, and goes on."""
    begun = span_begin(name, kind, **attributes)
    try:
        yield begun
    except Exception as error:
        span_error(begun, error)
        raise
    finally:
        span_end(begun)


def ids():
    """(trace id, span id) as text, empty where the thread is in no trace."""
    trace, span_id = ctypes.create_string_buffer(33), ctypes.create_string_buffer(17)
    if _library:
        _library.otelshim_current(trace, span_id)
    return trace.value.decode(), span_id.value.decode()


def server_headers(span=CURRENT, request_id=None):
    """{"X-Request-ID": …, "X-Process-Time": "12.34ms"} for the answer to a request; empty where no span of one's own is open."""
    lines = ctypes.create_string_buffer(192)
    if _library:
        _library.otelshim_server_headers(span, _bytes(request_id), lines)
    return dict(line.split(": ", 1) for line in lines.value.decode().splitlines())


def _measure(instrument, name, value, attributes, unit=None, description=None):
    if not _library:
        return
    metric = _Metric(_bytes(name), _bytes(unit), _bytes(description), instrument, 0)
    call = _library.otelshim_measure_double if isinstance(value, float) else _library.otelshim_measure_int
    call(metric, value, *_list(attributes))


def counter_add(name, value=1, **attributes):
    _measure(COUNTER, name, value, attributes)


def up_down_add(name, value, **attributes):
    _measure(UP_DOWN_COUNTER, name, value, attributes)


def gauge_set(name, value, **attributes):
    _measure(GAUGE, name, value, attributes)


def histogram_record(name, value, **attributes):
    _measure(HISTOGRAM, name, value, attributes)


def _record(kind, level, name, text, attributes):
    if _library:
        _library.otelshim_record(kind, level, _bytes(name), _bytes(text), *_list(attributes))


def log(level, text, **attributes):
    _record(LINE, level, None, text, attributes)


def event(name, **attributes):
    _record(EVENT, INFO, name, None, attributes)


def report_error(error, level=ERROR, **context):
    _record(REPORT, level, type(error).__name__, str(error), context)


def trade(template, **fields):
    _record(TRADE, INFO, template, None, fields)


def notice(text):
    _record(NOTICE, INFO, None, text, {})
