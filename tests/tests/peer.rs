//! The answers of redis-om-python, on the same server, to the same questions: alike where it
//! defines an operation as Larder does, and otherwise as `docs/REDIS-OM.md` has it.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the run reports what it compared")]

#[path = "peer/alike.rs"]
mod alike;
#[path = "peer/different.rs"]
mod different;

use std::process::{Command, Stdio};

use larder::redis::RedisBuilder;
use larder::{Cache, CacheFields, CacheModel};
use larder_testkit::server::{Server, python_venv};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const PACKAGES: [&str; 2] = ["redis-om==1.2.0", "redis==8.1.0"];
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/answers.py");

/// What both sides hold; the other side's declaration is in the script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
struct Thing {
    #[cache(id)]
    id: String,
    #[cache(index, sort)]
    seq: u64,
    #[cache(index)]
    name: Option<String>,
    #[cache(index)]
    word: String,
    #[cache(index, sort)]
    n: Option<i64>,
    #[cache(index, sort)]
    x: f64,
    #[cache(index)]
    ok: bool,
    #[cache(index)]
    tags: Vec<String>,
    #[cache(text)]
    text: String,
}

type Fields = <Thing as CacheFields>::Fields<Thing>;

/// What the other side says to one question.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Ids(Vec<String>),
    Error(String),
}

/// Has the other side store the things and answer the questions.
fn ask_the_peer(server: &Server, prefix: &str, things: &[Thing], asked: &[Value]) -> Vec<Said> {
    let python = python_venv("redis-om-peer", &PACKAGES);
    let mut program = Command::new(python)
        .args([SCRIPT, &server.url(), prefix])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"objects": things, "asked": asked});
    serde_json::to_writer(program.stdin.take().unwrap(), &given).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "the script ended: see above");
    let answers: Vec<Said> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), asked.len());
    answers
}

/// Larder's cache with the things.
async fn cache(server: &Server, namespace: &str, things: &[Thing]) -> Cache<Thing> {
    let store = RedisBuilder::from_url(&server.url())
        .unwrap()
        .namespace(namespace)
        .connect()
        .await
        .unwrap();
    let cache: Cache<Thing> = Cache::builder(store).build().await.unwrap();
    cache.put_many(things.to_vec()).await.unwrap();
    cache
}
