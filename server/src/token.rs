//! Session tokens: 256 random bits, stored by the client alone.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::model::TokenDigest;

/// Length of a token as text.
const TOKEN_CHARS: usize = 43;

/// New session token.
pub(crate) struct Token(String);

impl Token {
    /// Generates a token from the operating system's random number generator.
    ///
    /// # Errors
    /// Fails if the generator does.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Returns the text to send to the client, and to nobody else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the digest to store.
    pub(crate) fn digest(&self) -> TokenDigest {
        sha256(&self.0)
    }
}

impl fmt::Debug for Token {
    /// Omits the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Digests a token sent by a client. `None` if it has another format.
pub(crate) fn digest(text: &str) -> Option<TokenDigest> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (text.len() == TOKEN_CHARS && text.bytes().all(allowed)).then(|| sha256(text))
}

fn sha256(text: &str) -> TokenDigest {
    TokenDigest(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_recognised() {
        let (one, two) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(digest(one.reveal()), Some(one.digest()));
        assert_eq!(digest("short"), None);
        assert_eq!(digest(&"ä".repeat(43)), None);
    }

    #[test]
    fn digest_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hex: String = sha256("abc").0.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn debug_omits_token() {
        let token = Token::generate().unwrap();
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
