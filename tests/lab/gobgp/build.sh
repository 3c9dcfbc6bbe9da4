#!/usr/bin/env bash
# Builds GoBGP, a router of the lab, from Go modules, whose versions and hashes go.mod and go.sum pin.
# It goes into the user's cache, so that a second clone or a clean tree does not build it again.
#
# Usage: build.sh [--print]
#   --print builds nothing and writes the folder of the programs to standard output.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

hash=$(cat go.mod go.sum build.sh | sha256sum | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/clarion/gobgp/$hash/bin

if [ "${1:-}" = --print ]; then
    echo "$bin"
    exit 0
fi

require_go() {
    local found
    found=$(command -v go >/dev/null && GOTOOLCHAIN=local go env GOVERSION || echo none)
    if [ "$found" = none ] || ! printf '%s\n' 1.25 "${found#go}" | sort -C -V; then
        echo "building GoBGP needs Go 1.25 or newer, and there is ${found}; install it from https://go.dev/dl and run the command again" >&2
        exit 1
    fi
}

mkdir -p "$bin"
# Two callers at once would compile everything twice.
exec 9>"$bin/.lock"
flock 9
for program in gobgpd gobgp; do
    [ -x "$bin/$program" ] && continue
    require_go
    begin=$SECONDS
    echo "building $program into $bin; it is not there yet"
    # A program appears under its name only when it is whole: a build that was broken off is done again.
    GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -buildvcs=false -ldflags '-s -w' \
        -o "$bin/.$program.new" "github.com/osrg/gobgp/v4/cmd/$program"
    mv "$bin/.$program.new" "$bin/$program"
    echo "built $program in $((SECONDS - begin)) s"
done
