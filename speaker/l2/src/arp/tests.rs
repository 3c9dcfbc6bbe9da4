use super::*;
use crate::tests::golden;

#[test]
fn refuses_other_hardware_and_protocol_types_operations_and_short_packets() {
    let payload = golden("kernel_arp_request").split_off(14);
    assert!(Packet::decode(&payload).is_ok());
    for at in 0..6 {
        let mut changed = payload.clone();
        changed[at] ^= 0x10;
        assert_eq!(Packet::decode(&changed), Err(DropReason::ArpFormat));
    }
    for operation in [0, 3, 8] {
        let mut changed = payload.clone();
        changed[7] = operation;
        assert_eq!(Packet::decode(&changed), Err(DropReason::ArpOperation));
    }
    assert_eq!(Packet::decode(&payload[..27]), Err(DropReason::Truncated));
}
