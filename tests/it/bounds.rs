//! Every limit has one home: what pages, their scripts and the description of the API show agrees with
//! `limits`.

use crate::pages::Browser;
use crate::support::{Person, Server};
use crate::tidy::files;
use serde_json::Value;
use snug::limits::*;
use snug::model::ids::ID_MAX;
use std::collections::BTreeSet;

/// What has the limit, which limit it is, and its value.
type Told = (String, String, i64);

/// Every limit on a page, by the name of its field or of the element that a script reads.
const IN_PAGES: &[(&str, &str, usize)] = &[
    ("content", "data-limit", CONTENT_CHARS_MAX),
    ("content", "data-near", CONTENT_CHARS_NEAR),
    ("current_password", "maxlength", PASSWORD_CHARS_MAX),
    ("description", "maxlength", ROOM_DESCRIPTION_CHARS_MAX),
    ("email", "maxlength", EMAIL_CHARS_MAX),
    ("finder", "data-suggested", PEOPLE_SUGGESTED as usize),
    ("finder", "maxlength", SEARCH_CHARS_MAX),
    ("invite_link", "maxlength", INVITE_LINK_CHARS_MAX),
    ("name", "maxlength", ROOM_NAME_CHARS_MAX),
    ("new_password", "maxlength", PASSWORD_CHARS_MAX),
    ("new_password", "minlength", PASSWORD_CHARS_MIN),
    ("password", "maxlength", PASSWORD_CHARS_MAX),
    ("password", "minlength", PASSWORD_CHARS_MIN),
    ("people", "data-suggested", PEOPLE_SUGGESTED as usize),
    ("people", "maxlength", SEARCH_CHARS_MAX),
    ("q", "maxlength", MESSAGE_SEARCH_CHARS_MAX),
    ("session", "data-page-rows", PAGE_ROWS_DEFAULT as usize),
    ("session", "data-page-rows-max", PAGE_ROWS_MAX as usize),
    ("session", "data-resume-pairs", RESUME_PAIRS_MAX),
    ("username", "maxlength", USERNAME_CHARS_MAX),
    // Where one logs in, an e-mail address is as good.
    ("username", "maxlength", EMAIL_CHARS_MAX),
    ("username", "minlength", USERNAME_CHARS_MIN),
];

/// Every limit in the description, by the name of the schema, the parameter or the member.
#[rustfmt::skip]
const IN_DESCRIPTION: &[(&str, &str, i64)] = &[
    ("Change", "minimum", 1), ("Change", "maximum", ID_MAX),
    ("ChangePosition", "minimum", 0), ("ChangePosition", "maximum", ID_MAX),
    ("Content", "minLength", 1), ("Content", "maxLength", CONTENT_CHARS_MAX as i64),
    ("Email", "maxLength", EMAIL_CHARS_MAX as i64),
    ("Epoch", "minLength", 1),
    ("Id", "minimum", 1), ("Id", "maximum", ID_MAX),
    ("Mentioned", "minimum", 0),
    ("Mentions", "minItems", 1), ("Mentions", "maxItems", NAMED_MAX),
    ("Next", "minimum", 1), ("Next", "maximum", ID_MAX),
    ("Password", "minLength", PASSWORD_CHARS_MIN as i64),
    ("Password", "maxLength", PASSWORD_CHARS_MAX as i64),
    ("Position", "minimum", 0), ("Position", "maximum", ID_MAX),
    ("Retry-After", "minimum", 0),
    ("RoomName", "minLength", 1), ("RoomName", "maxLength", ROOM_NAME_CHARS_MAX as i64),
    ("Seq", "minimum", 1), ("Seq", "maximum", ID_MAX),
    ("Username", "minLength", USERNAME_CHARS_MIN as i64),
    ("Username", "maxLength", USERNAME_CHARS_MAX as i64),
    ("after", "minimum", 0), ("after", "minimum", 1), ("after", "maximum", ID_MAX),
    ("around", "minimum", 0), ("around", "maximum", ID_MAX),
    ("before", "minimum", 0), ("before", "maximum", ID_MAX),
    ("chats", "maxItems", PAGE_ROWS_MAX),
    ("client_id", "minLength", 1), ("client_id", "maxLength", CLIENT_ID_CHARS_MAX as i64),
    ("current_password", "minLength", 1), ("current_password", "maxLength", PASSWORD_CHARS_MAX as i64),
    ("description", "maxLength", ROOM_DESCRIPTION_CHARS_MAX as i64),
    ("expires_in", "minimum", 1),
    ("invite_link", "minLength", 1), ("invite_link", "maxLength", INVITE_LINK_CHARS_MAX as i64),
    ("limit", "minimum", 1),
    ("limit", "maximum", PAGE_ROWS_MAX), ("limit", "default", PAGE_ROWS_DEFAULT),
    ("limit", "maximum", SEARCH_ROWS_MAX), ("limit", "default", SEARCH_ROWS_DEFAULT),
    ("members", "minimum", 1), ("members", "maxItems", PAGE_ROWS_MAX),
    ("messages", "maxItems", PAGE_ROWS_MAX),
    ("offset", "minimum", 0), ("offset", "maximum", ID_MAX), ("offset", "default", 0),
    ("password", "minLength", 1), ("password", "maxLength", PASSWORD_CHARS_MAX as i64),
    ("pending", "maxItems", PAGE_ROWS_MAX),
    ("q", "minLength", 1), ("q", "maxLength", SEARCH_CHARS_MAX as i64),
    ("reply_to", "minimum", 1), ("reply_to", "maximum", ID_MAX),
    ("q", "maxLength", MESSAGE_SEARCH_CHARS_MAX as i64),
    ("reactions", "maxItems", REACTION_EMOJI_MAX),
    ("results", "maxItems", SEARCH_ROWS_MAX),
    ("status", "minimum", 400), ("status", "maximum", 599),
    ("unread", "minimum", 0),
    ("user_id", "minimum", 1), ("user_id", "maximum", ID_MAX),
    ("username", "minLength", 1), ("username", "maxLength", EMAIL_CHARS_MAX as i64),
    ("users", "minItems", 1), ("users", "maxItems", REACTIONS_MAX),
    ("users", "maxItems", SEARCH_ROWS_MAX),
];

const ATTRIBUTES: [&str; 10] = [
    "maxlength",
    "minlength",
    "max",
    "min",
    "data-limit",
    "data-near",
    "data-page-rows",
    "data-page-rows-max",
    "data-resume-pairs",
    "data-suggested",
];

const KEYWORDS: [&str; 11] = [
    "maxLength",
    "minLength",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "multipleOf",
    "maxItems",
    "minItems",
    "maxProperties",
    "default",
];

fn told<N: TryInto<i64, Error: std::fmt::Debug> + Copy>(
    table: &[(&str, &str, N)],
) -> BTreeSet<Told> {
    let number = |number: N| number.try_into().unwrap();
    table.iter().map(|&(of, what, much)| (of.into(), what.into(), number(much))).collect()
}

/// The attributes of an element, as written.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once("=\"") {
        let name = before.rsplit(char::is_whitespace).next().unwrap();
        let (value, after) = after.split_once('"').unwrap();
        found.push((name, value));
        rest = after;
    }
    found
}

fn in_page(html: &str, found: &mut BTreeSet<Told>) {
    for tag in html.split('<').skip(1).filter_map(|piece| piece.split('>').next()) {
        let attributes = attributes(tag);
        if !attributes.iter().any(|(name, _)| ATTRIBUTES.contains(name)) {
            continue;
        }
        let named = attributes.iter().find(|(name, _)| *name == "name").map(|(_, name)| *name);
        let of = named.unwrap_or_else(|| match tag.split_whitespace().next() {
            Some("message-composer") => "content",
            Some("dialog") => "finder",
            Some("people-search") => "people",
            Some("snug-session") => "session",
            other => panic!("{other:?} has no name"),
        });
        for (what, much) in attributes.into_iter().filter(|(name, _)| ATTRIBUTES.contains(name)) {
            found.insert((of.to_owned(), what.to_owned(), much.parse().unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_on_pages_are_those_in_force() {
    let server = Server::start().await;
    server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let mut found = BTreeSet::new();
    for path in ["/", "/general", "/settings"] {
        in_page(&browser.get(path).await.text, &mut found);
    }
    let mut stranger = Browser::new(&server);
    for path in ["/signup", "/login"] {
        in_page(&stranger.get(path).await.text, &mut found);
    }
    assert_eq!(found, told(IN_PAGES));
}

/// Calls a function for each limit: what has it, its keyword, its value.
fn in_description<'a>(
    value: &'a Value,
    of: &'a str,
    each: &mut impl FnMut(&'a str, &'a str, &'a Value),
) {
    const BETWEEN: [&str; 6] = ["schema", "items", "properties", "anyOf", "allOf", "parameters"];
    match value {
        Value::Object(members) => {
            let is_parameter = members.contains_key("in");
            let of =
                members.get("name").and_then(Value::as_str).filter(|_| is_parameter).unwrap_or(of);
            for (name, member) in members {
                if KEYWORDS.contains(&name.as_str()) && !member.is_object() {
                    each(of, name, member);
                } else {
                    in_description(
                        member,
                        if BETWEEN.contains(&name.as_str()) { of } else { name },
                        each,
                    );
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| in_description(item, of, each)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_in_the_description_are_those_in_force() {
    let server = Server::start().await;
    let described: Value = Person::nobody(&server).get("/openapi.json").await.expect(200);
    let mut found = BTreeSet::new();
    in_description(&described, "", &mut |of, keyword, value| {
        // One of several words is not a limit.
        if *value != "pending" {
            let much = value.as_i64().unwrap_or_else(|| panic!("{of} {keyword}: {value}"));
            found.insert((of.to_owned(), keyword.to_owned(), much));
        }
    });
    assert_eq!(found, told(IN_DESCRIPTION));
    let text = described.to_string();
    let unfilled = text.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
    let mut unfilled = unfilled.filter(|(name, _)| name.contains("_M"));
    assert_eq!(unfilled.next(), None, "a name that is not a limit");
}

/// A number that is written out again would be left behind when the constant changes.
#[test]
fn no_limit_is_written_out_again() {
    for (name, text) in files("assets/templates", ".html") {
        for attribute in ATTRIBUTES {
            for value in text.split(&format!(" {attribute}=\"")).skip(1) {
                assert!(value.starts_with("{{ limits."), "{name}: {attribute}={value:.20}");
            }
        }
    }
    let source = serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
    in_description(&source, "", &mut |of, keyword, value| {
        let is_own = of == "status" || value.as_i64().is_none_or(|number| number <= 1);
        assert!(is_own, "{of}: {keyword} {value} must be the name of a limit");
    });
}
