//! Options of the embedded store.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use larder_core::{Clock, Error, Result, SystemClock};

use crate::store::EmbeddedStore;

/// The options of a URL, as messages name them.
const OPTIONS: &str = "`max_bytes`, `max_objects`, `ttl`, `time_to_idle`, `flush_at`";
const SIZE: &str = "a number of bytes such as `1000000`, `256MiB` or `1.5GB`";
const NUMBER: &str = "a whole number such as `1000`";
const DURATION: &str = "a duration such as `90s`, `15m`, `1h30m` or `7d`";

/// Puts an [`EmbeddedStore`] together.
///
/// ```
/// use std::time::Duration;
/// use larder_embedded::EmbeddedStore;
///
/// let store = EmbeddedStore::builder()
///     .max_bytes(256 << 20)
///     .ttl(Duration::from_secs(600))
///     .build()?;
/// # let _ = store;
/// # Ok::<(), larder_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EmbeddedBuilder {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_objects: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) time_to_idle: Option<Duration>,
    pub(crate) flush_at: usize,
}

impl Default for EmbeddedBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            max_objects: None,
            max_bytes: None,
            ttl: None,
            time_to_idle: None,
            flush_at: 1_000,
        }
    }
}

impl EmbeddedBuilder {
    /// Reads the options from a URL: `memory://`, and behind a `?` any of these, each once and
    /// parted by `&`:
    ///
    /// | option | value | as |
    /// |---|---|---|
    /// | `max_bytes` | bytes, or with a unit | `256MiB`, `1.5GB` |
    /// | `max_objects` | a whole number | `100000` |
    /// | `ttl` | a duration, its units as `humantime` reads them | `1h`, `1h30m` |
    /// | `time_to_idle` | a duration | `10m` |
    /// | `flush_at` | a whole number | `1000` |
    ///
    /// More can be set on the builder afterwards. Percent-escapes are not read: no option needs
    /// one.
    ///
    /// # Errors
    /// `InvalidConfig` for any other URL, naming what is wrong and what is allowed. It repeats
    /// the name or the value of an option at most, and only where it looks like one: a password
    /// in the wrong place does not end up in a log.
    ///
    /// ```
    /// use larder_embedded::EmbeddedBuilder;
    ///
    /// let store = EmbeddedBuilder::from_url("memory://?max_bytes=256MiB&ttl=1h")?.build()?;
    /// let error = EmbeddedBuilder::from_url("memory://?max_byte=1").unwrap_err();
    /// assert!(error.to_string().contains("no option `max_byte`"));
    /// # Ok::<(), larder_core::Error>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        let Some(rest) = url
            .split_once("://")
            .and_then(|(scheme, rest)| scheme.eq_ignore_ascii_case("memory").then_some(rest))
        else {
            return Err(Error::invalid_config(
                "the URL of an embedded store begins with `memory://`",
            ));
        };
        let (before, options) = match rest.split_once('?') {
            Some((before, options)) => (before, Some(options)),
            None => (rest, None),
        };
        if !before.is_empty() {
            return Err(Error::invalid_config(format!(
                "a `memory://` URL has no user, host or path; write `memory://?..` with {OPTIONS}"
            )));
        }
        let mut builder = Self::default();
        let mut seen = Vec::new();
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            let Some((name, value)) = option.split_once('=') else {
                return Err(Error::invalid_config(format!(
                    "the options of a `memory://` URL are written `name=value`, parted by `&`; one of them has no `=`. It has {OPTIONS}"
                )));
            };
            if seen.contains(&name) {
                return Err(Error::invalid_config(format!(
                    "option `{name}` of a `memory://` URL is given twice; give it once"
                )));
            }
            builder.set(name, value)?;
            seen.push(name);
        }
        Ok(builder)
    }

    /// Sets one option as a URL has it.
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "max_bytes" => self.max_bytes = Some(read(name, value, SIZE, bytes)?),
            "max_objects" => self.max_objects = Some(read(name, value, NUMBER, whole)?),
            "ttl" => self.ttl = Some(read(name, value, DURATION, duration)?),
            "time_to_idle" => self.time_to_idle = Some(read(name, value, DURATION, duration)?),
            "flush_at" => self.flush_at = read(name, value, NUMBER, whole)?,
            _ => {
                let name = shown(name, "of that name");
                return Err(Error::invalid_config(format!(
                    "a `memory://` URL has no option {name}; it has {OPTIONS}"
                )));
            }
        }
        Ok(())
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Holds at most so many objects, of all models together; the least recently used go first.
    /// Reached with a short delay.
    pub fn max_objects(mut self, objects: u64) -> Self {
        self.max_objects = Some(objects);
        self
    }

    /// Holds objects and their index within about so many bytes, all models together; the least
    /// recently used go first. Reached with a short delay, and by an estimate of what each object
    /// takes; what was replaced or let go of may take up to an eighth more for a while.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// How long an object lives unless its model, cache or write says otherwise.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Drops an object that was not read by id for so long, whatever its lifetime.
    pub fn time_to_idle(mut self, idle: Duration) -> Self {
        self.time_to_idle = Some(idle);
        self
    }

    /// Takes pending writes into the index when there are so many (1,000 unless set). They are
    /// found before that too; a larger number makes writes cheaper and finds dearer.
    pub fn flush_at(mut self, writes: usize) -> Self {
        self.flush_at = writes;
        self
    }

    /// Makes the store. No thread starts before there is something to index.
    ///
    /// # Errors
    /// `InvalidConfig`: both capacities, a capacity of zero, a lifetime of zero, a flush at zero.
    pub fn build(self) -> Result<EmbeddedStore> {
        let refuse = |message: &str| Err(Error::invalid_config(message));
        if self.max_objects.is_some() && self.max_bytes.is_some() {
            return refuse("`max_objects` and `max_bytes` are both given; choose one");
        }
        if self.max_objects == Some(0) || self.max_bytes == Some(0) {
            return refuse("a capacity of zero holds nothing; leave it out for no bound");
        }
        let times = [self.ttl, self.time_to_idle];
        if times.contains(&Some(Duration::ZERO)) {
            return refuse("a lifetime of zero would store nothing; leave it out for no expiry");
        }
        if times.iter().flatten().any(|time| time.as_millis() == 0) {
            return refuse(
                "a lifetime of less than a millisecond is none; time is counted in those",
            );
        }
        if self.flush_at == 0 {
            return refuse("`flush_at` is zero; give 1 to index every write at once");
        }
        Ok(EmbeddedStore::new(self))
    }
}

/// Reads the value of an option, or says what it should have been.
fn read<T>(
    name: &str,
    value: &str,
    wanted: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    parse(value).ok_or_else(|| {
        let value = shown(value, "what is given");
        Error::invalid_config(format!(
            "option `{name}` of a `memory://` URL is {wanted}; {value} is none"
        ))
    })
}

fn bytes(value: &str) -> Option<u64> {
    // What is too large comes as the largest number there is.
    let size: ByteSize = value.parse().ok()?;
    (size.as_u64() < u64::MAX).then_some(size.as_u64())
}

fn whole<T: FromStr>(value: &str) -> Option<T> {
    // The standard library reads a sign too.
    value
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| value.parse().ok())?
}

fn duration(value: &str) -> Option<Duration> {
    humantime::parse_duration(value).ok()
}

/// A part of a URL as a message has it: as it is if it has the looks of a name or a number, and
/// else described, since it may be a password in the wrong place.
fn shown(part: &str, description: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-+.".contains(c);
    if part.contains('%') {
        format!("{description} (percent-escapes are not read)")
    } else if (1..=32).contains(&part.len()) && part.chars().all(fits) {
        format!("`{part}`")
    } else {
        description.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use larder_core::ErrorKind;

    use super::EmbeddedBuilder;

    fn refusal(url: &str) -> String {
        match EmbeddedBuilder::from_url(url) {
            Ok(builder) => panic!("{url} was read as {builder:?}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
                error.message().to_owned()
            }
        }
    }

    #[test]
    fn a_url_without_options_is_the_default() {
        for url in ["memory://", "MEMORY://"] {
            let read = EmbeddedBuilder::from_url(url).expect(url);
            assert_eq!(
                format!("{read:?}"),
                format!("{:?}", EmbeddedBuilder::default())
            );
        }
    }

    #[test]
    fn every_option_of_a_url_is_set() {
        let url = "memory://?max_objects=5&ttl=1h30m&time_to_idle=10m&flush_at=7";
        let read = EmbeddedBuilder::from_url(url).expect(url);
        assert_eq!(read.max_objects, Some(5));
        assert_eq!(read.max_bytes, None);
        assert_eq!(read.ttl, Some(Duration::from_secs(5_400)));
        assert_eq!(read.time_to_idle, Some(Duration::from_secs(600)));
        assert_eq!(read.flush_at, 7);
    }

    #[test]
    fn sizes_have_units_of_ten_and_of_two() {
        for (size, bytes) in [
            ("1000000", 1_000_000),
            ("256MiB", 256 << 20),
            ("1.5GB", 1_500_000_000),
            ("1.5GiB", 3 << 29),
            ("64k", 64_000),
            ("18446744073709551614", u64::MAX - 1),
        ] {
            let url = format!("memory://?max_bytes={size}");
            let read = EmbeddedBuilder::from_url(&url).expect(size);
            assert_eq!(read.max_bytes, Some(bytes), "{size}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_by_name_with_what_is_allowed() {
        for (option, value, allowed) in [
            ("max_bytes", "many", "a number of bytes"),
            ("max_bytes", "10MiX", "a number of bytes"),
            ("max_bytes", "-1", "a number of bytes"),
            ("max_bytes", "1e3", "a number of bytes"),
            ("max_bytes", "18446744073709551616", "a number of bytes"),
            ("max_bytes", "16EiB", "a number of bytes"),
            ("max_objects", "1k", "a whole number"),
            ("max_objects", "-5", "a whole number"),
            ("max_objects", "+5", "a whole number"),
            ("max_objects", "1.5", "a whole number"),
            ("max_objects", "18446744073709551616", "a whole number"),
            ("flush_at", "often", "a whole number"),
            ("ttl", "10", "a duration"),
            ("ttl", "1parsec", "a duration"),
            ("ttl", "99999999999999999999y", "a duration"),
            ("time_to_idle", "-10m", "a duration"),
        ] {
            let message = refusal(&format!("memory://?{option}={value}"));
            for part in [format!("`{option}`"), format!("`{value}`"), allowed.into()] {
                assert!(message.contains(&part), "{part} is not in: {message}");
            }
        }
    }

    #[test]
    fn a_missing_value_is_refused_by_name() {
        for option in [
            "max_bytes",
            "max_objects",
            "flush_at",
            "ttl",
            "time_to_idle",
        ] {
            let message = refusal(&format!("memory://?{option}="));
            assert!(message.contains(&format!("`{option}`")), "{message}");
        }
        for url in [
            "memory://?ttl",
            "memory://?",
            "memory://?ttl=1h&",
            "memory://?&ttl=1h",
        ] {
            let message = refusal(url);
            assert!(message.contains("`name=value`"), "{message}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused_with_those_there_are() {
        let message = refusal("memory://?ttl=1h&max_byte=5");
        assert!(message.contains("no option `max_byte`"), "{message}");
        for option in [
            "max_bytes",
            "max_objects",
            "flush_at",
            "ttl",
            "time_to_idle",
        ] {
            assert!(message.contains(&format!("`{option}`")), "{message}");
        }
        assert!(refusal("memory://?TTL=1h").contains("`TTL`"));
    }

    #[test]
    fn an_option_given_twice_is_refused_by_name() {
        let message = refusal("memory://?ttl=1h&flush_at=5&ttl=1h");
        assert!(
            message.contains("`ttl` of a `memory://` URL is given twice"),
            "{message}"
        );
    }

    #[test]
    fn percent_escapes_are_refused() {
        let message = refusal("memory://?ttl=1h%2030m");
        assert!(
            message.contains("`ttl`") && message.contains("percent-escapes"),
            "{message}"
        );
        assert!(refusal("memory://?t%74l=1h").contains("percent-escapes"));
    }

    #[test]
    fn what_stands_before_the_options_is_refused() {
        for before in ["localhost", "/", "/cache", "user:secret@host:1", "#part"] {
            let message = refusal(&format!("memory://{before}?ttl=1h"));
            assert!(message.contains("no user, host or path"), "{message}");
        }
        for url in [
            "memory:",
            "memory:?ttl=1h",
            "memory",
            "",
            "redis://",
            "memory2://",
        ] {
            assert!(refusal(url).contains("begins with `memory://`"), "{url}");
        }
    }

    #[test]
    fn no_message_repeats_a_password() {
        for url in [
            "memory://user:s3cret@host",
            "memory://user:s3cret@host?ttl=1h",
            "memory://?user:s3cret@host",
            "memory://?user:s3cret@host=1",
            "memory://?ttl=user:s3cret@host",
            "memory://?ttl=1h&ttl=user:s3cret@host",
            "redis://user:s3cret@host",
            "user:s3cret@host",
        ] {
            let message = refusal(url);
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn options_of_a_url_are_checked_together_like_any() {
        let url = "memory://?max_bytes=1MB&max_objects=5";
        let error = EmbeddedBuilder::from_url(url)
            .and_then(EmbeddedBuilder::build)
            .expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("choose one"), "{error}");
    }
}
