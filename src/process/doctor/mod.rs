//! `snug doctor`: how the installation is, line by line: well, a warning, a failure, and what to do.
//!
//! `machine` looks at the machine, `database` at PostgreSQL and the schema, `backups` at what there is of them,
//! `served` at the server that runs and at its public address, by `ask`. Nothing is changed. Called by `main`.
//! The report is for strangers: no name, text, address, path or secret is in it.

mod ask;
mod backups;
mod database;
mod machine;
mod served;

use super::config::{Config, InForce, Source};
use serde::Serialize;
use std::fmt::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warning,
    Failure,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub topic: &'static str,
    pub verdict: Verdict,
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What is said of it to strangers; as `found`, if not set.
    #[serde(skip)]
    plain: Option<String>,
}

/// How much is looked at, and for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examination {
    /// Reads every message, too.
    pub is_deep: bool,
    pub form: ReportForm,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportForm {
    /// For whoever runs it.
    #[default]
    Lines,
    Json,
    /// For strangers.
    Plain,
}

/// All that was found.
#[derive(Debug, Default, Serialize)]
pub struct Health {
    pub findings: Vec<Finding>,
}

impl Finding {
    fn new(topic: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { topic, verdict, found: found.into(), remedy: None, plain: None }
    }

    fn ok(topic: &'static str, found: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Ok, found)
    }

    fn warning(topic: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(topic, Verdict::Warning, found) }
    }

    fn failure(topic: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(topic, Verdict::Failure, found) }
    }

    /// For strangers it is said like this.
    fn plainly(self, plain: impl Into<String>) -> Self {
        Self { plain: Some(plain.into()), ..self }
    }
}

/// Looks at everything, and returns what to print and the exit status: 0, 1 for warnings, 2 for failures.
pub async fn examine(
    config: &Config,
    in_force: &InForce,
    examination: Examination,
) -> (String, u8) {
    let mut health = Health::default();
    health.add([Finding::ok("version", format!("snug {}", env!("CARGO_PKG_VERSION")))]);
    health.add(settings(in_force));
    health.add(machine::look(config));
    health.add(database::look(config, examination.is_deep).await);
    health.add(backups::look(config));
    health.add(served::look(config).await);
    let worst = health.worst();
    (health.told(examination.form), worst as u8)
}

impl Health {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    fn worst(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }

    fn told(&self, form: ReportForm) -> String {
        match form {
            ReportForm::Lines => self.lines(),
            ReportForm::Plain => self.plain(),
            ReportForm::Json => {
                let all = serde_json::json!({ "verdict": self.worst(), "findings": self.findings });
                format!("{all:#}\n")
            }
        }
    }

    fn lines(&self) -> String {
        let width = self.findings.iter().map(|finding| finding.topic.len()).max().unwrap_or(0);
        let mut lines = String::new();
        for Finding { topic, verdict, found, remedy, .. } in &self.findings {
            let verdict: &str = verdict.into();
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{verdict:7}  {topic:width$}  {found}");
            if let Some(remedy) = remedy {
                let _ = writeln!(lines, "{:7}  {:width$}  -> {remedy}", "", "");
            }
        }
        lines
    }

    fn plain(&self) -> String {
        let mut lines = String::from("```\n");
        for Finding { topic, verdict, found, plain, .. } in &self.findings {
            let verdict: &str = verdict.into();
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{verdict}: {topic}: {}", plain.as_ref().unwrap_or(found));
        }
        lines.push_str("```\n");
        lines
    }
}

/// What is set, and from where; one line for all defaults.
fn settings(in_force: &InForce) -> Vec<Finding> {
    let set = in_force.each().filter(|(_, _, source)| **source != Source::Default);
    let mut findings: Vec<Finding> = set
        .map(|(name, value, source)| {
            let plain = format!("{name} is set");
            Finding::ok("setting", format!("{name}={value}, {source}")).plainly(plain)
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("setting", "all are the defaults"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_line_decides_and_strangers_hear_less() {
        let mut health = Health::default();
        assert_eq!(health.worst(), Verdict::Ok);
        health.add([
            Finding::ok("a", "fine"),
            Finding::warning("b", "at chat.example", "do this").plainly("at some address"),
        ]);
        assert_eq!(health.worst() as u8, 1);
        assert_eq!(health.lines().lines().count(), 3);
        assert!(health.lines().contains("-> do this"));
        let plain = health.plain();
        assert!(plain.contains("warning: b: at some address") && !plain.contains("example"));
        health.add([Finding::failure("c", "broken", "mend it")]);
        assert_eq!(health.worst() as u8, 2);
        let json: serde_json::Value = serde_json::from_str(&health.told(ReportForm::Json)).unwrap();
        assert_eq!(json["verdict"], "failure");
        assert_eq!(json["findings"][1]["remedy"], "do this");
    }
}
