//! What tells this cluster from others: the uid of its namespace `kube-system`, which lasts as long as the cluster does.

use std::time::Duration;

use http::Request;
use kube::Client;
use members::ClusterId;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::cluster::Change;

const PATH: &str = "/api/v1/namespaces/kube-system";
/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// The first wait after a failure; each one more doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Namespace {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    uid: String,
}

/// Asks the API server until it answers, and reports every failure and the answer as a [`Change`].
pub async fn identify(client: Client, changes: mpsc::Sender<Change>) {
    let mut wait = FIRST_WAIT;
    loop {
        let outcome = ask(&client).await;
        let is_known = outcome.is_ok();
        if changes.send(Change::Identity(outcome)).await.is_err() || is_known {
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn ask(client: &Client) -> Result<ClusterId, String> {
    let request = Request::get(PATH).body(Vec::new()).map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(DEADLINE, client.request::<Namespace>(request)).await;
    let answer = answer.map_err(|_| format!("no answer within {} s", DEADLINE.as_secs()))?;
    let uid = answer.map_err(|error| error.to_string())?.metadata.uid;
    if uid.is_empty() { Err("it has no uid".to_owned()) } else { Ok(ClusterId::new(&uid)) }
}
