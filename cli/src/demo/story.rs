//! The acts of the demo.

use std::{
    collections::BTreeMap,
    io::Write,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail, ensure};

use super::{
    narrator::Narrator,
    network::Mac,
    prober::Prober,
    report::{Report, millis},
    routes,
    scene::{Client, Scene},
    speaker::fetch,
    status::{Service, Status},
    summary::{ServiceSummary, Summary},
    table,
    watch::{Sightings, Watcher},
};

/// How long the speakers may take for anything before the demo gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a measurement goes on before and after what it measures.
pub(super) const MARGIN: Duration = Duration::from_millis(700);

/// The Service whose clients are measured; it has an address of each family.
const FOLLOWED: &str = "shop/web";

/// How many Services the example manifests have.
const SERVICES: usize = 6;

/// A Service as the demo knows it: what it is called, where it listens, and the pool of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `namespace/name`.
    pub name: String,
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// The pool they come from.
    pub pool: String,
}

/// Who answers for each address on the wire.
pub type Owners = BTreeMap<IpAddr, Owner>;

/// A node and its Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The node's name.
    pub node: String,
    /// Its Ethernet address.
    pub mac: Mac,
}

/// What the death of an owner did.
struct Failover {
    owners: Owners,
    /// How long a client of a lost address got no answer.
    gap: Duration,
    /// How long a newcomer asked for a lost address in vain.
    unanswered: Duration,
}

/// Plays the whole story and returns what it found.
pub fn play<W: Write>(scene: &mut Scene, narrator: &mut Narrator<W>) -> anyhow::Result<Summary> {
    let entries = allocate(scene, narrator)?;
    let owners = resolve(scene, narrator, &entries)?;
    fetch_pages(scene, narrator, &entries, &owners)?;
    let failover = fail_over(scene, narrator, &entries, &owners)?;
    let returned = come_back(scene, narrator, &entries, &failover.owners)?;
    let (drained, drain_lost_probes) = drain(scene, narrator, &entries, &returned)?;
    let bgp = routes::play(scene, narrator, &followed(&entries)?.ips, &drained)?;
    let services = entries.iter().map(|entry| summarise(entry, &owners)).collect::<anyhow::Result<_>>()?;
    Ok(Summary {
        services,
        failover_gap_ms: millis(failover.gap),
        failover_unanswered_ms: millis(failover.unanswered),
        drain_lost_probes,
        bgp,
    })
}

fn allocate<W: Write>(scene: &mut Scene, narrator: &mut Narrator<W>) -> anyhow::Result<Vec<Entry>> {
    narrator.act("Three nodes and two clients on one switch, all inside this machine")?;
    narrator
        .say("n1, n2 and n3 read the same directory of Kubernetes manifests; nobody configures an address by hand.")?;
    narrator
        .say("`client` speaks IPv4, `client6` speaks IPv6, and an observer asks the wire who has which address.")?;
    scene.start_speakers()?;
    let mut entries = Vec::new();
    narrator.wait("every Service gets its addresses, the same on each node", PATIENCE, || {
        check_alive(scene)?;
        let statuses = scene.statuses();
        let nodes = scene.nodes.len();
        let Some(first) = statuses.values().next().filter(|_| statuses.len() == nodes) else {
            return Ok(Some(format!("{} of {nodes} speakers are up", statuses.len())));
        };
        entries = allocated(&first.services);
        if entries.len() < SERVICES {
            return Ok(Some(format!("{} of {SERVICES} Services{}", entries.len(), complaints(first))));
        }
        let same = |status: &Status| allocated(&status.services) == entries;
        Ok((!statuses.values().all(same)).then(|| "the nodes do not agree yet".to_owned()))
    })?;
    Ok(entries)
}

fn resolve<W: Write>(scene: &mut Scene, narrator: &mut Narrator<W>, entries: &[Entry]) -> anyhow::Result<Owners> {
    let watcher = observe(scene, &addresses(entries))?;
    let owners = settle(scene, narrator, &watcher, entries, "somebody answers ARP or NDP for every address", |_| true)?;
    narrator.pass("listening for a second answer", MARGIN)?;
    let sightings = watcher.stop();
    // Claims of the first moments belong to the start; from here on one node must answer for each address.
    for (ip, owner) in &owners {
        let latest = sightings.windows(*ip, MARGIN / 2).pop().with_context(|| format!("nobody answers for {ip}"))?;
        ensure!(latest.macs.len() == 1, "{} nodes answer for {ip}, which {} owns", latest.macs.len(), owner.node);
    }
    narrator.say("exactly one node answers for each address:")?;
    narrator.show(&table::render(entries, &owners))?;
    Ok(owners)
}

fn fetch_pages<W: Write>(
    scene: &Scene,
    narrator: &mut Narrator<W>,
    entries: &[Entry],
    owners: &Owners,
) -> anyhow::Result<()> {
    narrator.act("The clients fetch a page through each address")?;
    for entry in entries {
        for ip in &entry.ips {
            let client = client_for(scene, *ip);
            let server = SocketAddr::new(*ip, port_of(&entry.name));
            let page = client.host.run(|| fetch(server, "/"))?;
            let owner = owners.get(ip).with_context(|| format!("{ip} has no owner"))?;
            ensure!(page.starts_with(&owner.node), "{server} answered {page:?} although {} owns it", owner.node);
            narrator.say(&format!("{:<14} http://{server}/ -> {}", entry.name, page.trim_end()))?;
        }
    }
    Ok(())
}

fn fail_over<W: Write>(
    scene: &mut Scene,
    narrator: &mut Narrator<W>,
    entries: &[Entry],
    owners: &Owners,
) -> anyhow::Result<Failover> {
    let followed = followed(entries)?;
    let victim = owners.get(&followed.ips[0]).context("the followed Service has an owner")?.node.clone();
    narrator.act(&format!("The owner of {FOLLOWED}, {victim}, loses its power"))?;
    let lost: Vec<_> = followed.ips.iter().copied().filter(|ip| owners[ip].node == victim).collect();
    let watcher = observe(scene, &addresses(entries))?;
    let probers = probe(scene, &lost)?;
    narrator.pass("one datagram and one TCP connection every 10 ms", MARGIN)?;
    // A stale entry for another node would hide the outage.
    forget(scene, &lost)?;
    scene.power_off(&victim)?;
    let title = format!("another node takes over what {victim} owned");
    let after = settle(scene, narrator, &watcher, entries, &title, |owner| owner.node != victim)?;
    narrator.pass("watching", MARGIN)?;
    let reports = collect(probers)?;
    let sightings = watcher.stop();
    narrator.show(&table::moves(entries, owners, &after))?;

    let gaps = reports.values().filter_map(Report::longest_gap).map(|gap| gap.length);
    let gap = gaps.max().context("the probers saw nothing")?;
    let unanswered = lost.iter().filter_map(|ip| sightings.longest_silence(*ip)).map(|gap| gap.length);
    let unanswered = unanswered.max().context("the observer saw nothing")?;
    for (ip, report) in &reports {
        ensure!(report.udp.answerers().len() >= 2, "the client of {ip} saw no second node: {report}");
        let new = &after[ip].node;
        let gap = report.longest_gap().map_or(0.0, |gap| millis(gap.length));
        narrator
            .say(&format!("{ip}: {new} answers; its client waited {gap:.0} ms and lost {} probes", report.lost()))?;
    }
    narrator.say(&format!("a newcomer asked in vain for {:.0} ms", millis(unanswered)))?;
    Ok(Failover { owners: after, gap, unanswered })
}

fn come_back<W: Write>(
    scene: &mut Scene,
    narrator: &mut Narrator<W>,
    entries: &[Entry],
    owners: &Owners,
) -> anyhow::Result<Owners> {
    let dead = scene.nodes.iter().find(|node| !node.powered()).map(|node| node.host.name().to_owned());
    let dead = dead.context("one node is without power")?;
    narrator.act(&format!("{dead} comes back, and nothing moves to it for that reason alone"))?;
    let watcher = observe(scene, &addresses(entries))?;
    scene.power_on(&dead)?;
    let others = scene.nodes.len() - 1;
    narrator.wait(&format!("{dead} hears the others"), PATIENCE, || {
        check_alive(scene)?;
        let heard = scene.statuses().get(dead.as_str()).map_or(0, |status| status.members.len());
        Ok((heard < others).then(|| format!("{heard} of {others}")))
    })?;
    narrator.pass("listening", 2 * MARGIN)?;
    let after = owners_now(scene, &watcher.stop());
    let moved = owners.iter().filter(|(ip, owner)| after.get(*ip) != Some(owner)).count();
    narrator.say(&format!("{moved} addresses moved"))?;
    Ok(after)
}

fn drain<W: Write>(
    scene: &mut Scene,
    narrator: &mut Narrator<W>,
    entries: &[Entry],
    owners: &Owners,
) -> anyhow::Result<(String, usize)> {
    let followed = followed(entries)?;
    let drained = owners.get(&followed.ips[0]).context("the followed Service has an owner")?.node.clone();
    narrator.act(&format!(
        "The owner of {FOLLOWED}, {drained}, is drained: its Node manifest says `unschedulable: true`"
    ))?;
    let watcher = observe(scene, &addresses(entries))?;
    let probers = probe(scene, &followed.ips)?;
    narrator.pass("one datagram and one TCP connection every 10 ms to each address", MARGIN)?;
    forget(scene, &followed.ips)?;
    scene.cordon(&drained)?;
    let title = format!("other nodes take over from {drained}");
    let after = settle(scene, narrator, &watcher, entries, &title, |owner| owner.node != drained)?;
    narrator.pass("watching", MARGIN)?;
    let reports = collect(probers)?;
    narrator.show(&table::moves(entries, owners, &after))?;
    let lost = reports.values().map(Report::lost).sum();
    let sent: usize = reports.values().map(Report::sent).sum();
    let retried: usize = reports.values().map(|report| report.tcp.retried()).sum();
    narrator.say(&format!("{lost} of {sent} probes lost, {retried} connections made twice"))?;
    for (ip, report) in &reports {
        ensure!(report.lost() == 0, "a drain must lose nothing, but {ip} saw\n{report}");
    }
    Ok((drained, lost))
}

/// Waits until every address has an owner that is `right`, as seen on the wire.
fn settle<W: Write>(
    scene: &mut Scene,
    narrator: &mut Narrator<W>,
    watcher: &Watcher,
    entries: &[Entry],
    title: &str,
    right: impl Fn(&Owner) -> bool,
) -> anyhow::Result<Owners> {
    let wanted = addresses(entries);
    let mut owners = Owners::new();
    narrator.wait(title, PATIENCE, || {
        check_alive(scene)?;
        owners = owners_now(scene, &watcher.so_far());
        let left: Vec<_> =
            wanted.iter().filter(|ip| !owners.get(*ip).is_some_and(&right)).map(IpAddr::to_string).collect();
        Ok((!left.is_empty()).then(|| format!("waiting for {}", left.join(", "))))
    })?;
    Ok(owners)
}

fn owners_now(scene: &Scene, sightings: &Sightings) -> Owners {
    let owner = |ip: &IpAddr| {
        let mac = sightings.latest(*ip)?;
        let node = scene.node_at(mac).map_or_else(|| "nobody known".to_owned(), |node| node.host.name().to_owned());
        Some((*ip, Owner { node, mac }))
    };
    sightings.asked.keys().filter_map(owner).collect()
}

/// Fails when a speaker ended although nobody asked it to.
pub(super) fn check_alive(scene: &mut Scene) -> anyhow::Result<()> {
    match scene.nodes.iter_mut().find_map(|node| node.failure()) {
        Some(failure) => bail!(failure),
        None => Ok(()),
    }
}

fn allocated(services: &[Service]) -> Vec<Entry> {
    let entry = |service: &Service| Entry {
        name: format!("{}/{}", service.namespace, service.name),
        ips: service.ips.clone(),
        pool: service.pool.clone().unwrap_or_default(),
    };
    let mut entries: Vec<_> = services.iter().filter(|service| !service.ips.is_empty()).map(entry).collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}

/// Returns what a node says about Services without addresses and about bad manifests.
fn complaints(status: &Status) -> String {
    let waiting = status.services.iter().filter(|service| service.ips.is_empty());
    let reasons = waiting.map(|service| {
        let reason = service.reason.as_deref().unwrap_or("no reason given");
        format!("; {}/{}: {reason}", service.namespace, service.name)
    });
    reasons.chain(status.faults.iter().map(|fault| format!("; {fault}"))).collect()
}

fn addresses(entries: &[Entry]) -> Vec<IpAddr> {
    let mut addresses: Vec<_> = entries.iter().flat_map(|entry| entry.ips.iter().copied()).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

fn followed(entries: &[Entry]) -> anyhow::Result<&Entry> {
    entries.iter().find(|entry| entry.name == FOLLOWED).with_context(|| format!("{FOLLOWED} has no address"))
}

/// The wiki shares its address with another Service and is told apart by its port.
fn port_of(service: &str) -> u16 {
    if service == "shop/wiki" { 8080 } else { 80 }
}

fn client_for(scene: &Scene, ip: IpAddr) -> &Client {
    if ip.is_ipv4() { &scene.client } else { &scene.client6 }
}

fn observe(scene: &Scene, addresses: &[IpAddr]) -> anyhow::Result<Watcher> {
    Watcher::newcomer(&scene.observer.host, &scene.observer.link, addresses)
}

fn forget(scene: &Scene, ips: &[IpAddr]) -> anyhow::Result<()> {
    ips.iter().try_for_each(|ip| {
        let client = client_for(scene, *ip);
        client.host.forget(*ip, &client.link)
    })
}

fn probe(scene: &Scene, ips: &[IpAddr]) -> anyhow::Result<BTreeMap<IpAddr, Prober>> {
    ips.iter().map(|ip| Ok((*ip, Prober::start(&client_for(scene, *ip).host, *ip)?))).collect()
}

fn collect(probers: BTreeMap<IpAddr, Prober>) -> anyhow::Result<BTreeMap<IpAddr, Report>> {
    probers.into_iter().map(|(ip, prober)| Ok((ip, prober.stop()?))).collect()
}

fn summarise(entry: &Entry, owners: &Owners) -> anyhow::Result<ServiceSummary> {
    let owners: Vec<_> = entry.ips.iter().filter_map(|ip| owners.get(ip)).map(|owner| owner.node.clone()).collect();
    let owner = owners.first().cloned().with_context(|| format!("{} has no owner", entry.name))?;
    Ok(ServiceSummary { name: entry.name.clone(), ips: entry.ips.clone(), owner, owners })
}
