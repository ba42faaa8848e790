//! Tests that `/openapi.json`, which is maintained by hand, agrees with the table of routes.

use super::ROUTES;
use crate::http::pages::docs;
use crate::http::route::{Access, Kind, Route};
use serde_json::Value;
use std::collections::BTreeMap;

/// The description of each call, by its name: `GET /chats`.
fn described() -> BTreeMap<String, Value> {
    let description: Value = serde_json::from_str(&docs::openapi()).expect("JSON");
    let mut described = BTreeMap::new();
    for (path, calls) in description["paths"].as_object().expect("paths") {
        for (method, call) in calls.as_object().expect("calls") {
            described.insert(format!("{} {path}", method.to_uppercase()), call.clone());
        }
    }
    described
}

/// Sockets cannot be expressed in OpenAPI. What is only for browsers need not be described, nor what a
/// balancer asks by the address of a page: to a described path all its methods belong.
fn needs_description(route: &Route) -> bool {
    let is_hidden = matches!(route.pattern, "/" | "/assets/{asset}");
    route.kind != Kind::Socket && !route.kind.is_of_pages() && !is_hidden
}

#[test]
fn every_route_is_described() {
    let described = described();
    for route in ROUTES.iter().filter(|route| needs_description(route)) {
        let name = route.name();
        assert!(described.contains_key(&name), "{name} belongs in assets/openapi.json");
    }
}

#[test]
fn every_described_call_has_a_route() {
    for name in described().keys() {
        let has_route = ROUTES.iter().any(|route| route.name() == *name);
        assert!(has_route, "{name} belongs in src/http/routes.rs");
    }
}

#[test]
fn access_and_body_are_described_correctly() {
    let described = described();
    for route in ROUTES.iter().filter(|route| needs_description(route)) {
        let name = route.name();
        let Some(call) = described.get(&name) else { panic!("{name} is not described") };
        let is_open = call["security"] == Value::Array(Vec::new());
        let is_for_anyone = matches!(route.access, Access::Anyone | Access::Probe);
        assert_eq!(is_open, is_for_anyone, "{name}: who may ask");
        let is_for_users = matches!(route.access, Access::User | Access::Moderator);
        assert_eq!(call["security"].is_null(), is_for_users, "{name}: who may ask");
        let takes = |media_type: &str| !call["requestBody"]["content"][media_type].is_null();
        // OpenAPI ignores the body that a GET may have.
        let (json, form) = match route.kind {
            Kind::Json => (true, false),
            Kind::JsonOrForm => (true, true),
            Kind::Form => (false, true),
            Kind::Empty
            | Kind::OptionalJson
            | Kind::Socket
            | Kind::Page
            | Kind::Door
            | Kind::PageData => (false, false),
        };
        assert_eq!(takes("application/json"), json, "{name}: JSON");
        assert_eq!(takes("application/x-www-form-urlencoded"), form, "{name}: a form");
    }
}
