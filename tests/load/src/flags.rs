//! Flags that several scenarios have, and what the values of flags may be.

use crate::crowd::Bounds;
use crate::database::Snapshot;
use crate::limits;
use crate::mix::Mix;
use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::Tally;
use clap::builder::{RangedU64ValueParser, TypedValueParser};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Each change is of a message of its own.
const SHARE_MAX: f64 = 0.5;

/// How long a scenario writes, and how much at the most.
#[derive(Clone, clap::Args)]
pub struct Span {
    /// Seconds to let the server settle before anything is measured
    #[arg(long, default_value_t = 2, value_parser = settle())]
    pub settle: u64,
    /// Seconds to write
    #[arg(long, default_value_t = 10, value_parser = seconds())]
    pub seconds: u64,
    /// The most messages to send
    #[arg(long, default_value_t = 10_000_000)]
    pub messages: u64,
}

/// What is written meanwhile.
#[derive(Clone, clap::Args)]
pub struct Writing {
    #[command(flatten)]
    pub span: Span,
    /// Characters per message
    #[arg(long, default_value_t = 100, value_parser = size())]
    pub size: usize,
    /// Seconds in the middle of the writing in which another session holds a snapshot of the database
    #[arg(long, default_value_t = 0, value_parser = settle())]
    pub snapshot_seconds: u64,
}

/// Which of it are changes.
#[derive(Clone, clap::Args)]
pub struct Changing {
    /// The share of edits in what is written, up to 0.5; no message is changed twice
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    edits: f64,
    /// The same of reactions; together with edits up to 0.5
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    reactions: f64,
}

impl Changing {
    /// The floor knows messages only, and gets as many of these.
    pub fn mix(&self, server: &Server) -> Result<Mix> {
        let Self { edits, reactions } = *self;
        if edits + reactions > SHARE_MAX {
            return Err(Stop::new("--edits and --reactions are together 0.5 at most"));
        }
        Ok(if server.is_floor() { Mix::default() } else { Mix { edits, reactions } })
    }
}

impl Writing {
    /// Where writing that begins now ends.
    pub fn bounds(&self, began: Instant, mix: Mix) -> Bounds {
        let until = began + Duration::from_secs(self.span.seconds);
        Bounds { until, messages: self.span.messages, size: self.size, mix }
    }

    pub async fn snapshot(&self, server: &Server, tally: &Rc<Tally>) -> Result<Option<Snapshot>> {
        Snapshot::plan(self.snapshot_seconds, self.span.seconds, server, tally).await
    }
}

/// Above the file limit of most machines; enough for one address.
pub fn sockets() -> impl TypedValueParser<Value = usize> {
    at_most(1, 60_000)
}

/// Longer runs are what a service is for.
pub fn seconds() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=600)
}

/// By then, the memory that opening took has been given back.
pub fn settle() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(0..=120)
}

/// As many drafts as the server queues.
pub fn under_way() -> impl TypedValueParser<Value = usize> {
    at_most(1, limits::LANE_DRAFTS_MAX)
}

pub fn window() -> impl TypedValueParser<Value = usize> {
    at_most(1, 1_024)
}

/// From what the marker needs to what the contract allows.
pub fn size() -> impl TypedValueParser<Value = usize> {
    at_most(1, limits::CONTENT_CHARS_MAX)
}

pub fn at_most(from: usize, to: usize) -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(from as u64..=to as u64)
}

pub fn rate(text: &str) -> std::result::Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.01..=1_000_000.0).contains(rate));
    rate.ok_or_else(|| "expected messages a second, from 0.01 to 1000000".to_owned())
}

/// A connection that was away has at most a thousand messages replayed.
pub fn gentle_rate(text: &str) -> std::result::Result<f64, String> {
    rate(text).ok().filter(|rate| *rate <= 500.0).ok_or_else(|| "expected 0.01 to 500".to_owned())
}

fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=SHARE_MAX).contains(share));
    share.ok_or_else(|| format!("expected a share from 0 to {SHARE_MAX}"))
}

pub fn stalled() -> impl TypedValueParser<Value = usize> {
    at_most(0, 10_000)
}

/// Fewer than the server's places for one address.
pub fn lines() -> impl TypedValueParser<Value = usize> {
    at_most(1, 1_000)
}

pub fn readers() -> impl TypedValueParser<Value = usize> {
    at_most(0, 1_000)
}

/// Ten million take a few minutes and 3 GB.
pub fn rows() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=50_000_000)
}

#[cfg(test)]
mod tests {
    use crate::server::Server;
    use crate::{Cli, Scenario};
    use clap::{CommandFactory, Parser};

    #[test]
    fn flags_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shares_of_changes_leave_a_message_for_each() {
        let parse =
            |flags: &str| Cli::try_parse_from(format!("snug-load --start snug {flags}").split(' '));
        for scenario in ["fanout", "burst", "ingest", "soak"] {
            assert!(parse(&format!("{scenario} --edits 0.3 --reactions 0.2")).is_ok());
            for bad in ["0.6", "-0.1", "NaN", "x"] {
                assert!(parse(&format!("{scenario} --edits={bad}")).is_err(), "{bad}");
            }
        }
        let Scenario::Soak(args) = parse("soak --edits 0.3 --reactions 0.3").unwrap().scenario
        else {
            unreachable!("a soak")
        };
        let server = Server::at("127.0.0.1:1".parse().unwrap(), None);
        assert!(args.changing.mix(&server).is_err());
    }

    #[test]
    fn a_scenario_may_begin_elsewhere() {
        let spans = ["size", "ingest"].map(|scenario| {
            match Cli::parse_from(["snug-load", "--start", "snug", scenario]).scenario {
                Scenario::Size(args) => args.span,
                Scenario::Ingest(args) => args.writing.span,
                _ => unreachable!("two scenarios"),
            }
        });
        assert_eq!(spans.map(|span| (span.settle, span.seconds)), [(3, 4), (2, 10)]);
        let help = Cli::command().find_subcommand("size").map(|size| size.clone().render_help());
        assert!(help.is_some_and(|help| help.to_string().contains("Seconds per step")));
    }
}
