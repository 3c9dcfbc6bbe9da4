#!/usr/bin/env bash
# Runs the Helm that go.mod and go.sum pin, and builds it into the user's cache when it is not there yet (a few minutes, once).
# The same Helm everywhere, so that one chart gives the same bytes on every machine.
#
# Usage: helm.sh [HELM ARGUMENT...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

hash=$(cat "$here"/go.mod "$here"/go.sum "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/clarion/helm/$hash

require_go() {
    local found
    if ! command -v go >/dev/null; then
        echo "building Helm needs Go 1.25 or newer, and there is none; install it from https://go.dev/dl and run the command again" >&2
        exit 1
    fi
    found=$(GOTOOLCHAIN=local go env GOVERSION)
    if ! printf '%s\n' 1.25 "${found#go}" | sort -C -V; then
        echo "building Helm needs Go 1.25 or newer, and this is $found; install a newer one from https://go.dev/dl and run the command again" >&2
        exit 1
    fi
}

build() {
    mkdir -p "$bin"
    # Two callers at once would compile everything twice.
    exec 9>"$bin/.lock"
    flock 9
    [ -x "$bin/helm" ] && return
    require_go
    echo "building Helm $(awk '$1 == "helm.sh/helm/v4" { print $2 }' "$here/go.mod") into $bin; it is not there yet" >&2
    # It appears under its name only when it is whole: a build that was broken off is done again.
    (cd "$here" && GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$bin/.helm.new" helm.sh/helm/v4/cmd/helm) >&2
    mv "$bin/.helm.new" "$bin/helm"
}

[ -x "$bin/helm" ] || build
# Nothing of the user's own Helm takes part: no repositories, no plugins, no cluster.
export HELM_CACHE_HOME=$bin/cache HELM_CONFIG_HOME=$bin/config HELM_DATA_HOME=$bin/data KUBECONFIG=/dev/null
exec "$bin/helm" "$@"
