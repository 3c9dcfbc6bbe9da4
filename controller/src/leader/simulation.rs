//! Many replicas, one Lease, and a network that loses, delays and repeats; never two leaders.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Claim, Election, Input, Lease, Output, Timing};

const REPLICAS: usize = 3;
const STEP: Duration = Duration::from_millis(50);
/// Virtual steps of one run: ten minutes.
const STEPS: u64 = 12_000;

/// The API server's side: one object with a version.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    writes: u64,
    deletions: u32,
}

struct Replica {
    name: String,
    election: Election,
    /// How fast its clock runs, in thousandths.
    rate: u32,
    born: Instant,
    paused_until: u64,
    /// When the request that is out reaches the server and when its answer arrives, in steps; answers may be lost.
    request: Option<Request>,
    starts: u32,
    /// The deletions before the latest Lease that this process has learned of. One that knows of none takes a missing Lease for one
    /// that never was, and nobody notices one that was made and deleted since the last look.
    knows: Option<u32>,
}

struct Request {
    output: Output,
    arrives: u64,
    returns: u64,
    /// Decided when it arrives; none until then.
    answer: Option<Input>,
    deletions: u32,
    lost_before: bool,
    lost_after: bool,
}

impl Server {
    fn serve(&mut self, holder: &str, timing: Timing, output: &Output) -> Input {
        match output {
            Output::Read => Input::Read(self.lease.clone()),
            Output::Write { replaces, claim, transitions } => {
                let version = self.lease.as_ref().map(|lease| lease.version.clone());
                if version != *replaces {
                    return Input::Conflict;
                }
                self.writes += 1;
                let holder = match claim {
                    Claim::Acquire | Claim::Renew => holder.to_owned(),
                    Claim::Release => String::new(),
                };
                let version = self.writes.to_string();
                let duration = timing.lease_duration;
                self.lease = Some(Lease { version: version.clone(), holder, duration, transitions: *transitions });
                Input::Wrote(version)
            }
            Output::Lead | Output::Lost(_) | Output::Done => unreachable!("not requests"),
        }
    }
}

impl Replica {
    fn new(index: usize, rate: u32, born: Instant) -> Self {
        let name = format!("replica-{index}");
        let election = Election::new(&name, Timing::default(), born);
        Self { name, election, rate, born, paused_until: 0, request: None, starts: 1, knows: None }
    }

    /// Its own idea of the time.
    fn clock(&self, step: u64) -> Instant {
        self.born + (STEP * u32::try_from(step).unwrap()) * self.rate / 1_000
    }
}

fn run(seed: u64) -> (u32, u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let epoch = Instant::now();
    let mut server = Server::default();
    let mut replicas: Vec<Replica> = (0..REPLICAS)
        .map(|index| {
            let offset = Duration::from_secs(random.random_range(0..1_000_000));
            Replica::new(index, random.random_range(950..1_050), epoch + offset)
        })
        .collect();
    let mut led: BTreeMap<usize, u64> = BTreeMap::new();
    for step in 0..STEPS {
        let blackout = (step / 1_200) % 4 == 3;
        if random.random_ratio(1, 1_000) && replicas.iter().all(|replica| replica.knows == Some(server.deletions)) {
            server.lease = None;
            server.deletions += 1;
        }
        let anybody_leads = replicas.iter().any(|replica| replica.election.leads(replica.clock(step)));
        for (index, replica) in replicas.iter_mut().enumerate() {
            deliver(&mut server, replica, step);
            // A process that starts between a deletion and its discovery cannot know that anybody leads.
            let starts_blind = anybody_leads && server.lease.is_none() && replica.knows.is_none();
            if step < replica.paused_until || starts_blind {
                continue;
            }
            let now = replica.clock(step);
            if random.random_ratio(1, 2_000) {
                replica.paused_until = step + random.random_range(1..800);
            }
            if random.random_ratio(1, 6_000) && server.lease.is_some() {
                replica.election.handle(now, Input::Stop);
                replica.knows = None;
            }
            // Timers are served before anything that has arrived.
            if replica.election.poll_timeout().is_some_and(|at| now >= at) {
                replica.election.handle(now, Input::Timeout);
            }
            if let Some(request) = replica.request.take_if(|request| step >= request.returns) {
                let failed = if request.output == Output::Read { Input::ReadFailed } else { Input::WriteFailed };
                let answer = request.answer.filter(|_| !request.lost_after);
                if let Some(Input::Read(Some(_)) | Input::Wrote(_)) = answer {
                    replica.knows = Some(request.deletions);
                }
                replica.election.handle(now, answer.unwrap_or(failed));
            }
            while let Some(output) = replica.election.poll_output() {
                match output {
                    Output::Read | Output::Write { .. } => {
                        let arrives = step + random.random_range(0..20);
                        let returns = arrives + random.random_range(0..20);
                        let lost_before = blackout || random.random_ratio(1, 20);
                        let lost_after = random.random_ratio(1, 20);
                        let patience = step + 100;
                        let returns = if lost_before || lost_after { patience } else { returns };
                        let (answer, deletions) = (None, 0);
                        replica.request =
                            Some(Request { output, arrives, returns, answer, deletions, lost_before, lost_after });
                    }
                    Output::Lead => *led.entry(index).or_default() += 1,
                    Output::Lost(_) => {}
                    // Whoever supervises the process starts it again; a request that is out stays out.
                    Output::Done => {
                        let born = replica.clock(step);
                        replica.election = Election::new(&replica.name, Timing::default(), born);
                        replica.starts += 1;
                        replica.request = None;
                        replica.knows = None;
                    }
                }
            }
        }
        let awake = replicas.iter().filter(|replica| step >= replica.paused_until);
        let leaders: Vec<&str> = awake
            .filter(|replica| replica.election.leads(replica.clock(step)))
            .map(|replica| replica.name.as_str())
            .collect();
        assert!(leaders.len() <= 1, "seed {seed}, step {step}: {leaders:?} lead");
    }
    (u32::try_from(led.values().sum::<u64>()).unwrap(), server.writes)
}

/// Lets the request that is out reach the server.
fn deliver(server: &mut Server, replica: &mut Replica, step: u64) {
    let Some(request) = &mut replica.request else { return };
    if request.answer.is_none() && !request.lost_before && step >= request.arrives {
        request.answer = Some(server.serve(&replica.name, Timing::default(), &request.output));
        request.deletions = server.deletions;
    }
}

#[test]
fn no_two_replicas_ever_lead_and_somebody_does_again_and_again() {
    let seeds = std::env::var("CLARION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    let mut terms = 0;
    for seed in 0..seeds {
        let (led, writes) = run(seed);
        assert!(led >= 3, "seed {seed}: only {led} terms and {writes} writes in ten minutes");
        terms += led;
    }
    assert!(terms > 0);
}
