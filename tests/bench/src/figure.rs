//! Figures, their percentiles and their table.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// One measured figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) bench: String,
    /// Who was measured, and in which setting.
    pub(crate) subject: String,
    /// What the value is of it.
    pub(crate) metric: String,
    /// The value.
    pub(crate) value: f64,
    /// The unit of the value.
    pub(crate) unit: String,
    /// How many measurements the value comes from.
    pub(crate) n: usize,
}

/// A figure with the most it may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The figure.
    #[serde(flatten)]
    pub(crate) figure: Figure,
    /// What the design allows; nothing where the figure is only of interest.
    pub(crate) budget: Option<f64>,
}

/// Where a bench puts its figures.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Measured);

/// Figures of one subject under one bench.
pub(crate) struct Subject<'a> {
    bench: &'static str,
    name: String,
    sink: Sink<'a>,
}

/// The budgets of a distribution in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// Of the median.
    pub p50: Option<f64>,
    /// Of the 99th percentile.
    pub p99: Option<f64>,
    /// Of the largest value.
    pub(crate) max: Option<f64>,
}

impl<'a> Subject<'a> {
    /// Begins the figures of a subject.
    pub(crate) fn new(bench: &'static str, name: &str, sink: Sink<'a>) -> Self {
        Self { bench, name: name.to_owned(), sink }
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, metric: &str, value: f64, unit: &str, n: usize, budget: Option<f64>) {
        let (bench, subject) = (self.bench.to_owned(), self.name.clone());
        let figure = Figure { bench, subject, metric: metric.to_owned(), value, unit: unit.to_owned(), n };
        (self.sink)(Measured { figure, budget });
    }

    /// Adds the median, the 99th percentile and the largest of some times; nothing if there are none.
    pub(crate) fn distribution(&mut self, metric: &str, times: &[Duration], bounds: Bounds) {
        let Bounds { p50, p99, max } = bounds;
        for (name, rank, budget) in [("p50", 50, p50), ("p99", 99, p99), ("max", 100, max)] {
            if let Some(time) = percentile(times, rank) {
                self.add(&format!("{metric}.{name}"), time.as_secs_f64() * 1000.0, "ms", times.len(), budget);
            }
        }
    }
}

/// Returns the smallest time that at least `rank` percent of the times do not exceed.
pub(crate) fn percentile(times: &[Duration], rank: usize) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort();
    let place = (times.len() * rank).div_ceil(100);
    times.get(place.saturating_sub(1)).copied()
}

impl Measured {
    /// Returns whether the value exceeds its budget.
    pub(crate) fn over_budget(&self) -> bool {
        self.budget.is_some_and(|budget| self.figure.value > budget)
    }
}

/// A plain table of figures.
pub(crate) struct Table<'a>(pub(crate) &'a [Measured]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |field: fn(&Figure) -> &str| {
            self.0.iter().map(|measured| field(&measured.figure).len()).max().unwrap_or_default().max(7)
        };
        let (bench, subject) = (width(|figure| &figure.bench), width(|figure| &figure.subject));
        let metric = width(|figure| &figure.metric);
        let head = ("bench", "subject", "metric", "value", "unit", "n", "budget");
        let (a, b, c, d, e, g, h) = head;
        writeln!(f, "{a:bench$}  {b:subject$}  {c:metric$}  {d:>10}  {e:8}  {g:>6}  {h:>8}")?;
        for measured in self.0 {
            let Measured { figure, budget } = measured;
            let Figure { bench: a, subject: b, metric: c, value, unit, n } = figure;
            let value = number(*value);
            let budget = budget.map_or_else(String::new, number);
            let mark = if measured.over_budget() { "  over budget" } else { "" };
            let mut line =
                format!("{a:bench$}  {b:subject$}  {c:metric$}  {value:>10}  {unit:8}  {n:>6}  {budget:>8}{mark}");
            line.truncate(line.trim_end().len());
            line.write_char('\n')?;
            f.write_str(&line)?;
        }
        Ok(())
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests;
