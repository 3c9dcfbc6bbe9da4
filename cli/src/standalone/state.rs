//! The addresses that Services hold, kept over a restart.
//!
//! In a cluster the Service's status is this memory; without an API server a file is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

const FILE: &str = "addresses.json";

/// What one Service holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Its addresses, in the order of its status.
    pub ips: Vec<IpAddr>,
    /// The pool they were taken from.
    pub pool: String,
}

/// What all Services hold, by `namespace/name`.
pub(super) type Addresses = BTreeMap<String, Held>;

/// The file.
#[derive(Debug)]
pub(super) struct State {
    directory: PathBuf,
    addresses: Addresses,
    /// What is in memory is in the file.
    saved: bool,
}

/// Why the addresses cannot be read or written.
#[derive(Debug, Error)]
pub(super) enum StateError {
    /// The file is there and cannot be read.
    #[error("state file {}: cannot be read; make it readable, or remove it to let addresses be given anew", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("state file {}: is damaged; restore it, or remove it to let addresses be given anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("state directory {}: cannot be written, so addresses may change over a restart; make it writable or name another with --state-dir", path.display())]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl State {
    /// Reads what was held when the last process ended; nothing if there was none.
    ///
    /// # Errors
    /// A file that is there and cannot be used is an error, because going on would give the addresses anew.
    pub(super) fn load(directory: &Path) -> Result<Self, StateError> {
        let path = directory.join(FILE);
        let addresses = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| StateError::Damaged { path, source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Addresses::new(),
            Err(source) => return Err(StateError::Unreadable { path, source }),
        };
        Ok(Self { directory: directory.to_owned(), addresses, saved: true })
    }

    /// Returns what is held.
    pub(super) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Replaces what is held; writes only a change, and so that a crash leaves the old or the new file.
    ///
    /// # Errors
    /// When the file cannot be written the addresses are held in memory all the same, and the next call tries again.
    pub(super) fn store(&mut self, addresses: Addresses) -> Result<(), StateError> {
        if self.saved && addresses == self.addresses {
            return Ok(());
        }
        self.addresses = addresses;
        self.saved = false;
        self.write().map_err(|source| StateError::Unwritable { path: self.directory.clone(), source })?;
        self.saved = true;
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let temporary = self.directory.join(format!(".{FILE}.new"));
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(&self.addresses)?)?;
        file.sync_all()?;
        fs::rename(&temporary, self.directory.join(FILE))?;
        File::open(&self.directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests;
