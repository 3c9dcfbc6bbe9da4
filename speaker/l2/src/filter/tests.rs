use super::*;
use crate::tests::golden;

const HOST: u32 = 0;
const OTHER_HOST: u32 = 3;
const OUTGOING: u32 = 4;

/// Runs a program as the kernel does: a load beyond the end of the frame rejects it.
fn run(program: &[Instruction], frame: &[u8], packet_type: u32) -> u32 {
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let width = match code {
            LOAD_WORD => 4,
            LOAD_HALF => 2,
            LOAD_BYTE => 1,
            JUMP_EQUAL | JUMP_GREATER => {
                let holds = if code == JUMP_EQUAL { accumulator == k } else { accumulator > k };
                at += usize::from(if holds { jt } else { jf });
                continue;
            }
            RETURN => return k,
            unknown => panic!("instruction {unknown:#x}"),
        };
        if k == PACKET_TYPE {
            accumulator = packet_type;
            continue;
        }
        let offset = usize::try_from(k).expect("an offset fits");
        let Some(bytes) = frame.get(offset..offset + width) else { return 0 };
        accumulator = bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
    }
}

fn names() -> Vec<&'static str> {
    let file = include_str!("../../../../tests/golden/l2/frames.hex");
    file.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn each_program_passes_its_golden_frames_whole_and_no_other() {
    for name in names() {
        let frame = golden(name);
        let tagged = name.contains("vlan");
        let passes = |program: &[Instruction]| run(program, &frame, HOST) != NOTHING;
        assert_eq!(passes(&ARP), !tagged && (name.contains("_arp") || name.starts_with("arping")), "{name}");
        assert_eq!(passes(&NDP), !tagged && (name.contains("_ns_") || name.contains("_na_")), "{name}");
    }
}

#[test]
fn frames_for_others_and_our_own_are_rejected() {
    for name in names() {
        for packet_type in [OTHER_HOST, OUTGOING] {
            assert_eq!(run(&ARP, &golden(name), packet_type), NOTHING);
            assert_eq!(run(&NDP, &golden(name), packet_type), NOTHING);
        }
    }
}

#[test]
fn other_operations_protocols_and_message_types_are_rejected() {
    let altered = |name: &str, at: usize, value: u8| {
        let mut frame = golden(name);
        frame[at] = value;
        frame
    };
    assert_eq!(run(&ARP, &altered("kernel_arp_request", 21, 3), HOST), NOTHING);
    assert_eq!(run(&ARP, &altered("kernel_arp_request", 13, 0), HOST), NOTHING);
    assert_eq!(run(&NDP, &altered("kernel_ns_multicast", 20, 17), HOST), NOTHING);
    assert_eq!(run(&NDP, &altered("kernel_ns_multicast", 54, 134), HOST), NOTHING);
    assert_eq!(run(&NDP, &altered("kernel_ns_multicast", 54, 137), HOST), NOTHING);
    assert_eq!(run(&ARP, &golden("kernel_arp_request")[..20], HOST), NOTHING);
    assert_eq!(run(&NDP, &golden("kernel_ns_multicast")[..54], HOST), NOTHING);
}
