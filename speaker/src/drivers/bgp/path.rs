//! Where a session hears from BFD.

use tokio::sync::watch;

use crate::drivers::bfd::PathState;

/// Returns whether news of the path come from the same place.
pub(in crate::drivers) fn is_same_path(
    one: &Option<watch::Receiver<PathState>>,
    other: &Option<watch::Receiver<PathState>>,
) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.same_channel(other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Waits for news of the path; for ever where nobody watches it.
pub(super) async fn next(path: &mut Option<watch::Receiver<PathState>>) -> PathState {
    if let Some(receiver) = path
        && receiver.changed().await.is_ok()
    {
        return *receiver.borrow_and_update();
    }
    std::future::pending().await
}
