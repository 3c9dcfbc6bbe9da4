use std::sync::{Arc, Mutex};

use crds::printable::is_instruction;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what is logged of a text, as the message and as a field.
fn logged(format: LogFormat, text_of_others: &str) -> String {
    let lines = Lines::default();
    let (writer, filter) = (lines.clone(), EnvFilter::new("info"));
    let log =
        || tracing::warn!(service = %text_of_others, quoted = ?text_of_others, "pool {text_of_others} is unknown");
    let make = move || writer.clone();
    match format {
        LogFormat::Text => tracing::subscriber::with_default(text(filter, make, false), log),
        LogFormat::Json => tracing::subscriber::with_default(json(filter, make), log),
    }
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

const FORMATS: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];

#[test]
fn a_line_break_in_an_annotation_never_makes_a_second_line() {
    for format in FORMATS {
        let text = logged(format, "x\n2026-01-01T00:00:00Z  INFO forged\u{1b}[31m\u{9b}\u{202e}");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(text.ends_with('\n') && text.contains("\\n2026-01-01") && text.contains("\\u202e"), "{text}");
    }
    let text = logged(LogFormat::Text, "lan");
    assert!(
        text.trim_end().ends_with("WARN clarion::log::tests: pool lan is unknown service=lan quoted=\"lan\""),
        "{text}"
    );
}

#[test]
fn json_that_is_escaped_still_says_the_same() {
    let original = "a\u{9b}b\u{202e}c\n\u{2028}d";
    let line: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, original)).unwrap();
    assert_eq!(line["fields"]["service"], original);
}

#[test]
fn colours_stay_and_escapes_of_others_do_not() {
    let lines = Lines::default();
    let writer = lines.clone();
    let coloured = text(EnvFilter::new("info"), move || writer.clone(), true);
    tracing::subscriber::with_default(coloured, || tracing::warn!("pool \u{1b}[41mred"));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("\u{1b}[33m") && text.contains("pool \\u001b[41mred"), "{text:?}");
}

proptest! {
    #[test]
    fn no_text_leaves_an_instruction_in_a_line(text_of_others: String) {
        for format in FORMATS {
            let text = logged(format, &text_of_others);
            prop_assert!(!text.trim_end_matches('\n').chars().any(is_instruction), "{:?}", text);
        }
    }
}
