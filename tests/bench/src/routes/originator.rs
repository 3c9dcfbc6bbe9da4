//! The programs that send: each with the same prefixes and the same routers.

use std::{
    fmt::Write,
    fs::{self, File},
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clarion::demo::{
    network::Host,
    speaker::{self, Speaker},
};
use lab::peers::{Bird, Frr, gobgp};

use super::{PATIENCE, ROUTER_AS, SENDER_AS, Scene, address, mrt};
use crate::{
    cluster::Station,
    manifests::{Families, Manifests, object, web},
};

/// How many routes GoBGP's client may lose of a table.
const PADDING: usize = 2000;

/// How many Services one manifest holds.
const PER_FILE: usize = 1000;

/// Whose routes are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// BIRD with static routes.
    Bird,
    /// FRR's bgpd with `network` statements.
    Frr,
    /// GoBGP, which is given the routes before it knows the routers.
    GoBgp,
    /// `clarion standalone` with a Service for each prefix.
    Clarion,
}

/// A running program; dropping it kills it.
pub(super) struct Originator {
    id: u32,
    /// Held for its end.
    _program: Program,
}

#[expect(dead_code, reason = "the programs are kept for their end on drop")]
enum Program {
    Bird(Bird),
    Frr(Frr),
    GoBgp(GoBgp),
    Clarion(Speaker),
}

impl Kind {
    /// All of them, Clarion last, so that it is compared with those before.
    pub(super) const ALL: [Self; 4] = [Self::Bird, Self::Frr, Self::GoBgp, Self::Clarion];

    /// Returns the name of the subject in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bird => "bird",
            Self::Frr => "frr",
            Self::GoBgp => "gobgp",
            Self::Clarion => "clarion",
        }
    }
}

impl Originator {
    /// Starts a program with so many prefixes for the routers at `peers`.
    pub(super) fn start(
        kind: Kind,
        scene: &Scene<'_>,
        directory: &Path,
        prefixes: usize,
        peers: &[Ipv4Addr],
    ) -> anyhow::Result<Self> {
        let (station, own) = (&scene.origin, scene.origin.four()?);
        let host = &station.host;
        let name = host.name();
        let (id, program) = match kind {
            Kind::Bird => {
                let bird = Bird::start(host, directory, &bird(own, prefixes, peers));
                (number(&directory.join(format!("{name}.pid")))?, Program::Bird(bird))
            }
            Kind::Frr => {
                let file = Path::new("/run/frr").join(name).join("bgpd.pid");
                // The one before was killed and has left its number.
                drop(fs::remove_file(&file));
                let frr = Frr::start(host, directory, &frr(own, prefixes, peers));
                // The others of its processes have nothing to do with it.
                (number(&file)?, Program::Frr(frr))
            }
            Kind::GoBgp => {
                let gobgp = GoBgp::start(station, directory, prefixes, peers)?;
                (gobgp.0.id(), Program::GoBgp(gobgp))
            }
            Kind::Clarion => {
                let speaker = clarion(scene, directory, prefixes, peers)?;
                (speaker.id(), Program::Clarion(speaker))
            }
        };
        Ok(Self { id, _program: program })
    }

    /// Returns the process that speaks BGP.
    pub(super) fn id(&self) -> u32 {
        self.id
    }
}

/// Reads the file in which a daemon leaves the number of its process.
fn number(path: &Path) -> anyhow::Result<u32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        match text.trim().parse() {
            Ok(number) => return Ok(number),
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(error).with_context(|| format!("{} holds no number", path.display())),
        }
    }
}

fn bird(own: Ipv4Addr, prefixes: usize, peers: &[Ipv4Addr]) -> String {
    let mut text = format!("router id {own};\nprotocol static {{\n  ipv4;\n");
    for number in 0..prefixes {
        writeln!(text, "  route {}/32 blackhole;", address(number)).expect("a string takes everything");
    }
    text.push_str("}\n");
    for (number, peer) in peers.iter().enumerate() {
        let protocol = format!(
            "protocol bgp r{number} from node {{ local {own} as {SENDER_AS}; neighbor {peer} as {ROUTER_AS}; \
             ipv4 {{ import none; export where source = RTS_STATIC; next hop self; }}; }}\n"
        );
        text.push_str(&protocol);
    }
    text
}

fn frr(own: Ipv4Addr, prefixes: usize, peers: &[Ipv4Addr]) -> String {
    let mut text = format!(
        "router bgp {SENDER_AS}\n bgp router-id {own}\n no bgp ebgp-requires-policy\n no bgp network import-check\n"
    );
    for peer in peers {
        writeln!(text, " neighbor {peer} remote-as {ROUTER_AS}").expect("a string takes everything");
    }
    text.push_str(" address-family ipv4 unicast\n");
    for number in 0..prefixes {
        writeln!(text, "  network {}/32", address(number)).expect("a string takes everything");
    }
    text.push_str(" exit-address-family\n");
    text
}

fn clarion(scene: &Scene<'_>, directory: &Path, prefixes: usize, peers: &[Ipv4Addr]) -> anyhow::Result<Speaker> {
    let manifests = Manifests { directory: directory.join("manifests") };
    fs::create_dir_all(&manifests.directory)?;
    manifests.cordon(scene.origin.host.name(), false)?;
    manifests.put("routes", &routing(prefixes, peers))?;
    for first in (0..prefixes).step_by(PER_FILE) {
        let numbers = first..prefixes.min(first + PER_FILE);
        let services: String = numbers.map(|number| web(number, Families::Four)).collect();
        manifests.put(&format!("services-{first}"), &services)?;
    }
    Speaker::start(
        &scene.origin.host,
        &speaker::Settings {
            binary: scene.binary().to_owned(),
            manifests: manifests.directory,
            directory: directory.join("speaker"),
            node: None,
            arguments: Vec::new(),
        },
    )
}

fn routing(prefixes: usize, peers: &[Ipv4Addr]) -> String {
    let mut text = String::new();
    for namespace in ["bench", "metallb-system"] {
        write!(text, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n---\n")
            .expect("a string takes everything");
    }
    let range = format!("{{addresses: ['{}-{}']}}", address(0), address(prefixes - 1));
    text.push_str(&object("v1beta1", "IPAddressPool", "routes", &range));
    text.push_str(&object("v1beta1", "BGPAdvertisement", "routes", "{ipAddressPools: [routes]}"));
    for (number, peer) in peers.iter().enumerate() {
        let spec = format!("{{myASN: {SENDER_AS}, peerASN: {ROUTER_AS}, peerAddress: {peer}}}");
        text.push_str(&object("v1beta2", "BGPPeer", &format!("r{number}"), &spec));
    }
    text
}

/// A gobgpd; dropping it kills it.
struct GoBgp(Child);

impl GoBgp {
    fn start(station: &Station, directory: &Path, prefixes: usize, peers: &[Ipv4Addr]) -> anyhow::Result<Self> {
        let (host, own) = (&station.host, station.four()?);
        let file = |ending: &str| directory.join(format!("gobgp.{ending}"));
        fs::write(file("toml"), format!("[global.config]\n  as = {SENDER_AS}\n  router-id = \"{own}\"\n"))?;
        let log = File::create(file("log"))?;
        let mut command = Command::new(gobgp::program("gobgpd"));
        command.arg("-f").arg(file("toml")).args(["--api-hosts", "127.0.0.1:50051", "-l", "error"]);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = host.spawn(&mut command);
        let started = Self(child.context("cannot run gobgpd; build it with tests/lab/gobgp/build.sh")?);
        let deadline = Instant::now() + PATIENCE;
        while ask(host, &["global"]).is_err() {
            ensure!(Instant::now() < deadline, "gobgpd does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        // Its client ends before the server has taken the last of the routes, so that those had better be known already.
        let repeated = (0..prefixes).chain(0..prefixes).chain(std::iter::repeat_n(0, PADDING));
        fs::write(file("mrt"), mrt::dump(own, SENDER_AS, repeated.map(address)))?;
        let complete = format!("Destination: {prefixes},");
        while !ask(host, &["global", "rib", "summary"])?.contains(&complete) {
            ensure!(Instant::now() < deadline, "gobgpd has not taken every prefix");
            ask(host, &["mrt", "inject", "global", &file("mrt").to_string_lossy()])?;
        }
        for peer in peers {
            ask(host, &["neighbor", "add", &peer.to_string(), "as", &ROUTER_AS.to_string()])?;
        }
        Ok(started)
    }
}

impl Drop for GoBgp {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn ask(host: &Host, arguments: &[&str]) -> anyhow::Result<String> {
    let output = host.output(Command::new(gobgp::program("gobgp")).args(arguments)).context("cannot run gobgp")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "gobgp {}: {out}{err}", arguments.join(" "));
    Ok(out.into_owned())
}
