//! Points on the earth: what lies within a radius, at the edges of the map above all.

use larder_core::{Cache, GeoPoint};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::{means, means_positively, nonsense};
use crate::conformance::Harness;

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "site")]
struct Site {
    #[cache(id)]
    id: u64,
    #[cache(geo)]
    at: Option<GeoPoint>,
    #[cache(index)]
    kind: String,
}

const R: f64 = GeoPoint::EARTH_RADIUS_M;
const HALF: f64 = std::f64::consts::PI * R;

/// One degree of a great circle, in metres.
const DEGREE: f64 = HALF / 180.0;

/// The points, and behind them a row without one.
async fn sites(harness: &Harness, points: &[(f64, f64)]) -> Cache<Site> {
    let cache: Cache<Site> = harness.cache().await;
    let rows = (0..=points.len()).map(|id| Site {
        id: id as u64,
        at: points.get(id).map(|&(lat, lon)| GeoPoint::new(lat, lon)),
        kind: if id % 2 == 0 { "even" } else { "odd" }.to_owned(),
    });
    cache.put_many(rows).await.unwrap();
    cache
}

async fn within(cache: &Cache<Site>, center: (f64, f64), radius_m: f64, expected: &[u64]) {
    let center = GeoPoint::new(center.0, center.1);
    means_positively(cache, |s| s.at.within(center, radius_m), expected).await;
}

/// A point is in the circle if its distance on the sphere is not more than the radius.
pub async fn a_circle_holds_what_is_not_farther_than_its_radius(harness: Harness) {
    let points = [
        (0.0, 0.0),
        (0.0, 1.0),
        (1.0, 0.0),
        (0.0, 2.0),
        (45.0, 45.0),
        (-1.0, -1.0),
    ];
    let cache = sites(&harness, &points).await;
    within(&cache, (0.0, 0.0), 1.0, &[0]).await;
    within(&cache, (0.0, 0.0), 0.999 * DEGREE, &[0]).await;
    within(&cache, (0.0, 0.0), 1.001 * DEGREE, &[0, 1, 2]).await;
    within(&cache, (0.0, 0.0), 1.42 * DEGREE, &[0, 1, 2, 5]).await;
    within(&cache, (0.0, 0.0), 2.001 * DEGREE, &[0, 1, 2, 3, 5]).await;
    within(&cache, (45.0, 45.0), 10.0, &[4]).await;
    within(&cache, (-45.0, 45.0), 10.0, &[]).await;
}

/// Latitude comes first: points that differ only in the order of their numbers differ.
pub async fn latitude_comes_first(harness: Harness) {
    let cache = sites(&harness, &[(10.0, 50.0), (50.0, 10.0)]).await;
    within(&cache, (50.0, 10.0), 1_000.0, &[1]).await;
    within(&cache, (10.0, 50.0), 1_000.0, &[0]).await;
}

/// A circle over the antimeridian holds points on both sides of it, and 180 is -180.
pub async fn circles_reach_over_the_antimeridian(harness: Harness) {
    let points = [
        (0.0, 179.5),
        (0.0, -179.5),
        (0.0, 180.0),
        (0.0, -180.0),
        (0.0, 178.0),
        (0.0, 0.0),
    ];
    let cache = sites(&harness, &points).await;
    within(&cache, (0.0, 180.0), 0.6 * DEGREE, &[0, 1, 2, 3]).await;
    within(&cache, (0.0, -180.0), 0.6 * DEGREE, &[0, 1, 2, 3]).await;
    within(&cache, (0.0, 179.9), 0.5 * DEGREE, &[0, 2, 3]).await;
    within(&cache, (0.0, -179.9), 0.5 * DEGREE, &[1, 2, 3]).await;
    within(&cache, (0.0, -179.0), 1.6 * DEGREE, &[0, 1, 2, 3]).await;
    within(&cache, (60.0, 180.0), 61.0 * DEGREE, &[0, 1, 2, 3, 4]).await;
}

/// At a pole every longitude is the same place, and a circle around it is a cap.
pub async fn circles_reach_around_the_poles(harness: Harness) {
    let points = [
        (90.0, 0.0),
        (90.0, 77.0),
        (89.0, 0.0),
        (89.0, 180.0),
        (88.0, -90.0),
        (-90.0, 5.0),
    ];
    let cache = sites(&harness, &points).await;
    within(&cache, (90.0, -120.0), 1.0, &[0, 1]).await;
    within(&cache, (90.0, 0.0), 1.001 * DEGREE, &[0, 1, 2, 3]).await;
    within(&cache, (89.5, 0.0), 1.501 * DEGREE, &[0, 1, 2, 3]).await;
    within(&cache, (89.0, 0.0), 1.999 * DEGREE, &[0, 1, 2]).await;
    within(&cache, (89.0, 0.0), 2.001 * DEGREE, &[0, 1, 2, 3]).await;
    within(&cache, (90.0, 0.0), 2.001 * DEGREE, &[0, 1, 2, 3, 4]).await;
    within(&cache, (-90.0, 0.0), 1.0, &[5]).await;
}

/// A radius of zero holds the very point, wherever it is, and none beside it.
pub async fn a_radius_of_zero_holds_the_very_point(harness: Harness) {
    let points = [
        (0.0, 0.0),
        (51.339_695, 12.373_075),
        (-33.8688, 151.2093),
        (90.0, 0.0),
        (0.0, 1e-3),
    ];
    let cache = sites(&harness, &points).await;
    for (id, point) in points.into_iter().enumerate() {
        within(&cache, point, 0.0, &[id as u64]).await;
    }
    within(&cache, (51.34, 12.373_075), 0.0, &[]).await;
}

/// Half the circumference and all beyond it hold every point there is, the antipode included.
pub async fn half_the_circumference_holds_every_point(harness: Harness) {
    let points = [
        (0.0, 0.0),
        (0.0, 180.0),
        (0.0, 179.0),
        (90.0, 0.0),
        (-90.0, 0.0),
        (12.0, -34.0),
    ];
    let cache = sites(&harness, &points).await;
    for radius in [HALF, HALF + 1.0, 2.0 * HALF, 1e300, f64::INFINITY] {
        within(&cache, (0.0, 0.0), radius, &[0, 1, 2, 3, 4, 5]).await;
    }
    within(&cache, (0.0, 0.0), HALF - 0.5 * DEGREE, &[0, 2, 3, 4, 5]).await;
    within(&cache, (0.0, 0.0), HALF / 2.0 + 1.0, &[0, 3, 4, 5]).await;
}

/// A row without a point is in no circle, not even in the largest.
pub async fn a_missing_point_is_in_no_circle(harness: Harness) {
    let cache = sites(&harness, &[(1.0, 1.0)]).await;
    within(&cache, (0.0, 0.0), f64::INFINITY, &[0]).await;
    means(&cache, |s| s.at.is_none(), &[1]).await;
    means(&cache, |s| s.at.is_some(), &[0]).await;
}

/// `within` stands beside other conditions under `&`, and is skipped without a center.
pub async fn within_stands_beside_other_conditions(harness: Harness) {
    let cache = sites(&harness, &[(0.0, 0.0), (0.0, 0.1), (0.0, 0.2), (0.0, 50.0)]).await;
    let zero = GeoPoint::new(0.0, 0.0);
    let near = |s: SiteFields<Site>| s.at.within(zero, DEGREE);
    means_positively(&cache, |s| near(s) & s.kind.eq("even"), &[0, 2]).await;
    means_positively(&cache, |s| s.kind.ne("even") & near(s), &[1]).await;
    let both = |s: SiteFields<Site>| near(s) & s.at.within(GeoPoint::new(0.0, 1.0), 0.85 * DEGREE);
    means_positively(&cache, both, &[2]).await;
    let skipped = |s: SiteFields<Site>| s.at.within_if(None, 1.0) & s.kind.eq("odd");
    means_positively(&cache, skipped, &[1, 3]).await;
    let given = |s: SiteFields<Site>| s.at.within_if(Some(zero), 1.0) & s.kind.eq("even");
    means_positively(&cache, given, &[0]).await;
}

/// Under `|` and `!` a circle is a condition like any other: no point is not within.
pub async fn within_stands_under_or_and_not(harness: Harness) {
    let cache = sites(&harness, &[(0.0, 0.0), (0.0, 0.1), (0.0, 50.0)]).await;
    let near = |s: SiteFields<Site>| s.at.within(GeoPoint::new(0.0, 0.0), DEGREE);
    means(&cache, near, &[0, 1]).await;
    means(&cache, |s| !near(s), &[2, 3]).await;
    means(&cache, |s| near(s) | s.kind.eq("odd"), &[0, 1, 3]).await;
    means(&cache, |s| !(near(s) & s.kind.eq("odd")), &[0, 2, 3]).await;
    means(&cache, |s| !near(s) & s.kind.eq("odd"), &[3]).await;
    let far = |s: SiteFields<Site>| s.at.within(GeoPoint::new(0.0, 50.0), DEGREE);
    means(&cache, |s| near(s) | far(s), &[0, 1, 2]).await;
}

/// A circle around no place, or of no size, is refused.
pub async fn circles_that_are_none_are_refused(harness: Harness) {
    let cache = sites(&harness, &[(0.0, 0.0)]).await;
    for (lat, lon) in [
        (90.1, 0.0),
        (0.0, 180.1),
        (f64::NAN, 0.0),
        (0.0, f64::NEG_INFINITY),
    ] {
        let center = GeoPoint::new(lat, lon);
        nonsense(
            cache.find(|s| s.at.within(center, 1.0)).count().await,
            "globe",
        );
    }
    for radius in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        let center = GeoPoint::new(0.0, 0.0);
        nonsense(
            cache.find(|s| s.at.within(center, radius)).count().await,
            "radius",
        );
    }
}
