//! The movies example: the same output every time and from every store, with facts that were
//! counted in the data by other means.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../../examples/movies/changes.rs"]
mod changes;
#[path = "../../examples/movies/cli.rs"]
mod cli;
#[path = "../../examples/movies/film.rs"]
mod film;
#[path = "../../examples/movies/report.rs"]
mod report;
#[path = "../../examples/movies/tour.rs"]
mod tour;

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, LazyLock};
use std::time::UNIX_EPOCH;

use larder::redis::RedisBuilder;
use larder::{Cache, CacheStore as _, EmbeddedStore, Store};
use larder_testkit::server::{Kind, offline, shared};
use larder_testkit::{ManualClock, ReferenceStore};

/// Runs the example: exit code, output, errors.
fn run(arguments: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = arguments.iter().map(Into::into);
    let code = cli::run(arguments, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (code, text(out), text(err))
}

/// What the example prints, without and with times; run once for all tests.
static PLAIN: LazyLock<String> = LazyLock::new(|| run(&["--no-times"]).1);
static TIMED: LazyLock<String> = LazyLock::new(|| run(&[]).1);

/// Runs the example on a store, and gives all that it prints behind the store's name.
async fn shown(store: impl Into<Store>) -> String {
    let mut out = Vec::new();
    let ended = cli::show(store.into(), false, &mut out).await;
    assert!(ended.is_ok());
    let out = String::from_utf8(out).unwrap();
    out.split_once('\n').unwrap().1.to_owned()
}

/// Takes the films from the server again.
#[tokio::main(flavor = "current_thread")]
async fn remove_films(url: &str) {
    let store = RedisBuilder::from_url(url)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let films = Cache::<film::Film>::builder(store).build().await.unwrap();
    assert_eq!(films.count().await.unwrap(), 3_195);
    films.clear().await.unwrap();
    films.store().close().await.unwrap();
}

/// The lines of the step whose title begins like this.
fn step<'a>(out: &'a str, title: &str) -> Vec<&'a str> {
    let begins = |line: &str| {
        line.strip_prefix("── ")
            .and_then(|line| line.split_once(". "))
            .is_some_and(|(_, rest)| rest.starts_with(title))
    };
    let mut lines = out.lines().skip_while(|line| !begins(line));
    assert!(lines.next().is_some(), "there is no step {title}");
    lines.take_while(|line| !line.starts_with("── ")).collect()
}

/// The first line with this in it, its words apart by one blank.
fn line(lines: &[&str], part: &str) -> String {
    let found = lines.iter().find(|line| line.contains(part));
    let words: Vec<_> = found.unwrap().split_whitespace().collect();
    words.join(" ")
}

#[test]
fn without_times_the_output_is_the_same_twice() {
    let again = run(&["--no-times", "--store", "memory://?flush_at=1"]);
    assert_eq!(again, (0, PLAIN.clone(), String::new()));
}

#[tokio::test]
async fn every_store_prints_the_same() {
    let clock = ManualClock::default();
    let reference = shown(Arc::new(ReferenceStore::new(clock)) as Store).await;
    assert!(reference.contains("Léon"));
    for flush_at in [100, 1_000_000] {
        let embedded = EmbeddedStore::builder().flush_at(flush_at).build().unwrap();
        assert_eq!(shown(embedded).await, reference, "flush at {flush_at}");
    }
}

#[test]
fn redis_prints_what_embedded_does_run_after_run() {
    for kind in [Kind::RedisSearch, Kind::Valkey] {
        if offline(&format!("the example on {kind:?}")) {
            continue;
        }
        let url = shared(kind).url();
        // The server may have been there before us, and be there after us.
        let now = UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let namespace = format!("movies-{}-{now}", std::process::id());
        let sign = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{sign}namespace={namespace}");
        let expected = PLAIN.replacen("the embedded store", "the redis store", 1);
        for _ in 0..2 {
            let printed = run(&["--no-times", "--store", &url]);
            assert_eq!(printed, (0, expected.clone(), String::new()), "{kind:?}");
        }
        remove_films(&url);
    }
}

#[test]
fn answers_are_what_the_data_holds() {
    let out = &*PLAIN;
    assert!(out.starts_with("3,201 films go into the embedded store.\n"));

    let trek = step(out, "Full text");
    assert_eq!(
        trek.iter()
            .filter(|line| line.contains("Star Trek"))
            .count(),
        11
    );
    let fuzzy = step(out, "Fuzzy");
    assert_eq!(
        fuzzy
            .iter()
            .filter(|line| line.contains("Terminator"))
            .count(),
        4
    );
    let phrase = step(out, "A phrase");
    assert_eq!(
        phrase.iter().filter(|line| line.contains("of the")).count(),
        10
    );
    let ranges = step(out, "Ranges");
    assert_eq!(
        line(&ranges, "Gone"),
        "Gone with the Wind 1939-12-15 George Cukor 3,900,000 390,525,192"
    );
    assert_eq!(line(&ranges, " of 16 "), "8 of 16 films");
    assert_eq!(
        line(&step(out, "Null test"), "Toy Story"),
        "Toy Story 3 2010-06-18 – 8.9 67,380"
    );

    let negation = step(out, "Negation");
    let number = |code: &str| {
        let found = line(&negation, &format!("{code}  "));
        found.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(number("f.rating.eq(Rating::R)"), "1,194");
    assert_eq!(number("f.rating.ne(Rating::R)"), "2,007");
    assert_eq!(number("f.rating.is_none()"), "607");

    let pages = ["Page 3", "And on from there"].map(|title| step(out, title));
    assert!(
        pages[0]
            .iter()
            .any(|line| line.contains("Schindler's List"))
    );
    assert!(pages[1].iter().any(|line| line.contains("Minority Report")));
    assert!(line(&step(out, "Facets: the genres"), "Drama").starts_with("Drama 196 █"));
    assert!(line(&step(out, "Facets: the same"), "1990s").starts_with("1990s 104 █"));
    let form = step(out, "Optional conditions");
    assert_eq!(line(&form, "Western"), "– Western – 36 3:10 to Yuma");
    assert!(line(&form, "refused:").contains("every condition of the filter was skipped"));
}

#[test]
fn the_query_behind_each_write_sees_it() {
    let out = &*PLAIN;
    for (title, condition, counts) in [
        ("Update one", "King Vidor", " 4 3"),
        ("Update one", "f.director.eq(\"Victor Fleming\")", " 0 1"),
        ("Patch one", "f.genre.eq", " 1 2"),
        ("Patch one", "f.imdb_rating.is_none", " 0 1"),
        ("Update many", "f.us_gross.eq(0)  ", " 19 0"),
        ("Update many", "f.us_gross.is_none()", " 54 73"),
        ("Remove many", "f.imdb_rating.lt(2.0)  ", " 5 0"),
        ("Remove many", "Filter::all()", " 3,201 3,196"),
        ("Remove one", "2012", " 1 0"),
        (
            "A write that the model refuses",
            "f.imdb_rating.gt(9.0)",
            " 3 3",
        ),
    ] {
        let line = line(&step(out, title), condition);
        assert!(line.ends_with(counts), "{line}");
    }
    assert!(line(&step(out, "A write that"), "invalid model").contains("field `imdb_rating`"));
}

#[test]
fn no_line_is_wider_than_a_hundred() {
    for line in TIMED.lines().chain(PLAIN.lines()) {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn times_are_printed_unless_they_are_left_out() {
    let times = |out: &str| {
        let ends = |line: &&str| line.ends_with(" µs") || line.ends_with(" ms");
        out.lines().filter(ends).count()
    };
    assert_eq!(times(&run(&["--no-times"]).1), 0);
    let (_, out, _) = run(&[]);
    let steps = out.lines().filter(|line| line.starts_with("── ")).count();
    assert!(
        times(&out) >= steps,
        "{} times in {steps} steps",
        times(&out)
    );
}

#[test]
fn help_is_printed_and_nothing_done() {
    for help in ["--help", "-h"] {
        let (code, out, err) = run(&[help]);
        assert_eq!((code, err.as_str()), (0, ""));
        for part in [
            "Usage: cargo run --release --example movies",
            "--store URL",
            "--no-times",
        ] {
            assert!(out.contains(part), "{out}");
        }
    }
}

#[test]
fn an_argument_that_makes_no_sense_is_named_and_exits_with_2() {
    for (arguments, message) in [
        (
            &["--colour"][..],
            "error: there is no argument `--colour`\n",
        ),
        (&["films"], "error: there is no argument `films`\n"),
        (
            &["--no-times=1"],
            "error: there is no argument `--no-times=1`\n",
        ),
        (&["--store"], "error: `--store` needs a URL behind it\n"),
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.starts_with(message) && err.contains("Usage:"), "{err}");
    }
}

#[test]
fn a_wrong_url_is_an_error_and_exits_with_1() {
    for (url, part) in [
        (
            "redis://user:s3cret@127.0.0.1/films",
            "the path of a Redis URL is the number of a database",
        ),
        (
            "redis2://user:s3cret@127.0.0.1/",
            "no backend for `redis2://`",
        ),
        ("memory://?max_byte=5", "no option `max_byte`"),
        ("127.0.0.1", "begins with a scheme"),
        ("", "begins with a scheme"),
    ] {
        let (code, out, err) = run(&[&format!("--store={url}")]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(
            err.starts_with("error: invalid config") && err.contains(part),
            "{err}"
        );
        assert!(!err.contains("s3cret") && !err.contains("Usage"), "{err}");
    }
}

#[test]
fn a_store_that_holds_few_films_is_no_error() {
    for store in [
        "memory://?max_objects=1",
        "memory://?max_objects=500",
        "memory://?ttl=1ms",
    ] {
        let (code, _, err) = run(&["--store", store]);
        assert_eq!((code, err.as_str()), (0, ""), "{store}");
    }
}

/// Output that takes so many bytes and then fails.
struct Fails(usize, ErrorKind);

impl Write for Fails {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(self.1.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_is_closed_early_ends_the_run_in_silence_and_any_other_fault_with_an_error() {
    for bytes in [0, 10_000] {
        let mut err = Vec::new();
        let mut run = |kind| cli::run(["--no-times".into()], &mut Fails(bytes, kind), &mut err);
        assert_eq!(run(ErrorKind::BrokenPipe), 0);
        assert_eq!(run(ErrorKind::StorageFull), 1);
        let err = String::from_utf8(err).unwrap();
        assert!(
            err.starts_with("error: the output cannot be written"),
            "{err}"
        );
    }
}
