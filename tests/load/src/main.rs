//! snug-load: puts load on a snug and checks that nothing is lost, doubled or out of order.
//!
//! Reads the command line, finds or starts the server, runs one scenario on one thread and prints
//! what it found. Exit status 1 if the run failed or found a fault, 2 for wrong usage. Not part of
//! what is shipped.

mod check;
mod crowd;
mod fanout;
mod frame;
mod idle;
mod ingest;
mod report;
mod server;
mod socket;
mod stop;
mod tally;
mod users;

#[cfg(test)]
mod tests;

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use server::Server;
use std::path::PathBuf;
use std::process::ExitCode;
use stop::{Result, Stop};
use tally::Tally;
use tokio::signal::unix::{SignalKind, signal};

/// Puts load on a snug of this machine and counts what is lost, doubled or out of order
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// A snug that runs already, with SNUG_RATE_LIMITS=off, such as http://127.0.0.1:8000
    #[arg(long, global = true, conflicts_with = "start")]
    url: Option<String>,
    /// Its process id, to see what it costs
    #[arg(long, global = true, requires = "url")]
    pid: Option<i32>,
    /// The program to start instead, with a database of its own that is removed afterwards
    #[arg(long, global = true, value_name = "PROGRAM")]
    start: Option<PathBuf>,
    /// Users to sign up; the sockets are shared out among them
    #[arg(long, global = true, default_value_t = 20, value_parser = at_most(1, 10_000))]
    users: usize,
    /// Instead: a file with a token a line
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "users")]
    tokens: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Many open sockets, and silence
    Idle(idle::Args),
    /// A few write, everybody reads
    Fanout(fanout::Args),
    /// Many rooms written to at once
    Ingest(ingest::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.url.is_none() && cli.start.is_none() {
        let which = "say which snug: --url http://127.0.0.1:PORT or --start PROGRAM\n";
        Cli::command().error(ErrorKind::MissingRequiredArgument, which).exit();
    }
    match start(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(stop) => {
            eprintln!("snug-load: {stop}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &Cli) -> Result<bool> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|e| Stop::new(e.to_string()))?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(|e| Stop::new(e.to_string()))?;
    // One thread: the load must leave the rest of the machine to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, with_server(cli))
}

async fn with_server(cli: &Cli) -> Result<bool> {
    let mut server = match &cli.start {
        Some(program) => Server::start(program).await?,
        None => Server::running(cli.url.as_deref().unwrap_or_default(), cli.pid).await?,
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let result = tokio::select! {
        result = run(cli, &server) => result,
        _ = tokio::signal::ctrl_c() => Err(Stop::new("interrupted")),
        _ = terminated.recv() => Err(Stop::new("terminated")),
    };
    server.stop().await?;
    result
}

async fn run(cli: &Cli, server: &Server) -> Result<bool> {
    let tally = Tally::new()?;
    let users = match &cli.tokens {
        Some(file) => users::from_file(file)?,
        None => users::sign_up(server, tally.run, cli.users).await?,
    };
    let telling = tokio::task::spawn_local(tally.clone().tell());
    let report = match &cli.scenario {
        Scenario::Idle(args) => idle::run(args, server, &users, &tally).await,
        Scenario::Fanout(args) => fanout::run(args, server, &users, &tally).await,
        Scenario::Ingest(args) => ingest::run(args, server, &users, &tally).await,
    };
    telling.abort();
    let report = report?;
    report.print(cli.json).map_err(|error| Stop::new(error.to_string()))?;
    Ok(report.is_clean())
}

/// Above the file limit of most machines; enough for one address.
fn sockets() -> impl TypedValueParser<Value = usize> {
    at_most(1, 60_000)
}

/// A longer run is what a service is for.
fn seconds() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=600)
}

/// What opening took is given back by then.
fn settle() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(0..=120)
}

fn window() -> impl TypedValueParser<Value = usize> {
    at_most(1, 1_024)
}

/// From what the marker needs to what the contract allows.
fn size() -> impl TypedValueParser<Value = usize> {
    at_most(1, 4_000)
}

fn at_most(from: usize, to: usize) -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(from as u64..=to as u64)
}

fn rate(text: &str) -> std::result::Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.01..=1_000_000.0).contains(rate));
    rate.ok_or_else(|| "expected messages a second, from 0.01 to 1000000".to_owned())
}
