//! What may be done to the nodes of a running cluster, from a second terminal.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::mpsc::SyncSender,
    thread,
};

use anyhow::{Context, bail};
use cluster::{Cluster, STATE};
use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::Event;

/// The pipe that orders come through.
pub(crate) const PIPE: &str = "orders";

/// Something to do to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    verb: Verb,
    node: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// Take its power away.
    Kill,
    /// Give its power back.
    Start,
    /// Drop every frame from and to the network of the Services.
    Unplug,
    /// End that.
    Plug,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Kill => "kill",
            Verb::Start => "start",
            Verb::Unplug => "unplug",
            Verb::Plug => "plug",
        };
        write!(f, "{verb} {}", self.node)
    }
}

impl Order {
    pub(crate) fn carry_out(&self, cluster: &mut Cluster) -> anyhow::Result<()> {
        let position = cluster.nodes.iter().position(|node| node.name() == self.node).context("no such node")?;
        match self.verb {
            Verb::Kill => cluster.kill(position),
            Verb::Start => cluster.power_on(position),
            Verb::Unplug => cluster.nodes[position].unplug(),
            Verb::Plug => cluster.nodes[position].plug(),
        }
    }

    fn parse(line: &str) -> anyhow::Result<Self> {
        let mut words = line.split_whitespace();
        let verb = match words.next() {
            Some("kill") => Verb::Kill,
            Some("start") => Verb::Start,
            Some("unplug") => Verb::Unplug,
            Some("plug") => Verb::Plug,
            Some(_) | None => bail!("{line:?}: the verbs are kill, start, unplug and plug"),
        };
        Ok(Self { verb, node: words.next().context("no node")?.to_owned() })
    }
}

/// Passes on every order that comes through the pipe.
#[expect(clippy::print_stderr, reason = "whoever gave a bad order is to hear of it")]
pub(crate) fn listen(sender: SyncSender<Event>) -> anyhow::Result<()> {
    let path = Path::new(STATE).join(PIPE);
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    // Open for both, the pipe never ends when a writer leaves.
    let pipe = BufReader::new(File::options().read(true).write(true).open(path)?);
    thread::Builder::new().name("orders".to_owned()).spawn(move || {
        for line in pipe.lines().map_while(Result::ok) {
            match Order::parse(&line) {
                Ok(order) => {
                    if sender.send(Event::Order(order)).is_err() {
                        return;
                    }
                }
                Err(error) => eprintln!("{error:#}"),
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
