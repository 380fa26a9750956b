//! Policies: how long what was loaded lives, when it is loaded anew, and what is served when
//! that fails.

use std::time::Duration;

use crate::clock::whole_millis;
use crate::error::{Error, Result};

/// How a cache loads, and how it serves what it loaded. See `docs/POLICIES.md` for each rule and
/// the test that proves it.
///
/// A policy is checked when it is built; what contradicts itself is refused there. It applies to
/// loads (`get_or_load` and its like): plain reads never see what is stale, and plain writes
/// live exactly as long as they say.
///
/// ```
/// use std::time::Duration;
/// use larder_core::Policy;
///
/// # fn main() -> larder_core::Result<()> {
/// let policy = Policy::builder()
///     .ttl(Duration::from_secs(60))
///     .stale_while_revalidate(Duration::from_secs(30))
///     .stale_if_error(Duration::from_secs(3600))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(crate) ttl: Option<Duration>,
    pub(crate) jitter: f64,
    pub(crate) absent_ttl: Duration,
    pub(crate) revalidate: Duration,
    pub(crate) on_error: Duration,
    pub(crate) retry_after: Duration,
    pub(crate) eager_at: Option<f64>,
    pub(crate) xfetch: Option<f64>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) hard_timeout: Option<Duration>,
    pub(crate) load_deadline: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) lease: Duration,
    /// `ttl` and `idle` in milliseconds: hits are weighed by them.
    pub(crate) ttl_millis: Option<i64>,
    pub(crate) idle_millis: Option<i64>,
}

impl Default for Policy {
    /// A lifetime from the cache or the model, 5 % of jitter, absence remembered for 30 s,
    /// nothing stale served, no timeouts, leases of 10 s.
    fn default() -> Self {
        Self {
            ttl: None,
            jitter: 0.05,
            absent_ttl: Duration::from_secs(30),
            revalidate: Duration::ZERO,
            on_error: Duration::ZERO,
            retry_after: Duration::from_secs(30),
            eager_at: None,
            xfetch: None,
            soft_timeout: None,
            hard_timeout: None,
            load_deadline: None,
            idle: None,
            lease: Duration::from_secs(10),
            ttl_millis: None,
            idle_millis: None,
        }
    }
}

impl Policy {
    /// Begins with the default policy.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder(Self::default())
    }

    /// For copies of a database's rows: as right as the cache can be, and through an outage of
    /// the database of up to an hour the last that is known.
    pub fn for_database_rows() -> PolicyBuilder {
        Self::builder().stale_if_error(Duration::from_secs(3_600))
    }

    /// For answers of services that are slow at times or down: what is known is served at once
    /// when the service takes longer than 250 ms, and for a day when it fails.
    pub fn for_unreliable_services() -> PolicyBuilder {
        Self::builder()
            .stale_if_error(Duration::from_secs(86_400))
            .soft_timeout(Duration::from_millis(250))
            .hard_timeout(Duration::from_secs(10))
    }

    /// For results that take long to compute and that many ask for: nobody waits but the first;
    /// each is computed anew in the background before it ends, the dearer the earlier.
    pub fn for_costly_results() -> PolicyBuilder {
        Self::builder()
            .refresh_by_chance(1.0)
            .stale_while_revalidate(Duration::from_secs(300))
            .lease(Duration::from_secs(120))
    }

    /// For keys that are read all the time: loaded anew in the background at four fifths of the
    /// lifetime, so that no reader ever waits.
    pub fn for_hot_keys() -> PolicyBuilder {
        Self::builder()
            .refresh_at(0.8)
            .stale_while_revalidate(Duration::from_secs(30))
    }

    /// How long an entry is kept behind its expiry.
    pub(crate) fn stale_for(&self) -> Duration {
        self.revalidate.max(self.on_error)
    }

    /// A lifetime cut by the jitter, so that what was loaded together does not end together.
    pub(crate) fn jittered(&self, lifetime: Duration) -> Duration {
        if self.jitter == 0.0 {
            return lifetime;
        }
        // Beyond this nobody sees a difference, and a `Duration` cannot hold the product.
        let most = Duration::from_secs(u64::from(u32::MAX));
        lifetime
            .min(most)
            .mul_f64(1.0 - self.jitter * fastrand::f64())
    }

    /// Whether any entry is loaded anew while it is fresh.
    pub(crate) fn has_eager(&self) -> bool {
        self.eager_at.is_some() || self.xfetch.is_some()
    }

    /// How far reads move an end that idleness brings, in milliseconds: not every read does, since
    /// each move costs a write.
    pub(crate) fn wake_step(idle: i64) -> i64 {
        (idle / 16).max(1)
    }

    /// Whether a read may move the end of an entry that is fresh for `left` more milliseconds.
    pub(crate) fn may_wake(&self, left: i64) -> bool {
        self.idle_millis
            .is_some_and(|idle| idle - left >= Self::wake_step(idle))
    }

    /// Whether an entry that is fresh for `left` more of its `lifetime` is to be loaded anew.
    /// In milliseconds; the cost of its load in nanoseconds.
    pub(crate) fn is_eager(&self, lifetime: i64, left: i64, cost: u64) -> bool {
        let (lifetime, left) = (lifetime as f64, left as f64);
        let due = |part| lifetime - left >= lifetime * part;
        self.eager_at.is_some_and(due)
            || self.xfetch.is_some_and(|beta| {
                // "Optimal Probabilistic Cache Stampede Prevention", Vattani and others, 2015.
                // The logarithm of a random 53 bits is above -37: most reads need not draw one.
                let early = cost as f64 * (beta * 1e-6);
                early * 37.0 >= left && early * -(1.0 - fastrand::f64()).ln() >= left
            })
    }

    /// Whether anything in it needs entries that end.
    pub(crate) fn needs_lifetime(&self) -> Option<&'static str> {
        [
            (!self.revalidate.is_zero(), "stale_while_revalidate"),
            (!self.on_error.is_zero(), "stale_if_error"),
            (self.eager_at.is_some(), "refresh_at"),
            (self.xfetch.is_some(), "refresh_by_chance"),
        ]
        .into_iter()
        .find_map(|(set, name)| set.then_some(name))
    }
}

/// Puts a [`Policy`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder(Policy);

impl PolicyBuilder {
    /// How long what was loaded is fresh; in place of the cache's and the model's.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.0.ttl = Some(ttl);
        self.0.ttl_millis = Some(whole_millis(ttl));
        self
    }

    /// By how much of the lifetime, at random, it is cut: 0 to 0.5. Never lengthened.
    pub fn jitter(mut self, part: f64) -> Self {
        self.0.jitter = part;
        self
    }

    /// How long it is remembered that the loader found nothing (negative caching). Zero: not.
    pub fn absent_ttl(mut self, ttl: Duration) -> Self {
        self.0.absent_ttl = ttl;
        self
    }

    /// For so long behind its expiry an entry is served, while it is loaded anew in the
    /// background (RFC 5861).
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.0.revalidate = window;
        self
    }

    /// For so long behind its expiry an entry is served if the load fails or does not end in
    /// time (fail-safe; RFC 5861).
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.0.on_error = window;
        self
    }

    /// How long after a failed load the stale entry is served without trying again.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = pause;
        self
    }

    /// Loads anew in the background once this part of the lifetime has passed, on the next read:
    /// more than 0, less than 1.
    pub fn refresh_at(mut self, part: f64) -> Self {
        self.0.eager_at = Some(part);
        self
    }

    /// Loads anew in the background by chance, the likelier the nearer the expiry and the longer
    /// the last load took (XFetch). 1 is the usual `beta`; more is earlier.
    pub fn refresh_by_chance(mut self, beta: f64) -> Self {
        self.0.xfetch = Some(beta);
        self
    }

    /// How long a caller waits for a load when there is something stale to serve instead. The
    /// load goes on and stores what it brings.
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.0.soft_timeout = Some(timeout);
        self
    }

    /// How long a caller waits for a load at all; then it is `Timeout`, or what is stale under
    /// [`stale_if_error`](Self::stale_if_error). The load goes on and stores what it brings.
    pub fn hard_timeout(mut self, timeout: Duration) -> Self {
        self.0.hard_timeout = Some(timeout);
        self
    }

    /// When a load that does not end is given up: it is dropped, and all who wait get `Timeout`.
    pub fn load_deadline(mut self, deadline: Duration) -> Self {
        self.0.load_deadline = Some(deadline);
        self
    }

    /// Beside its lifetime an entry ends when nobody has read it by id for so long, to a
    /// sixteenth of this. A lifetime that is given to one entry and is shorter than this stays as
    /// it is; a longer one counts no more than the cache's or the policy's. The store's own is
    /// not known here: give the cache one.
    pub fn time_to_idle(mut self, idle: Duration) -> Self {
        self.0.idle = Some(idle);
        self.0.idle_millis = Some(whole_millis(idle));
        self
    }

    /// On a shared store, how long other programs wait for this one's load. A load that takes
    /// longer is answered and not stored.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.0.lease = lease;
        self
    }

    /// Checks the policy.
    ///
    /// # Errors
    /// `InvalidConfig` for numbers out of range and options that contradict each other.
    pub fn build(self) -> Result<Policy> {
        let policy = self.0;
        let refuse = |what: &str| Err(Error::invalid_config(format!("policy: {what}")));
        let is_part = |part: f64| part > 0.0 && part < 1.0;
        if policy.ttl.is_some_and(|ttl| ttl < Duration::from_millis(1)) {
            return refuse(
                "a ttl of less than a millisecond would store nothing; have the loader call `do_not_store` instead",
            );
        }
        if !(0.0..=0.5).contains(&policy.jitter) {
            return refuse("jitter is a part of the lifetime from 0 to 0.5");
        }
        if !policy.eager_at.is_none_or(is_part) {
            return refuse("refresh_at is a part of the lifetime, more than 0 and less than 1");
        }
        if !policy
            .xfetch
            .is_none_or(|beta| beta > 0.0 && beta.is_finite())
        {
            return refuse("refresh_by_chance takes a number above 0; 1 is usual");
        }
        if !policy.on_error.is_zero() && policy.retry_after.is_zero() {
            return refuse(
                "with stale_if_error, retry_after may not be zero: every read would load again from what has just failed",
            );
        }
        if policy.on_error < policy.revalidate && !policy.on_error.is_zero() {
            return refuse(
                "stale_if_error is shorter than stale_while_revalidate: what may be served at any rate may be served on an error too; make it at least as long, or leave it out",
            );
        }
        if policy.soft_timeout.is_some() && policy.on_error.is_zero() {
            return refuse(
                "a soft_timeout needs something stale to serve: set stale_if_error too, or a hard_timeout instead",
            );
        }
        if let (Some(soft), Some(hard)) = (policy.soft_timeout, policy.hard_timeout)
            && soft >= hard
        {
            return refuse("the soft_timeout has to be shorter than the hard_timeout");
        }
        if let (Some(hard), Some(deadline)) = (policy.hard_timeout, policy.load_deadline)
            && deadline < hard
        {
            return refuse("the load_deadline may not be shorter than the hard_timeout");
        }
        for (name, timeout) in [
            ("soft_timeout", policy.soft_timeout),
            ("hard_timeout", policy.hard_timeout),
            ("load_deadline", policy.load_deadline),
            ("time_to_idle", policy.idle),
            ("lease", Some(policy.lease)),
        ] {
            if timeout.is_some_and(|timeout| timeout < Duration::from_millis(1)) {
                return refuse(&format!("{name} is at least a millisecond"));
            }
        }
        if let (Some(idle), Some(ttl)) = (policy.idle, policy.ttl)
            && idle >= ttl
        {
            return refuse("a time_to_idle that is not shorter than the ttl never ends anything");
        }
        Ok(policy)
    }
}
