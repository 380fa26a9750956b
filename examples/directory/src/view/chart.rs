//! The hit ratio over time, drawn.

use maud::{Markup, html};

use super::counted;
use crate::panel::{BAR, BARS, Bar};

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 150.0;
/// Where the plot lies in it.
const LEFT: f64 = 42.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 122.0;

/// How many bars back a ratio looks: a minute.
const WINDOW: usize = 12;

/// The ratio of the last minute as a line, above as many requests as there were.
pub(super) fn chart(bars: &[Bar]) -> Markup {
    let hits: u64 = bars.iter().map(|bar| u64::from(bar.hits)).sum();
    let others: u64 = bars.iter().map(|bar| u64::from(bar.others)).sum();
    let minutes = BAR.as_secs() * BARS as u64 / 60;
    let asked = hits + others;
    let said = match asked {
        0 => format!("There were no requests in the last {minutes} minutes."),
        _ => format!(
            "In the last {minutes} minutes the cache answered {hits} of {}: {} %.",
            counted(asked, "request", "requests"),
            percent(hits as f64 / asked as f64),
        ),
    };
    html! {
        figure .chart {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby="chart-title chart-text" {
                title #chart-title { "Hit ratio over time" }
                desc #chart-text { (said) }
                @for percent in [0, 50, 100] { (grid(percent)) }
                (columns(bars))
                @for path in line(bars) { path .ratio d=(path) {} }
                text .axis x=(LEFT) y=(HEIGHT - 8.0) { (minutes) " min ago" }
                text .axis x=(WIDTH) y=(HEIGHT - 8.0) text-anchor="end" { "now" }
            }
            figcaption {
                p .legend aria-hidden="true" {
                    span .key.hit { "from the cache" }
                    span .key.miss { "made" }
                    span .key.ratio { "hit ratio" }
                }
                p { (said) }
            }
        }
    }
}

/// A part of all in hundredths.
pub(super) fn percent(part: f64) -> String {
    format!("{:.0}", part * 100.0)
}

fn height(ratio: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * ratio
}

fn grid(percent: u32) -> Markup {
    let y = height(f64::from(percent) / 100.0);
    html! {
        line .grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
        text .axis x=(LEFT - 8.0) y=(y + 4.0) text-anchor="end" { (percent) " %" }
    }
}

fn columns(bars: &[Bar]) -> Markup {
    let step = (WIDTH - LEFT) / BARS as f64;
    let most = bars.iter().map(|bar| bar.hits + bar.others).max();
    let most = f64::from(most.unwrap_or(0).max(4));
    // They stand under the line, and not in its way.
    let tall = |count: u32| (BOTTOM - TOP) * 0.6 * f64::from(count) / most;
    html! {
        @for (place, bar) in bars.iter().enumerate() {
            @let x = format!("{:.1}", LEFT + step * place as f64 + 0.5);
            @let width = format!("{:.1}", step - 1.0);
            @let (hits, others) = (tall(bar.hits), tall(bar.others));
            @if bar.hits > 0 {
                rect .hit x=(x) width=(width) y=(format!("{:.1}", BOTTOM - hits)) height=(format!("{hits:.1}")) {}
            }
            @if bar.others > 0 {
                rect .miss x=(x) width=(width) y=(format!("{:.1}", BOTTOM - hits - others))
                    height=(format!("{others:.1}")) {}
            }
        }
    }
}

/// Lines, one for each time in which there was something to count.
fn line(bars: &[Bar]) -> Vec<String> {
    let step = (WIDTH - LEFT) / BARS as f64;
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for place in 0..bars.len() {
        let window = &bars[place.saturating_sub(WINDOW - 1)..=place];
        let hits: u32 = window.iter().map(|bar| bar.hits).sum();
        let others: u32 = window.iter().map(|bar| bar.others).sum();
        if hits + others == 0 {
            goes_on = false;
            continue;
        }
        let y = height(f64::from(hits) / f64::from(hits + others));
        let (x, end) = (
            LEFT + step * place as f64,
            LEFT + step * (place as f64 + 1.0),
        );
        let begin = if goes_on { "L" } else { "M" };
        let part = format!("{begin}{x:.1} {y:.1}L{end:.1} {y:.1}");
        match lines.last_mut().filter(|_| goes_on) {
            Some(line) => line.push_str(&part),
            None => lines.push(part),
        }
        goes_on = true;
    }
    lines
}
