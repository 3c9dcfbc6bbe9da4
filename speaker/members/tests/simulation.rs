//! Seeded simulations of whole wires.
//!
//! `CLARION_SEEDS=100000 cargo test -p members --test simulation` runs more seeds; `CLARION_SEED=7` runs one.
#![expect(clippy::unwrap_used, reason = "helpers of tests lie outside of test functions here")]

#[path = "simulation/calm.rs"]
mod calm;
#[path = "simulation/checks.rs"]
mod checks;
#[path = "simulation/deaf.rs"]
mod deaf;
#[path = "simulation/flapping.rs"]
mod flapping;
#[path = "simulation/identity.rs"]
mod identity;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/scale.rs"]
mod scale;
#[path = "simulation/scenes.rs"]
mod scenes;
#[path = "simulation/storm.rs"]
mod storm;
#[path = "simulation/world.rs"]
mod world;

/// Runs a simulation over many seeds and names the first that fails.
fn over_seeds(default: u64, simulate: impl Fn(u64) -> Result<(), String>) {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("CLARION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CLARION_SEEDS").unwrap_or(default),
    };
    for seed in seeds {
        if let Err(fault) = simulate(seed) {
            panic!("seed {seed}: {fault}");
        }
    }
}
