//! Sealed bodies: only the other side of a run can read them, and only it can have written them.

use nkeys::XKey;
use zeroize::Zeroizing;

/// The keys of one side of a run, and of the other: X25519 with XSalsa20 and Poly1305, as `nkeys` encodes them.
pub(crate) struct Seal<'a> {
    own: &'a XKey,
    other: XKey,
}

/// Bytes by which sealing makes a body longer: version, nonce and tag.
pub(crate) const SEAL_BYTES: usize = 4 + 24 + 16;

impl<'a> Seal<'a> {
    /// Uses the own pair, and the public key of the other side. `None` if that is not a key.
    pub(crate) fn new(own: &'a XKey, other: &str) -> Option<Self> {
        let other = XKey::from_public_key(other).ok()?;
        Some(Self { own, other })
    }

    /// Seals a body. Empty if it can't be, which the other side refuses.
    pub(crate) fn close(&self, body: &[u8]) -> Vec<u8> {
        self.own.seal(body, &self.other).unwrap_or_default()
    }

    /// Opens a body. `None` if it was not sealed by the other side for this one, or was changed.
    pub(crate) fn open(&self, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.own.open(body, &self.other).ok().map(Zeroizing::new)
    }
}

/// Returns a random name of letters and digits: a part of a key that was just made.
pub(crate) fn random_name(key: &XKey) -> String {
    let public = key.public_key();
    // The first characters say what kind of key it is, the last ones are a checksum.
    public
        .chars()
        .skip(2)
        .take(16)
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_other_side_can_read_and_write() {
        let (one, other, third) = (XKey::new(), XKey::new(), XKey::new());
        let sent = Seal::new(&one, &other.public_key()).unwrap();
        let received = Seal::new(&other, &one.public_key()).unwrap();
        let mut body = sent.close(b"Bearer hunter2");
        assert_eq!(body.len(), SEAL_BYTES + 14);
        assert!(!body.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(received.open(&body).unwrap().as_slice(), b"Bearer hunter2");
        let foreign = Seal::new(&third, &one.public_key()).unwrap();
        assert!(foreign.open(&body).is_none());
        let forged = Seal::new(&third, &other.public_key()).unwrap();
        assert!(received.open(&forged.close(b"x")).is_none());
        body[40] ^= 1;
        assert!(received.open(&body).is_none());
        assert!(received.open(b"").is_none());
        assert!(Seal::new(&one, "not a key").is_none());
    }

    #[test]
    fn names_are_random() {
        let names = [random_name(&XKey::new()), random_name(&XKey::new())];
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() == 16));
    }
}
