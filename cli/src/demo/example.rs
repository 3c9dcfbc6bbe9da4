//! The example manifests of `deploy/examples`, carried by the binary so that the demo needs no checkout.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use rand::{TryRng, rngs::SysRng};

const FILES: [(&str, &str); 10] = [
    ("media-live.yaml", include_str!("../../../deploy/examples/media-live.yaml")),
    ("namespaces.yaml", include_str!("../../../deploy/examples/namespaces.yaml")),
    ("node-n1.yaml", include_str!("../../../deploy/examples/node-n1.yaml")),
    ("node-n2.yaml", include_str!("../../../deploy/examples/node-n2.yaml")),
    ("node-n3.yaml", include_str!("../../../deploy/examples/node-n3.yaml")),
    ("pools.yaml", include_str!("../../../deploy/examples/pools.yaml")),
    ("shop-api.yaml", include_str!("../../../deploy/examples/shop-api.yaml")),
    ("shop-catalog.yaml", include_str!("../../../deploy/examples/shop-catalog.yaml")),
    ("shop-office.yaml", include_str!("../../../deploy/examples/shop-office.yaml")),
    ("shop-web.yaml", include_str!("../../../deploy/examples/shop-web.yaml")),
];

/// Writes the example manifests into a new directory, with a fresh key for the speakers' heartbeats.
pub fn write(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for (name, text) in FILES {
        fs::write(directory.join(name), text)?;
    }
    fs::write(directory.join("secret.yaml"), secret()?)?;
    Ok(())
}

/// Adds the router of the rack to a directory of manifests.
pub fn add_router(directory: &Path) -> anyhow::Result<()> {
    put(&directory.join("router.yaml"), include_str!("example/router.yaml"))
}

/// Marks a node as cordoned in its manifest.
pub fn cordon(directory: &Path, node: &str) -> anyhow::Result<()> {
    change(directory, node, "unschedulable: false", "unschedulable: true")
}

/// Undoes [`cordon`].
pub fn uncordon(directory: &Path, node: &str) -> anyhow::Result<()> {
    change(directory, node, "unschedulable: true", "unschedulable: false")
}

fn change(directory: &Path, node: &str, from: &str, to: &str) -> anyhow::Result<()> {
    let file = directory.join(format!("node-{node}.yaml"));
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let changed = text.replace(from, to);
    ensure!(changed != text, "{} has no `{from}` to change", file.display());
    put(&file, &changed)
}

/// Writes a file in one step for whoever watches the directory.
fn put(file: &Path, text: &str) -> anyhow::Result<()> {
    let draft = file.with_extension("draft");
    fs::write(&draft, text)?;
    fs::rename(&draft, file)?;
    Ok(())
}

fn secret() -> anyhow::Result<String> {
    let mut key = [0; 32];
    SysRng.try_fill_bytes(&mut key).context("the kernel gives no random numbers")?;
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: memberlist\n  namespace: metallb-system\nstringData:\n  secretkey: {key:?}\n"
    ))
}

#[cfg(test)]
mod tests;
