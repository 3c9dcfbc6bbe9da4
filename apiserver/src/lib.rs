//! One connection to the Kubernetes API server.
//!
//! [`connect()`] opens a single HTTP/2 connection whose pings notice a dead server in about 15 s. [`Watch`] follows a collection
//! over it and hands every object on as soon as it is decoded, [`Table`] keeps the latest version of each, and [`Writer`] sends
//! changes with bounds on time, number and pace. [`Recorder`] writes events, [`Reporter`] one verdict, and [`Repairs`]
//! bounds what a fight with another program costs. [`Rooms`] bounds what the objects of one namespace take. What any of it means is
//! decided elsewhere.
//!
//! Configuration, authentication, TLS and requests are those of `kube`. Its runtime (`watcher`, `reflector`, `Recorder`) is not used,
//! for what would be lost with it: all watches on one HTTP/2 connection whose pings notice a dead server; objects decoded into the
//! fields that are used, and one that cannot be decoded reported by its name beside the others; back-pressure from the consumer to
//! the server; a list that is read from a quorum where absence decides, and again after an outage; events with a name of our own,
//! which the server itself keeps from being written twice.

#![forbid(unsafe_code)]

mod backoff;
mod collection;
mod configuration;
mod configuration_state;
mod connect;
mod error;
mod lines;
mod recorder;
mod repairs;
mod response;
mod rooms;
mod table;
mod watch;
mod writer;

pub use collection::{Collection, ObjectName};
pub use configuration::{Configuration, ConfigurationEvent, Quiet, follow_configuration};
pub use configuration_state::{Program, Report, Reported, Reporter, Shown, Verdict};
pub use connect::{ConnectError, Connection, connect};
pub use error::WatchError;
pub use recorder::{Occurrence, Recorder, Regarding};
pub use repairs::{Budget, Repairs};
pub use response::StatusError;
pub use rooms::{Incomplete, NoRoom, PassedOver, Rooms};
pub use table::{Row, Table, Undecodable};
pub use watch::{Event, Freshness, Object, Unreadable, Version, Watch};
pub use writer::{Pacing, WriteError, Writer, Written};
