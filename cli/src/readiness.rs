//! When a node is ready to announce: the same for `standalone` and `speaker`.

use speaker::{LinkObserved, WireObserved};

/// Returns why a node is not ready, in words; nothing if it can announce.
///
/// `closed` is why it may announce nothing whatever the wire says. One odd link among others holds up no rollout.
pub(crate) fn unready(closed: Option<String>, wire: &WireObserved) -> Option<String> {
    let WireObserved { links, faults, .. } = wire;
    let unserved = || (links.is_empty() && !faults.is_empty()).then(|| faults.join("\n"));
    let waiting = || {
        let waiting: Vec<String> = links.iter().filter_map(LinkObserved::unready).collect();
        (!waiting.is_empty()).then(|| waiting.join("\n"))
    };
    closed.or_else(unserved).or_else(waiting)
}

#[cfg(test)]
mod tests;
