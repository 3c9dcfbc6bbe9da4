//! Why the server cannot be followed.

use std::time::Duration;

use thiserror::Error;

use crate::response::StatusError;

/// Why changes do not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WatchError {
    /// The server refuses.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The server cannot be reached, or the connection broke.
    #[error("the API server cannot be reached: {0}")]
    Connection(String),
    /// Nothing arrives on a connection that seems to live.
    #[error("the API server was silent for {} s", after.as_secs())]
    Silent {
        /// How long.
        after: Duration,
    },
    /// What arrives is not what a watch is made of.
    #[error("the answer of the API server cannot be read: {0}")]
    Malformed(String),
    /// A line never ends.
    #[error("an object of more than {limit} bytes arrived")]
    TooLong {
        /// What is accepted, in bytes.
        limit: usize,
    },
}
