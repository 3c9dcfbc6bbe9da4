//! The node's network links, kept current by rtnetlink notifications.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::{fmt, iter};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::{Handle, MulticastGroup, new_multicast_connection};
use tokio::sync::watch;

/// The kernel's index of a link; never reused while the link exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkIndex(pub u32);

impl fmt::Display for LinkIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the kernel says of one link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Name, as in `ip link`.
    pub name: String,
    /// Hardware address; `None` on links without one of six bytes.
    pub mac: Option<[u8; 6]>,
    /// Administratively up and with carrier (UP and LOWER_UP).
    pub running: bool,
    /// The link resolves neighbours: it broadcasts and is neither loopback nor NOARP.
    pub resolves: bool,
    /// Belongs to a bridge, bond or VRF, which announces in its place.
    pub enslaved: bool,
    /// Addresses with their prefix lengths, also those still tentative.
    pub addresses: BTreeSet<IpNet>,
    /// The subnets of addresses that were taken off it since it was last given one of their family.
    pub former_subnets: BTreeSet<IpNet>,
}

/// All links of the network namespace.
pub type Links = BTreeMap<LinkIndex, Link>;

/// Lists the links, publishes them, and publishes again on every change until `links` has no receiver left.
///
/// # Errors
/// Fails when the kernel offers no rtnetlink; later faults are logged and answered with a new listing.
pub async fn watch_links(links: watch::Sender<Links>) -> anyhow::Result<()> {
    let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
    let (connection, handle, mut messages) = new_multicast_connection(&groups).context("open an rtnetlink socket")?;
    #[expect(clippy::disallowed_methods, reason = "its end closes the messages below, which ends this function")]
    let connection = tokio::spawn(connection);
    let mut table = list(&handle).await?;
    links.send_replace(table.clone());
    loop {
        let message = tokio::select! {
            message = messages.next() => message.context("the rtnetlink socket was closed")?,
            () = links.closed() => break,
        };
        // What has arrived meanwhile is one change: links come and go by the hundred when pods do.
        let waiting = iter::from_fn(|| messages.try_recv().ok());
        let mut news = take(&mut table, iter::once(message).chain(waiting).map(|(message, _)| message.payload));
        if news == News::Lost {
            tracing::warn!("the kernel dropped link notifications; listing the links again");
            // What was dropped is newer than what waits in the socket, so that must not be put on top of the truth. Answers to a
            // listing come after all of it.
            list(&handle).await?;
            while messages.try_recv().is_ok() {}
            let listed = list(&handle).await?;
            renew(&mut table, listed);
            news = News::Changed;
        }
        if news == News::Changed {
            links.send_replace(table.clone());
        }
    }
    connection.abort();
    Ok(())
}

/// What notifications told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Nothing,
    Changed,
    /// Some are missing.
    Lost,
}

/// Applies notifications up to where some are missing.
fn take(table: &mut Links, payloads: impl Iterator<Item = NetlinkPayload<RouteNetlinkMessage>>) -> News {
    let mut news = News::Nothing;
    for payload in payloads {
        match payload {
            NetlinkPayload::InnerMessage(message) => {
                if apply(table, message) {
                    news = News::Changed;
                }
            }
            NetlinkPayload::Overrun(_) => return News::Lost,
            NetlinkPayload::Done(_) | NetlinkPayload::Error(_) | NetlinkPayload::Noop | _ => {}
        }
    }
    news
}

/// Replaces the links by what was listed, and keeps where they led.
fn renew(table: &mut Links, listed: Links) {
    let known = std::mem::replace(table, listed);
    for (index, link) in table {
        let Some(known) = known.get(index) else { continue };
        let gone = known.addresses.difference(&link.addresses).map(IpNet::trunc);
        link.former_subnets = gone.chain(known.former_subnets.iter().copied()).collect();
    }
}

async fn list(handle: &Handle) -> anyhow::Result<Links> {
    let mut table = Links::new();
    let mut links = handle.link().get().execute();
    while let Some(message) = links.try_next().await.context("list the links")? {
        new_link(&mut table, message);
    }
    let mut addresses = handle.address().get().execute();
    while let Some(message) = addresses.try_next().await.context("list the addresses")? {
        change_address(&mut table, message, true);
    }
    Ok(table)
}

/// Applies one notification and returns whether it told anything new.
fn apply(table: &mut Links, message: RouteNetlinkMessage) -> bool {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's messages are not our enum")]
    match message {
        // Bridges speak of their ports in messages of their own: a port that leaves is "deleted", and is still a link.
        RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link)
            if link.header.interface_family != AddressFamily::Unspec =>
        {
            false
        }
        RouteNetlinkMessage::NewLink(link) => new_link(table, link),
        RouteNetlinkMessage::DelLink(link) => table.remove(&LinkIndex(link.header.index)).is_some(),
        RouteNetlinkMessage::NewAddress(address) => change_address(table, address, true),
        RouteNetlinkMessage::DelAddress(address) => change_address(table, address, false),
        _ => false,
    }
}

fn new_link(table: &mut Links, message: LinkMessage) -> bool {
    let flags = message.header.flags;
    let mut link = Link {
        running: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        resolves: flags.contains(LinkFlags::Broadcast) && !flags.intersects(LinkFlags::Loopback | LinkFlags::Noarp),
        ..Link::default()
    };
    for attribute in message.attributes {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are not our enum")]
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) => link.mac = <[u8; 6]>::try_from(bytes).ok(),
            LinkAttribute::Controller(index) => link.enslaved = index != 0,
            _ => {}
        }
    }
    let index = LinkIndex(message.header.index);
    if let Some(known) = table.get(&index) {
        link.addresses = known.addresses.clone();
        link.former_subnets = known.former_subnets.clone();
    }
    table.get(&index) != Some(&link) && {
        table.insert(index, link);
        true
    }
}

fn change_address(table: &mut Links, message: AddressMessage, present: bool) -> bool {
    let Some(link) = table.get_mut(&LinkIndex(message.header.index)) else { return false };
    // On point-to-point links `Address` is the other end and `Local` is ours; elsewhere only one of them may be there.
    let mut address: Option<IpAddr> = None;
    for attribute in message.attributes {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are not our enum")]
        match attribute {
            AddressAttribute::Local(local) => address = Some(local),
            AddressAttribute::Address(other) => address = address.or(Some(other)),
            _ => {}
        }
    }
    let Some(net) = address.and_then(|address| IpNet::new(address, message.header.prefix_len).ok()) else {
        return false;
    };
    if present {
        if !is_link_local(net.addr()) {
            link.former_subnets.retain(|subnet| subnet.addr().is_ipv4() != net.addr().is_ipv4());
        }
        link.addresses.insert(net)
    } else {
        link.former_subnets.insert(net.trunc());
        link.addresses.remove(&net)
    }
}

/// Says whether an address tells nothing of where its link leads, and comes before those that do.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
