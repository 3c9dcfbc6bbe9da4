//! The sessions with routers: one task per peer, and one thread for all of BFD.
//!
//! The supervisor starts and ends the sessions and passes on what the node should announce. It resets no session that an edit does
//! not concern: only another address, port, source or device makes a peer a new one.

mod admission;
mod desired;
mod doors;
mod paths;
#[cfg(test)]
mod ports;
mod supervisor;
mod tables;

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task;

use super::bfd::BfdThread;
use super::observed::{PeerObserved, RoutingObserved};
use desired::Order;
pub use desired::{Config, Desired};
use supervisor::Supervisor;

/// The running sessions.
#[derive(Debug)]
pub struct Routing {
    desired: watch::Sender<Arc<Order>>,
    queries: mpsc::Sender<oneshot::Sender<RoutingObserved>>,
    supervisor: task::JoinHandle<()>,
}

impl Routing {
    /// Starts the supervisor on the current runtime, and the thread of BFD.
    ///
    /// # Errors
    /// Returns the error of the operating system when it gives no thread or no event loop.
    pub fn start(config: Config) -> io::Result<Self> {
        Ok(Self::with(config, BfdThread::start()?))
    }

    fn with(config: Config, bfd: BfdThread) -> Self {
        let (desired, receiver) = watch::channel(Arc::new(Order::default()));
        // One question at a time is normal (a scrape); a few more may wait, and further askers wait with them.
        let (queries, questions) = mpsc::channel(4);
        let supervisor = Supervisor::new(config, bfd);
        #[expect(clippy::disallowed_methods, reason = "its end closes the questions, which `ended` waits for")]
        let supervisor = tokio::spawn(supervisor.run(receiver, questions));
        Self { desired, queries, supervisor }
    }

    /// Replaces what routers should be told.
    pub fn update(&self, desired: Desired) {
        self.desired.send_replace(Arc::new(Order { desired, leave: false }));
    }

    /// Returns a handle to ask the sessions through.
    pub fn observer(&self) -> RoutingObserver {
        RoutingObserver { queries: self.queries.clone() }
    }

    /// Waits until the supervisor has ended, which before [`Self::leave`] it does only by a fault.
    pub async fn ended(&self) {
        self.queries.closed().await;
    }

    /// Ends all sessions in order and waits until they have ended.
    ///
    /// Routers with graceful restart are left without a word and keep the routes; others are first asked to prefer other nodes, for
    /// [`Config::leave_time`], and then told that there are none.
    pub async fn leave(self) {
        self.desired.send_modify(|order| Arc::make_mut(order).leave = true);
        if self.supervisor.await.is_err() {
            tracing::error!("the sessions with routers ended by a fault");
        }
    }
}

/// Asks the sessions what they do at this moment.
#[derive(Debug, Clone)]
pub struct RoutingObserver {
    queries: mpsc::Sender<oneshot::Sender<RoutingObserved>>,
}

impl RoutingObserver {
    /// Returns what the sessions say, in the order of the peers; empty once they have ended.
    pub async fn observe(&self) -> Vec<PeerObserved> {
        self.observe_all().await.peers
    }

    /// Returns the same with what belongs to no peer.
    pub async fn observe_all(&self) -> RoutingObserved {
        let (answer, answered) = oneshot::channel();
        if self.queries.send(answer).await.is_err() {
            return RoutingObserved::default();
        }
        answered.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_end_of_the_bfd_thread_by_a_panic_is_noticed_at_once() {
        let routing = Routing::with(Config::default(), BfdThread::broken());
        tokio::time::timeout(Duration::from_secs(5), routing.ended()).await.unwrap();
    }

    #[tokio::test]
    async fn the_sessions_go_on_while_the_bfd_thread_does() {
        let routing = Routing::start(Config::default()).unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(100), routing.ended()).await.is_err());
        routing.leave().await;
    }
}
