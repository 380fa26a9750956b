//! What all pages share.

use maud::{DOCTYPE, Markup, html};

use crate::assets;

/// Which page of the navigation this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    People,
    Add,
    Cache,
    Elsewhere,
}

/// A page. Beside it the panel appears, fetched by itself: what is said there is of this moment,
/// and no part of what is cached here.
pub(super) fn page(title: &str, place: Place, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Directory" }
                link rel="icon" type="image/svg+xml" href=(assets::url("icon.svg"));
                link rel="stylesheet" href=(assets::url("directory.css"));
                script src=(assets::url("directory.js")) defer {}
            }
            body {
                a .skip href="#main" { "Skip to the content" }
                header .site {
                    div .wrap {
                        a .brand href="/" {
                            svg .mark viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
                                rect x="4" y="4" width="24" height="24" rx="5" {}
                                path d="M10 13h12M10 19h8" {}
                            }
                            "Directory"
                        }
                        nav aria-label="Main" {
                            (link("/", "People", place == Place::People))
                            (link("/people/new", "Add a person", place == Place::Add))
                            (link("/panel", "Cache", place == Place::Cache))
                        }
                    }
                }
                div .wrap.columns {
                    main #main tabindex="-1" { (content) }
                    @if place != Place::Cache {
                        aside .panel aria-labelledby="panel-title" {
                            h2 #panel-title { "What the cache does" }
                            div #panel data-source="/panel/fragment" {
                                p .quiet {
                                    "Each page here is kept until what it shows changes. "
                                    a href="/panel" { "See what was kept, and why" } "."
                                }
                            }
                        }
                    }
                }
                footer .site {
                    div .wrap { p { "An example of Larder. All people are made up." } }
                }
            }
        }
    }
}

fn link(to: &str, text: &str, is_here: bool) -> Markup {
    html! {
        a href=(to) aria-current=[is_here.then_some("page")] { (text) }
    }
}
