//! The bodies of answers, which pass as they come; those of watches only when watches flow.

use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Response,
    body::{Bytes, Frame, Incoming},
};
use thiserror::Error;
use tokio::sync::watch;

use super::{Flow, Watches};

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Broken>;

/// Why a body ends before its end.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error("cut by the test")]
    Cut,
    #[error("the API server broke off")]
    Upstream(#[source] hyper::Error),
}

/// Makes a body of a text.
pub(super) fn whole(text: String) -> Body {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// Passes an answer on; `watch` says when that of a watch may flow.
pub(super) fn response(response: Response<Incoming>, watch: Option<watch::Receiver<Flow>>) -> Response<Body> {
    response.map(|body| match watch {
        Some(flow) => StreamBody::new(flowing(body, flow)).boxed_unsync(),
        None => body.map_err(Broken::Upstream).boxed_unsync(),
    })
}

fn flowing(body: Incoming, flow: watch::Receiver<Flow>) -> impl futures::Stream<Item = Result<Frame<Bytes>, Broken>> {
    let Flow { cuts, ends, .. } = *flow.borrow();
    stream::unfold((body, flow), move |(mut body, mut flow)| async move {
        loop {
            let now = *flow.borrow_and_update();
            if now.ends != ends {
                return None;
            }
            if now.cuts != cuts {
                return Some((Err(Broken::Cut), (body, flow)));
            }
            tokio::select! {
                changed = flow.changed() => if changed.is_err() {
                    return Some((Err(Broken::Cut), (body, flow)));
                },
                frame = body.frame(), if now.watches == Watches::Flow => {
                    return frame.map(|frame| (frame.map_err(Broken::Upstream), (body, flow)));
                }
            }
        }
    })
}
