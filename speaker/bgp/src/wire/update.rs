//! UPDATE: what a peer announces is validated by RFC 7606 and dropped; what we announce is packed.

mod attributes;
mod encode;

pub(crate) use encode::{AttributeBlock, EncodeRoutes, Flush, NextHop, Writer};

use super::{AddressFamily, Context, UpdateFault, reader::Reader};
use crate::Family;
use attributes::Attribute;

/// What an UPDATE contained; the routes themselves are not kept.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Update {
    /// Prefixes announced, of families in use.
    pub announced: usize,
    /// Prefixes withdrawn, of families in use.
    pub withdrawn: usize,
    /// The peer has sent all routes of this family (RFC 4724 §2).
    pub end_of_rib: Option<AddressFamily>,
    /// What becomes of the routes.
    pub verdict: Verdict,
}

/// The mildest handling of an UPDATE that RFC 7606 allows; the end of the session is an error instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum Verdict {
    /// Nothing is wrong.
    #[default]
    Accept,
    /// An attribute is ignored, the routes stand.
    DiscardAttribute(Malformed),
    /// The announced routes count as withdrawn.
    TreatAsWithdraw(Malformed),
}

/// What is wrong with an attribute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Malformed {
    /// It ends after the attributes do.
    Overrun,
    /// Its optional or transitive bit is not what its type demands.
    Flags(u8),
    /// Its length is impossible.
    Length(u8),
    /// Its content is impossible.
    Value(u8),
    /// It is mandatory and missing.
    Missing(u8),
    /// It is none of a peer like this one.
    Misplaced(u8),
    /// It is there already.
    Repeated(u8),
}

impl Update {
    pub(super) fn decode(body: &[u8], context: &Context) -> Result<Self, UpdateFault> {
        let list = |part| move || UpdateFault::AttributeList { part };
        let mut reader = Reader::new(body);
        let withdrawn = reader.block16().ok_or_else(list("withdrawn routes are longer than the message"))?;
        let attributes = reader.block16().ok_or_else(list("attributes are longer than the message"))?;
        let mut found = Found {
            withdrawn: count_prefixes(withdrawn, Family::Ipv4).ok_or(UpdateFault::Network)?,
            announced: count_prefixes(reader, Family::Ipv4).ok_or(UpdateFault::Network)?,
            ..Found::default()
        };
        found.classic = found.announced > 0;
        found.read(attributes, context)?;
        found.conclude()
    }
}

const ORIGIN: u8 = 1;
const AS_PATH: u8 = 2;
const NEXT_HOP: u8 = 3;
const MP_REACH: u8 = 14;
const MP_UNREACH: u8 = 15;

/// What is known of an UPDATE so far.
#[derive(Default)]
struct Found {
    announced: usize,
    withdrawn: usize,
    /// Routes stand outside of attributes and need a `NEXT_HOP`.
    classic: bool,
    /// Routes stand in an attribute, perhaps of a family that is not in use.
    multiprotocol: bool,
    /// The family of an `MP_UNREACH_NLRI` that withdraws nothing.
    empty_unreach: Option<AddressFamily>,
    seen: std::collections::BTreeSet<u8>,
    verdict: Verdict,
}

impl Found {
    fn read(&mut self, attributes: Reader<'_>, context: &Context) -> Result<(), UpdateFault> {
        let mut rest = attributes;
        while !rest.is_empty() {
            let kind = rest.second();
            let Some(attribute) = Attribute::read(&mut rest) else {
                // RFC 7606 §3 (j): routes that were cut off cannot be withdrawn.
                if let Some(MP_REACH | MP_UNREACH) = kind {
                    return Err(UpdateFault::AttributeList { part: "routes run over the end of the attributes" });
                }
                // RFC 7606 §4: the routes outside of the attributes have been found regardless.
                self.blame(Verdict::TreatAsWithdraw(Malformed::Overrun));
                break;
            };
            self.read_one(&attribute, context)?;
        }
        Ok(())
    }

    fn read_one(&mut self, attribute: &Attribute<'_>, context: &Context) -> Result<(), UpdateFault> {
        let first = self.seen.insert(attribute.kind);
        match attribute.kind {
            // RFC 7606 §3 (g): of routes there is one list, of anything else the first one counts.
            MP_REACH | MP_UNREACH if !first => {
                return Err(UpdateFault::AttributeList { part: "routes of a family stand in it twice" });
            }
            kind if !first => {
                self.blame(Verdict::DiscardAttribute(Malformed::Repeated(kind)));
                return Ok(());
            }
            MP_REACH => self.reach(attribute.value, context).ok_or_else(|| attribute.fault())?,
            MP_UNREACH => self.unreach(attribute.value, context).ok_or_else(|| attribute.fault())?,
            _ => {}
        }
        self.blame(attribute.check(context)?);
        Ok(())
    }

    /// Reads `MP_REACH_NLRI` (RFC 4760 §3).
    fn reach(&mut self, mut value: Reader<'_>, context: &Context) -> Option<()> {
        let family = AddressFamily { afi: value.u16()?, safi: value.u8()? };
        let next_hop = value.block8()?.len();
        value.u8()?;
        self.multiprotocol |= !value.is_empty();
        let Some(family) = in_use(family, context) else { return Some(()) };
        let fits = match (family, next_hop) {
            (Family::Ipv4, 4) | (Family::Ipv6, 16 | 32) => true,
            (Family::Ipv4, 16 | 32) => context.extended_next_hop,
            (Family::Ipv4 | Family::Ipv6, _) => false,
        };
        self.announced += fits.then(|| count_prefixes(value, family)).flatten()?;
        Some(())
    }

    /// Reads `MP_UNREACH_NLRI` (RFC 4760 §4).
    fn unreach(&mut self, mut value: Reader<'_>, context: &Context) -> Option<()> {
        let family = AddressFamily { afi: value.u16()?, safi: value.u8()? };
        if value.is_empty() {
            self.empty_unreach = Some(family);
        }
        if let Some(family) = in_use(family, context) {
            self.withdrawn += count_prefixes(value, family)?;
        }
        Some(())
    }

    fn conclude(mut self) -> Result<Update, UpdateFault> {
        let reachable = self.classic || self.multiprotocol;
        if reachable {
            let mandatory = [ORIGIN, AS_PATH].into_iter().chain(self.classic.then_some(NEXT_HOP));
            let missing = mandatory.into_iter().find(|kind| !self.seen.contains(kind));
            if let Some(kind) = missing {
                self.blame(Verdict::TreatAsWithdraw(Malformed::Missing(kind)));
            }
        } else if let Verdict::TreatAsWithdraw(_) = self.verdict {
            // RFC 7606 §5.2: nothing was announced, so the damage may have hidden the routes.
            return Err(UpdateFault::AttributeList { part: "an attribute is damaged and no route can be found" });
        }
        let end_of_rib = match self.empty_unreach {
            Some(family) if self.seen.len() == 1 && self.withdrawn == 0 && !reachable => Some(family),
            None if self.seen.is_empty() && self.withdrawn == 0 && !reachable => Some(Family::Ipv4.into()),
            Some(_) | None => None,
        };
        let Self { announced, withdrawn, verdict, .. } = self;
        Ok(Update { announced, withdrawn, end_of_rib, verdict })
    }

    /// RFC 7606 §3 (h): the strongest handling wins.
    fn blame(&mut self, verdict: Verdict) {
        let stronger = match (self.verdict, verdict) {
            (_, Verdict::Accept)
            | (Verdict::TreatAsWithdraw(_), _)
            | (Verdict::DiscardAttribute(_), Verdict::DiscardAttribute(_)) => false,
            (Verdict::Accept, _) | (Verdict::DiscardAttribute(_), Verdict::TreatAsWithdraw(_)) => true,
        };
        if stronger {
            self.verdict = verdict;
        }
    }
}

fn in_use(family: AddressFamily, context: &Context) -> Option<Family> {
    family.known().filter(|family| context.families.contains(family))
}

/// Returns how many prefixes there are, unless one is too long (RFC 7606 §5.3).
fn count_prefixes(mut reader: Reader<'_>, family: Family) -> Option<usize> {
    let mut count = 0;
    while !reader.is_empty() {
        let bits = reader.u8().filter(|bits| *bits <= family.bits())?;
        reader.take(usize::from(bits).div_ceil(8))?;
        count += 1;
    }
    Some(count)
}
