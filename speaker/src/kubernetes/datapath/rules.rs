//! What the metrics of kube-proxy tell of its rules.

use std::collections::BTreeSet;

/// When rules were wanted last; set as soon as the proxy runs.
const WANTED: &str = "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds";
/// When rules were made last.
const MADE: &str = "kubeproxy_sync_proxy_rules_last_timestamp_seconds";

/// Whether kube-proxy has made its rules once since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// It has, for every address family that it serves.
    Made,
    /// It has not.
    Missing,
    /// The page does not say.
    Untold,
}

impl Rules {
    /// Reads a page of metrics.
    pub(super) fn read(page: &str) -> Self {
        let (wanted, made) = (times(page, WANTED), times(page, MADE));
        let is_kube_proxy = page.lines().any(|line| line.starts_with("kubeproxy_"));
        match !made.is_empty() && made.is_superset(&wanted) {
            true => Self::Made,
            false if is_kube_proxy => Self::Missing,
            false => Self::Untold,
        }
    }
}

/// Returns the labels under which a time is told that has come: one for each address family, or an empty one before Kubernetes 1.32.
fn times<'a>(page: &'a str, name: &str) -> BTreeSet<&'a str> {
    let time = |line: &'a str| {
        let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
        (value.parse::<f64>().ok()? > 0.0).then_some(labels)
    };
    page.lines().filter_map(time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "{ip_family=\"IPv4\"}";
    const V6: &str = "{ip_family=\"IPv6\"}";

    #[test]
    fn rules_are_made_once_every_family_that_was_wanted_has_some() {
        let both = format!("{WANTED}{V4} 1.7e+09\n{WANTED}{V6} 1.7e+09\n");
        for (made, expected) in [
            (String::new(), Rules::Missing),
            (format!("{MADE}{V4} 1.7e+09\n"), Rules::Missing),
            (format!("{MADE}{V4} 1.7e+09\n{MADE}{V6} 0\n"), Rules::Missing),
            (format!("{MADE}{V4} 1.7e+09\n{MADE}{V6} 1.7e+09\n"), Rules::Made),
        ] {
            assert_eq!(Rules::read(&format!("{both}{made}")), expected, "{made}");
        }
    }

    #[test]
    fn older_proxies_tell_one_time_for_both_families() {
        assert_eq!(Rules::read(&format!("{WANTED} 1.7e+09\n{MADE} 0\n")), Rules::Missing);
        assert_eq!(Rules::read(&format!("{WANTED} 1.7e+09\n{MADE} 1.7e+09\n")), Rules::Made);
        assert_eq!(Rules::read(&format!("{MADE} 1.7e+09\n")), Rules::Made);
    }

    #[test]
    fn a_page_of_another_program_says_nothing() {
        assert_eq!(Rules::read("HTTP/1.0 200 OK\r\n\r\ngo_goroutines 7\n"), Rules::Untold);
        assert_eq!(Rules::read("kubeproxy_network_programming_duration_seconds_count 0\n"), Rules::Missing);
    }
}
