//! Following a collection.

mod requests;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::{Request, StatusCode};
use kube::Client;
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::collection::{Collection, ObjectName};
use crate::error::WatchError;
use crate::lines::Lines;
use crate::response::{Status, StatusError};
use crate::rooms::Incomplete;
use wire::{Envelope, Line, Page, parse, version, whole};

/// The server writes a bookmark every minute, so two of them missing means that nothing gets through any more.
const SILENCE: Duration = Duration::from_secs(135);
/// A streamed list says something all the time, and its end a second after the last object. A server whose cache of a collection has
/// only begun may never say it, so what is silent for longer is listed page by page.
const LIST_SILENCE: Duration = Duration::from_secs(5);
/// How long the server keeps a watch open, in seconds; spread, so that watches do not all end at once.
const WATCH_SECONDS: std::ops::Range<u32> = 240..360;
/// How long a request may take until its response begins, and a page of a list until it ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Objects per page, where the server cannot stream the list.
const PAGE: u32 = 500;
/// A watch that lived this long is a success, whatever ended it.
const STEADY: Duration = Duration::from_secs(5);
/// Without a connection for this long, everything is listed again. No store is restored and no server started in less, while a
/// load balancer in front of several servers that breaks connections takes new ones at once.
const OUTAGE: Duration = Duration::from_secs(1);
/// Marks the end of the list in a watch that began with one.
const LIST_ENDS: &str = "k8s.io/initial-events-end";

/// How current the first list must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Whatever the server has at hand, which may be seconds old; cheap for the server.
    Cached,
    /// What a majority of the store agrees on now, for those who decide on what is not there.
    Quorum,
}

/// A collection to follow.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What to follow.
    pub collection: Collection,
    /// How current its list must be.
    pub freshness: Freshness,
}

/// The version of an object, or of a whole collection, as the server numbers them; later ones are larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// An object as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<T> {
    /// Its name.
    pub name: ObjectName,
    /// Its version.
    pub version: Version,
    /// What it holds, or why that cannot be read; one bad object does not hide the others.
    pub value: Result<T, Unreadable>,
}

/// Why an object cannot be read, and what can be read of it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The field and what is wrong with it.
    pub reason: String,
    /// Its labels, which say whose it is.
    pub labels: BTreeMap<String, String>,
}

/// What happens to a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<T> {
    /// Everything is told again: what is not mentioned until [`Event::Listed`] is gone.
    Relisting,
    /// An object exists, new or changed.
    Applied(Object<T>),
    /// An object is gone, at this version of the collection.
    Deleted(ObjectName, Version),
    /// Everything that exists has been told.
    Listed,
    /// Changes arrive.
    Connected,
    /// Changes do not arrive; what was told stays the best that is known.
    Lost(WatchError),
}

/// Whether the receiver wants more.
enum Sent {
    Yes,
    Nobody,
}

/// The connection between one watch and its receiver.
struct Follower<E, F> {
    client: Client,
    watch: Watch,
    sender: mpsc::Sender<E>,
    wrap: F,
    /// Whether the server can put the list into the watch.
    streams: bool,
    /// Where to go on; none means from a list.
    from: Option<Version>,
    /// How current the next list must be.
    freshness: Freshness,
    /// Whether the receiver has passed over some of what it was given.
    incomplete: Incomplete,
    /// When the last list began.
    listed_at: Instant,
    /// Whether the server has said anything on the connection that is or was the last.
    heard: bool,
    /// When the connection broke, until the server says something again.
    lost: Option<Instant>,
}

impl<T> Event<T> {
    /// Converts what an object holds, so that only what is used of it is kept.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Event<U> {
        match self {
            Self::Relisting => Event::Relisting,
            Self::Applied(Object { name, version, value }) => {
                Event::Applied(Object { name, version, value: value.map(convert) })
            }
            Self::Deleted(name, version) => Event::Deleted(name, version),
            Self::Listed => Event::Listed,
            Self::Connected => Event::Connected,
            Self::Lost(error) => Event::Lost(error),
        }
    }
}

impl Watch {
    /// Follows the collection until the receiver of `sender` is gone; every event is wrapped, so that several watches share a channel.
    ///
    /// A full channel makes the watch wait, and the server with it.
    pub async fn follow<T, E>(self, client: Client, sender: mpsc::Sender<E>, wrap: impl Fn(Event<T>) -> E + Send)
    where
        T: DeserializeOwned + Send,
        E: Send,
    {
        self.follow_within(client, sender, wrap, Incomplete::default()).await;
    }

    /// Follows the collection for a receiver that may pass some of it over. As long as it has, everything is listed anew each time the
    /// watch is renewed, every 4 to 6 minutes: what found no room may find some then.
    pub async fn follow_within<T, E>(
        self,
        client: Client,
        sender: mpsc::Sender<E>,
        wrap: impl Fn(Event<T>) -> E + Send,
        incomplete: Incomplete,
    ) where
        T: DeserializeOwned + Send,
        E: Send,
    {
        let mut backoff = Backoff::default();
        let freshness = self.freshness;
        let mut follower = Follower {
            client,
            watch: self,
            sender,
            wrap,
            streams: true,
            from: None,
            freshness,
            incomplete,
            listed_at: Instant::now(),
            heard: false,
            lost: None,
        };
        loop {
            let began = Instant::now();
            let ended = follower.once().await;
            let steady = began.elapsed() >= STEADY;
            if steady {
                backoff.reset();
            }
            let asked = match ended {
                Ok(Sent::Nobody) => return,
                Ok(Sent::Yes) if steady || follower.heard => {
                    backoff.reset();
                    continue;
                }
                // Whatever stands in for the server would be asked again without end.
                Ok(Sent::Yes) => None,
                Err(error) if follower.adapt(&error) => continue,
                Err(error) => {
                    if let WatchError::Connection(_) | WatchError::Silent { .. } = &error {
                        follower.lost.get_or_insert_with(Instant::now);
                    }
                    let asked = if let WatchError::Status(status) = &error { status.retry_after } else { None };
                    tracing::warn!(collection = %follower.watch.collection, %error, "watch lost");
                    if let Sent::Nobody = follower.tell(Event::Lost(error)).await {
                        return;
                    }
                    asked
                }
            };
            let pause = tokio::time::sleep(backoff.next(asked));
            tokio::select! {
                () = pause => {}
                () = follower.sender.closed() => return,
            }
        }
    }
}

impl<E, F> Follower<E, F> {
    /// Changes what is asked for when an error says that it cannot be had; returns whether to try again at once.
    fn adapt(&mut self, error: &WatchError) -> bool {
        if let WatchError::Silent { after } = error
            && *after == LIST_SILENCE
        {
            tracing::warn!(collection = %self.watch.collection, "the streamed list does not end; it is asked for page by page");
            return std::mem::take(&mut self.streams);
        }
        let WatchError::Status(status) = error else { return false };
        if status.is_expired() {
            return self.from.take().is_some();
        }
        // A server without streamed lists calls their parameters invalid, and would for ever.
        let refused = status.code == StatusCode::UNPROCESSABLE_ENTITY || status.code == StatusCode::BAD_REQUEST;
        refused && self.from.is_none() && std::mem::take(&mut self.streams)
    }

    /// Forgets where to go on after an outage, in which the store may have been restored from a backup: its versions may have
    /// passed ours since, and then nothing on the wire tells the two histories apart.
    fn forget_after_outage(&mut self) {
        if self.lost.is_some_and(|lost| lost.elapsed() >= OUTAGE) {
            // What the server has at hand may be from before that.
            (self.from, self.freshness) = (None, Freshness::Quorum);
        }
    }

    async fn once<T: DeserializeOwned>(&mut self) -> Result<Sent, WatchError>
    where
        F: Fn(Event<T>) -> E,
    {
        self.forget_after_outage();
        if self.incomplete.wants_list(self.listed_at.elapsed()) {
            self.from = None;
        }
        if let Some(from) = self.from
            && self.stands_at().await? < from
        {
            tracing::warn!(collection = %self.watch.collection, %from, "the API server went back to an earlier state, as after a restore; everything is listed again");
            // What it has at hand may be from before that.
            (self.from, self.freshness) = (None, Freshness::Quorum);
        }
        if self.from.is_none() {
            self.listed_at = Instant::now();
        }
        if self.from.is_none()
            && !self.streams
            && let Sent::Nobody = self.list().await?
        {
            return Ok(Sent::Nobody);
        }
        self.heard = false;
        let mut lines = self.open().await?;
        if self.from.is_none()
            && let Sent::Nobody = self.tell(Event::Relisting).await
        {
            return Ok(Sent::Nobody);
        }
        if let Sent::Nobody = self.tell(Event::Connected).await {
            return Ok(Sent::Nobody);
        }
        loop {
            let patience = if self.from.is_none() { LIST_SILENCE } else { SILENCE };
            let line = tokio::select! {
                line = lines.next(patience) => line?,
                () = self.sender.closed() => return Ok(Sent::Nobody),
            };
            let Some(line) = line else { return Ok(Sent::Yes) };
            (self.heard, self.lost) = (true, None);
            if let Sent::Nobody = self.line(&line).await? {
                return Ok(Sent::Nobody);
            }
        }
    }

    /// Starts the watch: from the last version that was told, or with a list of everything in front.
    async fn open(&self) -> Result<Lines, WatchError> {
        let seconds = rand::rng().random_range(WATCH_SECONDS).to_string();
        let mut query =
            vec![("watch", "true".to_owned()), ("allowWatchBookmarks", "true".to_owned()), ("timeoutSeconds", seconds)];
        match self.from {
            Some(version) => query.push(("resourceVersion", version.to_string())),
            None => {
                query.push(("sendInitialEvents", "true".to_owned()));
                query.push(("resourceVersionMatch", "NotOlderThan".to_owned()));
                query.push(("resourceVersion", self.oldest_acceptable().to_owned()));
            }
        }
        Ok(Lines::new(self.send(Request::get(self.target(&query))).await?))
    }

    /// Tells the whole collection page by page, for servers that cannot stream it.
    async fn list<T: DeserializeOwned>(&mut self) -> Result<Sent, WatchError>
    where
        F: Fn(Event<T>) -> E,
    {
        if let Sent::Nobody = self.tell(Event::Relisting).await {
            return Ok(Sent::Nobody);
        }
        let mut next = String::new();
        loop {
            let mut query = vec![("limit", PAGE.to_string())];
            match next.is_empty() {
                true => query.push(("resourceVersion", self.oldest_acceptable().to_owned())),
                false => query.push(("continue", next)),
            }
            let body = self.whole(Request::get(self.target(&query))).await?;
            let page: Page<'_> = parse(&body)?;
            for item in page.items.unwrap_or_default() {
                if let Sent::Nobody = self.tell(Event::Applied(Object::read(item.get())?)).await {
                    return Ok(Sent::Nobody);
                }
            }
            next = page.metadata.next.unwrap_or_default();
            if next.is_empty() {
                self.from = Some(version(&page.metadata.resource_version)?);
                return Ok(self.tell(Event::Listed).await);
            }
        }
    }

    async fn line<T: DeserializeOwned>(&mut self, line: &[u8]) -> Result<Sent, WatchError>
    where
        F: Fn(Event<T>) -> E,
    {
        let Line { kind, object: raw } = parse(line)?;
        match kind {
            "ADDED" | "MODIFIED" => {
                let object: Object<T> = Object::read(raw.get())?;
                self.advance(object.version);
                Ok(self.tell(Event::Applied(object)).await)
            }
            "DELETED" => {
                let Envelope { metadata } = whole(raw)?;
                let at = version(&metadata.resource_version)?;
                self.advance(at);
                Ok(self.tell(Event::Deleted(ObjectName::new(&metadata.namespace, &metadata.name), at)).await)
            }
            "BOOKMARK" => {
                let Envelope { metadata } = whole(raw)?;
                let at = version(&metadata.resource_version)?;
                let ends = self.from.is_none() && metadata.annotations.get(LIST_ENDS).is_some_and(|end| end == "true");
                if ends {
                    self.from = Some(at);
                    return Ok(self.tell(Event::Listed).await);
                }
                self.advance(at);
                Ok(Sent::Yes)
            }
            "ERROR" => Err(StatusError::from(whole::<Status>(raw)?).into()),
            other => Err(WatchError::Malformed(format!("unknown event type {other:?}"))),
        }
    }

    /// Remembers how far the watch has come; during a list there is no place to go on from.
    fn advance(&mut self, version: Version) {
        if let Some(from) = &mut self.from {
            *from = version;
        }
    }

    /// Returns the version parameter of a list.
    fn oldest_acceptable(&self) -> &'static str {
        match self.freshness {
            Freshness::Cached => "0",
            Freshness::Quorum => "",
        }
    }

    async fn tell<T>(&self, event: Event<T>) -> Sent
    where
        F: Fn(Event<T>) -> E,
    {
        match self.sender.send((self.wrap)(event)).await {
            Ok(()) => Sent::Yes,
            Err(_) => Sent::Nobody,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
