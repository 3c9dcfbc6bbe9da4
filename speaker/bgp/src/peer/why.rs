//! Why a session ended or never came to be, in words for the operator.

use std::{fmt, io, time::Duration};

use crate::{
    Asn, State,
    wire::{Fault, Notification},
};

/// The reason for the latest failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The connection could not be opened.
    ConnectFailed(io::ErrorKind),
    /// Nobody answered.
    ConnectTimedOut(Duration),
    /// The peer or the network closed the connection without a word.
    Closed {
        /// How far we had come.
        state: State,
        /// What the operating system says; `None` when the peer closed it in order.
        error: Option<io::ErrorKind>,
    },
    /// A NOTIFICATION ended an attempt, and the peer closes every connection since; many routers rest like that after a fault.
    ClosedSince(Box<Self>),
    /// The peer sent a NOTIFICATION.
    Received {
        /// What it says.
        notification: Notification,
        /// The number we presented to the peer.
        local_as: Asn,
    },
    /// We sent a NOTIFICATION.
    Sent(Fault),
    /// The peer took none of our bytes for the send hold time (RFC 9687).
    SendHoldTimerExpired,
    /// BFD lost the neighbour, whose graceful restart goes on.
    BfdDown,
    /// The peer opened a new connection, so it has restarted (RFC 4724 §5).
    PeerRestarted,
    /// We stopped without a NOTIFICATION, so that the peer keeps our routes.
    Restarting,
}

/// Who noticed first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The peer told us by a NOTIFICATION.
    Received,
    /// We told the peer by a NOTIFICATION.
    Sent,
    /// Nobody was told.
    Local,
}

impl Why {
    /// Returns who noticed first.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::Received { .. } => Direction::Received,
            Self::Sent(_) => Direction::Sent,
            Self::ConnectFailed(_)
            | Self::ConnectTimedOut(_)
            | Self::Closed { .. }
            | Self::ClosedSince(_)
            | Self::SendHoldTimerExpired
            | Self::BfdDown
            | Self::PeerRestarted
            | Self::Restarting => Direction::Local,
        }
    }

    /// Returns the NOTIFICATION that went over the wire; what a hard reset wraps rather than the hard reset.
    #[must_use]
    pub fn notification(&self) -> Option<Notification> {
        match self {
            Self::Received { notification, .. } => Some(notification.inner()),
            Self::Sent(fault) => Some(fault.notification()),
            Self::ConnectFailed(_)
            | Self::ConnectTimedOut(_)
            | Self::Closed { .. }
            | Self::ClosedSince(_)
            | Self::SendHoldTimerExpired
            | Self::BfdDown
            | Self::PeerRestarted
            | Self::Restarting => None,
        }
    }

    /// Returns the reason to keep when this one comes after another: the words that the peer gave say more than its silence.
    pub(super) fn after(self, earlier: Option<Self>) -> Self {
        let is_mute =
            matches!(self, Self::Closed { state: State::OpenSent, error: None | Some(io::ErrorKind::ConnectionReset) });
        match earlier {
            Some(Self::ClosedSince(first)) if is_mute => Self::ClosedSince(first),
            Some(first) if is_mute && first.is_refusal() => Self::ClosedSince(Box::new(first)),
            Some(_) | None => self,
        }
    }

    /// Returns whether the next attempt deserves a rest in Idle, where the peer is turned away too.
    pub(super) fn is_refusal(&self) -> bool {
        // Losing a collision is no failure: the peer is there and willing.
        const COLLISION: (u8, u8) = (6, 7);
        self.notification().is_some_and(|notification| (notification.code, notification.subcode) != COLLISION)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectFailed(error @ io::ErrorKind::HostUnreachable) => {
                write!(
                    f,
                    "cannot connect: {error}; a router further away than the link needs ebgpMultiHop: true or ttlSecurityHops"
                )
            }
            Self::ConnectFailed(error) => write!(f, "cannot connect: {error}"),
            Self::ConnectTimedOut(time) => write!(
                f,
                "no answer within {time:?}: a wrong address, a firewall, TTL security at one end only, or a password at one end only or \
                 other than the peer's"
            ),
            Self::Closed { state: State::OpenSent, error: None | Some(io::ErrorKind::ConnectionReset) } => {
                f.write_str("peer closes the connection before its OPEN: it may not be configured for our address")
            }
            Self::Closed { error: None, .. } => f.write_str("peer closes the connection without a reason"),
            Self::Closed { error: Some(error), .. } => write!(f, "connection lost: {error}"),
            Self::ClosedSince(first) => write!(f, "{first}; since then peer closes each connection before its OPEN"),
            Self::Received { notification, local_as } => {
                write!(f, "peer says {notification}{}", Refused { notification, local_as: *local_as })
            }
            Self::Sent(fault @ Fault::Cease(_)) => write!(f, "we say {}", fault.notification()),
            Self::Sent(fault) => write!(f, "we say {}: {fault}", fault.notification().inner().name()),
            Self::SendHoldTimerExpired => f.write_str("peer reads nothing: send hold timer expired"),
            Self::BfdDown => f.write_str("BFD is down"),
            Self::PeerRestarted => f.write_str("peer has restarted"),
            Self::Restarting => f.write_str("we restart"),
        }
    }
}

/// What a peer means by Bad Peer AS.
struct Refused<'a> {
    notification: &'a Notification,
    local_as: Asn,
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { notification: Notification { code: 2, subcode: 2, data }, local_as } = self else { return Ok(()) };
        // No RFC defines the data: some send the number they got from us, others the one they expect.
        let named = match data[..] {
            [a, b] => Some(u32::from(u16::from_be_bytes([a, b]))),
            [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        };
        match named.and_then(Asn::new) {
            Some(named) if named != *local_as && named.get() != u32::from(local_as.two_octets()) => {
                write!(f, ": expects {named}, we are {local_as}")
            }
            Some(_) | None => write!(f, ": does not expect our AS {local_as}"),
        }
    }
}
