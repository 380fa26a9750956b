//! Forms: what is wrong is said where it is, and nothing that was typed is lost.

use reqwest::Method;

use crate::site::{Filled, Site, between, plain};

#[tokio::test]
async fn all_that_is_wrong_is_said_at_its_field_and_nothing_is_lost() {
    let site = Site::open().await;
    let name = site.get("/people/7").await.heading();
    let form = site.form(7).await;
    let long = "x".repeat(601);
    let form = form
        .with("name", "  ")
        .with("title", "Keeper of <keys>")
        .with("team", "Nowhere")
        .with("email", "nobody")
        .with("joined", "2024-02-30")
        .with("bio", &long);
    let answer = site.post("/people/7", &form.pairs()).await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("<title>Error: Edit a person"));
    for (field, error) in [
        ("name", "The name is missing."),
        ("team", "Choose a team."),
        ("email", "This is no address; one is like name@example.org."),
        (
            "joined",
            "This is no day; one is like 2024-05-31, from 1950 to 2100.",
        ),
        ("bio", "The text has at most 600 characters."),
    ] {
        let said = between(&answer.body, &format!("id=\"{field}-wrong\">"), "<");
        assert_eq!(said, error);
        let summary = format!("<a href=\"#{field}\">{error}</a>");
        assert!(answer.body.contains(&summary), "{summary}");
        let input = between(&answer.body, &format!("id=\"{field}\""), ">");
        assert!(input.contains("aria-invalid=\"true\""), "{input}");
        assert!(input.contains(&format!("{field}-wrong")), "{input}");
    }
    assert!(answer.body.contains("value=\"Keeper of &lt;keys&gt;\""));
    assert!(answer.body.contains(&long));
    assert!(!answer.body.contains("id=\"title-wrong\""));
    assert_eq!(site.get("/people/7").await.heading(), name);
}

#[tokio::test]
async fn an_address_belongs_to_one_person() {
    let site = Site::open().await;
    let theirs = site.get("/people/1").await;
    let theirs = between(&theirs.body, "mailto:", "\"").to_owned();
    let added = site
        .post("/people", &Filled::new("Wanda", &theirs).pairs())
        .await;
    assert_eq!(added.status, 422);
    let said = between(&added.body, "id=\"email-wrong\">", "<");
    assert_eq!(said, "Somebody else has this address.");
    assert!(added.body.contains("value=\"Wanda\""));
    let form = site.form(2).await.with("email", &theirs);
    assert_eq!(site.post("/people/2", &form.pairs()).await.status, 422);
    assert_eq!(site.get("/").await.count(), "1–24 of 320 people");
}

#[tokio::test]
async fn who_saves_second_is_told_and_may_save_again() {
    let site = Site::open().await;
    let mine = site.form(9).await.with("name", "Mine");
    site.change(9, "name", "Theirs").await;
    let refused = site.post("/people/9", &mine.pairs()).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.body.contains("Name is now: Theirs"),
        "{}",
        refused.body
    );
    assert!(refused.body.contains("value=\"Mine\""));
    assert_eq!(site.get("/people/9").await.heading(), "Theirs");
    // The form that came back is of the version that is there now.
    let version = between(&refused.body, "name=\"version\" value=\"", "\"");
    let again = mine.with("version", version);
    assert_eq!(site.post("/people/9", &again.pairs()).await.status, 303);
    assert_eq!(site.get("/people/9").await.heading(), "Mine");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let site = Site::open().await;
    let long = "a".repeat(81);
    for (path, said) in [
        (format!("/?q={long}"), "“q” has at most 80 characters."),
        ("/?in=mind".to_owned(), "“in” is “names” or “bios”."),
        ("/?team=Nowhere".to_owned(), "There is no such team."),
        ("/?city=%00".to_owned(), "There is no such city."),
        (
            "/?sort=version".to_owned(),
            "“sort” is “name”, “-name”, “joined” or “-joined”.",
        ),
        ("/?page=0".to_owned(), "“page” is a number from 1 to 400."),
        (
            "/?page=99999999999999999999".to_owned(),
            "“page” is a number from 1 to 400.",
        ),
        ("/?page=1&page=2".to_owned(), "The address cannot be read."),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(
            plain(&answer.body).contains(said),
            "{path}: {}",
            answer.body
        );
        assert!(!site.get(&path).await.is_hit(), "{path}");
    }
    for path in [
        "/people/x",
        "/people/-1",
        "/people/99999999999999999999",
        "/nowhere",
        "/assets/0/x",
    ] {
        assert_eq!(site.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        site.post("/people/999", &Filled::new("A", "a@b.cd").pairs())
            .await
            .status,
        404
    );
    assert_eq!(site.post("/people/1", &[("name", "A")]).await.status, 422);
    assert_eq!(
        site.send(Method::PUT, "/people/1", &[], None).await.status,
        405
    );
    let huge = "x".repeat(20_000);
    let huge = Filled::new("A", "a@b.cd").with("bio", &huge);
    assert_eq!(site.post("/people", &huge.pairs()).await.status, 413);
    assert_eq!(site.get("/").await.count(), "1–24 of 320 people");
}
