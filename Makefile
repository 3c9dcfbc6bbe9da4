# The commands of this repository; `make help` lists them. Each installs what it needs, pinned, and says what it does.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

NEXTEST_VERSION := 0.9.151
DENY_VERSION := 0.20.2

# Outside the tree, so that a second clone does not build the tools again.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/clarion/tools
NEXTEST := $(TOOLS)/bin/cargo-nextest
# What looks at the report of a run; only CI asks for one.
OUTPUTS = $(if $(CLARION_OUTPUTS),$(CLARION_OUTPUTS) $(CARGO_TARGET_DIR)/nextest/ci/junit.xml)
DENY := $(TOOLS)/bin/cargo-deny
PURE := ipam announce bfd bgp l2 members

# Tests that need a private network each. Chosen by a filter, because `-p` would build everything again with fewer features.
IN_NAMESPACES := package(lab) + package(control-plane) + package(e2e)

# What a node of a whole cluster consists of, and the Kubernetes programs that only it needs.
NODE_PACKAGES := containerd runc containernetworking-plugins nftables iptables
CLUSTER_PROGRAMS := etcd kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet
IMAGES = $(CARGO_TARGET_DIR)/cluster/images

# The binary as it is shipped: static, so that it runs anywhere and maps no libraries. Naming the target keeps build scripts dynamic.
TARGET := $(shell rustc -vV | sed -n 's/^host: //p')
CARGO_TARGET_DIR ?= target
BIN := $(CARGO_TARGET_DIR)/$(TARGET)/release
# Half a megabyte of addresses to adjust fits in ten kilobytes, since glibc 2.36.
RELR := $(shell printf '%s\n' 2.36 "$$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" | sort -VC && echo ' -C link-arg=-Wl,-z,pack-relative-relocs')
RELEASE := RUSTFLAGS='-C target-feature=+crt-static$(RELR)' cargo build --release --locked --target $(TARGET)

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: system-tools ## build a small network on this machine and show failovers and drains, by ARP and by BGP (20 seconds after the build)
	@# Without a router the demo ends a part earlier, and says so.
	tests/lab/install.sh bird2 || true
	$(RELEASE) -p clarion
	mkdir -p target/demo
	$(BIN)/clarion demo --summary target/demo/summary.json

.PHONY: test
test: system-tools $(NEXTEST) ## run every test, from tables to real packets between network namespaces
	tests/lab/install.sh nftables iptables bird2 frr exabgp prometheus
	@# Go compiles meanwhile; the second calls wait for the first, and tell what went wrong if something did.
	{ nice tests/lab/gobgp/build.sh; nice tests/kubernetes/build.sh; } >/dev/null 2>&1 &
	$(NEXTEST) nextest run --locked --workspace -E 'not ($(IN_NAMESPACES) + package(cluster))'
	$(OUTPUTS)
	cargo build --locked -p clarion
	tests/lab/gobgp/build.sh
	tests/kubernetes/build.sh
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$(CURDIR)/tests/lab/runner.sh" \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$(CURDIR)/tests/lab/runner.sh" \
	$(NEXTEST) nextest run --locked --workspace -E '$(IN_NAMESPACES)'
	$(OUTPUTS)
	$(MAKE) --no-print-directory cluster-test

# One cluster at a time: each has the memory and the processors of three nodes.
.PHONY: cluster-test
cluster-test: system-tools $(NEXTEST)
	@# Without these packages the tests skip and say why; in CI they must be there.
	tests/lab/install.sh $(NODE_PACKAGES) || [ "$${CI:-}" != true ]
	tests/kubernetes/build.sh $(CLUSTER_PROGRAMS)
	cargo rustc --locked -p clarion --bin clarion -- -C target-feature=+crt-static
	tests/cluster/images.sh $(IMAGES) $(CARGO_TARGET_DIR)/debug/clarion
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$(CURDIR)/tests/lab/runner.sh" \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$(CURDIR)/tests/lab/runner.sh" \
	$(NEXTEST) nextest run --locked --workspace --test-threads 1 -E 'package(cluster)'
	$(OUTPUTS)

.PHONY: e2e
e2e: ## run the tests on a whole cluster alone, with an API server that is silent for five minutes (about ten minutes)
	CLARION_BLACKOUT=300 $(MAKE) --no-print-directory cluster-test

.PHONY: cluster
cluster: system-tools ## start a Kubernetes cluster of three nodes on this machine with Clarion on it, until Ctrl-C (as root)
	tests/lab/install.sh $(NODE_PACKAGES)
	tests/kubernetes/build.sh $(CLUSTER_PROGRAMS)
	$(RELEASE) -p clarion
	tests/cluster/images.sh $(IMAGES) $(BIN)/clarion
	cargo run --locked -q -p cluster --bin cluster -- --images $(IMAGES) --directory $(CARGO_TARGET_DIR)/cluster $(CLUSTER)

.PHONY: check
check: $(DENY) ## format, lints, purity of the pure crates, licences and duplicates, generated files fresh
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	tests/purity.sh $(PURE)
	$(DENY) --config .deny.toml --log-level warn check bans licenses sources
	cargo run --locked -q -p crds --bin crdgen -- --check deploy/crds
	deploy/manifests.sh --check

.PHONY: advisories
advisories: $(DENY) ## look for known vulnerabilities in the dependencies (fetches the advisory database)
	$(DENY) --config .deny.toml --log-level warn check advisories

.PHONY: bench
bench: system-tools ## measure everything docs/figures.md claims, beside its peers, into target/bench/results.jsonl (about an hour)
	tests/lab/install.sh keepalived bird2 frr
	tests/lab/gobgp/build.sh
	$(RELEASE) -p clarion -p bench
	mkdir -p target/bench
	tests/lab/runner.sh $(BIN)/bench --clarion $(BIN)/clarion --out target/bench/results.jsonl $(BENCH)

.PHONY: fuzz
fuzz: $(NEXTEST) ## run the property tests and simulations of every decoder and machine for longer (CASES, SEEDS)
	PROPTEST_CASES=$(or $(CASES),100000) CLARION_SEEDS=$(or $(SEEDS),50000) \
	$(NEXTEST) nextest run --locked --release $(addprefix -p ,$(PURE)) --no-fail-fast

.PHONY: manifests
manifests: ## write the generated files: deploy/crds/*.yaml, their copies in the chart, deploy/clarion.yaml
	cargo run --locked -q -p crds --bin crdgen -- deploy/crds
	deploy/manifests.sh

.PHONY: image
image: ## write the container image of this machine's architecture into target/image/clarion.tar, without a container engine
	$(RELEASE) -p clarion
	deploy/image.sh $(BIN)/clarion target/image/clarion.tar

.PHONY: system-tools
system-tools:
	@tests/lab/install.sh iproute2 util-linux

$(NEXTEST):
	@echo "installing cargo-nextest $(NEXTEST_VERSION) into $(TOOLS) (a few minutes, once)"
	cargo install --locked --version $(NEXTEST_VERSION) --root $(TOOLS) cargo-nextest

$(DENY):
	@echo "installing cargo-deny $(DENY_VERSION) into $(TOOLS) (a few minutes, once)"
	cargo install --locked --version $(DENY_VERSION) --root $(TOOLS) cargo-deny
