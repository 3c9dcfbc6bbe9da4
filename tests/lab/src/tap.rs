//! Every frame at one interface of a host, and frames sent from there by hand.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clarion::demo::{
    frame::{Claim, claim},
    network::{Host, Link, Mac},
    raw::{EVERYTHING, RawSocket},
};

/// How long the tap sleeps in the kernel before it looks whether it shall stop.
const SLICE: Duration = Duration::from_millis(5);

/// A tap at work; dropping it ends it.
#[derive(Debug)]
pub struct Tap {
    own: Mac,
    sender: RawSocket,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    frames: Mutex<Vec<(Instant, Vec<u8>)>>,
    stop: AtomicBool,
}

impl Tap {
    pub(crate) fn start(host: &Host, link: &Link) -> anyhow::Result<Self> {
        let open = || RawSocket::open(&link.interface, EVERYTHING, &[]);
        let (socket, sender) = host.run(|| anyhow::Ok((open()?, open()?)))?;
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let record = move || {
            let mut buffer = [0; 2048];
            while !own.stop.load(Ordering::Relaxed) {
                // Errors are the time-out of the slice, or an interface that is down for now.
                let Ok(length) = socket.receive(&mut buffer, SLICE) else { continue };
                let frame = (Instant::now(), buffer[..length].to_vec());
                own.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
            }
        };
        let thread = thread::Builder::new().name(format!("tap-{}", host.name())).spawn(record)?;
        Ok(Self { own: link.mac, sender, shared, thread: Some(thread) })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) {
        self.sender.send(frame).expect("a frame can be sent from an interface that is up");
    }

    /// Returns the frames that came from others since `since`, in order.
    pub fn frames(&self, since: Instant) -> Vec<Vec<u8>> {
        let frames = self.shared.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let foreign = |(at, frame): &&(Instant, Vec<u8>)| *at >= since && frame.get(6..12) != Some(&self.own.0[..]);
        frames.iter().filter(foreign).map(|(_, frame)| frame.clone()).collect()
    }

    /// Returns the claims among them.
    pub fn claims(&self, since: Instant) -> Vec<Claim> {
        self.frames(since).iter().filter_map(|frame| claim(frame)).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; a second one here would hide it.
            drop(thread.join());
        }
    }
}
