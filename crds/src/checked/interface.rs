//! Names of interfaces.

use crate::fault::{FieldPath, Findings, Problem};
use crate::printable::is_instruction;

/// Returns a name that an interface of Linux can have.
pub(super) fn check_interface(name: &str, path: FieldPath, findings: &mut Findings) -> Option<String> {
    let is_part =
        |character: char| !character.is_whitespace() && !is_instruction(character) && !"/:".contains(character);
    let is_name = name.len() < 16 && ![".", ".."].contains(&name) && name.chars().all(is_part);
    if !is_name {
        findings.add(path, Problem::InterfaceName { text: name.to_owned() });
    }
    is_name.then(|| name.to_owned())
}
