//! One peer whose neighbour is played by the test.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use bgp::{
    Asn, Attributes, Config, ConnId, Connecting, Event, ExportFilter, Family, Input, Link, Output, Peer, Prefix,
    RemoteAs, RouterId, Routes,
    wire::{Capabilities, Decoder, Message, Notification, Open, keepalive},
};

#[expect(clippy::disallowed_methods, reason = "a point to count from; the tests never wait")]
pub(crate) fn start_of_time() -> Instant {
    Instant::now()
}

pub(crate) fn asn(number: u32) -> Asn {
    Asn::new(number).unwrap()
}

pub(crate) fn router_id(last: u8) -> RouterId {
    RouterId::new(Ipv4Addr::new(192, 0, 2, last)).unwrap()
}

pub(crate) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// AS 65001 with a peer in AS 65002, open to everything.
pub(crate) fn config() -> Config {
    Config {
        connecting: Connecting::Both,
        export: ExportFilter::new([prefix("0.0.0.0/0"), prefix("::/0")]),
        ..Config::new(asn(65001), RemoteAs::Exactly(asn(65002)), router_id(1))
    }
}

pub(crate) fn link() -> Link {
    let mut link = Link::between(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
    link.ipv6 = Some("2001:db8::1".parse().unwrap());
    link
}

/// The OPEN of the neighbour that [`config`] expects.
pub(crate) fn their_open() -> Open {
    Open {
        my_as: 65002,
        hold_time: 90,
        identifier: router_id(2).address().into(),
        capabilities: Capabilities {
            families: Family::ALL.into_iter().map(Into::into).collect(),
            four_octet_as: Some(65002),
            route_refresh: true,
            ..Capabilities::default()
        },
    }
}

pub(crate) fn routes(count: u32, attributes: &Attributes) -> Arc<Routes> {
    let shared = Arc::new(attributes.clone());
    let prefix = |index: u32| Prefix::from(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + index)));
    Arc::new((0..count).map(|index| (prefix(index), Arc::clone(&shared))).collect())
}

/// What came out, in a form that is easy to compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Connect(ConnId),
    Open,
    Keepalive,
    Update,
    Refresh,
    Notification(u8, u8),
    Close(ConnId),
    Up,
    Down(String),
    Failed(String),
}

pub(crate) struct Solo {
    pub(crate) peer: Peer,
    pub(crate) now: Instant,
    /// Whether the operating system takes what is sent.
    pub(crate) takes: bool,
    /// All bytes sent.
    pub(crate) sent: Vec<u8>,
}

impl Solo {
    pub(crate) fn new(config: Config) -> Self {
        Self { peer: Peer::new(config, 1), now: start_of_time(), takes: true, sent: Vec::new() }
    }

    /// A peer that has opened its first connection and waits for the OPEN.
    pub(crate) fn open_sent(config: Config) -> (Self, ConnId) {
        let mut solo = Self::new(config);
        let seen = solo.input(Input::Start);
        let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
        assert_eq!(solo.input(Input::Connected { conn, link: link() }), [Seen::Open]);
        (solo, conn)
    }

    pub(crate) fn open_confirm(config: Config, theirs: &Open) -> (Self, ConnId) {
        let (mut solo, conn) = Self::open_sent(config);
        assert_eq!(solo.receive(conn, theirs.encode()), [Seen::Keepalive]);
        (solo, conn)
    }

    pub(crate) fn established(config: Config, theirs: &Open) -> (Self, ConnId) {
        let (mut solo, conn) = Self::open_confirm(config, theirs);
        assert_eq!(solo.receive(conn, keepalive()), [Seen::Up]);
        (solo, conn)
    }

    pub(crate) fn input(&mut self, input: Input) -> Vec<Seen> {
        self.peer.handle(self.now, input);
        let mut seen = Vec::new();
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Connect { conn, .. } => seen.push(Seen::Connect(conn)),
                Output::Send { conn, bytes } => {
                    seen.extend(messages(&bytes).iter().map(summary));
                    self.sent.extend_from_slice(&bytes);
                    if self.takes {
                        self.peer.handle(self.now, Input::Sent { conn, bytes: bytes.len() });
                    }
                }
                Output::Close { conn } => seen.push(Seen::Close(conn)),
                Output::Event(Event::Up(_)) => seen.push(Seen::Up),
                Output::Event(Event::Down(why)) => seen.push(Seen::Down(why.to_string())),
                Output::Event(Event::Failed(why)) => seen.push(Seen::Failed(why.to_string())),
            }
        }
        seen
    }

    pub(crate) fn receive(&mut self, conn: ConnId, bytes: Vec<u8>) -> Vec<Seen> {
        self.input(Input::Received { conn, bytes })
    }

    /// Jumps to the next deadline.
    pub(crate) fn expire(&mut self) -> Vec<Seen> {
        self.now = self.now.max(self.peer.poll_timeout().expect("a timer runs"));
        self.input(Input::Timeout)
    }

    /// Lets time pass, with every timer on the way.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Seen> {
        let end = self.now + time;
        let mut seen = Vec::new();
        while self.peer.poll_timeout().is_some_and(|next| next <= end) {
            seen.extend(self.expire());
        }
        self.now = end;
        seen
    }

    pub(crate) fn last_error(&self) -> String {
        self.peer.status().last_error.expect("something failed").to_string()
    }
}

/// Takes apart what a peer sent; routes are read by the oracle instead.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    let mut rest = bytes;
    while let Some((header, _)) = rest.split_first_chunk::<19>() {
        let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let (one, others) = rest.split_at(length);
        rest = others;
        if header[18] == 2 {
            messages.push(Message::Update(bgp::wire::Update::default()));
            continue;
        }
        decoder.push(one);
        messages.push(decoder.next_message().expect("we send nothing wrong").expect("we send whole messages"));
    }
    messages
}

fn summary(message: &Message) -> Seen {
    match message {
        Message::Open(_) => Seen::Open,
        Message::Update(_) => Seen::Update,
        Message::Keepalive => Seen::Keepalive,
        Message::RouteRefresh(_) => Seen::Refresh,
        Message::Notification(Notification { code, subcode, .. }) => Seen::Notification(*code, *subcode),
    }
}
