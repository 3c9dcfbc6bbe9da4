//! The command line of `clarion controller`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use apiserver::Pacing;
use clap::{ArgAction, Args};
use controller::kubernetes;
use controller::leader::Timing;

use crate::environment::from_environment;
use crate::http::address::Endpoint;

/// The cluster-wide program: gives addresses to Services.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Namespace whose custom resources and secrets count [env: CLARION_NAMESPACE, METALLB_NAMESPACE]; by default that of the
    /// service account
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Name of this pod, which tells it from the other replicas [env: CLARION_POD_NAME, METALLB_POD_NAME]
    #[arg(long, value_name = "NAME")]
    pub pod_name: Option<String>,
    /// How to reach the API server; by default as a pod of the cluster does
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Serve only Services of this loadBalancerClass; without it, only Services without a class
    #[arg(long, value_name = "CLASS", default_value = "")]
    pub lb_class: String,
    /// Port of /metrics; 0 turns it off
    #[arg(long, value_name = "PORT", default_value_t = 9120)]
    pub port: u16,
    /// Where to serve /metrics: an IP address of this pod, with or without a port, which goes before --port. Without it, every
    /// address
    #[arg(long, value_name = "ADDR")]
    pub metrics_address: Option<Endpoint>,
    /// Port of /healthz and /readyz, on every address, and of /status, on 127.0.0.1 and ::1 alone
    #[arg(long, value_name = "PORT", default_value_t = 17472)]
    pub health_probe_port: u16,
    /// Let several replicas agree on one that works; without it there must be one replica only
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub leader_elect: bool,
    /// Name of the Lease that the replicas agree by; the Role of the manifests lets them get and patch the default one alone
    #[arg(long, value_name = "NAME", default_value = "clarion-controller")]
    pub lease_name: String,
    /// Seconds that a silent leader is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub lease_duration: u64,
    /// Seconds without a renewal after which a leader ends; less than --lease-duration
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub renew_deadline: u64,
    /// Seconds between two renewals; less than --renew-deadline
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub retry_period: u64,
    /// Status writes under way at once
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub writes_in_flight: u16,
    /// Status writes a second in the long run; twice as many may go out at once after a quiet time
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub writes_per_second: u32,
    /// Name of the Secret with the key of the speakers' heartbeats, which is made if there is none. Speakers read the default one
    /// alone, and so does the Role of the manifests permit: another one is of use only to a program that copies it there
    #[arg(long, value_name = "NAME", default_value = speaker::keys::SECRET)]
    pub ml_secret_name: String,
    /// Seconds that each of the two steps of a change of that key lasts at least; it ends when every speaker has shown it
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub key_rotation_pause: u64,
}

impl Options {
    /// Returns what the controller is told to do.
    ///
    /// # Errors
    /// Fails when the times of the election contradict each other.
    pub(super) fn checked(&self) -> anyhow::Result<kubernetes::Options> {
        let Self { lease_duration, renew_deadline, retry_period, .. } = *self;
        ensure!(
            retry_period < renew_deadline && renew_deadline < lease_duration,
            "--retry-period {retry_period}, --renew-deadline {renew_deadline} and --lease-duration {lease_duration} \
             do not go together; each must be longer than the one before"
        );
        let pod = self.pod_name.clone().or_else(|| from_environment("POD_NAME"));
        let per_second = f64::from(self.writes_per_second);
        Ok(kubernetes::Options {
            kubeconfig: self.kubeconfig.clone(),
            namespace: self.namespace.clone().or_else(|| from_environment("NAMESPACE")),
            lb_class: self.lb_class.clone(),
            // A pod that is restarted in place may go on at once; without a pod's name nobody can tell two processes apart.
            identity: pod.unwrap_or_else(|| format!("process-{:016x}", rand::random::<u64>())),
            lease: self.leader_elect.then(|| self.lease_name.clone()),
            timing: Timing {
                lease_duration: Duration::from_secs(lease_duration),
                renew_deadline: Duration::from_secs(renew_deadline),
                retry_period: Duration::from_secs(retry_period),
            },
            pacing: Pacing {
                in_flight: self.writes_in_flight.into(),
                per_second,
                burst: per_second * 2.0,
                ..Pacing::default()
            },
            secret: self.ml_secret_name.clone(),
            key_rotation_pause: Duration::from_secs(self.key_rotation_pause),
        })
    }
}
