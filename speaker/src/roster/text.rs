//! What is wrong with a link on which speakers are missing, in words.

use std::sync::Arc;

use super::Reception;

/// How many nodes are named before the rest are counted.
const NAMED: usize = 5;

/// How heartbeats are sent, for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Their UDP port.
    pub port: u16,
    /// They go to the addresses of the nodes.
    pub unicast: bool,
}

impl Reception {
    /// Returns who is missing and what to do; nothing if nobody is.
    ///
    /// It names no times, so that it stays the same while nothing changes.
    pub fn fault(&self, advice: Advice) -> Option<String> {
        let nodes: Vec<&Arc<str>> = self.missing.keys().collect();
        let (link, names) = (&self.link, list(&nodes));
        let what = match (self.is_blind(), nodes.len()) {
            (_, 0) => return None,
            (true, 1) => {
                format!("no other speaker is heard on {link}, although Node {names} has addresses in its subnet")
            }
            (true, count) => format!(
                "no other speaker is heard on {link}, although {count} Nodes ({names}) have addresses in its subnet"
            ),
            (false, 1) => format!("the speaker of {names} is not heard on {link}, although its Node is up"),
            (false, _) => format!("the speakers of {names} are not heard on {link}, although their Nodes are up"),
        };
        Some(format!("{what}, so more than one node may answer for the same address; {}", advice.next_step()))
    }
}

impl Advice {
    fn next_step(self) -> String {
        let Self { port, unicast } = self;
        let network = match unicast {
            true => format!(
                "open UDP {port} between the InternalIP addresses of the nodes and set --heartbeat-unicast on all of them"
            ),
            false => format!(
                "open UDP {port} between the nodes and let the switches pass the multicast groups 224.0.0.254 and ff02::114 \
                 (IGMP or MLD snooping without a querier stops them), or set --heartbeat-unicast (chart: \
                 speaker.heartbeat.unicast)"
            ),
        };
        format!("{network}; if the speaker there is not running, its pod says why")
    }
}

/// Returns names as a sentence has them.
fn list(nodes: &[&Arc<str>]) -> String {
    let rest = nodes.len().saturating_sub(NAMED);
    let named: Vec<&str> = nodes.iter().take(NAMED).map(|node| &***node).collect();
    match (named.as_slice(), rest) {
        (named, 1..) => format!("{} and {rest} more", named.join(", ")),
        ([first @ .., last], 0) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        (named, 0) => named.join(", "),
    }
}
