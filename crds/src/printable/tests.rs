use proptest::prelude::*;

use super::*;

#[test]
fn instructions_become_escapes_and_the_rest_stays() {
    for (text, shown) in [
        ("lan", "lan"),
        ("Büro-Südpool ☃ \"x\" \\ {}", "Büro-Südpool ☃ \"x\" \\ {}"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
        ("\u{7f}\u{85}\u{9b}31m", "\\u007f\\u0085\\u009b31m"),
        ("nal\u{202e}lan", "nal\\u202elan"),
        ("\u{2066}x\u{2069}\u{2028}", "\\u2066x\\u2069\\u2028"),
        ("", ""),
    ] {
        assert_eq!(Printable::value(text).to_string(), shown);
    }
}

#[test]
fn what_is_too_long_is_cut_and_says_how_long_it_is() {
    let long = "ä".repeat(262_144);
    assert_eq!(Printable::value(&long).to_string(), format!("{}… (262144 characters)", "ä".repeat(256)));
    assert_eq!(Printable::message(&long).to_string().chars().filter(|character| *character == 'ä').count(), 1024);
    assert_eq!(Printable::lines(&long).to_string(), long);
    let just = "x".repeat(256);
    assert_eq!(Printable::value(&just).to_string(), just);
}

proptest! {
    #[test]
    fn no_text_leaves_an_instruction_or_more_than_the_limit(parts in proptest::collection::vec(any::<String>(), 0..40)) {
        // Formatted in pieces, as messages are.
        let text = parts.iter().fold(String::new(), |text, part| text + part);
        let pieces = fmt::from_fn(|formatter| parts.iter().try_for_each(|part| formatter.write_str(part)));
        let shown = Printable::value(pieces).to_string();
        prop_assert!(!shown.chars().any(is_instruction), "{:?}", shown);
        prop_assert_eq!(&shown, &Printable::value(&text).to_string());
        // Six characters is the longest escape.
        prop_assert!(shown.chars().count() <= 256 * 6 + 24);
        let lines = Printable::lines(&text).to_string();
        prop_assert!(!lines.chars().any(|character| is_instruction(character) && character != '\n'));
        prop_assert_eq!(&Printable::lines(&lines).to_string(), &lines, "escaping twice changes nothing");
    }

    #[test]
    fn every_single_character_is_shown_or_escaped(character in any::<char>()) {
        let shown = Printable::value(character).to_string();
        prop_assert_eq!(shown == character.to_string(), !is_instruction(character));
    }
}
