//! What loads in several programs rely on: leases, fences, tags and marks, and that what a server
//! has lost is taken for the worse.

use std::sync::Arc;
use std::time::Duration;

use larder::redis::RedisBuilder;
use larder::{Cache, CacheModel, RedisStore};
use larder_core::expr::Expr;
use larder_core::store::{
    Begin, CacheStore, Content, Fate, Found, Guard, LeaseRequest, Leases as _, Lifetime, Mark,
    Model, Put, PutOutcome, Selection, Token, Want,
};
use larder_core::{Document, Id as _, Object, Tags};
use larder_testkit::ManualClock;
use larder_testkit::server::{Kind, Server, offline, shared};
use serde::{Deserialize, Serialize};

use crate::{Item, at, ends, item, namespace, on_shared, server, store};

const LEASE: Duration = Duration::from_secs(10);

/// A program that has opened the model.
struct Program {
    store: RedisStore,
    model: Model,
}

impl Program {
    async fn start(builder: RedisBuilder) -> Self {
        Self::of::<Item>(builder).await
    }

    async fn of<M: CacheModel>(builder: RedisBuilder) -> Self {
        let store = store(builder).await;
        let cache: Cache<M> = ends(Cache::builder(store.clone()).build()).await.unwrap();
        let model = cache.model().clone();
        Self { store, model }
    }

    async fn begin(&self, id: u64, token: Token) -> Begin {
        let request = LeaseRequest {
            id: id.to_key(),
            token,
            seen: None,
        };
        let requests = [request];
        let begun = self.store.begin_many(&self.model, &requests, LEASE);
        ends(begun).await.unwrap().swap_remove(0)
    }

    async fn lease(&self, id: u64) -> Token {
        let token = Token::random();
        let begun = self.begin(id, token).await;
        assert!(matches!(begun, Begin::Granted), "{begun:?}");
        token
    }

    async fn fence(&self, id: u64, lifetime: Duration) -> Token {
        let (token, ids) = (Token::random(), [id.to_key()]);
        let fenced = self.store.fence_many(&self.model, &ids, token, lifetime);
        ends(fenced).await.unwrap();
        token
    }

    async fn put(&self, put: Put) -> PutOutcome {
        let puts = self.store.put_many(&self.model, vec![put]);
        ends(puts).await.unwrap().swap_remove(0)
    }

    async fn load(&self, id: u64, token: Token, tags: &[&str]) -> PutOutcome {
        let mut put = tagged(id, tags);
        put.guard = Some(Guard::Lease(token));
        self.put(put).await
    }

    async fn load_since(&self, id: u64, mark: &Mark) -> PutOutcome {
        let mut put = tagged(id, &[]);
        put.guard = Some(Guard::Since(mark.clone()));
        self.put(put).await
    }

    async fn kept(&self, id: u64) -> Option<Found> {
        let ids = [id.to_key()];
        let found = self.store.get_many(&self.model, &ids, Want::Kept);
        ends(found).await.unwrap().swap_remove(0)
    }

    async fn invalidate(&self, tags: &[&str]) -> u64 {
        let selection = Selection::Tagged(Tags::new(tags.iter().copied()));
        let removed = self
            .store
            .remove_where(&self.model, &selection, Fate::Remove);
        ends(removed).await.unwrap()
    }

    async fn mark(&self) -> Mark {
        let mark = ends(self.store.mark(&self.model, &Expr::All))
            .await
            .unwrap();
        assert!(self.still(&mark).await);
        mark
    }

    async fn still(&self, mark: &Mark) -> bool {
        ends(self.store.still(&self.model, mark)).await.unwrap()
    }
}

fn put<M: CacheModel>(object: M) -> Put {
    let schema = M::schema(M::NAME).unwrap();
    let document = Document::of(&schema, &object).unwrap();
    let id = object.id_key();
    let object: Arc<dyn Object> = Arc::new(object);
    let mut put = Put::new(id, Content::Object(object, document));
    put.lifetime = Lifetime::Forever;
    put
}

fn tagged(id: u64, tags: &[&str]) -> Put {
    let mut put = put(item(id));
    put.tags = Some(Tags::new(tags.iter().copied()));
    put
}

fn absent(id: u64) -> Put {
    let mut put = Put::new(id.to_key(), Content::Absent);
    put.lifetime = Lifetime::Forever;
    put
}

/// The key of what is known of the model as a whole, or of a part of it.
fn key(namespace: &str, part: &str) -> String {
    format!("{{{namespace}}}:item!{part}")
}

fn run(server: &Server, command: &[&str]) {
    let reply = server.command(command);
    assert!(!reply.is_error(), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_crashes_delays_others_by_no_more_than_the_lease() {
    if offline("a crashed holder of a lease") {
        return;
    }
    let (name, clock) = (namespace("crashed"), ManualClock::default());
    let program = || Program::start(on_shared(&name).clock(clock.clone()));
    let crashed = program().await;
    crashed.lease(1).await;
    drop(crashed);
    let other = program().await;
    clock.advance(Duration::from_secs(4));
    match other.begin(1, Token::random()).await {
        Begin::Wait(time) => clock.advance(time),
        begun => panic!("somebody has it, and {begun:?}"),
    }
    let token = other.lease(1).await;
    assert!(other.load(1, token, &[]).await.is_stored());
    assert!(matches!(
        program().await.begin(1, Token::random()).await,
        Begin::Hit(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_forgets_leases_and_fences_by_itself() {
    if offline("leases of the server") {
        return;
    }
    let name = namespace("forgets");
    let program = Program::start(on_shared(&name)).await;
    program.lease(1).await;
    program.fence(2, 2 * LEASE).await;
    let list = server().command(&["KEYS", &key(&name, "beside:*")]);
    assert_eq!(list.elements().len(), 2);
    for beside in list.elements() {
        let left = server().command(&["PTTL", &beside.text()]).number();
        assert!((1..=20_000).contains(&left.unwrap()), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_outlives_a_crash_between_commit_and_invalidation() {
    if offline("a crashed writer") {
        return;
    }
    let (name, clock) = (namespace("fenced"), ManualClock::default());
    let program = || Program::start(on_shared(&name).clock(clock.clone()));
    let (writer, reader) = (program().await, program().await);
    assert!(reader.put(tagged(1, &[])).await.is_stored());
    let old = reader.lease(2).await;
    writer.fence(1, LEASE).await;
    writer.fence(2, LEASE).await;
    // It has committed to the database, and is no more.
    drop(writer);
    assert!(reader.kept(1).await.is_none());
    assert_eq!(reader.load(2, old, &[]).await, PutOutcome::Outrun);
    for id in [1, 2] {
        assert!(matches!(
            reader.begin(id, Token::random()).await,
            Begin::Fenced
        ));
    }
    clock.advance(LEASE);
    let new = reader.lease(1).await;
    assert!(reader.load(1, new, &[]).await.is_stored());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_not_stored_if_a_tag_of_it_was_invalidated_meanwhile() {
    if offline("tags and loads") {
        return;
    }
    for kind in [Kind::RedisSearch, Kind::Plain] {
        let name = namespace("tags");
        let builder = || at(&shared(kind).url(), &name);
        let one = Program::start(builder()).await;
        let other = Program::start(builder()).await;
        let (first, second) = (one.lease(1).await, one.lease(2).await);
        other.invalidate(&["a"]).await;
        assert_eq!(one.load(1, first, &["b", "a"]).await, PutOutcome::Outrun);
        assert!(one.load(2, second, &["b"]).await.is_stored(), "another tag");
        let again = other.lease(1).await;
        assert!(other.load(1, again, &["a"]).await.is_stored());
        assert!(one.kept(1).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_lost_is_taken_for_the_worse() {
    if offline("lost state") {
        return;
    }
    for lost in ["state", "tags", "written", "beside:"] {
        let name = namespace(&format!("lost-{}", lost.trim_end_matches(':')));
        let program = Program::start(on_shared(&name)).await;
        program.put(tagged(1, &["a"])).await;
        program.put(absent(2)).await;
        let (lease, tagged_lease) = (program.lease(3).await, program.lease(4).await);
        let mark = program.mark().await;
        let keys = server().command(&["KEYS", &format!("{}*", key(&name, lost))]);
        assert!(!keys.elements().is_empty(), "{lost}");
        for key in keys.elements() {
            run(server(), &["DEL", &key.text()]);
        }
        let is_stored = |outcome: PutOutcome| outcome.is_stored();
        assert_eq!(program.kept(1).await.is_some(), lost != "tags", "{lost}");
        assert_eq!(program.kept(2).await.is_some(), lost != "state", "{lost}");
        assert_eq!(
            is_stored(program.load(3, lease, &[]).await),
            lost == "tags" || lost == "written",
            "{lost}"
        );
        assert_eq!(
            is_stored(program.load(4, tagged_lease, &["b"]).await),
            lost == "written",
            "{lost}"
        );
        assert_eq!(
            is_stored(program.load_since(5, &mark).await),
            lost == "tags" || lost == "beside:",
            "{lost}"
        );
        assert_eq!(program.still(&mark).await, lost != "state", "{lost}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_started_anew_has_no_leases_and_ends_marks() {
    if offline("a server started anew") {
        return;
    }
    let server = Server::builder(Kind::RedisSearch)
        .config("appendonly", &["yes"])
        .config("appendfsync", &["always"])
        .start();
    let name = namespace("anew");
    let program = Program::start(at(&server.url(), &name)).await;
    program.put(tagged(1, &["a"])).await;
    let lease = program.lease(2).await;
    let mark = program.mark().await;
    server.restart();
    let program = Program::start(at(&server.url(), &name)).await;
    assert!(program.kept(1).await.is_some(), "it was written to disk");
    assert_eq!(program.load(2, lease, &[]).await, PutOutcome::Outrun);
    assert!(!program.still(&mark).await);
    assert_eq!(program.load_since(3, &mark).await, PutOutcome::Outrun);
    assert!(
        program
            .load(2, program.lease(2).await, &[])
            .await
            .is_stored()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eviction_ends_marks() {
    if offline("evictions") {
        return;
    }
    let server = Server::start(Kind::RedisSearch);
    let program = Program::start(at(&server.url(), &namespace("evicted"))).await;
    program.put(tagged(1, &[])).await;
    let mark = program.mark().await;
    run(&server, &["SET", "theirs", "1", "EX", "1000"]);
    run(
        &server,
        &["CONFIG", "SET", "maxmemory-policy", "volatile-lru"],
    );
    run(&server, &["CONFIG", "SET", "maxmemory", "1"]);
    server.wait_until(&["EXISTS", "theirs"], "0");
    run(&server, &["CONFIG", "SET", "maxmemory", "0"]);
    assert!(!program.still(&mark).await);
    assert!(program.still(&program.mark().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_invalidated_tags_than_are_remembered_the_oldest_take_all_before_them() {
    if offline("very many tags") {
        return;
    }
    let name = namespace("many-tags");
    let program = Program::start(on_shared(&name)).await;
    program.put(tagged(1, &["old"])).await;
    let lease = program.lease(2).await;
    program.invalidate(&["first"]).await;
    program.put(tagged(3, &["new"])).await;
    let many = "local first = redis.call('ZSCORE', KEYS[1], '-first')
        for i = 1, 100000 do redis.call('ZADD', KEYS[1], first, 'other' .. i) end";
    run(server(), &["EVAL", many, "1", &key(&name, "tags")]);
    program.invalidate(&["last"]).await;
    let count = server().command(&["ZCARD", &key(&name, "tags")]);
    assert_eq!(count.number(), Some(100_000));
    assert!(program.kept(1).await.is_none());
    assert_eq!(program.load(2, lease, &["new"]).await, PutOutcome::Outrun);
    assert!(program.kept(3).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_longer_than_the_index_takes_are_told_apart() {
    if offline("long tags") {
        return;
    }
    let program = Program::start(on_shared(&namespace("long-tags"))).await;
    let long = |end: &str| format!("{}{end}", "\u{e4}\\".repeat(3_000));
    for (id, end) in [(1, "x"), (2, "y")] {
        program.put(tagged(id, &[&long(end)])).await;
    }
    assert_eq!(program.invalidate(&[&long("y")]).await, 1);
    assert!(program.kept(1).await.is_some());
    assert!(program.kept(2).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn absences_are_no_failures_of_the_index() {
    if offline("absences in the index") {
        return;
    }
    let program = Program::start(on_shared(&namespace("absences"))).await;
    for id in 0..50 {
        program.put(absent(id)).await;
    }
    program.put(tagged(50, &[])).await;
    let stats = ends(program.store.stats(&program.model)).await.unwrap();
    assert_eq!((stats.objects, stats.absent), (1, 50));
    assert_eq!((stats.indexing_failures, stats.foreign), (0, 0));
}

/// The model of a newer program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "item")]
struct Newer {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    color: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_invalidated_for_programs_of_every_version() {
    if offline("tags of two versions") {
        return;
    }
    let name = namespace("versions-tags");
    let old = Program::start(on_shared(&name)).await;
    let new = Program::of::<Newer>(on_shared(&name)).await;
    old.put(tagged(1, &["a"])).await;
    let mut newer = put(Newer {
        id: 2,
        color: "red".to_owned(),
    });
    newer.tags = Some(Tags::new(["a"]));
    new.put(newer).await;
    let count = |program: Program| async move {
        let stats = ends(program.store.stats(&program.model)).await.unwrap();
        (stats.objects, program)
    };
    let (objects, old) = count(old).await;
    assert_eq!(objects, 1);
    // It counts its own.
    assert_eq!(new.invalidate(&["a"]).await, 1);
    assert_eq!((count(old).await.0, count(new).await.0), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_another_version_that_writes_over_an_object_ends_marks() {
    if offline("marks of two versions") {
        return;
    }
    let name = namespace("versions-marks");
    let old = Program::start(on_shared(&name)).await;
    let new = Program::of::<Newer>(on_shared(&name)).await;
    old.put(tagged(1, &[])).await;
    let mark = old.mark().await;
    let newer = put(Newer {
        id: 1,
        color: "red".to_owned(),
    });
    new.put(newer).await;
    assert!(!old.still(&mark).await);
}
