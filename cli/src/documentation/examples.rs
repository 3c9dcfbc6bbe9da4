//! What can be copied out of the pages works: manifests and command lines.

use std::collections::BTreeSet;

use clap::{CommandFactory as _, Parser as _};
use clarion::manifests::Loaded;
use clarion::plan::{self, Verdict};

use super::pages::{Block, Page};
use crate::Arguments;

/// What may stand behind a fence. Values of the chart are YAML as well; the tests of `deploy/` render them.
const LANGUAGES: [&str; 7] = ["bird", "console", "frr", "ini", "sh", "text", "yaml"];
/// Kinds of others that a page shows.
const FOREIGN: [&str; 1] = ["KubeProxyConfiguration"];

fn blocks() -> Vec<Block> {
    Page::all().iter().flat_map(|page| page.parts().0).collect()
}

fn manifests() -> Vec<Block> {
    blocks().into_iter().filter(|block| block.language == "yaml" && block.text.contains("apiVersion:")).collect()
}

#[test]
fn every_fenced_block_says_what_it_is() {
    for Block { place, language, .. } in blocks() {
        assert!(LANGUAGES.contains(&language.as_str()), "{place}: {language:?} is none of {LANGUAGES:?}");
    }
}

#[test]
fn every_manifest_is_read_without_a_fault() {
    let manifests = manifests();
    assert!(manifests.len() > 5, "the manifests were not found");
    for Block { place, text, .. } in manifests {
        let loaded = Loaded::read(&place, text.as_bytes());
        let faults: Vec<String> = loaded.faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults, [""; 0], "{place}");
        let foreign: Vec<&String> = loaded.ignored.keys().filter(|kind| !FOREIGN.contains(&kind.as_str())).collect();
        assert!(foreign.is_empty(), "{place}: nothing reads {foreign:?}");
        let documents = text.split("\n---\n").count();
        assert_eq!(loaded.objects.len() + loaded.ignored.values().sum::<usize>(), documents, "{place}");
    }
}

#[test]
fn every_manifest_takes_effect_as_a_whole() {
    for Block { place, text, .. } in
        manifests().iter().filter(|block| !FOREIGN.iter().any(|kind| block.text.contains(kind)))
    {
        let Ok(Arguments { command: crate::Command::Plan(options), .. }) =
            Arguments::try_parse_from(["clarion", "plan", "-f", "-"])
        else {
            panic!("plan takes standard input")
        };
        let mut said = Vec::new();
        let verdict =
            plan::run(&options, text.as_bytes(), &mut said).unwrap_or_else(|error| panic!("{place}: {error:#}"));
        assert_ne!(verdict, Verdict::Faulty, "{place}:\n{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn every_command_line_is_understood() {
    let mut lines = BTreeSet::new();
    for page in Page::all() {
        let (blocks, prose) = page.parts();
        for Block { place, language, text } in blocks {
            if ["console", "ini", "sh"].contains(&language.as_str()) {
                lines.extend(text.lines().flat_map(commands).map(|command| (place.clone(), command)));
            }
        }
        // Every second piece between backquotes is code.
        let code = prose.iter().flat_map(|line| line.split('`').skip(1).step_by(2));
        lines.extend(code.flat_map(commands).map(|command| (page.name.clone(), command)));
    }
    assert!(lines.len() > 5, "the command lines were not found");
    for (place, command) in lines {
        let parsed = match command.as_slice() {
            // The name of the program or of a command and nothing else, such as the one that a sentence is about.
            [] => continue,
            [name] if Arguments::command().find_subcommand(name).is_some() => continue,
            arguments => Arguments::try_parse_from([&["clarion".to_owned()], arguments].concat()),
        };
        if let Err(error) = parsed {
            panic!("{place}: clarion {}: {error}", command.join(" "));
        }
    }
}

/// Returns the arguments of each call of the program in a line of a shell or of a unit.
fn commands(line: &str) -> Vec<Vec<String>> {
    let code = line.split(" # ").next().unwrap_or_default();
    let mut found = Vec::new();
    for call in code.split(" | ").flat_map(|part| part.split(" && ")) {
        let mut words = call.trim_start_matches("$ ").trim_start_matches("ExecStart=").split_whitespace();
        let is_program = |word: &str| word == "clarion" || word.ends_with("/clarion");
        let first = words.next().is_some_and(is_program);
        // As in `kubectl exec POD -- /clarion status`.
        if first || (words.any(|word| word == "--") && words.next().is_some_and(is_program)) {
            let arguments = words.take_while(|word| !word.starts_with('>')).map(|word| word.trim_matches(['"', '\'']));
            found.push(arguments.map(str::to_owned).collect());
        }
    }
    found
}

#[test]
fn calls_of_the_program_are_found_in_lines() {
    let call = |text: &str| vec![text.split(' ').map(str::to_owned).collect::<Vec<_>>()];
    assert_eq!(commands("$ clarion plan -f - > out   # a remark"), call("plan -f -"));
    assert_eq!(commands("kubectl get -o yaml svc | clarion plan -f -"), call("plan -f -"));
    assert_eq!(commands("kubectl -n a exec POD -- /clarion status"), call("status"));
    assert_eq!(commands("ExecStart=/usr/bin/clarion status --json"), call("status --json"));
    assert_eq!(commands("helm install clarion deploy/helm/clarion"), Vec::<Vec<String>>::new());
}
