//! The description is complete and consistent, and the page shows all of it.

use super::*;
use crate::http::render::Renderer;
use crate::limits::{USERNAME_CHARS_MAX, USERNAME_CHARS_MIN};
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(&openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            found.push((format!("{method} {path}"), operation));
        }
    }
    found
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(members) => members.values().for_each(|member| walk(member, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn render() -> String {
    Renderer::new().unwrap().page(&Docs::of(&openapi())).unwrap()
}

#[test]
fn every_operation_has_a_name_a_summary_a_tag_and_a_success() {
    let document = document();
    let mut names = BTreeSet::new();
    for (call, operation) in operations(&document) {
        let name = text(&operation["operationId"]);
        assert!(!name.is_empty() && names.insert(name), "{call}: operationId");
        assert!(!text(&operation["summary"]).is_empty(), "{call}: summary");
        let tag = &operation["tags"][0];
        assert!(list(&document["tags"]).iter().any(|t| t["name"] == *tag), "{call}: tag {tag}");
        let success = entries(&operation["responses"]).any(|(s, _)| s.starts_with('2'));
        assert!(success, "{call}: no success status");
    }
    assert!(names.len() > 25);
}

#[test]
fn every_reference_resolves() {
    let document = document();
    let mut references = Vec::new();
    walk(&document, &mut |value| references.extend(value["$ref"].as_str()));
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_component_is_used() {
    let document = document();
    for section in ["parameters", "headers", "responses", "schemas"] {
        for (name, _) in entries(&document["components"][section]) {
            let reference = format!("\"#/components/{section}/{name}\"");
            assert!(OPENAPI.contains(&reference), "{reference}");
        }
    }
}

#[test]
fn every_refusal_is_a_problem_with_its_status() {
    let document = document();
    let reader = OpenApiReader { document: &document };
    for (call, operation) in operations(&document) {
        for (status, answer) in entries(&operation["responses"]).filter(|(s, _)| *s >= "400") {
            let problem = &reader.follow(answer)["content"]["application/problem+json"];
            assert_eq!(problem["example"]["status"].to_string(), status, "{call}");
            for part in list(&problem["schema"]["allOf"]) {
                let codes = list(&part["properties"]["code"]["enum"]);
                let code = &problem["example"]["code"];
                assert!(codes.is_empty() || codes.contains(code), "{call} {status}: {code}");
            }
        }
    }
}

#[test]
fn every_parameter_of_a_path_is_described() {
    let document = document();
    for (path, methods) in entries(&document["paths"]) {
        let named: BTreeSet<_> = path.split('/').filter_map(|s| s.strip_prefix('{')).collect();
        let named: BTreeSet<_> = named.iter().map(|s| s.trim_end_matches('}').to_owned()).collect();
        let reader = OpenApiReader { document: &document };
        for (method, operation) in entries(methods) {
            let call = reader.call(path, method, operation);
            let described = call.parameters.into_iter().filter(|p| p.place == "path");
            let described: BTreeSet<_> = described.map(|p| p.name).collect();
            assert_eq!(named, described, "{method} {path}");
        }
    }
}

#[test]
fn the_page_shows_every_call_and_every_shape() {
    let page = render();
    let document = document();
    // How the template escapes a path.
    let escaped = |path: &str| path.replace('/', "&#x2f;");
    for (path, _) in entries(&document["paths"]) {
        assert!(page.contains(path) || page.contains(&escaped(path)), "{path}");
    }
    for (_, operation) in operations(&document) {
        let anchor = format!("id=\"{}\"", text(&operation["operationId"]));
        assert!(page.contains(&anchor), "{anchor}");
    }
    for shape in Docs::of(&openapi()).shapes {
        assert!(page.contains(&format!("id=\"shape-{}\"", shape.name)), "{}", shape.name);
    }
}

#[test]
fn the_page_has_no_script_and_no_inline_style() {
    let page = render();
    assert!(!page.contains("<script") && !page.contains("<style") && !page.contains("style="));
}

#[test]
fn a_type_is_described_in_words() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let username = format!("text, {USERNAME_CHARS_MIN}–{USERNAME_CHARS_MAX} characters");
    assert_eq!(words(&schemas["Username"]), username);
    assert_eq!(words(&schemas["Id"]), "integer, 1–2⁵³ − 1");
    assert_eq!(words(&schemas["ChatType"]), r#""general" | "private" | "room""#);
    let reader = OpenApiReader { document: &document };
    let kind = reader.kind(&schemas["History"]["properties"]["messages"]);
    assert_eq!((kind.words.as_str(), kind.shape.as_deref()), ("list of", Some("Message")));
}
