//! The list: what is asked for, who was found, and the way to the next page.

use std::sync::Arc;

use larder::Page;
use maud::{Markup, html};

use super::layout::{self, Place};
use super::{avatar, counted};
use crate::people::{CITIES, PersonCard, TEAMS};
use crate::search::{MAX_QUERY, Order, PAGE_SIZE, Search, Within};

/// The page.
pub(crate) fn list(search: &Search, page: &Page<Arc<PersonCard>>) -> Markup {
    let content = html! {
        h1 { "People" }
        (form(search))
        p #status .unseen role="status" {}
        div #results { (results(search, page)) }
    };
    let title = match search.text.trim() {
        "" => "People".to_owned(),
        text => format!("“{text}”"),
    };
    layout::page(&title, Place::People, &content)
}

fn form(search: &Search) -> Markup {
    html! {
        form #search .search role="search" action="/" method="get" {
            div .field.wide {
                label for="q" { "Search" }
                input #q type="search" name="q" value=(search.text) maxlength=(MAX_QUERY)
                    autocomplete="off" spellcheck="false" placeholder="A name, or how it begins";
            }
            div .field {
                label for="in" { "In" }
                select #in name="in" {
                    option value="names" selected[search.within == Within::Names] { "Names" }
                    option value="bios" selected[search.within == Within::Bios] { "Names and bios" }
                }
            }
            (choice("team", "Team", "All teams", &TEAMS, search.team))
            (choice("city", "City", "All cities", &CITIES, search.city))
            div .field {
                label for="sort" { "Order" }
                select #sort name="sort" {
                    @for order in Order::ALL {
                        option value=(order.as_str()) selected[search.order == order] { (named(order)) }
                    }
                }
            }
            div .actions {
                button .primary type="submit" { "Search" }
                a .button href="/" { "Clear" }
            }
        }
    }
}

fn named(order: Order) -> &'static str {
    match order {
        Order::Name => "Name, A–Z",
        Order::NameBackwards => "Name, Z–A",
        Order::Newest => "Newest first",
        Order::Oldest => "Oldest first",
    }
}

fn choice(name: &str, label: &str, all: &str, of: &[&str], chosen: Option<&str>) -> Markup {
    html! {
        div .field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { (all) }
                @for value in of {
                    option value=(value) selected[chosen == Some(value)] { (value) }
                }
            }
        }
    }
}

fn results(search: &Search, page: &Page<Arc<PersonCard>>) -> Markup {
    let total = page.total.map_or(0, larder::Total::count);
    let first = (search.page - 1) * PAGE_SIZE + 1;
    let last = first + page.items.len() - usize::from(!page.items.is_empty());
    let pages = usize::try_from(total)
        .unwrap_or(usize::MAX)
        .div_ceil(PAGE_SIZE);
    let people = counted(total, "person", "people");
    html! {
        @if page.items.is_empty() {
            div .empty {
                @if total > 0 {
                    p .count { "There are " (people) ", on fewer pages than this one." }
                    p { a href=(search.at(1).url()) { "To the first page" } }
                } @else {
                    p .count { "Nobody was found." }
                    p { "Fewer letters find more; accents do not matter. " a href="/" { "Show everybody" } }
                }
            }
        } @else {
            p .count {
                @if pages > 1 { (first) "–" (last) " of " (people) }
                @else { (people) @if search.is_narrowed() { " found" } }
            }
            (table(search, &page.items))
            @if pages > 1 { (pagination(search, pages)) }
        }
    }
}

/// On a narrow screen it is shown as a list; its roles are spelt out so that it stays a table to
/// those who hear it.
fn table(search: &Search, people: &[Arc<PersonCard>]) -> Markup {
    let is_by_name = match search.order {
        Order::Name => Some("ascending"),
        Order::NameBackwards => Some("descending"),
        _ => None,
    };
    let is_by_day = match search.order {
        Order::Oldest => Some("ascending"),
        Order::Newest => Some("descending"),
        _ => None,
    };
    let by_name = match search.order {
        Order::Name => Order::NameBackwards,
        _ => Order::Name,
    };
    let by_day = match search.order {
        Order::Newest => Order::Oldest,
        _ => Order::Newest,
    };
    html! {
        table .people role="table" {
            caption .unseen { "People" }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" aria-sort=[is_by_name] {
                        a href=(search.ordered(by_name).url()) { "Name" (arrow(is_by_name)) }
                    }
                    th role="columnheader" scope="col" { "Team" }
                    th role="columnheader" scope="col" { "City" }
                    th role="columnheader" scope="col" aria-sort=[is_by_day] {
                        a href=(search.ordered(by_day).url()) { "Joined" (arrow(is_by_day)) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for person in people { (row(person)) }
            }
        }
    }
}

fn arrow(sorted: Option<&str>) -> Markup {
    let arrow = match sorted {
        Some("ascending") => "↑",
        Some(_) => "↓",
        None => "",
    };
    html! { span .arrow aria-hidden="true" { (arrow) } }
}

fn row(person: &PersonCard) -> Markup {
    html! {
        tr role="row" {
            th .who role="rowheader" scope="row" {
                (avatar(person.id, &person.name))
                div {
                    a href=(format!("/people/{}", person.id)) { (person.name) }
                    span .title { (person.title) }
                }
            }
            td .team role="cell" { (person.team) }
            td .city role="cell" { (person.city) }
            td .joined role="cell" {
                time datetime=(person.joined) { (person.joined.format("%b %Y")) }
            }
        }
    }
}

fn pagination(search: &Search, pages: usize) -> Markup {
    let near = |page: &usize| *page == 1 || *page == pages || page.abs_diff(search.page) <= 1;
    let shown: Vec<usize> = (1..=pages).filter(near).collect();
    html! {
        nav .pages aria-label="Pages" {
            @if search.page > 1 {
                a .step rel="prev" href=(search.at(search.page - 1).url()) { "Previous" }
            }
            ol {
                @for (place, page) in shown.iter().enumerate() {
                    @if place > 0 && shown[place - 1] + 1 < *page {
                        li .gap aria-hidden="true" { "…" }
                    }
                    li {
                        a href=(search.at(*page).url()) aria-label=(format!("Page {page}"))
                            aria-current=[(*page == search.page).then_some("page")] { (page) }
                    }
                }
            }
            @if search.page < pages {
                a .step rel="next" href=(search.at(search.page + 1).url()) { "Next" }
            }
        }
    }
}
