use super::*;

fn fault(namespace: &str, field: FieldPath) -> Fault {
    let object = ObjectRef { kind: "IPAddressPool".into(), namespace: namespace.into(), name: "lan".into() };
    let (first, last) = ("10.0.0.9".parse().unwrap(), "10.0.0.1".parse().unwrap());
    Fault { object, field, problem: Problem::Reversed { first, last } }
}

#[test]
fn a_fault_reads_as_object_field_reason_and_next_step() {
    let field = FieldPath::new("spec").child("addresses").index(2);
    assert_eq!(
        fault("metallb-system", field).to_string(),
        "IPAddressPool metallb-system/lan: spec.addresses[2]: range 10.0.0.9-10.0.0.1 ends before it starts; \
         swap the two addresses"
    );
}

#[test]
fn parts_that_are_not_known_are_left_out_of_the_text() {
    assert_eq!(
        fault("", FieldPath::default()).to_string(),
        "IPAddressPool lan: range 10.0.0.9-10.0.0.1 ends before it starts; swap the two addresses"
    );
    assert_eq!(FieldPath::default().child("spec").as_str(), "spec");
}

#[test]
fn severities_are_ordered_by_what_they_cost() {
    assert!(Severity::Note < Severity::Warning && Severity::Warning < Severity::Error);
    assert_eq!(Severity::Warning.to_string(), "warning");
}
