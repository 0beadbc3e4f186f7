# SPDX-License-Identifier: Apache-2.0
#
# A thin front for meson. Each target first sees to what it needs (tools/setup.sh: apt, as root).
#
#   make              build                      make demo         the whole job, on a virtual node
#   make test         all tests (minutes)        make test-long    with sanitizers, valgrind, mutants
#   make install      PREFIX=/usr/local DESTDIR=   make uninstall  takes the same away again
#   make setup        all packages, also those of test-long and fuzz
#   make fuzz TARGET=state SECONDS=600   AFL++ on one target of tests/fuzz
#   make format       clang-format               make clean, make distclean (downloads, too)

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
# make demo RUNTIME=process: without containers. make test T="'unit sim'": only these.
RUNTIME ?=
T ?=
TARGET ?= state
SECONDS ?= 600

# Sees to the packages of these groups. What has come new must be looked for by meson again.
need = @tools/setup.sh -n $(1) >/dev/null || { tools/setup.sh $(1) && \
	if [ -f $(BUILD)/build.ninja ]; then meson setup --reconfigure $(BUILD) >/dev/null; fi; }

all: configured
	@ninja -C $(BUILD) $(NINJAFLAGS)

configured:
	$(call need,build)
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX)

setup:
	@tools/setup.sh

# Without root or podman the demo goes on with plain processes; the set-up has said what to type.
demo: all
	@tools/setup.sh engine $(if $(filter process,$(RUNTIME)),,container) || true
	@TRANCHE_BUILD=$(abspath $(BUILD)) RUNTIME=$(RUNTIME) demo/demo.py

test: configured
	$(call need,build engine container test)
	@tools/run_tests.py $(BUILD) --no-suite long $(T)

test-long: configured
	$(call need,build engine container test long)
	@tools/test_long.py $(BUILD) $(T)

fuzz: configured
	$(call need,build long fuzz)
	@tools/fuzz.py $(BUILD) $(TARGET) $(SECONDS)

install: configured
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@ninja -C $(BUILD) $(NINJAFLAGS)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir=$(abspath $(DESTDIR)))

uninstall:
	@tools/uninstall.py $(BUILD) $(DESTDIR)

format:
	$(call need,test)
	git ls-files '*.c' '*.h' | xargs clang-format -i

# What was downloaded and the models stay: they are slow to make and never stale.
clean:
	rm -rf $(BUILD)-*
	@if [ -f $(BUILD)/build.ninja ]; then \
		find $(BUILD) -mindepth 1 -maxdepth 1 ! -name engine ! -name models -exec rm -rf {} +; fi

distclean:
	rm -rf $(BUILD) $(BUILD)-*

.PHONY: all configured setup demo test test-long fuzz install uninstall format clean distclean
