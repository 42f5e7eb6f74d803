# otelshim. `make help` lists the targets. Everything is built under build/ (BUILD=… for another place).
BUILD     ?= build
CC        ?= gcc
CFLAGS    ?= -O2 -g
PREFIX    ?= /usr/local
DESTDIR   ?=
T         ?=
N         ?= 100
CROSS     ?=
ARCH      := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
VERSION   := 0.1.0
WERROR    ?=

WARNINGS   = -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
             -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough
COMPILE    = @mkdir -p $(@D) && $(CC) -std=gnu17 -D_GNU_SOURCE -MMD -MP $(WARNINGS) -DOTELSHIM_VERSION='"$(VERSION)"' $(CPPFLAGS) $(CFLAGS)

.DEFAULT_GOAL := all
.PHONY: all deps demo test check check-loop soak bench format lint fuzz install uninstall clean help test-aarch64
all: $(BUILD)/libotelshim.so $(BUILD)/otelshim        ## build the library and the exporter

# ---- the library: code in somebody else's process -------------------------------------------------
SHIM_SOURCES  := $(wildcard shim/*.c shim/*/*.c)
SHIM_ASM      := $(wildcard shim/*_$(ARCH).S)
SHIM_OBJECTS  := $(SHIM_SOURCES:%.c=$(BUILD)/%.o) $(SHIM_ASM:%.S=$(BUILD)/%.o)
SHIM_CFLAGS    = -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions -fno-stack-protector -fno-lto \
                 -Wframe-larger-than=2048 -U_FORTIFY_SOURCE $(if $(filter aarch64,$(ARCH)),-mno-outline-atomics)
SHIM_LDFLAGS   = -Wl,-z,now,-z,defs,-z,nodelete,-Bsymbolic,--hash-style=gnu,--as-needed,--version-script=shim/versions.map \
                 -Wl,-soname,libotelshim.so
# Client libraries' headers give compiler-checked prototypes; nothing of them is linked.
SHIM_HEADERS  := $(shell pkg-config --cflags libcurl libpq hiredis 2>/dev/null)
$(BUILD)/shim/%.o: shim/%.c
	$(COMPILE) $(SHIM_CFLAGS) -iquote shim -Ishim/wire $(SHIM_HEADERS) -c $< -o $@
$(BUILD)/shim/%.o: shim/%.S
	$(COMPILE) -c $< -o $@
$(BUILD)/libotelshim.so: $(SHIM_OBJECTS) shim/versions.map
	$(CC) -shared $(SHIM_LDFLAGS) $(LDFLAGS) -o $@ $(SHIM_OBJECTS)

# ---- the exporter: sees shim/wire and nothing else of the shim --------------------------------------
EXPORTER_LIBS    := libprotobuf-c libcurl libuv libcrypto zlib inih jansson
EXPORTER_CFLAGS   = -iquote exporter -iquote symbols -Ishim/wire -I$(BUILD)/proto $(shell pkg-config --cflags $(EXPORTER_LIBS) 2>/dev/null)
EXPORTER_LDLIBS   = $(shell pkg-config --libs $(EXPORTER_LIBS) 2>/dev/null) -lpthread -lm
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
$(BUILD)/otelshim: $(EXPORTER_OBJECTS) $(PROTO_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(EXPORTER_LDLIBS)

# ---- unit tests: one program per file, linked with the objects of the side it tests --------------------
EXPORTER_TESTED := $(filter-out $(BUILD)/exporter/main.o,$(EXPORTER_OBJECTS)) $(PROTO_OBJECTS)
UNIT_EXPORTER   := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_SHIM       := $(patsubst tests/unit/shim/%.c,$(BUILD)/tests/unit/shim/%,$(wildcard tests/unit/shim/test_*.c))
SHIM_TESTED     := $(filter-out $(BUILD)/shim/instrument/% $(BUILD)/shim/lifecycle.o $(BUILD)/shim/process.o,$(SHIM_OBJECTS))
$(BUILD)/tests/unit/test_%: tests/unit/test_%.c $(EXPORTER_TESTED)
	$(COMPILE) $(EXPORTER_CFLAGS) -Itests/unit $(LDFLAGS) -o $@ $< $(EXPORTER_TESTED) $(EXPORTER_LDLIBS) -lcmocka
$(BUILD)/tests/unit/shim/test_%: tests/unit/shim/test_%.c $(SHIM_TESTED)
	$(COMPILE) -iquote shim -Ishim/wire -Itests/unit $(LDFLAGS) -o $@ $< $(SHIM_TESTED) -lcmocka -lpthread
unit: $(UNIT_EXPORTER) $(UNIT_SHIM)

# ---- the example -----------------------------------------------------------------------------------------
$(BUILD)/examples/trader: $(wildcard examples/trader/*.c examples/trader/*.h)
	@mkdir -p $(@D) && $(CC) -std=gnu17 $(WARNINGS) $(CFLAGS) $(shell pkg-config --cflags libcurl libpq hiredis) -o $@ \
	    $(filter %.c,$^) $(shell pkg-config --libs libcurl libpq hiredis) -lpthread -lm

clean:                                                ## remove build/
	rm -rf $(BUILD)
help:                                                 ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## */\1\t/p' $(MAKEFILE_LIST)
-include $(SHIM_OBJECTS:.o=.d) $(EXPORTER_OBJECTS:.o=.d)
