//! The panel, and what browsers are told of pages and assets.

use reqwest::Method;

use crate::site::{Site, between};

#[tokio::test]
async fn the_panel_says_what_was_kept_and_why() {
    let site = Site::open().await;
    assert!(
        site.get("/panel/fragment")
            .await
            .body
            .contains("There were none yet.")
    );
    for path in [
        "/people/5",
        "/people/5",
        "/?q=anna",
        "/people/999",
        "/?page=0",
    ] {
        site.get(path).await;
    }
    site.change(5, "title", "Juggler").await;
    site.get("/people/5").await;

    let panel = site.get("/panel/fragment").await;
    assert_eq!(panel.header("cache-control"), "no-store");
    assert_eq!(panel.header("cache-status"), "");
    let entry = |at: usize| panel.body.split("<li data-outcome=").nth(at + 1).unwrap();
    for (at, parts) in [
        (
            0,
            &[
                "\"miss\"",
                "/people/5",
                "Made again: what it showed has changed since.",
                "person 5",
            ][..],
        ),
        (
            1,
            &[
                "\"plain\"",
                "<b>POST</b>",
                "Written; what shows it was ended.",
            ],
        ),
        (
            2,
            &[
                "\"miss\"",
                "/people/5/edit",
                "Made: nobody had asked for it.",
            ],
        ),
        (
            3,
            &["\"plain\"", "/?page=0", "Pages of status 400 are not kept."],
        ),
        (4, &["\"miss\"", "/people/999", "person 999"]),
        (
            5,
            &["\"miss\"", "/?q=anna", "person where name has \"anna*\""],
        ),
        (
            6,
            &[
                "\"hit\"",
                "/people/5",
                "nothing it shows has changed.",
                "person 5",
            ],
        ),
        (7, &["\"miss\"", "/people/5", "person 5"]),
    ] {
        let entry = crate::site::plain(entry(at));
        for part in parts {
            assert!(entry.contains(part), "{at}: no {part} in {entry}");
        }
    }
    // The chart says in words what it shows.
    let chart = between(&panel.body, "<figure", "</figure>");
    assert!(chart.contains("role=\"img\""));
    let said = "In the last 5 minutes the cache answered 1 of 7 requests: 14 %.";
    assert_eq!(chart.matches(said).count(), 2, "{chart}");
    assert!(chart.contains("class=\"hit\"") && chart.contains("class=\"ratio\""));
    // It is a page of its own too, for whoever has no scripts.
    let page = site.get("/panel").await;
    assert_eq!(page.heading(), "What the cache does");
    assert!(page.body.contains(said));
}

#[tokio::test]
async fn the_panel_is_no_part_of_a_kept_page() {
    let site = Site::open().await;
    let first = site.get("/people/5").await;
    let second = site.get("/people/5").await;
    assert!(second.is_hit());
    assert_eq!(first.body, second.body);
    assert!(first.body.contains("data-source=\"/panel/fragment\""));
    assert!(!first.body.contains("<figure"));
}

#[tokio::test]
async fn a_browser_asks_and_is_told_that_nothing_changed() {
    let site = Site::open().await;
    let first = site.get("/people/5").await;
    assert_eq!(first.header("cache-control"), "no-cache");
    let tag = first.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    let again = site.send(Method::GET, "/people/5", &known, None).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    site.change(5, "title", "Juggler").await;
    let again = site.send(Method::GET, "/people/5", &known, None).await;
    assert_eq!(again.status, 200);

    for (ending, kind) in [
        ("css", "text/css"),
        ("js", "text/javascript"),
        ("svg", "image/svg+xml"),
    ] {
        let before = first.body.split(&format!(".{ending}\"")).next().unwrap();
        let path = before.rsplit_once('"').unwrap().1;
        let path = format!("{path}.{ending}");
        let asset = site.get(&path).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("content-type").starts_with(kind), "{path}");
        assert!(asset.header("cache-control").ends_with("immutable"));
        let known = [("if-none-match", asset.header("etag"))];
        let again = site.send(Method::GET, &path, &known, None).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        // A page of another version of the program may ask for it.
        let name = path.rsplit_once('/').unwrap().1;
        let other = site.get(&format!("/assets/0123/{name}")).await;
        assert_eq!(
            (other.status, other.header("cache-control")),
            (200, "no-cache")
        );
    }
}
