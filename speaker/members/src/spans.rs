//! Sets of version numbers, kept as disjoint spans.

use std::collections::BTreeMap;

/// The versions above `after`, up to and including `upto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) after: u64,
    pub(crate) upto: u64,
}

/// Disjoint, non-adjacent, non-empty spans in order.
#[derive(Debug, Default)]
pub(crate) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    pub(crate) fn insert(&mut self, span: Span) {
        let Span { mut after, mut upto } = span;
        if after >= upto {
            return;
        }
        while let Some((&start, &end)) = self.0.range(..=upto).next_back() {
            if end < after {
                break;
            }
            self.0.remove(&start);
            after = after.min(start);
            upto = upto.max(end);
        }
        self.0.insert(after, upto);
    }

    pub(crate) fn first(&self) -> Option<Span> {
        self.0.first_key_value().map(|(&after, &upto)| Span { after, upto })
    }

    /// Removes everything up to and including `upto`.
    pub(crate) fn remove_upto(&mut self, upto: u64) {
        while let Some(first) = self.first().filter(|first| first.after < upto) {
            self.0.remove(&first.after);
            if first.upto > upto {
                self.0.insert(upto, first.upto);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Reports whether every version from 1 to `upto` is in the set.
    pub(crate) fn covers(&self, upto: u64) -> bool {
        upto == 0 || self.first().is_some_and(|first| first.after == 0 && first.upto >= upto)
    }

    /// Returns the first spans up to `upto` that are not in the set.
    pub(crate) fn gaps(&self, upto: u64, limit: usize) -> Vec<Span> {
        let mut gaps = Vec::new();
        let mut after = 0;
        for (&start, &end) in &self.0 {
            if start > after && after < upto {
                gaps.push(Span { after, upto: start.min(upto) });
            }
            after = after.max(end);
        }
        if after < upto {
            gaps.push(Span { after, upto });
        }
        gaps.truncate(limit);
        gaps
    }
}

#[cfg(test)]
mod tests;
