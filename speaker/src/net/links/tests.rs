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
