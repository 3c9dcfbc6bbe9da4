//! Text of others made fit to be shown: nothing in it moves a cursor, begins a line or turns the direction of writing.
//!
//! Annotations, routers and the network say what they like; a terminal, a log and a table take it for instructions.

use std::fmt::{self, Write as _};

/// Characters of one value of somebody else, such as an annotation.
const VALUE: usize = 256;
/// Characters of a whole message; events are cut there by the API.
const MESSAGE: usize = 1024;

/// A text that is shown escaped, and cut where it is longer than anybody reads.
///
/// Control characters and those that rule the direction of writing become escapes as JSON has them, such as `\u001b` and `\n`.
/// What is cut ends in an ellipsis and the length of the whole.
#[derive(Debug, Clone, Copy)]
pub struct Printable<T> {
    text: T,
    limit: usize,
    /// Line breaks stay as they are.
    lines: bool,
}

impl<T: fmt::Display> Printable<T> {
    /// Shows 256 characters of one value.
    pub const fn value(text: T) -> Self {
        Self { text, limit: VALUE, lines: false }
    }

    /// Shows 1024 characters of a whole message.
    pub const fn message(text: T) -> Self {
        Self { text, limit: MESSAGE, lines: false }
    }

    /// Shows 1024 characters of a message of ours that has several lines.
    pub const fn message_lines(text: T) -> Self {
        Self { text, limit: MESSAGE, lines: true }
    }

    /// Shows a text of ours that has several lines, all of it.
    pub const fn lines(text: T) -> Self {
        Self { text, limit: usize::MAX, lines: true }
    }
}

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = Cut { out: Escaping { out: formatter, lines: self.lines }, rest: self.limit, seen: 0 };
        write!(cut, "{}", self.text)?;
        match cut.seen > self.limit {
            true => write!(cut.out, "… ({} characters)", cut.seen),
            false => Ok(()),
        }
    }
}

/// Passes on the first characters and counts them all.
struct Cut<W> {
    out: W,
    rest: usize,
    seen: usize,
}

impl<W: fmt::Write> fmt::Write for Cut<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.char_indices().nth(self.rest).map_or(text.len(), |(index, _)| index);
        let (shown, _) = text.split_at(end);
        self.rest -= shown.chars().count();
        self.seen += text.chars().count();
        self.out.write_str(shown)
    }
}

/// Passes on what is written to it escaped.
struct Escaping<W> {
    out: W,
    lines: bool,
}

impl<W: fmt::Write> fmt::Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((index, character)) =
            rest.char_indices().find(|(_, it)| is_instruction(*it) && !(self.lines && *it == '\n'))
        {
            self.out.write_str(&rest[..index])?;
            match character {
                '\n' => self.out.write_str("\\n")?,
                '\r' => self.out.write_str("\\r")?,
                '\t' => self.out.write_str("\\t")?,
                // They all have four digits at most.
                other => write!(self.out, "\\u{:04x}", u32::from(other))?,
            }
            rest = &rest[index + character.len_utf8()..];
        }
        self.out.write_str(rest)
    }
}

/// Returns whether a character tells a terminal, or whoever lays text out, to do something.
pub fn is_instruction(character: char) -> bool {
    // C0, C1 and DEL; then line and paragraph separators; then the marks, embeddings, overrides and isolates of direction
    // (Unicode Standard Annex #9 §2).
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
