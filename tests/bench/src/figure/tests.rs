use super::*;

fn millis(times: &[u64]) -> Vec<Duration> {
    times.iter().map(|time| Duration::from_millis(*time)).collect()
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let times = millis(&(1..=100).rev().collect::<Vec<_>>());
    assert_eq!(percentile(&times, 50), Some(Duration::from_millis(50)));
    assert_eq!(percentile(&times, 99), Some(Duration::from_millis(99)));
    assert_eq!(percentile(&times, 100), Some(Duration::from_millis(100)));
    assert_eq!(percentile(&millis(&[7]), 99), Some(Duration::from_millis(7)));
    assert_eq!(percentile(&[], 50), None);
}

#[test]
fn a_table_marks_what_is_over_its_budget() {
    let mut figures = Vec::new();
    let mut sink = |measured| figures.push(measured);
    let mut subject = Subject::new("size", "clarion", &mut sink);
    subject.add("binary", 16.5, "MiB", 1, Some(15.0));
    subject.add("pages", 3.0, "pages", 1, Some(3.0));
    subject.add("static", 1.0, "yes/no", 1, None);
    let table = Table(&figures).to_string();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1].ends_with("15  over budget"), "{table}");
    assert!(lines[2].ends_with(" 3"), "{table}");
    assert!(lines[3].ends_with(" 1"), "{table}");
}

#[test]
fn a_figure_is_one_json_object_with_the_six_fields() {
    let mut figures = Vec::new();
    let mut sink = |measured| figures.push(measured);
    Subject::new("idle", "clarion", &mut sink).add("rss", 8.25, "MiB", 3, Some(12.0));
    let line = serde_json::to_string(&figures[0].figure).unwrap();
    assert_eq!(line, r#"{"bench":"idle","subject":"clarion","metric":"rss","value":8.25,"unit":"MiB","n":3}"#);
    let told = serde_json::to_string(&figures[0]).unwrap();
    assert_eq!(serde_json::from_str::<Measured>(&told).unwrap(), figures[0]);
}
