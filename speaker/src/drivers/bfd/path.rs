//! One path that is watched: its session and what it sends by.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::task::{Context, Poll};
use std::time::Instant;

use bfd::{Discriminator, DownCause, Endpoint, Event, Hops, Input, Output, Session};
use rand::Rng as _;
use tokio::sync::watch;

use super::echo::{EchoLink, Echoes};
use super::{Device, PathState, Watched};
use crate::drivers::observed::PathObserved;
use crate::net::udp::Sender;

/// A session with its sockets.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) endpoint: Endpoint,
    pub(super) device: Option<Device>,
    session: Session,
    config: bfd::Config,
    report: watch::Sender<PathState>,
    sender: Option<Sender>,
    echo_link: Option<EchoLink>,
    echoes: Option<Echoes>,
    stopped: bool,
    /// Why the latest packet could not be sent.
    fault: Option<String>,
}

impl Path {
    pub(super) fn new(endpoint: Endpoint, discriminator: Discriminator, watched: &Watched) -> Self {
        let Watched { config, device, echo_link, report } = watched;
        let mut path = Self {
            endpoint,
            device: device.clone(),
            session: Session::new(discriminator, *config, rand::rng().next_u64(), Instant::now()),
            config: *config,
            report: report.clone(),
            sender: None,
            echo_link: *echo_link,
            echoes: None,
            stopped: false,
            fault: None,
        };
        path.perform();
        path
    }

    pub(super) fn update(&mut self, watched: &Watched) {
        let Watched { config, device, echo_link, report } = watched;
        if self.device != *device {
            self.device.clone_from(device);
            self.sender = None;
            self.echoes = None;
        }
        if self.echo_link != *echo_link {
            self.echo_link = *echo_link;
            self.echoes = None;
        }
        if !self.report.same_channel(report) {
            self.report = report.clone();
            let up = self.session.state() == bfd::State::Up;
            self.report.send_modify(|state| state.up = up);
        }
        if self.config != *config {
            self.config = *config;
            self.handle(Input::Reconfigure(*config));
        }
        if std::mem::take(&mut self.stopped) {
            self.handle(Input::Start);
        }
    }

    /// Tells the router that nothing failed; the session lives on until it had time to hear of it.
    pub(super) fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.handle(Input::Stop);
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.stopped && self.session.farewell().is_none_or(|farewell| farewell <= now)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let farewell = self.stopped.then(|| self.session.farewell()).flatten();
        [self.session.poll_timeout(), farewell].into_iter().flatten().min()
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        if self.session.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.session.handle(now, Input::Timeout);
            self.perform();
        }
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.session.handle(Instant::now(), input);
        self.perform();
    }

    /// Registers for a wake-up and returns whether an echo may be read.
    pub(super) fn poll_echo(&self, context: &mut Context<'_>) -> Poll<()> {
        self.echoes.as_ref().map_or(Poll::Pending, |echoes| echoes.poll_readable(context))
    }

    /// Returns the echoes that have come back, of this session or of another one on its link.
    pub(super) fn read_echoes(&self) -> Vec<Vec<u8>> {
        self.echoes.as_ref().map(Echoes::read).unwrap_or_default()
    }

    fn perform(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(packet) => self.send(&packet.encode()),
                Output::Echo(packet) => self.send_echo(&packet.encode()),
                Output::Event(event) => self.tell(event),
            }
        }
    }

    fn send(&mut self, packet: &[u8]) {
        let remote = self.remote();
        let sent = self.sender().and_then(|sender| sender.send(remote, packet));
        self.fault = sent.err().map(|error| format!("cannot send to {}: {error}", self.endpoint.neighbor));
    }

    /// Returns the socket, opened as soon as the node has the address it is bound to.
    fn sender(&mut self) -> io::Result<&Sender> {
        if self.sender.is_none() {
            let Endpoint { neighbor, local, .. } = self.endpoint;
            let ports = self.session.source_ports();
            let device = self.device.as_ref().map(|device| device.name.as_str());
            self.sender = Some(Sender::open(neighbor, local, device, ports)?);
        }
        self.sender.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn remote(&self) -> SocketAddr {
        let port = match self.endpoint.hops {
            Hops::Single => bfd::SINGLE_HOP_PORT,
            Hops::Multi => bfd::MULTI_HOP_PORT,
        };
        match self.endpoint.neighbor {
            IpAddr::V4(_) => SocketAddr::new(self.endpoint.neighbor, port),
            IpAddr::V6(address) => {
                SocketAddrV6::new(address, port, 0, self.endpoint.link.map_or(0, |link| link.0)).into()
            }
        }
    }

    fn send_echo(&mut self, payload: &[u8]) {
        let IpAddr::V4(neighbor) = self.endpoint.neighbor else { return };
        let Some(link) = self.echo_link else {
            self.fault = Some(format!("cannot send echoes to {neighbor}: it is in no subnet of this node"));
            return;
        };
        if self.echoes.is_none() {
            self.echoes = Echoes::open(link, neighbor).map_err(|error| self.note_echo_fault(neighbor, &error)).ok();
        }
        if let Some(Err(error)) = self.echoes.as_mut().map(|echoes| echoes.send(payload)) {
            self.note_echo_fault(neighbor, &error);
        }
    }

    fn note_echo_fault(&mut self, neighbor: Ipv4Addr, error: &io::Error) {
        self.fault = Some(format!("cannot send echoes to {neighbor}: {error}"));
    }

    fn tell(&mut self, event: Event) {
        let neighbor = self.endpoint.neighbor;
        match event {
            Event::Up => {
                tracing::info!(%neighbor, "BFD is up");
                self.report.send_modify(|state| state.up = true);
            }
            Event::Down { cause, neighbor_independent } => {
                if cause.is_failure() {
                    tracing::warn!(%neighbor, why = words(cause), "BFD is down");
                } else {
                    tracing::info!(%neighbor, why = words(cause), "BFD is down");
                }
                self.echoes = None;
                self.report.send_modify(|state| {
                    state.up = false;
                    if cause.is_failure() {
                        state.failures += 1;
                        state.independent = neighbor_independent;
                    }
                });
            }
        }
    }

    pub(super) fn observed(&self, receiver: Option<String>) -> PathObserved {
        let session = &self.session;
        PathObserved {
            endpoint: self.endpoint,
            state: session.state(),
            diagnostic: session.diag(),
            up_for: session.up_since().map(|since| since.elapsed()),
            transmit_interval: session.transmit_interval(),
            detection_time: session.detection_time(),
            echo: session.is_echo_active(),
            stats: session.stats().clone(),
            fault: receiver.or_else(|| self.fault.clone()),
        }
    }
}

const fn words(cause: DownCause) -> &'static str {
    match cause {
        DownCause::DetectionTimeExpired => "nothing was heard for the detection time",
        DownCause::EchoFailed => "echoes no longer come back",
        DownCause::NeighborDown { .. } => "the router says that it is down",
        DownCause::NeighborAdminDown => "the router's operator took it down",
        DownCause::Stopped => "it is no longer wanted",
    }
}
