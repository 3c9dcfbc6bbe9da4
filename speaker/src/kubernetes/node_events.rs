//! Which events this node's Node gets: one when something begins to be wrong with a link, and none while it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::reasons::EventReason;
use tokio::time::Instant;

/// How long after an event there is no other one of the same kind, so that what comes and goes fills no log.
const AT_MOST_EVERY: Duration = Duration::from_secs(600);

/// What an event is about: a link, and what is wrong there.
pub(super) type Subject = (String, EventReason);

/// What was written.
#[derive(Debug, Default)]
pub(super) struct NodeEvents(BTreeMap<Subject, Written>);

#[derive(Debug)]
struct Written {
    at: Instant,
    /// What it said is still so.
    goes_on: bool,
}

impl NodeEvents {
    /// Takes over what is wrong now, in words, and returns what is to be written.
    pub(super) fn update(&mut self, wrong: BTreeMap<Subject, String>, now: Instant) -> Vec<(EventReason, String)> {
        self.0.retain(|subject, written| {
            written.goes_on &= wrong.contains_key(subject);
            written.goes_on || now < written.at + AT_MOST_EVERY
        });
        let mut news = Vec::new();
        for (subject, message) in wrong {
            let reason = subject.1;
            self.0.entry(subject).or_insert_with(|| {
                news.push((reason, message));
                Written { at: now, goes_on: true }
            });
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(links: &[&str]) -> BTreeMap<Subject, String> {
        let subject = |link: &str| (link.to_owned(), EventReason::SpeakersNotHeard);
        links.iter().map(|link| (subject(link), format!("{link} is deaf"))).collect()
    }

    fn update(events: &mut NodeEvents, wrong: BTreeMap<Subject, String>, now: Instant) -> Vec<String> {
        events.update(wrong, now).into_iter().map(|(_, message)| message).collect()
    }

    #[test]
    fn what_goes_on_is_written_once_and_what_comes_again_after_ten_minutes() {
        let (mut events, start) = (NodeEvents::default(), Instant::now());
        let second = |number: u64| start + Duration::from_secs(number);
        assert_eq!(update(&mut events, wrong(&["eth0"]), second(0)), ["eth0 is deaf"]);
        for number in [1, 599, 601, 9_000] {
            assert_eq!(update(&mut events, wrong(&["eth0"]), second(number)), [""; 0], "after {number} s");
        }
        assert_eq!(update(&mut events, wrong(&["eth0", "eth1"]), second(9_001)), ["eth1 is deaf"]);
        assert_eq!(update(&mut events, wrong(&["eth1"]), second(9_002)), [""; 0]);
        assert_eq!(
            update(&mut events, wrong(&["eth0", "eth1"]), second(9_003)),
            ["eth0 is deaf"],
            "the first one was long ago"
        );
        for number in [9_004, 9_006, 9_500] {
            assert_eq!(update(&mut events, wrong(&[]), second(number)), [""; 0]);
            assert_eq!(
                update(&mut events, wrong(&["eth0"]), second(number + 1)),
                [""; 0],
                "it comes and goes, at {number} s"
            );
        }
        assert_eq!(
            update(&mut events, wrong(&["eth0"]), second(9_604)),
            ["eth0 is deaf"],
            "it is so again, and the last event is old"
        );
    }
}
