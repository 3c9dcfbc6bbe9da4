//! The rules of allocation from the outside: tables, properties and a reference allocator.

mod families;
mod fixture;
mod keeping;
mod orders;
mod pools;
mod properties;
mod reference;
mod refusals;
mod sharing;
mod world;
