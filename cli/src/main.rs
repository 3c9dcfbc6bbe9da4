//! The `clarion` binary.
fn main() {}
