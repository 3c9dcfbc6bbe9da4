use std::time::Duration;

use super::bounded;
use crate::fault::{Fault, FieldPath, Findings, ObjectRef};
use crate::kinds;

#[cfg(test)]
mod tests;

/// How BFD watches a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BfdProfile {
    /// The name.
    pub name: String,
    /// The shortest interval between received control packets, from 10 ms to 60 s. Defaults to 300 ms.
    pub receive_interval: Duration,
    /// The shortest interval between sent control packets, from 10 ms to 60 s. Defaults to 300 ms.
    pub transmit_interval: Duration,
    /// How many packets in a row may be lost, from 2 to 255. Defaults to 3.
    pub detect_multiplier: u8,
    /// The interval between echo packets, from 10 ms to 60 s, by default 50 ms; none without echo mode and for IPv6 routers.
    pub echo_interval: Option<Duration>,
    /// Whether to wait for the router's first packet.
    pub passive: bool,
    /// The smallest TTL accepted on multi-hop sessions, from 1 to 254. Defaults to 254.
    pub minimum_ttl: u8,
}

impl BfdProfile {
    /// Checks one object by itself.
    pub fn check(object: &kinds::BfdProfile) -> (Option<Self>, Vec<Fault>) {
        let kinds::BfdProfileFields {
            receive_interval,
            transmit_interval,
            detect_multiplier,
            echo_interval,
            echo_mode,
            passive_mode,
            minimum_ttl,
        } = object.spec.0;
        let mut findings = Findings::on(ObjectRef::of(object));
        let field = |name: &str| FieldPath::new("spec").child(name);
        let mut interval = |value: Option<u32>, default: u32, name: &str| {
            let value = i64::from(value.unwrap_or(default));
            bounded(value, 10..=60_000, field(name), &mut findings).map(Duration::from_millis)
        };
        let receive = interval(receive_interval, 300, "receiveInterval");
        let transmit = interval(transmit_interval, 300, "transmitInterval");
        let echo = interval(echo_interval, 50, "echoInterval");
        let multiplier = i64::from(detect_multiplier.unwrap_or(3));
        let multiplier = bounded(multiplier, 2..=255, field("detectMultiplier"), &mut findings);
        let ttl = bounded(i64::from(minimum_ttl.unwrap_or(254)), 1..=254, field("minimumTtl"), &mut findings);
        findings.conclude(|| {
            Some(Self {
                name: object.metadata.name.clone()?,
                receive_interval: receive?,
                transmit_interval: transmit?,
                detect_multiplier: multiplier?,
                echo_interval: echo.filter(|_| echo_mode.unwrap_or(false)),
                passive: passive_mode.unwrap_or(false),
                minimum_ttl: ttl?,
            })
        })
    }
}
