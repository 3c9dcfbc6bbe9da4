use anyhow::anyhow;
use crds::printable::is_instruction;
use proptest::prelude::*;

use super::*;

#[test]
fn a_cause_that_is_quoted_already_is_not_said_again() {
    let quoting = anyhow!("No such file").context("failed to read /nope: No such file").context("kubeconfig /nope");
    assert_eq!(causes(&quoting), "kubeconfig /nope: failed to read /nope: No such file");
    let plain = anyhow!("in use").context("listen on 9120");
    assert_eq!(causes(&plain), "listen on 9120: in use");
}

#[test]
fn only_a_reader_that_has_gone_counts_as_unread() {
    let failure = |kind: io::ErrorKind| anyhow::Error::new(io::Error::from(kind)).context("print the plan");
    assert!(is_unread(&failure(io::ErrorKind::BrokenPipe)));
    assert!(!is_unread(&failure(io::ErrorKind::StorageFull)));
    assert!(!is_unread(&anyhow!("Broken pipe")));
}

#[test]
fn a_cell_with_a_line_break_stays_one_line() {
    let mut table = Table::new(["SERVICE", "REASON"]);
    table.row(["shop/web", "pool \"\u{1b}[31mx\nshop/forged 192.0.2.1\" is unknown"]);
    let text = table.to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\\u001b[31mx\\nshop/forged"), "{text}");
}

proptest! {
    #[test]
    fn no_cell_reaches_the_terminal_as_an_instruction(cells in proptest::collection::vec([any::<String>(), any::<String>()], 1..5)) {
        let mut table = Table::new(["A", "B"]);
        let count = cells.len();
        for row in cells {
            table.row(row);
        }
        let text = table.to_string();
        prop_assert!(!text.chars().any(|character| is_instruction(character) && character != '\n'));
        prop_assert_eq!(text.lines().count(), count + 1);
    }
}
