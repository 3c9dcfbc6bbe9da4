//! A BGP-4 speaker that originates routes and imports none.
//!
//! The crate decides and never acts: it has no sockets, no clock and no source of randomness of its own.
//!
//! # Driving it
//!
//! One [`Peer`] per neighbour keeps the state: call [`Peer::handle`] with what happened, drain [`Peer::poll_output`] to
//! `None` and do what it says, sleep until [`Peer::poll_timeout`], then hand in [`Input::Timeout`].
//!
//! * `Input::Start` sets it off; routes come as [`Input::Routes`] (all of them) and [`Input::Change`] (some).
//!   No route and no End-of-RIB leaves before the first `Input::Routes`, so that a speaker that has just restarted does
//!   not make its neighbours drop what they kept.
//! * [`Input::Sent`] reports how much the operating system took of earlier [`Output::Send`]s.
//!   Routes leave in buffers of some 256 KiB, each once the one before has been taken; in between only the newest state
//!   of a route is remembered.
//! * A driver that was kept from running first hands over the bytes that wait in its sockets and only then
//!   `Input::Timeout`, else it reports an outage of its own making.
//! * After [`Output::Close`] the driver shuts down its sending half and reads on for a moment: to close at once with
//!   bytes unread makes the kernel discard the NOTIFICATION that was just sent.
//! * A connection of the neighbour is handed over as [`Input::Accepted`] only if its source is this neighbour; TTL
//!   settings ([`Output::Connect`], [`Peer::time_to_live`]) and passwords are set before the first packet.
//! * [`Config::impact`] and [`Peer::impact`] tell what a new configuration costs.
//!   Local AS, router ID, families, role, distance and TTL security reset the session, and so does a peer AS that the
//!   neighbour does not have; hold time and graceful restart wait for the next session; all else is taken over at once.
//!   No change of routes ever resets a session.
//!
//! # What is implemented
//!
//! | document | what |
//! |---|---|
//! | RFC 4271 | all messages (§4), errors (§6), collisions (§6.8), every mandatory event of the machine (§8), jitter (§10) |
//! | RFC 6286, RFC 6608, RFC 7607 | router identifiers per AS, subcodes of machine errors, AS 0 |
//! | RFC 5492, RFC 9072 | capabilities, extended optional parameters |
//! | RFC 6793 | four-octet AS numbers, `AS4_PATH` towards two-octet peers |
//! | RFC 4760, RFC 2545, RFC 8950 | IPv4 and IPv6 unicast, link-local next hops, IPv4 over IPv6 next hops |
//! | RFC 2918, RFC 7313 | route refresh, with begin and end marks |
//! | RFC 4724, RFC 8538 | restarting speaker with R, F and N bits, End-of-RIB, hard reset |
//! | RFC 1997, RFC 8092, link bandwidth draft | standard, large and link-bandwidth communities |
//! | RFC 8326 | graceful shutdown, by community and inside our own AS by local preference |
//! | RFC 4486, RFC 9003, RFC 9384 | Cease subcodes, shutdown text both ways, BFD Down |
//! | RFC 5082, RFC 5882 §4.3 | TTL settings for GTSM, BFD next to graceful restart |
//! | RFC 7606 | every UPDATE of a neighbour is validated and handled as mildly as allowed |
//! | RFC 8654 | messages of up to 65535 octets |
//! | RFC 9234 | roles, `ONLY_TO_CUSTOMER` on what we announce |
//! | RFC 9687 | send hold timer, in every state with a connection |
//!
//! # Deviations
//!
//! * A session lost without a NOTIFICATION goes to Active and not to Idle (RFC 4271 §8.2.2), so that a neighbour that
//!   restarts is let in at once; only errors are followed by a rest in Idle.
//! * The connect-retry and the idle-hold timer are one back-off: 1 s doubled up to 60 s by default, less up to a quarter,
//!   and forgiven only by a session that lasted 30 s.
//! * A neighbour has 30 s for its OPEN instead of the suggested four minutes.
//! * In Established, a connection of a neighbour with graceful restart replaces the session (RFC 4724 §5) only once the
//!   session is 5 s old: until then it is the late half of a collision.
//! * A further connection of the neighbour replaces one that has not come to Established, since a neighbour opens one at
//!   a time.
//! * Bad Peer AS carries the number we expect, in four octets; RFC 4271 leaves the data open.
//! * Capabilities of impossible length make an OPEN malformed (2/0), as with FRR; the RFCs do not say.
//! * KEEPALIVE messages are not sent while earlier bytes wait: they could not overtake them.
//! * ROUTE-REFRESH messages keep a session alive as well as UPDATE and KEEPALIVE do.
//!
//! # What it does not do
//!
//! Importing routes, keeping those of a neighbour that restarts, DelayOpen, confederations, route reflection, additional
//! paths, outbound route filters, and retrying without capabilities with neighbours that predate RFC 5492.

#![forbid(unsafe_code)]

mod asn;
mod attributes;
mod community;
mod config;
mod peer;
mod prefix;
mod rib_out;
mod session;
mod timing;
pub mod wire;

pub use asn::{Asn, RouterId};
pub use attributes::Attributes;
pub use community::{Community, CommunityError, LargeCommunity};
pub use config::{
    Config, Connecting, Distance, GracefulRestart, HoldTime, HoldTimeError, Impact, RemoteAs, Retry, Role, RoleConfig,
    Setting, TimeToLive,
};
pub use peer::{
    Bfd, ConnId, Direction, Event, FamilyState, Input, Link, Output, Peer, State, Stats, Status, Stop, Why,
};
pub use prefix::{ExportFilter, Family, Prefix, PrefixError};
pub use rib_out::Routes;
pub use session::Session;
