//! Certificates, keys, tokens and kubeconfigs of one cluster.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

/// Who talks to the API server from outside of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The administrator and the control plane, whom nothing is forbidden.
    Admin,
    /// Every kube-proxy.
    KubeProxy,
    /// The kubelet of the node with this name, who may touch its own node and pods only.
    Kubelet(String),
}

impl Identity {
    /// Returns the token; the network is private, so that it may be guessed.
    fn token(&self) -> String {
        match self {
            Self::Admin => "admin".to_owned(),
            Self::KubeProxy => "kube-proxy".to_owned(),
            Self::Kubelet(node) => format!("kubelet-{node}"),
        }
    }

    /// Returns the line of the API server's token file.
    fn line(&self) -> String {
        let (user, groups) = match self {
            Self::Admin => ("admin".to_owned(), "system:masters"),
            Self::KubeProxy => ("system:kube-proxy".to_owned(), ""),
            Self::Kubelet(node) => (format!("system:node:{node}"), "system:nodes"),
        };
        format!("{},{user},{user},\"{groups}\"\n", self.token())
    }
}

/// The files by which the cluster's programs know each other.
#[derive(Debug)]
pub struct Credentials {
    directory: PathBuf,
    authority: String,
    url: String,
}

impl Credentials {
    /// Makes everything for an API server at `url`, which serves under all of `names`.
    pub fn create(directory: &Path, url: &str, names: &[&str], identities: &[Identity]) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(DnType::CommonName, "authority of the cluster");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let own = |file: &str, text: &str| {
            fs::write(directory.join(file), text).with_context(|| format!("cannot write {file}"))
        };
        own("ca.crt", &authority.pem())?;

        let key = KeyPair::generate()?;
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        own("server.crt", &CertificateParams::new(names)?.signed_by(&key, &authority)?.pem())?;
        own("server.key", &key.serialize_pem())?;

        // By this one the API server proves to kubelets who asks for logs.
        let key = KeyPair::generate()?;
        let mut client = CertificateParams::new([])?;
        client.distinguished_name.push(DnType::CommonName, "kube-apiserver-kubelet-client");
        client.distinguished_name.push(DnType::OrganizationName, "system:masters");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        own("kubelet-client.crt", &client.signed_by(&key, &authority)?.pem())?;
        own("kubelet-client.key", &key.serialize_pem())?;

        let accounts = KeyPair::generate()?;
        own("accounts.key", &accounts.serialize_pem())?;
        own("accounts.pub", &accounts.public_key_pem())?;
        own("tokens.csv", &identities.iter().map(Identity::line).collect::<String>())?;
        Ok(Self { directory: directory.to_owned(), authority: authority.pem(), url: url.to_owned() })
    }

    /// Returns the path of one of the files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a kubeconfig, with the authority's certificate beside it.
    pub fn kubeconfig(&self, identity: &Identity, path: &Path) -> anyhow::Result<()> {
        fs::write(path.with_file_name("ca.crt"), &self.authority)?;
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "cluster",
            "clusters": [{
                "name": "cluster",
                "cluster": {"server": self.url, "certificate-authority": "ca.crt"},
            }],
            "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "user"}}],
            "users": [{"name": "user", "user": {"token": identity.token()}}],
        });
        fs::write(path, config.to_string()).with_context(|| format!("cannot write {}", path.display()))
    }
}
