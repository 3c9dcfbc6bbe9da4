//! A client of the lab: a host that uses Services and watches the wire.

use std::{
    net::{IpAddr, SocketAddr},
    process::Command,
    time::Duration,
};

use clarion::demo::{
    network::{Host, Link},
    prober::Prober,
    speaker::fetch,
    watch::Watcher,
};

use crate::Tap;

/// A machine that runs no speaker.
#[derive(Debug)]
pub struct Client {
    /// The machine.
    pub host: Host,
    /// Its cable to the switch.
    pub link: Link,
}

impl Client {
    pub(crate) fn new(host: Host, link: Link) -> Self {
        Self { host, link }
    }

    /// Returns the page at `vip`, or nothing if it cannot be had within a second.
    pub fn page(&self, vip: IpAddr) -> Option<String> {
        self.host.run(|| fetch(SocketAddr::new(vip, 80), "/")).ok()
    }

    /// Returns whether a page can be had from `vip` within a second.
    pub fn reaches(&self, vip: IpAddr) -> bool {
        self.page(vip).is_some()
    }

    /// Starts to probe `vip` every 10 ms.
    pub fn prober(&self, vip: IpAddr) -> Prober {
        Prober::start(&self.host, vip).expect("a client can be probed from")
    }

    /// Starts to ask for `vips` every 20 ms as a host that never heard of them.
    pub fn newcomer(&self, vips: &[IpAddr]) -> Watcher {
        Watcher::newcomer(&self.host, &self.link, vips).expect("a client can ask")
    }

    /// Does the same every millisecond, so that hardly a moment between two owners goes unseen.
    pub fn insistent(&self, vips: &[IpAddr]) -> Watcher {
        Watcher::insistent(&self.host, &self.link, vips, Duration::from_millis(1)).expect("a client can ask")
    }

    /// Starts to record every claim that arrives at this client.
    pub fn sniffer(&self) -> Watcher {
        Watcher::sniffer(&self.host, &self.link).expect("a client can listen")
    }

    /// Starts to record every frame that arrives at this client, and lets it send frames made by hand.
    pub fn tap(&self) -> Tap {
        Tap::start(&self.host, &self.link).expect("a client can listen")
    }

    /// Returns the client's own address of the family of `other`.
    pub fn address_like(&self, other: IpAddr) -> IpAddr {
        self.link.address_like(other).expect("every client has both families")
    }

    /// Returns what the client's kernel knows of its neighbour `vip`, as `ip neighbour` prints it.
    pub fn neighbour(&self, vip: IpAddr) -> String {
        let output = self.host.output(Command::new("ip").args(["neighbour", "show", &vip.to_string()]));
        String::from_utf8_lossy(&output.expect("ip runs").stdout).trim().to_owned()
    }

    /// Forgets who answers for `vip`; do it before each fault, because a stale entry for another node hides an outage.
    pub fn forget(&self, vip: IpAddr) {
        self.host.forget(vip, &self.link).expect("a neighbour can be forgotten");
    }
}
