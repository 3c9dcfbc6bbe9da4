//! Frames as fast as one thread can send them.

use std::{
    io::{self, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clarion::demo::raw::RawSocket;
use socket2::{Domain, Socket, Type};

use crate::Client;

/// An ethertype for experiments (IEEE 802), of which nothing arrives: what is sent must not fill a socket.
const NOTHING: u16 = 0x88b5;

/// A flood that nobody stopped ends by itself after this time.
const LONGEST: Duration = Duration::from_secs(60);

/// Frames between two looks whether the flood shall end.
const BATCH: usize = 64;

/// A flood; dropping it ends it.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Flood {
    /// Starts to send these frames from a client, over and over.
    pub fn start(client: &Client, frames: Vec<Vec<u8>>) -> Self {
        let open = || RawSocket::open(&client.link.interface, NOTHING, &[]);
        let socket = client.host.run(open).expect("a client can send frames made by hand");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let send = move || {
            let (start, mut sent) = (Instant::now(), 0);
            for batch in frames.chunks(BATCH).cycle() {
                if stopped.load(Ordering::Relaxed) || start.elapsed() > LONGEST {
                    break;
                }
                // A queue that is full loses a frame, of which there are enough.
                sent += batch.iter().filter(|frame| socket.send(frame).is_ok()).count();
            }
            sent
        };
        let thread = thread::Builder::new().name("flood".to_owned()).spawn(send).expect("a thread can be started");
        Self { stop, thread: Some(thread) }
    }

    /// Ends the flood and returns how many frames it was.
    pub fn stop(mut self) -> usize {
        self.halt().expect("the flood is still there")
    }

    fn halt(&mut self) -> Option<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Connects to a port from an address, writes something and closes; an error says that nobody accepted it.
pub fn knock(source: IpAddr, port: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let socket = Socket::new(Domain::for_address(port), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&port.into(), PATIENCE)?;
    // It may have been closed already.
    drop(TcpStream::from(socket).write_all(bytes));
    Ok(())
}
