//! `clarion status`: asks a running program over HTTP and prints what it says.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use crds::printable::Printable;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::http::address::Endpoint;
use crate::output::{Table, causes};
use crate::standalone::METRICS_ADDRESS;
use crate::status::{BfdTiming, Controller, Standing, Status, Vip};

/// Shows which Service has which IP, who answers for it, and what is wrong.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where to ask, by an IP address, a port, or both: the --metrics-address of standalone, or the --health-probe-port of a speaker
    /// or controller; by default 127.0.0.1:9120 and then 127.0.0.1:17472
    #[arg(long, value_name = "ADDR")]
    pub address: Option<Endpoint>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// What stands for the IP of a Service without one.
pub(crate) const PENDING: &str = "<pending>";

/// How long the program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where `standalone` answers, and where the programs of a cluster do, unless told otherwise.
const USUAL: [SocketAddr; 2] = [METRICS_ADDRESS, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 17472)];

/// Asks and prints.
///
/// # Errors
/// Fails when nobody answers at the address, or something else than this program does.
pub async fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let body = ask_at(&addresses(options.address)).await?;
    let status: Status = serde_json::from_slice(&body).context("the answer is not that of this version of Clarion")?;
    if options.json {
        out.write_all(&body)?;
        writeln!(out)?;
    } else {
        print(&status, out)?;
    }
    Ok(())
}

/// Returns where to ask, one after the other.
fn addresses(given: Option<Endpoint>) -> Vec<SocketAddr> {
    let mut addresses: Vec<_> = USUAL.map(|usual| given.map_or(usual, |given| given.or(usual))).into();
    addresses.dedup();
    addresses
}

/// Returns the first answer. On a node with both ports open, 9120 is that of the metrics and knows no status.
async fn ask_at(addresses: &[SocketAddr]) -> anyhow::Result<Bytes> {
    let mut errors = Vec::new();
    for address in addresses {
        match ask(*address).await {
            Ok(body) => return Ok(body),
            Err(error) => errors.push(causes(&error)),
        }
    }
    bail!("{}", errors.join("; "))
}

async fn ask(address: SocketAddr) -> anyhow::Result<Bytes> {
    let asked = tokio::time::timeout(PATIENCE, get(address, "/status"));
    asked.await.with_context(|| format!("{address} took longer than {PATIENCE:?}"))?
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Bytes> {
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!("nobody answers at {address}; is clarion running, and is this where it answers (see --address)?")
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
    match &status.controller {
        Some(controller) => print_controller(status, controller, out)?,
        None => writeln!(out, "node {}\n{}", status.node, services(status))?,
    }
    if !status.members.is_empty() {
        let mut members = Table::new(["LINK", "SPEAKER", "STATE", "LAST HEARD", "OWNS", "HEARS US"]);
        for member in &status.members {
            let heard = format!("{} ms ago", member.silent_ms);
            let hears_us = if member.hears_us { "yes" } else { "no" };
            let claims = member.claims.to_string();
            let state = if member.damped { format!("{}, chosen last", member.state) } else { member.state.clone() };
            members.row([member.link.as_str(), &member.node, &state, &heard, &claims, hears_us]);
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
        writeln!(out, "\nfault: {}", Printable::message(fault))?;
    }
    for note in &status.notes {
        writeln!(out, "\nnote: {}", Printable::message(note))?;
    }
    Ok(())
}

fn print_controller(status: &Status, controller: &Controller, out: &mut impl Write) -> std::io::Result<()> {
    match (controller.standing, controller.listed) {
        (Standing::Unknown, _) => return writeln!(out, "controller: the API server has not answered yet"),
        (Standing::Standby, _) => {
            return writeln!(
                out,
                "controller: standby; ask the replica that the Lease names, which knows the Services"
            );
        }
        (Standing::Leading, false) => writeln!(out, "controller: leading, still listing")?,
        (Standing::Leading, true) => writeln!(out, "controller: leading")?,
    }
    let mut pools = Table::new(["POOL", "ASSIGNED", "AVAILABLE"]);
    for pool in &status.pools {
        pools.row([&pool.name, &pool.assigned, &pool.available]);
    }
    let mut services = Table::new(["SERVICE", "IP", "POOL", "REASON"]);
    for service in &status.services {
        let ips: Vec<String> = service.ips.iter().map(ToString::to_string).collect();
        let ips = if ips.is_empty() { PENDING.to_owned() } else { ips.join(", ") };
        let (pool, reason) = (service.pool.clone().unwrap_or_default(), service.reason.clone().unwrap_or_default());
        services.row([format!("{}/{}", service.namespace, service.name), ips, pool, reason]);
    }
    writeln!(out, "{pools}\n\n{services}")
}

fn services(status: &Status) -> Table<6> {
    let mut services = Table::new(["SERVICE", "IP", "POOL", "OWNER", "MAC", "REASON"]);
    for service in &status.services {
        let name = format!("{}/{}", service.namespace, service.name);
        let pool = service.pool.clone().unwrap_or_default();
        let reason = service.reason.clone().unwrap_or_default();
        if service.ips.is_empty() {
            services.row([name, PENDING.to_owned(), pool, String::new(), String::new(), reason]);
            continue;
        }
        for ip in &service.ips {
            let (owner, mac) = owner(status, *ip);
            let routers = (!service.peers.is_empty()).then(|| format!("by BGP to {}", service.peers.join(", ")));
            let announced = owner.or(routers);
            // The other IPs of the Service may be announced.
            let missing = || status.vips.iter().filter(|vip| vip.ip == *ip).find_map(|vip| vip.reason.clone());
            let reason = match announced {
                Some(_) => reason.clone(),
                None if reason.is_empty() => missing().unwrap_or_else(|| "no speaker answers for it yet".to_owned()),
                None => reason.clone(),
            };
            let owner = announced.unwrap_or_else(|| "nobody".to_owned());
            services.row([name.clone(), ip.to_string(), pool.clone(), owner, mac, reason]);
        }
    }
    services
}

/// Returns who answers for an IP, and the Ethernet address of the first of them.
///
/// Where links differ each owner is shown with its own: the IP may be that of one wire and nothing but heard of on another.
fn owner(status: &Status, ip: IpAddr) -> (Option<String>, String) {
    let vips: Vec<&Vip> = status.vips.iter().filter(|vip| vip.ip == ip).collect();
    let owned: Vec<(&str, &Vip)> = vips.iter().filter_map(|vip| Some((vip.owner.as_deref()?, *vip))).collect();
    let mac = owned.iter().find_map(|(_, vip)| vip.mac.clone()).unwrap_or_default();
    let Some((first, _)) = owned.first() else { return (None, mac) };
    if vips.iter().all(|vip| vip.owner.as_deref() == Some(*first)) {
        return (Some((*first).to_owned()), mac);
    }
    let on = |(owner, vip): &(&str, &Vip)| format!("{owner} on {}", vip.link.as_deref().unwrap_or_default());
    (Some(owned.iter().map(on).collect::<Vec<_>>().join("; ")), mac)
}

fn peers(status: &Status) -> Table<8> {
    let mut peers = Table::new(["PEER", "ROUTER", "AS", "STATE", "UP FOR", "ROUTES", "BFD", "REASON"]);
    for peer in &status.peers {
        let up_for = peer.up_seconds.map(|seconds| format!("{seconds} s")).unwrap_or_default();
        let routes = format!("{}/{}", peer.announced, peer.wanted);
        // An old failure explains nothing while the session is up.
        let failure = peer.last_error.clone().filter(|_| peer.up_seconds.is_none());
        let reason = peer.fault.clone().or(failure).unwrap_or_default();
        let asn = peer.asn.map(|asn| asn.to_string()).unwrap_or_default();
        let bfd = peer.bfd.as_ref().map(|state| bfd(state, peer.bfd_timing)).unwrap_or_default();
        peers.row([&peer.name, &peer.router, &asn, &peer.state, &up_for, &routes, &bfd, &reason]);
    }
    peers
}

fn bfd(state: &str, timing: Option<BfdTiming>) -> String {
    let Some(BfdTiming { transmit_ms, detection_ms, echo }) = timing else { return state.to_owned() };
    let echo = if echo { ", echo" } else { "" };
    format!("{state}, every {transmit_ms} ms, lost after {detection_ms} ms{echo}")
}

#[cfg(test)]
mod tests;
