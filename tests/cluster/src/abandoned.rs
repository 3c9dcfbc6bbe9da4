//! Nodes that are abandoned by their speaker: what clients still send there is lost, as on a node that is taken out of its rack.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use clarion::{
    demo::{network::Host, speaker::fetch},
    status::Status,
};
use lab::traffic;

use crate::Node;

/// Where a speaker answers on its own node.
const SPEAKER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 17472);

/// How often a speaker is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Lets `event` happen, while each node forwards nothing more from the moment that its speaker ends, or gives up what it owned of `vips`,
/// until another speaker runs there; returns how many nodes were abandoned, each as often as it was.
///
/// # Panics
///
/// When traffic cannot be refused.
pub fn during<T>(nodes: &[Node], vips: &[IpAddr], event: impl FnOnce() -> T) -> (T, usize) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        let hosts = nodes.iter().map(|node| &node.machine.host);
        let guards: Vec<_> = hosts.map(|host| scope.spawn(move || guard(host, vips, over))).collect();
        let outcome = {
            let _end = End(over);
            event()
        };
        let times = guards.into_iter().map(|guard| guard.join().expect("traffic can be refused"));
        (outcome, times.sum())
    })
}

/// Ends the guards, also when the event panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a look at a speaker has found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Owner,
    Idle,
    Ended,
}

fn guard(host: &Host, vips: &[IpAddr], over: &AtomicBool) -> usize {
    let (mut last, mut refused, mut times) = (None, false, 0);
    while !over.load(Ordering::Relaxed) {
        if let Some(now) = host.run(|| look(vips)) {
            let restarted = last == Some(Speaker::Ended) && now != Speaker::Ended;
            let released = last == Some(Speaker::Owner) && now == Speaker::Idle;
            if restarted && refused {
                traffic::allow(host);
                refused = false;
            } else if !refused && (released || now == Speaker::Ended) {
                traffic::refuse(host);
                (refused, times) = (true, times + 1);
            }
            last = Some(now);
        }
        thread::sleep(LOOK);
    }
    if refused {
        traffic::allow(host);
    }
    times
}

/// Returns what the speaker of this node does; nothing if it does not say so in time.
fn look(vips: &[IpAddr]) -> Option<Speaker> {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if TcpStream::connect(SPEAKER).is_err_and(refused) {
        return Some(Speaker::Ended);
    }
    let status: Status = serde_json::from_str(&fetch(SPEAKER, "/status").ok()?).ok()?;
    Some(if vips.iter().any(|vip| status.owns(*vip)) { Speaker::Owner } else { Speaker::Idle })
}
