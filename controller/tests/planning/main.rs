//! Snapshots in, plans out.

mod fixture;
mod properties;
mod scenarios;
