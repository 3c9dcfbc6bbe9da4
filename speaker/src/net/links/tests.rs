use super::*;

const ETH0: LinkIndex = LinkIndex(2);

#[test]
fn a_port_that_leaves_its_bridge_is_still_a_link_with_its_addresses() {
    let mut table = Links::new();
    apply(&mut table, RouteNetlinkMessage::NewLink(message(AddressFamily::Unspec, Some(7))));
    apply(&mut table, RouteNetlinkMessage::NewAddress(address("192.0.2.11")));
    assert!(table[&ETH0].enslaved);

    assert!(!apply(&mut table, RouteNetlinkMessage::DelLink(message(AddressFamily::Bridge, Some(7)))));
    assert!(apply(&mut table, RouteNetlinkMessage::NewLink(message(AddressFamily::Unspec, None))));
    assert!(!apply(&mut table, RouteNetlinkMessage::NewLink(message(AddressFamily::Bridge, Some(7)))));
    assert!(!table[&ETH0].enslaved);
    assert_eq!(table[&ETH0].addresses, ["192.0.2.11/24".parse().unwrap()].into());

    assert!(apply(&mut table, RouteNetlinkMessage::DelLink(message(AddressFamily::Unspec, None))));
    assert_eq!(table, Links::new());
}

#[test]
fn a_link_that_lost_its_addresses_still_leads_where_it_did_until_it_gets_others() {
    let mut table = Links::new();
    let (up, down) = (message(AddressFamily::Unspec, None), down());
    apply(&mut table, RouteNetlinkMessage::NewLink(up.clone()));
    for global in ["192.0.2.11", "2001:db8::11"] {
        apply(&mut table, RouteNetlinkMessage::NewAddress(address(global)));
    }
    let former = |table: &Links| table[&ETH0].former_subnets.iter().map(ToString::to_string).collect::<Vec<_>>();
    apply(&mut table, RouteNetlinkMessage::NewLink(down));
    apply(&mut table, RouteNetlinkMessage::DelAddress(address("192.0.2.11")));
    apply(&mut table, RouteNetlinkMessage::DelAddress(address("2001:db8::11")));
    assert_eq!(former(&table), ["192.0.2.0/24", "2001:d00::/24"]);

    // A link that comes up gives itself a link-local address first, which leads nowhere.
    apply(&mut table, RouteNetlinkMessage::NewLink(up));
    apply(&mut table, RouteNetlinkMessage::NewAddress(address("fe80::1")));
    apply(&mut table, RouteNetlinkMessage::NewAddress(address("198.51.100.11")));
    assert_eq!(former(&table), ["2001:d00::/24"]);

    let listed = Links::from([(ETH0, Link { name: "eth0".to_owned(), ..Link::default() })]);
    renew(&mut table, listed);
    assert_eq!(former(&table), ["198.51.100.0/24", "2001:d00::/24", "fe80::/24"]);
}

#[test]
fn what_waited_when_notifications_were_lost_is_not_believed() {
    let mut table = Links::new();
    let told = |link| NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link));
    let up = || told(message(AddressFamily::Unspec, None));
    assert_eq!(take(&mut table, [up()].into_iter()), News::Changed);
    assert_eq!(take(&mut table, [up()].into_iter()), News::Nothing);
    assert_eq!(take(&mut table, [NetlinkPayload::Overrun(Vec::new()), told(down())].into_iter()), News::Lost);
    assert!(table[&ETH0].running, "the listing that follows is newer");
}

fn down() -> LinkMessage {
    let mut message = message(AddressFamily::Unspec, None);
    message.header.flags = LinkFlags::Broadcast;
    message
}

fn message(family: AddressFamily, controller: Option<u32>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = family;
    message.header.index = ETH0.0;
    message.header.flags = LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Broadcast;
    message.attributes = vec![LinkAttribute::IfName("eth0".to_owned()), LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1])];
    message.attributes.extend(controller.map(LinkAttribute::Controller));
    message
}

fn address(local: &str) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = ETH0.0;
    message.header.prefix_len = 24;
    message.attributes = vec![AddressAttribute::Local(local.parse().unwrap())];
    message
}
