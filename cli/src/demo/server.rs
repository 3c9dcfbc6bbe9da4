//! What the example Services serve: a node's name, as an echo, as a line and as a page.
//!
//! The server stands for the pods behind a Service and for the datapath that reaches them, so it outlives a dead speaker on its node.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, UdpSocket},
    os::fd::AsRawFd,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::Context;
use nix::{
    cmsg_space,
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt, sockopt},
};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::TcpStream,
    sync::Notify,
};

use super::network::Host;

/// Where the server echoes UDP datagrams, with the node's name added, and greets TCP connections with the node's name.
pub const ECHO_PORT: u16 = 7;

/// A running server on one host, on a thread of its own; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    Pause,
    Stop,
}

/// Holds the server's thread as a stopped process is held: sockets stay open and queue, nothing answers.
#[derive(Debug)]
struct Gate {
    order: Mutex<Order>,
    changed: Condvar,
    wake: Notify,
}

struct Sockets {
    udp: UdpSocket,
    greeting: TcpListener,
    pages: Vec<TcpListener>,
}

impl Server {
    /// Starts the server on every address of the host, local ranges included, with a page on each of `page_ports`.
    pub fn start(host: &Host, page_ports: &[u16]) -> anyhow::Result<Self> {
        let name = host.name().to_owned();
        let sockets = host
            .run(|| Sockets::open(page_ports))
            .with_context(|| format!("cannot open the server's sockets on {name}"))?;
        let gate = Arc::new(Gate { order: Mutex::new(Order::Serve), changed: Condvar::new(), wake: Notify::new() });
        let held = Arc::clone(&gate);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let thread = thread::Builder::new().name(format!("server-{name}")).spawn(move || {
            if let Err(error) = runtime.block_on(serve(name, sockets, held)) {
                tracing::error!(%error, "the example server ended");
            }
        })?;
        Ok(Self { gate, thread: Some(thread) })
    }

    /// Stops answering while everything stays open, as SIGSTOP does to a process.
    pub fn pause(&self) {
        self.gate.set(Order::Pause);
    }

    /// Answers again, first what has queued up.
    pub fn resume(&self) {
        self.gate.set(Order::Serve);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.gate.set(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread has been printed; a second one here would hide the first.
            drop(thread.join());
        }
    }
}

impl Gate {
    fn set(&self, order: Order) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = order;
        self.changed.notify_all();
        self.wake.notify_one();
    }

    /// Blocks the whole thread while paused; returns whether to go on.
    fn pass(&self) -> bool {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let order =
            self.changed.wait_while(order, |order| *order == Order::Pause).unwrap_or_else(PoisonError::into_inner);
        *order != Order::Stop
    }
}

impl Sockets {
    fn open(page_ports: &[u16]) -> io::Result<Self> {
        let udp = UdpSocket::bind(everywhere(ECHO_PORT))?;
        // A reply must leave from the address that was asked, which no interface carries.
        setsockopt(&udp, sockopt::Ipv6RecvPacketInfo, &true)?;
        SockRef::from(&udp).set_freebind_v6(true)?;
        udp.set_nonblocking(true)?;
        let listen = |port| {
            let listener = TcpListener::bind(everywhere(port))?;
            listener.set_nonblocking(true)?;
            io::Result::Ok(listener)
        };
        let pages = page_ports.iter().map(|port| listen(*port)).collect::<io::Result<_>>()?;
        Ok(Self { udp, greeting: listen(ECHO_PORT)?, pages })
    }
}

/// Linux takes IPv4 on this address too, unless net.ipv6.bindv6only forbids it.
fn everywhere(port: u16) -> SocketAddr {
    SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0).into()
}

async fn serve(name: String, sockets: Sockets, gate: Arc<Gate>) -> io::Result<()> {
    let name: Arc<str> = name.into();
    let Sockets { udp, greeting, pages } = sockets;
    tokio::spawn(echo(tokio::net::UdpSocket::from_std(udp)?, Arc::clone(&name)));
    tokio::spawn(accept(tokio::net::TcpListener::from_std(greeting)?, Arc::clone(&name), greet));
    for page in pages {
        tokio::spawn(accept(tokio::net::TcpListener::from_std(page)?, Arc::clone(&name), show_page));
    }
    loop {
        gate.wake.notified().await;
        if !gate.pass() {
            return Ok(());
        }
    }
}

async fn echo(socket: tokio::net::UdpSocket, name: Arc<str>) {
    loop {
        // Errors are those of a vanished client; the next datagram is independent of it.
        if let Err(error) = socket.async_io(Interest::READABLE, || echo_once(&socket, &name)).await {
            tracing::trace!(%error, "echo");
        }
    }
}

fn echo_once(socket: &tokio::net::UdpSocket, name: &str) -> io::Result<()> {
    let mut payload = [0; 512];
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let mut buffers = [io::IoSliceMut::new(&mut payload)];
    let message = recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut buffers, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let asked = message.cmsgs()?.find_map(|message| {
        if let ControlMessageOwned::Ipv6PacketInfo(info) = message { Some(info.ipi6_addr) } else { None }
    });
    let (Some(client), Some(ipi6_addr)) = (message.address, asked) else { return Ok(()) };
    let length = message.bytes;
    let from = libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 };
    let parts = [io::IoSlice::new(&payload[..length]), io::IoSlice::new(name.as_bytes())];
    sendmsg(
        socket.as_raw_fd(),
        &parts,
        &[ControlMessage::Ipv6PacketInfo(&from)],
        MsgFlags::MSG_DONTWAIT,
        Some(&client),
    )?;
    Ok(())
}

async fn accept<F>(listener: tokio::net::TcpListener, name: Arc<str>, answer: fn(TcpStream, Arc<str>) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&name)));
        }
    }
}

async fn greet(mut stream: TcpStream, name: Arc<str>) -> io::Result<()> {
    stream.write_all(format!("{name}\n").as_bytes()).await?;
    // Wait for the client to hang up, so that the connection ends on its side of the network.
    stream.read(&mut [0; 64]).await.map(drop)
}

async fn show_page(mut stream: TcpStream, name: Arc<str>) -> io::Result<()> {
    let asked = stream.read(&mut [0; 1024]).await?;
    if asked == 0 {
        return Ok(());
    }
    let reached = stream.local_addr()?;
    let body = format!("{name} serves {}\n", SocketAddr::new(reached.ip().to_canonical(), reached.port()));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).await
}
