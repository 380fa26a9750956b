//! The example in a real browser: a story, a phone, a keyboard, and a look at what those get who
//! do not see it.

use larder_testkit::server::offline;

use crate::chromium::Chromium;
use crate::site::Site;

/// What is wrong with a page for some of its readers, by hand-written rules.
const AUDIT: &str = include_str!("audit.js");

const SCHEMES: [&str; 2] = ["light", "dark"];

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_searched_for_edited_and_seen_at_once() {
    if offline("the directory in a browser") {
        return;
    }
    let site = Site::open().await;
    let browser = Chromium::start("story").await;
    browser.open(&format!("{}/", site.base)).await;
    let count: String = browser
        .ask("document.querySelector('.count').textContent")
        .await;
    assert_eq!(count, "1–24 of 320 people");

    // Results narrow with each letter.
    browser.click("#q").await;
    browser.type_text("zo").await;
    browser
        .until("document.querySelectorAll('.people tbody tr').length === 8")
        .await;
    browser.type_text("e du").await;
    browser
        .until("document.querySelectorAll('.people tbody tr').length === 1")
        .await;
    browser.until("location.search === '?q=zoe+du'").await;
    browser
        .until("document.querySelector('#status').textContent === '1 person found'")
        .await;
    let focus: String = browser.ask("document.activeElement.id").await;
    assert_eq!(focus, "q");
    browser.picture("search").await;

    // The profile, the form, and back.
    browser.click(".people tbody a").await;
    browser
        .until("document.querySelector('.profile h1')?.textContent === 'Zoë Dubois'")
        .await;
    let profile: String = browser.ask("location.pathname").await;
    browser.is_well().await;
    browser.click(".profile a.primary").await;
    browser
        .until("document.querySelector('#name')?.value === 'Zoë Dubois'")
        .await;
    browser
        .ask::<bool>("document.querySelector('#name').select() ?? true")
        .await;
    browser.type_text("Zoë Duboisson").await;
    browser.is_well().await;
    browser.click("form.person button").await;
    browser
        .until("document.querySelector('.profile h1')?.textContent === 'Zoë Duboisson'")
        .await;
    assert_eq!(browser.ask::<String>("location.pathname").await, profile);

    // The second visit is from the cache; so says the panel.
    let last = "document.querySelector('#panel .visits li')";
    browser.open(&format!("{}{profile}", site.base)).await;
    browser.until(&format!("{last}.dataset.outcome === 'hit' && {last}.querySelector('.target').textContent.trim() === '{profile}'")).await;
    let reads: String = browser
        .ask(&format!("{last}.querySelector('.reads').textContent"))
        .await;
    assert_eq!(
        reads,
        format!("person {}", profile.rsplit_once('/').unwrap().1)
    );

    // So is the list, which has the new name.
    for outcome in ["miss", "hit"] {
        browser.open(&format!("{}/?q=zoe+du", site.base)).await;
        browser
            .until(&format!("{last}.dataset.outcome === '{outcome}'"))
            .await;
        let name: String = browser
            .ask("document.querySelector('.people tbody a').textContent")
            .await;
        assert_eq!(name, "Zoë Duboisson");
    }

    // The chart is drawn, and says what it shows.
    let (width, height): (f64, f64) = browser
        .ask("(({width, height}) => [width, height])(document.querySelector('.chart .ratio').getBBox())")
        .await;
    assert!(width > 0.0 && height >= 0.0);
    let said: String = browser
        .ask("document.querySelector('.chart desc').textContent")
        .await;
    assert!(
        said.starts_with("In the last 5 minutes the cache answered"),
        "{said}"
    );
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_fast_is_answered_once_and_last() {
    if offline("fast typing in a browser") {
        return;
    }
    let site = Site::open().await;
    let browser = Chromium::start("typing").await;
    browser.open(&format!("{}/", site.base)).await;
    browser.click("#q").await;
    browser.type_text("anna hansen").await;
    browser
        .until("document.querySelector('#status').textContent === '1 person found'")
        .await;
    let name: String = browser
        .ask("document.querySelector('.people tbody a').textContent")
        .await;
    assert_eq!(name, "Anna Hansen");
    // A filter is asked for at once, beside the words.
    browser
        .ask::<bool>("(q.value = '', q.dispatchEvent(new Event('input', {bubbles: true})))")
        .await;
    browser
        .until("location.pathname + location.search === '/'")
        .await;
    browser
        .ask::<bool>(
            "(team.value = 'Design', team.dispatchEvent(new Event('change', {bubbles: true})))",
        )
        .await;
    browser.until("location.search === '?team=Design'").await;
    browser.until("[...document.querySelectorAll('td.team')].every((team) => team.textContent === 'Design')").await;
    // What is there now is there after a reload too.
    browser.open(&format!("{}/?team=Design", site.base)).await;
    let team: String = browser.ask("document.querySelector('#team').value").await;
    assert_eq!(team, "Design");
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_it_all_without_scrolling_sideways() {
    if offline("the directory on a phone") {
        return;
    }
    let site = Site::open().await;
    site.change(2, "name", &"Wolfeschlegelsteinhausenbergerdorff".repeat(2))
        .await;
    let browser = Chromium::start("phone").await;
    for scheme in SCHEMES {
        browser.prefer("prefers-color-scheme", scheme).await;
        for (name, path) in [
            ("list", "/"),
            ("none", "/?q=nobody"),
            ("long", "/?q=wolfe"),
            ("profile", "/people/1"),
            ("long-profile", "/people/2"),
            ("edit", "/people/1/edit"),
            ("new", "/people/new"),
            ("panel", "/panel"),
        ] {
            browser.open(&format!("{}{path}", site.base)).await;
            browser.resize(360, 740).await;
            browser.until("innerWidth === 360").await;
            browser
                .ask::<bool>(
                    "(document.querySelectorAll('details').forEach((e) => (e.open = true)), true)",
                )
                .await;
            let (wide, shown): (f64, f64) = browser
                .ask("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                .await;
            assert_eq!(shown, 360.0);
            assert!(wide <= shown, "{path} is {wide} wide");
            let out: Vec<String> = browser
                .ask(
                    "[...document.querySelectorAll('body *')]
                     .filter((e) => !e.closest('.unseen, svg') && e.getBoundingClientRect().right > innerWidth + 0.5)
                     .map((e) => e.outerHTML.slice(0, 120))",
                )
                .await;
            assert!(out.is_empty(), "{path}: {out:?}");
            browser.picture(&format!("phone-{scheme}-{name}")).await;
        }
    }
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyboard_is_enough() {
    if offline("the directory by keyboard") {
        return;
    }
    let site = Site::open().await;
    let browser = Chromium::start("keyboard").await;
    browser.open(&format!("{}/", site.base)).await;
    // The first stop skips to the content, and is seen once it is reached.
    browser.press("Tab").await;
    browser.until("document.activeElement.className === 'skip' && document.activeElement.getBoundingClientRect().top >= 0").await;
    browser.press("Enter").await;
    browser.until("document.activeElement.id === 'main'").await;
    browser.press("Tab").await;
    browser.until("document.activeElement.id === 'q'").await;
    browser.type_text("zoe du").await;
    browser
        .until("document.querySelectorAll('.people tbody tr').length === 1")
        .await;

    let is_there = "document.activeElement.matches('.people tbody a')";
    let mut stops = 0;
    while !browser.ask::<bool>(is_there).await {
        stops += 1;
        assert!(stops < 12, "the first person is not reached");
        browser.press("Tab").await;
        // Wherever the focus is, it is seen.
        let seen: bool = browser
            .ask(
                "((e) => [e, e.closest('tr')].some((e) => e && getComputedStyle(e).outlineStyle !== 'none'
                   && parseFloat(getComputedStyle(e).outlineWidth) >= 2))(document.activeElement)",
            )
            .await;
        let what: String = browser.ask("document.activeElement.outerHTML").await;
        assert!(seen, "{what}");
    }
    browser.press("Enter").await;
    browser
        .until("document.querySelector('.profile h1')?.textContent === 'Zoë Dubois'")
        .await;
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_left_out() {
    if offline("the accessibility of the directory") {
        return;
    }
    let site = Site::open().await;
    let browser = Chromium::start("audit").await;
    for scheme in SCHEMES {
        browser.prefer("prefers-color-scheme", scheme).await;
        for (name, path) in [
            ("list", "/?sort=-joined"),
            ("none", "/?q=nobody"),
            ("profile", "/people/1"),
            ("edit", "/people/1/edit"),
            ("new", "/people/new"),
            ("missing", "/people/999"),
            ("wrong", "/?page=0"),
            ("panel", "/panel"),
        ] {
            browser.open(&format!("{}{path}", site.base)).await;
            let wrong: Vec<String> = browser.ask(AUDIT).await;
            assert!(wrong.is_empty(), "{path}, {scheme}: {wrong:#?}");
            browser.is_well().await;
            browser.picture(&format!("desktop-{scheme}-{name}")).await;
        }
        // A form that comes back, as a browser sends it.
        browser.open(&format!("{}/people/new", site.base)).await;
        browser
            .ask::<bool>("document.querySelector('form.person').submit() ?? true")
            .await;
        browser.until("document.title.startsWith('Error')").await;
        browser
            .until("document.querySelector('#panel figure')")
            .await;
        let wrong: Vec<String> = browser.ask(AUDIT).await;
        assert!(wrong.is_empty(), "errors, {scheme}: {wrong:#?}");
        browser.picture(&format!("desktop-{scheme}-errors")).await;
    }
    // The rules bite.
    for (spoilt, said) in [
        ("document.documentElement.lang = ''", "no lang"),
        ("document.querySelector('label').remove()", "no label"),
        (
            "document.querySelector('h1').outerHTML = '<h3>x</h3>'",
            "h1",
        ),
        (
            "document.querySelector('.chart svg').removeAttribute('aria-labelledby')",
            "no name",
        ),
        (
            "document.documentElement.style.setProperty('--quiet', '#999')",
            "contrast",
        ),
    ] {
        browser.prefer("prefers-color-scheme", "light").await;
        browser.open(&format!("{}/people/1/edit", site.base)).await;
        browser.ask::<bool>(&format!("({spoilt}, true)")).await;
        let wrong: Vec<String> = browser.ask(AUDIT).await;
        assert!(
            wrong.iter().any(|wrong| wrong.contains(said)),
            "{spoilt}: {wrong:?}"
        );
    }
    browser.stop().await;
}
