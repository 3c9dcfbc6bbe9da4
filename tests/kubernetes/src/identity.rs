//! Who talks to the API server, and the files by which they prove it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use serde_json::json;

/// A user of the API server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The administrator, whom nothing is forbidden.
    Admin,
    /// kube-proxy, with the rights that every cluster gives it.
    KubeProxy,
    /// A service account, with the rights that were bound to it; created if it does not exist.
    ServiceAccount {
        /// Its namespace, which must exist.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// The name that tokens, logs and files use for the administrator.
const ADMIN: &str = "admin";
const KUBE_PROXY: &str = "kube-proxy";

impl Identity {
    /// Returns a service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Returns a name for files.
    fn label(&self) -> String {
        match self {
            Self::Admin => ADMIN.to_owned(),
            Self::KubeProxy => KUBE_PROXY.to_owned(),
            Self::ServiceAccount { namespace, name } => format!("{namespace}.{name}"),
        }
    }
}

/// The certificates, keys and tokens of one control plane, in a directory of their own.
#[derive(Debug)]
pub(crate) struct Credentials {
    directory: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Credentials {
    /// Makes everything that a server for `addresses`, as names or as IP addresses, needs to start.
    pub(crate) fn create(directory: &Path, addresses: &[&str]) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(DnType::CommonName, "authority of the test");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let credentials = Self { directory: directory.to_owned(), authority };
        let own = |file: &str, text: &str| fs::write(directory.join(file), text).context("cannot write credentials");
        let serving = credentials.serving(addresses)?;
        own("ca.crt", &credentials.authority.pem())?;
        own("server.crt", &serving.certificate.pem())?;
        own("server.key", &serving.key.serialize_pem())?;
        let accounts = KeyPair::generate()?;
        own("accounts.key", &accounts.serialize_pem())?;
        own("accounts.pub", &accounts.public_key_pem())?;
        // The lab is private, so tokens may be guessed.
        own("tokens.csv", &format!("{ADMIN},admin,1,\"system:masters\"\n{KUBE_PROXY},system:kube-proxy,2,\n"))?;
        own("admin.token", ADMIN)?;
        own("kube-proxy.token", KUBE_PROXY)?;
        Ok(credentials)
    }

    /// Makes a certificate for a server at `addresses`, which everybody with a kubeconfig trusts.
    pub(crate) fn serving(&self, addresses: &[&str]) -> anyhow::Result<Serving> {
        let names: Vec<_> = addresses.iter().map(|address| (*address).to_owned()).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &self.authority)?;
        Ok(Serving { certificate, key })
    }

    /// Returns the certificate of the authority that everybody trusts.
    pub(crate) fn authority(&self) -> CertificateDer<'static> {
        self.authority.der().clone()
    }

    /// Returns the path of one of the files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Keeps the token of a user and returns the file it is in.
    pub(crate) fn keep_token(&self, identity: &Identity, token: &str) -> anyhow::Result<PathBuf> {
        let path = self.token_file(identity);
        fs::write(&path, token)?;
        Ok(path)
    }

    /// Returns the file with the user's token.
    pub(crate) fn token_file(&self, identity: &Identity) -> PathBuf {
        self.file(&format!("{}.token", identity.label()))
    }

    /// Writes a kubeconfig for `identity` at the server `url`, whom `purpose` tells from other servers.
    pub(crate) fn kubeconfig(&self, identity: &Identity, purpose: &str, url: &str) -> anyhow::Result<PathBuf> {
        let path = self.file(&format!("{}.{purpose}.kubeconfig", identity.label()));
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": self.file("ca.crt")}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "users": [{"name": "test", "user": {"tokenFile": self.token_file(identity)}}],
        });
        fs::write(&path, config.to_string())?;
        Ok(path)
    }
}

/// A server's certificate, with its key.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}
