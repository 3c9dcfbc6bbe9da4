//! A BGP-4 speaker that originates routes and imports none.
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
