use crds::reasons::EventReason;

use super::*;
use crate::kubernetes::fixtures::{id, ip, service, view};

/// A cluster of Services at version 1, and the writes to them.
struct Office {
    services: BTreeMap<ServiceId, ServiceView>,
    ledger: Ledger,
    applier: Applier,
    now: Instant,
}

impl Office {
    fn of(services: &[(&str, &[&str])]) -> Self {
        let views = services.iter().map(|(name, addresses)| view(&service(name, addresses), 1));
        let services = views.map(|view| (view.id.clone(), view)).collect();
        Self { services, ledger: Ledger::default(), applier: Applier::default(), now: Instant::now() }
    }

    /// Returns the change that gives a Service exactly these addresses.
    fn change(&self, name: &str, addresses: &[&str]) -> Change {
        let view = &self.services[&id(name)];
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| ip(address)).collect();
        let held: Vec<IpAddr> = view.addresses().collect();
        let event = ServiceEvent {
            service: view.id.clone(),
            uid: view.uid.clone(),
            reason: EventReason::IpAllocated,
            message: String::new(),
        };
        Change {
            service: view.id.clone(),
            uid: view.uid.clone(),
            takes: addresses.iter().copied().filter(|address| !held.contains(address)).collect(),
            released: Vec::new(),
            gives: held.into_iter().filter(|address| !addresses.contains(address)).collect(),
            write: StatusWrite { addresses, pool: Some("lan".to_owned()), condition: None },
            events: vec![event],
        }
    }

    fn plan(&mut self, changes: &[(&str, &[&str])]) {
        let changes = changes.iter().map(|(name, addresses)| self.change(name, addresses)).collect();
        self.applier.replace(changes);
    }

    fn next(&mut self) -> Option<Job> {
        self.applier.next(self.now, &self.services, &mut self.ledger)
    }

    /// Returns the names of the Services whose writes go out.
    fn all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).map(|job| job.view.id.name().to_owned()).collect()
    }

    fn settle(&mut self, name: &str, outcome: &Outcome) -> Settled {
        self.applier.settle(self.now, &id(name), outcome, &mut self.ledger)
    }

    /// Lets the watch show a Service; returns whether it was waited for.
    fn show(&mut self, name: &str, addresses: &[&str], version: u64) -> bool {
        let view = view(&service(name, addresses), version);
        self.ledger.observe(&view);
        self.services.insert(view.id.clone(), view.clone());
        self.applier.was_awaited(&view, &self.ledger)
    }

    fn pass(&mut self, time: Duration) -> bool {
        self.now += time;
        self.applier.wake(self.now)
    }
}

fn refused() -> Outcome {
    Outcome::Refused(StatusError { code: 403, reason: "Forbidden".into(), message: "no".into(), retry_after: None })
}

#[test]
fn a_write_is_for_the_version_that_was_shown_and_is_in_the_ledger() {
    let mut office = Office::of(&[("a", &[])]);
    office.plan(&[("a", &["192.0.2.1"])]);
    let job = office.next().expect("nothing holds it up");
    assert_eq!((job.base, job.write.addresses), (ResourceVersion(1), vec![ip("192.0.2.1")]));
    let overlaid = office.ledger.overlay(&office.services[&id("a")]).into_owned();
    assert_eq!(overlaid.addresses().collect::<Vec<_>>(), [ip("192.0.2.1")]);
    assert_eq!((office.applier.under_way(), office.next()), (1, None));
}

#[test]
fn what_a_plan_says_of_a_service_that_is_gone_or_another_one_is_dropped() {
    let mut office = Office::of(&[("gone", &[]), ("another", &[])]);
    office.plan(&[("gone", &["192.0.2.1"]), ("another", &["192.0.2.2"])]);
    office.services.remove(&id("gone"));
    office.services.get_mut(&id("another")).expect("it is there").uid = Uid::from("later");
    assert_eq!(office.next(), None);
    assert_eq!(office.applier.queued(), 0);
}

#[test]
fn a_service_is_written_once_at_a_time_and_asks_for_a_plan_when_its_write_is_settled() {
    let mut office = Office::of(&[("a", &[])]);
    office.plan(&[("a", &["192.0.2.1"])]);
    assert_eq!(office.all(), ["a"]);
    office.plan(&[("a", &["192.0.2.2"])]);
    assert_eq!(office.all(), [""; 0]);
    assert!(office.settle("a", &Outcome::Accepted(Version(2))).replan);
    office.plan(&[("a", &["192.0.2.2"])]);
    assert_eq!(office.next().expect("the first is settled").base, ResourceVersion(2));
}

#[test]
fn an_address_is_taken_only_after_it_was_given_up() {
    let mut office = Office::of(&[("old", &["192.0.2.1"]), ("new", &[])]);
    office.plan(&[("new", &["192.0.2.1"]), ("old", &[])]);
    assert_eq!(office.all(), ["old"]);
    office.settle("old", &Outcome::Accepted(Version(2)));
    assert_eq!(office.all(), ["new"]);
}

#[test]
fn what_a_later_plan_has_a_service_give_up_is_not_free_when_an_earlier_write_to_it_is_settled() {
    let mut office = Office::of(&[("a", &[]), ("b", &[]), ("c", &["192.0.2.2"])]);
    office.plan(&[("a", &["192.0.2.1"])]);
    assert_eq!(office.all(), ["a"]);
    // No write may go out, so nobody has looked at the plan when the first write is settled.
    let mut moves = office.change("a", &["192.0.2.2"]);
    moves.gives = vec![ip("192.0.2.1")];
    let plan = vec![office.change("c", &[]), moves, office.change("b", &["192.0.2.1"])];
    office.applier.replace(plan);
    office.settle("a", &Outcome::Accepted(Version(2)));
    assert_eq!(office.all(), ["c"], "a holds what b is to have until it can move");
}

#[test]
fn an_address_whose_loss_nobody_knows_the_outcome_of_is_not_taken() {
    let mut office = Office::of(&[("old", &["192.0.2.1"]), ("new", &[])]);
    office.plan(&[("old", &[])]);
    assert_eq!(office.all(), ["old"]);
    office.settle("old", &Outcome::Conflict);
    office.plan(&[("new", &["192.0.2.1"])]);
    assert_eq!(office.all(), [""; 0]);
    // The watch decides it.
    office.show("old", &[], 2);
    assert_eq!(office.all(), ["new"]);
}

#[test]
fn an_address_is_free_when_the_watch_is_faster_than_the_answer_of_its_loss() {
    let mut office = Office::of(&[("old", &["192.0.2.1"]), ("new", &[])]);
    office.plan(&[("new", &["192.0.2.1"]), ("old", &[])]);
    assert_eq!(office.all(), ["old"]);
    office.show("old", &[], 2);
    assert_eq!(office.all(), [""; 0]);
    office.settle("old", &Outcome::Accepted(Version(2)));
    assert_eq!(office.all(), ["new"]);
}

#[test]
fn two_services_that_swap_addresses_do_not_wait_for_ever() {
    let mut office = Office::of(&[("a", &["192.0.2.1"]), ("b", &["192.0.2.2"])]);
    office.plan(&[("a", &["192.0.2.2"]), ("b", &["192.0.2.1"])]);
    let first = office.next().expect("one gives up first");
    assert!(first.write.addresses.is_empty() && first.events.is_empty());
    assert!(office.settle(first.view.id.name(), &Outcome::Accepted(Version(2))).replan);
    assert_eq!(office.all().len(), 1, "the other one takes what is free");
}

#[test]
fn nobody_gives_up_an_address_for_one_that_a_resting_service_holds() {
    let mut office = Office::of(&[("a", &["192.0.2.1"]), ("b", &["192.0.2.2"])]);
    let changes: &[(&str, &[&str])] = &[("b", &["192.0.2.3"]), ("a", &["192.0.2.2"])];
    office.plan(changes);
    assert_eq!(office.all(), ["b"]);
    office.settle("b", &refused());
    office.plan(changes);
    assert_eq!(office.all(), [""; 0], "b rests, and a keeps what it has");
    assert!(office.pass(FIRST_REST));
    office.plan(changes);
    assert_eq!(office.all(), ["b"]);
    office.settle("b", &Outcome::Accepted(Version(2)));
    assert_eq!(office.all(), ["a"]);
}

#[test]
fn a_swap_is_not_held_up_by_a_service_that_rests() {
    let mut office = Office::of(&[("a", &["192.0.2.1"]), ("b", &["192.0.2.2"]), ("c", &[])]);
    office.plan(&[("c", &["192.0.2.9"])]);
    assert_eq!(office.all(), ["c"]);
    office.settle("c", &refused());
    office.plan(&[("a", &["192.0.2.2"]), ("b", &["192.0.2.1"]), ("c", &["192.0.2.9"])]);
    assert_eq!(office.all().len(), 1);
}

#[test]
fn a_write_that_failed_takes_no_place_and_what_it_gives_up_is_not_free() {
    let mut office = Office::of(&[("old", &["192.0.2.1"]), ("new", &[]), ("a", &["192.0.2.2"]), ("b", &["192.0.2.3"])]);
    office.plan(&[("old", &[])]);
    assert_eq!(office.all(), ["old"]);
    office.applier.failed(&id("old"));
    assert_eq!(office.applier.under_way(), 0);
    office.plan(&[("new", &["192.0.2.1"]), ("a", &["192.0.2.3"]), ("b", &["192.0.2.2"])]);
    let swap = office.all();
    assert!(swap == ["a"] || swap == ["b"], "a swap does not wait for it: {swap:?}");
    office.settle("old", &Outcome::Accepted(Version(2)));
    assert_eq!(office.all(), ["new"]);
}

#[test]
fn what_is_refused_rests_longer_each_time_and_holds_up_nobody() {
    let mut office = Office::of(&[("bad", &[]), ("good", &[])]);
    let mut rest = FIRST_REST;
    for _ in 0..8 {
        office.plan(&[("bad", &["192.0.2.1"]), ("good", &["192.0.2.2"])]);
        assert_eq!(office.all(), ["bad", "good"]);
        assert!(office.settle("bad", &refused()).replan);
        office.settle("good", &Outcome::Accepted(Version(2)));
        assert_eq!(office.applier.next_wake(), Some(office.now + rest));
        assert!(!office.pass(rest - Duration::from_millis(1)));
        assert!(office.pass(Duration::from_millis(1)));
        rest = (rest * 2).min(LONGEST_REST);
        assert!(!office.show("good", &[], 3));
    }
    office.plan(&[("bad", &["192.0.2.1"])]);
    assert_eq!(office.all(), ["bad"]);
    office.settle("bad", &Outcome::Accepted(Version(2)));
    assert!(office.applier.resting.is_empty());
}

#[test]
fn whoever_fights_with_another_program_rests_and_says_so_once() {
    let mut office = Office::of(&[("a", &[]), ("b", &[])]);
    let (mut told, mut rests) = (Vec::new(), Vec::new());
    for round in 0..8 {
        office.plan(&[("a", &["192.0.2.1"])]);
        let job = office.next().expect("it does not rest");
        assert_eq!(job.events.is_empty(), !told.is_empty(), "round {round}: {:?}", job.events);
        let version = job.base.0;
        if office.settle("a", &Outcome::Accepted(Version(version + 1))).contended {
            told.push(round);
        }
        office.show("a", &[], version + 2);
        office.applier.contention.changed(office.now, &id("a"), &Uid::from("uid-a"), "rival");
        if let Some(wake) = office.applier.next_wake() {
            rests.push((wake - office.now).as_secs());
            office.plan(&[("a", &["192.0.2.1"]), ("b", &["192.0.2.2"])]);
            assert_eq!(office.all(), ["b"], "others are written");
            let version = office.ledger.base(&office.services[&id("b")]).map_or(1, |version| version.0);
            office.settle("b", &Outcome::Accepted(Version(version + 1)));
            office.show("b", &[], version + 2);
            assert!(office.pass(wake - office.now));
        }
    }
    // The first write is an allocation and no repair.
    assert_eq!((told, rests), (vec![3], vec![1, 2, 4, 8, 16]));
}

#[test]
fn a_service_that_is_gone_gives_its_address_free() {
    let mut office = Office::of(&[("old", &["192.0.2.1"]), ("new", &[])]);
    office.plan(&[("old", &[]), ("new", &["192.0.2.1"])]);
    assert_eq!(office.all(), ["old"]);
    assert!(office.settle("old", &Outcome::Gone).replan);
    office.services.remove(&id("old"));
    assert!(office.ledger.is_empty());
    assert_eq!(office.all(), ["new"]);
}
