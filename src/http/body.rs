//! What comes with a request, read within limits: the body, its members, the query.
//!
//! Members are requested by name and type. What is missing or wrong is collected, so that one answer
//! names all the fields at fault.

use super::route::Kind;
use super::server::RequestBody;
use crate::limits::{BODY_BYTES_MAX, JSON_DEPTH_MAX};
use crate::model::error::{Because, Error, Fault, Result};
use crate::model::ids::{ID_MAX, Whole};
use crate::model::text;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{self, HeaderMap};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Reads the body of a route of this kind, and checks the headers that it needs.
pub async fn of(
    kind: Kind,
    headers: &HeaderMap,
    incoming: RequestBody,
    limit: Duration,
) -> Result<Bytes> {
    let is_json = is_type(headers, "application/json");
    match kind {
        Kind::Empty | Kind::Page | Kind::Door | Kind::PageData | Kind::Socket => {
            return Ok(Bytes::new());
        }
        Kind::Json if !is_json => {
            return Err(unsupported("Send the body as application/json."));
        }
        Kind::JsonOrForm if !is_json && !is_type(headers, "application/x-www-form-urlencoded") => {
            return Err(unsupported(
                "Send the body as application/json or application/x-www-form-urlencoded.",
            ));
        }
        Kind::OptionalJson if !is_json && incoming.is_end_stream() => return Ok(Bytes::new()),
        Kind::OptionalJson if !is_json => {
            return Err(unsupported("Send the body as application/json, or send none."));
        }
        Kind::Form if !is_type(headers, "application/x-www-form-urlencoded") => {
            return Err(unsupported("Send the form as application/x-www-form-urlencoded."));
        }
        Kind::Json | Kind::JsonOrForm | Kind::Form | Kind::OptionalJson => {}
    }
    read(incoming, limit).await
}

/// The whole body, within bounds of size and time.
async fn read(body: RequestBody, limit: Duration) -> Result<Bytes> {
    let too_large = || {
        let detail = format!("A body may have at most {}.", text::kib(BODY_BYTES_MAX as i64));
        Error::refused(Because::TooLarge, "too_large", detail)
    };
    // A body that is announced as too large is not waited for.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let collected = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(limit, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Error::malformed("bad_body", "The body ended too early.")),
        Err(_) => Err(Error::refused(Because::TooSlow, "too_slow", "The body took too long.")),
    }
}

/// Whether the body has this media type, ignoring parameters; UTF-8 is the only character set.
pub fn is_type(headers: &HeaderMap, media_type: &str) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_media_type = parts.next().is_some_and(|found| found.eq_ignore_ascii_case(media_type));
    let charset_fits = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    };
    is_media_type && parts.all(charset_fits)
}

pub fn unsupported(detail: &'static str) -> Error {
    Error::refused(Because::UnsupportedMedia, "unsupported_media_type", detail)
}

/// The members of a JSON object, or the fields of a form.
#[derive(Default)]
pub struct Fields {
    members: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Fields {
    /// Refused if it is not JSON (400) or not an object (422).
    pub fn of_json(body: &[u8]) -> Result<Self> {
        let bad = || Error::malformed("bad_json", "The body is not valid JSON in UTF-8.");
        if text::json_depth(body) > JSON_DEPTH_MAX {
            return Err(bad());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { members, faults: Vec::new() }),
            Ok(_) => Err(Error::invalid(vec![Fault::new("body", "Send one JSON object.")])),
            Err(_) => Err(bad()),
        }
    }

    pub fn of_form(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body).into_owned();
        let members = pairs.map(|(name, value)| (name, Value::String(value))).collect();
        Self { members, faults: Vec::new() }
    }

    /// A string that must be there.
    pub fn text(&mut self, name: &'static str) -> String {
        let text = self.optional_text(name);
        if text.is_none() && !self.faults.iter().any(|fault| fault.field == name) {
            self.fault(name, "This is missing.");
        }
        text.unwrap_or_default()
    }

    /// A string, or nothing if it is absent or null.
    pub fn optional_text(&mut self, name: &'static str) -> Option<String> {
        match self.members.remove(name) {
            Some(Value::String(text)) => Some(text),
            None | Some(Value::Null) => None,
            Some(_) => {
                self.fault(name, "This must be a string.");
                None
            }
        }
    }

    pub fn optional_flag(&mut self, name: &'static str) -> Option<bool> {
        match self.members.remove(name) {
            Some(Value::Bool(flag)) => Some(flag),
            None | Some(Value::Null) => None,
            Some(_) => {
                self.fault(name, "This must be true or false.");
                None
            }
        }
    }

    /// A whole number that must be there, within the range.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        match self.optional_integer(name, range) {
            Some(number) => number,
            None => {
                if !self.faults.iter().any(|fault| fault.field == name) {
                    self.fault(name, "This is missing.");
                }
                0
            }
        }
    }

    pub fn optional_integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let whole = Whole::deserialize(&value).map(|whole| whole.0).ok();
                let number = whole.filter(|number| range.contains(number));
                if number.is_none() {
                    self.fault(name, out_of_range(&range));
                }
                number
            }
        }
    }

    /// The value of a text that was read, or the fault of its field; the first fault of a field counts.
    pub fn check<T>(&mut self, name: &'static str, parsed: Result<T, String>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(detail) => {
                if !self.faults.iter().any(|fault| fault.field == name) {
                    self.fault(name, detail);
                }
                None
            }
        }
    }

    pub fn fault(&mut self, name: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) {
        self.faults.push(Fault::new(name, detail));
    }

    /// The values that were checked, if there is no fault.
    pub fn finish_with<T>(self, checked: Option<T>) -> Result<T> {
        match checked {
            Some(checked) if self.faults.is_empty() => Ok(checked),
            Some(_) | None => Err(Error::invalid(self.faults)),
        }
    }

    /// Refused with everything that was found wrong.
    pub fn finish(self) -> Result<()> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::invalid(self.faults)) }
    }
}

/// The pairs of a query string.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(text: Option<&str>) -> Self {
        Self(form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A whole number within the range, if it is there.
    pub fn integer(&self, name: &'static str, range: RangeInclusive<i64>) -> Result<Option<i64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        number.map(Some).ok_or_else(|| Error::invalid(vec![Fault::new(name, out_of_range(&range))]))
    }
}

fn out_of_range(range: &RangeInclusive<i64>) -> String {
    match *range.end() {
        ID_MAX => format!("This must be a whole number from {} to 2^53 − 1.", range.start()),
        end => format!("This must be a whole number from {} to {end}.", range.start()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_collected() {
        let mut fields = Fields::of_json(br#"{"a":1,"b":"x","d":null}"#).expect("an object");
        let (_, b) = (fields.text("a"), fields.text("b"));
        assert_eq!(b, "x");
        fields.integer("c", 1..=5);
        assert_eq!(fields.optional_text("d"), None);
        let Err(Error::Refused(refusal)) = fields.finish() else { panic!("refused") };
        let named: Vec<_> = refusal.faults.iter().map(|fault| fault.field.as_ref()).collect();
        assert_eq!(named, ["a", "c"]);
    }

    #[test]
    fn invalid_json_and_json_without_an_object_are_refused_differently() {
        let because = |body: &[u8]| match Fields::of_json(body) {
            Err(Error::Refused(refusal)) => Some(refusal.because),
            _ => None,
        };
        let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(JSON_DEPTH_MAX + 1));
        for bad in ["", "{", "\u{FEFF}{}", &(open + &close)] {
            assert_eq!(because(bad.as_bytes()), Some(Because::Malformed), "{bad}");
        }
        assert_eq!(because(b"\xff"), Some(Because::Malformed));
        assert_eq!(because(b"[]"), Some(Because::Invalid));
    }

    #[test]
    fn a_media_type_may_have_parameters() {
        let with = |text: &str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, text.parse().expect("a value"))])
        };
        assert!(is_type(&with("application/json; charset=UTF-8"), "application/json"));
        assert!(!is_type(&with("application/json; charset=latin1"), "application/json"));
        assert!(!is_type(&with("text/plain"), "application/json"));
        assert!(!is_type(&HeaderMap::new(), "application/json"));
    }

    #[test]
    fn a_number_of_the_query_is_digits_within_its_range() {
        let query = Query::of(Some("limit=50&offset=-1&after=%31&x=1e3"));
        assert_eq!(query.integer("limit", 1..=200).expect("a number"), Some(50));
        assert_eq!(query.integer("after", 1..=200).expect("a number"), Some(1));
        assert_eq!(query.integer("absent", 1..=200).expect("nothing"), None);
        assert!(query.integer("limit", 1..=49).is_err());
        assert!(query.integer("offset", 0..=200).is_err());
        assert!(query.integer("x", 0..=200).is_err());
    }
}
