//! What somebody types is text and nothing else, and other sites can post nothing.

use reqwest::Method;

use crate::site::{Filled, Site};

/// Signs that mean something to HTML, SQL, RediSearch and patterns.
pub(crate) const HOSTILE: [&str; 12] = [
    "*",
    "a* | *",
    "@name:{*}",
    "@team:{Design}|(*)",
    "-@name:x",
    "\") OR 1=1 --",
    "'; DROP TABLE person; --",
    "%",
    "_",
    "\\",
    "<script>alert(1)</script>",
    "name:[-inf +inf]",
];

pub(crate) async fn hostile_queries_are_words(site: &Site) {
    for text in HOSTILE {
        for within in ["names", "bios"] {
            let mut url = reqwest::Url::parse(&site.base).unwrap();
            url.query_pairs_mut()
                .append_pair("q", text)
                .append_pair("in", within);
            let path = format!("/?{}", url.query().unwrap());
            let answer = site.get(&path).await;
            assert_eq!(answer.status, 200, "{text}");
            // Whoever has a word like this: nobody has them all in their name, and each has one
            // with an "a" in their bio.
            let count = answer.count();
            let everybody = count.contains("320");
            assert!(
                !everybody || (within == "bios" && text == "a* | *"),
                "{text}: {count}"
            );
            assert!(!answer.body.contains("<script>alert"), "{text}");
        }
    }
    assert_eq!(site.get("/").await.count(), "1–24 of 320 people");
}

#[tokio::test]
async fn what_is_searched_for_is_words_and_no_syntax() {
    let site = Site::open().await;
    hostile_queries_are_words(&site).await;
    // Neither sign nor case is a pattern: this is the word "a", as a beginning.
    let letters = site.get("/?q=*a").await.names();
    assert_eq!(letters, site.get("/?q=A").await.names());
}

#[tokio::test]
async fn what_is_typed_into_a_form_is_shown_as_it_is() {
    let site = Site::open().await;
    let name = "<script>alert(1)</script> \"Bobby\" & 'Tables'";
    let form = Filled::new(name, "bobby@example.org")
        .with("bio", "</textarea><img src=x onerror=alert(1)>");
    assert_eq!(site.post("/people", &form.pairs()).await.status, 303);
    for page in ["/people/321", "/people/321/edit", "/?q=bobby"] {
        let answer = site.get(page).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("<script>alert"), "{page}");
        assert!(!answer.body.contains("<img"), "{page}");
    }
    assert_eq!(site.get("/people/321").await.heading(), name);
    assert_eq!(site.get("/?q=bobby").await.names(), [name]);
    site.change(321, "title", "'; DROP TABLE person; --").await;
    assert_eq!(site.get("/").await.count(), "1–24 of 321 people");
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let site = Site::open().await;
    let name = site.get("/people/3").await.heading();
    let form = site.form(3).await.with("name", "Mallory");
    let host = site.base.strip_prefix("http://").unwrap();
    let near = format!("http://{host}.evil.example");
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", near.as_str())],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        // What a browser says of itself, a page cannot change; of the two it is the stricter.
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", site.base.as_str()),
        ],
    ] {
        for path in ["/people/3", "/people", "/people/3/delete"] {
            let answer = site
                .send(Method::POST, path, headers, Some(&form.pairs()))
                .await;
            assert_eq!(answer.status, 403, "{path}: {headers:?}");
            assert_eq!(answer.heading(), "The form was refused");
        }
    }
    assert_eq!(site.get("/people/3").await.heading(), name);
    let here = [
        ("origin", site.base.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = site
        .send(Method::POST, "/people/3", &here, Some(&form.pairs()))
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(site.get("/people/3").await.heading(), "Mallory");
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do() {
    let site = Site::open().await;
    for path in [
        "/",
        "/",
        "/people/1",
        "/people/1/edit",
        "/people/new",
        "/nowhere",
        "/panel",
        "/?page=0",
    ] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        for forbidden in [" style=", " onclick=", "javascript:", "https://"] {
            assert!(!answer.body.contains(forbidden), "{path}: {forbidden}");
        }
    }
}
