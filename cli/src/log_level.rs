//! `--log-level`: how much to log.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[cfg(test)]
mod tests;

/// Returns the directives for the subscriber, which `EnvFilter` reads.
///
/// It would take a word that is no level for the name of a module, and then log nothing of all others.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let directives = text.split(',').map(|element| directive(element.trim())).collect::<Result<Vec<_>, _>>()?.join(",");
    EnvFilter::try_new(&directives).map_err(|error| error.to_string())?;
    Ok(directives)
}

fn directive(element: &str) -> Result<String, String> {
    let (target, name) = element.rsplit_once('=').map_or((None, element), |(target, name)| (Some(target), name));
    let level = level(name).ok_or_else(|| {
        format!(
            "{name:?} is no level; use off, error, warn, info, debug or trace, MetalLB's all or none, or a list such as \
             info,members=debug"
        )
    })?;
    Ok(target.map_or_else(|| level.to_string(), |target| format!("{target}={level}")))
}

fn level(name: &str) -> Option<LevelFilter> {
    match name {
        "all" => Some(LevelFilter::TRACE),
        "none" => Some(LevelFilter::OFF),
        // Which the library takes for a level as well.
        "" => None,
        name => name.parse().ok(),
    }
}
