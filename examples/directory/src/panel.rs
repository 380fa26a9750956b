//! What the page cache did: taken down for each request, and shown beside the pages.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use larder::http::{Outcome, PageReport, PageStats};
use parking_lot::Mutex;

use crate::app::App;

/// How many requests are shown.
const RECENT: usize = 10;

/// How many bars the chart has, and how much time one is.
pub(crate) const BARS: usize = 60;
pub(crate) const BAR: Duration = Duration::from_secs(5);

/// How many targets are remembered, to tell a page made again from one made first.
const MAX_SEEN: usize = 4_096;

/// The longest part of a target that is shown, in characters.
const MAX_TARGET: usize = 120;

/// One request, and how it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) at: SystemTime,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) report: PageReport,
    /// Whether it was asked for before.
    pub(crate) again: bool,
}

/// The requests of one bar's time that asked the cache.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bar {
    /// The cache answered.
    pub(crate) hits: u32,
    /// A handler did.
    pub(crate) others: u32,
}

/// What is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The last first.
    pub(crate) recent: Vec<Visit>,
    /// The earliest first; the last one is now.
    pub(crate) bars: Vec<Bar>,
    pub(crate) totals: PageStats,
    /// What failed last.
    pub(crate) trouble: Option<String>,
    /// Where pages and people are kept.
    pub(crate) store: &'static str,
}

/// What went wrong behind a response that does not say it.
#[derive(Clone, Debug)]
pub(crate) struct Trouble(pub(crate) String);

/// Takes down what becomes of requests.
#[derive(Debug)]
pub(crate) struct Monitor {
    began: Instant,
    state: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    recent: VecDeque<Visit>,
    /// With the number of its time, counted from the beginning; the earliest first.
    bars: VecDeque<(u64, Bar)>,
    seen: HashSet<String>,
    trouble: Option<String>,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::default(),
        }
    }
}

impl Monitor {
    fn now(&self) -> u64 {
        self.began.elapsed().as_secs() / BAR.as_secs()
    }

    /// Keeps what failed, to be shown.
    pub(crate) fn note(&self, trouble: String) {
        self.state.lock().trouble = Some(trouble);
    }

    fn take_down(&self, mut visit: Visit) {
        let now = self.now();
        let mut state = self.state.lock();
        if state.seen.len() >= MAX_SEEN {
            state.seen.clear();
        }
        visit.again = !state.seen.insert(visit.target.clone());
        if let Some(is_hit) = is_hit(visit.report.outcome) {
            if state.bars.back().is_none_or(|(number, _)| *number != now) {
                state.bars.push_back((now, Bar::default()));
            }
            while state.bars.len() > BARS {
                state.bars.pop_front();
            }
            if let Some((_, bar)) = state.bars.back_mut() {
                match is_hit {
                    true => bar.hits = bar.hits.saturating_add(1),
                    false => bar.others = bar.others.saturating_add(1),
                }
            }
        }
        state.recent.push_front(visit);
        state.recent.truncate(RECENT);
    }

    /// What is shown now.
    pub(crate) fn shown(&self, totals: PageStats, store: &'static str) -> Shown {
        let now = self.now();
        let state = self.state.lock();
        let mut bars = vec![Bar::default(); BARS];
        for (number, bar) in &state.bars {
            let back = usize::try_from(now.saturating_sub(*number)).unwrap_or(BARS);
            if let Some(place) = (BARS - 1).checked_sub(back) {
                bars[place] = *bar;
            }
        }
        Shown {
            recent: state.recent.iter().cloned().collect(),
            bars,
            totals,
            trouble: state.trouble.clone(),
            store,
        }
    }
}

/// Whether the cache answered; nothing if it was not asked.
pub(crate) fn is_hit(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Hit | Outcome::Stale | Outcome::Collapsed => Some(true),
        Outcome::Bypass => None,
        _ => Some(false),
    }
}

/// Takes down what becomes of a request. It stands around the page cache, which tells of each
/// response in its extensions.
pub(crate) async fn record(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let mut shown: String = target.chars().take(MAX_TARGET).collect();
    if shown.len() < target.len() {
        shown.push('…');
    }
    let began = Instant::now();
    let response = next.run(request).await;
    if let Some(Trouble(trouble)) = response.extensions().get() {
        app.monitor.note(trouble.clone());
    }
    if let Some(report) = response.extensions().get::<PageReport>() {
        app.monitor.take_down(Visit {
            at: SystemTime::now(),
            method,
            target: shown,
            status: response.status().as_u16(),
            took: began.elapsed(),
            report: report.clone(),
            again: false,
        });
    }
    response
}
