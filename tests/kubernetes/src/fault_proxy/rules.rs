//! What happens to single requests.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{Method, Uri};

use crate::{Request, Requests};

/// What happens to the requests that a matching is true of.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which requests.
    pub requests: Matching,
    /// How many of them.
    pub how_many: HowMany,
    /// What happens.
    pub fault: Fault,
}

/// Which requests a rule is about; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    verbs: Vec<&'static str>,
    resource: Option<String>,
    subresource: Option<String>,
}

/// How many of the requests that match are hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HowMany {
    /// The first so many, and none after.
    Next(u64),
    /// A part between 0 and 1, evenly spread and the same in every run.
    Share(f64),
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy answers in the API server's place, which never hears of it.
    Answer {
        /// The HTTP status, such as 429 or 500.
        status: u16,
        /// After how many seconds the client is asked to come again.
        retry_after: Option<u64>,
    },
    /// The request is passed on so much later.
    Delay(Duration),
    /// The connection is reset before the API server has heard of the request.
    CutBefore,
    /// The connection is reset after the API server has done what was asked and before the client learns it.
    CutAfter,
}

/// Which verbs change objects.
const WRITES: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "DELETECOLLECTION"];

impl Rule {
    /// Lets a fault happen to the next `count` requests.
    pub fn next(count: u64, requests: Matching, fault: Fault) -> Self {
        Self { requests, how_many: HowMany::Next(count), fault }
    }

    /// Lets a fault happen to a part of the requests, between 0 and 1.
    pub fn share(part: f64, requests: Matching, fault: Fault) -> Self {
        Self { requests, how_many: HowMany::Share(part), fault }
    }
}

impl Matching {
    /// Matches every request.
    pub fn all() -> Self {
        Self::default()
    }

    /// Matches every request of a verb: `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH` (an apply is one), `DELETE` or `DELETECOLLECTION`.
    pub fn verb(verb: &'static str) -> Self {
        Self { verbs: vec![verb], ..Self::default() }
    }

    /// Matches every request that changes objects of a resource, given by its plural name.
    pub fn writes(resource: &str) -> Self {
        Self { verbs: WRITES.to_vec(), ..Self::default() }.resource(resource)
    }

    /// Matches only requests about a resource, given by its plural name.
    pub fn resource(self, resource: &str) -> Self {
        Self { resource: Some(resource.to_owned()), ..self }
    }

    /// Matches only requests about a subresource, such as `status`; without this, any or none will do.
    pub fn subresource(self, subresource: &str) -> Self {
        Self { subresource: Some(subresource.to_owned()), ..self }
    }

    fn is_true_of(&self, request: &Request) -> bool {
        (self.verbs.is_empty() || self.verbs.contains(&request.verb.as_str()))
            && self.resource.as_ref().is_none_or(|resource| *resource == request.resource)
            && self.subresource.as_ref().is_none_or(|subresource| *subresource == request.subresource)
    }
}

/// The rules of a proxy, with how far each has come, and what it has counted.
#[derive(Debug, Default)]
pub(super) struct Rules(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    active: Vec<Active>,
    injected: u64,
    requests: Requests,
}

#[derive(Debug)]
struct Active {
    rule: Rule,
    matched: u64,
}

impl Rules {
    pub(super) fn replace(&self, rules: Vec<Rule>) {
        self.with(|state| state.active = rules.into_iter().map(|rule| Active { rule, matched: 0 }).collect());
    }

    /// Returns what happens to a request, which counts as one more of those that match.
    pub(super) fn next(&self, request: &Request) -> Option<Fault> {
        self.with(|state| {
            let fault = state.active.iter_mut().find_map(|active| active.next(request))?;
            state.injected += 1;
            Some(fault)
        })
    }

    pub(super) fn count(&self, request: Request, code: u16) {
        self.with(|state| *state.requests.0.entry(Request { code, ..request }).or_insert(0) += 1);
    }

    pub(super) fn requests(&self) -> Requests {
        self.with(|state| state.requests.clone())
    }

    pub(super) fn injected(&self) -> u64 {
        self.with(|state| state.injected)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Active {
    fn next(&mut self, request: &Request) -> Option<Fault> {
        if !self.rule.requests.is_true_of(request) {
            return None;
        }
        self.matched += 1;
        let hit = match self.rule.how_many {
            HowMany::Next(count) => self.matched <= count,
            // Hit whenever the part of all requests so far passes another whole number.
            HowMany::Share(part) => (self.matched as f64 * part).floor() > ((self.matched - 1) as f64 * part).floor(),
        };
        hit.then_some(self.rule.fault)
    }
}

/// Reads from a request what it is about, in the words of the API server's own counters.
pub(super) fn request(method: &Method, uri: &Uri) -> Request {
    let path: Vec<_> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let rest = match path.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => &[],
    };
    // A namespace is a resource itself when nothing of it is named.
    let rest = match rest {
        ["namespaces", _, rest @ ..] if !matches!(rest, [] | ["status" | "finalize"]) => rest,
        rest => rest,
    };
    let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
    let single = rest.len() > 1;
    let watch = uri
        .query()
        .is_some_and(|query| query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "watch")));
    let verb = match *method {
        Method::GET if watch => "WATCH",
        Method::GET if single || rest.is_empty() => "GET",
        Method::GET => "LIST",
        Method::DELETE if !single => "DELETECOLLECTION",
        _ => method.as_str(),
    };
    Request { verb: verb.to_owned(), resource: part(0), subresource: part(2), code: 0 }
}

#[cfg(test)]
mod tests;
