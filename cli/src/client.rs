//! `clarion status`: asks a running program over HTTP and prints what it says.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use comfy_table::{Table, presets};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::status::Status;

/// Shows which Service has which IP, who answers for it, and what is wrong.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The --metrics-address of the program to ask
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9120")]
    pub address: SocketAddr,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// How long the program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks and prints.
///
/// # Errors
/// Fails when nobody answers at the address, or something else than this program does.
pub async fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let body = tokio::time::timeout(PATIENCE, get(options.address, "/status"))
        .await
        .with_context(|| format!("{} took longer than {PATIENCE:?}", options.address))??;
    let status: Status =
        serde_json::from_slice(&body).with_context(|| format!("{} is not Clarion's address", options.address))?;
    if options.json {
        out.write_all(&body)?;
        writeln!(out)?;
    } else {
        print(&status, out)?;
    }
    Ok(())
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Bytes> {
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!("nobody answers at {address}; is clarion running, and is this its --metrics-address (see --address)?")
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await.with_context(|| format!("{address} speaks no HTTP"))?;
    ensure!(response.status().is_success(), "{address}{path} answers {}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok(body)
}

fn print(status: &Status, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "node {}", status.node)?;
    let mut services = table(["SERVICE", "IP", "POOL", "OWNER", "MAC", "REASON"]);
    for service in &status.services {
        let name = format!("{}/{}", service.namespace, service.name);
        let pool = service.pool.clone().unwrap_or_default();
        let reason = service.reason.clone().unwrap_or_default();
        if service.ips.is_empty() {
            services.add_row([name, "<pending>".to_owned(), pool, String::new(), String::new(), reason]);
            continue;
        }
        for ip in &service.ips {
            let vip = status.vips.iter().find(|vip| vip.ip == *ip && vip.owner.is_some());
            let owner = vip.and_then(|vip| vip.owner.clone()).unwrap_or_else(|| "nobody".to_owned());
            let mac = vip.and_then(|vip| vip.mac.clone()).unwrap_or_default();
            services.add_row([name.clone(), ip.to_string(), pool.clone(), owner, mac, reason.clone()]);
        }
    }
    writeln!(out, "{services}")?;
    if !status.members.is_empty() {
        let mut members = table(["LINK", "SPEAKER", "STATE", "LAST HEARD", "OWNS", "HEARS US"]);
        for member in &status.members {
            let heard = format!("{} ms ago", member.silent_ms);
            let hears_us = if member.hears_us { "yes" } else { "no" };
            let claims = member.claims.to_string();
            members.add_row([&member.link, &member.node, &member.state, &heard, &claims, hears_us]);
        }
        writeln!(out, "\n{members}")?;
    }
    if !status.peers.is_empty() {
        writeln!(out, "\n{}", peers(status))?;
    }
    for vip in &status.vips {
        if let Some(mac) = &vip.conflict {
            writeln!(out, "\nconflict: {mac} claims {} too", vip.ip)?;
        }
    }
    for fault in &status.faults {
        writeln!(out, "\nfault: {fault}")?;
    }
    for note in &status.notes {
        writeln!(out, "\nnote: {note}")?;
    }
    Ok(())
}

fn peers(status: &Status) -> Table {
    let mut peers = table(["PEER", "ROUTER", "AS", "STATE", "UP FOR", "ROUTES", "BFD", "REASON"]);
    for peer in &status.peers {
        let up_for = peer.up_seconds.map(|seconds| format!("{seconds} s")).unwrap_or_default();
        let routes = format!("{}/{}", peer.announced, peer.wanted);
        // An old failure explains nothing while the session is up.
        let failure = peer.last_error.clone().filter(|_| peer.up_seconds.is_none());
        let reason = peer.fault.clone().or(failure).unwrap_or_default();
        let asn = peer.asn.map(|asn| asn.to_string()).unwrap_or_default();
        let bfd = peer.bfd.clone().unwrap_or_default();
        peers.add_row([&peer.name, &peer.router, &asn, &peer.state, &up_for, &routes, &bfd, &reason]);
    }
    peers
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}
