//! The log: one line for each event, whatever the event quotes, and no end of the program when nobody reads it.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use crds::printable::Printable;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// How to log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Starts to log on the standard error.
///
/// # Errors
/// Fails when the level cannot be read.
pub(crate) fn start(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)?;
    match format {
        LogFormat::Text => drop(text(filter, io::stderr, io::stderr().is_terminal()).try_init()),
        LogFormat::Json => drop(json(filter, io::stderr).try_init()),
    }
    Ok(())
}

use tracing_subscriber::util::SubscriberInitExt as _;

/// Returns what writes text: the fields are escaped one by one, since the colours around them are instructions.
fn text<W>(filter: EnvFilter, writer: W, colours: bool) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colours)
        // It tells of a log that cannot be written by a panic when that cannot be written either.
        .log_internal_errors(false)
        .fmt_fields(debug_fn(field).delimited(" "))
        .finish()
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = Printable::message(fmt::from_fn(|formatter| value.fmt(formatter)));
    match field.name() {
        "message" => write!(writer, "{value}"),
        name => write!(writer, "{name}={value}"),
    }
}

/// Returns what writes JSON, which leaves some instructions as they are.
fn json<W>(filter: EnvFilter, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .json()
        .with_writer(EscapedLines(writer))
        .finish()
}

/// Makes writers that escape what is inside of a line.
struct EscapedLines<W>(W);

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for EscapedLines<W> {
    type Writer = EscapedLines<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        EscapedLines(self.0.make_writer())
    }
}

impl<W: Write> Write for EscapedLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // An event is one call with its whole line. The escapes are those of JSON, and what they stand for occurs in strings alone.
        self.0.write_all(Printable::lines(String::from_utf8_lossy(line)).to_string().as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests;
