#!/usr/bin/env bash
# Builds the programs of a real Kubernetes control plane from Go modules, whose versions and hashes go.mod and go.sum pin.
# They go into the user's cache, so that a second clone or a clean tree does not build them again.
#
# Usage: build.sh [--print] [PROGRAM...]
#   Without programs it builds those that the tests of this directory start.
#   --print builds nothing and writes the folder of the programs to standard output.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The hash covers the flags below as well, so a folder never mixes programs of two versions.
hash=$(cat go.mod go.sum build.sh | sha256sum | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/clarion/kubernetes/$hash/bin

if [ "${1:-}" = --print ]; then
    echo "$bin"
    exit 0
fi

programs=("$@")
[ $# -gt 0 ] || programs=(etcd kube-apiserver kube-controller-manager kubectl kube-proxy)

version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
# Without its version the server says v0.0.0, and clients that depend on the server's version refuse it.
stamp=k8s.io/component-base/version
flags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor"

package() {
    case $1 in
        etcd) echo go.etcd.io/etcd/server/v3 ;;
        kube-apiserver | kube-controller-manager | kube-proxy | kube-scheduler | kubectl | kubelet) echo "k8s.io/kubernetes/cmd/$1" ;;
        *)
            echo "build.sh does not know the program $1; the tool lines of go.mod name those it knows" >&2
            return 1
            ;;
    esac
}

require_go() {
    local found
    if ! command -v go >/dev/null; then
        echo "building the control plane of the tests needs Go 1.25 or newer, and there is none; install it from https://go.dev/dl and run the command again" >&2
        exit 1
    fi
    found=$(GOTOOLCHAIN=local go env GOVERSION)
    if ! printf '%s\n' 1.25 "${found#go}" | sort -C -V; then
        echo "building the control plane of the tests needs Go 1.25 or newer, and this is $found; install a newer one from https://go.dev/dl and run the command again" >&2
        exit 1
    fi
}

build() {
    local program=$1 from begin=$SECONDS
    from=$(package "$program")
    [ -x "$bin/$program" ] && return
    require_go
    echo "building $program ($from, Kubernetes $version) into $bin; it is not there yet"
    # A program appears under its name only when it is whole: a build that was broken off is done again.
    GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -buildvcs=false -ldflags "$flags" -o "$bin/.$program.new" "$from"
    mv "$bin/.$program.new" "$bin/$program"
    echo "built $program in $((SECONDS - begin)) s"
}

mkdir -p "$bin"
# Two callers at once would compile everything twice.
exec 9>"$bin/.lock"
flock 9
for program in "${programs[@]}"; do
    build "$program"
done
