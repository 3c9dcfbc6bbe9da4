//! Classic BPF programs that let only the wanted frames reach a packet socket.
//!
//! They are data; the owner of the socket attaches one **before** it binds, or frames queue unfiltered in between.
//! Both expect frames with their Ethernet header (`SOCK_RAW`).

#[cfg(test)]
mod tests;

/// One instruction, laid out like the kernel's `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip if a jump's condition holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;

/// SKF_AD_OFF + SKF_AD_PKTTYPE: the kernel's verdict whom the frame is for.
const PACKET_TYPE: u32 = 0xffff_f004;
/// Above it are frames for other stations, for VLANs that are not configured here, and our own.
const PACKET_MULTICAST: u32 = 2;
const WHOLE: u32 = 0x0004_0000;
const NOTHING: u32 = 0;

/// Passes ARP requests and replies.
pub const ARP: [Instruction; 9] = [
    load(LOAD_WORD, PACKET_TYPE),
    jump(JUMP_GREATER, PACKET_MULTICAST, 6, 0),
    load(LOAD_HALF, 12),
    jump(JUMP_EQUAL, 0x0806, 0, 4),
    load(LOAD_HALF, 20),
    jump(JUMP_EQUAL, 1, 1, 0),
    jump(JUMP_EQUAL, 2, 0, 1),
    give(WHOLE),
    give(NOTHING),
];

/// Passes neighbour solicitations and advertisements that follow the IPv6 header directly.
pub const NDP: [Instruction; 11] = [
    load(LOAD_WORD, PACKET_TYPE),
    jump(JUMP_GREATER, PACKET_MULTICAST, 8, 0),
    load(LOAD_HALF, 12),
    jump(JUMP_EQUAL, 0x86dd, 0, 6),
    load(LOAD_BYTE, 20),
    jump(JUMP_EQUAL, 58, 0, 4),
    load(LOAD_BYTE, 54),
    jump(JUMP_EQUAL, 135, 1, 0),
    jump(JUMP_EQUAL, 136, 0, 1),
    give(WHOLE),
    give(NOTHING),
];

const fn load(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

const fn give(k: u32) -> Instruction {
    Instruction { code: RETURN, jt: 0, jf: 0, k }
}
