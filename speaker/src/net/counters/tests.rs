use super::*;

const TABLE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000      11    0    0    0     0          0         0     1000      11    0    0    0     0       0          0
  eth0: 98765    4321    0    0    0     0          0         0     1234      55    0    0    0     0       0          0
eth0.7:12345678  7777    0    0    0     0          0         0     1234      55    0    0    0     0       0          0
";

#[test]
fn the_frames_of_one_link_are_read() {
    assert_eq!(frames_in(TABLE, "lo"), Some(11));
    assert_eq!(frames_in(TABLE, "eth0"), Some(4321));
    assert_eq!(frames_in(TABLE, "eth0.7"), Some(7777));
    assert_eq!(frames_in(TABLE, "eth1"), None);
}

#[test]
fn the_kernel_says_it_of_the_loopback_link() {
    assert!(frames_received("lo").is_some());
}
