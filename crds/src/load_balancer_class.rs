//! Which Services are ours.

/// Says whether a program started for one load balancer class, or for none, looks after a Service of this class.
///
/// Both must be the same: without a class of our own only Services without one are handled. An empty class of the program
/// counts as none.
pub fn handles(own: &str, service: Option<&str>) -> bool {
    service.unwrap_or_default() == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_handled_only_by_the_program_of_its_class() {
        let table = [
            (None, "", true),
            (None, "foo", false),
            (Some("foo"), "", false),
            (Some("foo"), "bar", false),
            (Some("foo"), "foo", true),
        ];
        for (service, own, handled) in table {
            assert_eq!(handles(own, service), handled, "service {service:?}, own {own:?}");
        }
    }
}
