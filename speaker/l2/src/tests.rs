//! Tests of the whole machine, in virtual time.

mod answers;
mod bursts;
mod conflicts;
mod golden;
mod properties;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::ethernet::{EtherType, Header};
use crate::{Claim, Claimant, Config, Event, Input, LinkFacts, MacAddr, Output, Responder, Speaker, arp, ndp};

pub(crate) const OWNER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(crate) const CLIENT: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
pub(crate) const STRANGER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x66]);
pub(crate) const VIP4: &str = "192.0.2.10";
pub(crate) const VIP6: &str = "2001:db8::10";

/// One responder with a clock that jumps from deadline to deadline.
pub(crate) struct Station {
    pub(crate) responder: Responder,
    pub(crate) now: Instant,
    start: Instant,
    outputs: Vec<(Duration, Output)>,
}

impl Station {
    pub(crate) fn new(config: Config) -> Self {
        let start = start();
        let responder = Responder::new(config, LinkFacts { mac: OWNER }, 7, start);
        Self { responder, now: start, start, outputs: Vec::new() }
    }

    /// A station that owns the addresses and has finished its bursts.
    pub(crate) fn settled(config: Config, vips: &[&str]) -> Self {
        let mut station = Self::new(config);
        for vip in vips {
            station.announce(vip);
        }
        station.run_for(Duration::from_secs(10));
        station.take();
        station
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        let sends_what_is_due = !matches!(input, Input::Withdraw { .. });
        self.responder.handle(self.now, input);
        let at = self.now - self.start;
        while let Some(output) = self.responder.poll_output() {
            self.outputs.push((at, output));
        }
        if let Some(deadline) = self.responder.poll_timeout().filter(|_| sends_what_is_due) {
            assert!(deadline > self.now, "a deadline that is not later makes the driver spin");
        }
    }

    pub(crate) fn announce(&mut self, vip: &str) {
        self.handle(Input::Announce { vip: ip(vip) });
    }

    pub(crate) fn frame(&mut self, frame: &[u8]) {
        self.handle(Input::Frame(frame));
    }

    /// Says which speakers of ours are heard, and no other speaker is known.
    pub(crate) fn speakers(&mut self, heard: &[MacAddr]) {
        self.know(heard, &[]);
    }

    pub(crate) fn know(&mut self, heard: &[MacAddr], silent: &[MacAddr]) {
        let known = |heard| move |mac: &MacAddr| (*mac, Speaker { node: "n2".into(), heard });
        self.handle(Input::Speakers(heard.iter().map(known(true)).chain(silent.iter().map(known(false))).collect()));
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.responder.poll_timeout().filter(|deadline| *deadline <= end) {
            self.now = deadline;
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    /// All outputs since the last take, with their times since the start.
    pub(crate) fn take(&mut self) -> Vec<(Duration, Output)> {
        std::mem::take(&mut self.outputs)
    }

    pub(crate) fn take_frames(&mut self) -> Vec<Vec<u8>> {
        self.take().into_iter().filter_map(|(_, output)| sent(output)).collect()
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        let event = |(_, output)| match output {
            Output::Event(event) => Some(event),
            Output::Send(_) | Output::Join(_) | Output::Leave(_) => None,
        };
        self.take().into_iter().filter_map(event).collect()
    }
}

pub(crate) fn sent(output: Output) -> Option<Vec<u8>> {
    match output {
        Output::Send(frame) => Some(frame),
        Output::Join(_) | Output::Leave(_) | Output::Event(_) => None,
    }
}

/// What a frame that we sent means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Answer(IpAddr),
    Announcement(IpAddr),
    Probe(IpAddr),
}

pub(crate) fn meaning(frame: &[u8]) -> Sent {
    let (header, payload) = Header::decode(frame).expect("we send valid frames");
    match header.ether_type {
        EtherType::Arp => {
            let packet = arp::Packet::decode(payload).expect("we send valid packets");
            if packet.sender_ip.is_unspecified() {
                Sent::Probe(packet.target_ip.into())
            } else if packet.sender_ip == packet.target_ip {
                Sent::Announcement(packet.sender_ip.into())
            } else {
                Sent::Answer(packet.sender_ip.into())
            }
        }
        EtherType::Ipv6 => match ndp::Message::decode(payload).expect("we send valid messages") {
            ndp::Message::Solicitation(probe) => Sent::Probe(probe.target.into()),
            ndp::Message::Advertisement(told) if told.solicited => Sent::Answer(told.target.into()),
            ndp::Message::Advertisement(told) => Sent::Announcement(told.target.into()),
        },
    }
}

pub(crate) fn golden(name: &str) -> Vec<u8> {
    let line = include_str!("../../../tests/golden/l2/frames.hex")
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .expect("the frame was recorded");
    let digits = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("the file is text"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("the file is hexadecimal")).collect()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("a test writes valid addresses")
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs one real instant to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A request of the client for `vip`, to all stations.
pub(crate) fn arp_request(vip: &str) -> Vec<u8> {
    let IpAddr::V4(target_ip) = ip(vip) else { panic!("ARP is for IPv4") };
    let operation = arp::Operation::Request;
    let sender_ip = std::net::Ipv4Addr::new(192, 0, 2, 2);
    arp::Packet { operation, sender_mac: CLIENT, sender_ip, target_mac: MacAddr::ZERO, target_ip }
        .encode(MacAddr::BROADCAST)
}
