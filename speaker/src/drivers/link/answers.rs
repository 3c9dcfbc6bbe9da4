//! The half of a link's driver that answers and announces: frames, groups, and the claims of other stations.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use l2::{Claim, Claimant, MacAddr, Speaker};
use members::MemberState;

use super::{Driver, Kind};
use crate::drivers::observed::Split;

/// The claims of other stations to addresses that this node owns.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Of stations that belong to none of our nodes.
    strangers: BTreeMap<IpAddr, Vec<MacAddr>>,
    /// Of nodes whose heartbeats do not arrive.
    silent: BTreeMap<MacAddr, (Arc<str>, Vec<IpAddr>)>,
}

impl Claims {
    /// Sorts out what a responder says.
    fn of(open: impl Iterator<Item = Claim>) -> Self {
        let mut claims = Self::default();
        for Claim { vip, mac, claimant } in open {
            match claimant {
                Claimant::Stranger => claims.strangers.entry(vip).or_default().push(mac),
                Claimant::Silent(node) => claims.silent.entry(mac).or_insert((node, Vec::new())).1.push(vip),
            }
        }
        claims
    }

    /// Returns the strangers of each address, those that claim most first.
    pub(super) const fn strangers(&self) -> &BTreeMap<IpAddr, Vec<MacAddr>> {
        &self.strangers
    }
}

impl Driver {
    /// Tells the responder which stations are ours, and which of them settle with us who owns what.
    pub(super) fn tell_speakers(&mut self, now: Instant) {
        let node = |(mac, node): (&[u8; 6], &Arc<str>)| (MacAddr(*mac), Speaker { node: node.clone(), heard: false });
        let mut speakers: BTreeMap<MacAddr, Speaker> = self.nodes.iter().map(node).collect();
        for member in self.segment.view().members {
            let heard = match member.state {
                MemberState::Live | MemberState::Suspect => true,
                MemberState::Lost | MemberState::Left => false,
            };
            let node = member.member.node.to_string().into();
            // A link that was renamed is a member that is lost and one that is heard, with one address.
            speakers.entry(MacAddr(member.mac.0)).or_insert(Speaker { node, heard }).heard |= heard;
        }
        self.responder.handle(now, l2::Input::Speakers(speakers));
    }

    pub(super) fn perform_responder(&mut self) {
        let mut claimed = false;
        while let Some(output) = self.responder.poll_output() {
            match output {
                l2::Output::Send(frame) => {
                    // Either socket can carry any frame; a full queue loses it, and clients ask again.
                    if self.arp.send(&frame).is_err() {
                        self.counters.send_errors += 1;
                    }
                }
                l2::Output::Join(group) => self.join(group),
                l2::Output::Leave(group) => {
                    self.unjoined.remove(&group);
                    if let Err(error) = self.groups.leave(group) {
                        tracing::debug!(link = self.name, %group, %error, "cannot leave the group");
                    }
                }
                l2::Output::Event(l2::Event::Conflict(_) | l2::Event::ConflictCleared(_)) => claimed = true,
                l2::Output::Event(l2::Event::Refused(refusal)) => tracing::error!(link = self.name, "{refusal}"),
            }
        }
        if claimed {
            self.note_claims(Instant::now());
        }
    }

    /// Logs what has changed of the claims of others: an address once however many stations claim it, and a node once.
    fn note_claims(&mut self, now: Instant) {
        let Claims { strangers, silent } = std::mem::replace(&mut self.claims, Claims::of(self.responder.conflicts()));
        for (vip, macs) in &self.claims.strangers {
            match (strangers.get(vip), macs.first()) {
                (None, Some(mac)) => {
                    if self.lines.admit(now, Kind::Claimed) {
                        tracing::warn!(link = self.name, %vip, %mac, "another station claims the address; find it, or take the address out of the pool");
                    }
                }
                (Some(before), _) if macs.iter().any(|mac| !before.contains(mac)) => self.lines.count(Kind::Claimed),
                (Some(_), _) | (None, None) => {}
            }
        }
        for vip in strangers.keys().filter(|vip| !self.claims.strangers.contains_key(vip)) {
            if self.lines.admit(now, Kind::Unclaimed) {
                tracing::info!(link = self.name, %vip, "no other station claims the address any longer");
            }
        }
        for split in self.splits().iter().filter(|split| !silent.contains_key(&split.mac)) {
            tracing::error!("{}", split.fault(&self.name));
        }
        for (mac, (node, _)) in silent.iter().filter(|(mac, _)| !self.claims.silent.contains_key(mac)) {
            tracing::info!(link = self.name, node = &**node, %mac, "the node is heard again, or answers for none of our addresses");
        }
    }

    /// Returns the nodes that answer for addresses of ours and are not heard.
    pub(super) fn splits(&self) -> Vec<Split> {
        let (port, multicast) = (self.heartbeat_port, self.unicast.is_none());
        let split = |(mac, (node, vips)): (&MacAddr, &(Arc<str>, Vec<IpAddr>))| Split {
            node: node.to_string(),
            mac: *mac,
            vips: vips.clone(),
            port,
            multicast,
        };
        self.claims.silent.iter().map(split).collect()
    }

    /// Says how many lines were not written.
    pub(super) fn summarise(&mut self, now: Instant) {
        for (kind, count) in self.lines.summaries(now) {
            tracing::info!(link = self.name, "{count} {}", kind.summary());
        }
    }

    /// Opens the address family that heartbeats could not be opened for at the start, as soon as the link has it.
    pub(super) fn retry_heartbeats(&mut self, now: Instant) {
        if now < self.reopen || self.heartbeats.is_whole() {
            return;
        }
        self.reopen = now + super::REOPEN;
        if self.heartbeats.reopen(&self.name) {
            tracing::info!(link = self.name, "heartbeats use both address families");
        }
    }

    fn join(&mut self, group: Ipv6Addr) {
        match self.groups.join(group) {
            Ok(()) => {
                self.unjoined.remove(&group);
            }
            Err(error) => {
                if self.unjoined.insert(group) {
                    tracing::warn!(link = self.name, %group, %error, "cannot join the group; switches with MLD snooping keep solicitations away");
                }
            }
        }
    }

    pub(super) fn retry_groups(&mut self) {
        for group in std::mem::take(&mut self.unjoined) {
            self.join(group);
        }
    }
}
