# Everything that a person or a machine does with this repository.
#   make demo     the demonstration world at http://localhost:8080
#   make test     all tests, on a real PostgreSQL and a real browser
#   make lint     everything that a tool can check
SHELL         := /bin/bash
.SHELLFLAGS   := -eu -o pipefail -c
GO            ?= go
LINT_VERSION  := 2.15.0
GOBIN         := $(or $(shell $(GO) env GOBIN),$(shell $(GO) env GOPATH)/bin)
LINT          := $(GOBIN)/golangci-lint
# Packages whose tests also run under the race detector: where goroutines share something. The rest would double the time
# of a run for nothing.
RACE          := ./internal/db/... ./internal/jobs/... ./tenants/... ./internal/egress/... ./courses/badge
TESTPG        := $(GO) run ./internal/db/dbtest/testpg

.PHONY: demo build test race lint bench oracle mutants isolation generate format clean tools

demo: build
	./bin/learnscape demo

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/learnscape ./cmd/learnscape

# Tests need PostgreSQL's server programs and a Chromium. They are installed where that is allowed, and named where it is not.
test: tools
	$(TESTPG) $(GO) test -timeout 40m $(TESTFLAGS) ./...

race: tools
	CGO_ENABLED=1 $(TESTPG) $(GO) test -race -timeout 9m $(RACE)
	CGO_ENABLED=1 $(TESTPG) $(GO) test -race -timeout 9m -run '^TestReadsAfterTheEnd$$' ./internal/oracle

tools:
	@./.ci/tools

# The isolation oracle alone and whole, with what it counted: checks, share of allowed outcomes, mutants killed. In `make test` it asks
# less over HTTP and leaves the mutants of the code out.
oracle: tools
	LEARNSCAPE_ORACLE=whole $(TESTPG) $(GO) test -count 1 -timeout 30m -v ./internal/oracle 2>&1 | grep -v -e '^=== ' -e '^    --- PASS' -e ' INFO ' -e ' WARN '

# Breaks the walls on purpose, one hole at a time, in the database and in the code above it: a line for each, killed or survived.
mutants: tools
	LEARNSCAPE_ORACLE=whole $(TESTPG) $(GO) test -count 1 -timeout 30m -v -run '^(TestMutants|TestGoMutants)$$' ./internal/oracle 2>&1 | .ci/isolation mutants

# Asks the whole oracle, the mutants too, and writes what it counted into docs/isolation.md.
isolation: tools
	LEARNSCAPE_ORACLE=whole $(TESTPG) $(GO) test -count 1 -timeout 30m -v ./internal/oracle 2>&1 | .ci/isolation page docs/isolation.md

lint: $(LINT)-$(LINT_VERSION)
	$(GO) vet ./...
	$(LINT) run ./...
	LEARNSCAPE_LINT=$(LINT) $(GO) test -count 1 -run TestLint ./internal/arch
	./.ci/templ

# Installs the pinned linter once; the marker names the version.
$(LINT)-$(LINT_VERSION):
	@if ! $(LINT) version 2>/dev/null | grep -q 'version $(LINT_VERSION) '; then \
		echo "installing golangci-lint $(LINT_VERSION) into $(GOBIN); this takes minutes once"; \
		GOBIN=$(GOBIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION); \
	fi
	@touch $@

format: $(LINT)-$(LINT_VERSION)
	$(LINT) fmt ./...

generate:
	$(GO) tool templ generate
	$(GO) generate ./...
	{ sed -n "1,5p" docs/configuration.md; $(GO) run ./cmd/learnscape config; } > docs/configuration.tmp && mv docs/configuration.tmp docs/configuration.md

bench: build
	$(GO) run ./cmd/bench

clean:
	rm -rf bin data tmp
