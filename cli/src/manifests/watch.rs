//! Says when a manifest directory changed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use super::directory::is_manifest;
use super::mark::FileMark;

/// How often the directory is looked at where the kernel cannot say that it changed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A watch on a manifest directory.
///
/// The directory may be replaced, or may be a link that is pointed elsewhere: its own name is watched too. A link inside the
/// directory to a file elsewhere is noticed when the link changes, not when the file does.
pub struct Watch {
    directory: PathBuf,
    source: Source,
}

enum Source {
    Kernel { watcher: RecommendedWatcher, changes: mpsc::Receiver<()> },
    Polling { interval: Interval, seen: Fingerprint },
}

impl Watch {
    /// Starts to watch; to be called inside a tokio runtime, before the directory is read, so that no change is missed.
    ///
    /// Where the kernel gives no watch, the directory is looked at once a second, and the reason is logged.
    pub fn start(directory: &Path) -> Self {
        // Events carry absolute paths. Without a current directory there are none, and the watch below fails too.
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        match watch(&directory) {
            Ok(source) => Self { directory, source },
            Err(error) => {
                warn_of_polling(&directory, &error.to_string());
                Self::polling(&directory)
            }
        }
    }

    fn polling(directory: &Path) -> Self {
        let mut interval = tokio::time::interval(POLL_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { directory: directory.to_owned(), source: Source::Polling { interval, seen: Fingerprint::of(directory) } }
    }

    /// Waits until the directory changed since the last call; everything that changed meanwhile is one change.
    ///
    /// Safe to drop while it waits.
    pub async fn changed(&mut self) {
        match &mut self.source {
            Source::Kernel { watcher, changes } => {
                let lost = match changes.recv().await {
                    Some(()) => watch_again(watcher, &self.directory).err().map(|error| error.to_string()),
                    None => Some("the watching thread ended".to_owned()),
                };
                // A rename is told in several events, and the caller reads the directory after all that came until now.
                while changes.try_recv().is_ok() {}
                if let Some(reason) = lost {
                    warn_of_polling(&self.directory, &reason);
                    *self = Self::polling(&self.directory);
                }
            }
            Source::Polling { interval, seen } => loop {
                interval.tick().await;
                let current = Fingerprint::of(&self.directory);
                if current != *seen {
                    *seen = current;
                    return;
                }
            },
        }
    }
}

fn watch(directory: &Path) -> notify::Result<Source> {
    // One slot: a waiting signal already says that everything is to be read again, so what does not fit may be dropped.
    let (signal, changes) = mpsc::channel(1);
    let watched = directory.to_owned();
    let handler = move |event: notify::Result<Event>| {
        if event.map_or(true, |event| matters(&event, &watched)) {
            let _ = signal.try_send(());
        }
    };
    let mut watcher = notify::recommended_watcher(handler)?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    if let Some(parent) = directory.parent() {
        watcher.watch(parent, RecursiveMode::NonRecursive)?;
    }
    Ok(Source::Kernel { watcher, changes })
}

/// Watches what the directory's name stands for now, which may be another directory than before.
///
/// Nothing is missed in between, since the caller reads the directory after this.
fn watch_again(watcher: &mut RecommendedWatcher, directory: &Path) -> notify::Result<()> {
    match watcher.unwatch(directory) {
        // The watch ends with the directory it was on.
        Ok(()) | Err(notify::Error { kind: notify::ErrorKind::WatchNotFound, .. }) => {}
        Err(error) => return Err(error),
    }
    match watcher.watch(directory, RecursiveMode::NonRecursive) {
        // The parent tells when the name is back.
        Ok(()) | Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns true for events after which the directory may read differently.
///
/// Single writes are left out: the file is read when its writer closes it, and half a file would be a fault. Openings are left
/// out because reading opens too.
fn matters(event: &Event, directory: &Path) -> bool {
    let changes = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Data(_)),
        EventKind::Any | EventKind::Create(_) | EventKind::Remove(_) | EventKind::Other => true,
    };
    // Drafts that are renamed into place count once they have their name; `..data` is how a mounted ConfigMap changes.
    let counts = |name: &str| is_manifest(name) || name == "..data";
    let inside = |path: &PathBuf| {
        path.parent() == Some(directory) && path.file_name().and_then(|name| name.to_str()).is_none_or(counts)
    };
    let ours = |path: &PathBuf| path == directory || inside(path);
    event.need_rescan() || (changes && event.paths.iter().any(ours))
}

fn warn_of_polling(directory: &Path, reason: &str) {
    tracing::warn!(
        directory = %directory.display(),
        reason,
        "the kernel does not watch the manifest directory, so it is looked at once a second; raise fs.inotify.max_user_instances and max_user_watches"
    );
}

/// What a directory looks like from outside; nothing if it cannot be listed.
#[derive(PartialEq)]
struct Fingerprint(Option<BTreeMap<OsString, Option<FileMark>>>);

impl Fingerprint {
    fn of(directory: &Path) -> Self {
        Self(list(directory).ok())
    }
}

fn list(directory: &Path) -> io::Result<BTreeMap<OsString, Option<FileMark>>> {
    let mut marks = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Through links, so that a swap of `..data` shows.
        let mark = fs::metadata(entry.path()).ok().map(|metadata| FileMark::of(&metadata));
        marks.insert(entry.file_name(), mark);
    }
    Ok(marks)
}

#[cfg(test)]
mod tests;
