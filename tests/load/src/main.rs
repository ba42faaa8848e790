//! snug-load: puts load on a snug and checks that nothing is lost, duplicated or out of order.
//!
//! Reads the command line, finds or starts the server, runs one scenario on one thread, in turns with
//! its floor, and prints what it found. Exit status 1 if the run failed or found a fault, 2 for wrong
//! usage. Not part of what is shipped.

mod appliance;
mod bare;
mod check;
mod compare;
mod connect;
mod cores;
mod crowd;
mod database;
mod fanout;
mod flags;
mod floor;
mod frame;
mod history;
mod http;
mod idle;
mod ingest;
/// The bounds of the server, from its own source.
#[allow(dead_code)]
#[path = "../../../src/limits/mod.rs"]
mod limits;
mod mix;
mod offsets;
mod pace;
mod report;
mod search;
mod server;
mod size;
mod soak;
mod soaker;
mod socket;
mod stalled;
mod stop;
mod tally;
mod usage;
mod users;

#[cfg(test)]
mod tests;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use compare::{Comparison, Pair};
use cores::Cores;
use flags::at_most;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use report::Report;
use server::Server;
use std::path::PathBuf;
use std::process::ExitCode;
use stop::{Result, Stop};
use tally::Tally;
use tokio::signal::unix::{SignalKind, signal};
use users::User;

/// Puts load on a snug on this machine, and counts what is lost, duplicated or out of order
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// A snug that is already running with SNUG_RATE_LIMITS=off, such as http://127.0.0.1:8000
    #[arg(long, global = true, conflicts_with = "start")]
    url: Option<String>,
    /// Its process id, to see what it uses
    #[arg(long, global = true, requires = "url")]
    pid: Option<i32>,
    /// Its database, for the floors of ingest and history and for --snapshot-seconds
    #[arg(long, global = true, requires = "url", value_name = "URL")]
    database: Option<String>,
    /// The program to start instead, with a database of its own that is removed afterwards
    #[arg(long, global = true, value_name = "PROGRAM")]
    start: Option<PathBuf>,
    /// Users to sign up, or more if the scenario needs them; they share the sockets
    #[arg(long, global = true, default_value_t = 20, value_parser = at_most(1, 10_000))]
    users: usize,
    /// Instead: a file with one token per line
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "users")]
    tokens: Option<PathBuf>,
    /// Instead: the token of a single user, if nobody else can read the list of processes
    #[arg(long, global = true, conflicts_with_all = ["users", "tokens"])]
    token: Option<String>,
    /// How often to measure the server and the floor in turns; the medians count
    #[arg(long, global = true, default_value_t = 1, value_parser = at_most(1, 20))]
    pairs: usize,
    /// Do not measure the floor
    #[arg(long, global = true)]
    no_floor: bool,
    /// Let every process use every core, instead of one core for the server and one for the load
    #[arg(long, global = true)]
    all_cores: bool,
    /// Print JSON instead of a table
    #[arg(long, global = true, conflicts_with = "markdown")]
    json: bool,
    /// Print only the rows of a Markdown table
    #[arg(long, global = true)]
    markdown: bool,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Many open, silent sockets
    Idle(idle::Args),
    /// A few people write at a fixed rate, everybody reads
    Fanout(fanout::FanoutArgs),
    /// Many people write as fast as they can, everybody reads
    Burst(fanout::BurstArgs),
    /// Many rooms are written to at once
    Ingest(ingest::Args),
    /// Sockets are opened as fast as they are answered
    Connect(connect::Args),
    /// Random pages of history
    History(history::Args),
    /// Searches while messages are stored
    Search(search::Args),
    /// Everything at once, with connections that drop
    Soak(soak::Args),
    /// How many people and messages this machine can take
    Size(size::Args),
    /// The floor by itself: the cost of broadcasting and doing nothing else
    Floor(floor::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_floor = matches!(cli.scenario, Scenario::Floor(_));
    if cli.url.is_none() && cli.start.is_none() && !is_floor {
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
    if let Scenario::Floor(args) = &cli.scenario {
        return floor::run(args).map(|()| true);
    }
    // One thread: the load must leave the rest of the machine to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, with_server(cli))
}

async fn with_server(cli: &Cli) -> Result<bool> {
    // Only processes that we start ourselves are bound to a core.
    let cores = if cli.all_cores || cli.url.is_some() { None } else { Cores::choose()? };
    let mut server = match &cli.start {
        Some(program) => Server::start(program, cores.as_ref()).await?,
        None => {
            let url = cli.url.as_deref().unwrap_or_default();
            Server::running(url, cli.pid, cli.database.as_deref()).await?
        }
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let result = tokio::select! {
        result = run(cli, &mut server, cores.as_ref()) => result,
        _ = tokio::signal::ctrl_c() => Err(Stop::new("interrupted")),
        _ = terminated.recv() => Err(Stop::new("terminated")),
    };
    server.stop().await?;
    result
}

async fn run(cli: &Cli, server: &mut Server, cores: Option<&Cores>) -> Result<bool> {
    let mut users = people(cli, server).await?;
    let mut pairs = Vec::with_capacity(cli.pairs);
    for number in 1..=cli.pairs {
        if let (Scenario::Idle(_), 2.., Some(program)) = (&cli.scenario, number, &cli.start) {
            // Memory taken by the previous sockets is there already, and would not be counted again.
            server.stop().await?;
            *server = Server::start(program, cores).await?;
            users = people(cli, server).await?;
        }
        eprintln!("snug, {number} of {}", cli.pairs);
        let ours = measure(&cli.scenario, server, &users).await?;
        let floor = match cli.no_floor {
            true => None,
            false => measure_floor(&cli.scenario, server, &users, cores).await?,
        };
        pairs.push(Pair { ours, floor });
    }
    let comparison = Comparison::of(pairs);
    comparison.print(cli.json, cli.markdown).map_err(|error| Stop::new(error.to_string()))?;
    Ok(comparison.is_clean())
}

/// The users that the sockets belong to.
async fn people(cli: &Cli, server: &Server) -> Result<Vec<User>> {
    let needed = rooms_needed(cli).div_ceil(users::ROOMS_PER_CREATOR_MAX);
    let given = match (&cli.tokens, &cli.token) {
        (Some(file), _) => users::from_file(file)?,
        (None, Some(token)) => vec![User { token: token.trim().into() }],
        (None, None) => {
            return users::sign_up(server, Tally::new()?.run, cli.users.max(needed)).await;
        }
    };
    match given.len() >= needed {
        true => Ok(given),
        false => Err(Stop::new(format!(
            "this needs {} rooms, and a user may create {}: give the tokens of {needed} users, or fewer \
             --rooms, --sockets or --pairs",
            rooms_needed(cli),
            users::ROOMS_PER_CREATOR_MAX,
        ))),
    }
}

/// One scenario against one server, with its own tally.
async fn measure(scenario: &Scenario, server: &Server, users: &[User]) -> Result<Report> {
    let tally = Tally::new()?;
    let telling = tokio::task::spawn_local(tally.clone().tell());
    let report = match scenario {
        Scenario::Idle(args) => idle::run(args, server, users, &tally).await,
        Scenario::Fanout(args) => fanout::run(args, server, users, &tally).await,
        Scenario::Burst(args) => fanout::flat_out(args, server, users, &tally).await,
        Scenario::Ingest(args) => ingest::run(args, server, users, &tally).await,
        Scenario::Connect(args) => connect::run(args, server, users, &tally).await,
        Scenario::History(args) => history::run(args, server, users, &tally).await,
        Scenario::Search(args) => search::run(args, server, users, &tally).await,
        Scenario::Soak(args) => soak::run(args, server, users, &tally).await,
        Scenario::Size(args) => size::run(args, server, users, &tally).await,
        Scenario::Floor(_) => Err(Stop::new("the floor is not a scenario")),
    };
    telling.abort();
    report
}

/// The same with only the kernel, or only PostgreSQL, at the other end.
async fn measure_floor(
    scenario: &Scenario,
    server: &Server,
    users: &[User],
    cores: Option<&Cores>,
) -> Result<Option<Report>> {
    match scenario {
        Scenario::Ingest(args) => bare::transactions(args, server).await,
        Scenario::History(args) => history::floor(args, server, users, cores).await,
        // The floor knows no words to search for, and no positions to resume from.
        Scenario::Search(_) | Scenario::Soak(_) | Scenario::Floor(_) => Ok(None),
        Scenario::Idle(_)
        | Scenario::Fanout(_)
        | Scenario::Burst(_)
        | Scenario::Connect(_)
        | Scenario::Size(_) => {
            eprintln!("the floor");
            let mut floor = Server::floor(cores).await?;
            let report = measure(scenario, &floor, users).await;
            floor.stop().await?;
            report.map(Some)
        }
    }
}

/// Each measurement creates new ones.
fn rooms_needed(cli: &Cli) -> usize {
    let rooms = match &cli.scenario {
        Scenario::Idle(args) if args.after_talk => args.sockets,
        Scenario::Ingest(args) => args.rooms,
        Scenario::Search(args) => args.rooms,
        _ => 0,
    };
    rooms * cli.pairs
}
