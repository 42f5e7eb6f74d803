/*
 * formats: THE list of lines that are understood: name, severity (0: the level that stands in it), pattern. The first that fits counts.
 *
 *   %t date and time, or time     %l a level, any case     %L a level in capitals     %c I, W, E or F     %p a priority of syslog
 *   %n a word, up to what follows in the pattern          %x the same, with blanks    %d digits
 *   %m what is said: the rest     %r the rest is a line of a row below, without a date
 *   a blank: one or more; anything else: itself
 *
 * JSON and key=value are not here: line_json.c, line_logfmt.c. Included by lines.c. A new row: here, with a sample of a real program in
 * tests/unit/test_lines.c.
 */
/* clang-format off */
/* what a program says when it fails, whatever it logs with */
FORMAT("python_traceback", 17, "Traceback (most recent call last):%m")
FORMAT("rust_panic",       17, "thread '%x' panicked at %m")
FORMAT("rust_panic",       17, "thread '%x' (%d) panicked at %m")
FORMAT("go_panic",         21, "panic: %m")
FORMAT("go_fatal",         21, "fatal error: %m")
FORMAT("java_uncaught",    17, "Exception in thread %m")
FORMAT("cpp_terminate",    21, "terminate called %m")
/* sd-daemon(3), glog, absl, klog */
FORMAT("sd_daemon",        0, "<%p>%m")
FORMAT("glog",             0, "%c%d %t %d %n:%d] %m")
/* begin with a date */
FORMAT("python",           0, "%t - %n - %l - %m")
FORMAT("loguru",           0, "%t | %l | %n - %m")
FORMAT("loguru",           0, "%t | %l | %m")
FORMAT("nlog",             0, "%t|%l|%n|%m")
FORMAT("spring",           0, "%t %l %d --- [%x] %n : %m")
FORMAT("log4j",            0, "%t %l [%x] %n - %m")
FORMAT("log4j",            0, "%t %l [%x] %m")
FORMAT("logback",          0, "%t [%x] %l %n - %m")
FORMAT("logback",          0, "%t [%x] %l %n -- %m")
FORMAT("logback",          0, "%t [%x] %l %m")
FORMAT("nginx",            0, "%t [%l] %d#%d: %m")
FORMAT("structlog",        0, "%t [%l] %m")
FORMAT("postgresql",       0, "%t [%d] %L: %m")
FORMAT("postgresql",       0, "%t [%d] %n %L: %m")
FORMAT("log4c",            0, "%t %L %n- %m")
FORMAT("dated",            0, "%t - %l - %m")
FORMAT("dated",            0, "%t %l: %m")
FORMAT("dated",            0, "%t %L %m")
FORMAT("dated",            0, "%t %r")
FORMAT("celery",           0, "[%t: %l/%n] %m")
FORMAT("spdlog",           0, "[%t] [%n] [%l] %m")
FORMAT("spdlog",           0, "[%t] [%l] %m")
FORMAT("apache",           0, "[%t] [%n:%l] [%x] %m")
FORMAT("env_logger",       0, "[%t %l %n] %m")
FORMAT("serilog",          0, "[%t %l] %m")
FORMAT("dated",            0, "[%t] %r")
/* without a date */
FORMAT("brackets",         0, "[%l] %m")
FORMAT("env_logger",       0, "[%l %n] %m")
FORMAT("python_basic",     0, "%L:%n:%m")
FORMAT("postgresql",       0, "%L: %m")
FORMAT("log4c",            0, "%L %n - %m")
FORMAT("plain",            0, "%L - %m")
FORMAT("plain",            0, "%L %m")
FORMAT("plain",            0, "%l: %m")
FORMAT("tool",             0, "%n: %l: %m")
/* clang-format on */
