//! What the segment tells of itself: counted, logged, and passed on to the responder.

use std::time::Instant;

use super::{Driver, Kind};
use crate::drivers::company;

impl Driver {
    pub(super) fn on_event(&mut self, now: Instant, event: &members::Event) {
        if let members::Event::OwnerChanged { .. } = event {
            self.counters.moves += 1;
        }
        if kind(event).is_none_or(|kind| self.lines.admit(now, kind)) {
            self.log(event);
        }
        if matches!(event, members::Event::Settled | members::Event::Resumed) {
            self.settled = Some(now);
        }
        if matches!(
            event,
            members::Event::MemberUp { .. }
                | members::Event::MemberChanged { .. }
                | members::Event::MemberLost { .. }
                | members::Event::MemberLeft { .. }
        ) {
            self.tell_speakers(now);
        }
    }

    fn log(&self, event: &members::Event) {
        match event {
            members::Event::MemberUp { member } => tracing::info!(link = self.name, %member, "speaker is up"),
            members::Event::MemberChanged { member } => {
                tracing::info!(link = self.name, %member, "speaker has another Ethernet address");
            }
            members::Event::MemberLost { member } => tracing::warn!(link = self.name, %member, "speaker is lost"),
            members::Event::MemberLeft { member } => tracing::info!(link = self.name, %member, "speaker has left"),
            members::Event::OwnerChanged { vip, owner } => {
                let owner = owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
                tracing::info!(link = self.name, %vip, owner, "owner changed");
            }
            members::Event::ConflictResolved { vip, winner } => {
                tracing::warn!(link = self.name, %vip, %winner, "two speakers claimed the address; the later claim stays");
            }
            members::Event::Paused { silent } => {
                tracing::warn!(
                    link = self.name,
                    ?silent,
                    "this process stood still; asking the others before it answers"
                );
            }
            members::Event::Resumed => tracing::info!(link = self.name, "answering again after a pause"),
            members::Event::Settled => tracing::info!(link = self.name, "heard the wire long enough to own addresses"),
            members::Event::Damped { losses, window } => {
                tracing::warn!(
                    link = self.name,
                    losses,
                    ?window,
                    "this node lost its addresses too often; until it has lost none for that long, every other node is \
                     chosen before it"
                );
            }
            members::Event::Undamped => tracing::info!(link = self.name, "this node is chosen like any other again"),
            members::Event::Stranger { stranger, from } => {
                tracing::warn!(link = self.name, "{}", company::stranger(*stranger, from.ip()));
            }
            members::Event::Duplicate { member, mac, from } => {
                tracing::error!(
                    link = self.name,
                    %member,
                    %mac,
                    %from,
                    "a second machine runs under the name of this speaker and is kept out; give each machine a name of its own"
                );
            }
            members::Event::GaveWay { mac, from } => {
                tracing::error!(
                    link = self.name,
                    %mac,
                    %from,
                    "another machine runs under the name of this node, so this one announces nothing here; give each machine a \
                     name of its own"
                );
            }
            members::Event::Deaf => {
                tracing::error!(
                    link = self.name,
                    "all other speakers fell silent at once and this link has received no frame since, so this node takes \
                     nothing over; look at the cable, the port and its VLAN"
                );
            }
            members::Event::Hearing => tracing::info!(link = self.name, "frames are received again"),
            members::Event::DuplicateGone => {
                tracing::info!(link = self.name, "the other machine with the name of this node is gone");
            }
        }
    }
}

/// Returns which lines the line of an event counts with; none for one that is always written.
const fn kind(event: &members::Event) -> Option<Kind> {
    match event {
        members::Event::MemberUp { .. }
        | members::Event::MemberChanged { .. }
        | members::Event::MemberLost { .. }
        | members::Event::MemberLeft { .. } => Some(Kind::Member),
        members::Event::Paused { .. }
        | members::Event::Resumed
        | members::Event::Settled
        | members::Event::Deaf
        | members::Event::Hearing => Some(Kind::Phase),
        members::Event::OwnerChanged { .. } => Some(Kind::Owner),
        members::Event::ConflictResolved { .. } => Some(Kind::Duel),
        members::Event::Damped { .. }
        | members::Event::Undamped
        | members::Event::Stranger { .. }
        | members::Event::Duplicate { .. }
        | members::Event::GaveWay { .. }
        | members::Event::DuplicateGone => None,
    }
}
