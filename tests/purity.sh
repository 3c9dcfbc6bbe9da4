#!/usr/bin/env bash
# Fails when a pure crate depends on anything that is not on its list: decisions stay free of clocks, sockets and Kubernetes.
# Usage: purity.sh CRATE...
set -euo pipefail

declare -A allowed=(
    [announce]="thiserror"
    [bfd]="thiserror"
    [bgp]="thiserror"
    [ipam]="ipnet thiserror"
    [l2]="thiserror"
    [members]="ring thiserror"
)

failed=0
for crate in "$@"; do
    direct=$(cargo tree --locked -p "$crate" --edges normal --depth 1 --prefix none --format '{p}' | tail -n +2 | cut -d' ' -f1 | sort -u)
    for dependency in $direct; do
        case " ${allowed[$crate]} " in
            *" $dependency "*) ;;
            *) echo "crate $crate must not depend on $dependency (allowed: ${allowed[$crate]}); see ARCHITECTURE.md, dependency direction" >&2; failed=1 ;;
        esac
    done
    lib=$(cargo metadata --locked --no-deps --format-version 1 | grep -o "\"src_path\":\"[^\"]*/$crate/src/lib.rs\"" | cut -d'"' -f4 | sort -u)
    grep -q '^#!\[forbid(unsafe_code)\]' "$lib" || { echo "crate $crate must say #![forbid(unsafe_code)] in $lib" >&2; failed=1; }
done
exit $failed
