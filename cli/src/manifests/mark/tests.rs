use super::*;

#[test]
fn a_mark_is_certain_only_some_time_after_the_change() {
    let mark = FileMark { device: 1, inode: 1, size: 1, changed: (1000, 999_999_999) };
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    assert!(!mark.is_certain(at(1000)));
    assert!(!mark.is_certain(at(1002)));
    assert!(mark.is_certain(at(1003)));
    // A clock that was set back makes every mark uncertain.
    assert!(!mark.is_certain(at(1)));
}
