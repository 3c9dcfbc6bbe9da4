//! How connections come to be: ours and the router's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp::{ConnId, Input, TimeToLive};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::ends::ends;
use super::{Driver, Ending, Endpoint};
use crate::net::links::Links;
use crate::net::listen;
use crate::net::tcp::{self, Dial};

impl Driver {
    /// Begins to open a connection.
    pub(super) fn dial(&mut self, conn: ConnId, ttl: TimeToLive) {
        let key = self.orders.as_ref().and_then(|orders| orders.key.as_ref());
        let Endpoint { remote, source, device } = &self.endpoint;
        let dialed = tcp::dial(&Dial {
            remote: *remote,
            source: *source,
            device: device.as_deref(),
            key,
            ttl: ttl.send,
            minimum_ttl: ttl.minimum,
            patience: self.patience_of_kernel(),
        });
        match dialed {
            Ok(stream) => {
                self.refused = None;
                self.connections.push(Connection::dialing(conn, stream));
            }
            Err(error) => {
                let kind = error.kind();
                self.refused = Some(format!("{:#}", anyhow::Error::new(error)));
                self.machine.handle(Instant::now(), Input::ConnectFailed { conn, error: kind });
            }
        }
    }

    /// Takes a connection that the router opened; the machine decides whether it is welcome.
    pub(super) fn accept(&mut self, stream: TcpStream) {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return listen::refuse(stream) };
        let ttl = self.machine.time_to_live();
        let patience = self.patience_of_kernel();
        if self.ending != Ending::Not || listen::adopt(&stream, remote, ttl.send, ttl.minimum, patience).is_err() {
            return listen::refuse(stream);
        }
        self.accepted += 1;
        let conn = ConnId::Incoming(self.accepted);
        self.local = Some(local.ip());
        let link = ends(local, remote, &self.links(), None);
        self.connections.push(Connection::accepted(conn, stream, link));
        self.machine.handle(Instant::now(), Input::Accepted { conn, link });
        self.perform();
    }

    /// Takes note that a connection we asked for is open.
    pub(super) fn on_opened(&mut self, conn: ConnId, local: SocketAddr, remote: SocketAddr) -> Input {
        self.local = Some(local.ip());
        let link = ends(local, remote, &self.links(), None);
        for connection in self.connections.iter_mut().filter(|connection| connection.id == conn) {
            connection.link = Some(link);
        }
        Input::Connected { conn, link }
    }

    /// Tells the machine of each connection that should have other next hops.
    pub(super) fn on_links(&mut self) {
        let links = self.links();
        for connection in &mut self.connections {
            let Some((before, (local, remote))) = connection.link.zip(connection.ends()) else { continue };
            let link = ends(local, remote, &links, Some(&before));
            if link != before {
                connection.link = Some(link);
                self.machine.handle(Instant::now(), Input::Link { conn: connection.id, link });
            }
        }
        self.perform();
    }

    fn links(&self) -> Arc<Links> {
        self.orders.as_ref().map(|orders| orders.links.clone()).unwrap_or_default()
    }

    /// Returns how long the kernel may wait for acknowledgements: no longer than we wait for messages.
    fn patience_of_kernel(&self) -> Option<Duration> {
        let hold = u64::from(self.machine.config().hold_time.seconds());
        (hold > 0).then(|| Duration::from_secs(hold))
    }
}
