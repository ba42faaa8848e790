//! Tests that `/openapi.json`, which is maintained by hand, agrees with the routes.

use super::pages::docs::OPENAPI;
use super::route::{Access, Body, NoRoute, Route};
use hyper::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// A page, but described, because links to it are handed out.
const INVITE: &str = "/chats/room/{room_id}/invite";

/// What OpenAPI cannot express (sockets), and what is only for browsers.
const NOT_DESCRIBED: [&str; 3] = ["Socket", "Asset", "Page"];

/// A call as described.
struct Described {
    method: Method,
    /// The pattern of its path.
    path: String,
    call: Value,
}

fn described() -> Vec<Described> {
    let description: Value = serde_json::from_str(OPENAPI).expect("JSON");
    let paths = description["paths"].as_object().expect("paths").iter();
    let calls = paths.filter(|(path, _)| *path != INVITE).flat_map(|(path, calls)| {
        let calls = calls.as_object().expect("calls").iter();
        calls.map(|(method, call)| Described {
            method: method.to_uppercase().parse().expect("a method"),
            path: path.clone(),
            call: call.clone(),
        })
    });
    calls.collect()
}

/// The path with an id in place of each parameter.
fn with_ids(pattern: &str) -> String {
    let segments = pattern.split('/').map(|segment| match segment {
        "{chat_id}" | "{room_id}" | "{user_id}" => "7",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The name of the variant.
fn variant(debug: &str) -> String {
    debug.split('(').next().unwrap_or_default().to_owned()
}

#[test]
fn every_described_call_has_a_route() {
    for Described { method, path, call } in described() {
        let filled = with_ids(&path);
        let route = Route::parse(&method, &filled).unwrap_or_else(|_| panic!("{method} {path}"));
        assert_eq!(route.name(), path);
        let is_open = call["security"] == Value::Array(Vec::new());
        let access = route.access();
        assert_eq!(is_open, access == Access::Anyone, "{method} {path}: who may ask");
        assert_eq!(call["security"].is_null(), access == Access::User, "{method} {path}");
        let takes = |media_type: &str| !call["requestBody"]["content"][media_type].is_null();
        let (json, form) = (takes("application/json"), takes("application/x-www-form-urlencoded"));
        // OpenAPI ignores the body that a GET may have.
        assert_eq!(json, matches!(route.body(), Body::Json | Body::JsonOrForm), "{method} {path}");
        assert_eq!(form, route.body() == Body::JsonOrForm, "{method} {path}");
    }
}

#[test]
fn every_route_is_described() {
    let calls = described();
    let paths: Vec<(Method, String)> =
        calls.iter().map(|call| (call.method.clone(), with_ids(&call.path))).collect();
    let known: BTreeSet<String> = paths
        .iter()
        .filter_map(|(method, path)| Route::parse(method, path).ok())
        .map(|route| variant(&format!("{route:?}")))
        .collect();
    let source = include_str!("route.rs");
    let body = source.split_once("pub enum Route<'a> {").expect("the routes").1;
    let variants = body.split_once('}').expect("their end").0.lines().map(str::trim);
    for line in variants.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase())) {
        let name = variant(line.trim_end_matches(','));
        let is_exempt = NOT_DESCRIBED.contains(&name.as_str());
        assert_ne!(known.contains(&name), is_exempt, "{name} belongs in assets/openapi.json");
    }
}

#[test]
fn a_described_path_has_no_other_methods() {
    let calls = described();
    for Described { path, .. } in &calls {
        let filled = with_ids(path);
        let Err(NoRoute::OtherMethod(allow)) = Route::parse(&Method::PATCH, &filled) else {
            panic!("{path} takes PATCH");
        };
        let here = calls.iter().filter(|other| other.path == *path);
        let mut methods: BTreeSet<&str> = here.map(|call| call.method.as_str()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        assert_eq!(allow.split(", ").collect::<BTreeSet<_>>(), methods, "{path}");
    }
}
