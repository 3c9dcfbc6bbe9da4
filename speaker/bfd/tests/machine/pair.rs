//! Two sessions and the link between them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use bfd::{
    Arrival, Config, ControlPacket, Demux, Discriminator, Endpoint, Event, Hops, Input, LinkIndex, Output, Session,
    State,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::epoch;

/// What the link does to packets, the same in both directions.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Percentage of packets lost.
    pub(crate) loss: u32,
    pub(crate) longest_delay: Duration,
    /// Whether a packet may overtake an earlier one.
    pub(crate) reorders: bool,
}

pub(crate) const GOOD: Link = Link { loss: 0, longest_delay: Duration::from_millis(1), reorders: false };

pub(crate) struct End {
    pub(crate) session: Session,
    pub(crate) sent: Vec<(Instant, ControlPacket)>,
    pub(crate) events: Vec<(Instant, Event)>,
    demux: Demux,
    echoes: bool,
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    pub(crate) link: Link,
    pub(crate) rng: StdRng,
    wire: BTreeMap<(Instant, u64), Flight>,
    latest: [Instant; 2],
    launched: u64,
}

enum Flight {
    Control { to: usize, bytes: [u8; ControlPacket::LENGTH] },
    Echo { to: usize, bytes: [u8; bfd::EchoPacket::LENGTH] },
}

fn address(end: usize) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, if end == 0 { 1 } else { 2 }).into()
}

impl End {
    fn new(end: usize, config: Config, seed: u64, now: Instant) -> Self {
        let mut demux = Demux::new(seed);
        let endpoint = Endpoint { hops: Hops::Single, neighbor: address(1 - end), local: None, link: None, vrf: None };
        let discriminator: Discriminator = demux.insert(endpoint).unwrap();
        let session = Session::new(discriminator, config, seed, now);
        Self { session, sent: Vec::new(), events: Vec::new(), demux, echoes: true }
    }
}

impl Pair {
    pub(crate) fn new(seed: u64, configs: [Config; 2]) -> Self {
        let now = epoch();
        let mut rng = StdRng::seed_from_u64(seed);
        let [a, b] = configs;
        let ends = [End::new(0, a, rng.random(), now), End::new(1, b, rng.random(), now)];
        let mut pair = Self { now, ends, link: GOOD, rng, wire: BTreeMap::new(), latest: [now; 2], launched: 0 };
        pair.drain(0);
        pair.drain(1);
        pair
    }

    /// Makes a pair that is Up with all polls answered.
    pub(crate) fn up(seed: u64, configs: [Config; 2]) -> Self {
        let mut pair = Self::new(seed, configs);
        pair.run(Duration::from_secs(150));
        assert!(pair.is_settled(), "seed {seed}: {:?}", pair.states());
        pair
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [self.ends[0].session.state(), self.ends[1].session.state()]
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.states() == [State::Up; 2] && !self.ends.iter().any(|end| end.session.is_polling())
    }

    pub(crate) fn input(&mut self, end: usize, input: Input) {
        self.ends[end].session.handle(self.now, input);
        self.drain(end);
    }

    /// Sets whether echoes of one end come back.
    pub(crate) fn set_echoes(&mut self, end: usize, works: bool) {
        self.ends[end].echoes = works;
    }

    /// Loses every packet from here on.
    pub(crate) fn cut(&mut self) {
        self.link.loss = 100;
        self.wire.clear();
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            assert!(next >= self.now, "a deadline lies in the past");
            self.now = next;
            self.deliver();
            for index in 0..2 {
                if self.ends[index].session.poll_timeout().is_some_and(|due| due <= self.now) {
                    self.input(index, Input::Timeout);
                }
            }
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        let timers = self.ends.iter().filter_map(|end| end.session.poll_timeout());
        timers.chain(self.wire.keys().next().map(|(at, _)| *at)).min()
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Flight::Control { to, bytes } => {
                    let (source, destination) = (address(1 - to), address(to));
                    let arrival = Arrival { hops: Hops::Single, source, destination, link: LinkIndex(1), device: None };
                    let Some((_, packet)) = self.ends[to].demux.route(&arrival, &bytes) else { continue };
                    self.input(to, Input::Packet { packet, ttl: 255 });
                }
                Flight::Echo { to, bytes } => {
                    let (_, packet) = self.ends[to].demux.route_echo(&bytes).unwrap();
                    self.input(to, Input::Echo(packet));
                }
            }
        }
    }

    fn drain(&mut self, end: usize) {
        while let Some(output) = self.ends[end].session.poll_output() {
            match output {
                Output::Send(packet) => {
                    self.ends[end].sent.push((self.now, packet));
                    self.launch(end, Flight::Control { to: 1 - end, bytes: packet.encode() });
                }
                Output::Echo(packet) if self.ends[end].echoes => {
                    self.launch(end, Flight::Echo { to: end, bytes: packet.encode() });
                }
                Output::Echo(_) => {}
                Output::Event(event) => self.ends[end].events.push((self.now, event)),
            }
        }
    }

    fn launch(&mut self, from: usize, flight: Flight) {
        if self.rng.random_range(0..100) < self.link.loss {
            return;
        }
        let mut at = self.now + self.rng.random_range(Duration::ZERO..=self.link.longest_delay);
        if !self.link.reorders {
            at = at.max(self.latest[from]);
            self.latest[from] = at;
        }
        self.launched += 1;
        self.wire.insert((at, self.launched), flight);
    }
}
