//! README and `docs/` cannot say something else than the program.

mod examples;
mod links;
mod pages;
mod tables;
