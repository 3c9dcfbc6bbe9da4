//! How a task that is flooded lets others have their turn.

use std::time::{Duration, Instant};

/// Batches that were cut short one after the other before the thread sleeps for once.
const BUSY: u32 = 8;
/// How long it sleeps: short beside every timer, long enough for whatever waits for the processor.
const REST: Duration = Duration::from_millis(1);

/// The turns of one task.
///
/// Waiting for a socket that can be read costs nothing of what the runtime allows a task for one turn, so a task whose socket is never
/// empty would keep the thread for good, and with it the sockets and timers of all others. It yields instead after each batch, and
/// sleeps now and then, because with realtime priority a thread that only yields would keep the processor from everything else.
#[derive(Debug, Default)]
pub(super) struct Turns {
    busy: u32,
}

/// What a task does before its next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    None,
    Yield,
    Rest,
}

impl Turns {
    /// Ends a turn, after which more may wait if the batch was cut short.
    pub(super) async fn end(&mut self, cut_short: bool) {
        match self.next(cut_short) {
            Pause::None => {}
            Pause::Yield => tokio::task::yield_now().await,
            Pause::Rest => tokio::time::sleep(REST).await,
        }
    }

    fn next(&mut self, cut_short: bool) -> Pause {
        if !cut_short {
            self.busy = 0;
            return Pause::None;
        }
        self.busy += 1;
        if self.busy < BUSY {
            return Pause::Yield;
        }
        self.busy = 0;
        Pause::Rest
    }
}

/// Waits until the deadline, or for ever.
pub(super) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_task_that_is_never_done_yields_after_each_batch_and_sleeps_after_eight() {
        let mut turns = Turns::default();
        let pauses: Vec<Pause> = (0..16).map(|_| turns.next(true)).collect();
        let round = [Pause::Yield; 7].into_iter().chain([Pause::Rest]);
        assert_eq!(pauses, round.clone().chain(round).collect::<Vec<_>>());
    }

    #[test]
    fn a_task_that_has_read_everything_goes_on_at_once_and_starts_to_count_anew() {
        let mut turns = Turns::default();
        for _ in 0..7 {
            assert_eq!(turns.next(true), Pause::Yield);
        }
        assert_eq!(turns.next(false), Pause::None);
        assert_eq!(turns.next(true), Pause::Yield);
    }

    #[tokio::test]
    async fn a_flooded_task_keeps_neither_another_task_nor_its_timer_from_their_turns() {
        let local = tokio::task::LocalSet::new();
        let (batches, ticks) = (Rc::new(Cell::new(0_u32)), Rc::new(Cell::new(0_u32)));
        let (flooded, ticking) = (Rc::clone(&batches), Rc::clone(&ticks));
        let flood = async move {
            let mut turns = Turns::default();
            loop {
                flooded.set(flooded.get() + 1);
                turns.end(true).await;
            }
        };
        let timer = async move {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                ticking.set(ticking.get() + 1);
            }
        };
        let waited = tokio::time::timeout(
            Duration::from_secs(5),
            local.run_until(async {
                tokio::select! { () = flood => {}, () = timer => {} }
            }),
        );
        waited.await.unwrap();
        assert_eq!(ticks.get(), 20);
        assert!(batches.get() > 20, "{} batches meanwhile", batches.get());
    }
}
