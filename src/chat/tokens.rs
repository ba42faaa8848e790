//! Tokens: JWTs signed with HS256, each naming a session. Nothing here knows whether that session is
//! still alive.
//!
//! jsonwebtoken gets its cryptography from a provider; ours supports only HS256, so that no other
//! algorithm can be requested.

use crate::limits::TOKEN_LEEWAY_SECS;
use crate::model::ids::UserId;
use crate::model::message::SessionId;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::IgnoredAny;
use sha2::Sha256;

/// Signs and reads tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// Of the signature alone.
    origin: Validation,
}

/// The claims of a token.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    iat: u64,
    exp: u64,
    /// Makes each token unique, even within a second (RFC 7519, 4.1.7); nobody reads it.
    #[serde(skip_deserializing)]
    jti: String,
}

/// A token to be signed. Times in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct NewToken {
    pub user_id: UserId,
    pub session: SessionId,
    pub issued_at: i64,
    pub expires_at: i64,
    /// Random.
    pub nonce: u64,
}

/// A token whose signature and times are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub user_id: UserId,
    pub session: SessionId,
    /// Seconds since 1970.
    pub expires_at: i64,
}

impl Tokens {
    pub fn new(secret: &[u8]) -> Self {
        // The process may have one already, from an earlier instance; it is the same one.
        let _installed = PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = TOKEN_LEEWAY_SECS;
        validation.set_required_spec_claims(&["exp", "sub"]);
        let mut origin = Validation::new(Algorithm::HS256);
        origin.validate_exp = false;
        origin.required_spec_claims.clear();
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            origin,
        }
    }

    /// Signs a token that no other token equals.
    pub fn sign(&self, new: &NewToken) -> Result<String, Error> {
        let claims = Claims {
            sub: new.user_id.to_string(),
            sid: new.session.text(),
            iat: new.issued_at.unsigned_abs(),
            exp: new.expires_at.unsigned_abs(),
            jti: format!("{:x}", new.nonce),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Whether we signed it, even if it has expired since.
    pub fn has_signed(&self, token: &str) -> bool {
        jsonwebtoken::decode::<IgnoredAny>(token, &self.decoding, &self.origin).is_ok()
    }

    /// `None` for anything but a token that we signed and that has not expired.
    pub fn read(&self, token: &str) -> Option<Read> {
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        Some(Read {
            user_id: UserId::parse(&claims.claims.sub)?,
            session: SessionId::from_text(&claims.claims.sid)?,
            expires_at: claims.claims.exp.try_into().ok()?,
        })
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(mac(key.as_bytes())?))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(mac(key.try_get_as_bytes()?)?))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(Hmac<Sha256>);

fn mac(key: &[u8]) -> Result<Hmac<Sha256>, Error> {
    Hmac::new_from_slice(key).map_err(|_| ErrorKind::InvalidKeyFormat.into())
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const SESSION: SessionId = SessionId([7; 16]);

    fn now() -> i64 {
        jiff::Timestamp::now().as_second()
    }

    /// A token with this header and these claims, correctly signed.
    fn forged(header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = Hs256(mac(SECRET).expect("a key")).sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_signed_token_can_be_read() {
        let tokens = Tokens::new(SECRET);
        let (issued_at, expires_at) = (now(), now() + 60);
        let new =
            NewToken { user_id: UserId(5), session: SESSION, issued_at, expires_at, nonce: 7 };
        let token = tokens.sign(&new).expect("a token");
        let read = tokens.read(&token).expect("a valid token");
        assert_eq!((read.user_id, read.session), (UserId(5), SESSION));
        assert!(Tokens::new(b"another key, but as long as it has to be").read(&token).is_none());
        assert!(tokens.read(&token[..token.len() - 1]).is_none(), "a truncated signature");
        assert!(tokens.has_signed(&token) && !tokens.has_signed(&token[..token.len() - 1]));
        let expired =
            tokens.sign(&NewToken { expires_at: issued_at - 60, ..new }).expect("a token");
        assert!(tokens.read(&expired).is_none() && tokens.has_signed(&expired));
    }

    #[test]
    fn only_hs256_with_whole_claims_is_taken() {
        let tokens = Tokens::new(SECRET);
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let (sid, exp) = (SESSION.text(), now() + 60);
        let good = format!(r#"{{"sub":"5","sid":"{sid}","iat":1,"exp":{exp}}}"#);
        assert!(tokens.read(&forged(header, &good)).is_some());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"hs256"}"#,
            "{}",
        ] {
            assert!(tokens.read(&forged(header, &good)).is_none(), "{header}");
        }
        for claims in [
            format!(r#"{{"sub":"5","sid":"{sid}","iat":1,"exp":"{exp}"}}"#),
            format!(r#"{{"sub":"5","sid":"{sid}","iat":1,"exp":{exp}.5}}"#),
            format!(r#"{{"sub":"5","sid":"{sid}","iat":1,"exp":-{exp}}}"#),
            format!(r#"{{"sub":"5","sid":"{sid}","iat":1}}"#),
            format!(r#"{{"sub":"5","sid":"{sid}","iat":1,"exp":{}}}"#, now() - 10),
            format!(r#"{{"sub":5,"sid":"{sid}","iat":1,"exp":{exp}}}"#),
            format!(r#"{{"sub":"0","sid":"{sid}","iat":1,"exp":{exp}}}"#),
            format!(r#"{{"sub":"5","sid":"short","iat":1,"exp":{exp}}}"#),
        ] {
            assert!(tokens.read(&forged(header, &claims)).is_none(), "{claims}");
        }
    }
}
