//! The binary itself.

use std::fs;

use anyhow::{Context, ensure};

use crate::{
    Options,
    figure::{Sink, Subject},
};

/// The kind of a program header that names a dynamic loader (ELF: PT_INTERP).
const INTERPRETER: u32 = 3;

/// Measures the file.
pub(crate) fn run(options: &Options, sink: Sink<'_>) -> anyhow::Result<()> {
    let binary = fs::read(&options.clarion).with_context(|| format!("cannot read {}", options.clarion.display()))?;
    let mut subject = Subject::new("size", "clarion", sink);
    subject.add("binary", binary.len() as f64 / f64::from(1 << 20), "MiB", 1, Some(15.0));
    subject.add("static", f64::from(u8::from(!needs_loader(&binary)?)), "1 = yes", 1, None);
    Ok(())
}

/// Returns whether a 64-bit little-endian ELF file asks for a dynamic loader.
fn needs_loader(binary: &[u8]) -> anyhow::Result<bool> {
    ensure!(binary.starts_with(b"\x7fELF\x02\x01"), "not a 64-bit little-endian ELF file");
    let number = |at: usize, length: usize| -> anyhow::Result<usize> {
        let bytes = binary.get(at..at + length).context("the file ends early")?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    // ELF-64: the table of program headers begins at e_phoff and has e_phnum entries of e_phentsize bytes.
    let (table, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    for entry in 0..count {
        if number(table + entry * size, 4)? == INTERPRETER as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_binary_with_the_usual_linking_needs_a_loader_and_text_is_no_binary() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(needs_loader(&own).unwrap(), !cfg!(target_feature = "crt-static"));
        assert!(needs_loader(b"#!/bin/sh\n").is_err());
    }
}
