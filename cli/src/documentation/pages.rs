//! Pages of Markdown, their fenced blocks and the text around these.

use std::fs;
use std::path::{Path, PathBuf};

/// One page.
pub(super) struct Page {
    /// Its path from the root of the repository.
    pub(super) name: String,
    pub(super) text: String,
}

/// A fenced block.
pub(super) struct Block {
    /// The page and the line that opens it.
    pub(super) place: String,
    /// What is written behind the fence.
    pub(super) language: String,
    pub(super) text: String,
}

/// Returns the path of a file of the repository.
pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

impl Page {
    pub(super) fn read(name: &str) -> Self {
        let file = path(name);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self { name: name.to_owned(), text }
    }

    /// Returns the pages for users.
    pub(super) fn all() -> Vec<Self> {
        let folder = fs::read_dir(path("docs")).expect("docs/ is there");
        let names =
            folder.map(|entry| entry.expect("docs/ can be listed").file_name().into_string().expect("plain names"));
        let mut names: Vec<String> =
            names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
        names.sort();
        let others = ["README.md", "deploy/examples/README.md"].map(str::to_owned);
        others.into_iter().chain(names).map(|name| Self::read(&name)).collect()
    }

    /// Returns the fenced blocks, and the lines outside of them.
    pub(super) fn parts(&self) -> (Vec<Block>, Vec<&str>) {
        let (mut blocks, mut prose) = (Vec::new(), Vec::new());
        let mut open: Option<Block> = None;
        for (number, line) in self.text.lines().enumerate() {
            match (open.as_mut(), line.strip_prefix("```")) {
                (None, Some(language)) => {
                    let place = format!("{}:{}", self.name, number + 1);
                    open = Some(Block { place, language: language.to_owned(), text: String::new() });
                }
                (None, None) => prose.push(line),
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name);
        (blocks, prose)
    }
}
