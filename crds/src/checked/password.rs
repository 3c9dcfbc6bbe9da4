use std::fmt;

use k8s_openapi::api::core::v1::Secret;

use crate::fault::Problem;

#[cfg(test)]
mod tests;

/// The longest password TCP MD5 takes, in bytes.
const LONGEST: usize = 80;

/// A TCP MD5 password of 1 to 80 bytes. Its text is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Vec<u8>);

impl Password {
    /// Checks the length of a password.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Problem> {
        let bytes = bytes.into();
        let length = bytes.len();
        if (1..=LONGEST).contains(&length) { Ok(Self(bytes)) } else { Err(Problem::PasswordLength { length }) }
    }

    /// Says whether the last byte is a line break, as `echo` leaves one behind and nobody types one.
    pub fn ends_with_line_break(&self) -> bool {
        self.0.ends_with(b"\n")
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Where the password of a peer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// It is written in the peer.
    Inline(Password),
    /// It is in the Secret of this name, in the namespace of the peer; [`password_of`] reads it.
    Secret(String),
}

/// Reads the password of a peer from its Secret: type `kubernetes.io/basic-auth`, key `password`.
pub fn password_of(secret: &Secret) -> Result<Password, Problem> {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let found = secret.type_.clone().unwrap_or_default();
    if found != "kubernetes.io/basic-auth" {
        return Err(Problem::SecretType { name, found });
    }
    let inline = secret.string_data.iter().flatten().find(|(key, _)| *key == "password");
    let encoded = secret.data.iter().flatten().find(|(key, _)| *key == "password");
    match (inline, encoded) {
        (Some((_, text)), _) => Password::new(text.as_bytes()),
        (None, Some((_, bytes))) => Password::new(bytes.0.clone()),
        (None, None) => Err(Problem::SecretKey { name }),
    }
}
