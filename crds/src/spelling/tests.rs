use super::*;

#[test]
fn a_typing_error_is_recognised_and_another_word_is_not() {
    let kinds = ["IPAddressPool", "L2Advertisement", "BGPAdvertisement", "BGPPeer", "BFDProfile", "Community"];
    for (written, meant) in [
        ("IPAdressPool", Some("IPAddressPool")),
        ("IpAddressPool", Some("IPAddressPool")),
        ("IPAddressPools", Some("IPAddressPool")),
        ("L2Advertisment", Some("L2Advertisement")),
        ("BgpPeer", Some("BGPPeer")),
        ("BGPPeers", Some("BGPPeer")),
        ("BFDprofile", Some("BFDProfile")),
        ("MetalLB", None),
        ("FRRConfiguration", None),
        ("", None),
    ] {
        assert_eq!(nearest(written, kinds), meant, "{written}");
    }
    for (written, meant) in [
        ("allow-shared", Some("allow-shared-ip")),
        ("loadBalancerIP", Some("loadBalancerIPs")),
        ("adress-pool", Some("address-pool")),
        ("address-pools", Some("address-pool")),
        ("pool-name", None),
    ] {
        assert_eq!(nearest(written, ["address-pool", "loadBalancerIPs", "allow-shared-ip"]), meant, "{written}");
    }
}
