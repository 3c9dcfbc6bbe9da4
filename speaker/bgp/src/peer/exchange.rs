//! What goes into a peer and what comes out.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use crate::{Attributes, Config, Prefix, Routes, Session, TimeToLive, Why};

/// A TCP connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConnId {
    /// One we opened, numbered by the peer.
    Outgoing(u64),
    /// One the peer opened, numbered by the driver, each with another number.
    Incoming(u64),
}

/// The addresses of a connection, and those of the interface it leaves by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Our end.
    pub local: IpAddr,
    /// The peer's end.
    pub remote: IpAddr,
    /// An IPv4 address of the interface, as next hop of IPv4 routes on an IPv6 connection.
    pub ipv4: Option<Ipv4Addr>,
    /// A global IPv6 address of the interface, as next hop of IPv6 routes where `local` is none.
    pub ipv6: Option<Ipv6Addr>,
    /// The link-local address of the interface, needed on unnumbered links.
    pub link_local: Option<Ipv6Addr>,
}

impl Link {
    /// Returns a link of which nothing but the ends of the connection is known.
    #[must_use]
    pub const fn between(local: IpAddr, remote: IpAddr) -> Self {
        Self { local, remote, ipv4: None, ipv6: None, link_local: None }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The peer shall run; nothing happens before.
    Start,
    /// The peer shall stop, and stay so until [`Self::Start`].
    Stop(Stop),
    /// A connection asked for by [`Output::Connect`] is open.
    Connected {
        /// The number from the request.
        conn: ConnId,
        /// Its addresses.
        link: Link,
    },
    /// A connection asked for cannot be opened.
    ConnectFailed {
        /// The number from the request.
        conn: ConnId,
        /// What the operating system says.
        error: io::ErrorKind,
    },
    /// The peer opened a connection; hand over only those whose source is this peer.
    Accepted {
        /// A fresh [`ConnId::Incoming`].
        conn: ConnId,
        /// Its addresses.
        link: Link,
    },
    /// The interface of a connection has other addresses; the next hops follow.
    Link {
        /// Which connection.
        conn: ConnId,
        /// All of its addresses.
        link: Link,
    },
    /// A connection is gone, and not by our [`Output::Close`].
    Closed {
        /// Which one.
        conn: ConnId,
        /// What the operating system says; `None` when the peer closed it in order.
        error: Option<io::ErrorKind>,
    },
    /// Bytes arrived, cut anywhere.
    Received {
        /// On which connection.
        conn: ConnId,
        /// All of them, in order.
        bytes: Vec<u8>,
    },
    /// The operating system took bytes of earlier [`Output::Send`]s.
    ///
    /// Further routes are sent only once everything has been taken.
    Sent {
        /// On which connection.
        conn: ConnId,
        /// How many.
        bytes: usize,
    },
    /// All routes the peer shall have; the first of these ends the wait for routes.
    Routes(Arc<Routes>),
    /// Routes that change; `None` for those that shall vanish. Nothing is sent before the first [`Self::Routes`].
    Change(Vec<(Prefix, Option<Arc<Attributes>>)>),
    /// What BFD says about the path.
    Bfd(Bfd),
    /// Whether routes shall ask for other paths to be preferred (RFC 8326), as before a maintenance.
    GracefulShutdown(bool),
    /// New settings; [`Config::impact`] says what they cost.
    Reconfigure(Box<Config>),
    /// The time of [`crate::Peer::poll_timeout`] has come; harmless at any other time.
    Timeout,
}

/// Why a peer is stopped, which decides what the other end does with our routes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// An operator wants it so; routes are dropped.
    Shutdown {
        /// What the other operator shall read (RFC 9003).
        text: String,
    },
    /// The peer left the configuration; routes are dropped.
    Deconfigured,
    /// This process restarts; routes stay where graceful restart was agreed on.
    Restart,
}

/// What BFD says about the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bfd {
    /// The path works.
    Up,
    /// The path is dead.
    Down {
        /// Whether the neighbour's BFD runs apart from its control plane (the C bit), so that traffic is dead too.
        ///
        /// Otherwise the neighbour may merely restart, and its graceful restart goes on (RFC 5882 §4.3).
        independent: bool,
    },
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Open a connection to the peer, then report [`Input::Connected`] or [`Input::ConnectFailed`].
    Connect {
        /// Its number from here on.
        conn: ConnId,
        /// To be set before the first packet.
        ttl: TimeToLive,
    },
    /// Send these bytes after all earlier ones.
    Send {
        /// On which connection.
        conn: ConnId,
        /// Whole messages.
        bytes: Vec<u8>,
    },
    /// Close the connection, or give up opening it, once what was handed over has been tried to send.
    Close {
        /// Which one; the number is never used again.
        conn: ConnId,
    },
    /// Tell whoever wants to know.
    Event(Event),
}

/// Something worth a log line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The session is established.
    Up(Box<Session>),
    /// The session that was established is lost.
    Down(Why),
    /// An attempt at a session failed.
    Failed(Why),
}

/// Counters of a peer since its creation.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Connections we tried to open.
    pub connects: u64,
    /// Connections of the peer that were turned away.
    pub refused: u64,
    /// Sessions established.
    pub established: u64,
    /// OPEN messages sent.
    pub opens_sent: u64,
    /// OPEN messages received.
    pub opens_received: u64,
    /// UPDATE messages sent.
    pub updates_sent: u64,
    /// UPDATE messages received.
    pub updates_received: u64,
    /// KEEPALIVE messages sent.
    pub keepalives_sent: u64,
    /// KEEPALIVE messages received.
    pub keepalives_received: u64,
    /// NOTIFICATION messages sent.
    pub notifications_sent: u64,
    /// NOTIFICATION messages received.
    pub notifications_received: u64,
    /// Requests and marks of route refresh sent.
    pub refreshes_sent: u64,
    /// Requests and marks of route refresh received.
    pub refreshes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// UPDATE messages with an attribute that was ignored (RFC 7606).
    pub attributes_discarded: u64,
    /// UPDATE messages whose routes counted as withdrawn (RFC 7606).
    pub treated_as_withdraw: u64,
}

/// The state of a peer as RFC 4271 §8.2.2 names it, taken from its most advanced connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Stopped, or resting after a failure.
    Idle,
    /// A connection is being opened.
    Connect,
    /// Waiting to open a connection or for the peer to open one.
    Active,
    /// Waiting for the peer's OPEN.
    OpenSent,
    /// Waiting for the peer's KEEPALIVE.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}
