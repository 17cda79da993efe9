# Money Bank. `make` alone explains the targets; the two that matter are `make up` and `make test`.
# Longer recipes are in scripts/. Every native artefact but a release is built with one profile, so that
# wasmtime is built once (Cargo.toml, [profile.native], [profile.dist]). For the same reason `bank` is never named
# together with other packages: cargo would unite their features, and build wasmtime again.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:3000
REDIS_URL ?=
STORE ?=
SEED ?= 1
SEEDS ?= 1000
OPS ?= 10000
ROUNDS ?= 50
SECONDS_PER_RUN ?= 2
SECONDS ?= 60
SPIN ?= build/spin/spin
# As it was given: make would take the dollar signs of a password for its own.
override REDIS_URL := $(value REDIS_URL)
# What `bank --version` names; empty where there is no repository, as in an image's build, which is told.
BANK_COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
ifneq ($(BANK_COMMIT),)
export BANK_COMMIT
endif
export LISTEN REDIS_URL STORE SPIN

NATIVE := --locked --profile native
DIST := --locked --profile dist
WASM := --locked --release --target wasm32-wasip2
COMPONENTS := $(notdir $(wildcard components/*))
CRATES := $(notdir $(wildcard crates/*))
SUITES := $(basename $(notdir $(wildcard tests/tests/*.rs)))
NOT_BEFORE_SPIN := manifest packed_size counter_limit

##@ Run

.PHONY: up
up: build ## Build the bank and run it on LISTEN (127.0.0.1:3000); REDIS_URL=redis://… keeps its state there (STORE=kv: by Spin's own store)
	@scripts/up

.PHONY: demo
demo: build redis-server ## Three banks, a Redis Cluster of two, load, and a page with buttons that break them and move a slot: see that no money is lost
	cargo build $(NATIVE) --package tests --bin demo --bin coingecko
	@exec target/native/demo

.PHONY: build
build: wasm ## Build the components and `bank`
	cargo build $(NATIVE) --package bank

.PHONY: wasm
wasm: toolchain ## Build the components alone
	cargo build $(WASM) $(addprefix --package ,$(COMPONENTS))

##@ Prove

.PHONY: test
test: build redis-server api-tools ## Everything: unit tests, the contract on SQLite and on three banks on one Redis, a browser
	@scripts/need openssl openssl
	cargo build $(WASM) --package store-contract --package bank-guest
	cargo test $(NATIVE) $(addprefix --package ,$(CRATES) $(COMPONENTS))
	cargo test $(NATIVE) --package bank
	cargo build $(NATIVE) --package tests --all-targets
	scripts/beside "test-browser test-issuer" cargo run $(NATIVE) --package tests --bin prove

.PHONY: test-all
test-all: lint lint-delivery lint-supply checkov coverage test test-sim-more test-suites-more test-dist test-failovers test-backup test-k8s test-k8s-more test-node test-node-more test-observe test-observe-more test-compose test-images test-cloud test-release test-reproducible ## Every suite and linter; nightly.yml runs more: torture, mutants, fuzz, the long simulation, the newest Spin, bench, advisories

.PHONY: test-sim-more
test-sim-more: ## Every planted bug that a small case can show is found in one; about five minutes
	cargo test $(NATIVE) --package sim --test planted -- --ignored

.PHONY: test-suites-more
test-suites-more: tools redis-server ## The suites that hardly use the store, on three banks on one Redis; about three minutes
	target/native/prove --only redis --suite convert --suite rates_odd --suite rates_outage --suite wire

.PHONY: test-dist
test-dist: release-bank tools redis-server ## The suites against `bank` as it is released, on SQLite and on Redis
	target/native/prove --bank target/dist/bank --only sqlite --only redis

.PHONY: test-failovers
test-failovers: tools redis-server ## All suites on a Redis Cluster; its masters and those behind Sentinel killed ten times under load; about seven minutes
	target/native/prove --only cluster --only failover --failovers 10

.PHONY: test-backup
test-backup: tools redis-server ## Exports under load from each kind of store into each other; Redis' disk lost; SQLite to Redis to a cluster under load; S3
	@scripts/need-python-tools build/cloud/moto cloud/tests/moto.txt
	target/native/prove --only backup --only drills

.PHONY: test-k8s-more
test-k8s-more: build k8s-tools ## What takes long to build: the chart behind Traefik and under Helm 3
	k8s/tests/behind-traefik 'Helm3|Traefik' helm3 traefik

.PHONY: test-browser
test-browser: build redis-server ## The dashboard in Debian's Chromium, before two banks on one Redis; pictures in build/screenshots
	@scripts/need chromium chromium
	@scripts/need npm npm
	@scripts/need jq jq
	@scripts/need curl curl
	@scripts/need python3 python3
	cargo build $(NATIVE) --package tests --all-targets
	cd tests/browser && npm ci --no-audit --no-fund
	cd tests/issuer && npm ci --no-audit --no-fund
	node --test --test-concurrency=1 tests/browser/*.test.js

.PHONY: observability
observability: ## Generate the monitoring (Collector, rules, dashboards) from observability/, for the chart and compose.yaml
	@scripts/need-go
	cd observability && go run . ..

.PHONY: observe
observe: build redis-server prometheus observe-tools ## Run three banks, traffic and their monitoring on this machine: a page of plots, and Prometheus' own page
	cargo build $(NATIVE) --package tests --bin coingecko
	cd k8s/tests && go test -tags stay -count=1 -timeout 0 -run TestStayOpen -v ./observe

.PHONY: test-observe
test-observe: build redis-server prometheus observe-tools ## Monitor three banks for a day, with what the chart renders: each alert fires for its fault, and ends after it
	cargo build $(NATIVE) --package tests --bin coingecko
	cd observability && test -z "$$(gofmt -l .)" && go vet ./... && go test -count=1 ./...
	cd k8s/tests && go test -count=1 -short -run '^Test(ADayIsSeen|EachRelease|Strangers)' -timeout 20m ./observe
	@cat build/observe/alerts.md

.PHONY: test-observe-more
test-observe-more: build redis-server prometheus observe-tools k8s-tools jaeger kube-state-metrics cert-manager ## The same, with longer tests: a deposit in Jaeger, budgets that burn slowly, a full disk, a control plane's objects, certificates; as root
	@scripts/need prometheus-blackbox-exporter prometheus-blackbox-exporter
	@scripts/need nginx nginx-light
	@scripts/need etcd etcd-server
	@scripts/need openssl openssl
	cargo build $(NATIVE) --package tests --bin coingecko
	cd k8s/tests && go test -count=1 -v -timeout 60m ./observe
	@cat build/observe/alerts.md

.PHONY: test-issuer
test-issuer: build redis-server ## Tokens of a real issuer, oidc-provider: every algorithm, keys that change under load, an issuer that is dead or lies
	@scripts/need npm npm
	cargo build $(NATIVE) --package tests --bins
	cd tests/issuer && npm ci --no-audit --no-fund
	node --test --test-concurrency=2 tests/issuer/*.test.js

.PHONY: test-api
test-api: build api-tools ## Hold the published document to OpenAPI, and every answer to the document; SEED (1)
	cargo build $(NATIVE) --package tests --bins
	target/native/prove --only api --seed $(SEED)

.PHONY: sim
sim: ## Simulate SEEDS (1000) runs of OPS (10000) operations on stores that lie
	cargo run $(NATIVE) --package sim -- --seeds $(SEEDS) --ops $(OPS)

.PHONY: coverage
coverage: ## Which lines of the crates their own tests reach; fails below 95 %
	@scripts/need-cargo-tool cargo-llvm-cov 0.9.1
	@scripts/coverage 95 ledger store api

.PHONY: mutants
mutants: ## Plant bugs in ledger and store one by one; each must fail a test (docs/mutants.md)
	@scripts/need-cargo-tool cargo-mutants 27.1.0
	nice build/tools/bin/cargo-mutants mutants --package ledger --package store --caught

.PHONY: fuzz
fuzz: ## Look for inputs that break a parser, with libFuzzer, SECONDS (60) for each target (fuzz.rs); their corpora are in make test
	@scripts/fuzz $(SECONDS)

.PHONY: newest-spin
newest-spin: ## Get the newest release of Spin into build/spin, which asks GitHub
	@scripts/get-spin newest

.PHONY: release-spin
release-spin: ## Get the release of Spin that release/spin.sha256 names into build/spin: a release is pushed with it
	@scripts/get-spin

.PHONY: test-spin
test-spin: tools redis-server ## Every suite before SPIN (build/spin/spin) instead of `bank`, on SQLite and on Redis
	target/native/prove --bank "$(SPIN)" --only sqlite --only redis $(addprefix --suite ,$(filter-out $(NOT_BEFORE_SPIN),$(SUITES)))
	@# It leaves counters behind that are full.
	target/native/prove --bank "$(SPIN)" --only sqlite --only redis --suite counter_limit

.PHONY: torture
torture: tools redis-server ## Kill a bank ROUNDS (50) times under load, on SQLite and on Redis; nothing may be lost or doubled
	target/native/prove --only torture --rounds $(ROUNDS)

.PHONY: outage-figures
outage-figures: tools redis-server ## Take Redis away for 18 s under 32 clients: figures, and docs/outages.svg
	target/native/figures outage

.PHONY: tools
tools: build
	cargo build $(WASM) --package store-contract
	cargo build $(NATIVE) --package tests --bins

.PHONY: lint
lint: toolchain ## Formatting and clippy, warnings as errors; the links of all pages; the glossary
	@scripts/need python3 python3
	scripts/pages
	scripts/words
	cargo fmt --all --check
	cargo clippy $(NATIVE) --workspace --all-targets -- --deny warnings
	cargo fmt --manifest-path bench/Cargo.toml --all --check
	cargo clippy --locked --manifest-path bench/Cargo.toml --target-dir build/bench --workspace --all-targets -- --deny warnings

##@ Kubernetes

.PHONY: chart
chart: k8s-tools redis-server ## Render k8s/manifests from the chart, and check the chart
	k8s/render
	cd k8s/tests && go test -count=1 ./chart

.PHONY: checkov
checkov: k8s-tools ## Run checkov on the manifests; the exceptions are in k8s/chart/README.md
	k8s/checkov

.PHONY: images
images: build ## Build both images as OCI layouts in build/images, without an engine
	@k8s/images/layouts

.PHONY: images-all
images-all: build cross ## The same for amd64 and arm64: build/images/bank is an index of both
	@k8s/images/layouts amd64 arm64

.PHONY: cross
cross: toolchain ## Build `bank` for arm64 (on arm64: for amd64); 18 minutes of processor time the first time
	@scripts/cross

.PHONY: test-k8s
test-k8s: build redis-server k8s-tools images ## Everything of k8s/: the chart on a real control plane, its Redis and bank, nginx
	@scripts/need etcd etcd-server
	@scripts/need nginx nginx-light
	@scripts/need openssl openssl
	@scripts/need curl curl
	cargo build $(NATIVE) --package tests --all-targets
	cd k8s/tests && test -z "$$(gofmt -l .)" && go vet ./...
	cd k8s/tests && go test -count=1 -p 1 -timeout 15m $$(go list ./... | grep -v -e /cluster$$ -e /local$$ -e /observe$$)
	@# These two wait most of the time, and share nothing.
	cd k8s/tests && go test -count=1 -p 2 -timeout 20m ./cluster ./local

.PHONY: test-node
test-node: tools redis-server images ## The chart on a real node, as root: install, all suites, a rollout and a kill under load; needs cgroups
	cargo build $(NATIVE) --package tests --all-targets
	k8s/tests/on-a-node TheBankOnANode

.PHONY: test-node-more
test-node-more: tools redis-server images ## More on that node: releases that come and go, rollouts, kills and deletions under load, backups, the lines of docs/start.md
	cargo build $(NATIVE) --package tests --all-targets
	k8s/tests/on-a-node MoreOnANode

.PHONY: lint-cloud
lint-cloud: cloud-tools ## cloud/: format, tflint, checkov; each environment is planned without an account, planted mistakes are refused
	@cloud/lint
	cd cloud/tests && go test -count=1 -short ./...

.PHONY: test-cloud
test-cloud: build redis-server k8s-tools observe-tools ## All of cloud/: test-canary, and beside it test-aws, test-registry, test-mesh
	@# The canaries wait most of the time, and are timed: what is built and planned meanwhile gets the processor time that they leave.
	@# What both need is there (-o), and stays as it is while it is used.
	scripts/beside "-o build -o k8s-tools -o observe-tools test-canary" nice $(MAKE) --no-print-directory -o build -o k8s-tools test-aws test-registry test-mesh

.PHONY: test-canary
test-canary: build redis-server k8s-tools observe-tools ## Canaries behind a real Traefik, by k8s/canary and by Flagger, with users who deposit; External Secrets
	k8s/tests/behind-traefik TestCloud traefik flagger external-secrets

.PHONY: test-aws
test-aws: cloud-tools ## lint-cloud, trivy's checks, the modules' own tests, and the scripts before a stand-in for AWS
	@scripts/need-python-tools build/cloud/moto cloud/tests/moto.txt
	@cloud/lint
	@# vet looks at all that trivy is made of, and would do so once more for the test.
	cd cloud/tests/trivy && go vet ./... && go test -count=1 -vet=off -v .
	cd cloud/tests && go test -count=1 -timeout 20m ./...

.PHONY: test-mesh
test-mesh: k8s-tools ## The chart in Istio's mesh, sidecars and ambient: a real istiod takes its pods in, and is asked what it tells their proxies
	@scripts/need etcd etcd-server
	@scripts/need openssl openssl
	@k8s/tests/build-mesh
	cd k8s/tests/istio && test -z "$$(gofmt -l .)" && go vet .
	cd k8s/tests && go vet -tags mesh ./cluster && go test -count=1 -tags mesh -timeout 10m -run TestMesh -v ./cluster

.PHONY: test-registry
test-registry: ## A private registry; a node's containerd pulls from it once the Ansible role was there, and not before
	@cloud/registry/tests/build
	tests/delivery/containers/engine apart cloud/registry/tests/apart build/registry/bin/pytest --quiet -p no:cacheprovider cloud/registry/tests

.PHONY: deploy
deploy: ## ENV=dev RUNTIME=spinkube|bank IMAGE=… TAG=… (or RELEASE=…, verified) URL=…: build, push, install or upgrade on kubectl's cluster, wait, test; ROLLBACK=yes: back where that fails
	@k8s/deploy

.PHONY: kubeconfig
kubeconfig: ## KUBECONFIG=… CLUSTER=https://… CLUSTER_CA=…: how a job of GitHub Actions reaches a cluster, without a stored key
	@k8s/kubeconfig "$$KUBECONFIG"

.PHONY: undeploy
undeploy: ## ENV=dev: uninstall; the money stays
	@k8s/undeploy

##@ Measure

.PHONY: bench
bench: build redis-server ## Compare with FastAPI, Flask and axum; growth, scale, shards. About 14 minutes, and 12 more to link `bank`; SECONDS_PER_RUN (2)
	cargo build $(NATIVE) --package tests --bin coingecko --bin figures
	scripts/bench --seconds $(SECONDS_PER_RUN)

.PHONY: bench-history
bench-history: ## Add what `make bench` found to build/bench-history, and draw how it went night by night
	@scripts/need python3 python3
	python3 bench/history.py

.PHONY: backup-figures
backup-figures: build redis-server ## Export, import and verify WALLETS (100000 1000000) wallets, Redis and SQLite: time and memory
	@scripts/backup-figures

.PHONY: demo-recording
demo-recording: build redis-server ## Break and mend by a script for 42 s, and draw what the page showed: docs/demo.svg
	cargo build $(NATIVE) --package tests --bin demo --bin coingecko
	target/native/demo --port 0 --record docs/demo.svg

.PHONY: observe-figures
observe-figures: test-observe-more ## Put how long alerts took in test-observe-more into docs/observability.md, and its picture into docs/observed.svg
	@scripts/observe-figures

.PHONY: stalled-figures
stalled-figures: build ## Let 600 clients stall in every way: how long /healthz takes meanwhile
	@scripts/stalled-figures

##@ Deliver

.PHONY: slides
slides: ## docs/presentation.md as HTML and PDF in build/slides; the diagrams of all pages are drawn, so that none is broken
	@scripts/need chromium chromium
	@scripts/need npm npm
	@scripts/slides

.PHONY: unchanged
unchanged: ## Fails where the tree is not as it was committed
	@changes=$$(git status --porcelain); test -z "$$changes" || { echo "the tests left the tree dirty:" >&2; git status --short >&2; exit 1; }

.PHONY: lint-delivery
lint-delivery: delivery-tools ## Versions agree, the changelog has its form, workflows are sound (actionlint, zizmor) and run here
	build/delivery/bin/pytest --quiet -p no:cacheprovider tests/delivery/*.py

.PHONY: lint-supply
lint-supply: delivery-tools supply-tools ## Licences, bans and sources of all crates (deny.toml), and no secret in the history (gitleaks)
	build/delivery/bin/pytest --quiet -p no:cacheprovider tests/delivery/supply

.PHONY: advisories
advisories: supply-tools ## What is known to be wrong with the crates that are built in; asks GitHub
	build/tools/bin/cargo-deny --locked check advisories
	build/tools/bin/cargo-deny --locked --manifest-path bench/Cargo.toml --config deny.toml check advisories

.PHONY: test-compose
test-compose: images container-tools prometheus observe-tools ## compose.yaml on podman: up, money, restarts, wrong passwords, tokens, what watches it, down
	@tests/delivery/containers/watchers
	tests/delivery/containers/engine apart build/containers/bin/pytest --quiet -p no:cacheprovider tests/delivery/containers/test_compose.py

.PHONY: test-images
test-images: images-all container-tools ## The Dockerfiles, built by buildah and run by podman, beside what is packed; bank for arm64 under qemu
	@scripts/need jq jq
	@scripts/need qemu-aarch64-static qemu-user-static
	tests/delivery/containers/engine apart build/containers/bin/pytest --quiet -p no:cacheprovider tests/delivery/containers/test_images.py

.PHONY: job
job: delivery-tools ## WORKFLOW=ci JOB=part SET=matrix.part=lint: run the steps of a workflow's job here, in order
	build/delivery/bin/python tests/delivery/runner.py "$(WORKFLOW)" "$(JOB)" $(SET)

.PHONY: release
release: k8s-tools ## VERSION=…: prepare a release in the work tree: version, changelog, manifests; look at it, commit it, tag it
	scripts/release "$(VERSION)"
	k8s/render

.PHONY: release-bank
release-bank: sbom-tools ## `bank` for this machine, with the list of its crates in it, into build/bank
	PATH=$$PWD/build/tools/bin:$$PATH cargo auditable build $(DIST) --package bank
	mkdir -p build/bank
	strip -o "build/bank/bank-$$(uname -s | tr A-Z a-z)-$$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" target/dist/bank

.PHONY: release-components
release-components: ## The components as they are released: the same byte for byte wherever they are built
	@# Where a crate was unpacked is in its panics; nobody else's is there.
	$(MAKE) --no-print-directory wasm CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS="--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=/cargo"

.PHONY: release-artifacts
release-artifacts: sbom-tools k8s-tools release-components ## VERSION=…: the files of a release and both images, of the commit that is checked out and build/bank
	BANKS=build/bank k8s/images/layouts
	@release/build

.PHONY: publish-release
publish-release: publish-tools k8s-tools ## VERSION=… REGISTRY=…: publish them, signed, once; COSIGN_KEY, or who runs the workflow
	@scripts/need docker-registry docker-registry
	@release/publish

.PHONY: registry-login
registry-login: publish-tools ## REGISTRY=… REGISTRY_USER=… REGISTRY_PASSWORD=…: as whom it is published
	@build/bin/oras login --username "$$REGISTRY_USER" --password-stdin "$${REGISTRY%%/*}" <<<"$$REGISTRY_PASSWORD"

.PHONY: release-notes
release-notes: ## VERSION=…: a release of GitHub's, which says what CHANGELOG.md does; fails where it is there already
	scripts/changelog "$$VERSION" | gh release create "v$${VERSION#v}" --repo "$$REPOSITORY" --verify-tag $$([[ $$VERSION != *-* ]] || echo --prerelease) --title "$${VERSION#v}" --notes-file -

.PHONY: verify-release
verify-release: publish-tools ## VERSION=… REGISTRY=…: hold a published release to what was signed; COSIGN_PUBLIC_KEY, COMMIT, KEEP
	@release/verify

.PHONY: test-release
test-release: wasm release-bank delivery-tools publish-tools k8s-tools ## A release is published to a registry and verified; forged ones are refused, each with its sentence
	@scripts/need docker-registry docker-registry
	@scripts/need-cross
	@scripts/need-python-tools build/sbom tests/delivery/release/requirements.txt
	build/sbom/bin/pytest --quiet -p no:cacheprovider tests/delivery/release

.PHONY: test-reproducible
test-reproducible: toolchain delivery-tools ## Components that are built in two folders are equal byte for byte
	build/delivery/bin/pytest --quiet -p no:cacheprovider tests/delivery/reproducible

##@ Keep

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: clean
clean: ## Remove what was built; the bank's state in .spin/ stays
	cargo clean
	rm -rf build

.PHONY: toolchain
toolchain:
	@scripts/need-wasm-target

.PHONY: redis-server
redis-server:
	@scripts/need redis-server redis-server

.PHONY: k8s-tools
k8s-tools:
	@k8s/tests/build

.PHONY: node-tools
node-tools:
	@k8s/tests/build-node

.PHONY: prometheus
prometheus:
	@scripts/need prometheus prometheus
	@scripts/need prometheus-alertmanager prometheus-alertmanager
	@scripts/need prometheus-redis-exporter prometheus-redis-exporter
	@scripts/need pgrep procps

.PHONY: observe-tools
observe-tools:
	@observability/tools

.PHONY: jaeger
jaeger:
	@scripts/need-go
	cd observability/jaeger && go build -ldflags="-s -w" -o ../../build/bin/jaeger github.com/jaegertracing/jaeger/cmd/all-in-one

.PHONY: kube-state-metrics
kube-state-metrics:
	@scripts/need-go
	cd observability/kube-state-metrics && go build -ldflags="-s -w" -o ../../build/bin/kube-state-metrics k8s.io/kube-state-metrics/v2

.PHONY: cert-manager
cert-manager:
	@scripts/need-go
	cd observability/cert-manager && go build -ldflags="-s -w" -o ../../build/bin/cert-manager .

.PHONY: cloud-tools
cloud-tools:
	@cloud/tests/build

.PHONY: api-tools
api-tools:
	@scripts/need-python-tools build/venv tests/api/requirements.txt

.PHONY: delivery-tools
delivery-tools:
	@scripts/need-python-tools build/delivery tests/delivery/requirements.txt
	@scripts/need-go-tool github.com/rhysd/actionlint/cmd/actionlint v1.7.12

.PHONY: supply-tools
supply-tools:
	@scripts/need-cargo-tool cargo-deny 0.20.2
	@scripts/need-go-tool github.com/zricethezav/gitleaks/v8 v8.30.1

.PHONY: container-tools
container-tools:
	@scripts/need-python-tools build/containers tests/delivery/containers/requirements.txt
	@tests/delivery/containers/bases

.PHONY: sbom-tools
sbom-tools:
	@scripts/need-cargo-tool cargo-auditable 0.7.7
	@scripts/need jq jq
	@scripts/need python3 python3

.PHONY: publish-tools
publish-tools:
	@scripts/need jq jq
	@scripts/need-go-tool github.com/sigstore/cosign/v3/cmd/cosign v3.1.3
	@scripts/need-go-tool oras.land/oras/cmd/oras v1.3.6

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
