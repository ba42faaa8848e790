//! What the process counts about itself, in the Prometheus text format.
//!
//! Part of `Rules`; counted where things happen, collected by `GET /metrics`.

use crate::model::error::{Error, Result};
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
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
    requests: IntCounterVec,
    commit_seconds: Histogram,
    batch_drafts: Histogram,
    sockets: IntGauge,
    users: IntGauge,
    hashings: IntGauge,
    pool_connections: IntGauge,
    pool_waiting: IntGauge,
    storage_full: IntGauge,
}

/// Values that are read when the metrics are requested.
pub struct Gauges {
    pub sockets: usize,
    pub users: usize,
    pub hashings: usize,
    pub pool_connections: usize,
    pub pool_waiting: usize,
    pub is_storage_full: bool,
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
        Ok(Self {
            messages: counter("snug_messages_stored_total", "Messages stored.")?,
            deliveries: counter("snug_deliveries_total", "Messages handed to readers' sockets.")?,
            outbox_overflows: counter(
                "snug_outbox_overflows_total",
                "Readers disconnected because they were too slow.",
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
            registry,
        })
    }

    pub fn committed(&self, drafts: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.batch_drafts.observe(drafts as f64);
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
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .map_err(|error| Error::broken("the metrics", error))?;
        Ok(text)
    }
}
