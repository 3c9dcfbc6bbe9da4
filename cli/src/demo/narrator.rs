//! What the demo says, in plain words, through one writer.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::ensure;

use super::report::millis;

/// How often a condition that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The voice of the demo.
#[derive(Debug)]
pub struct Narrator<W> {
    out: W,
    /// Whether the reader sees a line change while it is being written.
    live: bool,
    start: Instant,
}

impl<W: Write> Narrator<W> {
    /// Speaks to `out`; `live` says that it is a terminal, on which progress may be shown in place.
    pub fn new(out: W, live: bool) -> Self {
        Self { out, live, start: Instant::now() }
    }

    /// Opens an act of the story with its title.
    pub fn act(&mut self, title: &str) -> io::Result<()> {
        let seconds = self.start.elapsed().as_secs_f64();
        writeln!(self.out, "\n[{seconds:4.1} s] {title}")
    }

    /// Says one sentence.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {text}")?;
        self.out.flush()
    }

    /// Shows a table or another block as it is, indented.
    pub fn show(&mut self, block: &str) -> io::Result<()> {
        for line in block.lines() {
            writeln!(self.out, "  {line}")?;
        }
        self.out.flush()
    }

    /// Waits until `look` finds nothing missing, shows what is missing meanwhile, and says how long it took.
    ///
    /// # Errors
    ///
    /// When something is still missing after `patience`.
    pub fn wait(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut() -> anyhow::Result<Option<String>>,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut shown = String::new();
        while let Some(missing) = look()? {
            ensure!(start.elapsed() < patience, "gave up after {patience:?} on: {what} ({missing})");
            if self.live && missing != shown {
                write!(self.out, "\r\x1b[2K  {what}: {missing}")?;
                self.out.flush()?;
                shown = missing;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        if self.live {
            write!(self.out, "\r\x1b[2K")?;
        }
        self.say(&format!("{what}: done in {:.0} ms", millis(start.elapsed())))?;
        Ok(())
    }

    /// Lets the time pass that a measurement needs, with a line that counts it down.
    pub fn pass(&mut self, what: &str, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.live {
                write!(self.out, "\r\x1b[2K  {what}: {:.1} s left", left.as_secs_f64())?;
                self.out.flush()?;
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
        if self.live {
            write!(self.out, "\r\x1b[2K")?;
        }
        self.out.flush()
    }

    /// Says the last line, which scripts look for.
    pub fn end(&mut self) -> io::Result<()> {
        writeln!(self.out, "\ndemo: ok")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
