use std::{num::NonZeroU8, time::Duration};

use super::*;
use crate::{EchoConfig, Interval, Path, Role};

const THEIRS: u32 = 42;

#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; every test counts from this one")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn interval(milliseconds: u32) -> Interval {
    Interval::from_millis(milliseconds).unwrap()
}

fn micros(milliseconds: u32) -> Micros {
    Micros::new(milliseconds * 1_000)
}

fn config(milliseconds: u32) -> Config {
    Config { transmit_interval: interval(milliseconds), receive_interval: interval(milliseconds), ..Config::default() }
}

/// A session, its clock, and what it did.
struct Lone {
    session: Session,
    now: Instant,
    sent: Vec<(Instant, ControlPacket)>,
    echoes: Vec<EchoPacket>,
    events: Vec<Event>,
}

impl Lone {
    fn new(config: Config) -> Self {
        let now = epoch();
        let session = Session::new(Discriminator::new(1).unwrap(), config, 7, now);
        let mut lone = Self { session, now, sent: Vec::new(), echoes: Vec::new(), events: Vec::new() };
        lone.drain();
        lone
    }

    /// A session that the neighbour brought Up with 50 ms intervals, all polls answered.
    fn up(config: Config) -> Self {
        let mut lone = Self::new(config);
        lone.hear(State::Down);
        lone.hear(State::Init);
        lone.settle();
        assert_eq!(lone.session.state(), State::Up);
        lone
    }

    /// Answers the poll under way.
    fn settle(&mut self) {
        self.hear_packet(ControlPacket { final_: true, ..theirs(State::Up) });
        self.run(ms(10));
    }

    fn hear(&mut self, state: State) {
        self.hear_packet(theirs(state));
    }

    fn hear_packet(&mut self, packet: ControlPacket) {
        self.input(Input::Packet { packet, ttl: 255 });
    }

    fn input(&mut self, input: Input) {
        self.session.handle(self.now, input);
        self.drain();
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.session.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    /// Runs while the neighbour sends `packet` every 40 ms and returns every echo.
    fn run_hearing(&mut self, span: Duration, packet: ControlPacket, return_echoes: bool) {
        let end = self.now + span;
        while self.now < end {
            self.hear_packet(packet);
            self.run(ms(40));
            for echo in std::mem::take(&mut self.echoes) {
                if return_echoes {
                    self.input(Input::Echo(echo));
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(packet) => self.sent.push((self.now, packet)),
                Output::Echo(packet) => self.echoes.push(packet),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn last(&self) -> ControlPacket {
        self.sent.last().expect("something was sent").1
    }

    fn gaps(&self) -> Vec<Duration> {
        self.sent.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }
}

fn theirs(state: State) -> ControlPacket {
    ControlPacket {
        diag: Diag::None,
        state,
        poll: false,
        final_: false,
        control_plane_independent: false,
        demand: false,
        detect_multiplier: NonZeroU8::new(3).unwrap(),
        my_discriminator: Discriminator::new(THEIRS).unwrap(),
        your_discriminator: Discriminator::new(1),
        desired_min_tx: micros(50),
        required_min_rx: micros(50),
        required_min_echo_rx: Micros::ZERO,
    }
}

fn echoing() -> Config {
    let echo = EchoConfig { transmit_interval: interval(50), receive_interval: Some(interval(20)) };
    Config { path: Path::SingleHop { echo: Some(echo) }, ..config(50) }
}

fn returning(state: State) -> ControlPacket {
    ControlPacket { required_min_echo_rx: micros(10), ..theirs(state) }
}

fn down(cause: DownCause) -> Event {
    Event::Down { cause, neighbor_independent: false }
}

#[test]
fn every_pair_of_states_leads_where_rfc_5880_says() {
    use State::{AdminDown, Down, Init, Up};
    // Ours, the neighbour's, what becomes of ours: all sixteen.
    let table = [
        (AdminDown, AdminDown, AdminDown),
        (AdminDown, Down, AdminDown),
        (AdminDown, Init, AdminDown),
        (AdminDown, Up, AdminDown),
        (Down, AdminDown, Down),
        (Down, Down, Init),
        (Down, Init, Up),
        (Down, Up, Down),
        (Init, AdminDown, Down),
        (Init, Down, Init),
        (Init, Init, Up),
        (Init, Up, Up),
        (Up, AdminDown, Down),
        (Up, Down, Down),
        (Up, Init, Up),
        (Up, Up, Up),
    ];
    for (ours, neighbor, expected) in table {
        let mut lone = Lone::new(config(300));
        match ours {
            AdminDown => lone.input(Input::Stop),
            Down => {}
            Init => lone.hear(Down),
            Up => lone.hear(Init),
        }
        assert_eq!(lone.session.state(), ours);
        let before = lone.events.len();
        lone.hear(neighbor);
        assert_eq!(lone.session.state(), expected, "{ours:?} hears {neighbor:?}");
        let expected_events = usize::from(ours != expected && (ours == Up || expected == Up));
        assert_eq!(lone.events.len() - before, expected_events, "{ours:?} hears {neighbor:?}");
    }
}

#[test]
fn a_neighbour_that_goes_down_is_a_failure_with_its_reason() {
    let mut lone = Lone::up(config(50));
    let diag = Diag::DetectionTimeExpired;
    lone.hear_packet(ControlPacket { diag, ..theirs(State::Down) });
    let cause = DownCause::NeighborDown { diag };
    assert_eq!(lone.events, [Event::Up, down(cause)]);
    assert!(cause.is_failure());
    assert_eq!(lone.session.diag(), Diag::NeighborSignaledDown);
    lone.run(ms(5));
    assert_eq!((lone.last().state, lone.last().diag), (State::Down, Diag::NeighborSignaledDown));
}

#[test]
fn a_neighbour_that_is_taken_down_by_its_operator_is_no_failure() {
    let mut lone = Lone::up(config(50));
    lone.hear(State::AdminDown);
    assert_eq!(lone.events, [Event::Up, down(DownCause::NeighborAdminDown)]);
    assert!(!DownCause::NeighborAdminDown.is_failure());
    assert_eq!(lone.session.diag(), Diag::NeighborSignaledDown);
}

#[test]
fn the_neighbours_c_bit_comes_with_the_news_of_its_loss() {
    let mut lone = Lone::up(config(50));
    lone.hear_packet(ControlPacket { control_plane_independent: true, ..theirs(State::Up) });
    lone.run(ms(200));
    let expected = Event::Down { cause: DownCause::DetectionTimeExpired, neighbor_independent: true };
    assert_eq!(lone.events, [Event::Up, expected]);
}

#[test]
fn our_c_bit_is_sent_as_configured() {
    for control_plane_independent in [false, true] {
        let lone = Lone::new(Config { control_plane_independent, ..config(50) });
        assert_eq!(lone.last().control_plane_independent, control_plane_independent);
    }
}

#[test]
fn detection_runs_out_after_the_neighbours_multiplier_times_the_slower_interval() {
    // (our receive interval, neighbour's transmit interval, its multiplier, detection time)
    for (rx, tx, multiplier, expected) in [(50, 50, 3, 150), (300, 50, 3, 900), (50, 300, 5, 1_500), (10, 10, 1, 10)] {
        let mut lone = Lone::up(Config { receive_interval: interval(rx), ..config(50) });
        lone.hear_packet(ControlPacket {
            desired_min_tx: micros(tx),
            detect_multiplier: NonZeroU8::new(multiplier).unwrap(),
            ..theirs(State::Up)
        });
        assert_eq!(lone.session.detection_time(), Some(ms(expected)));
        lone.run(ms(expected - 1));
        assert_eq!(lone.events, [Event::Up], "rx {rx}, tx {tx}");
        lone.run(ms(1));
        assert_eq!(lone.events, [Event::Up, down(DownCause::DetectionTimeExpired)], "rx {rx}, tx {tx}");
        lone.run(ms(5));
        let told = lone.last();
        assert_eq!((told.state, told.diag), (State::Down, Diag::DetectionTimeExpired));
        assert_eq!(told.your_discriminator, None, "RFC 5880 §6.8.1: a silent neighbour's discriminator is forgotten");
    }
}

#[test]
fn a_silent_neighbour_is_forgotten_in_init_too() {
    let mut lone = Lone::new(config(50));
    lone.hear_packet(ControlPacket { desired_min_tx: Micros::ONE_SECOND, ..theirs(State::Down) });
    lone.run(ms(2_999));
    assert_eq!(lone.session.state(), State::Init);
    lone.run(ms(1));
    assert_eq!((lone.session.state(), lone.session.diag()), (State::Down, Diag::DetectionTimeExpired));
    assert_eq!(lone.events, []);
}

#[test]
fn a_late_timeout_after_the_waiting_packets_is_no_outage() {
    let mut lone = Lone::up(config(50));
    let heard = lone.now + ms(930);
    lone.session.handle(heard, Input::Packet { packet: theirs(State::Up), ttl: 255 });
    lone.now += ms(1_000);
    lone.input(Input::Timeout);
    assert_eq!(lone.session.state(), State::Up);
    assert_eq!(lone.session.poll_timeout().map(|next| next <= heard + ms(150)), Some(true));
}

#[test]
fn sends_at_most_once_per_second_until_up() {
    let mut lone = Lone::new(config(10));
    lone.run(ms(20_000));
    assert!(lone.gaps().iter().all(|gap| (ms(750)..=ms(1_000)).contains(gap)), "{:?}", lone.gaps());
    assert!(lone.sent.iter().all(|(_, packet)| packet.desired_min_tx == Micros::ONE_SECOND));
    assert!(lone.sent.iter().all(|(_, packet)| !packet.poll));
}

#[test]
fn a_configured_interval_above_one_second_holds_until_up_as_well() {
    let lone = Lone::new(config(60_000));
    assert_eq!(lone.last().desired_min_tx, micros(60_000));
    assert_eq!(lone.session.transmit_interval(), Some(ms(60_000)));
}

#[test]
fn sends_with_jitter_at_the_slower_of_both_wishes() {
    for (ours, neighbors, multiplier, longest) in
        [(50, 50, 3, 50), (50, 200, 3, 200), (200, 50, 3, 200), (100, 100, 1, 90)]
    {
        let detect_multiplier = NonZeroU8::new(multiplier).unwrap();
        let mut lone = Lone::up(Config { transmit_interval: interval(ours), detect_multiplier, ..config(50) });
        let packet = ControlPacket { required_min_rx: micros(neighbors), ..theirs(State::Up) };
        lone.run_hearing(ms(1_000), packet, false);
        lone.sent.clear();
        lone.run_hearing(ms(10_000), packet, false);
        let shortest = u64::from(ours.max(neighbors)) * 3 / 4;
        let range = ms(shortest)..=ms(longest);
        assert!(lone.gaps().iter().all(|gap| range.contains(gap)), "{ours} and {neighbors}: {:?}", lone.gaps());
    }
}

#[test]
fn speaks_up_at_once_and_polls_for_its_faster_interval() {
    let mut lone = Lone::new(config(50));
    lone.hear(State::Down);
    lone.hear(State::Init);
    lone.run(ms(50));
    let told = lone.last();
    assert_eq!((told.state, told.poll, told.desired_min_tx), (State::Up, true, micros(50)));
    assert!(lone.session.is_polling());
    lone.settle();
    assert!(!lone.session.is_polling());
    lone.hear(State::Up);
    lone.run(ms(50));
    assert!(!lone.last().poll);
}

#[test]
fn a_regular_packet_that_is_due_tells_the_news_alone() {
    let mut lone = Lone::new(config(50));
    lone.hear(State::Down);
    lone.run(ms(600));
    lone.sent.clear();
    lone.hear(State::Init);
    lone.run(ms(30));
    assert_eq!(lone.sent.len(), 1);
    assert_eq!((lone.last().state, lone.last().poll), (State::Up, true));
}

#[test]
fn answers_each_poll_with_a_final_and_never_polls_in_it() {
    let mut lone = Lone::up(config(50));
    lone.input(Input::Reconfigure(config(100)));
    lone.sent.clear();
    lone.hear_packet(ControlPacket { poll: true, ..theirs(State::Up) });
    lone.run(ms(5));
    let finals: Vec<_> = lone.sent.iter().filter(|(_, packet)| packet.final_).collect();
    assert_eq!(finals.len(), 1);
    assert!(lone.sent.iter().all(|(_, packet)| !(packet.poll && packet.final_)));
}

#[test]
fn a_flood_of_polls_is_answered_200_times_per_second_at_most() {
    let mut lone = Lone::up(config(50));
    lone.sent.clear();
    for _ in 0..10_000 {
        lone.hear_packet(ControlPacket { poll: true, ..theirs(State::Up) });
        lone.run(Duration::from_micros(100));
    }
    let finals = lone.sent.iter().filter(|(_, packet)| packet.final_).count();
    assert!((150..=201).contains(&finals), "{finals} answers in one second");
}

#[test]
fn a_neighbour_that_flips_its_state_cannot_make_us_send_faster_than_that() {
    let mut lone = Lone::up(config(50));
    lone.sent.clear();
    for _ in 0..5_000 {
        lone.hear(State::Down);
        lone.run(Duration::from_micros(100));
        lone.hear(State::Init);
        lone.run(Duration::from_micros(100));
    }
    assert!(lone.sent.len() <= 230, "{} packets in one second", lone.sent.len());
}

#[test]
fn a_slower_transmit_interval_waits_until_the_neighbour_knows() {
    let mut lone = Lone::up(config(50));
    lone.input(Input::Reconfigure(Config { transmit_interval: interval(500), ..config(50) }));
    assert_eq!(lone.session.transmit_interval(), Some(ms(50)));
    lone.run(ms(50));
    assert_eq!((lone.last().poll, lone.last().desired_min_tx), (true, micros(500)));
    lone.hear_packet(ControlPacket { final_: true, ..theirs(State::Up) });
    assert_eq!(lone.session.transmit_interval(), Some(ms(500)));
    assert_eq!(lone.events, [Event::Up]);
}

#[test]
fn a_shorter_receive_interval_waits_until_the_neighbour_knows() {
    let mut lone = Lone::up(config(500));
    lone.input(Input::Reconfigure(Config { receive_interval: interval(50), ..config(500) }));
    assert_eq!(lone.session.detection_time(), Some(ms(1_500)));
    lone.settle();
    assert_eq!(lone.session.detection_time(), Some(ms(150)));
}

#[test]
fn a_new_multiplier_is_told_with_the_next_packet_and_without_a_poll() {
    let mut lone = Lone::up(config(50));
    lone.input(Input::Reconfigure(Config { detect_multiplier: NonZeroU8::new(9).unwrap(), ..config(50) }));
    lone.run(ms(50));
    assert_eq!((lone.last().detect_multiplier.get(), lone.last().poll), (9, false));
}

#[test]
fn a_passive_session_is_silent_until_spoken_to_and_after_being_left() {
    let mut lone = Lone::new(Config { role: Role::Passive, ..config(50) });
    lone.run(ms(10_000));
    assert_eq!(lone.sent, []);
    assert_eq!(lone.session.poll_timeout(), None);
    lone.hear(State::Down);
    lone.run(ms(5));
    assert_eq!((lone.last().state, lone.last().your_discriminator), (State::Init, Discriminator::new(THEIRS)));
    lone.run(ms(10_000));
    assert_eq!(lone.last().state, State::Init, "RFC 5880 §6.8.7: not even the loss is told to a forgotten neighbour");
    assert_eq!(lone.session.poll_timeout(), None);
}

#[test]
fn a_neighbour_that_can_receive_nothing_is_sent_nothing_periodically() {
    let mut lone = Lone::up(config(50));
    let mute = ControlPacket { required_min_rx: Micros::ZERO, ..theirs(State::Up) };
    lone.hear_packet(mute);
    lone.sent.clear();
    lone.run_hearing(ms(2_000), mute, false);
    assert_eq!(lone.sent, []);
    assert_eq!(lone.session.state(), State::Up);
    lone.hear(State::Up);
    lone.run(ms(50));
    assert!(!lone.sent.is_empty());
}

#[test]
fn a_demanding_neighbour_hears_only_polls_and_answers() {
    let mut lone = Lone::up(config(50));
    let demanding = ControlPacket { demand: true, ..theirs(State::Up) };
    lone.hear_packet(demanding);
    lone.sent.clear();
    lone.run_hearing(ms(2_000), demanding, false);
    assert_eq!(lone.sent, []);
    lone.hear_packet(ControlPacket { poll: true, ..demanding });
    assert!(lone.last().final_);
    lone.input(Input::Reconfigure(config(60)));
    lone.run(ms(60));
    assert!(lone.last().poll);
    lone.hear(State::Down);
    lone.run(ms(5));
    assert_eq!(lone.last().state, State::Down);
}

#[test]
fn stop_tells_the_neighbour_and_is_no_failure() {
    let mut lone = Lone::up(config(50));
    lone.input(Input::Stop);
    assert_eq!(lone.events, [Event::Up, down(DownCause::Stopped)]);
    assert!(!DownCause::Stopped.is_failure());
    assert_eq!(lone.session.farewell(), Some(lone.now + ms(150)));
    lone.run(ms(5));
    let told = lone.last();
    assert_eq!((told.state, told.diag), (State::AdminDown, Diag::AdminDown));
    assert_eq!(told.your_discriminator, Discriminator::new(THEIRS));
    lone.input(Input::Stop);
    assert_eq!(lone.events.len(), 2);
}

#[test]
fn start_after_stop_brings_the_session_back() {
    let mut lone = Lone::up(config(50));
    lone.input(Input::Start);
    assert_eq!(lone.session.state(), State::Up, "starting what runs does nothing");
    lone.input(Input::Stop);
    lone.input(Input::Start);
    assert_eq!((lone.session.state(), lone.session.farewell()), (State::Down, None));
    lone.hear(State::Down);
    lone.hear(State::Up);
    assert_eq!(lone.session.state(), State::Up);
    assert_eq!(lone.session.stats().session_up_events, 2);
}

#[test]
fn discards_packets_while_administratively_down() {
    let mut lone = Lone::new(config(50));
    lone.input(Input::Stop);
    lone.hear(State::Init);
    assert_eq!(lone.session.stats().discards.last(), Some(Discard::AdminDown));
    assert_eq!(lone.session.stats().control_packet_input, 0);
}

#[test]
fn discards_a_single_hop_packet_that_passed_a_router() {
    let mut lone = Lone::new(config(50));
    lone.input(Input::Packet { packet: theirs(State::Down), ttl: 254 });
    let expected = Discard::TimeToLive { received: 254, minimum: 255 };
    assert_eq!(lone.session.stats().discards.last(), Some(expected));
    assert_eq!((lone.session.state(), lone.session.neighbor()), (State::Down, None));
}

#[test]
fn discards_a_multihop_packet_below_the_minimum_ttl() {
    let minimum_ttl = NonZeroU8::new(250).unwrap();
    let mut lone = Lone::new(Config { path: Path::MultiHop { minimum_ttl }, ..config(50) });
    lone.input(Input::Packet { packet: theirs(State::Down), ttl: 249 });
    assert_eq!(lone.session.stats().discards.iter().collect::<Vec<_>>(), [("ttl", 1)]);
    lone.input(Input::Packet { packet: theirs(State::Down), ttl: 250 });
    assert_eq!(lone.session.state(), State::Init);
}

#[test]
fn follows_a_neighbour_that_restarts_with_another_discriminator() {
    let mut lone = Lone::up(config(50));
    let restarted = Discriminator::new(99).unwrap();
    lone.hear_packet(ControlPacket { my_discriminator: restarted, your_discriminator: None, ..theirs(State::Down) });
    lone.run(ms(5));
    assert_eq!(lone.last().your_discriminator, Some(restarted));
    lone.hear_packet(ControlPacket { my_discriminator: restarted, ..theirs(State::Down) });
    lone.hear_packet(ControlPacket { my_discriminator: restarted, ..theirs(State::Up) });
    assert_eq!(lone.session.state(), State::Up);
}

#[test]
fn echoes_take_over_after_the_first_one_came_back() {
    let mut lone = Lone::up(echoing());
    lone.run_hearing(ms(400), returning(State::Up), false);
    assert!(lone.session.stats().echo_packet_output >= 8);
    assert!(!lone.session.is_echo_active());
    assert_eq!(lone.last().required_min_rx, micros(50), "control packets still detect");
    assert_eq!(lone.last().required_min_echo_rx, micros(20));

    lone.run_hearing(ms(200), returning(State::Up), true);
    assert!(lone.session.is_echo_active());
    assert_eq!((lone.last().poll, lone.last().required_min_rx), (true, Micros::ONE_SECOND));
    assert_eq!(lone.session.detection_time(), Some(ms(3_000)));
    assert_eq!(lone.events, [Event::Up]);
}

#[test]
fn missing_echoes_end_the_session_although_control_packets_come() {
    let mut lone = Lone::up(echoing());
    lone.run_hearing(ms(400), returning(State::Up), true);
    lone.run_hearing(ms(140), returning(State::Up), false);
    let silent = lone.now;
    lone.run_hearing(ms(200), returning(State::Up), false);
    assert_eq!(lone.events, [Event::Up, down(DownCause::EchoFailed)]);
    assert_eq!(lone.session.diag(), Diag::EchoFailed);
    assert!(lone.sent.iter().any(|(at, packet)| *at >= silent - ms(140) && packet.diag == Diag::EchoFailed));
    assert!(lone.session.neighbor().is_some());
}

#[test]
fn a_neighbour_that_was_silent_for_longer_than_a_session_in_down_allows_is_forgotten_with_the_last_echo() {
    let slow = Config { receive_interval: interval(10_000), ..echoing() };
    let mut lone = Lone::up(slow);
    lone.run_hearing(ms(1000), returning(State::Up), true);
    // The neighbour never confirms the shorter interval, so half a minute of silence stays allowed while echoes come back.
    lone.input(Input::Reconfigure(echoing()));
    for _ in 0..125 {
        lone.run(ms(40));
        for echo in std::mem::take(&mut lone.echoes) {
            lone.input(Input::Echo(echo));
        }
    }
    assert_eq!(lone.session.state(), State::Up);
    lone.run(ms(1000));
    assert_eq!(lone.events.last(), Some(&down(DownCause::EchoFailed)));
    assert_eq!(lone.session.neighbor(), None);
}

#[test]
fn echoes_respect_the_neighbours_limit_and_stop_at_zero() {
    let mut lone = Lone::up(echoing());
    let slow = ControlPacket { required_min_echo_rx: micros(200), ..theirs(State::Up) };
    lone.run_hearing(ms(2_000), slow, true);
    let sent = lone.session.stats().echo_packet_output;
    assert!((9..=15).contains(&sent), "{sent} echoes in two seconds");
    assert_eq!(lone.session.stats().echo_packet_input, sent);

    lone.run_hearing(ms(2_000), theirs(State::Up), true);
    assert_eq!(lone.session.stats().echo_packet_output, sent);
    assert!(!lone.session.is_echo_active());
    assert_eq!(lone.last().required_min_rx, micros(50), "control packets detect again");
    assert_eq!(lone.events, [Event::Up]);
}

#[test]
fn a_host_that_does_not_forward_asks_for_no_echoes_and_sends_its_own() {
    let announced = |lone: &Lone| lone.last().required_min_echo_rx;
    let mut lone = Lone::up(echoing());
    assert_eq!(announced(&lone), micros(20));
    let echo = EchoConfig { transmit_interval: interval(50), receive_interval: None };
    lone.input(Input::Reconfigure(Config { path: Path::SingleHop { echo: Some(echo) }, ..echoing() }));
    lone.run_hearing(ms(400), returning(State::Up), true);
    assert_eq!(announced(&lone), Micros::ZERO);
    assert!(lone.session.is_echo_active(), "what the neighbour returns is another matter");
}

#[test]
fn no_echo_leaves_before_up_or_over_several_hops() {
    let mut lone = Lone::new(echoing());
    lone.hear_packet(returning(State::Down));
    lone.run(ms(500));
    assert_eq!(lone.echoes, []);
    let minimum_ttl = NonZeroU8::new(254).unwrap();
    let mut far = Lone::up(Config { path: Path::MultiHop { minimum_ttl }, ..config(50) });
    far.run_hearing(ms(500), returning(State::Up), true);
    assert_eq!(far.session.stats().echo_packet_output, 0);
    assert_eq!(far.last().required_min_echo_rx, Micros::ZERO);
}

#[test]
fn an_echo_that_was_not_expected_is_counted() {
    let mut lone = Lone::up(config(50));
    let echo = EchoPacket { discriminator: lone.session.discriminator(), sequence: 1, nonce: 1 };
    lone.input(Input::Echo(echo));
    assert_eq!(lone.session.stats().discards.iter().collect::<Vec<_>>(), [("unexpected_echo", 1)]);
}

#[test]
fn early_and_repeated_timeouts_do_nothing() {
    let mut lone = Lone::up(config(50));
    let (sent, next) = (lone.sent.len(), lone.session.poll_timeout());
    for _ in 0..100 {
        lone.input(Input::Timeout);
    }
    assert_eq!((lone.sent.len(), lone.session.poll_timeout()), (sent, next));
}

#[test]
fn the_counters_say_what_happened() {
    let mut lone = Lone::up(config(50));
    lone.hear(State::Down);
    let stats = lone.session.stats();
    assert_eq!(stats.control_packet_input, 4);
    assert_eq!(stats.control_packet_output, lone.sent.len() as u64);
    assert_eq!((stats.session_up_events, stats.session_down_events), (1, 1));
}
