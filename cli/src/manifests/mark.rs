//! Tells whether a file is still the one that was read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long after its last change a file's mark is certain; far more than the coarsest clock of a file system (2 s is FAT's).
const SETTLED: Duration = Duration::from_secs(3);

/// Differs after a file was written, replaced or given other permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileMark {
    device: u64,
    inode: u64,
    size: u64,
    /// When content or permissions changed last, in seconds and nanoseconds; no program can set it back.
    changed: (i64, i64),
}

impl FileMark {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns true if any later change will give another mark: right after a change, a second one may fall into the same tick.
    pub(super) fn is_certain(&self, now: SystemTime) -> bool {
        let changed = u64::try_from(self.changed.0).unwrap_or(u64::MAX);
        now.duration_since(UNIX_EPOCH).is_ok_and(|now| now.as_secs() >= changed.saturating_add(SETTLED.as_secs()))
    }
}

#[cfg(test)]
mod tests;
