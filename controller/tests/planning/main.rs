//! Snapshots in, plans out.

mod book;
mod broken_pools;
mod fixture;
mod properties;
mod scenarios;
