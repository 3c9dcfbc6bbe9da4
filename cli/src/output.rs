//! What commands print on a terminal: nothing that an object or a router says gives it an instruction.

use std::fmt;
use std::io::{self, Write as _};

use comfy_table::presets;
use crds::printable::Printable;

/// A table whose cells are printable.
pub(crate) struct Table<const N: usize>(comfy_table::Table);

impl<const N: usize> Table<N> {
    /// Returns a table without rows.
    pub(crate) fn new(header: [&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        Self(table)
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [impl fmt::Display; N]) {
        self.0.add_row(cells.map(|cell| Printable::message(cell).to_string()));
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last column is padded to its longest text, which only makes lines wrap.
        let text = self.0.to_string();
        let mut lines = text.lines().map(str::trim_end);
        if let Some(first) = lines.next() {
            formatter.write_str(first)?;
        }
        lines.try_for_each(|line| write!(formatter, "\n{line}"))
    }
}

/// Prints a text that is complete.
///
/// A reader that has seen enough, such as `head`, is no failure.
///
/// # Errors
/// Returns any other error of the standard output.
pub fn print(text: &[u8]) -> io::Result<()> {
    let text = Printable::lines(String::from_utf8_lossy(text)).to_string();
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints why a command failed, each cause once.
///
/// Where nobody can be told, nothing is left to do.
pub fn print_failure(error: &anyhow::Error) {
    drop(writeln!(io::stderr(), "clarion: {}", Printable::lines(causes(error))));
}

/// Returns whether a command failed because nobody reads what it prints any more.
pub fn is_unread(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(broken))
}

/// Returns an error with its causes, without those that an earlier one quotes.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests;
