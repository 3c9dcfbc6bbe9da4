//! How many frames a link has received.

use std::fs;

/// Of the namespace of this thread, which need not be that of the first one.
const DEVICES: &str = "/proc/thread-self/net/dev";

/// Returns the number of frames that a link has received so far; nothing where the kernel does not say.
pub fn frames_received(link: &str) -> Option<u64> {
    frames_in(&fs::read_to_string(DEVICES).ok()?, link)
}

/// Reads the table of proc_net(5): a line `name: bytes packets ...` for each link.
fn frames_in(table: &str, link: &str) -> Option<u64> {
    let columns = table.lines().find_map(|line| {
        let (name, columns) = line.rsplit_once(": ").or_else(|| line.rsplit_once(':'))?;
        (name.trim() == link).then_some(columns)
    })?;
    columns.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;
