//! What is never stored, and never shown to another.

use larder::http::{Outcome, Why};

use crate::site::{Setup, minute, page};

pub(crate) async fn a_response_that_sets_a_cookie_is_not_stored(setup: Setup) {
    let site = setup.site(minute(), |_| {
        page(
            "yours",
            &[
                ("set-cookie", "s=1"),
                ("cache-control", "public, max-age=60"),
            ],
        )
    });
    let site = site.await;
    for _ in 0..3 {
        let answer = site.get("/").await;
        answer.is_for(Outcome::Uncacheable, Why::SetCookie);
        assert_eq!(answer.header("set-cookie"), "s=1");
    }
    assert_eq!(site.calls(), 3);
}
