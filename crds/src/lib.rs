//! Clarion's API: every kind a user reads or writes, and its checked form.
//!
//! * [`kinds`]: the `metallb.io` kinds as Kubernetes stores them. They decode whatever the generated schema admits and judge nothing.
//! * [`checked`]: the same configuration parsed once into plain types; past [`checked::Config::compile`] nothing is validated again.
//! * [`fault`]: what is wrong with an object, where, and what to do about it.
//! * [`annotations`], [`reasons`], [`load_balancer_class`]: the words used on Services, in conditions and in events.
//! * [`core`], [`decode`]: Kubernetes' own kinds as far as they are read, and how any object is read.
//! * [`printable`]: text of others, made fit for terminals, logs, labels and events.
//! * [`definitions`]: the CustomResourceDefinitions, as the YAML files of `deploy/crds`.
//!
//! # Versions of BGPPeer
//!
//! `v1beta2` is stored; `v1beta1` is served as a deprecated second name of the *same* schema, with conversion strategy `None`.
//! Every object that was valid as `v1beta1` is valid under that schema, so no conversion webhook is needed, and reading or
//! editing a peer through the old version loses no field.
//!
//! # Deviations from MetalLB
//!
//! The schemas accept every object MetalLB accepts. They are wider here: `peerPort` goes up to 65535 and 0 means 179 in both
//! versions, the counters of a pool's status are optional, and every configuration kind has `status.conditions`.
//! Faults are per object: an invalid object is left out and the others take effect, where MetalLB refuses the whole configuration.
//! Some faults cost less than the object, so that a mistake in one place does not end traffic in another:
//!
//! * a peer whose BFDProfile is missing or at fault keeps its session, without BFD;
//! * a profile with echo mode loses the echo on IPv6 and unnumbered sessions, instead of being refused with IPv6 pools;
//! * an advertisement whose aggregation length does not fit a pool is not used for that pool, and is for the others.
//!
//! Two peers may have different AS numbers or router ids on one node; only the same router, port, VRF and source twice is a fault.
#![forbid(unsafe_code)]

pub mod annotations;
pub mod checked;
pub mod core;
pub mod decode;
pub mod definitions;
pub mod fault;
pub mod kinds;
pub mod load_balancer_class;
pub mod printable;
pub mod reasons;
mod schema;
pub mod selector;
pub mod spelling;
