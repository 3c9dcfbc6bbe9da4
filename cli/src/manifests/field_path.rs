//! Where a field sits inside an object.

use std::fmt::{self, Write as _};

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// The value under this key of a mapping.
    Key(String),
    /// The item at this position of a list, counted from zero.
    Index(usize),
}

/// The way from the top of an object to one of its fields, such as `spec.addresses[2]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    /// Returns the steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Returns true for the object itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the path of a field below this one.
    #[must_use]
    pub fn join(mut self, segment: Segment) -> Self {
        self.0.push(segment);
        self
    }

    /// Reads a path as people write it: `spec.ports[0].port`, `metadata.labels["app.kubernetes.io/name"]`.
    ///
    /// Every text is a path; one that leads nowhere in an object finds the line of its last step that exists.
    pub fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            if let Some((inside, after)) = rest.strip_prefix('[').and_then(closing_bracket) {
                segments.push(bracketed(inside));
                rest = after;
                continue;
            }
            // The first character is always taken, so that a stray bracket cannot stop the walk.
            let end = rest.char_indices().skip(1).find(|&(_, c)| c == '.' || c == '[').map_or(rest.len(), |(at, _)| at);
            let (key, after) = rest.split_at(end);
            if !key.is_empty() {
                segments.push(Segment::Key(key.to_owned()));
            }
            rest = after;
        }
        Self(segments)
    }
}

impl From<&serde_path_to_error::Path> for FieldPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        Self(path.iter().filter_map(segment).collect())
    }
}

impl FromIterator<Segment> for FieldPath {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if is_plain(key) => {
                    if position > 0 {
                        f.write_char('.')?;
                    }
                    f.write_str(key)?;
                }
                Segment::Key(key) => write!(f, "[{key:?}]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn segment(step: &serde_path_to_error::Segment) -> Option<Segment> {
    use serde_path_to_error::Segment as Step;
    match step {
        Step::Seq { index } => Some(Segment::Index(*index)),
        Step::Map { key } => Some(Segment::Key(key.clone())),
        Step::Enum { variant } => Some(Segment::Key(variant.clone())),
        Step::Unknown => None,
    }
}

/// Splits `"a]b"].rest` or `2].rest` at the bracket that ends it, which is never one inside quotes.
fn closing_bracket(rest: &str) -> Option<(&str, &str)> {
    if rest.starts_with('"')
        && let Some(end) = rest.find("\"]")
    {
        return Some((&rest[..=end], &rest[end + 2..]));
    }
    rest.split_once(']')
}

fn bracketed(inside: &str) -> Segment {
    if let Ok(index) = inside.parse() {
        return Segment::Index(index);
    }
    let unquoted = inside.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(inside);
    Segment::Key(unquoted.to_owned())
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests;
