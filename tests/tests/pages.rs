//! Pages: what of HTTP the page cache keeps to, on every kind of store.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "pages/answers.rs"]
mod answers;
#[path = "pages/never.rs"]
mod never;
#[path = "pages/site.rs"]
mod site;

/// Runs each rule on a store that keeps live objects, on one that keeps bytes, and on Redis.
macro_rules! on_every_store {
    ($($group:ident { $($rule:ident,)+ })+) => {
        on_every_store!(@ embedded { $($group { $($rule,)+ })+ });
        on_every_store!(@ encoded { $($group { $($rule,)+ })+ });
        on_every_store!(@ redis { $($group { $($rule,)+ })+ });
    };
    (@ $store:ident { $($group:ident { $($rule:ident,)+ })+ }) => {
        mod $store {
            $($(
                #[tokio::test]
                async fn $rule() {
                    if let Some(setup) = crate::site::Setup::$store(stringify!($rule)).await {
                        crate::$group::$rule(setup).await;
                    }
                }
            )+)+
        }
    };
}

on_every_store! {
    answers {
        a_page_is_made_once_and_served_from_the_cache,
        head_is_answered_from_get,
    }
    never {
        a_response_that_sets_a_cookie_is_not_stored,
    }
}
