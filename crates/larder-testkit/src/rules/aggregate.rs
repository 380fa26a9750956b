//! Facets and aggregates: exact, in a fixed order, over what the filter means.

use chrono::{DateTime, Utc};
use larder_core::{Aggregate, Aggregated, Cache, Facets, Filter, Find, Group, Value};
use larder_derive::{CacheModel, CacheValue};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::asking::nonsense;
use crate::conformance::Harness;

#[derive(Clone, Copy, Debug, Serialize, Deserialize, CacheValue)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    InProgress,
}

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "order")]
struct Order {
    #[cache(id)]
    id: u32,
    #[cache(index)]
    customer: Option<String>,
    #[cache(index, ignore_case)]
    city: String,
    #[cache(index)]
    items: Vec<String>,
    #[cache(index)]
    state: State,
    #[cache(index)]
    paid: bool,
    #[cache(index)]
    amount: Option<i64>,
    #[cache(index)]
    large: u64,
    #[cache(index)]
    weight: Option<f64>,
    #[cache(index, scale = 2)]
    #[serde(with = "rust_decimal::serde::str")]
    price: Decimal,
    #[cache(index)]
    at: DateTime<Utc>,
    #[cache(index)]
    reference: Uuid,
    #[cache(index, text)]
    note: String,
}

fn order(id: u32) -> Order {
    Order {
        id,
        customer: None,
        city: String::new(),
        items: vec![],
        state: State::Open,
        paid: false,
        amount: None,
        large: 0,
        weight: None,
        price: Decimal::ZERO,
        at: DateTime::UNIX_EPOCH,
        reference: Uuid::nil(),
        note: String::new(),
    }
}

async fn orders(harness: &Harness, orders: impl IntoIterator<Item = Order>) -> Cache<Order> {
    let cache: Cache<Order> = harness.cache().await;
    cache.put_many(orders).await.unwrap();
    cache
}

fn values(facets: Facets) -> Vec<(String, u64)> {
    let values = facets.values.into_iter();
    values
        .map(|(value, count)| (value.to_string(), count))
        .collect()
}

fn counted(values: &[(&str, u64)]) -> Vec<(String, u64)> {
    values
        .iter()
        .map(|(value, count)| ((*value).to_owned(), *count))
        .collect()
}

fn all(cache: &Cache<Order>) -> Find<'_, Order> {
    cache.find(|_| Filter::all())
}

/// Facets count each value, the most frequent first, equals in the order of their values;
/// missing values are in none.
pub async fn facets_count_values_by_frequency_then_value(harness: Harness) {
    let customers = ["b", "a", "c", "a", "c", "é", "", "B"].map(|name| Some(name.to_owned()));
    let customers = customers.into_iter().chain([None]).zip(0..);
    let cache = orders(
        &harness,
        customers.map(|(customer, id)| Order {
            customer,
            ..order(id)
        }),
    )
    .await;
    let facets = all(&cache).facets(|o| o.customer, 10).await.unwrap();
    assert_eq!(facets.left_out, 0);
    let expected = [("a", 2), ("c", 2), ("", 1), ("B", 1), ("b", 1), ("é", 1)];
    assert_eq!(values(facets), counted(&expected));
}

/// A limit cuts the rarest and says how many values it left out.
pub async fn facets_say_how_many_values_were_left_out(harness: Harness) {
    let many = (0..100).map(|id| Order {
        customer: Some(format!("{:02}", id % 30)),
        ..order(id)
    });
    let cache = orders(&harness, many).await;
    let facets = all(&cache).facets(|o| o.customer, 3).await.unwrap();
    assert_eq!(facets.left_out, 27);
    assert_eq!(values(facets), counted(&[("00", 4), ("01", 4), ("02", 4)]));
    let none = all(&cache).facets(|o| o.customer, 0).await.unwrap();
    assert_eq!((none.values.len(), none.left_out), (0, 30));
    let exact = all(&cache).facets(|o| o.customer, 30).await.unwrap();
    assert_eq!((exact.values.len(), exact.left_out), (30, 0));
}

/// Facets count what the filter means, and follow each write at once.
pub async fn facets_count_what_the_filter_means(harness: Harness) {
    let some = (0..10).map(|id| Order {
        customer: Some(if id < 6 { "a" } else { "b" }.to_owned()),
        amount: Some(i64::from(id)),
        ..order(id)
    });
    let cache = orders(&harness, some).await;
    let facets = || async {
        let find = cache.find(|o| o.amount.ge(4));
        values(find.facets(|o| o.customer, 9).await.unwrap())
    };
    assert_eq!(facets().await, counted(&[("b", 4), ("a", 2)]));
    cache.remove(&9).await.unwrap();
    cache
        .put(Order {
            customer: Some("c".to_owned()),
            amount: Some(4),
            ..order(4)
        })
        .await
        .unwrap();
    assert_eq!(facets().await, counted(&[("b", 3), ("a", 1), ("c", 1)]));
    let nothing = cache
        .find(|_| Filter::none())
        .facets(|o| o.customer, 9)
        .await
        .unwrap();
    assert_eq!(nothing.values, []);
}

/// An object counts once for each distinct element of a list, and an empty list nowhere.
pub async fn facets_of_lists_count_each_element_once(harness: Harness) {
    let lists: [&[&str]; 4] = [&["x", "y", "x"], &["y"], &[], &["y", ""]];
    let lists = lists.into_iter().zip(0..).map(|(items, id)| Order {
        items: items.iter().map(|item| (*item).to_owned()).collect(),
        ..order(id)
    });
    let cache = orders(&harness, lists).await;
    let facets = all(&cache).facets(|o| o.items, 9).await.unwrap();
    assert_eq!(values(facets), counted(&[("y", 3), ("", 1), ("x", 1)]));
}

/// Every kind has facets: truth values, enums, numbers, instants, decimals, UUIDs, folded text.
pub async fn every_kind_has_facets(harness: Harness) {
    let rows = [
        Order {
            paid: true,
            state: State::InProgress,
            city: "ROM".to_owned(),
            weight: Some(0.0),
            ..order(0)
        },
        Order {
            city: "rom".to_owned(),
            weight: Some(-0.0),
            large: u64::MAX,
            ..order(1)
        },
        Order {
            city: "Oslo".to_owned(),
            price: Decimal::new(5, 1),
            ..order(2)
        },
    ];
    let cache = orders(&harness, rows).await;
    let facets = all(&cache).facets(|o| o.paid, 9).await.unwrap();
    assert_eq!(
        facets.values,
        [(Value::Bool(false), 2), (Value::Bool(true), 1)]
    );
    let facets = all(&cache).facets(|o| o.state, 9).await.unwrap();
    assert_eq!(values(facets), counted(&[("open", 2), ("in_progress", 1)]));
    let facets = all(&cache).facets(|o| o.city, 9).await.unwrap();
    assert_eq!(values(facets), counted(&[("rom", 2), ("oslo", 1)]));
    let facets = all(&cache).facets(|o| o.weight, 9).await.unwrap();
    assert_eq!(facets.values, [(Value::Float(0.0), 2)]);
    let facets = all(&cache).facets(|o| o.large, 9).await.unwrap();
    assert_eq!(
        facets.values,
        [(Value::Int(0), 2), (Value::Int(u64::MAX.into()), 1)]
    );
    let facets = all(&cache).facets(|o| o.price, 9).await.unwrap();
    assert_eq!(facets.values, [(Value::Int(0), 2), (Value::Int(50), 1)]);
    let facets = all(&cache).facets(|o| o.at, 9).await.unwrap();
    assert_eq!(facets.values, [(Value::Int(0), 3)]);
    let facets = all(&cache).facets(|o| o.reference, 9).await.unwrap();
    assert_eq!(facets.values, [(Value::Uuid(0), 3)]);
}

fn only(aggregated: Aggregated) -> Group {
    assert_eq!((aggregated.groups.len(), aggregated.left_out), (1, 0));
    aggregated.groups.into_iter().next().unwrap()
}

/// Without a group there is one, with the count and each metric in the order asked.
pub async fn an_aggregate_without_a_group_is_one_group(harness: Harness) {
    let amounts = [Some(5), None, Some(-7), Some(3)].into_iter().zip(0..);
    let cache = orders(
        &harness,
        amounts.map(|(amount, id)| Order {
            amount,
            ..order(id)
        }),
    )
    .await;
    let group = metrics(all(&cache)).await;
    assert_eq!((group.key, group.count), (None, 4));
    let expected = [
        Value::Int(5),
        Value::Int(-7),
        Value::Int(1),
        Value::Float(1.0 / 3.0),
    ];
    assert_eq!(group.metrics, expected.map(Some));
    let count = only(all(&cache).aggregate(|_| Aggregate::new()).await.unwrap());
    assert_eq!((count.count, count.metrics.len()), (4, 0));
}

async fn metrics(find: Find<'_, Order>) -> Group {
    let answer = find.aggregate(|o| {
        Aggregate::new()
            .max(o.amount)
            .min(o.amount)
            .sum(o.amount)
            .avg(o.amount)
    });
    only(answer.await.unwrap())
}

/// Of no objects the count is 0 and there is no least, no greatest, no sum and no average.
pub async fn an_aggregate_over_nothing_has_no_metrics(harness: Harness) {
    let cache = orders(&harness, [order(0)]).await;
    let nothing = metrics(cache.find(|_| Filter::none())).await;
    assert_eq!((nothing.count, nothing.metrics), (0, vec![None; 4]));
    let missing = metrics(all(&cache)).await;
    assert_eq!((missing.count, missing.metrics), (1, vec![None; 4]));
    let grouped = all(&cache).aggregate(|o| Aggregate::new().group_by(o.customer));
    assert_eq!(grouped.await.unwrap().groups, []);
}

/// Groups come as facets do, each with its metrics.
pub async fn groups_have_their_metrics(harness: Harness) {
    let rows = [
        ("a", Some(1)),
        ("b", Some(10)),
        ("a", Some(3)),
        ("b", None),
        ("c", None),
        ("a", None),
    ];
    let rows = rows
        .into_iter()
        .zip(0..)
        .map(|((customer, amount), id)| Order {
            customer: Some(customer.to_owned()),
            amount,
            ..order(id)
        });
    let cache = orders(&harness, rows).await;
    let grouped = |limit| {
        all(&cache).aggregate(move |o| {
            Aggregate::new()
                .group_by(o.customer)
                .sum(o.amount)
                .avg(o.amount)
                .limit(limit)
        })
    };
    let answer = grouped(9).await.unwrap();
    let group = |key: &str, count, metrics: Option<(i128, f64)>| {
        let (sum, avg) = metrics.unzip();
        (
            Some(Value::Str(key.to_owned())),
            count,
            vec![sum.map(Value::Int), avg.map(Value::Float)],
        )
    };
    let expected = [
        group("a", 3, Some((4, 2.0))),
        group("b", 2, Some((10, 10.0))),
        group("c", 1, None),
    ];
    let got: Vec<_> = answer
        .groups
        .into_iter()
        .map(|group| (group.key, group.count, group.metrics))
        .collect();
    assert_eq!(got, expected);
    let answer = grouped(1).await.unwrap();
    assert_eq!((answer.groups.len(), answer.left_out), (1, 2));
}

/// Sums of integers are exact beyond 64 bits; sums of floats are rounded once, whatever the order.
pub async fn sums_are_exact(harness: Harness) {
    let weights = [1e100, 1.0, -1e100, 0.1, 0.2, 0.3];
    let rows = weights.into_iter().zip(0..).map(|(weight, id)| Order {
        weight: Some(weight),
        large: u64::MAX,
        amount: Some(i64::MIN),
        price: Decimal::new(10_001, 2),
        ..order(id)
    });
    let cache = orders(&harness, rows).await;
    let metrics = all(&cache).aggregate(|o| {
        Aggregate::new()
            .sum(o.weight)
            .sum(o.large)
            .sum(o.amount)
            .sum(o.price)
            .avg(o.price)
    });
    let metrics = only(metrics.await.unwrap()).metrics;
    let expected = [
        Value::Float(1.6),
        Value::Int(6 * i128::from(u64::MAX)),
        Value::Int(6 * i128::from(i64::MIN)),
        Value::Int(60_006),
        Value::Float(100.01),
    ];
    assert_eq!(metrics, expected.map(Some));
}

/// The least and the greatest are by the field's own order, of strings, instants and the rest.
pub async fn least_and_greatest_are_by_the_fields_order(harness: Harness) {
    let moment = DateTime::<Utc>::from_timestamp_nanos;
    let rows = [
        Order {
            customer: Some("é".to_owned()),
            city: "B".to_owned(),
            at: moment(1),
            weight: Some(f64::INFINITY),
            ..order(0)
        },
        Order {
            customer: Some(String::new()),
            city: "a".to_owned(),
            at: moment(i64::MIN),
            large: u64::MAX,
            ..order(1)
        },
        Order {
            paid: true,
            at: moment(i64::MAX),
            weight: Some(-1.5),
            ..order(2)
        },
    ];
    let cache = orders(&harness, rows).await;
    let least = all(&cache).aggregate(|o| {
        Aggregate::new()
            .min(o.customer)
            .min(o.city)
            .min(o.at)
            .min(o.weight)
            .min(o.large)
            .min(o.paid)
    });
    let text = |text: &str| Value::Str(text.to_owned());
    let expected = [
        text(""),
        text(""),
        Value::Int(i64::MIN.into()),
        Value::Float(-1.5),
        Value::Int(0),
        Value::Bool(false),
    ];
    assert_eq!(only(least.await.unwrap()).metrics, expected.map(Some));
    let greatest = all(&cache).aggregate(|o| {
        Aggregate::new()
            .max(o.customer)
            .max(o.city)
            .max(o.at)
            .max(o.weight)
            .max(o.large)
            .max(o.paid)
    });
    let expected = [
        text("é"),
        text("b"),
        Value::Int(i64::MAX.into()),
        Value::Float(f64::INFINITY),
        Value::Int(u64::MAX.into()),
        Value::Bool(true),
    ];
    assert_eq!(only(greatest.await.unwrap()).metrics, expected.map(Some));
}

/// What cannot be added up or put in order is refused, naming the field.
pub async fn aggregates_that_make_no_sense_are_refused(harness: Harness) {
    let cache = orders(&harness, [order(0)]).await;
    nonsense(
        all(&cache)
            .aggregate(|o| Aggregate::new().min(o.items))
            .await,
        "`items`",
    );
    nonsense(
        all(&cache)
            .aggregate(|o| Aggregate::new().max(o.items))
            .await,
        "`items`",
    );
    nonsense(
        all(&cache).aggregate(|o| Aggregate::new().sum(o.at)).await,
        "`at`",
    );
    nonsense(
        all(&cache).aggregate(|o| Aggregate::new().avg(o.at)).await,
        "`at`",
    );
    assert_eq!(cache.count().await.unwrap(), 1);
}

/// Facets over the words that were asked for count the same objects as the query brings.
pub async fn facets_follow_conditions_on_words(harness: Harness) {
    let rows = ["red shoe", "blue shoe", "red hat"]
        .into_iter()
        .zip(0..)
        .map(|(note, id)| Order {
            note: note.to_owned(),
            customer: Some(if id == 1 { "b" } else { "a" }.to_owned()),
            ..order(id)
        });
    let cache = orders(&harness, rows).await;
    let facets = cache
        .find(|o| o.note.matches("shoe"))
        .facets(|o| o.customer, 9)
        .await
        .unwrap();
    assert_eq!(values(facets), counted(&[("a", 1), ("b", 1)]));
    let facets = cache
        .find(|o| !o.note.matches("shoe"))
        .facets(|o| o.note, 9)
        .await
        .unwrap();
    assert_eq!(values(facets), counted(&[("red hat", 1)]));
}
