//! `clarion demo`: a small network inside this machine, real traffic through it, and what happens when its nodes die.
//!
//! The parts that build and measure are public: the test lab is made of them.

pub mod frame;
pub mod namespace;
pub mod network;
pub mod prober;
pub mod report;
pub mod sandbox;
pub mod server;
pub mod speaker;
pub mod status;
pub mod watch;
