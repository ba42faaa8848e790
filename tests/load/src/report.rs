//! What one run against one server found, and the verdict. `compare` sets runs side by side.

use crate::crowd::Crowd;
use crate::database::Snapshot;
use crate::stop::Result;
use crate::tally::Tally;
use crate::usage::{Cost, Usages};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What a scenario is run for: one number to compare with the floor's.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub what: &'static str,
    pub unit: &'static str,
    pub value: f64,
    /// The same figure for other programs, if it was measured.
    pub elsewhere: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    pub figures: Vec<Figure>,
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
    pub changed: u64,
    pub changed_per_second: f64,
    pub change_micros: Option<Quantiles>,
    pub acknowledged_each_second: Vec<u64>,
    pub requests: u64,
    pub requests_per_second: f64,
    pub request_micros: Option<Quantiles>,
    pub reconnects: u64,
    /// Sockets that never read, and how many of them were told that they are too slow.
    pub stalled: u64,
    pub stalled_told: u64,
    /// How many were told something else.
    pub stalled_misled: u64,
    /// How much more memory the server held at its peak, per stalled socket.
    pub stalled_bytes: Option<f64>,
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
    /// The result in a sentence.
    pub summary: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Quantiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

impl Report {
    pub fn new(
        scenario: &'static str,
        crowd: &Crowd,
        tally: &Tally,
        span: Duration,
        usages: Usages,
    ) -> Self {
        let sockets = crowd.seats.len();
        let written = tally.acknowledged.get() + tally.changed.get();
        Self {
            sockets,
            opened_per_second: sockets as f64 / crowd.opened_in.as_secs_f64().max(1e-9),
            unacknowledged: crowd.unacknowledged(),
            server: Cost::of(&usages, sockets, tally.deliveries.get(), written),
            ..Self::counted(scenario, tally, span)
        }
    }

    /// What the tally has counted, whoever filled it.
    pub fn counted(scenario: &'static str, tally: &Tally, span: Duration) -> Self {
        let seconds = span.as_secs_f64().max(1e-9);
        let (deliveries, acknowledged) = (tally.deliveries.get(), tally.acknowledged.get());
        Self {
            scenario,
            seconds,
            sent: tally.sent.get(),
            acknowledged,
            acknowledged_per_second: acknowledged as f64 / seconds,
            acknowledged_each_second: tally.each_second.borrow().clone(),
            deliveries,
            deliveries_per_second: deliveries as f64 / seconds,
            delivery_micros: Quantiles::of(&tally.delivery_micros.borrow()),
            ack_micros: Quantiles::of(&tally.ack_micros.borrow()),
            changed: tally.changed.get(),
            changed_per_second: tally.changed.get() as f64 / seconds,
            change_micros: Quantiles::of(&tally.change_micros.borrow()),
            lost: tally.lost.get(),
            doubled: tally.doubled.get(),
            out_of_order: tally.out_of_order.get(),
            acknowledged_twice: tally.acknowledged_twice.get(),
            unreadable: tally.unreadable.get(),
            refused: tally.refused.borrow().clone(),
            closed: tally.closed.get(),
            first_close: tally.first_close.borrow().clone(),
            ..Self::default()
        }
    }

    pub fn add(&mut self, what: &'static str, unit: &'static str, value: f64) {
        self.add_beside(what, unit, value, "–");
    }

    pub fn add_beside(
        &mut self,
        what: &'static str,
        unit: &'static str,
        value: f64,
        elsewhere: &'static str,
    ) {
        self.figures.push(Figure { what, unit, value, elsewhere });
    }

    /// The rates before, while and after another session held a snapshot, if one did.
    pub async fn add_rates(
        &mut self,
        snapshot: Option<Snapshot>,
        last: Instant,
        tally: &Tally,
    ) -> Result<()> {
        let Some(snapshot) = snapshot else { return Ok(()) };
        let [before, meanwhile, afterwards] = snapshot.rates(last, tally).await?;
        self.add("stored before a snapshot is held", "/s", before);
        self.add("stored while it is held", "/s", meanwhile);
        self.add("stored once it is let go", "/s", afterwards);
        Ok(())
    }

    pub fn figure(&self, what: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.what == what).map(|figure| figure.value)
    }

    /// How long the acknowledgements took.
    pub fn add_waits(&mut self) {
        if let Some((p50, p99)) = self.ack_micros.as_ref().map(|q| (q.p50, q.p99)) {
            self.add("half acknowledged within", "ms", p50 as f64 / 1_000.0);
            self.add("99 of 100 acknowledged within", "ms", p99 as f64 / 1_000.0);
        }
    }

    /// In a closed loop this is the longest pause of the server.
    pub fn add_slowest(&mut self) {
        if let Some(max) = self.ack_micros.as_ref().map(|q| q.max) {
            self.add("slowest acknowledgement", "ms", max as f64 / 1_000.0);
        }
    }

    /// For scenarios of requests and answers.
    pub fn count_requests(&mut self, count: u64, micros: &Histogram<u64>) {
        self.requests = count;
        self.requests_per_second = count as f64 / self.seconds.max(1e-9);
        self.request_micros = Quantiles::of(micros);
    }

    /// Takes over the faults of a run that this one is compared with.
    pub fn blame(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.unacknowledged += other.unacknowledged;
        self.acknowledged_twice += other.acknowledged_twice;
        self.unreadable += other.unreadable;
        self.closed += other.closed;
        if let Some(why) = &other.first_close {
            self.first_close.get_or_insert_with(|| why.clone());
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
            self.stalled_misled,
        ];
        faults.iter().all(|count| *count == 0)
    }

    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("scenario", self.scenario.to_owned()),
            ("seconds", format!("{:.1}", self.seconds)),
        ];
        if self.sockets > 0 {
            let sockets = format!("{}  (opened at {:.0}/s)", self.sockets, self.opened_per_second);
            rows.push(("sockets", sockets));
        }
        if self.stalled > 0 {
            let told =
                format!("{}, of which {} were closed with 1013", self.stalled, self.stalled_told);
            rows.push(("never read", told));
        }
        if self.reconnects > 0 {
            rows.push(("came back", format!("{} times", self.reconnects)));
        }
        if self.sent > 0 {
            let acked = format!("{}  ({:.0}/s)", self.acknowledged, self.acknowledged_per_second);
            let deliveries = format!("{}  ({:.0}/s)", self.deliveries, self.deliveries_per_second);
            rows.push(("sent", self.sent.to_string()));
            rows.push(("acknowledged", acked));
            if self.changed > 0 {
                let changed = format!("{}  ({:.0}/s)", self.changed, self.changed_per_second);
                rows.push(("changes, too", changed));
            }
            rows.push(("delivered", deliveries));
        }
        rows.extend(self.delivery_micros.as_ref().map(|q| ("time to a reader", q.words())));
        rows.extend(self.ack_micros.as_ref().map(|q| ("time to acknowledge", q.words())));
        rows.extend(self.change_micros.as_ref().map(|q| ("time to change", q.words())));
        if let (Some(least), [first, .., last]) =
            (self.acknowledged_each_second.iter().min(), &self.acknowledged_each_second[..])
        {
            let words = format!("{first} in the first, {least} in the worst, {last} in the last");
            rows.push(("acknowledged a second", words));
        }
        if self.requests > 0 {
            let requests = format!("{}  ({:.0}/s)", self.requests, self.requests_per_second);
            rows.push(("answered", requests));
        }
        rows.extend(self.request_micros.as_ref().map(|q| ("time to answer", q.words())));
        if let Some(cost) = &self.server {
            rows.extend(cost.rows());
        }
        rows.extend(self.refused.iter().map(|(code, n)| ("refused", format!("{n}  {code}"))));
        rows.extend(self.first_close.iter().map(|why| ("first to close", why.clone())));
        rows.push(("verdict", self.verdict()));
        rows
    }

    pub fn verdict(&self) -> String {
        if self.is_clean() {
            return "nothing lost, nothing doubled, all in order".to_owned();
        }
        format!(
            "{} lost, {} doubled, {} out of order, {} without acknowledgement, {} acknowledged \
             twice, {} unreadable, {} sockets closed, {} stalled ones misled",
            self.lost,
            self.doubled,
            self.out_of_order,
            self.unacknowledged,
            self.acknowledged_twice,
            self.unreadable,
            self.closed,
            self.stalled_misled,
        )
    }
}

impl Quantiles {
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
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
