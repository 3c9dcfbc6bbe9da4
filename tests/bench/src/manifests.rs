//! The manifests of a bench: one pool that holds just what is wanted, three nodes, and any number of Services.

use std::{
    fmt::Write,
    fs::{self, File},
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

/// How many Services one file holds.
const PER_FILE: usize = 1000;

/// The first addresses of the pool.
const FIRST: (Ipv4Addr, Ipv6Addr) = (Ipv4Addr::new(10, 0, 64, 0), Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 1, 0));

/// The ranges whose packets every node takes; all addresses of Services lie inside.
pub(crate) const SERVED: [&str; 2] = ["10.0.64.0/18", "2001:db8:0:1::1:0/112"];

/// The addresses that Services get who ask for one by name.
const RESERVED: Ipv4Addr = Ipv4Addr::new(10, 0, 120, 0);

/// Which addresses the Services want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    /// IPv4 only.
    Four,
    /// One of each family.
    Both,
}

/// A directory of manifests.
#[derive(Clone, Debug)]
pub(crate) struct Manifests {
    /// Where it is.
    pub(crate) directory: PathBuf,
}

impl Manifests {
    /// Writes a new directory whose pool has exactly one address per Service and family.
    pub(crate) fn write(directory: &Path, services: usize, families: Families) -> anyhow::Result<Self> {
        ensure!(services <= 10_000, "the lab has addresses for 10,000 Services");
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let manifests = Self { directory: directory.to_owned() };
        manifests.put("pools", &pools(services, families))?;
        manifests.put("secret", &secret()?)?;
        for node in ["n1", "n2", "n3"] {
            manifests.cordon(node, false)?;
        }
        for (number, chunk) in (0..services).collect::<Vec<_>>().chunks(PER_FILE).enumerate() {
            let text: String = chunk.iter().map(|service| web(*service, families)).collect();
            manifests.put(&format!("services-{number}"), &text)?;
        }
        Ok(manifests)
    }

    /// Writes or replaces one file, in one step for whoever watches the directory.
    pub(crate) fn put(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let draft = self.directory.join(format!("{name}.draft"));
        fs::write(&draft, text)?;
        fs::rename(&draft, self.path(name))?;
        Ok(())
    }

    /// Removes one file.
    pub(crate) fn remove(&self, name: &str) -> anyhow::Result<()> {
        fs::remove_file(self.path(name))?;
        Ok(())
    }

    /// Writes a node's manifest, cordoned or not.
    pub(crate) fn cordon(&self, node: &str, cordoned: bool) -> anyhow::Result<()> {
        self.put(
            &format!("node-{node}"),
            &format!(
                "apiVersion: v1\nkind: Node\nmetadata:\n  name: {node}\nspec:\n  unschedulable: {cordoned}\n\
                 status:\n  conditions:\n    - type: Ready\n      status: \"True\"\n"
            ),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.yaml"))
    }
}

/// Returns the addresses that so many Services get.
pub(crate) fn vips(services: usize, families: Families) -> Vec<IpAddr> {
    let four = (0..services).map(|number| IpAddr::from(four(FIRST.0, number)));
    let six = (0..services).map(|number| IpAddr::from(six(number)));
    match families {
        Families::Four => four.collect(),
        Families::Both => four.chain(six).collect(),
    }
}

/// Returns an address that a Service can ask for by name.
pub(crate) fn named(number: usize) -> Ipv4Addr {
    four(RESERVED, number)
}

/// Returns a Service that asks for an address by name, with endpoints on n1 to n3.
///
/// Under the traffic policy Local only nodes with a ready endpoint may announce it.
pub(crate) fn with_address(name: &str, address: Ipv4Addr, local: bool, ready: bool) -> String {
    let annotations = format!("  annotations:\n    metallb.io/loadBalancerIPs: {address}\n");
    let policy = if local { "  externalTrafficPolicy: Local\n" } else { "" };
    service(name, &annotations, policy, Families::Four, ready)
}

/// Returns an object of MetalLB's API, with its specification in one line.
pub(crate) fn object(version: &str, kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: metallb.io/{version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: metallb-system\n\
         spec: {spec}\n---\n"
    )
}

/// Returns a Service that takes any address, with endpoints on n1 to n3.
pub(crate) fn web(number: usize, families: Families) -> String {
    service(&format!("web-{number}"), "", "", families, true)
}

fn service(name: &str, annotations: &str, policy: &str, families: Families, ready: bool) -> String {
    let (stack, list) = match families {
        Families::Four => ("SingleStack", "[IPv4]"),
        Families::Both => ("RequireDualStack", "[IPv4, IPv6]"),
    };
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: bench\n{annotations}\
         spec:\n  type: LoadBalancer\n{policy}  ipFamilyPolicy: {stack}\n  ipFamilies: {list}\n  ports:\n    \
         - name: echo\n      protocol: TCP\n      port: 7\n  selector:\n    app: {name}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}-ipv4\n  namespace: bench\n  \
         labels:\n    kubernetes.io/service-name: {name}\naddressType: IPv4\nports:\n  - name: echo\n    protocol: TCP\n    \
         port: 7\nendpoints:\n"
    );
    for node in 1..=3 {
        write!(
            text,
            "  - addresses: [198.51.100.{node}]\n    conditions: {{ready: {ready}, serving: {ready}, terminating: false}}\n    \
             nodeName: n{node}\n"
        )
        .expect("a string takes everything");
    }
    text + "---\n"
}

fn pools(services: usize, families: Families) -> String {
    let range = |addresses: &[IpAddr]| match addresses {
        [] => String::new(),
        [first, .., last] => format!("    - {first}-{last}\n"),
        [only] => format!("    - {only}-{only}\n"),
    };
    let all = vips(services, families);
    let (four, six): (Vec<IpAddr>, Vec<IpAddr>) = all.into_iter().partition(IpAddr::is_ipv4);
    let ranges = range(&four) + &range(&six);
    let last = named(0xff);
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: bench\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata:\n  name: metallb-system\n---\n\
         apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: lan\n  namespace: metallb-system\n\
         spec:\n  addresses:\n{ranges}---\n\
         apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: named\n  namespace: metallb-system\n\
         spec:\n  autoAssign: false\n  addresses:\n    - {RESERVED}-{last}\n---\n\
         apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata:\n  name: lan\n  namespace: metallb-system\n"
    )
}

fn secret() -> anyhow::Result<String> {
    let mut key = [0; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut key)).context("no random numbers")?;
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: memberlist\n  namespace: metallb-system\n\
         stringData:\n  secretkey: {key:?}\n"
    ))
}

fn four(first: Ipv4Addr, number: usize) -> Ipv4Addr {
    (u32::from(first) + u32::try_from(number).expect("at most 10,000 Services")).into()
}

fn six(number: usize) -> Ipv6Addr {
    (u128::from(FIRST.1) + number as u128).into()
}

#[cfg(test)]
mod tests;
