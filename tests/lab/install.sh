#!/usr/bin/env bash
# Makes sure that the programs of the named packages are there; installs what is missing with apt, and says so.
# Versions follow the distribution's release. Usage: install.sh PACKAGE...
set -euo pipefail

declare -A programs=([iproute2]="ip bridge" [util-linux]="unshare nsenter" [keepalived]="keepalived" [nftables]="nft" [iptables]="iptables" [bird2]="bird birdc" [frr]="/usr/lib/frr/bgpd vtysh" [exabgp]="exabgp exabgpcli"
    [containerd]="containerd ctr" [runc]="runc" [prometheus]="promtool" [containernetworking-plugins]="/usr/lib/cni/ptp")

missing=()
for package in "$@"; do
    for program in ${programs[$package]}; do
        command -v "$program" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || missing+=("$package")
    done
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "missing: ${missing[*]}"
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "install these packages by hand (as root, for instance: apt-get install ${missing[*]}) and run the command again" >&2
    exit 1
fi
echo "installing with apt-get: ${missing[*]}"
# No package may start a daemon on this machine: the tests run their own in namespaces.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
