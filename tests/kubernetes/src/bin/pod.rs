//! What runs in a pod of the tests: a server that tells which pod was reached, and by whom.
//!
//! `control-plane-pod NAME PORT...` echoes UDP datagrams with `NAME ADDRESS` added, and greets TCP connections with the line `NAME ADDRESS`,
//! on every port given, until it is killed; ADDRESS is where the client seems to be.

use std::{
    env,
    io::{self, Read, Write},
    net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket},
    process::ExitCode,
    thread,
};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let ports: Result<Vec<u16>, _> = arguments.map(|port| port.parse()).collect();
    match ports.map_err(io::Error::other).and_then(|ports| serve(&name, &ports)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The reader of the log learns why nothing is served.
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(name: &str, ports: &[u16]) -> io::Result<()> {
    let sockets: Vec<_> = ports.iter().map(|port| open(*port)).collect::<io::Result<_>>()?;
    thread::scope(|scope| {
        for (datagrams, connections) in &sockets {
            scope.spawn(|| echo(datagrams, name));
            scope.spawn(|| accept(connections, name));
        }
    });
    Ok(())
}

/// Opens both kinds of sockets, on which Linux takes IPv4 too.
fn open(port: u16) -> io::Result<(UdpSocket, TcpListener)> {
    let everywhere = (Ipv6Addr::UNSPECIFIED, port);
    Ok((UdpSocket::bind(everywhere)?, TcpListener::bind(everywhere)?))
}

fn echo(socket: &UdpSocket, name: &str) {
    let mut buffer = [0; 1024];
    loop {
        // Errors are those of a vanished client; the next datagram is independent of it.
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        let mut answer = buffer[..length].to_vec();
        answer.extend_from_slice(format!("{name} {}", client.ip().to_canonical()).as_bytes());
        drop(socket.send_to(&answer, client));
    }
}

fn accept(listener: &TcpListener, name: &str) {
    for stream in listener.incoming().flatten() {
        let name = name.to_owned();
        thread::spawn(move || greet(stream, &name));
    }
}

fn greet(mut stream: TcpStream, name: &str) -> io::Result<()> {
    let client = stream.peer_addr()?.ip().to_canonical();
    stream.write_all(format!("{name} {client}\n").as_bytes())?;
    // Wait for the client to hang up, so that the connection ends on its side of the network.
    stream.read(&mut [0; 64]).map(drop)
}
