//! The page at `/docs`: the OpenAPI description, made readable for people.
//!
//! `Docs` is what the template needs and nothing else. It is built at start from the embedded
//! description, so programs and people read the same document. The frames of sockets, which OpenAPI cannot
//! describe, are from `assets/protocol.json`, which takes its shapes from there. Whether the routes and
//! the frames agree with what is described is checked by tests, not by this page.

use crate::http::bounds;
use crate::model::ids::ID_MAX;
use serde::Serialize;
use serde_json::Value;

/// The description as written, with the names of limits in braces.
const OPENAPI: &str = include_str!("../../../assets/openapi.json");

/// What `/openapi.json` answers.
pub fn openapi() -> String {
    bounds::fill(OPENAPI)
}

/// Every frame, error code and close code of sockets. Bounds aside, `docs/protocol.md` says the same.
const PROTOCOL: &str = include_str!("../../../assets/protocol.json");

#[derive(Debug, Serialize)]
pub struct Docs {
    pub title: String,
    pub summary: String,
    pub description: Prose,
    pub groups: Vec<GroupDoc>,
    pub client_frames: Vec<FrameDoc>,
    pub server_frames: Vec<FrameDoc>,
    pub errors: Vec<ErrorDoc>,
    pub closes: Vec<CloseDoc>,
    pub shapes: Vec<ShapeDoc>,
}

/// The calls with one tag.
#[derive(Debug, Serialize)]
pub struct GroupDoc {
    pub slug: String,
    pub name: String,
    pub description: Prose,
    pub calls: Vec<CallDoc>,
}

#[derive(Debug, Serialize)]
pub struct CallDoc {
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: Prose,
    pub access: &'static str,
    pub parameters: Vec<MemberDoc>,
    pub body: Option<BodyDoc>,
    pub answers: Vec<AnswerDoc>,
    pub refusals: Vec<AnswerDoc>,
}

/// A parameter, or a member of a JSON object; `place` is empty for the latter.
#[derive(Debug, Serialize)]
pub struct MemberDoc {
    pub name: String,
    pub place: String,
    pub required: bool,
    pub kind: KindDoc,
    pub description: Prose,
}

#[derive(Debug, Serialize)]
pub struct BodyDoc {
    pub media: Vec<String>,
    pub members: Vec<MemberDoc>,
    pub example: Option<String>,
}

/// What may be returned with one status; `codes` only if the description names them all.
#[derive(Debug, Serialize)]
pub struct AnswerDoc {
    pub status: String,
    pub description: Prose,
    pub codes: Vec<String>,
    pub media: Vec<String>,
    pub kind: Option<KindDoc>,
    pub example: Option<String>,
}

/// A named JSON object, or the alternatives that share a name.
#[derive(Debug, Serialize)]
pub struct ShapeDoc {
    pub name: String,
    pub description: Prose,
    pub members: Vec<MemberDoc>,
    pub choices: Vec<String>,
}

/// A frame of a socket, from the client or from the server.
#[derive(Debug, Serialize)]
pub struct FrameDoc {
    pub name: String,
    pub when: Prose,
    pub members: Vec<MemberDoc>,
    pub examples: Vec<String>,
}

/// The code of an error frame.
#[derive(Debug, Serialize)]
pub struct ErrorDoc {
    pub code: String,
    pub meaning: Prose,
}

/// The code that a socket is closed with; `then` says what a client does about it.
#[derive(Debug, Serialize)]
pub struct CloseDoc {
    pub code: String,
    pub meaning: Prose,
    pub then: String,
    pub comes_back: bool,
}

/// A type in words, and the name of the shape to follow, if there is one.
#[derive(Debug, Serialize)]
pub struct KindDoc {
    pub words: String,
    pub shape: Option<String>,
}

/// Text in which backticks have been turned into code.
pub type Prose = Vec<ProseSpan>;

#[derive(Debug, Serialize)]
pub struct ProseSpan {
    pub code: bool,
    pub text: String,
}

impl Docs {
    /// Made from the description as it is served, and from the embedded list of frames.
    pub fn of(openapi: &str) -> Self {
        let [document, protocol] = [openapi, PROTOCOL].map(|text| {
            serde_json::from_str::<Value>(text).expect("what is embedded is JSON: a test reads it")
        });
        let document = &document;
        let reader = OpenApiReader { document };
        let info = &document["info"];
        Self {
            title: text(&info["title"]),
            summary: text(&info["summary"]),
            description: prose(&info["description"]),
            groups: list(&document["tags"]).iter().map(|tag| reader.group(tag)).collect(),
            client_frames: reader.frames(&protocol["client"]),
            server_frames: reader.frames(&protocol["server"]),
            errors: list(&protocol["errors"]).iter().map(error).collect(),
            closes: list(&protocol["closes"]).iter().map(close).collect(),
            shapes: reader.shapes(),
        }
    }
}

/// The whole document, which every part needs in order to follow references.
struct OpenApiReader<'a> {
    document: &'a Value,
}

impl<'a> OpenApiReader<'a> {
    fn group(&self, tag: &Value) -> GroupDoc {
        let name = text(&tag["name"]);
        let calls = entries(&self.document["paths"])
            .flat_map(|(path, methods)| entries(methods).map(move |(m, call)| (path, m, call)))
            .filter(|(_, _, call)| call["tags"][0] == tag["name"])
            .map(|(path, method, call)| self.call(path, method, call))
            .collect();
        let slug = name.to_lowercase().replace(' ', "-");
        GroupDoc { slug, name, description: prose(&tag["description"]), calls }
    }

    fn call(&self, path: &str, method: &str, call: &'a Value) -> CallDoc {
        let (refusals, answers) = entries(&call["responses"])
            .map(|(status, answer)| self.answer(status, self.follow(answer)))
            .partition(|answer| answer.status.as_str() >= "400");
        CallDoc {
            id: text(&call["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&call["summary"]),
            description: prose(&call["description"]),
            access: access(call.get("security")),
            parameters: list(&call["parameters"]).iter().map(|p| self.parameter(p)).collect(),
            body: call.get("requestBody").map(|body| self.body(body)),
            answers,
            refusals,
        }
    }

    fn parameter(&self, parameter: &'a Value) -> MemberDoc {
        let parameter = self.follow(parameter);
        MemberDoc {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            required: parameter["required"] == true,
            kind: self.kind(&parameter["schema"]),
            description: prose(&parameter["description"]),
        }
    }

    fn body(&self, body: &'a Value) -> BodyDoc {
        let first = entries(&body["content"]).next().map(|(_, content)| content);
        BodyDoc {
            media: entries(&body["content"]).map(|(media, _)| media.to_owned()).collect(),
            members: first.map(|c| self.members(self.follow(&c["schema"]))).unwrap_or_default(),
            example: first.and_then(example),
        }
    }

    fn answer(&self, status: &str, answer: &'a Value) -> AnswerDoc {
        let first = entries(&answer["content"]).next().map(|(_, content)| content);
        let codes = first.map(|c| list(&c["schema"]["allOf"])).unwrap_or_default();
        let codes = codes.iter().flat_map(|part| list(&part["properties"]["code"]["enum"]));
        AnswerDoc {
            status: status.to_owned(),
            description: prose(&answer["description"]),
            codes: codes.map(text).collect(),
            media: entries(&answer["content"]).map(|(media, _)| media.to_owned()).collect(),
            kind: first.map(|content| self.kind(&content["schema"])),
            example: first.and_then(example),
        }
    }

    fn frames(&self, frames: &'a Value) -> Vec<FrameDoc> {
        let frame = |frame: &'a Value| FrameDoc {
            name: text(&frame["type"]),
            when: prose(&frame["when"]),
            members: entries(&frame["members"])
                .map(|(name, member)| MemberDoc {
                    name: name.to_owned(),
                    place: String::new(),
                    required: !list(&frame["optional"]).iter().any(|optional| optional == name),
                    kind: self.kind(member),
                    description: prose(&member["description"]),
                })
                .collect(),
            examples: list(&frame["examples"]).iter().map(Value::to_string).collect(),
        };
        list(frames).iter().map(frame).collect()
    }

    fn shapes(&self) -> Vec<ShapeDoc> {
        let named = entries(&self.document["components"]["schemas"]);
        let shape = |(name, schema): (&str, &'a Value)| ShapeDoc {
            name: name.to_owned(),
            description: prose(&schema["description"]),
            members: self.members(schema),
            choices: list(&schema["oneOf"]).iter().filter_map(reference).collect(),
        };
        named.filter(|(_, schema)| is_shape(schema)).map(shape).collect()
    }

    fn members(&self, schema: &'a Value) -> Vec<MemberDoc> {
        let own = entries(&schema["properties"]).map(|(name, member)| MemberDoc {
            name: name.to_owned(),
            place: String::new(),
            required: list(&schema["required"]).iter().any(|r| r == name),
            kind: self.kind(member),
            description: prose(
                member.get("description").unwrap_or(&self.follow(member)["description"]),
            ),
        });
        let inherited = list(&schema["allOf"]).iter();
        inherited.flat_map(|part| self.members(self.follow(part))).chain(own).collect()
    }

    fn kind(&self, schema: &'a Value) -> KindDoc {
        let target = self.follow(schema);
        if let Some(name) = reference(schema).filter(|_| is_shape(target)) {
            return KindDoc { words: String::new(), shape: Some(name) };
        }
        if let Some(choice) = list(&target["anyOf"]).first() {
            let kind = self.kind(choice);
            return KindDoc { words: format!("{} or null", kind.words).trim().to_owned(), ..kind };
        }
        if target["type"] == "array" {
            let kind = self.kind(&target["items"]);
            return KindDoc { words: format!("list of {}", kind.words).trim().to_owned(), ..kind };
        }
        KindDoc { words: words(target), shape: None }
    }

    /// The value itself, or what its `$ref` names.
    fn follow(&self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
        target.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }
}

fn error(row: &Value) -> ErrorDoc {
    ErrorDoc { code: text(&row["code"]), meaning: prose(&row["meaning"]) }
}

fn close(row: &Value) -> CloseDoc {
    let then = text(&row["then"]);
    CloseDoc {
        code: row["code"].to_string(),
        meaning: prose(&row["meaning"]),
        comes_back: then == "come back",
        then,
    }
}

/// A scalar type in a few words: `text, 8–128 characters`.
fn words(schema: &Value) -> String {
    let (name, nullable) = match &schema["type"] {
        Value::Array(names) => (names.first(), " or null"),
        name => (Some(name), ""),
    };
    let name = name.and_then(Value::as_str).unwrap_or("any");
    let mut parts = vec![match name {
        "string" => "text".to_owned(),
        other => other.to_owned(),
    }];
    if schema.get("const").is_some() {
        parts = vec![schema["const"].to_string()];
    }
    let choices: Vec<_> = list(&schema["enum"]).iter().map(Value::to_string).collect();
    if !choices.is_empty() {
        parts = vec![choices.join(" | ")];
    }
    parts.extend(range(&schema["minLength"], &schema["maxLength"]).map(|r| r + " characters"));
    parts.extend(range(&schema["minimum"], &schema["maximum"]));
    if let Some(default) = schema.get("default") {
        parts.push(format!("default {}", default.to_string().trim_matches('"')));
    }
    parts.join(", ") + nullable
}

fn range(from: &Value, to: &Value) -> Option<String> {
    // A power is easier to read than sixteen digits.
    let number = |value: &Value| match value.as_i64() {
        Some(ID_MAX) => Some("2⁵³ − 1".to_owned()),
        other => other.map(|n| n.to_string()),
    };
    match (number(from), number(to)) {
        (Some(from), Some(to)) => Some(format!("{from}–{to}")),
        (Some(from), None) if from != "0" => Some(format!("{from} or more")),
        (None, Some(to)) => Some(format!("up to {to}")),
        (Some(_) | None, None) => None,
    }
}

fn access(security: Option<&Value>) -> &'static str {
    match security.map(list) {
        None => "signed in",
        Some([]) => "anybody",
        Some(_) => "see below",
    }
}

/// Whether a schema's name leads people to more than a scalar's limits.
fn is_shape(schema: &Value) -> bool {
    ["properties", "oneOf", "allOf"].iter().any(|key| schema.get(key).is_some())
}

fn reference(schema: &Value) -> Option<String> {
    schema["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
}

fn example(content: &Value) -> Option<String> {
    content.get("example").map(|example| match example {
        Value::String(plain) => plain.clone(),
        json => format!("{json:#}"),
    })
}

fn prose(value: &Value) -> Prose {
    let pieces = value.as_str().unwrap_or_default().split('`').enumerate();
    let pieces = pieces.filter(|(_, text)| !text.is_empty());
    pieces.map(|(i, text)| ProseSpan { code: i % 2 == 1, text: text.to_owned() }).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests;
