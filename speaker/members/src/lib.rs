//! Heartbeats and claims of the speakers on one link: who lives, and which one answers for which VIP.
//!
//! [`Segment`] is the machine of one link. It knows no clock, no socket and no Kubernetes: the driver tells it what
//! happened ([`Input`]) and does what it says ([`Output`]). A member is one interface of one node, so two interfaces of
//! a node on the same wire are two members and exactly one MAC answers.
//!
//! # Liveness
//!
//! * Members beat to the group every 100 ms. A peer silent for 200 ms is asked directly and answers at once; after
//!   300 ms without any sign of life it is lost. Each beat states its sender's interval, and receivers scale with it.
//! * The interval grows so that all members together send at most 500 beats per second. Owners keep three quarters of
//!   that: their silence is what clients feel.
//! * A failure falls at a random moment between two beats, so with the defaults the successor answers 300 ms after the
//!   last beat, which is 200 to 300 ms after the failure: p50 about 250 ms, never more than 305 ms without loss. Every
//!   further candidate that died unnoticed with the owner adds one stagger of 150 ms.
//! * An authentic datagram may be a recording, so a start of a member counts only once it has echoed a datagram that this
//!   start of this machine sent within the last second or two; boots are random, so that nothing older can contain such an
//!   echo. Newcomers are asked for it at once, which takes one round trip, and no clock but the monotonic one is read. Those
//!   that start together answer each other with one datagram for all.
//! * A peer that was not heard for a while counts again without an echo if it went on counting meanwhile, because one that is
//!   heard and does not hear must count too.
//! * Of two machines with one name the one that takes part stays; the other is silent until the first was not heard for ten
//!   times the loss time. Receivers keep the one that lives, refuse the other, and let it know.
//! * Nothing is concluded from silence by a process that was late itself: a peer is lost only in a second look, 5 ms
//!   after the first, when the frames that waited in the socket have been read.
//!
//! # Ownership
//!
//! * A claim is (VIP, epoch). A live claimant that may own the VIP keeps it: joins move nothing and nothing fails back.
//! * A vacant VIP goes to the best live candidate: not damped, preference, node of the same Service, rendezvous hash with loads
//!   bounded to 1.25 times the average. Whoever is next steps in after a stagger, so that different views cannot leave a
//!   VIP without owner. If two step in at once, the conflict rule ends it within one delay of the wire.
//! * A member that lost what it owned three times within 10 minutes through a fault of its own (its link, a pause, its
//!   node's readiness) is damped until it has lost nothing for 10 minutes. Its beats say so, so that all elect alike. It
//!   keeps what it owns, and takes what nobody else can.
//! * Of two claims the one of a member that answers wins, then the higher epoch, then a rank. The loser is silent at
//!   once, and the winner announces again even if it never believed it had lost.
//! * Planned moves (draining, ineligible, not ready, leaving) are make-before-break: the owner flags its claim, the
//!   successor answers with the next epoch, and the owner stops when it sees that.
//! * A member that has not beaten for 250 ms releases everything before it looks at its input, and answers again when
//!   every peer that lived has answered a question asked after the pause and nobody else answers for the VIP.
//! * A rival that goes on answering does not hear this member; after the loss time and a stagger the one that hears
//!   both gives way, so one-way loss leaves one lasting owner. While a lost peer is remembered every beat recites a few
//!   claims, since a peer that hears us without being heard cannot ask; with many VIPs this takes a beat per 18 of them.
//! * When all others fall silent at once, the driver is asked for the frames that the interface has received since. If there
//!   are none, this member is deaf: its beats say so, its claims are the weakest, nobody gives way to it, others take over what
//!   it owns, and it takes nothing over from two peers or more until a frame arrives.
//! * A newcomer listens for the loss time. While a whole wire starts, VIPs whose best candidate still listens wait for it.
//!
//! # Wire
//!
//! Datagrams stay under 1,200 bytes at any number of VIPs. All numbers are big-endian:
//!
//! ```text
//! header, clear and authenticated
//!   0  version        1   of the sender
//!   1  min version    1   a receiver reads the datagram if its own version is at least this, and it still knows `version`
//!   2  flags          2   reserved: sent as zero, ignored on receipt
//!   4  cluster        4   short form of the cluster's identity; others are strangers
//!   8  key id         4   follows from the secret alone
//!  12  sender         8   digest of node and link
//!  20  boot           8   random, of this start of the sender
//!  28  sequence       8   from 1, the nonce
//! body, sealed
//!      flags          4   unknown bits are ignored
//!      interval       4   microseconds until the next beat
//!      mac            6
//!      table          20  version 8, count 4, digest 8
//!      node, link         each: length 1, text
//!      sections           each: type 1, length 2, value; unknown types are passed over
//!        1 echoes         (boot 8, sequence 8) of datagrams that the sender has read
//!        2 ask            member 8, then spans (after 8, upto 8) of its table
//!        3 piece          span 16, then changes: kind 1, length 1, value; unknown kinds are passed over
//! tag, 16
//! ```
//!
//! A value that is longer than known is read as far as it is known. Whoever adds what others must not ignore raises the min
//! version; a member that cannot be read, like one with an unknown key, is told of as a [`Stranger`] and claims nothing here.
//!
//! The body is under AES-256-GCM with a key of its own per boot of each member (HKDF, RFC 5869, from secret and cluster),
//! with a replay window of 128 and no plaintext mode. Beats carry version, count and digest of the sender's claims, never the
//! claims themselves unless they change; a receiver that lacks some asks for exactly those, and the answer goes to the
//! group at a bounded rate.
//!
//! # What this crate does not do
//!
//! * It does not open sockets, choose groups or addresses, or answer ARP and NDP.
//! * It does not know why a node is a candidate; [`Candidacy`] says so.
//!
//! # Deviations and limits
//!
//! * Whoever knows the secret can lie about every member; the secret is the boundary of trust.
//! * A recording of what a member sent while it was not heard here can stretch its life after its death by a second, or, if
//!   it is played while it is made, by as long as the member was not heard. Whoever carries datagrams between two wires as
//!   they are sent makes one wire of them.
//! * A member that starts without hearing this one never counts here, whatever it claims; it is counted and shown as
//!   unproven.
//! * Content overtaken by a later datagram of the same sender is dropped and asked for again, about 15 ms later.
//! * Losses are not remembered over a restart, so a process that crashes again and again is not damped.
//! * A partition counts as nobody's loss, because neither side can tell which of them is broken.
//! * The loss bounds are those of single faults; when more than three successive frames of a live member are lost in
//!   both directions, it is lost although it lives, and the VIP moves.
#![forbid(unsafe_code)]

mod claims;
mod config;
mod contract;
mod damping;
mod deadlines;
mod election;
mod header;
mod mix;
mod name;
mod newcomers;
mod pace;
mod peer;
mod recent;
mod seal;
mod segment;
mod spans;
mod stats;
mod strangers;
mod table;
mod wire;

pub use config::{Config, ConfigError, Timing};
pub use contract::{Acquired, Candidacy, Event, Input, LinkFacts, Mine, Output, Released, To};
pub use header::Format;
pub use name::{BootId, LinkName, Mac, MemberId, NameError, NodeName};
pub use newcomers::UnprovenView;
pub use peer::Reach;
pub use seal::{ClusterId, ClusterTag, KeyError, KeyId, KeyRing};
pub use segment::{DuplicateView, MemberState, MemberView, PhaseView, Segment, View};
pub use stats::{DropReason, Stats};
pub use strangers::{Stranger, StrangerView};
