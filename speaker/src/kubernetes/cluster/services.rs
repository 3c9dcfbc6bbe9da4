//! The Services of type LoadBalancer.

use apiserver::{Event, NoRoom, Object, ObjectName, Rooms, Table};
use crds::core::LABELS_READ;

use super::subject;
use crate::kubernetes::objects::{Names, Service};

/// What the Services of one namespace that hold no address may take, in bytes: more than 10,000 of them with a few labels each.
/// Kubernetes is made for 10,000 Services of all kinds in a whole cluster.
const ROOM: usize = 16 << 20;

/// How many Services of one fault are named: whoever writes them decides how many there are.
const NAMED: usize = 8;

/// The Services of type LoadBalancer, of every class.
///
/// One that holds an address is kept whatever room there is: how many of those there are is for the pools and the controller to
/// say, and a crowd of others must not take it down.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) table: Table<Service>,
    rooms: Rooms,
}

impl Default for Services {
    fn default() -> Self {
        Self { table: Table::default(), rooms: Rooms::new(ROOM) }
    }
}

impl Services {
    /// Takes an event in; returns whether anything but a version has changed.
    pub(super) fn take(&mut self, mut event: Event<Service>, names: &mut Names) -> bool {
        if let Event::Applied(object) = &mut event {
            names.share(&mut object.name.namespace);
        }
        let before = subject(&event).map_or(0, |name| self.booked(name));
        let mut changed = false;
        match &event {
            Event::Applied(Object { name, version, value: Ok(service) }) => {
                let after = cost(name, service);
                if !service.addresses.is_empty() {
                    self.rooms.insist(&name.namespace, before, after);
                } else if let Err(crowded) = self.rooms.book(&name.namespace, &name.name, before, after) {
                    changed = crowded != NoRoom::Known;
                    event = Event::Deleted(name.clone(), *version);
                }
            }
            Event::Deleted(name, _) => self.rooms.insist(&name.namespace, before, 0),
            Event::Relisting => self.rooms.relisting(),
            Event::Applied(_) | Event::Listed | Event::Connected | Event::Lost(_) => {}
        }
        let ends = matches!(event, Event::Listed);
        changed |= self.table.take(event);
        if ends {
            let rows = self.table.rows().filter_map(|(name, row)| Some((name, row.value.as_ref()?)));
            changed |= self.rooms.listed(rows.map(|(name, service)| (&*name.namespace, cost(name, service))));
        }
        changed
    }

    fn booked(&self, name: &ObjectName) -> usize {
        let service = self.table.get(name).and_then(|row| row.value.as_ref());
        service.map_or(0, |service| cost(name, service))
    }

    /// Returns what is wrong with them, in words.
    pub(super) fn faults(&self) -> impl Iterator<Item = String> {
        let unreadable = self.table.faults().map(|fault| format!("Service {fault}"));
        let cut = self.table.rows().filter(|(_, row)| row.value.as_ref().is_some_and(|service| service.labels_cut));
        let names: Vec<String> = cut.map(|(name, _)| name.to_string()).take(NAMED + 1).collect();
        let cut = (!names.is_empty()).then(|| {
            let others = if names.len() > NAMED { " and others" } else { "" };
            format!(
                "Service {}{others}: metadata.labels: they take more than {} KiB, and the rest of them is not looked at; remove labels",
                names[..names.len().min(NAMED)].join(", "),
                LABELS_READ >> 10
            )
        });
        let crowded = self.rooms.crowded().map(|(namespace, passed)| {
            format!(
                "the Services of type LoadBalancer in namespace {namespace} take more than {} MiB, so those without an address are not \
                 all taken in, such as {}; delete some, or limit them by a ResourceQuota of services.loadbalancers",
                ROOM >> 20,
                passed.text()
            )
        });
        unreadable.chain(cut).chain(crowded)
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.rooms
    }
}

/// Returns what a Service takes here, in bytes. What follows from it, such as what is planned and reported, takes some 8 kB more.
fn cost(name: &ObjectName, service: &Service) -> usize {
    const ROW: usize = 1024;
    /// What a label takes beside its text.
    const LABEL: usize = 96;
    let labels = service.labels.iter().map(|(key, value)| LABEL + key.len() + value.len()).sum::<usize>();
    ROW + name.name.len() + labels + size_of_val(&*service.addresses)
}
