# otelshim. `make help` lists the targets. Everything is built under build/ (BUILD=… for another place).
BUILD     ?= build
ifeq ($(origin CC),default)
CC        := gcc
endif
CFLAGS    ?= -O2 -g
PREFIX    ?= /usr/local
DESTDIR   ?=
T         ?=
N         ?= 100
ARCH      := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
VERSION   := 0.1.0
WERROR    ?=

WARNINGS   = -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
             -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough
COMPILE    = @mkdir -p $(@D) && $(CC) -std=gnu17 -D_GNU_SOURCE -MMD -MP $(WARNINGS) -DOTELSHIM_VERSION='"$(VERSION)"' $(CPPFLAGS) $(CFLAGS)

.DEFAULT_GOAL := all
.PHONY: all unit fuzzers traced tidy objects deps demo test check check-loop soak bench format lint fuzz install uninstall clean \
        help test-aarch64 test-programs test-suites torture
all: $(BUILD)/libotelshim.so $(BUILD)/otelshim        ## build the library and the exporter

# ---- the library: code in somebody else's process -------------------------------------------------
# What runs at every start lies in front, then what every span needs, then a library's own: the kernel maps 64 KiB around each page
# that is touched, and few such pieces, and few pages of data, are touched then (shim/README.md, layout.ld).
START_SOURCES := $(wildcard $(addprefix shim/,settings.c text.c start.c dropbox*.c admission.c thread.c real_libc.c real_scope.c real_patch.c \
                 real_elf.c loader.c process.c instrument/stdio.c crash/altstack*.c crash/sharing.c crash/onstack.c crash/entry.c crash/crash.c crash/disposition*.c lifecycle.c))
SPAN_SOURCES  := $(addprefix shim/,real.c connection.c facts.c literal.c count.c clock.c episode.c sampler.c span.c record.c buffer.c operation.c \
                 operation_text.c propagate.c)
SHIM_SOURCES  := $(START_SOURCES) $(SPAN_SOURCES) $(wildcard $(addprefix shim/instrument/,hiredis*.c libpq*.c curl*.c))
SHIM_SOURCES  += $(filter-out $(SHIM_SOURCES),$(wildcard shim/*/*.c shim/*.c))
SHIM_ASM      := $(wildcard shim/*_$(ARCH).S shim/*/*_$(ARCH).S)
SHIM_OBJECTS  := $(SHIM_SOURCES:%.c=$(BUILD)/%.o) $(SHIM_ASM:%.S=$(BUILD)/%.o)
# No vectors of two flags: their constant is a miss in .rodata.
SHIM_CFLAGS    = -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions -fno-stack-protector -fno-lto -fno-plt \
                 -Wframe-larger-than=2048 -U_FORTIFY_SOURCE $(if $(filter aarch64,$(ARCH)),-mno-outline-atomics) \
                 -fno-tree-slp-vectorize
# No C run-time files: they would write a page and have four symbols looked up at each start and exit. One segment less or two: a
# mapping costs a program that is loaded into two microseconds.
SHIM_LDFLAGS   = -nostartfiles -Wl,-z,now,-z,defs,-z,nodelete,-Bsymbolic,--hash-style=gnu,--as-needed,--version-script=shim/versions.map \
                 -Wl,-soname,libotelshim.so $(if $(findstring GNU ld ,$(LINKER)),-Wl$(COMMA)-z$(COMMA)noseparate-code -Wl$(COMMA)-T$(COMMA)shim/layout.ld)
LINKER         = $(shell $(CC) $(LDFLAGS) -Wl,--version 2>/dev/null) # with another, gold or lld, a start costs more
COMMA         := ,
# Client libraries' headers give compiler-checked prototypes; nothing of them is linked.
SHIM_INCLUDES := -iquote shim -Ishim/wire $(shell pkg-config --cflags libcurl libpq hiredis 2>/dev/null)
# What the crash handler runs: no call that the compiler makes up, no vector register, no instrumentation (shim/crash/README.md).
FREESTANDING   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(addprefix shim/crash/,entry*.c memory.c modules.c disposition.c sharing.c onstack.c altstack.c thrown.c)))
$(FREESTANDING): SHIM_CFLAGS += -ffreestanding -mgeneral-regs-only -fno-sanitize=all -fstack-usage -O2 \
                 $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)
$(BUILD)/shim/%.o: shim/%.c
	$(COMPILE) $(SHIM_CFLAGS) $(SHIM_INCLUDES) -c $< -o $@
$(BUILD)/shim/%.o: shim/%.S
	$(COMPILE) -c $< -o $@
$(BUILD)/libotelshim.so: $(SHIM_OBJECTS) shim/versions.map shim/layout.ld
	$(CC) -shared $(SHIM_LDFLAGS) $(LDFLAGS) -o $@ $(SHIM_OBJECTS)

# ---- the exporter: sees shim/wire and nothing else of the shim --------------------------------------
EXPORTER_LIBS    := libprotobuf-c libcurl libuv libcrypto libisal libdw libelf jansson hiredis
EXPORTER_CFLAGS  := -iquote exporter -iquote symbols -Ishim/wire -I$(BUILD)/proto $(shell pkg-config --cflags $(EXPORTER_LIBS) 2>/dev/null)
EXPORTER_LDLIBS  := $(shell pkg-config --libs $(EXPORTER_LIBS) 2>/dev/null) -lpthread -lm
PROTOS           := $(wildcard exporter/outputs/otlp/proto/*.proto)
PROTO_OBJECTS    := $(PROTOS:exporter/outputs/otlp/proto/%.proto=$(BUILD)/proto/%.pb-c.o)
EXPORTER_SOURCES := $(wildcard exporter/*.c exporter/*/*.c exporter/*/*/*.c symbols/*.c)
EXPORTER_OBJECTS := $(EXPORTER_SOURCES:%.c=$(BUILD)/%.o)
$(BUILD)/proto/%.pb-c.c: exporter/outputs/otlp/proto/%.proto
	@mkdir -p $(@D) && protoc-c --proto_path=exporter/outputs/otlp/proto --c_out=$(BUILD)/proto $<
$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c
	@mkdir -p $(@D) && $(CC) -std=gnu17 -MMD -MP $(CFLAGS) -I$(BUILD)/proto -c $< -o $@
$(EXPORTER_OBJECTS): | $(PROTO_OBJECTS:.o=.c)
$(BUILD)/exporter/%.o: exporter/%.c
	$(COMPILE) $(EXPORTER_CFLAGS) -c $< -o $@
$(BUILD)/exporter/signals/rules/profiles.o: $(wildcard exporter/signals/rules/profiles/*)
$(BUILD)/symbols/%.o: symbols/%.c
	$(COMPILE) $(EXPORTER_CFLAGS) -c $< -o $@
$(BUILD)/otelshim: $(EXPORTER_OBJECTS) $(PROTO_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(EXPORTER_LDLIBS)

# ---- unit tests: one program per file, linked with the objects of the side it tests --------------------
EXPORTER_TESTED := $(filter-out $(BUILD)/exporter/main.o,$(EXPORTER_OBJECTS)) $(PROTO_OBJECTS)
SHIM_TESTED     := $(filter-out $(BUILD)/shim/instrument/% $(patsubst %,$(BUILD)/shim/%.o,lifecycle process loader real_$(ARCH)),$(SHIM_OBJECTS)) \
                   $(patsubst shim/%.c,$(BUILD)/shim/%.o,$(wildcard shim/instrument/*_format.c) shim/instrument/curl_body.c shim/instrument/curl_url.c)
UNIT_TESTS      := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/unit/shim/test_*.c))
FUZZERS         := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_MAIN       ?= tests/fuzz/replay.c
$(BUILD)/tests/unit/test_%: tests/unit/test_%.c $(EXPORTER_TESTED)
	$(COMPILE) $(EXPORTER_CFLAGS) $(LDFLAGS) -o $@ $< $(EXPORTER_TESTED) $(EXPORTER_LDLIBS) -lcmocka -lz
$(BUILD)/tests/unit/shim/test_%: tests/unit/shim/test_%.c tests/unit/shim/stubs.c $(SHIM_TESTED)
	$(COMPILE) -iquote shim -Ishim/wire $(LDFLAGS) -o $@ tests/unit/shim/stubs.c $< $(SHIM_TESTED) -lcmocka -lpthread
$(BUILD)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_MAIN) $(EXPORTER_TESTED)
	$(COMPILE) $(EXPORTER_CFLAGS) -Wno-missing-prototypes $(LDFLAGS) -o $@ $(FUZZ_MAIN) $< $(EXPORTER_TESTED) $(EXPORTER_LDLIBS)
unit: $(UNIT_TESTS)
fuzzers: $(FUZZERS)

# ---- programs that are traced: the example, tests/integration/<library>/<case>.c, random/<library>/ ---
CLIENT_FLAGS = -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(shell pkg-config --cflags libcurl libpq hiredis)
CLIENT_LIBS  = $(shell pkg-config --libs libcurl libpq hiredis) -lpthread -ldl -lm
RANDOM      := tests/integration/random
DISPOSITION := tests/integration/crash/disposition
TRACED      := $(patsubst %.c,$(BUILD)/%,$(filter-out $(RANDOM)/%,$(wildcard tests/integration/*/*.c))) \
               $(patsubst %/world.c,$(BUILD)/%,$(wildcard $(RANDOM)/*/world.c)) $(BUILD)/$(DISPOSITION)
$(BUILD)/examples/trader: $(wildcard examples/trader/*.c examples/trader/*.h)
	@mkdir -p $(@D) && $(CC) $(CLIENT_FLAGS) -o $@ $(filter %.c,$^) $(CLIENT_LIBS)
$(BUILD)/tests/integration/%: tests/integration/%.c
	@mkdir -p $(@D) && $(CC) $(CLIENT_FLAGS) -o $@ $< $(CLIENT_LIBS)
$(BUILD)/$(RANDOM)/%: $(wildcard $(RANDOM)/*.[ch] $(RANDOM)/*/*.[ch])
	@mkdir -p $(@D) && $(CC) $(CLIENT_FLAGS) -o $@ $(RANDOM)/random.c $(wildcard $(RANDOM)/$*/*.c) $(CLIENT_LIBS)
$(BUILD)/$(DISPOSITION): $(wildcard $(DISPOSITION)/*.[ch])
	@mkdir -p $(@D) && $(CC) $(CLIENT_FLAGS) -o $@ $(filter %.c,$^) $(CLIENT_LIBS)
$(BUILD)/tests/integration/hiredis/async_libevent: CLIENT_LIBS += -levent
$(BUILD)/tests/integration/crash/slot: CLIENT_FLAGS += -Ishim/wire
$(BUILD)/tests/integration/api/% $(BUILD)/tests/integration/alerts/%: CLIENT_FLAGS += -Ishim
$(BUILD)/tests/integration/crash/deeds: CLIENT_FLAGS += -O0
traced: $(TRACED) $(BUILD)/examples/trader

# ---- clang-tidy: a stamp per source, made again when its object was (which knows the headers) ------------
TIDY = $(patsubst %.c,$(BUILD)/tidy/%.ok,$(SHIM_SOURCES) $(EXPORTER_SOURCES))
$(BUILD)/tidy/%.ok: $(BUILD)/%.o .clang-tidy
	@mkdir -p $(@D) && clang-tidy-14 --quiet $*.c -- -std=gnu17 -D_GNU_SOURCE -DOTELSHIM_VERSION='"$(VERSION)"' \
	    $(if $(filter shim/%,$*),$(SHIM_INCLUDES),$(EXPORTER_CFLAGS)) 2>/dev/null && touch $@
tidy: $(TIDY)
objects: $(SHIM_OBJECTS) $(EXPORTER_OBJECTS)

# ---- what people call -----------------------------------------------------------------------------------
deps:                                                 ## install the Debian packages that are missing
	@tests/deps
demo:                                                 ## set up and show an unchanged program's traces
	@tests/deps --until demo && $(MAKE) -s all $(BUILD)/examples/trader && BUILD=$(BUILD) tests/demo
test:                                                 ## build and run every test; one test or group: T=hiredis/
	@tests/deps --until test && $(MAKE) -s BUILD=$(BUILD) all unit fuzzers traced && BUILD=$(BUILD) tests/run $(T)
check: deps                                           ## format, lint, static analysis, sanitizers, gates
	@BUILD=$(BUILD) tests/check $(T)
check-loop: deps                                      ## one test until it fails: T=… N=100
	@$(MAKE) -s all unit traced && for i in $$(seq $(N)); do BUILD=$(BUILD) tests/run $(T) >$(BUILD)/loop.log 2>&1 || \
	    { cat $(BUILD)/loop.log; echo "failed in round $$i"; exit 1; }; done; echo "$(N) rounds passed"
soak: deps                                            ## the hand-over's proof in full: kills, threads, orderings
	@$(MAKE) -s all && BUILD=$(BUILD) tests/soak/run && BUILD=$(BUILD) tests/integration/robust/robust.sh --full && \
	    BUILD=$(BUILD) tests/integration/faults/faults.sh --full && \
	    BUILD=$(BUILD) tests/integration/random/random.sh --full && \
	    BUILD=$(BUILD) tests/integration/reach/reach.sh --full short && \
	    BUILD=$(BUILD) tests/torture/torture.sh --full --rounds 10 --within 5400
torture: deps                                         ## programs that die in every way; T=NUMBER/ or a name
	@$(MAKE) -s BUILD=$(BUILD) all && BUILD=$(BUILD) tests/torture/torture.sh $(T)
test-programs:                                        ## real programs nobody here wrote, as a table
	@tests/deps --until programs && $(MAKE) -s BUILD=$(BUILD) all && BUILD=$(BUILD) $$(tests/venv) tests/programs/matrix.py $(T)
test-suites:                                          ## the libraries' own tests, without and with the shim
	@tests/deps --until suites && $(MAKE) -s BUILD=$(BUILD) all && BUILD=$(BUILD) $$(tests/venv) tests/suites/suites.py $(T)
test-aarch64:                                         ## cross-build and run under qemu-user
	@BUILD=$(BUILD) tests/aarch64
bench: deps                                           ## what it costs, beside the targets
	@$(MAKE) -s all traced && BUILD=$(BUILD) tests/bench/run
fuzz: deps                                            ## run every fuzzer for N seconds (default 100)
	@$(MAKE) -s BUILD=$(BUILD)/fuzz CC=clang-14 FUZZ_MAIN= CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined' \
	    LDFLAGS='-fsanitize=fuzzer,address,undefined' fuzzers && N=$(N) BUILD=$(BUILD) tests/fuzz/run
format:                                               ## clang-format every source
	@git ls-files '*.c' '*.h' | grep -vE '^shim/wire/(attributes|settings|drops|aliases)\.h$$' | xargs clang-format-14 -i
lint: all                                             ## include rules, exports, undefined symbols, tables
	@BUILD=$(BUILD) tests/check lint
install: all                                          ## PREFIX=/usr/local DESTDIR=
	install -D -m 755 $(BUILD)/otelshim $(DESTDIR)$(PREFIX)/bin/otelshim
	install -D -m 755 $(BUILD)/libotelshim.so $(DESTDIR)$(PREFIX)/lib/libotelshim.so.new
	mv -f $(DESTDIR)$(PREFIX)/lib/libotelshim.so.new $(DESTDIR)$(PREFIX)/lib/libotelshim.so # half a library is a SIGBUS in who starts just then
	install -D -m 644 shim/otelshim.h $(DESTDIR)$(PREFIX)/include/otelshim.h
	$(if $(DESTDIR),,ldconfig)
uninstall:                                            ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/otelshim $(DESTDIR)$(PREFIX)/lib/libotelshim.so $(DESTDIR)$(PREFIX)/include/otelshim.h
	$(if $(DESTDIR),,ldconfig)
clean:                                                ## remove build/
	rm -rf $(BUILD)
help:                                                 ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## */\1\t/p' $(MAKEFILE_LIST)
-include $(SHIM_OBJECTS:.o=.d) $(EXPORTER_OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(FUZZERS:=.d)
