//! What a run found: a table for people, JSON for machines, and the verdict.

use crate::crowd::Crowd;
use crate::server::Usage;
use crate::tally::Tally;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    pub sockets: usize,
    pub opened_per_second: f64,
    pub seconds: f64,
    pub sent: u64,
    pub acknowledged: u64,
    pub acknowledged_per_second: f64,
    pub deliveries: u64,
    pub deliveries_per_second: f64,
    pub delivery_micros: Option<Quantiles>,
    pub ack_micros: Option<Quantiles>,
    pub lost: u64,
    pub doubled: u64,
    pub out_of_order: u64,
    pub unacknowledged: u64,
    pub acknowledged_twice: u64,
    pub unreadable: u64,
    pub refused: BTreeMap<String, u64>,
    pub closed: u64,
    pub first_close: Option<String>,
    pub server: Option<Cost>,
}

#[derive(Debug, Serialize)]
pub struct Quantiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// What the server's own process used; its PostgreSQL is not in it.
#[derive(Debug, Serialize)]
pub struct Cost {
    pub pss_kib_before: u64,
    pub pss_kib_open: u64,
    pub pss_kib_end: u64,
    pub pss_bytes_per_socket: f64,
    pub cpu_seconds: f64,
    pub cpu_micros_per_delivery: Option<f64>,
    pub cpu_micros_per_message: Option<f64>,
}

/// The server's usage before the sockets, with all open, and at the end.
pub struct Usages {
    pub before: Option<Usage>,
    pub open: Option<Usage>,
    pub end: Option<Usage>,
}

impl Report {
    pub fn new(
        scenario: &'static str,
        crowd: &Crowd,
        tally: &Tally,
        span: Duration,
        usages: Usages,
    ) -> Self {
        let seconds = span.as_secs_f64().max(1e-9);
        let sockets = crowd.seats.len();
        let (deliveries, acknowledged) = (tally.deliveries.get(), tally.acknowledged.get());
        Self {
            scenario,
            sockets,
            opened_per_second: sockets as f64 / crowd.opened_in.as_secs_f64().max(1e-9),
            seconds,
            sent: tally.sent.get(),
            acknowledged,
            acknowledged_per_second: acknowledged as f64 / seconds,
            deliveries,
            deliveries_per_second: deliveries as f64 / seconds,
            delivery_micros: Quantiles::of(&tally.delivery_micros.borrow()),
            ack_micros: Quantiles::of(&tally.ack_micros.borrow()),
            lost: tally.lost.get(),
            doubled: tally.doubled.get(),
            out_of_order: tally.out_of_order.get(),
            unacknowledged: crowd.unacknowledged(),
            acknowledged_twice: tally.acknowledged_twice.get(),
            unreadable: tally.unreadable.get(),
            refused: tally.refused.borrow().clone(),
            closed: tally.closed.get(),
            first_close: tally.first_close.borrow().clone(),
            server: Cost::of(&usages, sockets, deliveries, acknowledged),
        }
    }

    /// Whether every message came once, in order, and every socket stayed open.
    pub fn is_clean(&self) -> bool {
        let faults = [
            self.lost,
            self.doubled,
            self.out_of_order,
            self.unacknowledged,
            self.acknowledged_twice,
            self.unreadable,
            self.closed,
        ];
        faults.iter().all(|count| *count == 0)
    }

    pub fn print(&self, json: bool) -> Result<(), serde_json::Error> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for (name, value) in self.rows() {
            println!("{name:<24} {value}");
        }
        Ok(())
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("scenario", self.scenario.to_owned()),
            ("sockets", format!("{}  (opened at {:.0}/s)", self.sockets, self.opened_per_second)),
            ("seconds", format!("{:.1}", self.seconds)),
        ];
        if self.sent > 0 {
            let acked = format!("{}  ({:.0}/s)", self.acknowledged, self.acknowledged_per_second);
            let deliveries = format!("{}  ({:.0}/s)", self.deliveries, self.deliveries_per_second);
            rows.push(("sent", self.sent.to_string()));
            rows.push(("acknowledged", acked));
            rows.push(("delivered", deliveries));
        }
        rows.extend(self.delivery_micros.as_ref().map(|q| ("time to a reader", q.words())));
        rows.extend(self.ack_micros.as_ref().map(|q| ("time to acknowledge", q.words())));
        if let Some(cost) = &self.server {
            rows.extend(cost.rows());
        }
        rows.extend(self.refused.iter().map(|(code, n)| ("refused", format!("{n}  {code}"))));
        rows.extend(self.first_close.iter().map(|why| ("first to close", why.clone())));
        rows.push(("verdict", self.verdict()));
        rows
    }

    fn verdict(&self) -> String {
        if self.is_clean() {
            return "nothing lost, nothing doubled, all in order".to_owned();
        }
        format!(
            "{} lost, {} doubled, {} out of order, {} without acknowledgement, {} acknowledged \
             twice, {} unreadable, {} sockets closed",
            self.lost,
            self.doubled,
            self.out_of_order,
            self.unacknowledged,
            self.acknowledged_twice,
            self.unreadable,
            self.closed,
        )
    }
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile);
        (!histogram.is_empty()).then(|| Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        })
    }

    fn words(&self) -> String {
        let ms = |micros: u64| micros as f64 / 1_000.0;
        format!(
            "p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, at the most {:.2} ms",
            ms(self.p50),
            ms(self.p90),
            ms(self.p99),
            ms(self.p999),
            ms(self.max)
        )
    }
}

impl Cost {
    fn of(usages: &Usages, sockets: usize, deliveries: u64, messages: u64) -> Option<Self> {
        let (before, open, end) = (usages.before?, usages.open?, usages.end?);
        let cpu_seconds = end.cpu_seconds - open.cpu_seconds;
        let each = |count: u64| (count > 0).then(|| cpu_seconds * 1e6 / count as f64);
        let grown = open.pss_kib as f64 - before.pss_kib as f64;
        Some(Self {
            pss_kib_before: before.pss_kib,
            pss_kib_open: open.pss_kib,
            pss_kib_end: end.pss_kib,
            pss_bytes_per_socket: grown * 1024.0 / sockets.max(1) as f64,
            cpu_seconds,
            cpu_micros_per_delivery: each(deliveries),
            cpu_micros_per_message: each(messages),
        })
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("server CPU", format!("{:.2} s", self.cpu_seconds)),
            (
                "server memory",
                format!(
                    "{} KiB before, {} KiB with all open ({:.0} B a socket), {} KiB at the end",
                    self.pss_kib_before,
                    self.pss_kib_open,
                    self.pss_bytes_per_socket,
                    self.pss_kib_end
                ),
            ),
        ];
        rows.extend(
            self.cpu_micros_per_delivery.map(|us| ("CPU a delivery", format!("{us:.2} µs"))),
        );
        rows.extend(self.cpu_micros_per_message.map(|us| ("CPU a message", format!("{us:.1} µs"))));
        rows
    }
}
