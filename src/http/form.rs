//! Forms of our own pages: their fields, and the token that proves that one of our pages sent them
//! (against cross-site request forgery).
//!
//! A page's token is also the name of its forms: it is another one on each page that is shown, so a form
//! that comes with the same token and the same fields is the same one, sent twice (`Form::act`). No
//! form needs a field for that.
//!
//! A token belongs to one session or, before there is one, to one browser. It is masked differently
//! for each page, because pages are compressed together with what other people wrote, and the
//! compressed length must not reveal it (BREACH).

use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, ID_MAX};
use crate::model::message::SessionId;
use crate::os::random;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Enough that nobody can guess one.
const TOKEN_BYTES: usize = 16;

/// The name of the field in every form.
const FIELD: &str = "form_token";

/// Whom a token belongs to.
#[derive(Debug, Clone, Copy)]
pub enum TokenHolder<'a> {
    Session(SessionId),
    /// The value of the cookie that a browser has before the login.
    Door(&'a str),
}

/// Makes and checks tokens.
pub struct FormKey(Hmac<Sha256>);

impl FormKey {
    /// Derived from the key that signs session tokens, but useless for anything else.
    pub fn new(secret: &[u8]) -> Self {
        let derived = mac(secret).chain_update(b"snug: tokens of forms").finalize().into_bytes();
        Self(mac(&derived))
    }

    pub fn token(&self, holder: TokenHolder<'_>) -> Result<String> {
        let mask: [u8; TOKEN_BYTES] = random::bits()?;
        let mut bytes = [0; 2 * TOKEN_BYTES];
        let (masked, shown) = bytes.split_at_mut(TOKEN_BYTES);
        shown.copy_from_slice(&mask);
        for (at, byte) in self.bytes(holder).into_iter().enumerate() {
            masked[at] = byte ^ mask[at];
        }
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn fits(&self, holder: TokenHolder<'_>, token: &str) -> bool {
        let mut bytes = [0; 2 * TOKEN_BYTES];
        let decoded = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes);
        let (masked, mask) = bytes.split_at_mut(TOKEN_BYTES);
        for (byte, mask) in masked.iter_mut().zip(mask) {
            *byte ^= *mask;
        }
        decoded == Ok(2 * TOKEN_BYTES) && bool::from(masked.ct_eq(&self.bytes(holder)))
    }

    fn bytes(&self, holder: TokenHolder<'_>) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        bytes.copy_from_slice(&self.of(holder).finalize().into_bytes()[..TOKEN_BYTES]);
        bytes
    }

    /// What names an act is useless for guessing the fields, of which a password may be one.
    fn act(&self, holder: TokenHolder<'_>, path: &str, body: &[u8]) -> ActName {
        let mac = self.of(holder).chain_update(b" act ").chain_update(path).chain_update(b" ");
        ActName(mac.chain_update(body).finalize().into_bytes().into())
    }

    fn of(&self, holder: TokenHolder<'_>) -> Hmac<Sha256> {
        match holder {
            TokenHolder::Session(session) => {
                self.0.clone().chain_update(b"session").chain_update(session.0)
            }
            TokenHolder::Door(cookie) => self.0.clone().chain_update(b"door").chain_update(cookie),
        }
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// A name that nobody can guess: for a browser before the login, or for a draft.
pub fn fresh_name() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::bits()?))
}

/// What was filled in.
pub struct Form {
    fields: Vec<(String, String)>,
    /// The name of what it does.
    pub act: ActName,
}

impl Form {
    /// Refused unless one of our pages, shown to this holder, sent it.
    pub fn of(
        path: &str,
        body: &[u8],
        key: &FormKey,
        holder: Option<TokenHolder<'_>>,
    ) -> Result<Self> {
        let fields: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
        match holder {
            Some(holder) if key.fits(holder, value(&fields, FIELD)) => {
                Ok(Self { fields, act: key.act(holder, path, body) })
            }
            Some(_) | None => Err(Error::forbidden(
                "bad_form_token",
                "This page was open for too long, or cookies are off. Go back, reload it and try again.",
            )),
        }
    }

    fn get(&self, name: &str) -> &str {
        value(&self.fields, name)
    }

    /// A field as it was typed; forms send line breaks as CRLF.
    pub fn text(&self, name: &str) -> String {
        self.get(name).replace("\r\n", "\n")
    }

    /// An id, or 0, which nothing has.
    pub fn id(&self, name: &str) -> i64 {
        self.get(name).parse().ok().filter(|id| (0..=ID_MAX).contains(id)).unwrap_or(0)
    }
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_only_for_its_holder_and_never_looks_the_same() {
        let key = FormKey::new(b"0123456789abcdef0123456789abcdef");
        let session = TokenHolder::Session(SessionId([7; 16]));
        let token = key.token(session).expect("randomness");
        assert!(key.fits(session, &token));
        assert_ne!(key.token(session).expect("randomness"), token);
        assert!(!key.fits(TokenHolder::Session(SessionId([8; 16])), &token));
        assert!(!key.fits(TokenHolder::Door("\u{7}"), &token));
        assert!(!FormKey::new(b"another").fits(session, &token));
        let turned = if token.starts_with('A') { "B" } else { "A" };
        let changed = format!("{turned}{}", &token[1..]);
        for bad in ["", "A", &token[1..], &format!("{token}A"), &changed] {
            assert!(!key.fits(session, bad), "{bad}");
        }
    }

    #[test]
    fn a_form_is_read_as_it_was_typed() {
        let key = FormKey::new(b"0123456789abcdef0123456789abcdef");
        let door = TokenHolder::Door("d");
        let token = key.token(door).expect("randomness");
        let body = format!("form_token={token}&content=a%0D%0Ab+%26&user_id=7&seq=-1");
        let of = |path, body: &str, holder| Form::of(path, body.as_bytes(), &key, holder);
        let form = of("/general", &body, Some(door)).expect("our own form");
        assert_eq!(form.text("content"), "a\nb &");
        assert_eq!((form.id("user_id"), form.id("seq"), form.id("absent")), (7, 0, 0));
        assert!(of("/general", &body, None).is_err());
        assert!(of("/general", "content=a", Some(door)).is_err());
        let act = |path, body: &str| of(path, body, Some(door)).expect("our own form").act;
        assert_eq!(act("/general", &body), form.act, "sent twice");
        let another = body.replace(&token, &key.token(door).expect("randomness"));
        assert_ne!(act("/general", &another), form.act, "of another page");
        assert_ne!(act("/general", &body.replace("user_id=7", "user_id=8")), form.act);
        assert_ne!(act("/rooms", &body), form.act);
    }
}
