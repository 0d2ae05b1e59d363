# Everything that a contributor does. `make test` needs nothing but Go: it
# installs the servers and the browser that the tests start when they are missing.

GO            ?= go
GOLANGCI      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME      ?= 10s
BENCH         ?=
ROUNDS        ?= 200
CHAOS         ?=

export CGO_ENABLED = 0

.PHONY: help demo build test race lint fmt bench chaos fuzz fuzz-api e2e screenshots vuln vendor-js tools check-deploy reference

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' Makefile

demo: ## start the product with a demo identity provider and sample apps
	$(GO) run ./cmd/broker demo

build: ## the binary, as it is released
	$(GO) build -trimpath -ldflags='-s -w' -o broker ./cmd/broker

tools: ## install what the tests need and the machine lacks
	@scripts/install-tools

test: tools ## every test, on real servers, with what it needs installed
	$(GO) vet ./...
	$(GO) test -timeout 15m ./...

race: tools ## the same under the race detector, which needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -short -timeout 30m ./...

lint: ## static checks: .golangci.yml says which
	$(GO) run $(GOLANGCI) run ./...

fmt: ## format as the linters expect
	$(GO) run $(GOLANGCI) fmt ./...

screenshots: tools ## the pictures of the README, into docs/images
	@mkdir -p docs/images
	GATEHOUSE_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count=1 -run TestTheReadmeShows ./integration

e2e: tools ## the whole product in a browser and with independent clients
	$(GO) test -count=1 -timeout 15m ./integration/...

bench: ## costs beside raw cryptography and a bare server; BENCH=name runs a part, BENCH=lists big lists, BENCH=scim many people
	$(GO) run ./integration/bench$(if $(filter lists scim,$(BENCH)),/$(BENCH), -run '$(BENCH)' -out bench.json)

chaos: tools ## kill a broker ROUNDS times on each engine, and every other fault under load; CHAOS=names runs parts
	$(GO) run ./integration/chaos -rounds $(ROUNDS) -run '$(CHAOS)'

fuzz: ## each fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

fuzz-api: ## the management API of a real broker from its OpenAPI document (Schemathesis, from PyPI)
	@scripts/fuzz-api

vuln: ## known vulnerabilities in what we depend on; an unreachable database is unknown
	@scripts/vuln $(GOVULNCHECK)

vendor-js: ## fetch the scripts of others that pages use, by their written sums
	@scripts/vendor-js

check-deploy: ## what is in deploy/, with the tools of those who run it
	@scripts/check-deploy

reference: ## write docs/reference from the product itself
	$(GO) run ./integration/reference -out docs/reference
