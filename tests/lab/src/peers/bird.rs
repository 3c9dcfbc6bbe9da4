//! BIRD: the router of the demo, with expectations instead of errors.

use std::{ops::Deref, path::Path};

use clarion::demo::{bird, network::Host};

use super::available;

/// A running BIRD.
#[derive(Debug)]
pub struct Bird(bird::Bird);

impl Bird {
    /// Returns whether BIRD is installed.
    pub fn is_available() -> bool {
        available(&bird::PROGRAMS)
    }

    /// Starts BIRD on a host with protocols that may be derived `from node`.
    pub fn start(host: &Host, directory: &Path, protocols: &str) -> Self {
        Self(bird::Bird::start(host, directory, protocols).expect("BIRD starts; run `make test` to install it"))
    }

    /// Starts BIRD on a host with a whole configuration.
    pub fn configured(host: &Host, directory: &Path, configuration: &str) -> Self {
        let started = bird::Bird::configured(host, directory, configuration);
        Self(started.expect("BIRD starts; run `make test` to install it"))
    }

    /// Stops BIRD in its tracks, as a router that hangs.
    pub fn hang(&self) {
        self.0.hang().expect("a running BIRD can be stopped");
    }

    /// Ends [`Bird::hang`].
    pub fn resume(&self) {
        self.0.resume().expect("a stopped BIRD can be continued");
    }
}

impl Deref for Bird {
    type Target = bird::Bird;

    fn deref(&self) -> &bird::Bird {
        &self.0
    }
}
