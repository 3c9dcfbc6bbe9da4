//! The lines of a watch.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use kube::client::Body;

use crate::error::WatchError;

/// Larger than any object that etcd takes.
const LONGEST_LINE: usize = 16 << 20;

/// Splits a response into lines as they arrive.
pub(crate) struct Lines {
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of line.
    searched: usize,
}

impl Lines {
    /// Reads from `body`.
    pub(crate) fn new(body: Body) -> Self {
        Self { body, buffer: BytesMut::new(), searched: 0 }
    }

    /// Returns the next line, or nothing at the end; silence for longer than `patience` is an error.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<Option<Bytes>, WatchError> {
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + end).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.searched > LONGEST_LINE {
                return Err(WatchError::TooLong { limit: LONGEST_LINE });
            }
            let frame = tokio::time::timeout(patience, self.body.frame())
                .await
                .map_err(|_| WatchError::Silent { after: patience })?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(WatchError::Connection(error.to_string())),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}
