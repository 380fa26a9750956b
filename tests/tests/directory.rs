//! The directory example: over HTTP, on one store and on one that two instances share, and in a
//! real browser.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "directory/arguments.rs"]
mod arguments;
#[path = "directory/attacks.rs"]
mod attacks;
#[path = "directory/browser.rs"]
mod browser;
#[path = "directory/chromium.rs"]
mod chromium;
#[path = "directory/forms.rs"]
mod forms;
#[path = "directory/instances.rs"]
mod instances;
#[path = "directory/lists.rs"]
mod lists;
#[path = "directory/panel.rs"]
mod panel;
#[path = "directory/site.rs"]
mod site;
