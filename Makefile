# The front door: everything that can be done with this repository, one word each.
#
# Tests run the program as it is shipped, so `make test` builds the release first.

SWIFT ?= swift
RELEASE = .build/release/kluis
# A build of its own, so that the sanitizer and the plain build do not undo one another.
TSAN_BUILD = .build/tsan
ENGINE_TESTS = WorkersTests|StoresTests|TiersTests|BackupsTests|RestoresTests|CopiesTests|MaintenanceTests
# How many random histories `make soak` lives through.
HISTORIES ?= 50000

.DEFAULT_GOAL := help
.PHONY: help build demo test soak check lint bench tsan completions guest packages clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: packages ## Build the program: .build/release/kluis
	$(SWIFT) build -c release --static-swift-stdlib --product kluis -Xswiftc -use-ld=lld

demo: build ## Watch a real disk being backed up, changed, verified and restored
	.ci/demo $(RELEASE)

test: build guest ## Run every test
	KLUIS_BINARY=$(abspath $(RELEASE)) .ci/run-tests $(SWIFT) test

soak: packages ## Simulate many random histories of faults (an hour; HISTORIES=50000)
	KLUIS_SIMULATION_HISTORIES=$(HISTORIES) $(SWIFT) test --filter SimulationTests

check: build ## Run the quick tests only, in about a minute
	KLUIS_BINARY=$(abspath $(RELEASE)) .ci/run-tests $(SWIFT) test --skip 'KillTests|DamageTests|SystemTests|SimulationTests'

lint: packages ## Check the style and the rules of the house
	$(SWIFT) format lint --strict -r Sources Tests Package.swift
	$(SWIFT) test --filter TidyTests

bench: build ## Measure against restic, borg and casync (an hour, 60 GB of disk)
	Benchmarks/make-images
	Benchmarks/compare
	Benchmarks/copies
	Benchmarks/files
	Benchmarks/machines

tsan: packages ## Look for data races in the engine
	TSAN_OPTIONS=suppressions=$(CURDIR)/.ci/tsan-suppressions $(SWIFT) test --sanitize=thread \
	  --scratch-path $(TSAN_BUILD) --filter '$(ENGINE_TESTS)'

completions: build ## Make completion scripts for bash, zsh and fish
	@mkdir -p .build/completions
	$(RELEASE) --generate-completion-script bash >.build/completions/kluis.bash
	$(RELEASE) --generate-completion-script zsh >.build/completions/_kluis
	$(RELEASE) --generate-completion-script fish >.build/completions/kluis.fish

# What some tests look for: without it they are skipped.
guest:
	-@.ci/debian-guest --fetch

packages:
	@.ci/install-packages

clean: ## Remove everything that was built
	rm -rf .build
