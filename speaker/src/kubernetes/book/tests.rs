use apiserver::{Object, ObjectName, Version};
use serde_json::json;

use super::*;
use crate::kubernetes::statuses::Announced;

const ME: Author<'_> = Author { node: "n1", pod: None, starting: false };

fn service() -> ServiceId {
    ServiceId::new("shop", "web")
}

/// An object of the Service that is written in the name of a node.
fn told(name: &str, node: &str, version: u64) -> Event<Told> {
    let object = json!({
        "metadata": { "labels": {
            "metallb.io/node": node, "metallb.io/service-name": "web", "metallb.io/service-namespace": "shop",
        }},
        "status": { "node": node, "serviceName": "web", "serviceNamespace": "shop", "interfaces": [{ "name": "eth0" }] },
    });
    let value = Ok(serde_json::from_value(object).unwrap());
    Event::Applied(Object { name: ObjectName::new("lb", name), version: Version(version), value })
}

#[test]
fn a_fight_names_the_nodes_in_whose_name_the_other_objects_were_written_lately() {
    let announced = Announced { places: [Arc::from("eth0")].into(), others: BTreeSet::new() };
    let situation = Situation { announced: [(service(), announced)].into(), willing: BTreeSet::new() };
    let (mut book, start) = (Book::new(Kind::L2), Instant::now());
    book.take(Event::Listed);
    // Once, long ago: an ordinary takeover.
    book.take(told("l2-old", "n9", 1));
    book.actions(ME, &situation, start);
    book.take(Event::Deleted(ObjectName::new("lb", "l2-old"), Version(2)));
    let mut fights = Vec::new();
    for round in 0..10_u64 {
        let now = start + Duration::from_secs(90) + Duration::from_millis(100 * round);
        let (actions, fought) = book.actions(ME, &situation, now);
        fights.extend(fought);
        book.answered(now);
        // What we created is shown, and the speaker of n2 replaces it by its own.
        for action in actions {
            if let Action::Create { name, .. } = action {
                book.take(told(&name, "n1", 10 * round + 3));
                book.take(Event::Deleted(ObjectName::new("lb", &name), Version(10 * round + 4)));
            }
        }
        let rival = format!("l2-rival-{round}");
        book.take(told(&rival, "n2", 10 * round + 5));
    }
    assert_eq!(fights, [Fight { service: service(), rivals: [Arc::from("n2")].into() }]);
}
