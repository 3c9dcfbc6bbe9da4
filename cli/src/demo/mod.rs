//! `clarion demo`: a small network inside this machine, real traffic through it, and what happens when its nodes die.
//!
//! The parts that build and measure are public: the test lab is made of them.

pub mod bird;
pub mod example;
pub mod frame;
pub mod namespace;
pub mod narrator;
pub mod network;
pub mod prober;
pub mod process;
pub mod rack;
pub mod raw;
pub mod report;
pub mod routes;
pub mod sandbox;
pub mod scene;
pub mod server;
pub mod speaker;
pub use crate::status;
pub mod story;
pub mod summary;
pub mod table;
pub mod watch;

use std::{
    env,
    io::{self, IsTerminal},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;

use narrator::Narrator;
use sandbox::Side;
use scene::Scene;

/// A small network on this machine, with failovers and drains under real traffic, on the wire and behind a router; takes less than a minute.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where to write the result as JSON; by default target/demo/summary.json in the repository and summary.json elsewhere
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// Runs the demo; call it before any other thread exists, because it moves the program into a private world.
pub fn run(options: Options) -> anyhow::Result<()> {
    let Options { summary } = options;
    match sandbox::enter()? {
        Side::Inside => {}
        Side::Outside(status) if status.success() => return Ok(()),
        // The program inside has said what went wrong; a second message here would only repeat that it did.
        Side::Outside(status) => std::process::exit(status.code().unwrap_or(1)),
    }
    let path = summary.map_or_else(|| env::current_dir().map(|current| summary::default_path(&current)), Ok)?;
    let out = io::stdout();
    let live = out.is_terminal();
    let mut narrator = Narrator::new(out.lock(), live);
    let mut scene = Scene::build().context("cannot build the network")?;
    let played = story::play(&mut scene, &mut narrator).and_then(|summary| summary.write(&path));
    if let Err(error) = played {
        narrator.show(&scene.logs())?;
        return Err(error);
    }
    narrator.say(&format!("the figures are in {}", path.display()))?;
    narrator.end()?;
    Ok(())
}
