//! The HTTP server of the three programs: bounded in connections, renderings, memory and time, on a thread of its own.
//!
//! Whoever reaches a port may ask as often as he likes: nothing that he does delays the wire, the sessions or the watches, and none
//! of those delays the answer of `/healthz`. A connection carries one request and ends with its answer.

pub mod address;
mod connections;
mod page;
mod port;
mod pulse;
mod request;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crds::printable::Printable;
use prometheus::{Registry, TextEncoder};
use speaker::metrics::Family;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::status::Status;
pub use connections::DROPPED;
use connections::Drops;
use page::Page;
pub(crate) use port::{Port, Serves};
pub(crate) use pulse::Pulse;

/// What a program shows of itself.
pub(crate) trait Source: Send + Sync + 'static {
    /// Everything that an answer is made of, copied out at one moment.
    type Snapshot: Send + 'static;
    /// Copies it out.
    fn observe(&self) -> impl Future<Output = Self::Snapshot> + Send;
    /// Registers the metrics of the program.
    ///
    /// # Errors
    /// Fails only when a family is there already.
    fn metrics(snapshot: &Self::Snapshot, registry: &Registry) -> prometheus::Result<()>;
    /// Returns what `/status` shows.
    fn status(snapshot: &Self::Snapshot) -> Status;
    /// Returns why the program is not ready, with the next step; nothing if it is.
    fn unready(snapshot: &Self::Snapshot) -> Option<String>;
    /// Returns what a program that is ready has to say beside that.
    fn remarks(_snapshot: &Self::Snapshot) -> &[String] {
        &[]
    }
}

/// A scrape finds text of this age at most: Prometheus asks every few seconds, and who asks more often gets the same again.
const METRICS_AGE: Duration = Duration::from_secs(1);
/// The same of `/status` and `/readyz`, which people and tests wait on.
const STATUS_AGE: Duration = Duration::from_millis(200);
/// Texts that are made at once: one for each of the three pages is rendered at a time, and two threads are enough for them.
const RENDERERS: usize = 2;

/// What the tasks of the server share.
struct Shared<S> {
    source: Arc<S>,
    pulse: Pulse,
    drops: Arc<Drops>,
    metrics: Page,
    status: Page,
    ready: Page,
}

/// The running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
}

impl Server {
    /// Serves the ports from a thread of its own.
    ///
    /// # Errors
    /// Returns the error of the operating system when it gives no thread or no event loop.
    pub(crate) fn start<S: Source>(ports: Vec<Port>, source: S, pulse: Pulse) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(RENDERERS).build()?;
        let shared = Arc::new(Shared {
            source: Arc::new(source),
            pulse,
            drops: Arc::default(),
            metrics: Page::new(METRICS_AGE),
            status: Page::new(STATUS_AGE),
            ready: Page::new(STATUS_AGE),
        });
        let listeners = {
            let _entered = runtime.enter();
            ports.into_iter().map(Port::listener).collect::<io::Result<Vec<_>>>()?
        };
        let (stop, stopped) = oneshot::channel();
        let serve = async move {
            let mut accepting = JoinSet::new();
            for (listener, serves) in listeners {
                accepting.spawn(port::accept(listener, serves, shared.clone()));
            }
            tokio::select! {
                // Both a message and the end of the handle mean the same.
                _ = stopped => {}
                // None of them returns: this one has panicked.
                Some(Err(error)) = accepting.join_next() => tracing::error!(%error, "the HTTP server ended by a fault"),
            }
        };
        thread::Builder::new().name("http".to_owned()).spawn(move || {
            runtime.block_on(serve);
            // A rendering under way must not hold up the end of the program.
            runtime.shutdown_background();
        })?;
        Ok(Self { stop })
    }

    /// Waits until the server has ended, which it does only by a fault.
    pub(crate) async fn ended(&mut self) {
        self.stop.closed().await;
    }
}

/// Renders the metrics of a program, of its process and of this server in the text format of Prometheus.
fn render<S: Source>(snapshot: &S::Snapshot, drops: &Drops) -> prometheus::Result<String> {
    let registry = Registry::new();
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    S::metrics(snapshot, &registry)?;
    drops.collect(&registry)?;
    let mut families = registry.gather();
    let labels = families.iter_mut().flat_map(|family| family.mut_metric()).flat_map(|metric| metric.mut_label());
    for label in labels {
        let shown = Printable::value(label.value()).to_string();
        if shown != label.value() {
            label.set_value(shown);
        }
    }
    TextEncoder::new().encode_to_string(&families)
}

/// Registers a gauge without labels.
///
/// # Errors
/// Fails only when the family is there already.
pub(crate) fn gauge(registry: &Registry, family: Family, value: f64) -> prometheus::Result<()> {
    let gauge = prometheus::Gauge::new(family.name, family.help)?;
    gauge.set(value);
    registry.register(Box::new(gauge))
}

#[cfg(test)]
mod tests;
