//! The parts of a full run, each measured by a process of its own.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{
    Options, change,
    cluster::Kind,
    cold_start,
    failover::{self, Fault},
    figure::Sink,
    idle, kubernetes, legs, moves, plan, route_change, routes, size, starvation,
};

/// The benches by the names of their figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Bench {
    /// The owner dies, hangs or loses its wire.
    #[value(name = "l2_failover")]
    L2Failover,
    /// A node is cordoned.
    Drain,
    /// Speakers are stopped in order.
    Leave,
    /// Every core is oversubscribed.
    Starvation,
    /// Nothing happens.
    Idle,
    /// A manifest changes.
    Change,
    /// All speakers start at once.
    ColdStart,
    /// Allocation and announcement are computed.
    Plan,
    /// The binary's size.
    Size,
    /// A real API server.
    Kubernetes,
    /// Routers learn many routes.
    Routes,
    /// A router stops to use a lost node.
    Legs,
}

/// One part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Some faults of one subject.
    Failover(Kind, Vec<Fault>),
    /// Planned moves.
    Drain,
    /// Orderly stops of the owner.
    Leave,
    /// Restarts of every speaker, one after the other.
    Rolling,
    /// Busy cores.
    Starvation,
    /// Idle speakers with so many Services.
    Idle(usize),
    /// Changes beside so many Services.
    Change(usize),
    /// A start with so many addresses.
    ColdStart(usize),
    /// Computation only.
    Plan,
    /// The file only.
    Size,
    /// Controller and speaker on an API server with so many Services.
    Kubernetes(usize),
    /// So many prefixes to routers, beside other BGP speakers.
    Routes(usize),
    /// Lost nodes behind a router.
    Legs,
    /// Changes that a router hears of, beside so many Services.
    RouteChange(usize),
}

impl Job {
    /// Returns the bench that the part belongs to.
    pub(crate) fn bench(&self) -> Bench {
        match self {
            Self::Failover(..) => Bench::L2Failover,
            Self::Drain => Bench::Drain,
            Self::Leave | Self::Rolling => Bench::Leave,
            Self::Starvation => Bench::Starvation,
            Self::Idle(_) => Bench::Idle,
            Self::Change(_) | Self::RouteChange(_) => Bench::Change,
            Self::ColdStart(_) => Bench::ColdStart,
            Self::Plan => Bench::Plan,
            Self::Size => Bench::Size,
            Self::Kubernetes(_) => Bench::Kubernetes,
            Self::Routes(_) => Bench::Routes,
            Self::Legs => Bench::Legs,
        }
    }

    /// Measures the part; to be called inside a private world.
    pub(crate) fn run(&self, options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
        match self {
            Self::Failover(kind, faults) => failover::run(options, *kind, faults, sink),
            Self::Drain => moves::drain(options, sink),
            Self::Leave => moves::leave(options, sink),
            Self::Rolling => moves::rolling(options, sink),
            Self::Starvation => starvation::run(options, sink),
            Self::Idle(services) => idle::run(options, *services, sink),
            Self::Change(services) => change::run(options, *services, sink),
            Self::ColdStart(vips) => cold_start::run(options, *vips, sink),
            Self::Plan => plan::run(sink),
            Self::Size => size::run(options, sink),
            Self::Kubernetes(services) => kubernetes::run(options, *services, sink),
            Self::Routes(prefixes) => routes::run(options, *prefixes, sink),
            Self::Legs => legs::run(options, sink),
            Self::RouteChange(services) => route_change::run(options, *services, sink),
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failover(kind, faults) => {
                let faults: Vec<_> = faults.iter().map(Fault::name).collect();
                write!(f, "l2_failover {} {}", kind.name(), faults.join(" "))
            }
            Self::Drain => f.write_str("drain"),
            Self::Leave => f.write_str("leave"),
            Self::Rolling => f.write_str("leave rolling"),
            Self::Starvation => f.write_str("starvation"),
            Self::Idle(services) => write!(f, "idle {services}"),
            Self::Change(services) => write!(f, "change {services}"),
            Self::ColdStart(vips) => write!(f, "cold_start {vips}"),
            Self::Plan => f.write_str("plan"),
            Self::Size => f.write_str("size"),
            Self::Kubernetes(services) => write!(f, "kubernetes {services}"),
            Self::Routes(prefixes) => write!(f, "routes {prefixes}"),
            Self::Legs => f.write_str("legs"),
            Self::RouteChange(services) => write!(f, "change routed {services}"),
        }
    }
}
