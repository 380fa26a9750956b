//! Pages: what of HTTP the page cache keeps to, on every kind of store.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

#[path = "pages/answers.rs"]
mod answers;
#[path = "pages/changes.rs"]
mod changes;
#[path = "pages/keys.rs"]
mod keys;
#[path = "pages/never.rs"]
mod never;
#[path = "pages/site.rs"]
mod site;
#[path = "pages/socket.rs"]
mod socket;
#[path = "pages/stale.rs"]
mod stale;
#[path = "pages/storm.rs"]
mod storm;
#[path = "pages/vary.rs"]
mod vary;

/// Runs rules on each of these kinds of stores, in a module of its name.
macro_rules! on_stores {
    ([] $groups:tt) => {};
    ([$store:ident as $module:ident $(, $stores:ident as $modules:ident)*] $groups:tt) => {
        on_stores!(@ $store $module $groups);
        on_stores!([$($stores as $modules),*] $groups);
    };
    (@ $store:ident $module:ident { $($group:ident { $($rule:ident,)+ })+ }) => {
        mod $module {
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

// One that keeps live objects, one that keeps bytes, and a real server.
on_stores!([embedded as embedded, encoded as encoded, redis as redis] {
    answers {
        a_page_is_made_once_and_served_from_the_cache,
        head_is_answered_from_get,
        age_counts_from_when_the_page_was_made,
        a_page_grows_older_while_its_body_comes,
        a_page_ends_with_its_lifetime,
        what_a_handler_says_goes_before_the_rule,
        the_age_of_an_answer_from_further_on_counts,
        a_page_without_a_lifetime_is_not_cached,
        what_is_not_there_is_remembered_for_a_while,
        a_page_without_a_tag_is_given_one_of_its_body,
        a_client_that_has_the_page_is_answered_304,
        a_tag_is_looked_at_where_a_page_is_made_too,
        fields_of_a_connection_are_not_stored,
        a_client_cannot_make_the_server_work_unless_it_may,
        a_client_that_may_is_listened_to,
        the_status_is_on_every_response,
        what_happened_is_counted,
        rules_go_by_path_and_the_first_counts,
        a_layer_may_have_a_rule_of_its_own,
        what_contradicts_itself_is_refused,
    }
    stale {
        all_who_ask_at_once_are_answered_by_one_call,
        a_page_is_stored_though_its_client_has_gone,
        a_private_response_is_its_callers_alone,
        what_may_not_be_cached_is_not_waited_for,
        that_a_page_may_not_be_cached_is_forgotten,
        stale_is_served_while_the_page_is_made_anew,
        stale_is_served_where_the_handler_fails,
        stale_is_served_where_the_handler_takes_too_long,
        a_client_waits_no_longer_than_the_rule_has_it,
        what_must_be_asked_about_is_never_served_stale,
        a_failed_response_goes_to_its_caller_and_is_not_remembered,
        a_panic_of_a_handler_goes_to_its_caller,
        an_error_of_the_inner_service_goes_to_its_caller,
        a_hit_does_not_wait_for_the_inner_service,
        a_refresh_in_the_background_asks_for_the_page_of_its_client,
    }
    keys {
        parameters_mean_the_same_in_any_order,
        parameters_that_are_not_allowed_are_dropped,
        a_query_is_kept_to_the_letter_where_it_is_wanted,
        each_spelling_of_a_path_has_its_own_page,
        no_spelling_of_a_path_is_a_way_around_its_rule,
        what_is_no_host_passes_the_cache_by,
        a_layer_that_is_nested_has_the_pages_of_its_prefix,
        each_host_has_its_own_pages,
        an_identity_has_its_own_pages,
        a_body_is_part_of_the_key_where_it_is_wanted,
        a_request_with_a_body_passes_the_cache_by,
    }
    vary {
        a_page_is_served_to_whom_it_is_for,
        a_variant_that_is_not_there_is_looked_for_once,
        variants_may_vary_by_other_fields_than_their_first,
        there_are_no_more_variants_than_may_be,
        what_varies_by_anything_is_not_stored,
    }
    never {
        a_response_that_sets_a_cookie_is_not_stored,
        requests_with_credentials_pass_the_cache_by,
        responses_that_forbid_it_are_not_stored,
        statuses_are_cached_as_rfc_9110_has_it,
        a_body_that_is_too_large_is_passed_on_as_it_comes,
        a_body_that_ends_in_an_error_is_not_stored,
        a_body_that_is_not_as_long_as_its_head_says_is_not_stored,
        a_body_with_empty_frames_is_read_without_them,
        a_body_with_trailers_is_passed_on,
        requests_that_are_not_for_a_page_pass_the_cache_by,
    }
    changes {
        a_page_ends_by_its_tags,
        a_path_is_removed_with_all_its_queries_and_variants,
        a_request_that_changes_something_ends_the_page,
        a_location_on_this_host_ends_its_page,
        a_request_whose_client_has_gone_ends_the_page,
    }
});

// Writes that end pages.
on_stores!([embedded as written_embedded, encoded as written_encoded, redis as written_redis] {
    changes {
        a_page_ends_when_a_row_of_it_is_written,
        a_list_ends_when_a_row_comes_or_goes,
        a_page_with_a_lifetime_ends_when_it_is_written_too,
        a_page_of_which_not_all_is_known_lives_by_time_alone,
        a_page_that_was_overtaken_is_served_and_not_stored,
        a_view_is_made_once_and_ends_with_what_it_read,
        a_page_ends_with_the_view_in_it,
    }
});

// The same in another program.
on_stores!([encoded as elsewhere_encoded, redis as elsewhere_redis] {
    changes {
        a_write_in_another_program_ends_the_page,
    }
});
