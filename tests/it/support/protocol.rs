//! The list of frames, with which every frame that a test receives is compared.

use serde_json::Value;
use std::sync::LazyLock;

/// The list that authors of clients read.
pub static PROTOCOL: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../assets/protocol.json")).unwrap());

/// Where the list takes shapes from.
static OPENAPI: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../assets/openapi.json")).unwrap());

/// Returns the frame; panics if it is not on the list exactly as it is.
pub fn listed(frame: Value) -> Value {
    if let Err(why) = check(&frame) {
        panic!("assets/protocol.json: {why} in {frame}");
    }
    frame
}

/// Compares a frame of the server with the list: its type, its members, their types, its error code.
pub fn check(frame: &Value) -> Result<(), String> {
    let list = |name: &str| PROTOCOL[name].as_array().unwrap().iter();
    let named = |row: &&Value| row["type"] == frame["type"];
    let row = list("server").find(named).ok_or("there is no such type of frame")?;
    let members = row["members"].as_object().unwrap();
    for (name, member) in frame.as_object().ok_or("it is not an object")? {
        if name != "type" {
            let schema = members.get(name).ok_or(format!("there is no {name}"))?;
            fits(schema, member).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    let optional = row["optional"].as_array().unwrap();
    let missing = members.keys().find(|name| {
        frame.get(name.as_str()).is_none() && !optional.iter().any(|other| other == *name)
    });
    if let Some(name) = missing {
        return Err(format!("{name} is not called optional, and is missing"));
    }
    if frame["type"] == "error" && !list("errors").any(|row| row["code"] == frame["code"]) {
        return Err("there is no such code".to_owned());
    }
    Ok(())
}

/// What a reference in the list or in a shape refers to.
pub fn follow(schema: &Value) -> &Value {
    let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.map_or(schema, |pointer| OPENAPI.pointer(pointer).expect("a shape"))
}

/// Checks the part of JSON Schema that concerns members and types; limits are up to other tests.
fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let schema = follow(schema);
    for alternatives in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[alternatives].as_array() {
            let wrongs: Vec<String> =
                choices.iter().filter_map(|choice| fits(choice, value).err()).collect();
            return if wrongs.len() < choices.len() { Ok(()) } else { Err(wrongs.join("; ")) };
        }
    }
    if let Some(only) = schema.get("const").filter(|only| *only != value) {
        return Err(format!("{value} is not {only}"));
    }
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
        return Err(format!("{value} is not one of {}", schema["enum"]));
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = &schema["type"];
    if types != name && !types.as_array().is_some_and(|types| types.iter().any(|t| t == name)) {
        return Err(format!("{value} is not {types}"));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| fits(&schema["items"], item)),
        Value::Object(members) => {
            for (name, member) in members {
                let schema = schema["properties"].get(name).ok_or(format!("there is no {name}"))?;
                fits(schema, member).map_err(|why| format!("{name}: {why}"))?;
            }
            let required = schema["required"].as_array().unwrap().iter();
            let mut missing = required.filter(|name| !members.contains_key(name.as_str().unwrap()));
            missing
                .next()
                .map_or(Ok(()), |name| Err(format!("{} is missing", name.as_str().unwrap())))
        }
        _ => Ok(()),
    }
}
