//! What a prober saw: gaps, losses and round-trip times.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Upper bounds of the histogram's buckets, in milliseconds.
const BUCKETS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/// One question and what became of it.
#[derive(Clone, Debug)]
pub struct Probe {
    /// When it was sent.
    pub sent: Instant,
    /// When and by which node it was answered.
    pub answer: Option<(Instant, Arc<str>)>,
    /// Whether its connection was reset and a second one was made at once.
    pub retried: bool,
}

/// Every probe of one kind, in the order of sending.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The probes.
    pub probes: Vec<Probe>,
}

/// A time in which something was asked and nothing answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the first unanswered question was sent.
    pub from: Instant,
    /// How long it took until anything answered.
    pub length: Duration,
}

/// The two series of one prober.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One small datagram per interval.
    pub udp: Series,
    /// One TCP connection with one line per interval.
    pub tcp: Series,
}

impl Series {
    /// Returns how many probes no answer came to.
    pub fn lost(&self) -> usize {
        self.probes.iter().filter(|probe| probe.answer.is_none()).count()
    }

    /// Returns how many probes needed a second connection.
    pub fn retried(&self) -> usize {
        self.probes.iter().filter(|probe| probe.retried).count()
    }

    /// Returns the longest time in which a probe was out and no answer came in.
    ///
    /// A prober that gets no processor sends late; because the time is counted from a sent probe, that is never taken for an outage.
    pub fn longest_gap(&self) -> Option<Gap> {
        self.gaps().into_iter().max_by_key(|gap| gap.length)
    }

    /// Returns every wait for an answer, in order; in peace each is one round trip.
    pub fn gaps(&self) -> Vec<Gap> {
        let asked: Vec<_> = self.probes.iter().map(|probe| probe.sent).collect();
        let answered = self.probes.iter().filter_map(|probe| probe.answer.as_ref().map(|(at, _)| *at)).collect();
        waits(&asked, answered)
    }

    /// Returns how many answers took at most so many milliseconds, for each bucket, and the slower rest under `None`.
    pub fn histogram(&self) -> BTreeMap<Option<u64>, usize> {
        let mut counts: BTreeMap<_, _> = BUCKETS.iter().map(|bound| (Some(*bound), 0)).collect();
        for probe in &self.probes {
            let Some((at, _)) = &probe.answer else { continue };
            let took = at.duration_since(probe.sent);
            let bucket = BUCKETS.into_iter().find(|bound| took <= Duration::from_millis(*bound));
            *counts.entry(bucket).or_insert(0) += 1;
        }
        counts
    }

    /// Returns when the first and the last probe of each run of lost ones were sent.
    fn losses(&self) -> Vec<(Instant, Instant)> {
        self.lost_runs().filter_map(|run| Some((run.first()?.sent, run.last()?.sent))).collect()
    }

    /// Returns the lost probes, those in a row together.
    fn lost_runs(&self) -> impl Iterator<Item = &[Probe]> {
        let runs = self.probes.chunk_by(|one, next| one.answer.is_none() && next.answer.is_none());
        runs.filter(|run| run.iter().all(|probe| probe.answer.is_none()))
    }

    /// Returns who answered, in the order of answering, without repeats in a row.
    pub fn answerers(&self) -> Vec<Arc<str>> {
        let mut answers: Vec<_> = self.probes.iter().filter_map(|probe| probe.answer.clone()).collect();
        answers.sort_by_key(|(at, _)| *at);
        let mut names: Vec<_> = answers.into_iter().map(|(_, name)| name).collect();
        names.dedup();
        names
    }
}

impl Report {
    /// Returns the longer of the two series' longest gaps.
    pub fn longest_gap(&self) -> Option<Gap> {
        [self.udp.longest_gap(), self.tcp.longest_gap()].into_iter().flatten().max_by_key(|gap| gap.length)
    }

    /// Returns how many probes of both series were sent.
    pub fn sent(&self) -> usize {
        self.udp.probes.len() + self.tcp.probes.len()
    }

    /// Returns how many probes of both series were lost.
    pub fn lost(&self) -> usize {
        self.udp.lost() + self.tcp.lost()
    }

    /// Returns how many probes were lost to an interruption, for traffic that passes the address translation of kube-proxy.
    ///
    /// On a busy machine the kernel fails to translate about one in 3,000 new connections, with rules of iptables and of nftables
    /// alike, while datagrams and the connections before and after it pass. An interruption that is longer than the interval of
    /// the prober loses a datagram or two connections in a row, and is counted, as are more single connections than the kernel's.
    pub fn interrupted(&self) -> usize {
        let lost = self.tcp.lost_runs().map(<[Probe]>::len);
        let (single, several): (Vec<_>, Vec<_>) = lost.partition(|length| *length == 1);
        let untranslated = 2.max(self.tcp.probes.len() / 500);
        self.udp.lost() + several.into_iter().sum::<usize>() + single.len().saturating_sub(untranslated)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.longest_gap().map_or(Duration::ZERO, |gap| gap.length);
        let (sent, lost, retried) = (self.probes.len(), self.lost(), self.retried());
        write!(f, "{sent} sent, {lost} lost, {retried} retried, longest gap {:.1} ms; round trips", millis(gap))?;
        for (bound, count) in self.histogram().into_iter().filter(|(_, count)| *count > 0) {
            match bound {
                Some(bound) => write!(f, ", <={bound} ms: {count}")?,
                None => write!(f, ", slower: {count}")?,
            }
        }
        for (first, last) in self.losses() {
            let Some(Probe { sent: start, .. }) = self.probes.first() else { break };
            let (first, last) = (first.duration_since(*start), last.duration_since(*start));
            write!(f, "; lost those sent {:.1} to {:.1} ms after the first", millis(first), millis(last))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp: {}\ntcp: {}", self.udp, self.tcp)
    }
}

/// Returns a duration as milliseconds with fractions.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns, for questions in order of time and answers in any order, each time from a first open question to the next answer.
///
/// Questions that are open at the end count up to the last of them.
pub fn waits(asked: &[Instant], mut answered: Vec<Instant>) -> Vec<Gap> {
    answered.sort();
    let mut gaps = Vec::new();
    let mut questions = asked.iter().copied().peekable();
    for answer in answered {
        let Some(from) = questions.next_if(|question| *question <= answer) else { continue };
        gaps.push(Gap { from, length: answer.duration_since(from) });
        while questions.next_if(|question| *question <= answer).is_some() {}
    }
    if let (Some(from), Some(last)) = (questions.peek().copied(), asked.last()) {
        gaps.push(Gap { from, length: last.duration_since(from) });
    }
    gaps
}

#[cfg(test)]
mod tests;
