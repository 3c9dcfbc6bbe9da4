//! Links inside the repository lead somewhere.

use std::path::Path;

use super::pages::{Page, path};

/// Returns the targets of the links in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Returns the anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &Page) -> Vec<String> {
    let (_, prose) = page.parts();
    prose
        .into_iter()
        .filter_map(|line| line.strip_prefix('#').map(|heading| anchor(heading.trim_start_matches('#'))))
        .collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for page in Page::all().into_iter().chain([Page::read("ARCHITECTURE.md")]) {
        let (_, prose) = page.parts();
        for target in prose.iter().flat_map(|line| targets(line)).filter(|target| !target.contains("://")) {
            seen += 1;
            let (file, heading) =
                target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
            let from = Path::new(&page.name).parent().expect("a page has a folder");
            let name = if file.is_empty() { page.name.clone() } else { from.join(file).display().to_string() };
            assert!(path(&name).exists(), "{}: {target} leads to no file", page.name);
            if let Some(heading) = heading {
                let known = anchors(&Page::read(&name));
                assert!(known.iter().any(|anchor| anchor == heading), "{}: {target} is none of {known:?}", page.name);
            }
        }
    }
    assert!(seen > 20, "the links were not found");
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let readme = Page::read("README.md");
    for page in Page::all().iter().filter(|page| page.name.starts_with("docs/")) {
        assert!(readme.text.contains(&format!("]({}", page.name)), "README.md does not lead to {}", page.name);
    }
}
