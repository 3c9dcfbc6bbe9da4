#!/usr/bin/env bash
# Writes what is generated here: the chart's copies of the custom resource definitions and dashboards, clarion.yaml, which is the
# chart with its default values, and admission-policies.yaml, the part of it that Kubernetes before 1.30 does not know. With --check it writes nothing and fails when one of them is not what it would write.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

chart=helm/clarion
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A chart outside the tree, so that --check leaves the tree alone. Helm does not follow links out of a chart, hence copies.
cp -R "$chart" "$work/clarion"
rm -rf "$work/clarion/files"
mkdir -p "$work/clarion/files/crds" "$work/clarion/files/dashboards"
cp crds/*.yaml "$work/clarion/files/crds"
cp dashboards/*.json "$work/clarion/files/dashboards"

# Without the traces of Helm: these objects are kubectl's.
template() {
    helm/tool/helm.sh template clarion "$work/clarion" --namespace metallb-system --set crds.keep=false "$@" |
        sed -e '/^# Source: /d' -e '/^ *helm\.sh\/chart: /d' -e '/^ *app\.kubernetes\.io\/managed-by: Helm$/d'
}
origin="# Written by \`make manifests\` from $chart; change that, or use it, for anything else than the defaults."
{
    echo "$origin"
    cat namespace.yaml
    template
} >"$work/clarion.yaml"
{
    echo "$origin"
    template --api-versions admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy --show-only templates/admissionpolicies.yaml
} >"$work/admission-policies.yaml"

case ${1:-} in
    --check)
        if ! diff -r "$chart/files" "$work/clarion/files" >&2 || ! diff clarion.yaml "$work/clarion.yaml" >&2 ||
            ! diff admission-policies.yaml "$work/admission-policies.yaml" >&2; then
            echo "the manifests in deploy/ are stale; run \`make manifests\`" >&2
            exit 1
        fi
        ;;
    '')
        rm -rf "$chart/files"
        cp -R "$work/clarion/files" "$chart/files"
        cp "$work/clarion.yaml" "$work/admission-policies.yaml" .
        ;;
    *)
        echo "usage: manifests.sh [--check]" >&2
        exit 2
        ;;
esac
