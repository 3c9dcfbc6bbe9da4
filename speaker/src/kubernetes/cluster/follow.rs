//! The watches.

use std::sync::Arc;

use apiserver::{Collection, Freshness, Watch, follow_configuration};
use crds::kinds::GROUP;
use kube::Client;
use tasks::Tasks;
use tokio::sync::mpsc;

use super::{Change, Cluster};
use crate::kubernetes::speakers;

/// Follows everything that `cluster` keeps, until the receiver of `changes` is gone.
pub fn follow(tasks: &Tasks, client: &Client, namespace: &str, changes: &mpsc::Sender<Change>, cluster: &Cluster) {
    let [of_services, of_slices] = cluster.incomplete();
    let services = Collection::everywhere("v1", "services").fields("spec.type=LoadBalancer");
    let following = watch(services).follow_within(client.clone(), changes.clone(), Change::service, of_services);
    tasks.spawn("the watch of Services", following);
    // A headless Service has no load balancer, and its slices are many.
    let slices = Collection::everywhere("discovery.k8s.io/v1", "endpointslices");
    let slices = slices.labels("!service.kubernetes.io/headless");
    let following = watch(slices).follow_within(client.clone(), changes.clone(), Change::slice, of_slices);
    tasks.spawn("the watch of EndpointSlices", following);
    let namespaces = Collection::everywhere("v1", "namespaces");
    let namespaces = watch(namespaces).follow(client.clone(), changes.clone(), Change::namespace);
    tasks.spawn("the watch of Namespaces", namespaces);
    let nodes = Collection::everywhere("v1", "nodes");
    tasks.spawn("the watch of Nodes", watch(nodes).follow(client.clone(), changes.clone(), Change::node));
    follow_secrets(tasks, client, namespace, changes, cluster);
    let speakers = Collection::within(namespace, &format!("{GROUP}/v1beta1"), "configurationstates");
    let speakers = speakers.labels(speakers::LABELS);
    tasks.spawn("the watch of speakers", watch(speakers).follow(client.clone(), changes.clone(), Change::speaker));
    follow_configuration(tasks, client, namespace, Freshness::Cached, changes, Change::configuration);
}

fn follow_secrets(tasks: &Tasks, client: &Client, namespace: &str, changes: &mpsc::Sender<Change>, cluster: &Cluster) {
    let secrets = || Collection::within(namespace, "v1", "secrets");
    let names: Vec<&Arc<str>> = cluster.secrets.names().collect();
    if names.is_empty() {
        // Passwords are named by the configuration. What Helm keeps beside them is large, and no business of ours.
        let secrets = secrets().fields("type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token");
        let following = watch(secrets).follow(client.clone(), changes.clone(), Change::Secret);
        tasks.spawn("the watch of Secrets", following);
    }
    for name in names {
        // A Role that names Secrets permits to list and watch them by this selector alone.
        let secret = secrets().fields(&format!("metadata.name={name}"));
        let name = name.clone();
        let wrap = move |event| Change::NamedSecret(name.clone(), event);
        tasks.spawn("the watch of a Secret", watch(secret).follow(client.clone(), changes.clone(), wrap));
    }
}

/// A speaker decides on what exists, and nothing it misses for a second is given to anybody else meanwhile.
fn watch(collection: Collection) -> Watch {
    Watch { collection, freshness: Freshness::Cached }
}
