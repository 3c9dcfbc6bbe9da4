#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// Where an address lies in its pool: the index of its range as written, then its value.
pub(crate) type Position = (usize, u128);

/// The free addresses of one pool and family as disjoint spans, in the order they are handed out.
///
/// With `avoid_buggy` no span starts on an address that ends in .0 or .255: such an address is never handed out, and trimming
/// the start keeps "the first free address" a single look-up however full the pool is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Free {
    avoid_buggy: bool,
    spans: BTreeMap<Position, u128>,
}

impl Free {
    /// `avoid_buggy` is for IPv4 values only.
    pub(crate) fn new(avoid_buggy: bool) -> Self {
        Self { avoid_buggy, spans: BTreeMap::new() }
    }

    /// Adds a span that overlaps no other.
    pub(crate) fn insert(&mut self, range: usize, mut first: u128, last: u128) {
        if self.avoid_buggy {
            while first <= last && is_buggy(first) {
                first += 1;
            }
        }
        if first <= last {
            self.spans.insert((range, first), last);
        }
    }

    /// Removes one address; does nothing when it is not free.
    pub(crate) fn remove(&mut self, (range, value): Position) {
        let Some((&(owner, first), &last)) = self.spans.range(..=(range, value)).next_back() else { return };
        if owner != range || last < value || (self.avoid_buggy && is_buggy(value)) {
            return;
        }
        self.spans.remove(&(range, first));
        if first < value {
            self.insert(range, first, value - 1);
        }
        if value < last {
            self.insert(range, value + 1, last);
        }
    }

    /// Returns the address that is handed out next.
    pub(crate) fn first(&self) -> Option<Position> {
        self.spans.first_key_value().map(|(position, _)| *position)
    }

    /// Returns how many addresses can still be handed out.
    pub(crate) fn count(&self) -> u128 {
        self.spans.iter().map(|(&(_, first), &last)| usable(first, last, self.avoid_buggy)).sum()
    }
}

/// Returns whether an IPv4 value ends in .0 or .255.
pub(crate) fn is_buggy(value: u128) -> bool {
    matches!(value & 0xff, 0 | 0xff)
}

/// Counts the addresses of a span that may be handed out.
pub(crate) fn usable(first: u128, last: u128, avoid_buggy: bool) -> u128 {
    let all = last - first + 1;
    if avoid_buggy { all - (buggy_below(last + 1) - buggy_below(first)) } else { all }
}

fn buggy_below(value: u128) -> u128 {
    (value >> 8) * 2 + (value & 0xff).min(1)
}
