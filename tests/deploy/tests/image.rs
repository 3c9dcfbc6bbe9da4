//! The image is what container runtimes expect, and the same for the same binary.
#![expect(clippy::unwrap_used, reason = "the helpers of a test end it as the test would")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deploy::{folder, run};
use serde_json::Value;
use tempfile::TempDir;

const LOADER: u32 = 3;
const LOADABLE: u32 = 1;

#[test]
fn the_same_binary_gives_the_same_bytes() {
    let scratch = TempDir::new().unwrap();
    let binary = binary(&scratch, 62, &[LOADABLE]);
    let (first, second) = (scratch.path().join("a.tar"), scratch.path().join("b.tar"));
    image(&binary, &first).unwrap();
    fs::copy(&binary, scratch.path().join("copy")).unwrap();
    image(&scratch.path().join("copy"), &second).unwrap();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
}

#[test]
fn it_is_read_as_an_oci_layout_and_as_a_docker_archive() {
    let scratch = TempDir::new().unwrap();
    for (machine, architecture) in [(62, "amd64"), (183, "arm64")] {
        let binary = binary(&scratch, machine, &[LOADABLE]);
        let archive = scratch.path().join("image.tar");
        image(&binary, &archive).unwrap();
        let layout = scratch.path().join(architecture);
        unpack(&archive, &layout);
        let index = json(&layout.join("index.json"));
        let manifest = json(&blob(&layout, &index["manifests"][0]["digest"]));
        let config_file = blob(&layout, &manifest["config"]["digest"]);
        let layer_file = blob(&layout, &manifest["layers"][0]["digest"]);
        let config = json(&config_file);
        assert_eq!(config["architecture"], architecture);
        assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/clarion"]));
        assert_eq!(config["config"]["User"], "65534:65534");
        // The layer is not compressed, so that its two digests are one.
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);

        let docker = json(&layout.join("manifest.json"));
        assert_eq!(layout.join(docker[0]["Config"].as_str().unwrap()), config_file);
        assert_eq!(layout.join(docker[0]["Layers"][0].as_str().unwrap()), layer_file);
        assert_eq!(docker[0]["RepoTags"][0], index["manifests"][0]["annotations"]["io.containerd.image.name"]);

        let root = layout.join("root");
        unpack(&layer_file, &root);
        assert_eq!(fs::read(root.join("clarion")).unwrap(), fs::read(&binary).unwrap());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1, "the image holds more than the binary");
    }
}

#[test]
fn every_blob_is_named_by_its_digest_and_has_the_size_that_is_said() {
    let scratch = TempDir::new().unwrap();
    let archive = scratch.path().join("image.tar");
    image(&binary(&scratch, 62, &[LOADABLE]), &archive).unwrap();
    unpack(&archive, &scratch.path().join("layout"));
    let layout = scratch.path().join("layout");
    let index = json(&layout.join("index.json"));
    let manifest = json(&blob(&layout, &index["manifests"][0]["digest"]));
    for descriptor in [&index["manifests"][0], &manifest["config"], &manifest["layers"][0]] {
        let file = blob(&layout, &descriptor["digest"]);
        assert_eq!(descriptor["size"].as_u64(), Some(fs::metadata(&file).unwrap().len()));
        let sum = run(Command::new("sha256sum").arg(&file)).unwrap();
        assert_eq!(sum.split(' ').next(), descriptor["digest"].as_str().unwrap().strip_prefix("sha256:"));
    }
}

#[test]
fn a_binary_that_cannot_run_in_an_empty_image_is_refused() {
    let scratch = TempDir::new().unwrap();
    let out = scratch.path().join("image.tar");
    let dynamic = image(&binary(&scratch, 62, &[LOADABLE, LOADER]), &out).unwrap_err().to_string();
    assert!(dynamic.contains("linked dynamically"), "{dynamic}");
    let foreign = image(&binary(&scratch, 8, &[LOADABLE]), &out).unwrap_err().to_string();
    assert!(foreign.contains("neither for x86-64 nor for arm64"), "{foreign}");
    assert!(!out.exists());
}

#[test]
fn the_name_is_the_one_that_the_manifests_ask_for() {
    let scratch = TempDir::new().unwrap();
    let printed = image(&binary(&scratch, 62, &[LOADABLE]), &scratch.path().join("image.tar")).unwrap();
    let name = printed.split(' ').next().unwrap();
    let manifests = fs::read_to_string(folder().join("clarion.yaml")).unwrap();
    assert!(manifests.contains(&format!("image: \"{name}\"")), "{name}");
}

/// A program of headers only: the ELF header, and a program header for each type.
fn binary(scratch: &TempDir, machine: u16, types: &[u32]) -> PathBuf {
    const HEADER: usize = 64;
    const ENTRY: usize = 56;
    let mut bytes = vec![0; HEADER + ENTRY * types.len()];
    bytes[..4].copy_from_slice(b"\x7fELF");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[32..40].copy_from_slice(&(HEADER as u64).to_le_bytes());
    bytes[54..56].copy_from_slice(&(ENTRY as u16).to_le_bytes());
    bytes[56..58].copy_from_slice(&(types.len() as u16).to_le_bytes());
    for (index, kind) in types.iter().enumerate() {
        let at = HEADER + ENTRY * index;
        bytes[at..at + 4].copy_from_slice(&kind.to_le_bytes());
    }
    let path = scratch.path().join(format!("binary-{machine}-{}", types.len()));
    fs::write(&path, bytes).unwrap();
    path
}

fn image(binary: &Path, out: &Path) -> anyhow::Result<String> {
    run(Command::new(folder().join("image.sh")).args([binary, out]))
}

fn unpack(archive: &Path, folder: &Path) {
    fs::create_dir(folder).unwrap();
    run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder)).unwrap();
}

fn blob(layout: &Path, digest: &Value) -> PathBuf {
    layout.join("blobs/sha256").join(digest.as_str().unwrap().strip_prefix("sha256:").unwrap())
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}
