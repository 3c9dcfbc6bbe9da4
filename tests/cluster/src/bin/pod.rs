//! What runs in the pods of the cluster: a server that tells which node was reached, or nothing at all.
//!
//! `cluster-pod serve ECHO PAGE` echoes UDP datagrams with `$NODE` added and greets TCP connections with the line `$NODE` on the port ECHO,
//! and serves a page with the addresses of both sides on the port PAGE.
//! Without arguments it sleeps, as the process that holds the namespaces of a pod.
//! It uses the standard library alone, so that `images.sh` can compile it by itself, and static.

use std::{
    env,
    error::Error,
    io::{self, Read, Write},
    net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket},
    process::ExitCode,
    thread,
};

fn main() -> ExitCode {
    match work(env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The reader of the log learns why nothing is served.
            drop(writeln!(io::stderr(), "cannot serve: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: Vec<String>) -> Result<(), Box<dyn Error>> {
    let [serve, echo, page] = arguments.as_slice() else {
        loop {
            thread::park();
        }
    };
    if serve != "serve" {
        return Err(format!("{serve}: the only word is `serve`").into());
    }
    Ok(self::serve(&env::var("NODE")?, echo.parse()?, page.parse()?)?)
}

fn serve(node: &str, echo_port: u16, page_port: u16) -> io::Result<()> {
    // Linux takes IPv4 on this address too.
    let port = |port| (Ipv6Addr::UNSPECIFIED, port);
    let datagrams = UdpSocket::bind(port(echo_port))?;
    let (greetings, pages) = (TcpListener::bind(port(echo_port))?, TcpListener::bind(port(page_port))?);
    thread::scope(|scope| {
        scope.spawn(|| echo(&datagrams, node));
        scope.spawn(|| accept(&greetings, node, greet));
        scope.spawn(|| accept(&pages, node, show_page));
    });
    Ok(())
}

fn echo(socket: &UdpSocket, node: &str) {
    let mut buffer = [0; 1024];
    loop {
        // Errors are those of a vanished client; the next datagram is independent of it.
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        let mut answer = buffer[..length].to_vec();
        answer.extend_from_slice(node.as_bytes());
        drop(socket.send_to(&answer, client));
    }
}

fn accept(listener: &TcpListener, node: &str, answer: fn(TcpStream, &str) -> io::Result<()>) {
    for stream in listener.incoming().flatten() {
        let node = node.to_owned();
        thread::spawn(move || answer(stream, &node));
    }
}

fn greet(mut stream: TcpStream, node: &str) -> io::Result<()> {
    stream.write_all(format!("{node}\n").as_bytes())?;
    // Wait for the client to hang up, so that the connection ends on its side of the network.
    stream.read(&mut [0; 64]).map(drop)
}

fn show_page(mut stream: TcpStream, node: &str) -> io::Result<()> {
    if stream.read(&mut [0; 1024])? == 0 {
        return Ok(());
    }
    let client = stream.peer_addr()?.ip().to_canonical();
    let body = format!("a pod on {node} serves {client}\n");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())
}
