//! The server that runs, and how it is reached from outside.

use super::Finding;
use super::ask::{Heard, ask};
use crate::http::public_url::{PublicUrl, Scheme};
use crate::limits::{DOCTOR_CERTIFICATE_DAYS_FAILURE, DOCTOR_CERTIFICATE_DAYS_WARNING};
use crate::process::config::Config;
use jiff::Timestamp;

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_served = own(config, &mut findings).await;
    if let Some(url) = &config.public_url {
        public(url, is_served, &mut findings).await;
    } else {
        findings.push(Finding::ok("public url", "not set: it is taken from each request's Host"));
    }
    if is_served {
        findings.extend(notices(config).await);
    }
    findings
}

/// Whether one answers where it should listen.
async fn own(config: &Config, findings: &mut Vec<Finding>) -> bool {
    let heard = ask(Scheme::Http, &listening(config), "/readyz", None).await;
    let (is_served, finding) = match heard {
        Ok(Heard { status: 200, .. }) => (true, Finding::ok("server", "serves, and is ready")),
        Ok(Heard { status, body, .. }) => {
            let remedy = "see the lines about the database";
            let found = format!("serves, but is not ready ({status}): {}", body.trim_end());
            let plain = format!("serves, but is not ready ({status})");
            (true, Finding::failure("server", found, remedy).plainly(plain))
        }
        Err(_) => {
            let remedy = "if it should run: systemctl start snug, and journalctl -u snug";
            (false, Finding::warning("server", "does not answer where it listens", remedy))
        }
    };
    findings.push(finding);
    is_served
}

/// Its own address, by which this machine reaches it.
fn listening(config: &Config) -> String {
    let address = config.listen;
    match address.ip().is_unspecified() {
        true => format!("127.0.0.1:{}", address.port()),
        false => address.to_string(),
    }
}

async fn public(url: &PublicUrl, is_served: bool, findings: &mut Vec<Finding>) {
    const TOPIC: &str = "public url";
    let heard = match ask(url.scheme, &url.authority, "/healthz", None).await {
        Ok(heard) => heard,
        Err(why) => {
            let remedy = "if browsers reach it and only this machine does not, this is no matter; \
                otherwise look at the proxy and at the name";
            findings.push(
                Finding::warning(
                    TOPIC,
                    format!("{url} cannot be reached from here: {why}"),
                    remedy,
                )
                .plainly("cannot be reached from here"),
            );
            return;
        }
    };
    let is_ours = heard.status == 200 && heard.body == "ok\n";
    findings.push(match is_ours {
        true => Finding::ok(TOPIC, format!("{url} leads here")).plainly("leads here"),
        false if !is_served => Finding::ok(TOPIC, format!("{url} answers with {}", heard.status))
            .plainly("answers, but no server does"),
        false => Finding::failure(
            TOPIC,
            format!("{url} answers with {}, and it is not snug that does", heard.status),
            "look at the proxy: it must pass all paths on, with the Host that it was asked for",
        )
        .plainly(format!("answers with {}, and it is not snug that does", heard.status)),
    });
    if let Some(until) = heard.valid_until {
        findings.push(certificate(until));
    }
}

fn certificate(until: Timestamp) -> Finding {
    let days = (until.as_second() - Timestamp::now().as_second()) / 86_400;
    let found = format!("valid for {days} more days");
    const REMEDY: &str = "look why it is not renewed: at the proxy, or at its ACME client";
    match days {
        _ if days < DOCTOR_CERTIFICATE_DAYS_FAILURE => {
            Finding::failure("certificate", found, REMEDY)
        }
        _ if days < DOCTOR_CERTIFICATE_DAYS_WARNING => {
            Finding::warning("certificate", found, REMEDY)
        }
        _ => Finding::ok("certificate", found),
    }
}

/// What the server has noticed about the proxy since it started, from its metrics. The request by the public
/// address was one of those that it looked at.
async fn notices(config: &Config) -> Vec<Finding> {
    const TOPIC: &str = "proxy";
    let token = config.metrics_token.as_ref().map(|token| token.expose());
    let unknown = |why: &str| vec![Finding::ok(TOPIC, format!("what it sent is not known: {why}"))];
    let text = match ask(Scheme::Http, &listening(config), "/metrics", token).await {
        Ok(Heard { status: 200, body, .. }) => body,
        Ok(_) => return unknown("set SNUG_METRICS_TOKEN to be told here"),
        Err(_) => return unknown("no answer"),
    };
    let noticed = |line: &str| {
        let (name, value) = line.strip_prefix("snug_proxy_notice{kind=\"")?.split_once("\"}")?;
        (value.trim() == "1").then(|| name.to_owned())
    };
    let noticed: Vec<String> = text.lines().filter_map(noticed).collect();
    if noticed.is_empty() {
        return vec![Finding::ok(TOPIC, "nothing odd about requests since the start")];
    }
    let finding = |name: &String| {
        let (found, remedy) = match name.as_str() {
            "untold_client" => (
                "a trusted proxy sends no X-Forwarded-For: all behind it count as one",
                "have it send the header, as in docs/proxy",
            ),
            "odd_client" => (
                "a trusted proxy sends an X-Forwarded-For that is not an address",
                "have it send the client's address, as in docs/proxy",
            ),
            "untrusted_proxy" => (
                "forwarding headers come from an address that is not trusted",
                "if it is your proxy, name it in SNUG_TRUSTED_PROXIES",
            ),
            "foreign_origin" => (
                "browsers come from another origin than the server's own",
                "if people reach it by that one, set SNUG_PUBLIC_URL to it",
            ),
            "foreign_host" => (
                "requests are for a name that is not known to be the server's",
                "if people reach it by that one, set SNUG_PUBLIC_URL to it",
            ),
            _ => (
                "WebSockets are asked for without the header Upgrade",
                "have the proxy pass on Upgrade and Connection, as in docs/proxy",
            ),
        };
        Finding::warning(TOPIC, found, remedy)
    };
    noticed.iter().map(finding).collect()
}
