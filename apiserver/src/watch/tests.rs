#![expect(clippy::disallowed_methods, reason = "a test waits for what its tasks do")]

mod server;

use std::sync::Arc;

use serde::Deserialize;
use server::{Reply, Server};
use tokio::sync::{mpsc, oneshot};

use super::*;

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Thing {
    size: u32,
}

fn object_json(name: &str, version: u64, size: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","namespace":"default","resourceVersion":"{version}"}},"size":{size}}}"#)
}

fn line(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn added(name: &str, version: u64, size: u32) -> String {
    line("ADDED", &object_json(name, version, &size.to_string()))
}

fn list_end(version: u64) -> String {
    let end = r#""annotations":{"k8s.io/initial-events-end":"true"}"#;
    line("BOOKMARK", &format!(r#"{{"metadata":{{"resourceVersion":"{version}",{end}}}}}"#))
}

fn applied(name: &str, version: u64, size: u32) -> Event<Thing> {
    let name = ObjectName::new("default", name);
    Event::Applied(Object { name, version: Version(version), value: Ok(Thing { size }) })
}

/// Follows a server that answers as scripted, and returns the first events.
async fn follow(server: &Server, count: usize) -> Vec<Event<Thing>> {
    next(&mut begin(server), count).await
}

fn begin(server: &Server) -> mpsc::Receiver<Event<Thing>> {
    begin_with(server, Freshness::Quorum)
}

fn begin_with(server: &Server, freshness: Freshness) -> mpsc::Receiver<Event<Thing>> {
    let (sender, receiver) = mpsc::channel(16);
    let collection = Collection::everywhere("v1", "things").fields("spec.type=Big");
    let watch = Watch { collection, freshness };
    tokio::spawn(watch.follow(server.client(), sender, |event: Event<Thing>| event));
    receiver
}

async fn next(receiver: &mut mpsc::Receiver<Event<Thing>>, count: usize) -> Vec<Event<Thing>> {
    let mut events = Vec::new();
    while events.len() < count {
        let event = tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await;
        events.push(event.expect("the watch goes on").expect("the watch lives"));
    }
    events
}

#[tokio::test]
async fn what_exists_is_told_before_the_end_of_the_list_and_changes_after_it() {
    let changed = line("MODIFIED", &object_json("a", 7, "2"));
    let gone = line("DELETED", &object_json("a", 8, "2"));
    let script = format!("{}{}{changed}{gone}", added("a", 3, 1), list_end(5));
    let server = Server::start([Reply::open(&script)]).await;
    let events = follow(&server, 6).await;
    let gone = Event::Deleted(ObjectName::new("default", "a"), Version(8));
    assert_eq!(
        events,
        [Event::Relisting, Event::Connected, applied("a", 3, 1), Event::Listed, applied("a", 7, 2), gone]
    );
    let asked = server.asked();
    assert!(
        asked[0].contains("sendInitialEvents=true") && asked[0].contains("fieldSelector=spec.type%3DBig"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_watch_that_the_server_ends_goes_on_where_it_was() {
    let first = format!("{}{}", list_end(5), added("a", 9, 1));
    let server = Server::start([Reply::ended(&first), Reply::open(&added("b", 10, 2))]).await;
    let events = follow(&server, 6).await;
    assert_eq!(events[3..], [applied("a", 9, 1), Event::Connected, applied("b", 10, 2)]);
    assert!(server.asked()[1].contains("resourceVersion=9"), "{:?}", server.asked());
}

#[tokio::test]
async fn a_watch_that_ends_again_and_again_without_a_word_is_opened_less_and_less_often() {
    let silent = || Reply::ended("");
    let server =
        Server::start([Reply::ended(&list_end(5)), silent(), silent(), silent(), Reply::open(&added("a", 9, 1))]).await;
    let began = Instant::now();
    let events = follow(&server, 8).await;
    assert_eq!(events[3..7], [Event::Connected, Event::Connected, Event::Connected, Event::Connected]);
    // The least that jitter leaves of 200, 400 and 800 ms.
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_expired_version_begins_a_new_list_without_a_word_of_loss() {
    let expired = line("ERROR", r#"{"code":410,"reason":"Expired","message":"too old"}"#);
    let first = format!("{}{expired}", list_end(5));
    let server = Server::start([Reply::ended(&first), Reply::open(&list_end(50))]).await;
    let events = follow(&server, 6).await;
    assert_eq!(events[3..], [Event::Relisting, Event::Connected, Event::Listed]);
}

#[tokio::test]
async fn a_store_that_was_restored_is_listed_anew_by_what_a_majority_says() {
    let server =
        Server::start([Reply::ended(&format!("{}{}", added("a", 3, 1), list_end(50))), Reply::open(&list_end(20))])
            .await;
    server.stand_at(20);
    let mut receiver = begin_with(&server, Freshness::Cached);
    let events = next(&mut receiver, 7).await;
    assert_eq!(events[4..], [Event::Relisting, Event::Connected, Event::Listed]);
    let asked = server.asked();
    assert!(asked[0].contains("resourceVersion=0&"), "{asked:?}");
    assert!(asked[1].contains("sendInitialEvents=true") && asked[1].contains("resourceVersion=&"), "{asked:?}");
}

#[tokio::test]
async fn after_an_outage_everything_is_listed_again_by_what_a_majority_says_however_far_the_store_has_come() {
    let (end, broken) = oneshot::channel();
    let refused = || Reply::status(403, r#"{"code":403,"reason":"Forbidden","message":"roles are not known yet"}"#);
    let listed = Reply::open(&format!("{}{}", added("b", 60, 1), list_end(70)));
    let server =
        Server::start([Reply::broken(&list_end(50), broken), refused(), refused(), refused(), refused(), listed]).await;
    let mut receiver = begin_with(&server, Freshness::Cached);
    next(&mut receiver, 3).await;
    end.send(()).expect("the server waits");
    let events = next(&mut receiver, 9).await;
    let errors = events.iter().filter(|event| matches!(event, Event::Lost(_))).count();
    assert_eq!(
        events[errors..],
        [Event::Relisting, Event::Connected, applied("b", 60, 1), Event::Listed],
        "{events:?}"
    );
    let asked = server.asked();
    assert!(asked[1].contains("resourceVersion=50"), "a connection that breaks is no outage: {asked:?}");
    assert!(asked[5].contains("sendInitialEvents=true") && asked[5].contains("resourceVersion=&"), "{asked:?}");
}

#[tokio::test]
async fn a_server_that_is_too_busy_is_not_asked_for_everything_again() {
    let busy = || Reply::status(429, r#"{"code":429,"reason":"TooManyRequests","message":"later"}"#);
    let first = format!("{}{}", list_end(50), added("a", 51, 1));
    let server =
        Server::start([Reply::ended(&first), busy(), busy(), busy(), busy(), Reply::open(&added("b", 60, 1))]).await;
    let events = follow(&server, 10).await;
    assert_eq!(events[8..], [Event::Connected, applied("b", 60, 1)], "{events:?}");
    assert!(server.asked()[5].contains("resourceVersion=51"), "{:?}", server.asked());
}

#[tokio::test]
async fn a_store_that_stands_where_it_stood_goes_on() {
    let server = Server::start([Reply::ended(&list_end(50)), Reply::open(&added("a", 51, 1))]).await;
    server.stand_at(50);
    let events = follow(&server, 5).await;
    assert_eq!(events[3..], [Event::Connected, applied("a", 51, 1)]);
    assert!(server.asked()[1].contains("resourceVersion=50"), "{:?}", server.asked());
}

#[tokio::test]
async fn a_server_that_cannot_stream_lists_is_listed_page_by_page() {
    let page = |next: &str, object: String| {
        format!(r#"{{"metadata":{{"resourceVersion":"20","continue":"{next}"}},"items":[{object}]}}"#)
    };
    let server = Server::start([
        Reply::status(422, r#"{"reason":"Invalid","message":"sendInitialEvents is forbidden"}"#),
        Reply::ended(&page("more", object_json("a", 3, "1"))),
        Reply::ended(&page("", object_json("b", 4, "2"))),
        Reply::open(&added("c", 21, 3)),
    ])
    .await;
    let events = follow(&server, 6).await;
    let expected = [
        Event::Relisting,
        applied("a", 3, 1),
        applied("b", 4, 2),
        Event::Listed,
        Event::Connected,
        applied("c", 21, 3),
    ];
    assert_eq!(events, expected);
    let asked = server.asked();
    assert!(asked[2].contains("continue=more") && asked[3].contains("resourceVersion=20"), "{asked:?}");
}

#[tokio::test]
async fn a_streamed_list_that_falls_silent_before_its_end_is_listed_page_by_page() {
    let page = format!(r#"{{"metadata":{{"resourceVersion":"20"}},"items":[{}]}}"#, object_json("a", 3, "1"));
    let server =
        Server::start([Reply::open(&added("a", 3, 1)), Reply::ended(&page), Reply::open(&added("c", 21, 3))]).await;
    let events = follow(&server, 8).await;
    let streamed = [Event::Relisting, Event::Connected, applied("a", 3, 1)];
    let paged = [Event::Relisting, applied("a", 3, 1), Event::Listed, Event::Connected, applied("c", 21, 3)];
    assert_eq!(events, streamed.into_iter().chain(paged).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_unreadable_object_is_told_by_name_and_hides_no_other() {
    let bad = line("ADDED", &object_json("bad", 2, "\"large\""));
    let server = Server::start([Reply::open(&format!("{bad}{}", added("good", 3, 1)))]).await;
    let events = follow(&server, 4).await;
    let Event::Applied(Object { name, value: Err(reason), .. }) = &events[2] else { panic!("{events:?}") };
    assert_eq!(name.to_string(), "default/bad");
    assert!(reason.reason.contains("size"), "{reason:?}");
    assert_eq!(events[3], applied("good", 3, 1));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words_and_tried_again() {
    let forbidden = r#"{"reason":"Forbidden","message":"things is forbidden: cannot list"}"#;
    let server = Server::start([Reply::status(403, forbidden), Reply::open(&list_end(5))]).await;
    let events = follow(&server, 4).await;
    let Event::Lost(error) = &events[0] else { panic!("{events:?}") };
    assert!(error.to_string().contains("things is forbidden"), "{error}");
    assert_eq!(events[1..], [Event::Relisting, Event::Connected, Event::Listed]);
}

#[tokio::test]
async fn a_list_that_breaks_off_begins_again_from_the_start() {
    let (sever, severed) = oneshot::channel();
    let server = Server::start([Reply::broken(&added("a", 3, 1), severed), Reply::open(&list_end(5))]).await;
    let mut receiver = begin(&server);
    assert_eq!(next(&mut receiver, 3).await, [Event::Relisting, Event::Connected, applied("a", 3, 1)]);
    sever.send(()).expect("the requests end with the test");
    let events = next(&mut receiver, 4).await;
    assert!(matches!(events[0], Event::Lost(WatchError::Connection(_))), "{events:?}");
    assert_eq!(events[1..], [Event::Relisting, Event::Connected, Event::Listed]);
    assert!(server.asked()[1].contains("sendInitialEvents=true"));
}

#[tokio::test]
async fn lines_are_put_together_from_any_number_of_pieces() {
    let whole = format!("{}{}", added("a", 3, 1), list_end(5));
    let server = Server::start([Reply::in_pieces(&whole, 7)]).await;
    assert_eq!(follow(&server, 4).await[2..], [applied("a", 3, 1), Event::Listed]);
}

#[tokio::test]
async fn what_was_passed_over_is_told_anew_when_the_watch_is_renewed() {
    let list = format!("{}{}", added("a", 3, 1), list_end(5));
    for (pause, again) in [(Duration::ZERO, true), (Duration::from_secs(60), false)] {
        let server = Server::start([Reply::ended(&list), Reply::open(&list)]).await;
        let (sender, mut receiver) = mpsc::channel(16);
        let watch = Watch { collection: Collection::everywhere("v1", "things"), freshness: Freshness::Quorum };
        let incomplete = Incomplete { is_missing: Arc::new(true.into()), pause };
        tokio::spawn(watch.follow_within(server.client(), sender, |event: Event<Thing>| event, incomplete));
        // A server that ends watches soon is not asked for a list each time.
        let expected = if again { Event::Relisting } else { Event::Connected };
        assert_eq!(next(&mut receiver, 5).await[4], expected);
        assert_eq!(server.asked()[1].contains("sendInitialEvents=true"), again);
    }
}

#[tokio::test]
async fn a_watch_of_one_object_asks_for_nothing_but_that_object() {
    for (selector, expected) in [
        ("metadata.name=memberlist", "limit=1&fieldSelector=metadata.name%3Dmemberlist"),
        ("metadata.name!=memberlist", "limit=1"),
        ("metadata.name=memberlist,type=Opaque", "limit=1"),
        ("spec.type=Big", "limit=1"),
    ] {
        let server = Server::start([Reply::ended(&list_end(5)), Reply::open("")]).await;
        let (sender, mut receiver) = mpsc::channel(16);
        let collection = Collection::within("lb", "v1", "things").fields(selector);
        let watch = Watch { collection, freshness: Freshness::Quorum };
        tokio::spawn(watch.follow(server.client(), sender, |event: Event<Thing>| event));
        assert_eq!(next(&mut receiver, 4).await[3], Event::Connected);
        assert_eq!(server.asked_where_it_stands(), [expected]);
    }
}
