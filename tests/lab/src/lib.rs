//! The test lab: real speakers on real links, inside one private network per test.
//!
//! Each test runs in a process of its own inside the private world that `runner.sh` makes, so names and addresses are free and nothing can leak.
//! A test describes its topology, breaks something, and states what must hold:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use std::time::Duration;
//! let Some(lab) = lab::Lab::new() else { return Ok(()) };
//! let lan = lab.bridge("lan");
//! let mut n1 = lab.node("n1", &lan);
//! let mut n2 = lab.node("n2", &lan);
//! let client = lab.client("c1", &lan);
//! let manifests = std::path::Path::new("deploy/examples");
//! lab.speaker(&mut n1, manifests).start();
//! lab.speaker(&mut n2, manifests).start();
//! let vip = "192.0.2.130".parse()?;
//! lab.eventually(Duration::from_secs(2), "somebody answers", || client.reaches(vip));
//! let prober = client.prober(vip);
//! n1.kill();
//! assert!(prober.stop()?.longest_gap().is_some_and(|gap| gap.length < Duration::from_millis(600)));
//! # Ok(())
//! # }
//! ```
//!
//! A machine without the kernel features skips with a printed reason, unless `CLARION_LAB=required` is set, as it is in CI.

pub mod client;
pub mod cluster;
pub mod diagnostics;
pub mod flood;
pub mod frames;
pub mod manifests;
pub mod node;
pub mod peers;
pub mod routed;
pub mod shares;
pub mod tap;
pub mod traffic;

use std::{
    cell::{Cell, RefCell},
    env, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clarion::demo::{
    network::{Bridge, Host, Link, Network},
    sandbox,
};
pub use client::Client;
use ipnet::IpNet;
pub use manifests::Manifests;
pub use node::{Node, SpeakerStart};
pub use tap::Tap;

/// The IPv4 addresses Services get in the lab; the hosts of the same link have the lower half of the /24.
pub const VIPS_V4: &str = "192.0.2.128/25";

/// The IPv6 addresses Services get in the lab; the hosts of the same link are outside of it.
pub const VIPS_V6: &str = "2001:db8:0:1::1:0/112";

/// The network of one test.
#[derive(Debug)]
pub struct Lab {
    network: Network,
    directory: PathBuf,
    /// How many hosts have addresses, which are numbered from 11 on.
    hosts: RefCell<u8>,
    seen: RefCell<Vec<diagnostics::Subject>>,
    /// Whether a program of the test may panic.
    panics: Cell<bool>,
}

impl Lab {
    /// Prepares an empty network, or prints why this machine cannot have one and returns nothing.
    #[expect(clippy::print_stderr, reason = "a skipped test must say so in its output")]
    pub fn new() -> Option<Self> {
        let required = env::var_os("CLARION_LAB").is_some_and(|value| value == "required");
        let reason = if sandbox::inside() {
            match Network::new().and_then(|network| network.check().map(|()| network)) {
                Ok(network) => return Some(Self::on(network)),
                Err(error) => format!("{error:#}"),
            }
        } else {
            "not in a private network; run it through `make test` or tests/lab/runner.sh".to_owned()
        };
        assert!(!required, "the lab is required and impossible: {reason}");
        eprintln!("skipped: {reason}");
        None
    }

    fn on(network: Network) -> Self {
        let directory = target_directory().join("lab").join(test_name());
        // What an earlier run left behind belongs to an earlier failure.
        drop(fs::remove_dir_all(&directory));
        fs::create_dir_all(&directory).expect("the target directory can be written");
        Self { network, directory, hosts: RefCell::new(0), seen: RefCell::new(Vec::new()), panics: Cell::new(false) }
    }

    /// Adds a switch.
    pub fn bridge(&self, name: &str) -> Bridge {
        self.network.bridge(name).expect("a switch can be added")
    }

    /// Adds a node that serves its name on every address of [`VIPS_V4`] and [`VIPS_V6`] and answers ARP for none of them.
    pub fn node(&self, name: &str, lan: &Bridge) -> Node {
        let (host, link) = self.host(name, lan);
        Node::new(host, link, self.directory.join(name)).expect("a node can be added")
    }

    /// Adds a client with an IPv4 and an IPv6 address.
    pub fn client(&self, name: &str, lan: &Bridge) -> Client {
        let (host, link) = self.host(name, lan);
        Client::new(host, link)
    }

    /// Adds a machine with one interface and the addresses given, for switches whose subnet is not the lab's.
    pub fn machine(&self, name: &str, lan: &Bridge, addresses: &[IpNet]) -> Client {
        let host = self.network.host(name).expect("a host can be added");
        let link = self.plug(&host, "eth0", lan, addresses);
        self.seen.borrow_mut().push(diagnostics::Subject::new(&host));
        Client::new(host, link)
    }

    /// Plugs a machine into another switch, or once more into the same, by an interface with the addresses given.
    pub fn plug(&self, host: &Host, interface: &str, lan: &Bridge, addresses: &[IpNet]) -> Link {
        self.network.plug(host, interface, lan, addresses).expect("a host can be plugged in")
    }

    /// Prepares the start of a speaker on a node, from a directory of manifests.
    pub fn speaker<'a>(&self, node: &'a mut Node, manifests: &Path) -> SpeakerStart<'a> {
        SpeakerStart::new(node, manifests)
    }

    /// Waits until `condition` holds and returns how long that took.
    ///
    /// # Panics
    ///
    /// When it does not hold within `patience`, naming `what` was waited for.
    pub fn eventually(&self, patience: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Duration {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < patience, "not within {patience:?}: {what}");
            thread::sleep(Duration::from_millis(5));
        }
        start.elapsed()
    }

    /// Asserts that `condition` holds for all of `time`.
    ///
    /// # Panics
    ///
    /// When it does not, naming `what` was expected.
    pub fn always(&self, time: Duration, what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while start.elapsed() < time {
            assert!(condition(), "no longer after {:?}: {what}", start.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets a program of the test panic, which fails the test otherwise.
    pub fn expect_panics(&self) {
        self.panics.set(true);
    }

    /// Returns a directory for the test's own files, kept when the test fails. What programs print belongs there, in files `log` and `*.log`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn host(&self, name: &str, lan: &Bridge) -> (Host, Link) {
        let mut hosts = self.hosts.borrow_mut();
        *hosts += 1;
        let number = 10 + *hosts;
        assert!(number < 128, "the lab has addresses for 117 hosts");
        let addresses = addresses(number);
        let Client { host, link } = self.machine(name, lan, &addresses);
        (host, link)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let panics = if self.panics.get() { Vec::new() } else { diagnostics::panics(&self.directory) };
        if thread::panicking() || !panics.is_empty() {
            diagnostics::collect(&self.directory, &self.seen.borrow());
            assert!(thread::panicking(), "a program panicked: {}", panics.join("; "));
        } else {
            // Nothing to look at; a directory that stays is only untidy.
            drop(fs::remove_dir_all(&self.directory));
        }
    }
}

fn addresses(number: u8) -> [IpNet; 2] {
    let four = IpAddr::from(Ipv4Addr::new(192, 0, 2, number));
    let six = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, u16::from(number)));
    [(four, 24), (six, 64)]
        .map(|(address, length)| IpNet::new(address, length).expect("prefix lengths of the families"))
}

/// Returns cargo's target directory, found from the test binary in its `PROFILE/deps`.
fn target_directory() -> PathBuf {
    let binary = env::current_exe().expect("a running program has a path");
    binary.ancestors().nth(3).expect("test binaries are three levels below the target directory").to_owned()
}

fn test_name() -> String {
    let name = thread::current().name().unwrap_or("main").replace("::", ".");
    let binary = env::current_exe().expect("a running program has a path");
    let file = binary.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let program = file.rsplit_once('-').map_or(file.as_str(), |(program, _)| program);
    format!("{program}.{name}")
}
