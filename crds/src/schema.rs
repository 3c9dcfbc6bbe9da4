//! Integer schemas with explicit bounds.
//!
//! API servers warn about `format: uint32` and derive no bounds from it, so a number that does not fit would be stored and then
//! fail to decode, and one undecodable object stops the watch of its whole kind.

use schemars::{Schema, SchemaGenerator, json_schema};

fn integer(minimum: u32, maximum: u32) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "minimum": minimum, "maximum": maximum })
}

pub(crate) fn any_u32(_: &mut SchemaGenerator) -> Schema {
    integer(0, u32::MAX)
}

pub(crate) fn nonzero_u32(_: &mut SchemaGenerator) -> Schema {
    integer(1, u32::MAX)
}

pub(crate) fn port(_: &mut SchemaGenerator) -> Schema {
    integer(0, u32::from(u16::MAX))
}

pub(crate) fn weight(_: &mut SchemaGenerator) -> Schema {
    integer(1, 100)
}

pub(crate) fn ipv4_length(_: &mut SchemaGenerator) -> Schema {
    integer(1, 32)
}

pub(crate) fn ipv6_length(_: &mut SchemaGenerator) -> Schema {
    integer(0, 128)
}

pub(crate) fn bfd_interval(_: &mut SchemaGenerator) -> Schema {
    integer(10, 60_000)
}

pub(crate) fn detect_multiplier(_: &mut SchemaGenerator) -> Schema {
    integer(2, 255)
}

pub(crate) fn prepend(_: &mut SchemaGenerator) -> Schema {
    integer(0, 16)
}

pub(crate) fn megabits(_: &mut SchemaGenerator) -> Schema {
    integer(1, 1_000_000)
}

pub(crate) fn hops(_: &mut SchemaGenerator) -> Schema {
    integer(1, 254)
}

pub(crate) fn neighbors(_: &mut SchemaGenerator) -> Schema {
    integer(1, 1000)
}

pub(crate) fn minimum_ttl(_: &mut SchemaGenerator) -> Schema {
    integer(1, 254)
}
