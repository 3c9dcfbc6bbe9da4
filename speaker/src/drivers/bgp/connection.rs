//! One TCP connection of a peer: bytes in, bytes out, and an end that lets the last message arrive.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use bgp::{ConnId, Link};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::net::tcp;

/// How long the last bytes may take to leave, and the router to close its side.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes read at once.
const READ_LENGTH: usize = 16 * 1024;
/// Reads before other sessions and the timers get their turn again: 128 KiB, which a machine takes in within a millisecond.
pub(super) const READ_BATCH: usize = 8;

/// A connection that is being opened, open, or being closed.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    /// The addresses that the machine knows of.
    pub(super) link: Option<Link>,
    stream: TcpStream,
    phase: Phase,
    /// What the kernel has not taken yet; the machine bounds it by handing over routes only once this is empty.
    queue: VecDeque<Vec<u8>>,
    /// How much of the first buffer it has taken.
    taken: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Dialing,
    Open,
    /// Nobody listens to it any more.
    Closing {
        /// The end has been sent after the last byte.
        ended: bool,
        until: Instant,
    },
    Gone,
}

/// What became of a connection since it was last served.
#[derive(Debug)]
pub(super) enum Progress {
    /// It is open between these addresses.
    Opened { local: SocketAddr, remote: SocketAddr },
    /// It cannot be opened.
    Refused(io::ErrorKind),
    /// The kernel took so many bytes.
    Sent(usize),
    /// The router sent bytes.
    Received(Vec<u8>),
    /// The router or the network closed it.
    Ended(Option<io::ErrorKind>),
}

impl Connection {
    pub(super) fn dialing(id: ConnId, stream: TcpStream) -> Self {
        Self { id, link: None, stream, phase: Phase::Dialing, queue: VecDeque::new(), taken: 0 }
    }

    pub(super) fn accepted(id: ConnId, stream: TcpStream, link: Link) -> Self {
        Self { id, link: Some(link), stream, phase: Phase::Open, queue: VecDeque::new(), taken: 0 }
    }

    /// Returns whether the peer's machine still knows the connection.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Dialing | Phase::Open)
    }

    /// Returns our address and the router's, once the connection is open.
    pub(super) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.stream.local_addr().ok().zip(self.stream.peer_addr().ok())
    }

    pub(super) fn is_gone(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Returns when a connection that is being closed is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing { until, .. } => Some(until),
            Phase::Dialing | Phase::Open | Phase::Gone => None,
        }
    }

    /// Waits until the connection can be served.
    pub(super) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let (reads, writes) = match self.phase {
            Phase::Dialing => (false, true),
            Phase::Open | Phase::Closing { .. } => (true, !self.queue.is_empty()),
            Phase::Gone => (false, false),
        };
        // An error of the event loop shows up at the next read or write as well.
        let readable = reads && self.stream.poll_read_ready(context).is_ready();
        let writable = writes && self.stream.poll_write_ready(context).is_ready();
        if readable || writable { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Hands bytes over for sending after all earlier ones.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queue.push_back(bytes);
        }
    }

    /// Begins to close; what was handed over is still sent, as far as the router takes it.
    pub(super) fn close(&mut self) {
        self.phase = match self.phase {
            Phase::Dialing | Phase::Gone => Phase::Gone,
            Phase::Open => {
                // A router whose TTL security we did not meet has heard nothing of us; unless it hears the end, it keeps this connection
                // until its hold time is over and takes no other. Fails only where the connection is gone.
                drop(tcp::raise_ttl(&self.stream));
                Phase::Closing { ended: false, until: Instant::now() + FAREWELL }
            }
            closing @ Phase::Closing { .. } => closing,
        };
    }

    /// Does what can be done without waiting and tells what became of it.
    pub(super) fn serve(&mut self, progress: &mut Vec<Progress>) {
        match self.phase {
            Phase::Dialing => self.finish_dialing(progress),
            Phase::Open => {
                self.read(progress);
                self.write(progress);
            }
            Phase::Closing { .. } => self.bid_farewell(),
            Phase::Gone => {}
        }
    }

    /// Writes what the kernel takes at once.
    pub(super) fn write(&mut self, progress: &mut Vec<Progress>) {
        match self.write_queue() {
            Ok(0) => {}
            Ok(sent) => progress.push(Progress::Sent(sent)),
            Err(error) => self.lose(Some(error.kind()), progress),
        }
    }

    fn finish_dialing(&mut self, progress: &mut Vec<Progress>) {
        let refused = match (self.stream.take_error(), self.stream.local_addr(), self.stream.peer_addr()) {
            (Ok(Some(error)) | Err(error), _, _) => error.kind(),
            // Not open and no error: the kernel is still at it.
            (Ok(None), _, Err(error)) if error.kind() == io::ErrorKind::NotConnected => return,
            (Ok(None), Ok(local), Ok(remote)) => {
                self.phase = Phase::Open;
                return progress.push(Progress::Opened { local, remote });
            }
            (Ok(None), Err(error), _) | (Ok(None), Ok(_), Err(error)) => error.kind(),
        };
        self.phase = Phase::Gone;
        progress.push(Progress::Refused(refused));
    }

    fn read(&mut self, progress: &mut Vec<Progress>) {
        let mut buffer = [0; READ_LENGTH];
        for _ in 0..READ_BATCH {
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return self.lose(None, progress),
                Ok(length) => progress.push(Progress::Received(buffer[..length].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.lose(Some(error.kind()), progress),
            }
        }
    }

    fn lose(&mut self, error: Option<io::ErrorKind>, progress: &mut Vec<Progress>) {
        if self.phase == Phase::Open {
            self.phase = Phase::Gone;
            progress.push(Progress::Ended(error));
        }
    }

    fn write_queue(&mut self) -> io::Result<usize> {
        let mut sent = 0;
        while let Some(buffer) = self.queue.front() {
            match self.stream.try_write(&buffer[self.taken..]) {
                Ok(length) => {
                    sent += length;
                    self.taken += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if self.taken == buffer.len() {
                self.queue.pop_front();
                self.taken = 0;
            }
        }
        Ok(sent)
    }

    /// Sends the rest, then the end, and reads on: to close with bytes unread would make the kernel discard what was just sent.
    fn bid_farewell(&mut self) {
        let Phase::Closing { ended, until } = self.phase else { return };
        let sent = self.write_queue();
        let mut ended = ended;
        if self.queue.is_empty() && !ended {
            // Fails only where the router has closed already.
            drop(SockRef::from(&self.stream).shutdown(Shutdown::Write));
            ended = true;
        }
        let over = sent.is_err() || self.discard_input() || until <= Instant::now();
        self.phase = if over { Phase::Gone } else { Phase::Closing { ended, until } };
    }

    /// Throws away what waits to be read, and returns whether the router has closed its side.
    fn discard_input(&self) -> bool {
        let mut buffer = [0; READ_LENGTH];
        for _ in 0..READ_BATCH {
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }
}
