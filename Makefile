# The front door: everything that can be done with this repository, one word each.
#
# Tests run the program as it is shipped, so `make test` builds the release first.

SWIFT ?= swift
RELEASE = .build/release/kluis
# Builds of their own, so that they and the plain build do not undo one another.
TSAN_BUILD = .build/tsan
FUZZ_BUILD = .build/fuzz
ENGINE_TESTS = WorkersTests|StoresTests|TiersTests|BackupsTests|RestoresTests|FileRestoresTests|CopiesTests|MaintenanceTests
# How many random histories `make soak` lives through.
HISTORIES ?= 50000
# How many changed disks `make fuzz` has each reader read, each of them whole.
DISKS ?= 1000000

.DEFAULT_GOAL := help
.PHONY: help build demo test soak fuzz check lint bench tsan completions guest packages \
  test-packages clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: packages ## Build the program: .build/release/kluis
	$(SWIFT) build -c release --static-swift-stdlib --product kluis -Xswiftc -use-ld=lld

demo: build ## Watch a real disk being backed up, changed, verified and restored
	.ci/demo $(RELEASE)

test: build test-packages guest ## Run every test
	KLUIS_BINARY=$(abspath $(RELEASE)) .ci/run-tests $(SWIFT) test

soak: test-packages ## Simulate many random histories of faults (an hour; HISTORIES=50000)
	KLUIS_SIMULATION_HISTORIES=$(HISTORIES) $(SWIFT) test --filter SimulationTests

fuzz: test-packages ## Read many changed disks with every reader (half an hour; DISKS=1000000)
	KLUIS_FUZZ_READS=$(DISKS) $(SWIFT) test -c release -Xswiftc -enable-testing \
	  --scratch-path $(FUZZ_BUILD) --filter 'Fuzz|DamagedDiskTests'

check: build test-packages ## Run the quick tests only, in about a minute
	KLUIS_BINARY=$(abspath $(RELEASE)) .ci/run-tests $(SWIFT) test --skip 'KillTests|DamageTests|SystemTests|SimulationTests'

lint: packages ## Check the style and the rules of the house
	$(SWIFT) format lint --strict -r Sources Tests Benchmarks/Sources/MicroBenchmarks \
	  Package.swift Benchmarks/Package.swift
	$(SWIFT) test --filter TidyTests

bench: build ## Measure against restic, borg and casync (an hour, 60 GB of disk)
	$(SWIFT) run -c release --package-path Benchmarks MicroBenchmarks
	Benchmarks/make-images
	Benchmarks/compare
	Benchmarks/copies
	Benchmarks/files
	Benchmarks/machines

tsan: test-packages ## Look for data races in the engine
	TSAN_OPTIONS=suppressions=$(CURDIR)/.ci/tsan-suppressions $(SWIFT) test --sanitize=thread \
	  --scratch-path $(TSAN_BUILD) --filter '$(ENGINE_TESTS)'

completions: build ## Make completion scripts for bash, zsh and fish
	@mkdir -p .build/completions
	$(RELEASE) --generate-completion-script bash >.build/completions/kluis.bash
	$(RELEASE) --generate-completion-script zsh >.build/completions/_kluis
	$(RELEASE) --generate-completion-script fish >.build/completions/kluis.fish
	@echo "made in .build/completions; to have them for all users, as root:"
	@echo "  install -Dm644 .build/completions/kluis.bash /usr/share/bash-completion/completions/kluis"
	@echo "  install -Dm644 .build/completions/_kluis /usr/share/zsh/vendor-completions/_kluis"
	@echo "  install -Dm644 .build/completions/kluis.fish /usr/share/fish/vendor_completions.d/kluis.fish"

# What some tests look for: without it they are skipped.
guest:
	-@.ci/debian-guest --fetch

packages:
	@.ci/install-packages

test-packages:
	@.ci/install-packages tests

clean: ## Remove everything that was built
	rm -rf .build
