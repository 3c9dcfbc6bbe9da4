//! A router that learns: BIRD that waits for a connection and keeps what it hears in its table.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::Ipv4Addr,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{
    ROUTER_AS, SENDER_AS,
    recorder::{Recorder, Stream},
};
use crate::cluster::Station;

const PROGRAM: &str = "/usr/sbin/bird";

/// How long BIRD may take until it can be asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running router; dropping it kills it.
#[derive(Debug)]
pub(super) struct Receiver {
    child: Child,
    control: BufReader<UnixStream>,
    recorder: Recorder,
}

impl Receiver {
    /// Starts the router of one station, which takes a session with `sender` only.
    pub(super) fn start(station: &Station, directory: &Path, sender: Ipv4Addr) -> anyhow::Result<Self> {
        let (name, own) = (station.host.name(), station.four()?);
        fs::create_dir_all(directory)?;
        let file = |ending: &str| directory.join(format!("{name}.{ending}"));
        let text = format!(
            "router id {own};\nprotocol device {{}}\nprotocol bgp sender {{ local {own} as {ROUTER_AS}; \
             neighbor {sender} as {SENDER_AS}; passive yes; ipv4 {{ import all; export none; }}; }}\n"
        );
        fs::write(file("conf"), text)?;
        let log = File::create(file("log"))?;
        let mut command = Command::new(PROGRAM);
        command.arg("-f").arg("-c").arg(file("conf")).arg("-s").arg(file("ctl")).arg("-P").arg(file("pid"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let recorder = Recorder::start(station, sender)?;
        let child = station
            .host
            .spawn(&mut command)
            .with_context(|| format!("cannot run {PROGRAM}; install it with tests/lab/install.sh bird2"))?;
        let control = connect(&file("ctl"))?;
        Ok(Self { child, control, recorder })
    }

    /// Returns when the sender said its first byte.
    pub(super) fn began(&self) -> Option<Instant> {
        self.recorder.began()
    }

    /// Returns how many routes the router knows.
    pub(super) fn routes(&mut self) -> anyhow::Result<usize> {
        self.control.get_mut().write_all(b"show route count\n")?;
        let answer = last_line(&mut self.control)?;
        let total = answer.split_once("Total: ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        total.with_context(|| format!("BIRD counts its routes in another way: {answer}"))
    }

    /// Ends the record and the router.
    pub(super) fn stop(self) -> anyhow::Result<Stream> {
        let Self { mut child, control: _, recorder } = self;
        let stream = recorder.stop();
        child.kill()?;
        child.wait()?;
        stream
    }
}

fn connect(path: &Path) -> anyhow::Result<BufReader<UnixStream>> {
    let deadline = Instant::now() + PATIENCE;
    let stream = loop {
        match UnixStream::connect(path) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline => bail!("BIRD cannot be asked at {}: {error}", path.display()),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut control = BufReader::new(stream);
    last_line(&mut control)?;
    Ok(control)
}

/// Reads an answer to its last line, the one whose code is followed by a blank.
fn last_line(control: &mut BufReader<UnixStream>) -> anyhow::Result<String> {
    loop {
        let mut line = String::new();
        let length = control.read_line(&mut line).context("BIRD does not answer")?;
        anyhow::ensure!(length > 0, "BIRD has ended");
        if line.as_bytes().get(4) == Some(&b' ') && line.as_bytes()[..4].iter().all(u8::is_ascii_digit) {
            return Ok(line);
        }
    }
}
