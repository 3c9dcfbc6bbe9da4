//! What a sender says to one router, as it passes the router's interface.

use std::{
    collections::BTreeMap,
    io::Read,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use socket2::Socket;

use crate::{cluster::Station, wire};

const ETHERTYPE_IPV4: u16 = 0x0800;

/// How long the recorder sleeps in the kernel before it looks whether it shall stop.
const SLICE: Duration = Duration::from_millis(20);

/// The type of an UPDATE (RFC 4271 §4.1).
const UPDATE: u8 = 2;
/// The length of a BGP header.
const HEADER: usize = 19;

/// A recorder at work; dropping it ends it.
#[derive(Debug)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    began: OnceLock<Instant>,
    segments: Mutex<Vec<Segment>>,
    stop: AtomicBool,
}

/// A TCP segment that carries something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    /// The sender's port, which tells connections apart.
    port: u16,
    sequence: u32,
    payload: Vec<u8>,
}

/// What was sent in one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// Everything above TCP.
    pub(super) bytes: usize,
    /// The UPDATE messages among it.
    pub(super) updates: usize,
}

impl Recorder {
    /// Records the IPv4 segments that come from `sender`.
    pub(super) fn start(station: &Station, sender: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = wire::open(station, ETHERTYPE_IPV4)?;
        socket.set_read_timeout(Some(SLICE))?;
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(move || own.record(&socket, sender))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Returns when the first byte arrived.
    pub(super) fn began(&self) -> Option<Instant> {
        self.shared.began.get().copied()
    }

    /// Ends the record and returns what was sent in the connection that carried most.
    pub(super) fn stop(mut self) -> anyhow::Result<Stream> {
        self.end();
        let segments = std::mem::take(&mut *self.shared.segments.lock().unwrap_or_else(PoisonError::into_inner));
        let mut connections: BTreeMap<u16, Vec<Segment>> = BTreeMap::new();
        for segment in segments {
            connections.entry(segment.port).or_default().push(segment);
        }
        let streams = connections.into_values().map(|segments| joined(&segments)?.try_into());
        let streams: Vec<Stream> = streams.collect::<anyhow::Result<_>>()?;
        streams.into_iter().max_by_key(|stream| stream.bytes).context("nothing was sent")
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; a second one here would hide it.
            drop(thread.join());
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn record(&self, mut socket: &Socket, sender: Ipv4Addr) {
        // Virtual cables carry segments that no network card has cut yet.
        let mut buffer = vec![0; 1 << 17];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(length) = socket.read(&mut buffer) else { continue };
            if let Some(segment) = segment(&buffer[..length], sender) {
                self.began.get_or_init(Instant::now);
                self.segments.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
            }
        }
    }
}

/// Reads an Ethernet frame; nothing if it carries no TCP payload of `sender`.
fn segment(frame: &[u8], sender: Ipv4Addr) -> Option<Segment> {
    let packet = frame.get(14..)?;
    let header = usize::from(packet.first()? & 0xf) * 4;
    let is_tcp = *packet.get(9)? == 6 && packet.get(12..16)? == sender.octets();
    // Frames are padded to the shortest that Ethernet knows.
    let length = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let segment = packet.get(header..length).filter(|_| is_tcp)?;
    let payload = segment.get(usize::from(segment.get(12)? >> 4) * 4..)?;
    let port = u16::from_be_bytes([segment[0], segment[1]]);
    let sequence = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
    (!payload.is_empty()).then(|| Segment { port, sequence, payload: payload.to_vec() })
}

/// Joins the segments of one connection, of which some may have been sent twice.
fn joined(segments: &[Segment]) -> anyhow::Result<Vec<u8>> {
    let first = segments.first().context("a connection has segments")?.sequence;
    let mut segments: Vec<_> = segments.iter().collect();
    segments.sort_by_key(|segment| segment.sequence.wrapping_sub(first));
    let mut bytes = Vec::new();
    for segment in segments {
        let offset = segment.sequence.wrapping_sub(first) as usize;
        ensure!(offset <= bytes.len(), "the recorder has missed {} bytes", offset - bytes.len());
        let known = bytes.len() - offset;
        bytes.extend(segment.payload.get(known..).unwrap_or_default());
    }
    Ok(bytes)
}

impl TryFrom<Vec<u8>> for Stream {
    type Error = anyhow::Error;

    fn try_from(bytes: Vec<u8>) -> anyhow::Result<Self> {
        let mut updates = 0;
        let mut rest = &bytes[..];
        while let Some(header) = rest.get(..HEADER) {
            let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
            ensure!(header[..16] == [0xff; 16] && length >= HEADER, "this is no BGP header: {header:02x?}");
            updates += usize::from(header[18] == UPDATE);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(Self { bytes: bytes.len(), updates })
    }
}

#[cfg(test)]
mod tests;
