# Every target works from a clean clone. `make help` lists them.
SHELL := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/housephone
	go build $(GOFLAGS_BUILD) -o bin/housephone ./cmd/housephone

.PHONY: deps
deps: ## install what the tests need (apt), or say what is missing
	scripts/deps

.PHONY: test
test: deps ## everything that a change has to pass, with the race detector
	go vet ./...
	go test -race -timeout 20m ./...

.PHONY: test-fast
test-fast: ## unit tests alone, nothing to install
	go test -short $$(go list ./... | grep -v /e2e)

.PHONY: lint
lint: ## golangci-lint, gofmt, generated docs, shell scripts
	"$$(scripts/deps lint)" run --allow-parallel-runners ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	scripts/check-docs
	shellcheck -x .ci/run $$(git ls-files scripts packaging/'*.sh' | grep -v '\.py$$')
	for d in $$(git ls-files 'examples/*.sh' | xargs -n1 dirname | sort -u); do (cd "$$d" && shellcheck -x ./*.sh) || exit 1; done

.PHONY: docs
docs: ## write what is generated: docs/topics.md, docs/environment.md, packaging/housephone.env
	go test ./cmd/housephone -run TestGeneratedDocs -update

.PHONY: bench
bench: ## the benchmark table, beside baresip
	go run ./e2e/bench

.PHONY: bench-load
bench-load: ## how many calls at a time, 300 set-ups a second: about ten minutes
	go run ./e2e/bench -load

.PHONY: bench-check
bench-check: ## fail when a figure is more than 20 % off its target; BESIDE=REV (or tag): or worse than that revision
	go run ./e2e/bench -check $(if $(BESIDE),-beside $(BESIDE))

.PHONY: flood
flood: build ## calls and memory while strangers flood the SIP port
	go run ./e2e/flood

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10m)
	scripts/fuzz $(or $(FUZZTIME),10m)

.PHONY: fuzz-short
fuzz-short: ## a thousand inputs for every fuzz target
	scripts/fuzz 1000x

.PHONY: chaos
chaos: deps ## break everything the service depends on, at length, and print what recovery took
	CHAOS=full go test -count=1 -timeout 45m -v ./e2e/chaos

.PHONY: soak
soak: deps ## a hundred calls at a time, commands at random and broker restarts for SOAK (20m); tells what grows
	SOAK=$(or $(SOAK),20m) go test -tags soak -run TestSoak -timeout 24h -v ./e2e/soak

.PHONY: e2e-asterisk
e2e-asterisk: deps ## against Asterisk 22 in a chroot
	go test -race -tags asterisk -run TestAsterisk -timeout 20m -v ./e2e ./hw/pbx

.PHONY: e2e-sound
e2e-sound: deps ## every codec with and without encryption through PulseAudio and PipeWire
	scripts/deps sound
	go test -race -tags sound -run 'Sound|PulseAudio|PipeWire|Room|Codecs|Opus|TLS' -timeout 20m -v ./e2e ./phone/audio/device/...

.PHONY: e2e-homeassistant
e2e-homeassistant: deps ## against a real Home Assistant in a chroot, which is built first (minutes, once)
	scripts/homeassistant build
	go test -race -tags homeassistant -run TestHomeAssistant -timeout 30m -v ./e2e

.PHONY: e2e-nodered
e2e-nodered: deps ## the flows of examples/node-red in a real Node-RED, which is installed first (a minute, once)
	scripts/nodered build
	go test -race -tags nodered -run TestNodeRED -timeout 20m -v ./e2e

.PHONY: e2e-kubernetes
e2e-kubernetes: deps ## a pair at a real API server of Kubernetes (built once, some minutes)
	scripts/kubernetes apiserver >/dev/null
	go test -race -tags kubernetes -run TestKubernetes -timeout 20m -v ./e2e

.PHONY: chart
chart: ## the Helm chart: lint, recorded manifests, Kubernetes' schemas
	HELM="$$(scripts/chart helm)" KUBECTL_VALIDATE="$$(scripts/chart kubectl-validate)" go test -tags ship -run TestShipChart -timeout 20m -v ./e2e

.PHONY: image
image: ## the container image with buildah for every platform, Home Assistant's app on it, and their root file systems at work (root)
	go test -tags ship -run TestShipImage -timeout 90m -v ./e2e

.PHONY: e2e-gpio
e2e-gpio: deps ## the door's hardware on a GPIO chip of a virtual machine's kernel (root)
	go test -race -tags gpio -run TestGPIO -timeout 20m -v ./e2e

.PHONY: packages
packages: ## dist/*.deb and *.rpm, installed and started in a Debian of their own (root)
	go test -tags ship -run TestShipPackages -timeout 20m -v ./e2e

.PHONY: release
release: ## everything that is handed out, for every platform, in dist/
	scripts/release all

.PHONY: release-check
release-check: ## builds the commit twice and compares the bytes
	scripts/release check

.PHONY: security
security: ## known faults of what is linked in (govulncheck) and of our own code (gosec)
	scripts/security
