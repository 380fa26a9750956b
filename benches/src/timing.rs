//! Timing two sides of a ratio in the same breath.

use std::time::{Duration, Instant};

/// Medians over the rounds, and of the ratios of each round.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// The median over the rounds of first / second.
    pub ratio: f64,
    /// The median of the first side, in nanoseconds a call.
    pub first: f64,
    /// The median of the second side, in nanoseconds a call.
    pub second: f64,
}

/// Runs two sides in turns, each round the other one first, and compares them round by round:
/// what disturbs a round disturbs both, and what disturbs one of many rounds is not the median.
///
/// Each side is given the round's number and returns the time that it took for `calls` calls.
/// Two rounds that are not counted come first.
pub fn in_turns(
    rounds: usize,
    calls: usize,
    mut first: impl FnMut(usize) -> Duration,
    mut second: impl FnMut(usize) -> Duration,
) -> Ratio {
    let mut times = (Vec::new(), Vec::new());
    let mut ratios = Vec::new();
    for round in 0..rounds + 2 {
        let (a, b) = if round.is_multiple_of(2) {
            let a = first(round);
            (a, second(round))
        } else {
            let b = second(round);
            (first(round), b)
        };
        if round >= 2 {
            let per_call = |time: Duration| time.as_nanos() as f64 / calls as f64;
            times.0.push(per_call(a));
            times.1.push(per_call(b));
            ratios.push(a.as_nanos() as f64 / b.as_nanos().max(1) as f64);
        }
    }
    Ratio {
        ratio: median(&mut ratios),
        first: median(&mut times.0),
        second: median(&mut times.1),
    }
}

/// How long a piece of work takes.
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The median; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
