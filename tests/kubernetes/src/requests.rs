//! What the API server counts by itself.

use std::collections::BTreeMap;

/// A kind of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY` or `DELETE`.
    pub verb: String,
    /// The plural name of the resource, or nothing for requests that are not about objects.
    pub resource: String,
    /// The subresource, such as `status`, or nothing.
    pub subresource: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

/// How many requests of each kind were answered; watches count when they end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests(pub BTreeMap<Request, u64>);

impl Requests {
    /// Reads the counter `apiserver_request_total` from the text of a metrics page.
    pub fn parse(page: &str) -> Self {
        let mut requests = BTreeMap::new();
        for line in page.lines() {
            let Some((labels, count)) =
                line.strip_prefix("apiserver_request_total{").and_then(|rest| rest.rsplit_once("} "))
            else {
                continue;
            };
            *requests.entry(request(labels)).or_insert(0) += count.parse::<f64>().unwrap_or_default() as u64;
        }
        Self(requests)
    }

    /// Returns what came in after `before`.
    pub fn since(&self, before: &Self) -> Self {
        let new = self.0.iter().map(|(request, count)| {
            let old = before.0.get(request).copied().unwrap_or_default();
            // A server that was restarted in between starts from zero.
            (request.clone(), count.checked_sub(old).unwrap_or(*count))
        });
        Self(new.filter(|(_, count)| *count > 0).collect())
    }

    /// Returns how many of the requests `wanted` is true of.
    pub fn count(&self, wanted: impl Fn(&Request) -> bool) -> u64 {
        self.0.iter().filter(|(request, _)| wanted(request)).map(|(_, count)| count).sum()
    }

    /// Returns the requests that were meant to change something.
    pub fn writes(&self) -> Self {
        let reads = ["GET", "LIST", "WATCH", "CONNECT"];
        let writes = self.0.iter().filter(|(request, _)| !reads.contains(&request.verb.as_str()));
        Self(writes.map(|(request, count)| (request.clone(), *count)).collect())
    }
}

fn request(labels: &str) -> Request {
    let mut request = Request::default();
    // No label of this counter holds a comma or a quote.
    for (name, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
        let value = value.trim_matches('"');
        match name {
            "verb" => value.clone_into(&mut request.verb),
            "resource" => value.clone_into(&mut request.resource),
            "subresource" => value.clone_into(&mut request.subresource),
            "code" => request.code = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    request
}

#[cfg(test)]
mod tests;
