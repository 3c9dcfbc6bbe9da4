//! What a misspelt word was meant to be.

/// Returns the known word that a written one is most like, if it is like one at all.
///
/// Up to a third of the letters may differ, and case does not matter; a word that another one begins with is like it as well.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let begins = lower.len() >= 4 && (name.starts_with(&lower) || lower.starts_with(&name));
        if begins { 1 } else { strsim::damerau_levenshtein(&lower, &name) }
    };
    let scored = known.into_iter().map(|name| (distance(name), name));
    let allowed = (written.chars().count() / 3).max(1);
    scored.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
