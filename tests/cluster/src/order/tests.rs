use super::*;

#[test]
fn every_verb_is_read_as_it_is_written() {
    for line in ["kill n1", "start n2", "unplug n3", "plug n1"] {
        let order = Order::parse(&format!("  {line}\n")).expect("a verb and a node");
        assert_eq!(order.to_string(), line);
    }
}

#[test]
fn an_unknown_verb_and_a_missing_node_are_refused() {
    for line in ["", "explode n1", "kill"] {
        assert!(Order::parse(line).is_err(), "{line:?}");
    }
}
