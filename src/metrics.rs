//! What the process counts about itself, in the Prometheus text format.
//!
//! Part of `Rules`; counted where things happen, collected by `GET /metrics`.

use crate::model::error::{Error, Result};
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};
use std::time::Duration;

pub struct Metrics {
    registry: Registry,
    /// Messages stored by this process.
    pub messages: IntCounter,
    /// Message frames handed to readers' sockets.
    pub deliveries: IntCounter,
    /// Readers that were disconnected because they were too slow.
    pub outbox_overflows: IntCounter,
    /// Signals handed to readers' sockets, and those that a slow reader has missed or is told later.
    pub signals: IntCounter,
    pub signals_dropped: IntCounter,
    /// Pieces of news said to other nodes, heard of them, and dropped because the bus was away or too slow.
    pub bus_said: IntCounter,
    pub bus_heard: IntCounter,
    pub bus_dropped: IntCounter,
    /// By why it was passed over.
    pub bus_passed_over: IntCounterVec,
    /// Whether the bus is there.
    pub bus_connected: IntGauge,
    /// Chats that were read once for all who follow them, and those of which nobody had told us.
    pub chat_reads: IntCounter,
    pub chats_healed: IntCounter,
    /// Messages from before the index of words that are not in it yet.
    pub unindexed: IntGauge,
    requests: IntCounterVec,
    commit_seconds: Histogram,
    batch_drafts: Histogram,
    sockets: IntGauge,
    users: IntGauge,
    hashings: IntGauge,
    pool_connections: IntGauge,
    pool_waiting: IntGauge,
    storage_full: IntGauge,
    build: IntGaugeVec,
    notices: IntGaugeVec,
    database_bytes: IntGauge,
    database_connections: IntGauge,
    database_checksum_failures: IntGauge,
    database_up: IntGauge,
    clock_ahead: Gauge,
    disk_free_bytes: IntGauge,
    disk_reserve_bytes: IntGauge,
    resident_bytes: IntGauge,
    open_files: IntGauge,
    files_max: IntGauge,
    backup_made: IntGauge,
    backup_verified: IntGauge,
    backup_bytes: IntGauge,
    backup_failed: IntGauge,
}

/// Values that are read when the metrics are requested.
pub struct Gauges {
    pub sockets: usize,
    pub users: usize,
    pub hashings: usize,
    pub pool_connections: usize,
    pub pool_waiting: usize,
    pub is_storage_full: bool,
    /// What is odd about a proxy, and whether it was noticed.
    pub notices: [(&'static str, bool); 6],
}

/// What is measured now and then; what could not be measured stays as it was.
#[derive(Debug, Default)]
pub struct Measured {
    pub database: Option<MeasuredDatabase>,
    pub disk_free_bytes: Option<u64>,
    pub disk_reserve_bytes: u64,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub files_max: u64,
}

#[derive(Debug)]
pub struct MeasuredDatabase {
    pub bytes: u64,
    pub connections: i64,
    pub checksum_failures: i64,
    pub clock_ahead: f64,
}

impl Metrics {
    pub fn new() -> Result<Self> {
        let broken = |error| Error::broken("the metrics", error);
        Self::register(Registry::new()).map_err(broken)
    }

    fn register(registry: Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let requests = IntCounterVec::new(
            Opts::new("snug_requests_total", "HTTP requests by route and status."),
            &["route", "status"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let notices = IntGaugeVec::new(
            Opts::new("snug_proxy_notice", "1 if this was noticed about requests since the start."),
            &["kind"],
        )?;
        registry.register(Box::new(notices.clone()))?;
        let bus_passed_over = IntCounterVec::new(
            Opts::new(
                "snug_bus_passed_over_total",
                "What came on the bus and was not heard: forged, old, newer or unread.",
            ),
            &["why"],
        )?;
        registry.register(Box::new(bus_passed_over.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new("snug_build_info", "1, for the version that runs and its schema."),
            &["version", "schema"],
        )?;
        registry.register(Box::new(build.clone()))?;
        let clock_ahead = Gauge::new(
            "snug_database_clock_ahead_seconds",
            "How far the clock of the database is ahead of ours.",
        )?;
        registry.register(Box::new(clock_ahead.clone()))?;
        Ok(Self {
            messages: counter("snug_messages_stored_total", "Messages stored.")?,
            deliveries: counter("snug_deliveries_total", "Messages handed to readers' sockets.")?,
            outbox_overflows: counter(
                "snug_outbox_overflows_total",
                "Readers disconnected because they were too slow.",
            )?,
            signals: counter(
                "snug_signals_total",
                "Signals handed to readers' sockets: who writes, is online, has read.",
            )?,
            signals_dropped: counter(
                "snug_signals_dropped_total",
                "Signals that slow readers missed, or were told later.",
            )?,
            bus_said: counter("snug_bus_said_total", "Pieces of news said to other nodes.")?,
            bus_heard: counter("snug_bus_heard_total", "Pieces of news heard of other nodes.")?,
            bus_dropped: counter(
                "snug_bus_dropped_total",
                "Pieces of news that were not said: the bus was away, or too slow.",
            )?,
            bus_passed_over,
            bus_connected: gauge(
                "snug_bus_connected",
                "1 while other nodes can be heard, else 0; also 0 without a bus.",
            )?,
            chat_reads: counter(
                "snug_chat_reads_total",
                "Reads of what other nodes wrote, each for all who follow a chat here.",
            )?,
            chats_healed: counter(
                "snug_chats_healed_total",
                "Chats with messages or changes of which no other node had told.",
            )?,
            unindexed: gauge(
                "snug_unindexed_messages",
                "Messages from before the index of words that are still to be put into it.",
            )?,
            requests,
            commit_seconds: histogram(
                "snug_commit_seconds",
                "Time from the start of a batch to its commit.",
                &[
                    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
                    10.0,
                ],
            )?,
            batch_drafts: histogram(
                "snug_batch_drafts",
                "Drafts in a batch.",
                &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 512.0],
            )?,
            sockets: gauge("snug_sockets", "Open sockets.")?,
            users: gauge("snug_users_online", "Users with an open socket.")?,
            hashings: gauge("snug_hashing_queue", "Passwords being hashed or waiting to be.")?,
            pool_connections: gauge("snug_pool_connections", "Open connections in the pool.")?,
            pool_waiting: gauge("snug_pool_waiting", "Calls waiting for a connection.")?,
            storage_full: gauge(
                "snug_storage_full",
                "1 while the disk is too full for anything to be stored, else 0.",
            )?,
            build,
            notices,
            database_bytes: gauge("snug_database_bytes", "How much room the database takes.")?,
            database_connections: gauge(
                "snug_database_connections",
                "Connections to PostgreSQL, whoever has them.",
            )?,
            database_checksum_failures: gauge(
                "snug_database_checksum_failures",
                "Pages of the database that were damaged when they were read.",
            )?,
            database_up: gauge("snug_database_up", "1 if PostgreSQL answered when last asked.")?,
            clock_ahead,
            disk_free_bytes: gauge(
                "snug_disk_free_bytes",
                "What is free where its own PostgreSQL writes; 0 if the database is elsewhere.",
            )?,
            disk_reserve_bytes: gauge(
                "snug_disk_reserve_bytes",
                "With less than this free, nothing is stored.",
            )?,
            resident_bytes: gauge("snug_resident_memory_bytes", "Memory of the process.")?,
            open_files: gauge("snug_open_files", "Files and sockets that are open.")?,
            files_max: gauge("snug_open_files_max", "How many may be open.")?,
            backup_made: gauge(
                "snug_backup_made_timestamp_seconds",
                "When the last backup was made by itself; 0 if never.",
            )?,
            backup_verified: gauge(
                "snug_backup_verified_timestamp_seconds",
                "When a backup was last restored and compared by itself; 0 if never.",
            )?,
            backup_bytes: gauge("snug_backup_bytes", "The size of the last backup.")?,
            backup_failed: gauge(
                "snug_backup_failed",
                "1 if the last attempt at a backup failed, else 0.",
            )?,
            registry,
        })
    }

    pub fn committed(&self, drafts: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.batch_drafts.observe(drafts as f64);
    }

    /// What became of the last backups; times in seconds since 1970.
    pub fn backed_up(&self, made: i64, verified: i64, bytes: u64, has_failed: bool) {
        self.backup_made.set(made);
        self.backup_verified.set(verified);
        self.backup_bytes.set(bytes.cast_signed());
        self.backup_failed.set(has_failed.into());
    }

    /// Which version runs.
    pub fn built(&self, version: &str, schema: i32) {
        self.build.with_label_values(&[version, schema.to_string().as_str()]).set(1);
    }

    pub fn measured(&self, measured: &Measured) {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.database_up.set(measured.database.is_some().into());
        if let Some(database) = &measured.database {
            self.database_bytes.set(signed(database.bytes));
            self.database_connections.set(database.connections);
            self.database_checksum_failures.set(database.checksum_failures);
            self.clock_ahead.set(database.clock_ahead);
        }
        self.disk_reserve_bytes.set(signed(measured.disk_reserve_bytes));
        self.files_max.set(signed(measured.files_max));
        for (gauge, value) in [
            (&self.disk_free_bytes, measured.disk_free_bytes),
            (&self.resident_bytes, measured.resident_bytes),
            (&self.open_files, measured.open_files),
        ] {
            if let Some(value) = value {
                gauge.set(signed(value));
            }
        }
    }

    pub fn answered(&self, route: &str, status: u16) {
        let status = status.to_string();
        self.requests.with_label_values(&[route, status.as_str()]).inc();
    }

    pub fn text(&self, gauges: &Gauges) -> Result<Vec<u8>> {
        self.sockets.set(gauges.sockets as i64);
        self.users.set(gauges.users as i64);
        self.hashings.set(gauges.hashings as i64);
        self.pool_connections.set(gauges.pool_connections as i64);
        self.pool_waiting.set(gauges.pool_waiting as i64);
        self.storage_full.set(gauges.is_storage_full.into());
        for (kind, is_noticed) in gauges.notices {
            self.notices.with_label_values(&[kind]).set(is_noticed.into());
        }
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .map_err(|error| Error::broken("the metrics", error))?;
        Ok(text)
    }
}
