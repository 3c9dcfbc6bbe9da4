use std::sync::Arc;

use controller::{Plan, Refusal};

use super::*;

#[test]
fn the_status_has_what_was_given_and_what_was_refused() {
    let (web, api) = (ServiceId::new("shop", "web"), ServiceId::new("shop", "api"));
    let refusal = Refusal::ClusterFamilies { cluster_ips: vec!["nonsense".to_owned()] };
    let address = "192.0.2.1".parse().unwrap();
    let plan = Plan {
        allocations: [(web, vec![ipam::Placed { address, pool: "lan".into(), new: false, reserved: None }])].into(),
        refusals: [(api, refusal.clone())].into(),
        usage: [("lan".into(), ipam::Usage::default())].into(),
        ..Plan::default()
    };
    let observed = Observed {
        standing: kubernetes::Standing::Leading,
        listed: true,
        plan: Arc::new(plan),
        lost: Some("the watch of services is lost".to_owned()),
        faults: vec!["IPAddressPool lb/lan: spec.addresses: the pool has no addresses; add some".to_owned()],
        notes: vec!["nobody announces it".to_owned()],
    };
    let status = status(&observed);
    assert_eq!(status.controller, Some(Controller { standing: Standing::Leading, listed: true }));
    let [api, web] = &status.services[..] else { panic!("{:?}", status.services) };
    assert_eq!((api.state.as_str(), api.reason.clone()), ("pending", Some(refusal.to_string())));
    assert_eq!((web.ips.len(), web.pool.as_deref(), web.state.as_str()), (1, Some("lan"), "allocated"));
    assert_eq!(status.pools[0].name, "lan");
    let [lost, fault] = &status.faults[..] else { panic!("{:?}", status.faults) };
    assert!(lost.contains("is lost") && fault.contains("spec.addresses"), "{:?}", status.faults);
    assert_eq!(status.notes, ["nobody announces it"]);
    // `clarion status` reads what is served.
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
}
