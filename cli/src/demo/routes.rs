//! The acts of the demo with a router: connections spread over the nodes, one node lost, one drained.

use std::{
    collections::BTreeMap,
    io::Write,
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::{
    bird::Bird,
    narrator::Narrator,
    prober::Prober,
    rack::Rack,
    report::{Report, millis},
    scene::Scene,
    story::{MARGIN, PATIENCE, check_alive},
    summary::BgpSummary,
    table::{self, Session},
};

/// How many connections are made to see where they go.
const CONNECTIONS: usize = 300;

/// How many flows of datagrams are followed; each keeps its node until that one goes.
const FLOWS: usize = 4;

/// Plays the acts for a Service with these addresses while one node is cordoned, and returns what was found; nothing on a machine
/// without a router.
pub fn play<W: Write>(
    scene: &mut Scene,
    narrator: &mut Narrator<W>,
    ips: &[IpAddr],
    cordoned: &str,
) -> anyhow::Result<Option<BgpSummary>> {
    if !Bird::is_installed() {
        narrator.act("A router would come next, but there is none: install the package bird2 to see the rest")?;
        return Ok(None);
    }
    scene.uncordon(cordoned)?;
    let mut acts = Acts::plug_in(scene, narrator, ips)?;
    let connections = acts.spread()?;
    let loss = acts.lose_a_node()?;
    acts.come_back(&loss.node)?;
    let drain_lost_probes = acts.drain()?;
    Ok(Some(BgpSummary {
        connections,
        legs_gone_ms: millis(loss.legs_gone),
        failover_gap_ms: millis(loss.gap),
        failover_lost_probes: loss.probes,
        drain_lost_probes,
    }))
}

/// What the death of a node did.
struct Loss {
    node: String,
    /// How long the router went on sending packets there.
    legs_gone: Duration,
    /// The longest time that a flow was without an answer.
    gap: Duration,
    /// How many probes no answer came to.
    probes: usize,
}

/// The nodes and the router that the acts are played on.
struct Acts<'s, W> {
    rack: Rack,
    scene: &'s mut Scene,
    narrator: &'s mut Narrator<W>,
    /// Those of the Service.
    ips: &'s [IpAddr],
}

impl<'s, W: Write> Acts<'s, W> {
    fn plug_in(scene: &'s mut Scene, narrator: &'s mut Narrator<W>, ips: &'s [IpAddr]) -> anyhow::Result<Self> {
        narrator.act("A router joins the switch, with a client called `far` behind it")?;
        narrator.say("The nodes learn of it by one more file: a BGPPeer, a BFDProfile and a BGPAdvertisement.")?;
        let rack = scene.add_rack()?;
        let mut acts = Self { rack, scene, narrator, ips };
        acts.expect_all()?;
        let sessions = acts.scene.statuses().into_iter().flat_map(|(node, status)| {
            let session = move |peer| Session { node: node.to_owned(), peer };
            status.peers.into_iter().map(session).collect::<Vec<_>>()
        });
        acts.narrator.show(&table::sessions(&sessions.collect::<Vec<_>>()))?;
        Ok(acts)
    }

    fn spread(&mut self) -> anyhow::Result<BTreeMap<String, usize>> {
        self.narrator.act(&format!("`far` makes {CONNECTIONS} connections to each IP of shop/web"))?;
        let nodes = self.scene.nodes.iter().map(|node| (node.host.name().to_owned(), 0));
        let mut counts: BTreeMap<String, usize> = nodes.collect();
        let rack = &self.rack;
        for ip in self.ips {
            let connect = || (0..CONNECTIONS).map(|_| rack.connect(*ip)).collect::<anyhow::Result<Vec<_>>>();
            for name in rack.far.host.run(connect)? {
                *counts.entry(name).or_default() += 1;
            }
        }
        self.narrator.show(&table::connections(&counts))?;
        for (node, count) in &counts {
            ensure!(*count > 0, "no connection went to {node}");
        }
        Ok(counts)
    }

    fn lose_a_node(&mut self) -> anyhow::Result<Loss> {
        let flows = Flows::start(&self.rack, self.ips)?;
        self.narrator.act("The node that serves the first of several flows loses its power")?;
        self.narrator.pass("one datagram and one TCP connection every 10 ms in each flow", MARGIN)?;
        let victim = flows.first_node()?;
        let struck = Instant::now();
        self.scene.power_off(&victim)?;
        self.expect_gone(&victim)?;
        let legs_gone = struck.elapsed();
        self.narrator.pass("watching", MARGIN)?;
        let reports = flows.stop()?;
        let gaps = reports.iter().filter_map(|report| report.udp.longest_gap()).map(|gap| gap.length);
        let gap = gaps.max().context("the probers saw nothing")?;
        let last = reports[0].udp.answerers().pop().context("the first flow is served")?;
        ensure!(*last != *victim, "the first flow ended with {victim}");
        let elsewhere =
            format!("{victim}'s flows go on at other nodes; no flow waited longer than {:.0} ms", millis(gap));
        self.narrator.say(&elsewhere)?;
        let probes = self.tell_lost(&reports)?;
        Ok(Loss { node: victim, legs_gone, gap, probes })
    }

    fn come_back(&mut self, node: &str) -> anyhow::Result<()> {
        self.narrator.act(&format!("{node} comes back, and gets its share again"))?;
        self.scene.power_on(node)?;
        self.expect_all()
    }

    fn drain(&mut self) -> anyhow::Result<usize> {
        let flows = Flows::start(&self.rack, self.ips)?;
        self.narrator.act("A node is drained")?;
        self.narrator.pass("one datagram and one TCP connection every 10 ms in each flow", MARGIN)?;
        let drained = flows.first_node()?;
        self.scene.cordon(&drained)?;
        self.expect_gone(&drained)?;
        self.narrator.say(&format!(
            "{drained} has asked to be the last choice (RFC 8326); it withdraws its routes when the time for that is over"
        ))?;
        self.narrator.pass("watching", MARGIN)?;
        ensure!(self.rack.is_up(&drained), "the session with {drained} ended");
        let reports = flows.stop()?;
        let lost = self.tell_lost(&reports)?;
        for report in &reports {
            ensure!(report.lost() == 0, "a drain must lose nothing, but a flow saw\n{report}");
        }
        Ok(lost)
    }

    /// Says how many probes were lost, and returns it.
    fn tell_lost(&mut self, reports: &[Report]) -> anyhow::Result<usize> {
        let lost = reports.iter().map(Report::lost).sum();
        let sent: usize = reports.iter().map(Report::sent).sum();
        self.narrator.say(&format!("{lost} of {sent} probes lost"))?;
        Ok(lost)
    }

    /// Waits until the router spreads over every node and watches all of them.
    fn expect_all(&mut self) -> anyhow::Result<()> {
        let Self { rack, scene, narrator, ips } = self;
        narrator.wait("the router spreads both IPs over all nodes, and BFD watches each", PATIENCE, || {
            check_alive(scene)?;
            let (statuses, nodes) = (scene.statuses(), scene.nodes.len());
            let watched = statuses.values().flat_map(|status| &status.peers);
            let watched = watched.filter(|peer| peer.bfd.as_deref() == Some("Up")).count();
            let legs = ips.iter().map(|ip| rack.legs(scene, *ip).len()).min().unwrap_or_default();
            Ok((legs < nodes || watched < nodes).then(|| format!("{legs} legs, {watched} watched")))
        })
    }

    /// Waits until the router sends nothing to a node.
    fn expect_gone(&mut self, node: &str) -> anyhow::Result<()> {
        let Self { rack, scene, narrator, ips } = self;
        narrator.wait(&format!("the router sends nothing more to {node}"), PATIENCE, || {
            check_alive(scene)?;
            let left = ips.iter().filter(|ip| rack.legs(scene, **ip).contains(&node)).count();
            Ok((left > 0).then(|| format!("{left} IPs left")))
        })
    }
}

/// Flows from behind the router: several to the first address, one to each other.
struct Flows(Vec<Prober>);

impl Flows {
    fn start(rack: &Rack, ips: &[IpAddr]) -> anyhow::Result<Self> {
        let (first, others) = ips.split_first().context("the Service has an address")?;
        let targets = [first; FLOWS].into_iter().chain(others);
        targets.map(|ip| Prober::start(&rack.far.host, *ip)).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Returns the node that serves the first flow.
    fn first_node(&self) -> anyhow::Result<String> {
        let report = self.0.first().context("there is a flow")?.so_far();
        Ok(report.udp.answerers().pop().context("nobody serves the first flow")?.to_string())
    }

    fn stop(self) -> anyhow::Result<Vec<Report>> {
        Prober::stop_all(self.0)
    }
}
