# Developer commands; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SOAK ?= 30m

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## build bin/tidemill
	go build -o bin/ ./cmd/tidemill

.PHONY: unit
unit: ## the inner loop: all tests that need no service
	go test -timeout 3m ./...

# With the tag, ./tests holds its unit tests too, so the first run leaves that folder out. Both runs
# happen even if the first fails. -p 1: the packages' services would starve each other.
.PHONY: test
test: ## all tests, then what was skipped for want of a service, and why
	@skips=$$(mktemp); trap 'rm -f "$$skips"' EXIT; export TIDEMILL_SKIPS=$$skips; status=0; \
	packages=$$(go list ./... | grep -v '^tidemill/tests') || exit 1; \
	go test -timeout 5m $$packages || status=1; \
	go test -timeout 60m -tags services -count=1 -p 1 ./tests/... || status=1; \
	(cd tests/pgquery && go test -timeout 20m ./...) || status=1; \
	if [ -s "$$skips" ]; then echo 'skipped for want of a service:'; sort -u "$$skips" | sed 's/^/  /'; fi; \
	if [ $$status = 0 ]; then echo 'make test: ok'; else echo 'make test: FAILED'; fi; \
	exit $$status

.PHONY: slt
slt: ## run the SQL scripts of one directory, showing what fails: make slt DIR=… [FOREIGN=1]
	go run ./tests/slt/cmd/tidemill-slt -v $(if $(FOREIGN),--foreign) --dir $(or $(DIR),tests/slt/testdata)

.PHONY: grammar
grammar: ## compare our SQL front with PostgreSQL's own grammar: make grammar [CORPUS=folder of .sql files]
	cd tests/pgquery && TIDEMILL_CORPUS=$(CORPUS) go test -count=1 -v ./...

.PHONY: lint
lint: ## gofmt, go vet and staticcheck
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then echo "not formatted (make fmt):"; echo "$$files"; exit 1; fi
	go vet ./...
	go vet -tags services ./...
	cd tests/pgquery && go vet ./...
	go run $(STATICCHECK) -tags services ./...

.PHONY: fmt
fmt: ## format the Go code
	gofmt -w .

.PHONY: bench
bench: ## run the Go benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: golden
golden: ## rewrite expected results under testdata to what the code now gives; review the diff
	@status=0; \
	go test -count=1 $$(grep -rl --include='*_test.go' '"github.com/cockroachdb/datadriven"' . | xargs -r dirname | sort -u) ./tests/slt -rewrite || status=1; \
	go test -count=1 -tags services -run InPostgres ./tests/badinput -rewrite || status=1; \
	exit $$status

.PHONY: soak
soak: ## run the soak tests (TestSoak*) for SOAK (30m)
	TIDEMILL_SOAK=$(SOAK) go test -tags services -count=1 -p 1 -timeout 0 -v -run '^TestSoak' ./tests/...

.PHONY: docs
docs: ## regenerate the reference pages from the registries
	go run ./cmd/docgen

.PHONY: services
services: ## install the services that tests use, ahead of time
	TIDEMILL_REQUIRE_SERVICES=1 tests/services/kafka.sh install
	tests/services/postgres.sh --install
	TIDEMILL_REQUIRE_SERVICES=1 tests/services/flights.sh
