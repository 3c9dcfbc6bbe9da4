//! The file that lists interfaces not to announce on.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail};
use speaker::exclusion::Exclusion;

use crate::manifests::yaml;

/// The one field of the file.
const FIELD: &str = "announcedInterfacesToExclude";

/// Reads the file; one that does not exist means the default list, and one that names nothing excludes nothing.
///
/// # Errors
/// A file that is there and cannot be used is an error: announcing where somebody forbade it is worse than not starting.
pub(super) fn read(path: &Path) -> anyhow::Result<Exclusion> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Exclusion::default()),
        Err(error) => return Err(error).with_context(|| format!("--exclude-file {}", path.display())),
    };
    parse(&text).with_context(|| format!("--exclude-file {}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Exclusion> {
    let Some(document) = yaml::documents(text).next() else { bail!("is empty; list interfaces under {FIELD}") };
    let document = document.map_err(|flaw| anyhow::anyhow!("line {}: {}", flaw.line, flaw.reason))?;
    let list = document.root.field(FIELD).with_context(|| format!("has no {FIELD}; list interfaces there"))?;
    let items = list.items().with_context(|| format!("line {}: {FIELD} is not a list", list.line()))?;
    let text = |item: &yaml::Node| {
        item.text().map(str::to_owned).with_context(|| format!("line {}: is not text", item.line()))
    };
    let patterns = items.iter().map(text).collect::<anyhow::Result<Vec<String>>>()?;
    Ok(Exclusion::new(&patterns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_metallb_is_read() {
        let exclusion = parse("announcedInterfacesToExclude: [\"^docker.*\", ^lo$]\n").unwrap();
        assert!(exclusion.matches("docker0") && exclusion.matches("lo") && !exclusion.matches("veth1"));
        let block = parse("announcedInterfacesToExclude:\n- ^wg.*\n").unwrap();
        assert!(block.matches("wg0") && !block.matches("docker0"));
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        let told = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert_eq!(told(""), "is empty; list interfaces under announcedInterfacesToExclude");
        assert_eq!(told("exclude: []"), "has no announcedInterfacesToExclude; list interfaces there");
        assert_eq!(told("\nannouncedInterfacesToExclude: ^lo$"), "line 2: announcedInterfacesToExclude is not a list");
        assert!(told("announcedInterfacesToExclude: ['(']").contains("pattern \"(\" is no regular expression"));
    }

    #[test]
    fn without_a_file_the_default_list_holds() {
        let exclusion = read(Path::new("/nonexistent/excludel2.yaml")).unwrap();
        assert!(exclusion.matches("cali123") && !exclusion.matches("eth0"));
    }
}
