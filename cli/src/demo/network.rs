//! Switches and hosts: a small network out of bridges, namespaces and virtual cables.
//!
//! Bridges live in the namespace of the sandbox, which carries no address and speaks no IPv6, so that the wire is as silent as a switch.

use std::{
    cell::Cell,
    fmt,
    io::Write,
    net::IpAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use anyhow::{Context, ensure};
use ipnet::IpNet;

use super::namespace::Namespace;

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The network of one sandbox.
#[derive(Debug)]
pub struct Network {
    cables: Cell<u16>,
}

/// A switch.
#[derive(Clone, Debug)]
pub struct Bridge {
    name: String,
}

/// A machine on the network: a namespace with a name.
#[derive(Debug)]
pub struct Host {
    name: String,
    namespace: Namespace,
}

/// A cable between a switch and a host, with the host's interface at its end.
#[derive(Clone, Debug)]
pub struct Link {
    /// The port of the switch.
    port: String,
    bridge: String,
    /// The host's interface.
    pub interface: String,
    /// The Ethernet address of the host's interface.
    pub mac: Mac,
    /// The addresses given to the host's interface.
    pub addresses: Vec<IpNet>,
}

impl Network {
    /// Prepares the namespace of the sandbox to hold switches.
    pub fn new() -> anyhow::Result<Self> {
        ensure!(
            super::sandbox::inside(),
            "networks are built in a sandbox only; start the program through `clarion demo` or the test runner"
        );
        // Bridged frames must not pass the machine's firewall; the setting exists only where the module is loaded.
        for family in ["iptables", "ip6tables", "arptables"] {
            let setting = format!("/proc/sys/net/bridge/bridge-nf-call-{family}");
            if Path::new(&setting).exists() {
                std::fs::write(&setting, "0").with_context(|| format!("cannot set {setting} to 0"))?;
            }
        }
        for scope in ["all", "default"] {
            let setting = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
            std::fs::write(&setting, "1").with_context(|| format!("cannot set {setting} to 1"))?;
        }
        ip("link set lo up\n")?;
        Ok(Self { cables: Cell::new(0) })
    }

    /// Finds out whether the kernel has the kinds of interfaces that the network is made of.
    pub fn check(&self) -> anyhow::Result<()> {
        ip("link add name check0 type bridge\nlink del check0\n\
            link add name check0 type veth peer name check1\nlink del check0\n")
    }

    /// Adds a switch without spanning tree or multicast snooping.
    pub fn bridge(&self, name: &str) -> anyhow::Result<Bridge> {
        ip(&format!(
            "link add name {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\nlink set {name} up\n"
        ))?;
        Ok(Bridge { name: name.to_owned() })
    }

    /// Adds a machine with nothing but a loopback interface.
    pub fn host(&self, name: &str) -> anyhow::Result<Host> {
        let namespace = Namespace::create(name)?;
        for scope in ["all", "default"] {
            namespace.set(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
            namespace.set(&format!("ipv6/conf/{scope}/accept_ra"), "0")?;
            namespace.set(&format!("ipv6/conf/{scope}/router_solicitations"), "0")?;
        }
        let host = Host { name: name.to_owned(), namespace };
        host.ip("link set lo up\n")?;
        Ok(host)
    }

    /// Plugs a host into a switch with a new interface that carries the addresses given.
    pub fn plug(&self, host: &Host, interface: &str, bridge: &Bridge, addresses: &[IpNet]) -> anyhow::Result<Link> {
        let number = self.cables.get() + 1;
        self.cables.set(number);
        let [high, low] = number.to_be_bytes();
        let mac = Mac([0x02, 0xc1, 0xa0, 0x00, high, low]);
        let port = format!("{}-{interface}", host.name);
        let (namespace, switch) = (host.namespace.path().display(), &bridge.name);
        ip(&format!(
            "link add name {port} type veth peer name {interface} address {mac} netns {namespace}\n\
             link set {port} master {switch} up\n"
        ))?;
        let mut lines = format!("link set {interface} up\n");
        for address in addresses {
            lines.push_str(&format!("addr add {address} dev {interface}\n"));
        }
        host.ip(&lines)?;
        Ok(Link { port, bridge: switch.clone(), interface: interface.to_owned(), mac, addresses: addresses.to_vec() })
    }
}

impl Bridge {
    /// Sets options of the switch, as `ip link set NAME type bridge` takes them.
    pub fn set(&self, options: &str) -> anyhow::Result<()> {
        ip(&format!("link set {} type bridge {options}\n", self.name))
    }

    /// Gives the switch an IPv6 address of its own, which it needs to ask for multicast listeners.
    pub fn speak_ipv6(&self) -> anyhow::Result<()> {
        // Nobody else has its address, and a switch that waits for that to be proved misses its first questions.
        for setting in ["accept_dad", "disable_ipv6"] {
            let setting = format!("/proc/sys/net/ipv6/conf/{}/{setting}", self.name);
            std::fs::write(&setting, "0").with_context(|| format!("cannot set {setting} to 0"))?;
        }
        Ok(())
    }
}

impl Link {
    /// Drops every frame in both directions without the host noticing.
    pub fn cut(&self) -> anyhow::Result<()> {
        // A port that is only disabled comes back by itself with the kernel's next look at its carrier.
        ip(&format!("link set {} nomaster\n", self.port))
    }

    /// Takes the host's carrier away, as pulling the plug does.
    pub fn pull(&self) -> anyhow::Result<()> {
        ip(&format!("link set {} down\n", self.port))
    }

    /// Plugs the cable into another switch without the host noticing, until [`Link::heal`] puts it back.
    pub fn move_to(&self, bridge: &Bridge) -> anyhow::Result<()> {
        ip(&format!("link set {} master {}\n", self.port, bridge.name))
    }

    /// Sets options of the switch's port, as `ip link set PORT type bridge_slave` takes them.
    pub fn set_port(&self, options: &str) -> anyhow::Result<()> {
        ip(&format!("link set {} type bridge_slave {options}\n", self.port))
    }

    /// Undoes [`Link::cut`], [`Link::pull`] and [`Link::move_to`].
    pub fn heal(&self) -> anyhow::Result<()> {
        ip(&format!("link set {0} up\nlink set {0} master {1}\n", self.port, self.bridge))
    }

    /// Returns the first address of the given address's family.
    pub fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().map(IpNet::addr).find(|own| own.is_ipv4() == other.is_ipv4())
    }
}

impl Host {
    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the host's namespace is mounted.
    pub fn namespace(&self) -> &Path {
        self.namespace.path()
    }

    /// Makes the host deliver packets for these ranges to its own programs while its kernel stays silent to ARP and neighbour solicitations.
    ///
    /// This stands in for kube-proxy with strictARP: the addresses are local by route and configured nowhere.
    pub fn serve_locally(&self, ranges: &[IpNet]) -> anyhow::Result<()> {
        for scope in ["all", "default"] {
            self.namespace.set(&format!("ipv4/conf/{scope}/arp_ignore"), "1")?;
            self.namespace.set(&format!("ipv4/conf/{scope}/arp_announce"), "2")?;
        }
        let lines: String = ranges.iter().map(|range| format!("route add local {range} dev lo\n")).collect();
        self.ip(&lines)
    }

    /// Makes the host forget which Ethernet address belongs to `address`, as a machine that never spoke to it.
    pub fn forget(&self, address: IpAddr, link: &Link) -> anyhow::Result<()> {
        // Flushing, unlike deleting, does not fail where nothing is known.
        self.ip(&format!("neigh flush to {address} dev {}\n", link.interface))
    }

    /// Runs `work` on a thread of its own inside the host and returns what it returns.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work)
    }

    /// Starts a program on the host.
    pub fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        self.namespace.spawn(command)
    }

    /// Runs a program on the host to its end and returns what it wrote.
    pub fn output(&self, command: &mut Command) -> std::io::Result<Output> {
        self.namespace.run(|| command.output())
    }

    /// Runs commands of `ip`, one per line and without the leading `ip`, on the host.
    pub fn ip(&self, lines: &str) -> anyhow::Result<()> {
        self.namespace.run(|| ip(lines)).with_context(|| format!("on {}", self.name))
    }

    /// Sets one kernel setting of the host, named by its path under `/proc/sys/net`.
    pub fn set(&self, setting: &str, value: &str) -> anyhow::Result<()> {
        self.namespace.set(setting, value)
    }
}

fn ip(lines: &str) -> anyhow::Result<()> {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run `ip`; install the package iproute2")?;
    child.stdin.take().context("the pipe to `ip`")?.write_all(lines.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "`ip` refused: {}(commands: {})",
        String::from_utf8_lossy(&output.stderr).replace('\n', "; "),
        lines.trim_end().replace('\n', "; ")
    );
    Ok(())
}
