#!/bin/sh
# Runs one test in a private world: its own network, mounts and processes, all of which the kernel removes with it.
# cargo calls it as the target runner (CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER), with the test binary and its arguments.
set -eu

# Listing tests needs no world of its own, and cargo-nextest lists every binary.
for argument in "$@"; do
    if [ "$argument" = --list ]; then
        exec "$@"
    fi
done

identity=''
if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null; then
    identity='--user --map-root-user'
fi

# Without namespaces the tests still run: those that need a network say so and skip, but a CI that skips them proves nothing.
if ! unshare $identity --net --mount --pid --fork true 2>/dev/null; then
    echo "lab: this machine refuses private networks; run as root or allow user namespaces" >&2
    [ "${CI:-}" = true ] && exit 1
    exec "$@"
fi

export CLARION_SANDBOX=1
exec unshare $identity --net --mount --pid --fork --kill-child --mount-proc \
    sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' runner "$@"
