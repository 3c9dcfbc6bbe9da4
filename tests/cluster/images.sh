#!/usr/bin/env bash
# Writes the archives of the images that every node of the cluster has.
#
# Usage: images.sh OUT CLARION
#   OUT      the folder for the archives; what is in it goes away
#   CLARION  the binary under test, which must be static; it goes by the name that deploy/ asks for
set -euo pipefail

out=$1 clarion=$2 here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image=$here/../../deploy/image.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Three nodes keep every image in memory, and symbols are most of a debug build.
strip -o "$work/clarion" "$clarion"
rustc --edition 2024 -C target-feature=+crt-static -C opt-level=s -C strip=symbols -o "$work/pod" "$here/src/bin/pod.rs"
rm -rf "$out"
mkdir -p "$out"
"$image" "$work/clarion" "$out/clarion.tar"
"$image" "$work/pod" "$out/pod.tar" cluster.local/pod:1
