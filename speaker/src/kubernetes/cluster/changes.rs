//! What a watch tells, cut down to what is kept of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiserver::{ConfigurationEvent, Event, Quiet};
use crds::core;
use kube::core::object::HasStatus;
use members::ClusterId;

use crate::kubernetes::objects::{self, Service};
use crate::kubernetes::slices::{self, Slice};
use crate::kubernetes::speakers::SpeakerState;

/// Something that was told.
#[derive(Debug)]
pub enum Change {
    /// Of a Service of type LoadBalancer.
    Service(ServiceEvent),
    /// Of an EndpointSlice.
    Slice(SliceEvent),
    /// Of a Namespace.
    Namespace(NamespaceEvent),
    /// Of a Node.
    Node(Event<core::Node>),
    /// Of a Secret, which may hold the key of the heartbeats or the password of a router.
    Secret(Event<core::Secret>),
    /// The same, by the watch of the Secret with this name.
    NamedSecret(Arc<str>, Event<core::Secret>),
    /// Of a configuration object.
    Configuration(ConfigurationEvent),
    /// The cluster was identified, or could not be.
    Identity(Result<ClusterId, String>),
    /// Of what the speaker of a node says of itself.
    Speaker(SpeakerEvent),
}

/// What was told of a Service, already cut down.
#[derive(Debug)]
pub struct ServiceEvent(pub(super) Event<Service>);

/// What was told of a Namespace: its labels.
#[derive(Debug)]
pub struct NamespaceEvent(pub(super) Event<BTreeMap<String, String>>);

/// What was told of an EndpointSlice, already cut down.
#[derive(Debug)]
pub struct SliceEvent(pub(super) Event<Slice>);

/// What was told of a speaker, already cut down.
#[derive(Debug)]
pub struct SpeakerEvent(pub(super) Event<SpeakerState>);

impl Change {
    pub(super) fn is_unreadable(&self) -> bool {
        match self {
            Self::Service(ServiceEvent(event)) => unreadable(event),
            Self::Slice(SliceEvent(event)) => match event {
                Event::Applied(object) => object.value.as_ref().is_ok_and(|slice| slice.unreadable.is_some()),
                Event::Relisting | Event::Deleted(..) | Event::Listed | Event::Connected | Event::Lost(_) => false,
            },
            Self::Namespace(NamespaceEvent(event)) => unreadable(event),
            Self::Node(event) => unreadable(event),
            Self::Secret(event) | Self::NamedSecret(_, event) => unreadable(event),
            Self::Speaker(SpeakerEvent(event)) => unreadable(event),
            Self::Configuration(event) => match event {
                ConfigurationEvent::Pool(event) => unreadable(event),
                ConfigurationEvent::L2Advertisement(event) => unreadable(event),
                ConfigurationEvent::BgpAdvertisement(event) => unreadable(event),
                ConfigurationEvent::Peer(event) => unreadable(event),
                ConfigurationEvent::BfdProfile(event) => unreadable(event),
                ConfigurationEvent::Community(event) => unreadable(event),
            },
            Self::Identity(_) => false,
        }
    }

    pub(in crate::kubernetes) fn service(event: Event<core::Service>) -> Self {
        Self::Service(ServiceEvent(event.map(objects::service)))
    }

    pub(in crate::kubernetes) fn slice(event: Event<core::EndpointSlice>) -> Self {
        Self::Slice(SliceEvent(slices::slice(event)))
    }

    pub(in crate::kubernetes) fn namespace(event: Event<core::Namespace>) -> Self {
        Self::Namespace(NamespaceEvent(event.map(objects::namespace)))
    }

    pub(in crate::kubernetes) fn node(event: Event<core::Node>) -> Self {
        Self::Node(event.map(objects::node))
    }

    pub(in crate::kubernetes) fn speaker(event: Event<SpeakerState>) -> Self {
        Self::Speaker(SpeakerEvent(event))
    }

    /// Drops the status: it counts what is allocated, so it changes with every Service and decides nothing here.
    pub(in crate::kubernetes) fn configuration(event: ConfigurationEvent) -> Self {
        Self::Configuration(match event {
            ConfigurationEvent::Pool(event) => ConfigurationEvent::Pool(event.map(without_status)),
            ConfigurationEvent::L2Advertisement(event) => {
                ConfigurationEvent::L2Advertisement(event.map(without_status))
            }
            ConfigurationEvent::BgpAdvertisement(event) => {
                ConfigurationEvent::BgpAdvertisement(event.map(without_status))
            }
            ConfigurationEvent::Peer(event) => ConfigurationEvent::Peer(event.map(without_status)),
            ConfigurationEvent::BfdProfile(event) => ConfigurationEvent::BfdProfile(event.map(without_status)),
            ConfigurationEvent::Community(event) => ConfigurationEvent::Community(event.map(without_status)),
        })
    }
}

fn without_status<K: HasStatus + Clone>(Quiet(mut object): Quiet<K>) -> Quiet<K> {
    *Arc::make_mut(&mut object).status_mut() = None;
    Quiet(object)
}

fn unreadable<T>(event: &Event<T>) -> bool {
    match event {
        Event::Applied(object) => object.value.is_err(),
        Event::Relisting | Event::Deleted(..) | Event::Listed | Event::Connected | Event::Lost(_) => false,
    }
}
