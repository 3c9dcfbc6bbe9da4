//! The machine: frames and wishes in, frames and facts out.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::conflicts::Conflicts;
use crate::ethernet::{EtherType, Header, MacAddr};
use crate::groups::Groups;
use crate::limit::Senders;
use crate::messages::{Claim, Claimant, Event, Input, LinkFacts, Output, Refusal, Speaker};
use crate::ndp::{Advertisement, Message, Solicitation};
use crate::schedule::{Schedule, Turn};
use crate::{Config, DropReason, Stats, VipStats, arp, ndp};

/// A claimant that repeats itself as often as we do must be missed three times, each up to a quarter late, before its conflict is over.
const REFRESHES: u32 = 4;

/// Answers for the owned addresses of one link and announces them.
///
/// Time must not go back from one call to the next.
#[derive(Debug)]
pub struct Responder {
    mac: MacAddr,
    owned: BTreeMap<IpAddr, Owned>,
    speakers: BTreeMap<MacAddr, Speaker>,
    schedule: Schedule,
    groups: Groups,
    conflicts: Conflicts,
    senders: Senders,
    defence_interval: Duration,
    outputs: VecDeque<Output>,
    stats: Stats,
}

#[derive(Debug, Default)]
struct Owned {
    defended: Option<Instant>,
}

impl Responder {
    /// Makes a responder that owns nothing; `seed` spreads the refreshes.
    pub fn new(config: Config, link: LinkFacts, seed: u64, now: Instant) -> Self {
        let schedule = Schedule::new(&config, seed, now);
        let Config {
            repeats: _,
            refresh,
            burst_limit: _,
            refresh_limit: _,
            reply_limit,
            conflict_quiet,
            defence_interval,
        } = config;
        let quiet = conflict_quiet.max(refresh.unwrap_or_default().saturating_mul(REFRESHES));
        Self {
            mac: link.mac,
            owned: BTreeMap::new(),
            speakers: BTreeMap::new(),
            schedule,
            groups: Groups::default(),
            conflicts: Conflicts::new(quiet, seed),
            senders: Senders::new(reply_limit, now),
            defence_interval,
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Frame(frame) => {
                if let Err(reason) = self.on_frame(now, frame) {
                    self.stats.count_drop(reason);
                }
            }
            Input::Announce { vip } => self.on_announce(now, vip),
            // Nothing is sent: an owner that wakes from a pause loses its addresses one by one, and what is due of the others is stale.
            Input::Withdraw { vip } => {
                self.on_withdraw(vip);
                return self.tell_conflicts();
            }
            Input::Reassert { vip } => {
                if self.owned.contains_key(&vip) {
                    self.schedule.reassert(now, vip);
                }
            }
            Input::Link(link) => self.on_link(now, link),
            Input::LinkUp => {
                self.outputs.extend(self.groups.iter().map(Output::Join));
                self.reassert_all(now);
            }
            Input::Speakers(speakers) => self.on_speakers(speakers),
            Input::Timeout => {}
        }
        self.run(now);
        debug_assert_eq!(self.owned.len(), self.stats.vips.len(), "exactly the owned addresses are counted");
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to pass [`Input::Timeout`]; later than the last `now` unless that came with [`Input::Withdraw`], which sends nothing.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.schedule.deadline(), self.conflicts.deadline()].into_iter().flatten().min()
    }

    /// Returns the counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the claims of other stations to owned addresses, per address the most frequent first.
    pub fn conflicts(&self) -> impl Iterator<Item = Claim> + '_ {
        self.conflicts.open()
    }

    fn on_announce(&mut self, now: Instant, vip: IpAddr) {
        if let Some(refusal) = Refusal::of(vip) {
            return self.outputs.push_back(Output::Event(Event::Refused(refusal)));
        }
        if self.owned.contains_key(&vip) {
            return;
        }
        self.owned.insert(vip, Owned::default());
        self.stats.vips.insert(vip, VipStats::default());
        self.outputs.extend(self.groups.add(vip).map(Output::Join));
        self.schedule.announce(now, vip);
    }

    fn on_withdraw(&mut self, vip: IpAddr) {
        if self.owned.remove(&vip).is_none() {
            return;
        }
        self.stats.vips.remove(&vip);
        self.schedule.withdraw(vip);
        self.outputs.extend(self.groups.remove(vip).map(Output::Leave));
        self.conflicts.settle_vip(vip);
    }

    fn on_link(&mut self, now: Instant, link: LinkFacts) {
        if self.mac == link.mac {
            return;
        }
        self.mac = link.mac;
        self.settle_conflicts_with_ours();
        self.reassert_all(now);
    }

    fn on_speakers(&mut self, speakers: BTreeMap<MacAddr, Speaker>) {
        // One that goes on claiming is no stranger when nobody remembers its heartbeats any more.
        let silent = self.conflicts.silent_speakers();
        self.speakers = silent.into_iter().map(|(mac, node)| (mac, Speaker { node, heard: false })).collect();
        self.speakers.extend(speakers);
        self.settle_conflicts_with_ours();
    }

    fn on_frame(&mut self, now: Instant, frame: &[u8]) -> Result<(), DropReason> {
        let (header, payload) = Header::decode(frame)?;
        self.check_station(header.source)?;
        match header.ether_type {
            EtherType::Arp => self.on_arp(now, header, arp::Packet::decode(payload)?),
            EtherType::Ipv6 => match Message::decode(payload)? {
                Message::Solicitation(solicitation) => self.on_solicitation(now, header, solicitation),
                Message::Advertisement(advertisement) => self.on_advertisement(now, header, advertisement),
            },
        }
    }

    fn on_arp(&mut self, now: Instant, header: Header, packet: arp::Packet) -> Result<(), DropReason> {
        self.check_station(packet.sender_mac)?;
        // RFC 5227 §2.4: any ARP packet with our address as sender is a claim, whatever it asks.
        let claim = self.on_claim(now, packet.sender_ip.into(), packet.sender_mac);
        let asks = packet.operation == arp::Operation::Request && packet.sender_ip != packet.target_ip;
        if !asks {
            return claim;
        }
        let vip = IpAddr::V4(packet.target_ip);
        if !self.owned.contains_key(&vip) {
            return claim;
        }
        // RFC 826 asks by broadcast, RFC 1122 §2.3.2.1 adds the unicast poll.
        if header.destination != MacAddr::BROADCAST && header.destination != self.mac {
            return Err(DropReason::Destination);
        }
        if packet.sender_ip.is_unspecified() {
            self.check_probe(packet.sender_mac)?;
        }
        self.admit(now, vip, header.source)?;
        self.answer(vip, arp::reply(self.mac, packet.target_ip, &packet));
        Ok(())
    }

    fn on_solicitation(&mut self, now: Instant, header: Header, asked: Solicitation) -> Result<(), DropReason> {
        let solicitor = asked.source_link_layer.unwrap_or(header.source);
        self.check_station(solicitor)?;
        let claim = self.on_claim(now, asked.source.into(), solicitor);
        let vip = IpAddr::V6(asked.target);
        if !self.owned.contains_key(&vip) || asked.source == asked.target {
            return claim;
        }
        if !header.destination.is_group() && header.destination != self.mac {
            return Err(DropReason::Destination);
        }
        if asked.source.is_unspecified() {
            self.check_probe(header.source)?;
        }
        self.admit(now, vip, header.source)?;
        // RFC 4861 §7.2.4: who probes has no address yet, so the answer goes to all nodes.
        let frame = if asked.source.is_unspecified() {
            Advertisement::to_all_nodes(self.mac, asked.target).encode(self.mac, ndp::group_mac(ndp::ALL_NODES))
        } else {
            Advertisement::to_solicitor(self.mac, asked.target, asked.source).encode(self.mac, solicitor)
        };
        self.answer(vip, frame);
        Ok(())
    }

    fn on_advertisement(&mut self, now: Instant, header: Header, told: Advertisement) -> Result<(), DropReason> {
        let station = told.target_link_layer.unwrap_or(header.source);
        self.check_station(station)?;
        self.on_claim(now, told.target.into(), station)
    }

    /// Notes that the station `mac` says it is `vip`, and defends the address if it is owned and the station foreign.
    fn on_claim(&mut self, now: Instant, vip: IpAddr, mac: MacAddr) -> Result<(), DropReason> {
        let owned = self.owned.get_mut(&vip).ok_or(DropReason::NotOwned)?;
        // Speakers settle among themselves who owns what; a defence would undo a planned move.
        let silent = match self.speakers.get(&mac) {
            Some(speaker) if speaker.heard => return Err(DropReason::KnownSpeaker),
            silent => silent,
        };
        self.stats.count_claim(vip);
        self.conflicts.claim(now, vip, mac, silent);
        // Two speakers that both own an address would move every client to and fro, for the one does not hear why the other stays.
        if silent.is_some() {
            return Ok(());
        }
        // RFC 5227 §2.4: two hosts that both answered every claim would flood the link for ever.
        let rested = owned.defended.is_none_or(|last| now.saturating_duration_since(last) >= self.defence_interval);
        if rested {
            owned.defended = Some(now);
            self.schedule.defend(now, vip);
        }
        Ok(())
    }

    /// Refuses hardware addresses that nobody else can have.
    fn check_station(&self, mac: MacAddr) -> Result<(), DropReason> {
        if mac == self.mac {
            return Err(DropReason::Own);
        }
        if mac.is_station() { Ok(()) } else { Err(DropReason::Sender) }
    }

    /// Refuses a probe of another speaker that is heard; the answer tells one that does not hear us that we own the address too.
    ///
    /// In a planned move the new owner probes and announces while the old one still owns the address.
    /// The old owner's answer to a solicitation goes to all nodes, so it would turn them back just before it falls silent.
    fn check_probe(&self, sender: MacAddr) -> Result<(), DropReason> {
        let heard = self.speakers.get(&sender).is_some_and(|speaker| speaker.heard);
        if heard { Err(DropReason::KnownSpeaker) } else { Ok(()) }
    }

    fn admit(&mut self, now: Instant, vip: IpAddr, sender: MacAddr) -> Result<(), DropReason> {
        self.stats.count_request(vip);
        if self.senders.admit(now, sender) { Ok(()) } else { Err(DropReason::RateLimited) }
    }

    fn answer(&mut self, vip: IpAddr, frame: Vec<u8>) {
        self.stats.count_response(vip);
        self.outputs.push_back(Output::Send(frame));
    }

    /// Sends and clears what is due.
    fn run(&mut self, now: Instant) {
        self.conflicts.run(now);
        self.tell_conflicts();
        while let Some(turn) = self.schedule.pop(now) {
            match turn {
                Turn::Burst { vip: IpAddr::V4(vip), probe } => self.burst_v4(vip, probe),
                Turn::Burst { vip: IpAddr::V6(vip), probe } => self.burst_v6(vip, probe),
                Turn::Refresh { vip: IpAddr::V4(vip) } => {
                    self.gratuitous(vip.into(), arp::gratuitous_request(self.mac, vip));
                }
                Turn::Refresh { vip: IpAddr::V6(vip) } => self.burst_v6(vip, false),
            }
        }
    }

    fn burst_v4(&mut self, vip: Ipv4Addr, probe: bool) {
        if probe {
            self.probe(vip.into(), arp::probe(self.mac, vip));
        }
        self.gratuitous(vip.into(), arp::gratuitous_request(self.mac, vip));
        self.gratuitous(vip.into(), arp::gratuitous_reply(self.mac, vip));
    }

    fn burst_v6(&mut self, vip: Ipv6Addr, probe: bool) {
        if probe {
            self.probe(vip.into(), Solicitation::probe(self.mac, vip));
        }
        let frame = Advertisement::to_all_nodes(self.mac, vip).encode(self.mac, ndp::group_mac(ndp::ALL_NODES));
        self.gratuitous(vip.into(), frame);
    }

    fn probe(&mut self, vip: IpAddr, frame: Vec<u8>) {
        self.stats.totals(vip).probes_sent += 1;
        self.outputs.push_back(Output::Send(frame));
    }

    fn gratuitous(&mut self, vip: IpAddr, frame: Vec<u8>) {
        self.stats.count_gratuitous(vip);
        self.outputs.push_back(Output::Send(frame));
    }

    fn reassert_all(&mut self, now: Instant) {
        for &vip in self.owned.keys() {
            self.schedule.reassert(now, vip);
        }
    }

    fn settle_conflicts_with_ours(&mut self) {
        let (own, speakers) = (self.mac, &self.speakers);
        self.conflicts.settle_stations(|mac, claimant| {
            let speaker = speakers.get(&mac);
            mac == own
                || match claimant {
                    Claimant::Stranger => speaker.is_some(),
                    Claimant::Silent(_) => speaker.is_none_or(|speaker| speaker.heard),
                }
        });
    }

    fn tell_conflicts(&mut self) {
        self.outputs.extend(std::iter::from_fn(|| self.conflicts.poll_event()).map(Output::Event));
    }
}
