//! A host that asks for addresses in quick succession, to see the first answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    net::{IpAddr, Ipv4Addr},
    os::fd::AsRawFd,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clarion::demo::frame::{arp_request, claim};
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, SockaddrLike, bind},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::cluster::Station;

const ETHERTYPE_ARP: u16 = 0x0806;

/// How long the asker sleeps when nothing arrives; a tenth of the shortest time that is measured.
const NAP: Duration = Duration::from_micros(100);

/// How often one address is asked for.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// How many questions go out in one second when there are many addresses.
///
/// More would keep the speakers busy with answers alone. An answer is seen at most one round of the open addresses late.
const QUESTIONS_PER_SECOND: f64 = 20_000.0;

/// An ARP client of a station, without the kernel's cache and back-off.
pub(crate) struct Asker<'a> {
    socket: Socket,
    station: &'a Station,
    own: Ipv4Addr,
}

impl<'a> Asker<'a> {
    /// Opens the socket on the station's interface.
    pub(crate) fn open(station: &'a Station) -> anyhow::Result<Self> {
        let own = station.four()?;
        let socket = open(station, ETHERTYPE_ARP)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, station, own })
    }

    /// Asks for every address until each was claimed once, by an answer or an announcement, and returns when that was seen.
    pub(crate) fn first_claims(
        &self,
        targets: &[Ipv4Addr],
        patience: Duration,
    ) -> anyhow::Result<BTreeMap<Ipv4Addr, Instant>> {
        let mut seen = BTreeMap::new();
        let mut open: BTreeSet<_> = targets.iter().copied().collect();
        let mut next = Ipv4Addr::UNSPECIFIED;
        let mut ask_at = Instant::now();
        let deadline = ask_at + patience;
        while !open.is_empty() {
            let now = Instant::now();
            ensure!(now < deadline, "{} of {} addresses are not answered", open.len(), targets.len());
            if now >= ask_at {
                let most = (QUESTIONS_PER_SECOND * ASK_EVERY.as_secs_f64()) as usize;
                let round: Vec<_> = open.range(next..).chain(open.range(..next)).copied().take(most).collect();
                round.iter().for_each(|target| self.ask(*target));
                next = round.last().map_or(next, |last| (u32::from(*last) + 1).into());
                ask_at = now + ASK_EVERY;
            }
            self.drain(|address| {
                if open.remove(&address) {
                    seen.insert(address, Instant::now());
                }
            });
        }
        Ok(seen)
    }

    /// Makes a change and returns how long an address took to be claimed after it began.
    pub(crate) fn answered_after(
        &self,
        address: Ipv4Addr,
        patience: Duration,
        change: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Duration> {
        let start = Instant::now();
        change()?;
        let seen = self.first_claims(&[address], patience)?;
        Ok(seen.get(&address).context("every address was claimed")?.duration_since(start))
    }

    /// Asks for an address until it was not answered for `quiet`.
    pub(crate) fn until_silent(&self, target: Ipv4Addr, quiet: Duration, patience: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut heard = start;
        let mut ask_at = start;
        while heard.elapsed() < quiet {
            ensure!(start.elapsed() < patience, "{target} is still answered after {patience:?}");
            if Instant::now() >= ask_at {
                self.ask(target);
                ask_at = Instant::now() + 5 * ASK_EVERY;
            }
            self.drain(|address| {
                if address == target {
                    heard = Instant::now();
                }
            });
        }
        Ok(())
    }

    fn ask(&self, target: Ipv4Addr) {
        // A full queue is asked again with the next round.
        drop(self.socket.send(&arp_request(self.station.link.mac, self.own, target)));
    }

    /// Takes every claim that has arrived, and naps if there was none.
    fn drain(&self, mut take: impl FnMut(Ipv4Addr)) {
        let mut buffer = [0; 2048];
        let mut any = false;
        while let Ok(length) = (&self.socket).read(&mut buffer) {
            any = true;
            if let Some(claim) = claim(&buffer[..length])
                && let IpAddr::V4(address) = claim.address
            {
                take(address);
            }
        }
        if !any {
            thread::sleep(NAP);
        }
    }
}

/// Opens a socket for the frames of one ethertype on the station's interface, with room for a burst.
pub(crate) fn open(station: &Station, ethertype: u16) -> anyhow::Result<Socket> {
    station.host.run(|| {
        let protocol = Protocol::from(i32::from(ethertype.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        let address = getifaddrs()?
            .filter(|entry| entry.interface_name == station.link.interface)
            .filter_map(|entry| entry.address)
            .find(|address| address.family() == Some(AddressFamily::Packet))
            .context("the station has no interface")?;
        bind(socket.as_raw_fd(), &address)?;
        socket.set_recv_buffer_size(8 << 20)?;
        anyhow::Ok(socket)
    })
}
