//! Leases: of all programs that share a store one loads an entry, and what it loaded is stored
//! only if nobody wrote meanwhile.

use larder_core::expr::Expr;
use larder_core::store::{
    Begin, Fate, Guard, LeaseRequest, Leases, Mark, Put, PutOutcome, Removal, Selection, Token,
};
use larder_core::{Cache, Condition, ErrorKind, Id as _};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::refusal;
use super::raw::{PutExt as _, Raw, absent, deleted, ms, note, put};
use crate::conformance::Harness;

/// Two programs on one store.
async fn two(harness: &Harness) -> (Raw, Raw) {
    (Raw::of(harness).await, Raw::of(&harness.another()).await)
}

fn leases(raw: &Raw) -> &dyn Leases {
    raw.store.leases().unwrap()
}

fn request(id: u64, token: Token) -> LeaseRequest {
    LeaseRequest {
        id: id.to_key(),
        token,
        seen: None,
    }
}

/// Asks for leases of 100 ms.
async fn begin_all(raw: &Raw, requests: &[LeaseRequest]) -> Vec<Begin> {
    let asked = leases(raw).begin_many(&raw.model, requests, ms(100));
    asked.await.unwrap()
}

async fn begin_as(raw: &Raw, request: LeaseRequest) -> Begin {
    begin_all(raw, &[request]).await.swap_remove(0)
}

async fn begin(raw: &Raw, id: u64) -> Begin {
    begin_as(raw, request(id, Token::random())).await
}

/// A lease that has to be granted.
async fn lease(raw: &Raw, id: u64) -> Token {
    let token = Token::random();
    let begun = begin_as(raw, request(id, token)).await;
    assert!(matches!(begun, Begin::Granted), "{begun:?}");
    token
}

async fn is_free(raw: &Raw, id: u64) -> bool {
    matches!(begin(raw, id).await, Begin::Granted)
}

async fn release(raw: &Raw, id: u64, token: Token) {
    let held = [(id.to_key(), token)];
    let released = leases(raw).release_many(&raw.model, &held);
    released.await.unwrap();
}

async fn fence(raw: &Raw, ids: &[u64], fence: Token, millis: u64) {
    let ids: Vec<_> = ids.iter().map(|id| id.to_key()).collect();
    let fenced = leases(raw).fence_many(&raw.model, &ids, fence, ms(millis));
    fenced.await.unwrap();
}

/// The removal after the write that the fence was for.
async fn unfence(raw: &Raw, id: u64, fence: Token) -> bool {
    let mut removal = Removal::new(id.to_key());
    removal.fence = Some(fence);
    raw.remove_as(removal).await
}

/// What a load would store.
fn loaded(id: u64, token: Token) -> Put {
    let mut put = put(id, "loaded");
    put.guard = Some(Guard::Lease(token));
    put
}

fn since(id: u64, mark: &Mark) -> Put {
    let mut put = put(id, "loaded");
    put.guard = Some(Guard::Since(mark.clone()));
    put
}

/// A store has leases if its capability says so; a guard elsewhere is `Unsupported`, and nothing
/// of the batch is stored.
pub async fn guards_are_for_stores_with_leases(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let expected = harness.expected().leases;
    assert_eq!(raw.store.leases().is_some(), expected);
    let puts = vec![put(1, "x"), loaded(2, Token::random()), put(3, "x")];
    let outcomes = raw.store.put_many(&raw.model, puts).await;
    if expected {
        let outcomes = outcomes.unwrap();
        assert_eq!(outcomes[1], PutOutcome::Outrun);
        assert!(outcomes[0].is_stored() && outcomes[2].is_stored());
    } else {
        refusal(outcomes, ErrorKind::Unsupported, "lease");
    }
    for id in [1, 3] {
        assert_eq!(raw.fresh(id).await.is_some(), expected);
    }
    assert!(raw.is_gone(2).await);
}

/// What one program writes another reads, removes, and finds deleted.
pub async fn two_programs_share_what_is_stored(harness: Harness) {
    let (one, other) = two(&harness).await;
    one.store(put(1, "x").falls_back(100).tagged(&["a"])).await;
    assert_eq!(other.read(&other.fresh(1).await.unwrap()), note(1, "x"));
    assert!(other.expire(1).await);
    assert!(one.is_stale(1).await);
    other.store(absent(1)).await;
    assert!(one.is_absent(1).await);
    one.store(put(2, "x").tagged(&["a"])).await;
    other.remove_tagged(&["a"], Fate::Remove).await;
    assert!(one.is_gone(2).await);
    other.remove_as(deleted(3, 6, 1_000)).await;
    let mut older = put(3, "x");
    (older.condition, older.revision) = (Condition::IfNewer, Some(6));
    assert_eq!(one.put(older).await, PutOutcome::Refused(None));
}

/// What another program removes ends a mark, whether it was there or not: it says that the
/// source has changed, and nobody knows to what.
pub async fn a_mark_ends_where_another_program_removes(harness: Harness) {
    let (one, other) = two(&harness).await;
    one.store(put(1, "x")).await;
    let mark = one.mark(&one.about("x")).await;
    assert!(one.still(&mark).await);
    other.store(put(1, "x")).await;
    assert!(one.still(&mark).await, "it was replaced");
    other.remove(1).await;
    assert!(!one.still(&mark).await);
    let mark = one.mark(&one.about("x")).await;
    assert!(one.still(&mark).await);
    other.remove(2).await;
    assert!(!one.still(&mark).await, "it was not there");
    let mark = one.mark(&one.about("x")).await;
    other.remove_tagged(&["nowhere"], Fate::Remove).await;
    assert!(!one.still(&mark).await, "nothing had the tag");
}

/// Of all who ask for an entry that is not there one gets the lease, and the others are told how
/// long to wait at the most.
pub async fn one_of_all_gets_the_lease(harness: Harness) {
    let (one, other) = two(&harness).await;
    lease(&one, 1).await;
    one.pass(30);
    for raw in [&one, &other] {
        match begin(raw, 1).await {
            Begin::Wait(time) => assert_eq!(time, ms(70)),
            begun => panic!("somebody has it, and {begun:?}"),
        }
    }
    assert!(is_free(&other, 2).await, "of another id");
}

/// Of one id twice in a batch the first request gets the lease.
pub async fn of_one_id_twice_one_lease_is_granted(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let requests = [request(1, Token::random()), request(1, Token::random())];
    let begun = begin_all(&raw, &requests).await;
    assert!(matches!(begun[..], [Begin::Granted, Begin::Wait(_)]));
}

/// Answers come in the order asked, each its own.
pub async fn leases_are_answered_in_the_order_asked(harness: Harness) {
    let (one, other) = two(&harness).await;
    let version = one.store(put(1, "x")).await;
    lease(&other, 2).await;
    fence(&other, &[3], Token::random(), 100).await;
    let requests = [3, 2, 1, 4].map(|id| request(id, Token::random()));
    match &begin_all(&one, &requests).await[..] {
        [
            Begin::Fenced,
            Begin::Wait(_),
            Begin::Hit(found),
            Begin::Granted,
        ] => {
            assert_eq!(found.version, version);
            assert_eq!(one.read(found), note(1, "x"));
        }
        begun => panic!("{begun:?}"),
    }
    assert!(begin_all(&one, &[]).await.is_empty());
}

/// A fresh entry is a hit, absence too; what is stale is not.
pub async fn a_fresh_entry_is_a_hit_and_a_stale_one_is_not(harness: Harness) {
    let (one, other) = two(&harness).await;
    one.store(put(1, "x").lives(10, 1_000)).await;
    one.store(absent(2).lives(10, 1_000)).await;
    match begin(&other, 1).await {
        Begin::Hit(found) => assert_eq!(other.read(&found), note(1, "x")),
        begun => panic!("it is fresh, and {begun:?}"),
    }
    match begin(&other, 2).await {
        Begin::Hit(found) => assert!(found.is_absent()),
        begun => panic!("it is known to be absent, and {begun:?}"),
    }
    one.pass(10);
    let tokens = [lease(&other, 1).await, lease(&other, 2).await];
    for (id, token) in (1..).zip(tokens) {
        assert!(other.put(loaded(id, token)).await.is_stored());
        assert!(one.fresh(id).await.is_some());
    }
}

/// The version that the caller has seen is none to be satisfied with; any other is.
pub async fn a_version_that_was_seen_is_no_hit(harness: Harness) {
    let (one, other) = two(&harness).await;
    let seen = one.store(put(1, "x")).await;
    let refresh = |seen| LeaseRequest {
        seen: Some(seen),
        ..request(1, Token::random())
    };
    let newer = one.store(put(1, "y")).await;
    match begin_as(&other, refresh(seen)).await {
        Begin::Hit(found) => assert_eq!(found.version, newer),
        begun => panic!("somebody wrote since, and {begun:?}"),
    }
    let begun = begin_as(&other, refresh(newer)).await;
    assert!(matches!(begun, Begin::Granted), "{begun:?}");
    let begun = begin_as(&one, refresh(newer)).await;
    assert!(matches!(begun, Begin::Wait(_)), "{begun:?}");
    assert!(matches!(begin(&one, 1).await, Begin::Hit(_)));
}

/// What is loaded under a lease is stored with it, and ends it.
pub async fn what_is_stored_under_its_lease_ends_it(harness: Harness) {
    let (one, other) = two(&harness).await;
    let token = lease(&one, 1).await;
    let PutOutcome::Stored(version) = one.put(loaded(1, token)).await else {
        panic!("nobody wrote meanwhile");
    };
    assert_eq!(
        other.read(&other.fresh(1).await.unwrap()),
        note(1, "loaded")
    );
    assert_eq!(one.put(loaded(1, token)).await, PutOutcome::Outrun);
    assert_eq!(one.fresh(1).await.unwrap().version, version);
    other.remove(1).await;
    let token = lease(&other, 1).await;
    let mut absent = absent(1);
    absent.guard = Some(Guard::Lease(token));
    assert!(other.put(absent).await.is_stored());
    assert!(one.is_absent(1).await);
}

/// Under a lease that is another's, or of another id, nothing is stored, and that lease goes on.
pub async fn without_its_own_lease_nothing_is_stored(harness: Harness) {
    let (one, other) = two(&harness).await;
    let (token, second) = (lease(&one, 1).await, lease(&other, 2).await);
    assert_eq!(other.put(loaded(1, second)).await, PutOutcome::Outrun);
    assert_eq!(other.put(loaded(3, second)).await, PutOutcome::Outrun);
    assert!(one.is_gone(1).await && one.is_gone(3).await);
    let batch = vec![loaded(1, token), loaded(1, token), loaded(2, second)];
    let outcomes = one.put_all(batch).await;
    assert!(outcomes[0].is_stored() && outcomes[2].is_stored());
    assert_eq!(outcomes[1], PutOutcome::Outrun);
}

/// Whatever is written meanwhile stays: the load that it overtook is not stored.
pub async fn a_put_ends_the_lease(harness: Harness) {
    let (one, other) = two(&harness).await;
    for absence in [false, true] {
        let token = lease(&one, 1).await;
        other
            .store(if absence { absent(1) } else { put(1, "new") })
            .await;
        assert_eq!(one.put(loaded(1, token)).await, PutOutcome::Outrun);
        assert_eq!(one.is_absent(1).await, absence);
        other.remove(1).await;
    }
    assert!(is_free(&other, 1).await);
}

/// A put under a lease ends it whatever comes of it: nobody waits for what will not be stored.
pub async fn a_put_under_its_lease_ends_it_whatever_comes_of_it(harness: Harness) {
    let (one, other) = two(&harness).await;
    let token = lease(&one, 1).await;
    other.remove_as(deleted(1, 6, 1_000)).await;
    let again = lease(&one, 1).await;
    for (token, outcome) in [
        (token, PutOutcome::Outrun),
        (again, PutOutcome::Refused(None)),
    ] {
        let mut older = loaded(1, token);
        (older.condition, older.revision) = (Condition::IfNotOlder, Some(5));
        assert_eq!(one.put(older).await, outcome);
    }
    assert!(is_free(&other, 1).await, "it was refused");
    let token = lease(&one, 2).await;
    other.remove_tagged(&["a"], Fate::Remove).await;
    let tagged = loaded(2, token).tagged(&["a"]);
    assert_eq!(one.put(tagged).await, PutOutcome::Outrun);
    assert!(is_free(&other, 2).await, "it was overtaken");
}

/// A put that is refused was no write.
pub async fn a_refused_put_leaves_the_lease(harness: Harness) {
    let (one, other) = two(&harness).await;
    let token = lease(&one, 1).await;
    let mut refused = put(1, "new");
    refused.condition = Condition::IfPresent;
    assert_eq!(other.put(refused).await, PutOutcome::Refused(None));
    assert!(one.put(loaded(1, token)).await.is_stored());
}

/// Each kind of removal ends the lease, whether anything was there or not.
pub async fn a_removal_ends_the_lease(harness: Harness) {
    let (one, other) = two(&harness).await;
    for way in 0..6 {
        let token = lease(&one, 1).await;
        match way {
            0 => drop(other.remove(1).await),
            1 => drop(other.expire(1).await),
            2 => drop(other.remove_as(deleted(1, 6, 0)).await),
            3 => drop(other.remove_tagged(&["a"], Fate::Remove).await),
            4 => drop(other.remove_where(Selection::All, Fate::Remove).await),
            _ => drop(other.remove_where(Selection::All, Fate::Expire).await),
        }
        let mut put = loaded(1, token).tagged(&["a"]);
        put.stale_for = Some(ms(100));
        assert_eq!(one.put(put).await, PutOutcome::Outrun, "way {way}");
        assert!(one.is_gone(1).await);
        one.pass(100);
    }
}

/// Removal by a filter ends the leases of all that could match by the time it is loaded.
pub async fn a_removal_by_filter_ends_leases(harness: Harness) {
    let (one, other) = two(&harness).await;
    for fate in [Fate::Remove, Fate::Expire] {
        let token = lease(&one, 1).await;
        let about = Selection::Where(other.about("loaded"));
        other.remove_where(about, fate).await;
        assert_eq!(one.put(loaded(1, token)).await, PutOutcome::Outrun);
        one.pass(100);
    }
}

/// A lease ends by its time, to the millisecond: then another gets it, and nothing is stored with
/// it.
pub async fn a_lease_ends_by_its_time(harness: Harness) {
    let (one, other) = two(&harness).await;
    let first = lease(&one, 1).await;
    let alone = lease(&one, 2).await;
    one.pass(99);
    match begin(&other, 1).await {
        Begin::Wait(time) => assert_eq!(time, ms(1)),
        begun => panic!("the lease lives, and {begun:?}"),
    }
    one.pass(1);
    let second = lease(&other, 1).await;
    assert_eq!(one.put(loaded(1, first)).await, PutOutcome::Outrun);
    assert_eq!(one.put(loaded(2, alone)).await, PutOutcome::Outrun);
    assert!(one.is_gone(1).await && one.is_gone(2).await);
    assert!(other.put(loaded(1, second)).await.is_stored());
}

/// A lease that is given back is free at once. Only its holder gives it back.
pub async fn a_lease_given_back_is_free(harness: Harness) {
    let (one, other) = two(&harness).await;
    let token = lease(&one, 1).await;
    release(&other, 1, Token::random()).await;
    assert!(matches!(begin(&other, 1).await, Begin::Wait(_)));
    release(&one, 1, token).await;
    let second = lease(&other, 1).await;
    release(&one, 1, token).await;
    release(&one, 9, token).await;
    assert_eq!(one.put(loaded(1, token)).await, PutOutcome::Outrun);
    assert!(other.put(loaded(1, second)).await.is_stored());
}

/// A fence removes what is there, ends the lease, and grants none while it is up.
pub async fn a_fence_keeps_loads_out(harness: Harness) {
    let (one, other) = two(&harness).await;
    one.store(put(1, "x")).await;
    one.store(put(2, "x").lives(0, 1_000)).await;
    let token = lease(&one, 3).await;
    let writer = Token::random();
    fence(&other, &[1, 2, 3], writer, 1_000).await;
    for id in [1, 2, 3] {
        assert!(one.is_gone(id).await, "{id}");
        assert!(matches!(begin(&one, id).await, Begin::Fenced), "{id}");
    }
    assert_eq!(one.put(loaded(3, token)).await, PutOutcome::Outrun);
    assert!(is_free(&one, 4).await, "no fence is before it");
    for id in [1, 2, 3] {
        assert!(!unfence(&other, id, writer).await);
        assert!(is_free(&one, id).await, "{id}");
    }
}

/// A lease that was had before a fence is lost, even when the fence is down again.
pub async fn a_fence_that_came_and_went_leaves_no_lease(harness: Harness) {
    let (one, other) = two(&harness).await;
    let token = lease(&one, 1).await;
    let writer = Token::random();
    fence(&other, &[1], writer, 1_000).await;
    unfence(&other, 1, writer).await;
    assert_eq!(one.put(loaded(1, token)).await, PutOutcome::Outrun);
    assert!(one.is_gone(1).await);
}

/// Each writer takes its own fence down, and no other's.
pub async fn each_writers_fence_is_its_own(harness: Harness) {
    let (one, other) = two(&harness).await;
    let (first, second) = (Token::random(), Token::random());
    fence(&one, &[1], first, 1_000).await;
    fence(&other, &[1], second, 1_000).await;
    unfence(&one, 1, first).await;
    assert!(matches!(begin(&one, 1).await, Begin::Fenced));
    unfence(&one, 1, first).await;
    unfence(&one, 1, Token::random()).await;
    one.remove(1).await;
    assert!(matches!(begin(&other, 1).await, Begin::Fenced));
    unfence(&other, 1, second).await;
    assert!(is_free(&one, 1).await);
}

/// The fence of a writer that is no more ends by its time, each its own.
pub async fn a_fence_ends_by_its_time(harness: Harness) {
    let (one, other) = two(&harness).await;
    fence(&one, &[1], Token::random(), 10).await;
    fence(&other, &[1], Token::random(), 20).await;
    for _ in 0..2 {
        one.pass(9);
        assert!(matches!(begin(&one, 1).await, Begin::Fenced));
        one.pass(1);
    }
    assert!(is_free(&other, 1).await);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "leased too")]
struct LeasedToo {
    #[cache(id)]
    id: u64,
}

/// Leases and fences are of one model.
pub async fn a_lease_is_of_one_model(harness: Harness) {
    let (one, other) = two(&harness).await;
    let second: Cache<LeasedToo> = harness.another().cache().await;
    let token = lease(&one, 1).await;
    fence(&one, &[2], Token::random(), 100).await;
    second.put(LeasedToo { id: 1 }).await.unwrap();
    second.clear().await.unwrap();
    let requests = [1, 2].map(|id| request(id, Token::random()));
    let begun = leases(&other).begin_many(second.model(), &requests, ms(100));
    assert!(matches!(
        begun.await.unwrap()[..],
        [Begin::Granted, Begin::Granted]
    ));
    assert!(one.put(loaded(1, token)).await.is_stored());
}

/// What was loaded since a mark is stored where nobody wrote or removed anything under its id
/// since then.
pub async fn what_was_written_since_a_mark_stays(harness: Harness) {
    let (one, other) = two(&harness).await;
    one.store(put(1, "x")).await;
    let mark = one.mark(&Expr::All).await;
    other.store(put(1, "new")).await;
    other.remove(2).await;
    other.store(absent(3)).await;
    let outcomes = (1..=4).map(|id| since(id, &mark)).collect();
    let outcomes = one.put_all(outcomes).await;
    assert_eq!(outcomes[..3], [PutOutcome::Outrun; 3]);
    assert!(outcomes[3].is_stored(), "nobody wrote under 4");
    assert_eq!(one.read(&one.fresh(1).await.unwrap()), note(1, "new"));
    assert!(one.is_gone(2).await && one.is_absent(3).await);
    assert_eq!(one.put(since(4, &mark)).await, PutOutcome::Outrun);
    let later = one.mark(&Expr::All).await;
    for id in 1..=4 {
        assert!(one.put(since(id, &later)).await.is_stored(), "{id}");
    }
}

/// Removal of many at once, of whatever kind, overtakes every load that began before it; so does a
/// fence of its ids.
pub async fn a_removal_since_a_mark_overtakes_the_load(harness: Harness) {
    let (one, other) = two(&harness).await;
    for way in 0..4 {
        let mark = one.mark(&Expr::All).await;
        match way {
            0 => drop(other.remove_tagged(&["a"], Fate::Remove).await),
            1 => {
                let about = Selection::Where(other.about("loaded"));
                other.remove_where(about, Fate::Expire).await;
            }
            2 => drop(other.remove_where(Selection::All, Fate::Remove).await),
            _ => fence(&other, &[1], Token::random(), 10).await,
        }
        let put = since(1, &mark).tagged(&["a"]);
        assert_eq!(one.put(put).await, PutOutcome::Outrun, "way {way}");
        assert!(one.is_gone(1).await);
    }
}

/// A closed store refuses leases as it refuses all else.
pub async fn a_closed_store_refuses_leases(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let token = lease(&raw, 1).await;
    raw.store.close().await.unwrap();
    let (requests, held) = ([request(1, token)], [(1_u64.to_key(), token)]);
    let begun = leases(&raw).begin_many(&raw.model, &requests, ms(100));
    refusal(begun.await, ErrorKind::Closed, "closed");
    let released = leases(&raw).release_many(&raw.model, &held);
    refusal(released.await, ErrorKind::Closed, "closed");
    let ids = [1_u64.to_key()];
    let fenced = leases(&raw).fence_many(&raw.model, &ids, token, ms(100));
    refusal(fenced.await, ErrorKind::Closed, "closed");
}
