//! Interfaces that are not announced on unless an L2Advertisement names them.

use regex::RegexSet;
use thiserror::Error;

/// MetalLB's list: interfaces of container runtimes and overlay networks never lead to clients.
pub const DEFAULT_PATTERNS: [&str; 14] = [
    "^docker.*",
    "^cbr.*",
    "^dummy.*",
    "^virbr.*",
    "^lxcbr.*",
    "^veth.*",
    "^lo$",
    "^cali.*",
    "^tunl.*",
    "^flannel.*",
    "^kube-ipvs.*",
    "^cni.*",
    "^nodelocaldns.*",
    "^lxc.*",
];

/// Regular expressions over interface names.
#[derive(Debug, Clone)]
pub struct Exclusion(RegexSet);

/// A pattern that is no regular expression.
#[derive(Debug, Error)]
#[error(
    "interface pattern {pattern:?} is no regular expression: {reason}; correct it, or quote the special characters"
)]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Exclusion {
    /// Compiles the patterns; a name is excluded when one matches anywhere in it.
    ///
    /// # Errors
    /// Names the first pattern that is no regular expression.
    pub fn new<P: AsRef<str>>(patterns: &[P]) -> Result<Self, BadPattern> {
        if let Ok(set) = RegexSet::new(patterns) {
            return Ok(Self(set));
        }
        for pattern in patterns {
            if let Err(error) = regex::Regex::new(pattern.as_ref()) {
                let reason = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                return Err(BadPattern { pattern: pattern.as_ref().to_owned(), reason });
            }
        }
        let pattern = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect::<Vec<_>>().join(" ");
        Err(BadPattern { pattern, reason: "the patterns are too large together".to_owned() })
    }

    /// Returns whether the interface called `name` is excluded.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl Default for Exclusion {
    fn default() -> Self {
        Self::new(&DEFAULT_PATTERNS).expect("the default patterns are regular expressions")
    }
}

#[cfg(test)]
mod tests;
