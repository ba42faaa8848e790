//! Renders a page struct of `views` as HTML, with the templates that are embedded in the binary.
//!
//! Called by `http::pages`, whose `reader` also shows the error pages. Every template escapes,
//! whatever its name, and an undefined value is an error. Debug builds read the templates from the
//! source tree for each page, so that a change shows on reload.

use crate::http::views::Page;
use crate::http::{assets, bounds};
use crate::model::error::{Error, Fatal, Result};
use crate::model::text;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use std::collections::BTreeMap;

#[derive(rust_embed::Embed)]
#[folder = "$CARGO_MANIFEST_DIR/assets/templates"]
struct Templates;

/// The templates, parsed.
pub struct Renderer {
    templates: Environment<'static>,
}

impl Renderer {
    /// Parses every template, so that a broken one is noticed at start.
    pub fn new() -> Result<Self, Fatal> {
        let templates = environment();
        for name in Templates::iter() {
            templates
                .get_template(&name)
                .map_err(|error| Fatal::new(format!("the template {name} is broken: {error:#}")))?;
        }
        Ok(Self { templates })
    }

    pub fn page<P: Page>(&self, page: &P) -> Result<String> {
        let fresh;
        let templates = if cfg!(debug_assertions) {
            fresh = environment();
            &fresh
        } else {
            &self.templates
        };
        templates
            .get_template(P::TEMPLATE)
            .and_then(|template| template.render(Serde(page)))
            .map_err(|error| Error::broken("a page could not be rendered", error))
    }
}

fn environment() -> Environment<'static> {
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the delimiters are the usual ones");
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_loader(|name| {
        Templates::get(name)
            .map(|file| std::str::from_utf8(&file.data).map(unindented))
            .transpose()
            .map_err(|error| {
                minijinja::Error::new(ErrorKind::BadSerialization, "a template is not UTF-8")
                    .with_source(error)
            })
    });
    environment.add_function("asset", asset);
    environment.add_function("bundle", bundle);
    environment.add_filter("kib", text::kib);
    environment.add_global("fingerprint", assets::FINGERPRINT);
    environment.add_global(
        "limits",
        Value::from_object(bounds::BOUNDS.iter().copied().collect::<BTreeMap<_, _>>()),
    );
    environment
}

/// Indentation is for those who read the source: it is not sent.
fn unindented(template: &str) -> String {
    template.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// `asset("icons/favicon.svg")` in a template: its URL, which needs no escaping.
fn asset(path: &str) -> Result<Value, minijinja::Error> {
    safe(assets::address(path), path)
}

/// `bundle("app.js")` in a template: the address of what the page runs, or of how it looks.
fn bundle(file: &str) -> Result<Value, minijinja::Error> {
    safe(assets::bundle(file), file)
}

fn safe(address: Option<String>, name: &str) -> Result<Value, minijinja::Error> {
    address.map(Value::from_safe_string).ok_or_else(|| {
        minijinja::Error::new(ErrorKind::InvalidOperation, format!("there is no asset {name}"))
    })
}

#[cfg(test)]
mod tests;
