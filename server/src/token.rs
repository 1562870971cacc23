//! Session tokens: 256 random bits that only the client keeps.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::model::TokenDigest;

/// How long a token is as text.
const TOKEN_CHARS: usize = 43;

/// A new session token.
pub(crate) struct Token(String);

impl Token {
    /// Draws a token from the operating system's random numbers.
    ///
    /// # Errors
    /// Whatever the operating system said.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text to send to the client, and nowhere else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored.
    pub(crate) fn digest(&self) -> TokenDigest {
        sha256(&self.0)
    }
}

impl fmt::Debug for Token {
    /// Leaves the token out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Digests what a client sent, or nothing where that can't be a token.
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
    fn tokens_differ_and_are_recognised() {
        let (one, two) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(digest(one.reveal()), Some(one.digest()));
        assert_eq!(digest("short"), None);
        assert_eq!(digest(&"ä".repeat(43)), None);
    }

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hex: String = sha256("abc").0.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = Token::generate().unwrap();
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
