//! How to announce and to hear other speakers: what `standalone` and `speaker` have in common.

use std::time::Duration;

use clap::Args;

/// The flags of the wire thread.
#[derive(Debug, Clone, Args)]
pub struct WireOptions {
    /// UDP port of the heartbeats between the speakers on one link
    #[arg(long, value_name = "PORT", default_value_t = speaker::DEFAULT_HEARTBEAT_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    pub heartbeat_port: u16,
    /// Time between two heartbeats in milliseconds; a silent speaker is asked after two and lost after three of them
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub heartbeat_interval: u64,
    /// Send heartbeats to the InternalIP addresses of the Node objects, for networks that filter multicast
    #[arg(long)]
    pub heartbeat_unicast: bool,
    /// Name of the cluster, the same on all its nodes: speakers with another one on the same network are left alone
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
    /// Seconds between repeated announcements of a VIP, so that switches do not forget it; 0 turns them off
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub refresh: u64,
}

impl WireOptions {
    /// Returns which cluster this is, if somebody says so.
    pub(crate) fn cluster(&self) -> Option<members::ClusterId> {
        self.cluster_name.as_deref().map(members::ClusterId::new)
    }

    /// Returns what the wire thread of a node is started with.
    pub(crate) fn config(&self, node: &str) -> speaker::Config {
        let refresh = Some(self.refresh).filter(|seconds| *seconds > 0).map(Duration::from_secs);
        speaker::Config {
            node: node.to_owned(),
            heartbeat_port: self.heartbeat_port,
            members: timing(Duration::from_millis(self.heartbeat_interval)),
            l2: l2::Config { refresh, ..l2::Config::default() },
        }
    }
}

/// Scales the times that belong to the interval; a silent speaker is asked after two and lost after three of them.
fn timing(interval: Duration) -> members::Timing {
    members::Timing {
        interval,
        suspect_after: interval * 2,
        lost_after: interval * 3,
        pause_margin: interval / 2,
        stagger: interval * 3 / 2,
        ..members::Timing::default()
    }
}
