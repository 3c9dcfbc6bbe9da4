//! A page that many ask for and that is made once.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crds::printable::Printable;
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::Mutex;

/// Texts of one page that slow readers may keep alive; until one of them is gone the latest is given out whatever its age.
const ALIVE: usize = 4;

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub content_type: &'static str,
    text: Arc<str>,
}

impl Answer {
    /// Returns an answer whose text, which may be printed by `curl`, gives a terminal no instruction.
    pub(super) fn new(status: StatusCode, content_type: &'static str, text: impl AsRef<str>) -> Self {
        Self { status, content_type, text: Printable::lines(text.as_ref()).to_string().into() }
    }

    /// Returns an answer of one line, or a few.
    pub(super) fn words(status: StatusCode, text: impl AsRef<str>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{}\n", text.as_ref()))
    }

    /// Returns the text, which all who read it share.
    pub(super) fn body(&self) -> Bytes {
        struct Shared(Arc<str>);
        impl AsRef<[u8]> for Shared {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }
        Bytes::from_owner(Shared(self.text.clone()))
    }
}

/// The latest answer, for those who ask while it is young.
#[derive(Debug)]
pub(super) struct Page {
    age: Duration,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// When the making of the latest answer began, and the answer.
    latest: Option<(Instant, Answer)>,
    /// All that somebody may still be reading.
    alive: Vec<Weak<str>>,
}

impl Page {
    /// Returns a page whose text may be as old as `age`.
    pub(super) fn new(age: Duration) -> Self {
        Self { age, kept: Arc::default() }
    }

    /// Returns the latest answer if it is young enough, or else one that is made now, for all who wait.
    ///
    /// Who asks and goes away does not end the making: otherwise everybody could have texts made without waiting for them.
    pub(super) async fn get<M>(&self, make: impl FnOnce() -> M) -> Answer
    where
        M: Future<Output = Answer> + Send + 'static,
    {
        let asked = Instant::now();
        let mut kept = self.kept.clone().lock_owned().await;
        kept.alive.retain(|text| text.strong_count() > 0);
        if let Some((began, answer)) = &kept.latest
            && (*began + self.age >= asked || kept.alive.len() >= ALIVE)
        {
            return answer.clone();
        }
        let making = make();
        let made = tokio::spawn(async move {
            let began = Instant::now();
            let answer = making.await;
            kept.alive.push(Arc::downgrade(&answer.text));
            kept.latest = Some((began, answer.clone()));
            answer
        });
        made.await.unwrap_or_else(|error| {
            Answer::words(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot be made: {error}; please report it"))
        })
    }
}

#[cfg(test)]
mod tests;
