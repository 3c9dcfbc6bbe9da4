//! A BGP-4 speaker that originates routes and imports none.
#![forbid(unsafe_code)]

mod asn;
mod attributes;
mod community;
mod prefix;
pub mod wire;

pub use asn::{Asn, RouterId};
pub use attributes::Attributes;
pub use community::{Community, CommunityError, LargeCommunity};
pub use prefix::{ExportFilter, Family, Prefix, PrefixError};
