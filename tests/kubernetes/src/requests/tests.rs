use super::*;

const PAGE: &str = r#"# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="services",scope="resource",subresource="status",verb="PATCH",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="",resource="services",scope="resource",subresource="status",verb="PATCH",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="services",scope="cluster",subresource="",verb="LIST",version="v1"} 1.2e+06
apiserver_request_sli_duration_seconds_count{resource="services",verb="PATCH"} 9
"#;

#[test]
fn counts_of_labels_that_do_not_matter_are_added() {
    let requests = Requests::parse(PAGE);
    assert_eq!(requests.count(|request| request.verb == "PATCH" && request.subresource == "status"), 4);
    assert_eq!(requests.count(|request| request.verb == "LIST" && request.code == 200), 1_200_000);
    assert_eq!(requests.0.len(), 2);
}

#[test]
fn only_writes_are_writes() {
    assert_eq!(Requests::parse(PAGE).writes().count(|_| true), 4);
}

#[test]
fn a_difference_names_only_what_is_new() {
    let before = Requests::parse(PAGE);
    let after = Requests::parse(&PAGE.replace("} 3", "} 5"));
    let new = after.since(&before);
    assert_eq!(new.0.len(), 1);
    assert_eq!(new.count(|request| request.verb == "PATCH"), 2);
}

#[test]
fn a_restarted_server_has_answered_what_it_says() {
    let before = Requests::parse(PAGE);
    let after = Requests::parse(&PAGE.replace("} 3", "} 0"));
    assert_eq!(after.since(&before).count(|request| request.verb == "PATCH"), 1);
}
