//! Lists and profiles: what is found, and that an edit is seen at once where it shows, and nowhere
//! else.

use std::collections::BTreeSet;

use crate::site::{Answer, Filled, Site};

#[tokio::test]
async fn everybody_is_listed_once_on_some_page() {
    let site = Site::open().await;
    let first = site.get("/").await;
    assert_eq!(first.count(), "1–24 of 320 people");
    let mut seen = Vec::new();
    for page in 1..=14 {
        seen.extend(site.get(&format!("/?page={page}")).await.names());
    }
    assert_eq!(seen.len(), 320);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 320);
    let mut by_name = seen.clone();
    by_name.sort_by_key(|name| name.to_lowercase());
    assert_eq!(seen, by_name);

    let behind = site.get("/?page=15").await;
    assert_eq!(
        behind.count(),
        "There are 320 people, on fewer pages than this one."
    );
}

#[tokio::test]
async fn whole_words_and_the_beginning_of_the_last_are_found() {
    let site = Site::open().await;
    let found = async |query: &str| site.get(&format!("/?{query}")).await.names();

    let zoe = found("q=zoe").await;
    assert_eq!(zoe.len(), 8);
    assert!(zoe.iter().all(|name| name.starts_with("Zoë ")), "{zoe:?}");
    assert_eq!(found("q=ZO").await, zoe);

    let both = found("q=an").await;
    assert!(both.iter().any(|name| name.starts_with("Anna ")));
    assert!(both.iter().any(|name| name.starts_with("Andrea ")));
    // "ann" is a beginning and no word: behind it stands another, or a blank.
    let ann = found("q=ann").await;
    assert!(!ann.is_empty() && ann.iter().all(|name| name.starts_with("Anna ")));
    assert!(found("q=ann+").await.is_empty());
    assert!(found("q=ann+h").await.is_empty());
    let anna = found("q=anna+h").await;
    assert_eq!(anna, ["Anna Hansen"]);
    assert_eq!(found("q=hansen+anna").await, anna);
    assert_eq!(found("q=O%E2%80%99Nei").await.len(), 8);

    // In bios too.
    assert!(found("q=accordion").await.is_empty());
    let player = site.get("/?q=accordion&in=bios").await;
    assert!(player.names().len() > 10, "{}", player.count());
}

#[tokio::test]
async fn filters_and_orders_hold() {
    let site = Site::open().await;
    let both = site.get("/?team=Research&city=Kyoto").await;
    let cell = |page: &Answer, class: &str| -> BTreeSet<String> {
        let begin = format!("<td class=\"{class}\"");
        let cells = page.body.split(&begin).skip(1);
        let cells = cells.map(|cell| crate::site::between(cell, ">", "<").to_owned());
        cells.collect()
    };
    assert!(!both.names().is_empty());
    assert_eq!(cell(&both, "team"), BTreeSet::from(["Research".to_owned()]));
    assert_eq!(cell(&both, "city"), BTreeSet::from(["Kyoto".to_owned()]));

    let days = |page: &Answer| -> Vec<String> {
        let days = page.body.split("datetime=\"").skip(1);
        days.map(|day| day[..10].to_owned()).collect()
    };
    let newest = days(&site.get("/?sort=-joined").await);
    assert_eq!(newest.len(), 24);
    assert!(newest.is_sorted_by(|a, b| a >= b), "{newest:?}");
    let oldest = days(&site.get("/?sort=joined").await);
    assert!(oldest.is_sorted() && oldest[0] < newest[23]);
    let backwards = site.get("/?sort=-name").await.names();
    assert!(backwards[0].starts_with("Zoë"), "{backwards:?}");
}

#[tokio::test]
async fn an_edit_is_seen_at_once_and_ends_only_pages_that_show_it() {
    let site = Site::open().await;
    let pages = [
        "/",
        "/?q=zoe",
        "/people/40",
        "/?q=anna",
        "/people/6",
        "/?team=Design&city=Oslo",
    ];
    for page in pages {
        site.get(page).await;
        assert!(site.get(page).await.is_hit(), "{page}");
    }
    let before = site.get("/people/40").await;
    assert!(before.heading().starts_with("Zoë "));
    let anna = site.get("/people/6").await.heading();
    assert!(anna.starts_with("Anna "));

    site.change(40, "name", "Zoë Quartermain").await;

    let profile = site.get("/people/40").await;
    assert!(!profile.is_hit());
    assert_eq!(profile.heading(), "Zoë Quartermain");
    let list = site.get("/?q=zoe").await;
    assert!(!list.is_hit());
    assert!(list.names().contains(&"Zoë Quartermain".to_owned()));
    assert!(!list.names().contains(&before.heading()));
    // Of everybody she is one.
    assert!(!site.get("/").await.is_hit());
    // She is no Anna, and in another team.
    assert!(site.get("/?q=anna").await.is_hit());
    assert!(site.get("/people/6").await.is_hit());
    assert!(site.get("/?team=Design&city=Oslo").await.is_hit());
    for page in ["/people/40", "/?q=zoe", "/"] {
        assert!(site.get(page).await.is_hit(), "{page}");
    }
    assert_eq!(site.get("/?q=quarterm").await.names(), ["Zoë Quartermain"]);
}

#[tokio::test]
async fn who_is_added_appears_and_who_is_deleted_goes() {
    let site = Site::open().await;
    assert_eq!(site.get("/people/321").await.status, 404);
    assert!(site.get("/people/321").await.is_hit());
    assert_eq!(site.get("/?q=wanda").await.count(), "Nobody was found.");

    let wanda = Filled::new("Wanda Quill", "wanda.quill@example.org");
    let added = site.post("/people", &wanda.pairs()).await;
    assert_eq!(
        (added.status, added.header("location")),
        (303, "/people/321")
    );
    assert_eq!(site.get("/people/321").await.heading(), "Wanda Quill");
    assert_eq!(site.get("/?q=wanda").await.names(), ["Wanda Quill"]);
    assert_eq!(site.get("/").await.count(), "1–24 of 321 people");

    let deleted = site.post("/people/321/delete", &[]).await;
    assert_eq!((deleted.status, deleted.header("location")), (303, "/"));
    assert_eq!(site.get("/people/321").await.status, 404);
    assert_eq!(site.get("/?q=wanda").await.count(), "Nobody was found.");
    assert_eq!(site.get("/").await.count(), "1–24 of 320 people");
    assert_eq!(site.post("/people/321/delete", &[]).await.status, 404);
    // The next one does not take her number.
    let added = site.post("/people", &wanda.pairs()).await;
    assert_eq!(added.header("location"), "/people/322");
}
