//! The machine from outside: every event in every state, pairs of peers, edits of routes.

mod edits;
mod endings;
mod golden;
mod oracles;
mod pairs;
mod router;
mod routes;
mod solo;
mod states;
