//! Whether a node forwards what clients send to Services: a kernel does, whoever answers ARP and NDP, so that a client which is wrong
//! about the owner of an address would not notice.

use std::process::Command;

use clarion::demo::network::Host;

use crate::{VIPS_V4, VIPS_V6};

/// Drops what arrives at a machine for any Service, before kube-proxy or a server sees it; ARP, NDP and heartbeats pass.
///
/// # Panics
///
/// When it is refused already.
pub fn refuse(host: &Host) {
    filter(
        host,
        &format!(
            "create table inet refused; add chain inet refused input {{ type filter hook prerouting priority -300; }}; \
             add rule inet refused input ip daddr {VIPS_V4} drop; add rule inet refused input ip6 daddr {VIPS_V6} drop"
        ),
    );
}

/// Ends [`refuse`].
///
/// # Panics
///
/// When nothing is refused.
pub fn allow(host: &Host) {
    filter(host, "delete table inet refused");
}

/// Runs a command of `nft` on a machine.
pub(crate) fn filter(host: &Host, rules: &str) {
    let output = host.output(Command::new("nft").arg(rules)).expect("nft runs; install the package nftables");
    assert!(output.status.success(), "nft on {}: {}", host.name(), String::from_utf8_lossy(&output.stderr));
}
