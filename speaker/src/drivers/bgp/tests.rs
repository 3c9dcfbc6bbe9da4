use std::net::Ipv4Addr;

use socket2::{Domain, Socket, Type};

use super::*;
use crate::peers::RouterId;

/// Generous, for a machine with other things to do.
const SOON: Duration = Duration::from_secs(30);

/// A router whose queue of connections is full, so that it answers no more.
struct Silent {
    remote: SocketAddr,
    _sockets: [Socket; 2],
}

impl Silent {
    fn build() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let first = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        first.connect(&address).unwrap();
        Self { remote: address.as_socket().unwrap(), _sockets: [listener, first] }
    }
}

fn orders() -> Orders {
    let id = RouterId::new(Ipv4Addr::new(192, 0, 2, 11)).unwrap();
    let config = bgp::Config::new(bgp::Asn::new(65001).unwrap(), bgp::RemoteAs::External, id);
    Orders { config, routes: None, key: None, links: Arc::default(), path: None, end: None }
}

#[tokio::test]
async fn a_session_that_ends_while_a_router_does_not_answer_is_over_at_once() {
    let silent = Silent::build();
    let endpoint = Endpoint { remote: silent.remote, source: None, device: None };
    let mut driver = Driver::new(PeerName::from("tor"), endpoint, orders().config, None);
    driver.ending = Ending::Withdrawn { until: Instant::now() + Duration::from_millis(50) };
    let (_orders, orders) = watch::channel(orders());
    let (_incoming, incoming) = mpsc::channel(1);
    let (_questions, questions) = mpsc::channel(1);
    tokio::time::timeout(SOON, driver.run(orders, incoming, questions)).await.expect("the task ends");
}
