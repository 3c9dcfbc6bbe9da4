#!/usr/bin/env bash
# Writes a container image of one static binary, without a container engine. The same binary and name give the same bytes.
# The archive is an OCI layout and a docker-archive at once: `docker load`, `podman load`, `ctr images import` and `skopeo copy` take it.
#
# Usage: image.sh BINARY OUT.tar [NAME:TAG]
set -euo pipefail

binary=$1 out=$2 here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# appVersion is the tag that the manifests ask for.
name=${3:-ghcr.io/clarion-lb/clarion:$(awk '$1 == "appVersion:" { print $2 }' "$here/helm/clarion/Chart.yaml")}

# Reads a little-endian number of the binary's header: offset, length.
number() {
    od -An -v -t "u$2" -j "$1" -N "$2" --endian=little "$binary" | tr -d ' '
}

architecture() {
    case $(number 18 2) in
        62) echo amd64 ;;
        183) echo arm64 ;;
        *)
            echo "$binary is neither for x86-64 nor for arm64" >&2
            return 1
            ;;
    esac
}

# There is no loader in an image from scratch, and "no such file or directory" would be all that the kernel says about it.
require_static() {
    local at i
    at=$(number 32 8)
    for ((i = 0; i < $(number 56 2); i++)); do
        if [ "$(number $((at + i * $(number 54 2))) 4)" = 3 ]; then
            echo "$binary is linked dynamically; build it with RUSTFLAGS='-C target-feature=+crt-static', or use \`make image\`" >&2
            return 1
        fi
    done
}

reproducible_tar() {
    tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -cf "$2" "${@:3}"
}

# Files a blob under its digest, and prints the digest.
blob() {
    local digest
    digest=$(sha256sum "$1" | cut -d' ' -f1)
    mv "$1" "$layout/blobs/sha256/$digest"
    echo "$digest"
}

architecture=$(architecture)
require_static

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
layout=$work/layout
mkdir -p "$work/root" "$layout/blobs/sha256"
install -m 0755 "$binary" "$work/root/clarion"
reproducible_tar "$work/root" "$work/layer" clarion
layer_size=$(stat -c %s "$work/layer")
layer=$(blob "$work/layer")

cat >"$work/config" <<JSON
{"created":"1970-01-01T00:00:00Z","architecture":"$architecture","os":"linux","config":{"User":"65534:65534","Entrypoint":["/clarion"],"Labels":{"org.opencontainers.image.title":"clarion","org.opencontainers.image.version":"${name##*:}","org.opencontainers.image.licenses":"Apache-2.0","org.opencontainers.image.source":"https://github.com/clarion-lb/clarion"}},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"deploy/image.sh"}]}
JSON
config_size=$(stat -c %s "$work/config")
config=$(blob "$work/config")

cat >"$work/manifest" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$config_size},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:$layer","size":$layer_size}]}
JSON
manifest_size=$(stat -c %s "$work/manifest")
manifest=$(blob "$work/manifest")

echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
cat >"$layout/index.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest","size":$manifest_size,"platform":{"architecture":"$architecture","os":"linux"},"annotations":{"io.containerd.image.name":"$name","org.opencontainers.image.ref.name":"${name##*:}"}}]}
JSON
cat >"$layout/manifest.json" <<JSON
[{"Config":"blobs/sha256/$config","RepoTags":["$name"],"Layers":["blobs/sha256/$layer"]}]
JSON

mkdir -p "$(dirname "$out")"
chmod -R u=rwX,go=rX "$layout"
reproducible_tar "$layout" "$out.new" oci-layout index.json manifest.json blobs
mv "$out.new" "$out"
echo "$name ($architecture): $(awk -v bytes="$(stat -c %s "$out")" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }') in $out, sha256:$manifest"
