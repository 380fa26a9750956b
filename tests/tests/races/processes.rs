//! Raced operations in several processes, on one Redis.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::{Cache, RedisStore};
use larder_testkit::server::{Kind, offline, shared};

use crate::source::Source;
use crate::storm::{Copy, ROWS, Storm};

const PROCESSES: u64 = 4;

/// Where another process is told what to do.
const ORDER: &str = "LARDER_TEST_RACE";

/// What its answer begins with, beside what the harness prints.
const ANSWER: &str = "answer: ";

/// One of these where nothing is optimised, or the other.
fn count(unoptimised: u64, optimised: u64) -> u64 {
    if cfg!(debug_assertions) {
        unoptimised
    } else {
        optimised
    }
}

/// What this process is told, if it is one of the others: its number, the namespace, and more.
fn order() -> Option<(u64, String, String)> {
    let order = std::env::var(ORDER).ok()?;
    let mut words = order.split_whitespace();
    let process = words.next()?.parse().ok()?;
    Some((
        process,
        words.next()?.to_owned(),
        words.collect::<Vec<_>>().join(" "),
    ))
}

async fn store(url: &str, namespace: &str) -> RedisStore {
    let builder = larder::redis::RedisBuilder::from_url(url).expect("a URL");
    let builder = builder
        .namespace(namespace)
        .timeout(Duration::from_secs(60));
    let builder = builder.query_timeout(Duration::from_secs(60));
    let builder = builder.connect_timeout(Duration::from_secs(60));
    builder.connect().await.expect("a server")
}

/// A namespace that no other run has.
fn namespace(test: &str) -> String {
    let since = std::time::UNIX_EPOCH.elapsed().expect("a clock");
    format!("{test}-{}-{}", std::process::id(), since.as_nanos())
}

/// Has all the other processes do a test, and brings their answers.
async fn all(test: &str, namespace: &str, more: &str) -> Vec<String> {
    let url = shared(Kind::RedisSearch).url();
    let start = |process| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", test, "--nocapture"]);
        command.env(ORDER, format!("{process} {namespace} {url} {more}"));
        command.stdout(Stdio::piped());
        command.spawn().expect("a process")
    };
    let started: Vec<_> = (0..PROCESSES).map(start).collect();
    let mut answers = Vec::new();
    for process in started {
        // Not in the way of those who ask the source meanwhile.
        let output = tokio::task::spawn_blocking(|| process.wait_with_output()).await;
        let output = output.expect("no panics").expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        let answer = said.lines().find_map(|line| line.split_once(ANSWER));
        let (_, answer) = answer.expect("an answer");
        answers.push(answer.to_owned());
        for line in said.lines().filter(|line| line.starts_with("stale: ")) {
            println!("{line}");
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raced_operations_of_four_processes_store_nothing_stale() {
    if let Some((process, namespace, more)) = order() {
        let mut words = more.split_whitespace();
        let url = words.next().expect("a URL");
        let source = words.next().expect("an address");
        let operations = words.next().and_then(|count| count.parse().ok());
        let source = Source::at(source.parse().expect("an address"));
        let storm = Storm::new(store(url, &namespace).await, source, process, PROCESSES).await;
        let seen = storm.rage(operations.expect("a count"), 32, 2).await;
        let done = seen.operations.load(Ordering::Relaxed);
        let stale = seen.stale_stores.load(Ordering::Relaxed);
        println!("{ANSWER}{done} {stale} {}", storm.told().await);
        return;
    }
    if offline("raced operations of four processes") {
        return;
    }
    let operations = std::env::var("LARDER_RACE_REDIS_OPS")
        .map_or(count(8_000, 1_000_000), |count| {
            count.parse().expect("a number")
        });
    let source = Source::new(ROWS);
    let address = source.listen().await;
    let test = "processes::raced_operations_of_four_processes_store_nothing_stale";
    let more = format!("{address} {}", operations / PROCESSES);
    let answers = all(test, &namespace("races"), &more).await;
    let (mut done, mut stale) = (0, 0);
    for answer in answers {
        let words: Vec<&str> = answer.splitn(3, ' ').collect();
        done += words[0].parse::<u64>().expect("a count");
        stale += words[1].parse::<u64>().expect("a count");
        println!(
            "redis, one process of {PROCESSES}: {} raced operations; {}",
            words[0], words[2]
        );
    }
    println!("redis, {PROCESSES} processes: {done} raced operations; stale stores: {stale}");
    assert_eq!(stale, 0);
    assert_eq!(done, operations / PROCESSES / 32 * 32 * PROCESSES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_of_one_object_by_four_processes_lose_nothing() {
    let updates = count(250, 10_000);
    if let Some((_, namespace, url)) = order() {
        let cache: Cache<Copy> = Cache::builder(store(url.trim(), &namespace).await)
            .build()
            .await
            .expect("a cache");
        for _ in 0..updates {
            let updated = cache.update(&1, |copy| copy.version += 1).await;
            assert!(updated.expect("an update").is_some());
        }
        println!("{ANSWER}{updates}");
        return;
    }
    if offline("updates by four processes") {
        return;
    }
    let namespace = namespace("updates");
    let store = store(&shared(Kind::RedisSearch).url(), &namespace).await;
    let cache: Cache<Copy> = Cache::builder(store).build().await.expect("a cache");
    cache.put(Copy { id: 1, version: 0 }).await.expect("a put");
    let test = "processes::updates_of_one_object_by_four_processes_lose_nothing";
    let answers = all(test, &namespace, "").await;
    let done: u64 = answers
        .iter()
        .map(|count| count.parse::<u64>().expect("a count"))
        .sum();
    let found = cache.get(&1).await.expect("a read").expect("it is there");
    println!(
        "{PROCESSES} processes, {done} updates of one object: {}",
        found.version
    );
    assert_eq!(done, PROCESSES * updates);
    assert_eq!(found.version, done);
}
