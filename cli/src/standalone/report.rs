//! What the node says of itself: the values behind `/status` and `clarion status`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use announce::{Desired, LinkChoice, Mine, PeerName, ServiceId, Verdict};
use ipam::{PoolName, Usage};
use members::PhaseView;
use speaker::advertised::{Advertised, advertised};
use speaker::roster::Roster;
use speaker::unannounced::{Unannounced, unannounced};
use speaker::{LinkObserved, PathObserved, PeerObserved, WireObserved, metrics};

use super::allocation::Allocated;
use super::configuration::Cluster;
use crate::readiness::unready;
use crate::status::{BfdTiming, Member, Peer, Pool, Service, Status, Vip};

/// What the node decided, as values; what it does at this moment is asked of the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Decided {
    /// Name of this node.
    pub node: String,
    /// Why the node may announce nothing, in words, as far as the manifests say.
    pub closed: Option<String>,
    /// Who got which address.
    pub allocated: Allocated,
    /// The addresses that are in effect.
    pub addresses: BTreeMap<ServiceId, Vec<IpAddr>>,
    /// What should be announced.
    pub desired: Desired,
    /// Whose heartbeats should arrive.
    pub roster: Roster,
    /// What is wrong with the objects and the machine.
    pub faults: Vec<String>,
    /// What could be better.
    pub notes: Vec<String>,
    /// How many plans came to no end before.
    pub panics: u64,
}

impl Decided {
    /// Returns the status, given what is happening on the wire and with the routers.
    pub(super) fn status(&self, wire: &WireObserved, peers: &[PeerObserved]) -> Status {
        let links = wire.links.as_slice();
        Status {
            node: self.node.clone(),
            controller: None,
            services: self.services(wire, peers),
            pools: self.allocated.plan.usage.iter().map(pool).collect(),
            vips: vips(&self.desired, links),
            members: links.iter().flat_map(members_of).collect(),
            peers: peers.iter().map(peer).collect(),
            scheduling: wire.scheduling.as_str().to_owned(),
            heartbeat_keys: wire.keys.iter().map(ToString::to_string).collect(),
            faults: self.faults.iter().cloned().chain(wire_faults(wire)).collect(),
            notes: self
                .notes
                .iter()
                .cloned()
                .chain(draining(&self.desired))
                .chain(links.iter().filter_map(damped))
                .chain(company_notes(links))
                .collect(),
        }
    }

    /// Returns what the routers were told of Services.
    pub(super) fn advertised(&self, peers: &[PeerObserved]) -> Advertised {
        advertised(&self.desired, self.addresses(), peers)
    }

    /// Returns what Services hold.
    pub(super) fn addresses(&self) -> BTreeMap<&ServiceId, &[IpAddr]> {
        self.addresses.iter().map(|(service, ips)| (service, ips.as_slice())).collect()
    }

    fn services(&self, wire: &WireObserved, peers: &[PeerObserved]) -> Vec<Service> {
        let advertised = self.advertised(peers);
        let plan = &self.allocated.plan;
        let refused = plan.refusals.keys().map(|id| ServiceId::new(id.namespace().as_str(), id.name()));
        let ids: BTreeSet<ServiceId> = self.addresses.keys().cloned().chain(refused).collect();
        let service = |id: ServiceId| {
            let ipam_id = ipam::ServiceId::new(&id.namespace, &id.name);
            let placed = plan.allocations.get(&ipam_id).map(Vec::as_slice).unwrap_or_default();
            let refusal = plan.refusals.get(&ipam_id).map(ToString::to_string);
            let ips = self.addresses.get(&id).cloned().unwrap_or_default();
            let told = advertised.contains_key(&id);
            let verdict = self.desired.services.get(&id);
            let unannounced =
                verdict.and_then(|verdict| reason(verdict, &ips, self.closed.as_deref(), wire, peers, told));
            Service {
                namespace: id.namespace.to_string(),
                name: id.name.to_string(),
                pool: placed.first().map(|placed| placed.pool.as_str().to_owned()),
                peers: peers_of(&advertised, &id),
                state: if ips.is_empty() { "pending" } else { "allocated" }.to_owned(),
                ips,
                reason: refusal.or(unannounced).or_else(|| plan.held_only(&ipam_id)),
            }
        };
        ids.into_iter().map(service).collect()
    }
}

/// Returns why nobody announces a Service at this moment, or why this node may not; nothing if all is as it should be.
pub(crate) fn reason(
    verdict: &Verdict,
    ips: &[IpAddr],
    closed: Option<&str>,
    wire: &WireObserved,
    peers: &[PeerObserved],
    is_advertised: bool,
) -> Option<String> {
    // Why a Service of another class is not announced is told as well, to those who wonder.
    let Some(why) = unannounced(verdict, ips, &wire.links, peers, is_advertised) else {
        return verdict.why().map(ToString::to_string);
    };
    Some(match why {
        Unannounced::NoOwner => unready(closed.map(str::to_owned), wire).unwrap_or_else(|| why.to_string()),
        Unannounced::Planned(_) | Unannounced::NoSession { .. } => why.to_string(),
    })
}

/// Returns what is wrong on the wires.
pub(crate) fn wire_faults(wire: &WireObserved) -> impl Iterator<Item = String> {
    wire.faults.iter().cloned().chain(wire.links.iter().flat_map(LinkObserved::faults))
}

/// Returns that this node drains, if so.
pub(crate) fn draining(desired: &Desired) -> Option<String> {
    let on_links = desired.l2.values().map(|plan| &plan.mine);
    let to_routers = desired.services.values().map(|verdict| &verdict.bgp.mine);
    let trigger = on_links.chain(to_routers).find_map(|mine| match mine {
        Mine::Draining(trigger) => Some(trigger),
        Mine::Eligible | Mine::Ineligible(_) => None,
    })?;
    Some(format!("this node drains, because {trigger}: it hands over what another node can take, and takes nothing"))
}

/// Returns what this node is to every VIP, once per link that has to do with it; the link of its own subnet comes first.
pub(crate) fn vips(desired: &Desired, links: &[LinkObserved]) -> Vec<Vip> {
    let mut vips = Vec::new();
    for (ip, plan) in &desired.l2 {
        let reason = match &plan.mine {
            Mine::Eligible => None,
            Mine::Draining(trigger) => Some(trigger.to_string()),
            Mine::Ineligible(why) => Some(why.to_string()),
        };
        let is_announced = |link: &LinkObserved| plan.links.names.contains(&(*link.name).into());
        let is_connected = |link: &LinkObserved| plan.links.choice == LinkChoice::Connected && is_announced(link);
        let (connected, others): (Vec<_>, Vec<_>) = links.iter().partition(|link| is_connected(link));
        let seen = vips.len();
        for link in connected.into_iter().chain(others) {
            vips.extend(vip_on(*ip, link, reason.clone(), is_announced(link)));
        }
        if vips.len() == seen {
            let state = "none".to_owned();
            vips.push(Vip { ip: *ip, link: None, state, owner: None, mac: None, conflict: None, reason });
        }
    }
    vips
}

/// Returns what this node is to a VIP on a link, or nothing if the VIP has nothing to do with that wire.
fn vip_on(ip: IpAddr, link: &LinkObserved, reason: Option<String>, announced_here: bool) -> Option<Vip> {
    let owner = link.owners.get(&ip)?.as_ref();
    if owner.is_none() && !announced_here {
        return None;
    }
    let mac = match owner {
        Some(_) if link.answering.contains(&ip) => Some(link.mac),
        Some(owner) => link.members.iter().find(|member| member.member == *owner).map(|member| member.mac),
        None => None,
    };
    let state = if link.answering.contains(&ip) {
        "owner"
    } else if owner.is_some() {
        "backup"
    } else {
        match link.phase {
            PhaseView::Listening | PhaseView::Revalidating => "listening",
            PhaseView::Down | PhaseView::Active | PhaseView::Duplicate | PhaseView::Ended => "none",
        }
    };
    Some(Vip {
        ip,
        link: Some(link.name.clone()),
        state: state.to_owned(),
        owner: owner.map(|owner| owner.node.to_string()),
        mac: mac.map(|mac| mac.to_string()),
        conflict: link.conflicts.get(&ip).map(|macs| {
            let macs: Vec<String> = macs.iter().map(ToString::to_string).collect();
            macs.join(", ")
        }),
        reason,
    })
}

/// Returns the other speakers on a link.
pub(crate) fn members_of(link: &LinkObserved) -> Vec<Member> {
    let member = |member: &speaker::MemberObserved| Member {
        link: link.name.clone(),
        node: member.member.node.to_string(),
        state: metrics::state_label(member.state).to_owned(),
        mac: Some(member.mac.to_string()),
        address: Some(member.address.ip().to_string()),
        silent_ms: u64::try_from(member.silent.as_millis()).unwrap_or(u64::MAX),
        claims: member.claims,
        damped: member.damped,
        hears_us: member.reach != members::Reach::OneWay,
    };
    link.members.iter().map(member).collect()
}

/// Returns what there is to say of a link on which this node is chosen last.
pub(crate) fn damped(link: &LinkObserved) -> Option<String> {
    let rest = link.damped_for?.as_secs();
    Some(format!(
        "{}: this node lost its addresses too often, so every other node is chosen before it for another {} min {} s; look \
         for a bad cable or port, or a machine that stands still",
        link.name,
        rest / 60,
        rest % 60
    ))
}

/// Returns what there is to know of other speakers on its links.
pub(crate) fn company_notes(links: &[LinkObserved]) -> impl Iterator<Item = String> {
    links.iter().flat_map(LinkObserved::company_notes)
}

/// Returns the session with a router.
pub(crate) fn peer(observed: &PeerObserved) -> Peer {
    let session = observed.session.as_ref();
    let status = session.map(|session| &session.status);
    Peer {
        name: observed.name.to_string(),
        router: observed.router.clone(),
        state: metrics::session_label(observed).to_owned(),
        up_seconds: status.and_then(|status| status.since).map(|since| since.elapsed().as_secs()),
        announced: status.map_or(0, |status| status.announced),
        wanted: session.map_or(0, |session| session.routes.len()),
        asn: status.and_then(|status| status.session.as_ref()).map(|session| session.peer_as.get()),
        bfd: metrics::path_label(observed).map(str::to_owned),
        bfd_timing: observed.path.as_ref().and_then(bfd_timing),
        fault: observed.fault.clone().or_else(|| observed.path.as_ref()?.fault.clone()),
        last_error: session.and_then(|session| session.last_error.clone()),
    }
}

fn bfd_timing(path: &PathObserved) -> Option<BfdTiming> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (transmit_ms, detection_ms) = (milliseconds(path.transmit_interval?), milliseconds(path.detection_time?));
    Some(BfdTiming { transmit_ms, detection_ms, echo: path.echo })
}

/// Returns the names of the peers that were told of a Service.
pub(crate) fn peers_of(advertised: &Advertised, service: &ServiceId) -> Vec<String> {
    let told: BTreeSet<&PeerName> = advertised.get(service).into_iter().flat_map(BTreeMap::values).flatten().collect();
    told.into_iter().map(ToString::to_string).collect()
}

/// Returns how full a pool is.
pub(crate) fn pool((name, usage): (&PoolName, &Usage)) -> Pool {
    Pool {
        name: name.as_str().to_owned(),
        assigned: (usage.v4.assigned + usage.v6.assigned).to_string(),
        available: (usage.v4.available + usage.v6.available).to_string(),
    }
}

/// Returns what works worse than it could.
pub(super) fn notes(desired: &Desired, cluster: &Cluster<'_>) -> Vec<String> {
    let mut notes: Vec<String> = desired.warnings.iter().map(ToString::to_string).collect();
    if cluster.nodes.is_empty() {
        notes.push("there is no Node object, so no node is a candidate; add one per host".to_owned());
    }
    notes
}
