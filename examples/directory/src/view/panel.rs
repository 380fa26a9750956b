//! The panel: what the page cache did with the last requests, and why.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::http::{Outcome, PageReport, Why};
use maud::{Markup, html};

use super::layout::{self, Place};
use super::{chart, counted};
use crate::panel::{Shown, Visit};

/// How many dependencies of a page are shown.
const MOST: usize = 4;

/// The panel as a page, for browsers without scripts.
pub(crate) fn panel_page(shown: &Shown) -> Markup {
    let content = html! {
        h1 { "What the cache does" }
        p .quiet {
            "Each page here is kept until what it shows changes. "
            a href="/panel" { "Look again" } "."
        }
        section .panel aria-labelledby="now" {
            h2 #now .unseen { "At this moment" }
            div #panel data-source="/panel/fragment" { (panel(shown)) }
        }
    };
    layout::page("What the cache does", Place::Cache, &content)
}

/// The panel alone.
pub(crate) fn panel(shown: &Shown) -> Markup {
    let totals = &shown.totals;
    let kept = totals.hits + totals.stale + totals.collapsed;
    let made = totals.misses + totals.uncacheable + totals.refused;
    html! {
        @if let Some(trouble) = &shown.trouble {
            div .notice.bad { p { strong { "Last trouble: " } (trouble) } }
        }
        dl .totals {
            div { dt { "From cache" } dd { (kept) } }
            div { dt { "Made" } dd { (made) } }
            div { dt { "Hit ratio" } dd { (ratio(totals.hit_ratio())) } }
        }
        (chart::chart(&shown.bars))
        h3 { "Last requests" }
        @if shown.recent.is_empty() {
            p .quiet { "There were none yet." }
        } @else {
            ol .visits { @for visit in &shown.recent { (entry(visit)) } }
        }
        p .quiet { "Kept in the " (shown.store) " store." }
    }
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("–".to_owned(), |ratio| {
        format!("{} %", chart::percent(ratio))
    })
}

fn entry(visit: &Visit) -> Markup {
    let report = &visit.report;
    let (word, class) = word(report.outcome);
    html! {
        li data-outcome=(class) {
            div .line {
                span .badge.(class) { (word) }
                code .target {
                    @if visit.method != "GET" { b { (visit.method) } " " }
                    (visit.target)
                }
                span .took { (time(visit.took)) }
            }
            p .why {
                (why(visit)) " "
                time .quiet { (clock(visit.at)) }
            }
            @if !report.dependencies.is_empty() { (made_from(report)) }
        }
    }
}

/// The word for an outcome, and its class.
fn word(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Hit => ("Hit", "hit"),
        Outcome::Stale => ("Stale", "hit"),
        Outcome::Collapsed => ("Shared", "hit"),
        Outcome::Miss => ("Miss", "miss"),
        Outcome::Uncacheable => ("Not kept", "plain"),
        Outcome::Bypass => ("Passed", "plain"),
        _ => ("Refused", "plain"),
    }
}

/// Why it was answered so.
fn why(visit: &Visit) -> String {
    let report = &visit.report;
    let unmodified = match visit.status {
        304 => " The browser had it.",
        _ => "",
    };
    match (report.outcome, report.why) {
        (Outcome::Hit, _) => format!(
            "Kept for {}; nothing it shows has changed.{unmodified}",
            age(report.age)
        ),
        (Outcome::Collapsed, _) => "It was being made for another request.".to_owned(),
        (Outcome::Miss, _) if visit.again => {
            "Made again: what it showed has changed since.".to_owned()
        }
        (Outcome::Miss, _) => "Made: nobody had asked for it.".to_owned(),
        (Outcome::Bypass, Some(Why::Method)) => match visit.status {
            300..400 => "Written; what shows it was ended.".to_owned(),
            status => format!("Not written, status {status}."),
        },
        (_, Some(Why::Overtaken)) => {
            "Made; something it shows changed meanwhile, or was not all in the cache yet."
                .to_owned()
        }
        (_, Some(Why::Status)) => format!("Pages of status {} are not kept.", visit.status),
        (_, Some(Why::Failed)) => "It could not be made.".to_owned(),
        (_, Some(why)) => format!("Because of: {}.", why.as_str()),
        (_, None) => String::new(),
    }
}

fn made_from(report: &PageReport) -> Markup {
    let all = &report.dependencies;
    html! {
        ul .reads aria-label="Made from" {
            @for read in all.iter().take(MOST) { li { code { (read) } } }
            @if all.len() > MOST { li { "and " (counted((all.len() - MOST) as u64, "other", "others")) } }
        }
        @if let Some(untracked) = &report.untracked { p .why { "Not all is known: " (untracked) "." } }
    }
}

fn time(took: Duration) -> String {
    match took.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1_000.0),
    }
}

fn age(age: Option<Duration>) -> String {
    match age.map_or(0, |age| age.as_secs()) {
        0 => "less than a second".to_owned(),
        seconds @ 1..120 => counted(seconds, "second", "seconds"),
        seconds => counted(seconds / 60, "minute", "minutes"),
    }
}

/// The time of day, in UTC.
fn clock(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hours, minutes, seconds) = (since / 3_600 % 24, since / 60 % 60, since % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02} UTC")
}
