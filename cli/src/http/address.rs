//! Addresses of the command line, of which one half may be left to its default.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where to serve or to ask: an IP address, a port, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The address, if it is given.
    pub ip: Option<IpAddr>,
    /// The port, if it is given; never 0.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Returns the whole address, with what is not given taken from `default`.
    pub fn or(self, default: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.ip.unwrap_or_else(|| default.ip()), self.port.unwrap_or_else(|| default.port()))
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { ip: Some(address.ip()), port: Some(address.port()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (Some(ip), Some(port)) => SocketAddr::new(ip, port).fmt(formatter),
            (Some(ip), None) => ip.fmt(formatter),
            (None, Some(port)) => port.fmt(formatter),
            (None, None) => Ok(()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let port = text.strip_prefix(':').unwrap_or(text);
        let (ip, port) = if let Ok(address) = text.parse::<SocketAddr>() {
            (Some(address.ip()), Some(address.port()))
        } else if let Ok(ip) = text.parse::<IpAddr>() {
            (Some(ip), None)
        } else if let Some(ip) = bracketed.and_then(|ip| ip.parse::<Ipv6Addr>().ok()) {
            (Some(ip.into()), None)
        } else if let Ok(port) = port.parse::<u16>() {
            (None, Some(port))
        } else {
            return Err(
                "write an IP address with a port, such as 127.0.0.1:9120 or [::1]:9120, or one of the two alone, such \
                        as 9120; host names are not resolved"
                    .to_owned(),
            );
        };
        if port == Some(0) {
            return Err("0 is no port; use 1 to 65535".to_owned());
        }
        Ok(Self { ip, port })
    }
}

/// Returns where `--metrics-address` and `--port` put the metrics of a program in a cluster; nowhere if the port is 0.
pub(crate) fn metrics_address(address: Option<Endpoint>, port: u16) -> Option<SocketAddr> {
    let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let address = address.map_or(everywhere, |address| address.or(everywhere));
    (address.port() != 0).then_some(address)
}

#[cfg(test)]
mod tests;
