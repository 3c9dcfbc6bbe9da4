//! Which events about claims of other stations are due.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// The least time between two events about one VIP, however many stations claim it and however often they stop and begin.
const REST: Duration = Duration::from_secs(600);

/// The VIPs that events have complained about.
#[derive(Debug, Default)]
pub(super) struct Complaints(BTreeMap<IpAddr, Complaint>);

#[derive(Debug)]
struct Complaint {
    written: Instant,
    /// The event was about the claims that go on.
    current: bool,
}

impl Complaints {
    /// Returns those of the claimed VIPs that an event is due for, and counts it as written.
    pub(super) fn due(&mut self, now: Instant, claimed: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        self.0.retain(|vip, complaint| {
            complaint.current &= claimed.contains(vip);
            complaint.current || now.saturating_duration_since(complaint.written) < REST
        });
        let due: BTreeSet<IpAddr> = claimed.iter().filter(|vip| !self.0.contains_key(vip)).copied().collect();
        self.0.extend(due.iter().map(|vip| (*vip, Complaint { written: now, current: true })));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vips(last: &[u8]) -> BTreeSet<IpAddr> {
        last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect()
    }

    #[test]
    fn a_conflict_that_goes_on_is_one_event_and_a_flapping_one_is_one_in_ten_minutes() {
        let start = Instant::now();
        let (mut steady, mut flapping) = (Complaints::default(), Complaints::default());
        let (mut of_steady, mut of_flapping) = (0, 0);
        for second in 0..3_600 {
            let now = start + Duration::from_secs(second);
            of_steady += steady.due(now, &vips(&[1])).len();
            of_flapping += flapping.due(now, &vips(if second % 7 < 3 { &[1] } else { &[] })).len();
        }
        assert_eq!(of_steady, 1);
        assert!((5..=6).contains(&of_flapping), "{of_flapping} in an hour");
    }

    #[test]
    fn each_vip_has_its_own_event_and_nothing_is_kept_of_those_that_are_over() {
        let start = Instant::now();
        let mut complaints = Complaints::default();
        assert_eq!(complaints.due(start, &vips(&[1])), vips(&[1]));
        assert_eq!(complaints.due(start, &vips(&[1, 2])), vips(&[2]));
        assert_eq!(complaints.due(start + REST, &vips(&[])), vips(&[]));
        assert!(complaints.0.is_empty());
    }
}
