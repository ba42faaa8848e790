//! The server and the floor in turns: what each measured, the medians of both, and of their ratios.
//!
//! The median of the ratios is not the ratio of the medians: the two of a pair run under the same
//! conditions.

use crate::report::Report;
use serde::Serialize;

/// One measurement of the server, followed by one of the floor if the scenario has a floor.
#[derive(Debug, Serialize)]
pub struct Pair {
    pub ours: Report,
    pub floor: Option<Report>,
}

#[derive(Debug, Serialize)]
pub struct Comparison {
    pub scenario: &'static str,
    pub rows: Vec<Row>,
    pub pairs: Vec<Pair>,
}

/// One figure across all pairs.
#[derive(Debug, Serialize, PartialEq)]
pub struct Row {
    pub what: &'static str,
    pub unit: &'static str,
    pub ours: f64,
    pub floor: Option<f64>,
    pub ratio: Option<f64>,
    /// What other programs reach on a machine like the authors'.
    pub elsewhere: &'static str,
}

impl Comparison {
    /// `pairs` must not be empty; all are of one scenario.
    pub fn of(pairs: Vec<Pair>) -> Self {
        let figures = pairs.first().map(|pair| &pair.ours.figures[..]).unwrap_or_default();
        let row = |figure: &crate::report::Figure| {
            let both = |pair: &Pair| {
                let floor = pair.floor.as_ref().and_then(|floor| floor.figure(figure.what));
                pair.ours.figure(figure.what).map(|ours| (ours, floor))
            };
            let values: Vec<(f64, Option<f64>)> = pairs.iter().filter_map(both).collect();
            let ratio = |(ours, floor): &(f64, Option<f64>)| {
                floor.filter(|floor| *floor > 0.0).map(|floor| ours / floor)
            };
            Row {
                what: figure.what,
                unit: figure.unit,
                ours: median(values.iter().map(|(ours, _)| *ours).collect()).unwrap_or(0.0),
                floor: median(values.iter().filter_map(|(_, floor)| *floor).collect()),
                ratio: median(values.iter().filter_map(ratio).collect()),
                elsewhere: figure.elsewhere,
            }
        };
        let rows = figures.iter().map(row).collect();
        let scenario = pairs.first().map_or("", |pair| pair.ours.scenario);
        Self { scenario, rows, pairs }
    }

    /// Whether nothing was lost or duplicated, by the server or by the floor.
    pub fn is_clean(&self) -> bool {
        self.pairs.iter().all(|pair| {
            pair.ours.is_clean() && pair.floor.as_ref().is_none_or(|floor| floor.is_clean())
        })
    }

    pub fn print(&self, json: bool, markdown: bool) -> Result<(), serde_json::Error> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        if markdown {
            self.rows.iter().for_each(|row| println!("{}", row.markdown()));
            return Ok(());
        }
        let Some(last) = self.pairs.last() else { return Ok(()) };
        for (name, value) in last.ours.rows() {
            println!("{name:<24} {value}");
        }
        for floor in self.pairs.iter().filter_map(|pair| pair.floor.as_ref()) {
            if !floor.is_clean() {
                println!("{:<24} {}", "the floor itself", floor.verdict());
            }
        }
        if !self.rows.is_empty() {
            let columns = ["median of the runs", "ours", "floor", "ratio"];
            println!(
                "\n{:<32} {:>14} {:>14} {:>8}",
                columns[0], columns[1], columns[2], columns[3]
            );
        }
        for row in &self.rows {
            println!("{}", row.words());
        }
        if let Some(summary) = &last.ours.summary {
            println!("\n{summary}");
        }
        Ok(())
    }
}

impl Row {
    fn words(&self) -> String {
        let floor = self.floor.map_or("–".to_owned(), number);
        let ratio = self.ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let comma = if self.unit.is_empty() { "" } else { ", " };
        let what = format!("{}{comma}{}", self.what, self.unit);
        format!("{what:<32} {:>14} {floor:>14} {ratio:>8}", number(self.ours))
    }

    fn markdown(&self) -> String {
        let floor = self.floor.map_or("–".to_owned(), |value| self.with_unit(value));
        let ratio = self.ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let ours = self.with_unit(self.ours);
        format!("| {} | {ours} | {floor} | {ratio} | {} |", self.what, self.elsewhere)
    }

    fn with_unit(&self, value: f64) -> String {
        let space = if ["", "/s"].contains(&self.unit) { "" } else { " " };
        format!("{}{space}{}", number(value), self.unit)
    }
}

/// Three significant digits, with separators between thousands.
fn number(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut words = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => values.get(middle).copied(),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;

    fn report(value: f64) -> Report {
        let figures = vec![Figure { what: "speed", unit: "/s", value, elsewhere: "" }];
        Report { scenario: "burst", figures, ..Report::default() }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs_ratios() {
        let pair = |ours, floor| Pair { ours: report(ours), floor: Some(report(floor)) };
        let comparison = Comparison::of(vec![pair(10.0, 1.0), pair(80.0, 4.0), pair(30.0, 2.0)]);
        let row = &comparison.rows[0];
        assert_eq!((row.ours, row.floor, row.ratio), (30.0, Some(2.0), Some(15.0)));
        assert!(comparison.is_clean());
    }

    #[test]
    fn without_a_floor_there_is_no_ratio() {
        let comparison = Comparison::of(vec![Pair { ours: report(7.0), floor: None }]);
        assert_eq!((comparison.rows[0].floor, comparison.rows[0].ratio), (None, None));
        assert_eq!(comparison.rows[0].markdown(), "| speed | 7/s | – | – |  |");
    }

    #[test]
    fn a_floor_that_loses_something_spoils_the_run() {
        let floor = Report { lost: 1, ..report(1.0) };
        assert!(!Comparison::of(vec![Pair { ours: report(1.0), floor: Some(floor) }]).is_clean());
    }

    #[test]
    fn the_faults_of_a_run_that_was_compared_spoil_this_one() {
        let mut ours = report(1.0);
        ours.blame(&report(2.0));
        assert!(ours.is_clean());
        ours.blame(&Report { doubled: 1, ..report(2.0) });
        assert!(!ours.is_clean());
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(
            [number(1.234), number(371.0), number(6_100_000.4)],
            ["1.23", "371", "6,100,000"]
        );
    }
}
