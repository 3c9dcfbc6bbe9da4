//! Answers and announces virtual IPs on one Ethernet link, by ARP (IPv4) and neighbour discovery (IPv6).
//!
//! [`Responder`] is one machine per link; it knows no link name, opens no socket and reads no clock.
//! Drive it like every protocol machine of the speaker:
//! 1. call [`Responder::handle`] with what happened,
//! 2. drain [`Responder::poll_output`] to `None` and do it,
//! 3. sleep until [`Responder::poll_timeout`], then pass [`Input::Timeout`].
//!
//! [`filter`] holds the classic BPF programs that the owner of the sockets attaches before it binds them.
//!
//! # Implemented
//! * RFC 826: answers to requests and probes for owned addresses.
//! * RFC 5227: probes (§2.1.1) beside the announcement, announcements (§2.3), conflict detection and rate-limited defence (§2.4).
//! * RFC 4861: validation (§7.1), solicited advertisements (§7.2.4), unsolicited ones (§7.2.6), solicited-node groups (§7.2.1).
//! * RFC 4862 §5.4: probes before the first announcement, and answers to the probes of others.
//! * RFC 7527: solicitations with a Nonce are answered; our own probes need none, because a looped one carries our MAC.
//!
//! # Deviations
//! * RFC 5227 §2.1.1 and RFC 4862 §5.4 want silence until the probes are over.
//!   An address that moves between nodes cannot wait for seconds, so answers start at once and probes go out beside them.
//! * RFC 5227 §2.4 gives an address up after a second conflict.
//!   Who owns an address is not decided here: a conflict is an [`Event`], the address is defended once per interval, and never an ARP war.
//!   Against a speaker that is not heard there is no defence at all: it owns the address as we do, and only an operator can tell.
//! * RFC 4861 §7.2.4 lets an advertisement that answers a unicast solicitation omit the link-layer address.
//!   Ours always has it, with Override set: after a takeover a cache may hold the old owner, and without Override it keeps that.
//! * RFC 4861 §7.2.4 would resolve a solicitor that sent no link-layer option; here the Ethernet source stands in for it.
//! * The IPv6 source of everything sent is the virtual IP itself (`::` for probes).
//!   The link may carry no address of ours that clients share, and the kernel does the same when the address is its own.
//! * RFC 4862 §5.4.3 and RFC 5227 §2.1.1: probes of other speakers get no answer, or a planned move would be undone by the old owner.
//! * IPv6 extension headers in front of ICMPv6 are not followed; no implementation sends neighbour discovery so.
//!
//! # Not here
//! Which node owns an address, which links qualify, sockets, and the statement that a paused process may speak again.
#![forbid(unsafe_code)]

pub mod arp;
mod config;
mod conflicts;
pub mod ethernet;
pub mod filter;
mod groups;
mod limit;
mod messages;
pub mod ndp;
mod responder;
mod schedule;
mod stats;
#[cfg(test)]
mod tests;

pub use config::{Config, RateLimit};
pub use ethernet::MacAddr;
pub use messages::{Claim, Claimant, Event, Input, LinkFacts, Output, Refusal, Speaker};
pub use responder::Responder;
pub use stats::{DropReason, Stats, Totals, VipStats};
