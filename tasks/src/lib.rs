//! Tasks whose end is noticed.
//!
//! A panic ends one task and is otherwise silent: what the task followed is frozen, and everything else goes on as if it were not.
//! [`Tasks`] is how the programs start what runs beside them: the end of a task that is needed ends the program, which restarts with
//! everything in order, and a task that nothing else depends on starts again.
//! `clippy.toml` forbids to start tasks and threads in any other way without a reason.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long a task that panicked rests before it starts again.
const REST: Duration = Duration::from_secs(5);

/// Starts tasks, and says which of them has ended.
#[derive(Clone, Debug)]
pub struct Tasks {
    ended: mpsc::Sender<Ended>,
}

/// Hears of the tasks that have ended.
#[derive(Debug)]
pub struct Endings {
    ended: mpsc::Receiver<Ended>,
    /// Keeps the channel open while there is no task.
    _sender: mpsc::Sender<Ended>,
}

/// A task that has ended before the program did.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// What the task was for.
    pub name: String,
    /// The panic that ended it; none where it came to its end.
    pub panic: Option<Panic>,
}

/// What a panic said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic(String);

impl Tasks {
    /// Returns a way to start tasks and one to hear of their ends.
    pub fn new() -> (Self, Endings) {
        // The first one ends the program, so the others need no place.
        let (sender, ended) = mpsc::channel(1);
        (Self { ended: sender.clone() }, Endings { ended, _sender: sender })
    }

    /// Starts a task that the program needs: its end is the program's.
    #[expect(clippy::disallowed_methods, reason = "the mechanism that all others are to use")]
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (name, ended) = (name.into(), self.ended.clone());
        tokio::spawn(async move {
            let panic = caught(task).await.err();
            // A full channel holds one that came first; without a receiver the program is ending.
            drop(ended.try_send(Ended { name, panic }));
        })
    }

    /// Starts a task that nothing waits for: after a panic it starts again, and its end is nothing special.
    #[expect(clippy::disallowed_methods, reason = "the mechanism that all others are to use")]
    pub fn keep<F>(&self, name: impl Into<String>, mut task: impl FnMut() -> F + Send + 'static) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        tokio::spawn(async move {
            while let Err(panic) = caught(task()).await {
                tracing::error!(
                    "the task \"{name}\" ended by a fault and starts again in {REST:?}: {panic}; please report it"
                );
                tokio::time::sleep(REST).await;
            }
        })
    }
}

impl Endings {
    /// Waits for the first task that ends; may be dropped at any await.
    pub async fn first(&mut self) -> Ended {
        match self.ended.recv().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panic {
            Some(panic) => write!(f, "the task \"{}\" ended by a fault: {panic}; please report it", self.name),
            None => write!(f, "the task \"{}\" ended by itself; please report it", self.name),
        }
    }
}

impl Panic {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Self(text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned()))
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a future, and returns its panic as an error.
///
/// What the future shares with others must not be trusted after a panic.
///
/// # Errors
/// Returns what the panic said.
pub async fn caught<T>(task: impl Future<Output = T>) -> Result<T, Panic> {
    AssertUnwindSafe(task).catch_unwind().await.map_err(|payload| Panic::of(&*payload))
}

/// Calls a function, and returns its panic as an error.
///
/// What the function changes must not be trusted after a panic.
///
/// # Errors
/// Returns what the panic said.
pub fn caught_in<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| Panic::of(&*payload))
}

#[cfg(test)]
mod tests;
