use std::collections::BTreeMap;
use std::fmt;

use crate::fault::{Fault, FieldPath, Findings, ObjectRef, Problem};
use crate::kinds;

#[cfg(test)]
mod tests;

/// A BGP community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommunityValue {
    /// A community of RFC 1997: AS number and value.
    Standard(u16, u16),
    /// A large community of RFC 8092: global administrator and two local parts.
    Large(u32, u32, u32),
}

impl CommunityValue {
    /// Parses `asn:value` or `large:global:local1:local2`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let sections: Vec<&str> = text.split(':').collect();
        match sections[..] {
            [asn, value] => Ok(Self::Standard(section(text, asn)?, section(text, value)?)),
            ["large", global, first, second] => {
                Ok(Self::Large(section(text, global)?, section(text, first)?, section(text, second)?))
            }
            [marker, _, _, _] => Err(Problem::CommunityMarker { text: text.to_owned(), marker: marker.to_owned() }),
            _ => Err(Problem::CommunityFormat { text: text.to_owned() }),
        }
    }
}

/// Writes the community as a user does.
impl fmt::Display for CommunityValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(asn, value) => write!(f, "{asn}:{value}"),
            Self::Large(global, first, second) => write!(f, "large:{global}:{first}:{second}"),
        }
    }
}

/// Names for communities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// The name of the object.
    pub name: String,
    /// What each alias stands for.
    pub aliases: BTreeMap<String, CommunityValue>,
}

impl Community {
    /// Checks one object by itself.
    pub fn check(object: &kinds::Community) -> (Option<Self>, Vec<Fault>) {
        let kinds::CommunityFields { communities } = &object.spec.0;
        let mut findings = Findings::on(ObjectRef::of(object));
        let mut aliases = BTreeMap::new();
        for (index, kinds::CommunityAlias { name, value }) in communities.iter().flatten().enumerate() {
            let field = FieldPath::new("spec").child("communities").index(index);
            let alias = name.clone().unwrap_or_default();
            if alias.is_empty() {
                findings.add(field.child("name"), Problem::Empty);
            }
            match CommunityValue::parse(value.as_deref().unwrap_or_default()) {
                Ok(value) if aliases.insert(alias.clone(), value).is_some() => {
                    findings.add(field.child("name"), Problem::Repeated { value: alias });
                }
                Ok(_) => {}
                Err(problem) => findings.add(field.child("value"), problem),
            }
        }
        findings.conclude(|| Some(Self { name: object.metadata.name.clone()?, aliases }))
    }
}

fn section<T: TryFrom<u32>>(text: &str, section: &str) -> Result<T, Problem> {
    let maximum = if size_of::<T>() == size_of::<u16>() { u32::from(u16::MAX) } else { u32::MAX };
    let refused = || Problem::CommunitySection { text: text.to_owned(), section: section.to_owned(), maximum };
    let digits = !section.is_empty() && section.bytes().all(|byte| byte.is_ascii_digit());
    let number = section.parse::<u32>().ok().filter(|_| digits);
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(refused)
}
