#!/usr/bin/env bash
# Writes the archives of the images that every node of the cluster has, from static binaries.
#
# Usage: images.sh OUT CLARION POD
#   OUT      the folder for the archives; what is in it goes away
#   CLARION  the binary under test, under the name that deploy/ asks for
#   POD      the program of this crate for pods: it serves, and without arguments it holds the namespaces of a pod
set -euo pipefail

out=$1 clarion=$2 pod=$3 image=$(dirname "${BASH_SOURCE[0]}")/../../deploy/image.sh

rm -rf "$out"
mkdir -p "$out"
stripped=$(mktemp -d)
trap 'rm -rf "$stripped"' EXIT
# Three nodes keep every image in memory, and symbols are most of a debug build.
strip -o "$stripped/clarion" "$clarion"
strip -o "$stripped/pod" "$pod"
"$image" "$stripped/clarion" "$out/clarion.tar"
"$image" "$stripped/pod" "$out/pod.tar" cluster.local/pod:1
