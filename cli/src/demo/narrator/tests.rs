use super::*;

#[test]
fn a_wait_that_succeeds_says_what_happened_once() {
    let mut out = Vec::new();
    let mut left = 3;
    let mut look = || {
        left -= 1;
        Ok((left > 0).then(|| format!("{left} left")))
    };
    Narrator::new(&mut out, false).wait("addresses", Duration::from_secs(5), &mut look).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("  addresses: done in "), "{text:?}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_terminal_sees_what_is_missing_while_it_waits() {
    let mut out = Vec::new();
    let mut missing = Some("2 of 3".to_owned());
    Narrator::new(&mut out, true).wait("owners", Duration::from_secs(5), || Ok(missing.take())).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("owners: 2 of 3"));
}

#[test]
fn a_wait_without_end_names_what_is_missing() {
    let mut narrator = Narrator::new(Vec::new(), false);
    let error = narrator.wait("owners", Duration::ZERO, || Ok(Some("shop/web".to_owned()))).unwrap_err();
    assert_eq!(error.to_string(), "gave up after 0ns on: owners (shop/web)");
}
