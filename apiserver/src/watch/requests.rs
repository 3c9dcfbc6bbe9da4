//! What a watch asks the server.

use std::error::Error;

use bytes::Bytes;
use http::{Request, header, request};
use http_body_util::BodyExt as _;
use kube::client::Body;

use super::wire::{Page, parse, version};
use super::{Follower, PATIENCE, Version};
use crate::collection::Collection;
use crate::error::WatchError;
use crate::response::StatusError;

/// Asks for names and versions only: what the first object holds is of no interest.
const METADATA_ALONE: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

impl<E, F> Follower<E, F> {
    /// Asks a majority of the store for the version that the collection stands at.
    ///
    /// A store that was restored from a backup stands at an earlier one than it told before, and a watch from there says nothing
    /// until it has caught up: what was lost and what is new since would both go unnoticed.
    pub(super) async fn stands_at(&self) -> Result<Version, WatchError> {
        let target = place(&self.watch.collection);
        let body = self.whole(Request::get(target).header(header::ACCEPT, METADATA_ALONE)).await?;
        let page: Page<'_> = parse(&body)?;
        version(&page.metadata.resource_version)
    }

    /// Returns a whole response.
    pub(super) async fn whole(&self, request: request::Builder) -> Result<Bytes, WatchError> {
        let body = tokio::time::timeout(PATIENCE, self.send(request).await?.collect()).await;
        let body = body.map_err(|_| WatchError::Silent { after: PATIENCE })?;
        Ok(body.map_err(|error| WatchError::Connection(error.to_string()))?.to_bytes())
    }

    /// Returns the body of a response that has begun.
    pub(super) async fn send(&self, request: request::Builder) -> Result<Body, WatchError> {
        let request = request.body(Body::empty()).map_err(|error| WatchError::Malformed(error.to_string()))?;
        let response = tokio::time::timeout(PATIENCE, self.client.send(request)).await;
        let response = response.map_err(|_| WatchError::Silent { after: PATIENCE })?;
        let response = response.map_err(|error| WatchError::Connection(with_causes(&error)))?;
        match response.status().is_success() {
            true => Ok(response.into_body()),
            false => Err(StatusError::read(response).await.into()),
        }
    }

    /// Returns where to ask for the objects that are followed.
    pub(super) fn target(&self, query: &[(&str, String)]) -> String {
        let path = self.watch.collection.path();
        let mut encoded = form_urlencoded::Serializer::new(format!("{path}?"));
        encoded.extend_pairs(query);
        encoded.extend_pairs(self.watch.collection.field_selector().map(|selector| ("fieldSelector", selector)));
        encoded.extend_pairs(self.watch.collection.label_selector().map(|selector| ("labelSelector", selector)));
        encoded.finish()
    }
}

/// Returns where to ask for the version of a collection.
///
/// With a selector the server would have to search for one object that matches. A name is no search, and where a Role names the
/// objects that may be listed, the list of all of them is refused.
fn place(collection: &Collection) -> String {
    let name = collection.field_selector().filter(|selector| is_name(selector));
    let path = format!("{}?", collection.path());
    let query = path.len();
    let mut target = form_urlencoded::Serializer::for_suffix(path, query);
    target.append_pair("limit", "1").extend_pairs(name.map(|name| ("fieldSelector", name))).finish()
}

/// Says whether a field selector selects one object by its name.
fn is_name(selector: &str) -> bool {
    selector.strip_prefix("metadata.name=").is_some_and(|name| !name.contains([',', '=', '!']))
}

/// Returns an error with its causes, since the outermost one often says nothing but "error".
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
