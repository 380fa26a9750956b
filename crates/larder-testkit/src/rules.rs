//! The rules, a group a file. Each is one promise, and a function that fails by panicking.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a rule fails by panicking"
)]

mod asking;
mod pages;
mod raw;
mod source;

pub mod aggregate;
pub mod agreement;
pub mod blocking;
pub mod cancel;
pub mod capability;
pub mod close;
pub mod concurrency;
pub mod crud;
pub mod dependencies;
pub mod expiry;
pub mod filter;
pub mod forwarding;
pub mod functions;
pub mod geo;
pub mod input;
pub mod kept;
pub mod leases;
pub mod lists;
pub mod loads;
pub mod marks;
pub mod models;
pub mod nulls;
pub mod paging;
pub mod policies;
pub mod revisions;
pub mod sort;
pub mod tags;
pub mod text;

/// Calls the macro given with the list of all rules, and behind each what it needs of a store.
#[doc(hidden)]
#[macro_export]
macro_rules! __rules {
    ($callback:ident $($argument:tt)*) => {
        $crate::$callback! { $($argument)*
            capability {
                a_store_says_of_itself_what_is_expected_of_it,
                what_is_promised_is_answered_and_what_is_denied_is_unsupported,
                a_probe_tells_what_it_may_tell,
                a_live_object_is_the_very_one_that_was_put,
                a_model_of_another_store_is_refused,
                the_time_of_a_store_is_that_of_its_clock,
            }
            models {
                two_types_of_one_name_are_refused,
                the_same_model_twice_is_the_same_objects,
                a_store_lists_its_models_in_order,
                models_do_not_see_each_other(Query),
                models_names_are_told_apart_exactly(Query),
                objects_without_an_indexed_field_are_found_too(Query),
                a_cache_that_makes_no_sense_is_refused,
                ids_may_be_u8,
                ids_may_be_u16,
                ids_may_be_u32,
                ids_may_be_u64,
                ids_may_be_i8,
                ids_may_be_i16,
                ids_may_be_i32,
                ids_may_be_i64,
                ids_may_be_strings_of_any_kind,
                string_ids_are_asked_for_by_str,
                ids_may_be_uuids,
                ids_may_have_several_parts,
                an_id_may_be_one_tuple,
            }
            crud {
                an_object_put_is_there_to_get,
                an_object_never_put_is_a_miss,
                get_many_keeps_the_order_asked,
                put_replaces_what_is_there,
                put_many_stores_all(Query),
                no_objects_at_all_are_fine_too,
                of_one_id_twice_in_a_batch_the_later_counts(Query),
                remove_says_whether_it_was_there,
                remove_many_counts_each_object_once(Query),
                a_removed_object_is_in_no_answer(Query),
                a_removed_object_can_be_put_again(Query),
                remove_with_another_version_leaves_the_object,
                clear_leaves_nothing_and_the_store_goes_on(Query),
                all_come_by_id(Query),
                count_and_exists_agree_with_all(Query),
                update_changes_the_object_that_is_there(Query, ConditionalPut),
                update_of_nothing_is_none_and_stores_nothing(ConditionalPut),
                update_may_not_change_the_id(ConditionalPut),
                update_keeps_lifetime_and_tags(ConditionalPut),
                patch_keeps_clears_and_sets(ConditionalPut),
                patch_of_a_needed_field_to_null_changes_nothing(ConditionalPut),
                find_update_changes_all_that_match_and_no_other(Query, ConditionalPut),
                find_remove_removes_all_that_match_and_no_other(Query),
                each_write_has_a_version_of_its_own,
                put_if_absent_stores_only_what_is_not_there(ConditionalPut),
                put_if_present_stores_only_over_what_is_there(ConditionalPut),
                put_if_version_stores_only_over_that_version(ConditionalPut),
                conditions_in_one_batch_see_what_stands_before_them(ConditionalPut),
                a_refused_put_changes_nothing(Query, ConditionalPut),
                tags_are_sorted_replaced_by_put_and_kept_by_update(ConditionalPut),
                tags_of_what_is_replaced_stay_where_none_are_given,
                large_objects_come_back_whole,
                bytes_that_cannot_be_read_are_a_miss_and_are_removed(Query),
                reads_are_counted_as_hits_and_misses,
                the_store_counts_its_objects,
                values_under_keys_need_no_model,
            }
            expiry {
                a_ttl_of_zero_is_a_miss,
                put_with_zero_ttl_over_an_object_removes_it,
                expiry_is_exact_to_the_millisecond,
                every_kind_of_read_agrees_on_expiry(Query),
                aggregates_leave_the_expired_out(Aggregate),
                what_has_expired_can_be_neither_touched_nor_updated(ConditionalPut),
                what_has_expired_counts_as_absent(ConditionalPut),
                what_has_expired_is_neither_removed_nor_changed_by_find(Query, ConditionalPut),
                touch_gives_a_new_lifetime_from_now(Query),
                touch_with_zero_ends_the_object_at_once,
                touch_answers_for_each_in_order,
                a_put_starts_a_new_lifetime,
                keep_leaves_the_moment_of_expiry,
                keep_over_nothing_lives_as_nothing_was_said,
                a_cache_ttl_goes_before_the_models_and_a_puts_before_both,
                no_expiry_goes_before_the_models_ttl,
                endless_lifetimes_do_not_wrap_around,
                an_object_expired_and_put_again_is_there(Query),
                many_lifetimes_end_each_at_its_own_time(Query),
                values_under_keys_expire_as_objects_do,
            }
            agreement {
                random_writes_mean_what_they_mean_to_the_reference,
            }
            kept {
                what_has_expired_is_kept_for_as_long_as_it_was_stored_to_be,
                what_was_stored_without_a_fallback_is_not_kept,
                what_is_fresh_is_the_same_to_a_load,
                an_entry_knows_its_writing_and_its_cost,
                endless_fallbacks_do_not_wrap_around,
                a_put_that_has_expired_at_once_is_a_fallback,
                expire_leaves_a_fallback_and_remove_does_not,
                expire_without_a_fallback_removes,
                expire_with_another_version_leaves_the_object,
                what_is_stale_is_not_made_to_expire_again,
                what_is_stale_or_absent_cannot_be_touched,
                touch_moves_the_fallback_too,
                what_is_stale_or_absent_meets_no_condition(ConditionalPut),
                a_put_over_what_is_stale_keeps_nothing_of_it,
                a_fallback_stays_where_none_is_named,
                absence_is_known_to_loads_alone,
                absence_and_objects_replace_each_other,
                absence_has_a_lifetime,
                absence_is_forgotten_where_it_expires_or_is_removed,
                an_object_put_over_a_fallback_is_there,
                stale_and_absent_entries_are_counted_apart,
                no_answer_has_what_is_stale_or_absent(Query),
                no_aggregate_has_what_is_stale_or_absent(Query, Aggregate),
                removal_by_filter_takes_the_stale_that_match(Query),
                expiry_by_filter_leaves_fallbacks(Query),
                removal_of_all_takes_the_fallbacks,
                expiry_of_all_leaves_the_fallbacks,
                many_fallbacks_end_each_at_its_own_time,
            }
            revisions {
                if_newer_stores_only_over_what_is_older(ConditionalPut),
                revisions_compare_exactly(ConditionalPut),
                if_newer_without_a_revision_yields_to_any(ConditionalPut),
                what_is_stale_or_absent_keeps_its_revision(ConditionalPut),
                a_plain_put_keeps_the_revision(ConditionalPut),
                a_tombstone_keeps_what_is_older_from_coming_back(ConditionalPut),
                a_removal_older_than_what_is_known_leaves_it(ConditionalPut),
                a_tombstone_is_remembered_for_its_lifetime(ConditionalPut),
                a_tombstone_is_no_entry(ConditionalPut),
                a_later_revision_takes_the_place_of_a_tombstone(ConditionalPut),
                what_is_not_older_takes_the_place_of_its_like(ConditionalPut),
                a_plain_removal_forgets_the_revision(ConditionalPut),
                a_tombstone_is_left_only_where_the_version_is_right(ConditionalPut),
                expiry_under_a_revision_leaves_fallback_and_tombstone(ConditionalPut),
                removal_of_all_forgets_tombstones(ConditionalPut),
                removal_by_filter_leaves_tombstones(Query, ConditionalPut),
                many_tombstones_end_each_at_its_own_time(ConditionalPut),
                a_tombstone_is_of_one_id(ConditionalPut),
            }
            tags {
                removal_by_tag_takes_all_that_have_one,
                removal_by_tag_counts_the_fresh_objects(Query),
                expiry_by_tag_leaves_fallbacks,
                what_expired_by_one_tag_is_removed_by_another,
                what_is_put_after_a_removal_by_its_tag_stays,
                only_the_tags_of_the_last_put_count,
                tags_count_after_a_touch_and_an_update(ConditionalPut),
                without_a_tag_nothing_is_removed,
                tags_are_told_apart_exactly,
                each_of_many_tags_counts,
                many_entries_of_one_tag_all_go,
                a_tag_is_of_one_model,
                tags_and_filters_take_what_is_theirs(Query),
            }
            marks {
                a_mark_ends_where_an_object_that_matches_leaves(Query),
                a_mark_ends_where_a_lifetime_does(Query),
                a_mark_outlives_replacement(Query),
                a_mark_ends_where_absence_takes_the_place(Query),
                a_mark_outlives_what_is_not_its_own(Query),
                a_mark_may_be_on_everything_or_nothing(Query),
                marks_are_independent(Query),
                a_mark_of_another_store_is_refused(Query),
            }
            leases {
                guards_are_for_stores_with_leases,
                two_programs_share_what_is_stored(ConditionalPut, Leases),
                a_mark_ends_where_another_program_removes(Query, Leases),
                one_of_all_gets_the_lease(Leases),
                of_one_id_twice_one_lease_is_granted(Leases),
                leases_are_answered_in_the_order_asked(Leases),
                a_fresh_entry_is_a_hit_and_a_stale_one_is_not(Leases),
                a_version_that_was_seen_is_no_hit(Leases),
                what_is_stored_under_its_lease_ends_it(Leases),
                without_its_own_lease_nothing_is_stored(Leases),
                a_put_ends_the_lease(Leases),
                a_put_under_its_lease_ends_it_whatever_comes_of_it(ConditionalPut, Leases),
                a_refused_put_leaves_the_lease(ConditionalPut, Leases),
                a_removal_ends_the_lease(Leases),
                a_removal_by_filter_ends_leases(Query, Leases),
                a_lease_ends_by_its_time(Leases),
                a_lease_given_back_is_free(Leases),
                a_fence_keeps_loads_out(Leases),
                a_fence_that_came_and_went_leaves_no_lease(Leases),
                each_writers_fence_is_its_own(Leases),
                a_fence_ends_by_its_time(Leases),
                a_lease_is_of_one_model(Leases),
                what_was_written_since_a_mark_stays(Query, Leases),
                a_removal_since_a_mark_overtakes_the_load(Query, Leases),
                a_closed_store_refuses_leases(Leases),
            }
            dependencies {
                a_page_is_made_once,
                a_write_before_a_page_read_very_much_keeps_it_from_being_stored,
                a_page_of_a_miss_ends_with_the_load_of_it,
                a_write_that_a_load_was_faster_than_ends_pages(Query, ConditionalPut),
                a_page_ends_with_a_write_to_an_entry_it_read,
                a_page_ends_with_a_write_on_condition(ConditionalPut),
                a_page_stays_with_a_put_that_is_refused(ConditionalPut),
                a_page_stays_with_a_write_to_another_entry,
                pages_of_ids_of_any_kind_end,
                a_page_of_what_it_loaded_ends_with_it,
                a_page_with_a_list_ends_with_a_row_that_matches(Query, ConditionalPut),
                a_page_with_a_list_stays_with_a_row_that_does_not_match(Query, ConditionalPut),
                removal_of_many_ends_all_pages_of_the_model,
                a_page_of_a_loaded_list_ends_with_a_row_that_matches(Query),
                a_page_stays_with_a_change_that_is_known_not_to_match(Query),
                a_load_ends_pages_of_what_is_found(Query),
                a_write_while_a_page_is_made_keeps_it_from_being_stored,
                a_write_while_a_list_is_read_keeps_its_page_from_being_stored(Query, ConditionalPut),
                a_write_to_something_else_leaves_what_is_being_made,
                another_programs_write_ends_pages(Leases),
                another_programs_write_ends_pages_with_lists(Query, ConditionalPut, Leases),
                a_page_within_a_page_ends_both,
                work_in_tasks_is_followed_where_it_says_so,
                a_page_ends_by_a_tag_of_its_own,
                what_is_opaque_says_so,
                a_page_lives_no_longer_than_what_it_read,
                a_page_that_read_very_much_ends_with_any_write,
                pages_of_very_many_filters_end(Query),
                a_fence_ends_pages_and_keeps_others_from_being_stored(Leases),
                a_scope_takes_down_what_is_read,
                pages_are_what_would_be_made_now,
                pages_are_right_whatever_comes_between,
            }
            nulls {
                no_condition_holds_of_a_missing_value(Query),
                no_word_occurs_in_a_missing_text(Text),
                complements_include_what_is_missing(Query),
                is_none_and_is_some_tell_what_is_missing(Query),
                is_none_tells_a_missing_text_from_an_empty_one(Text),
                empty_and_missing_are_different_things(Query),
                conditions_over_nothing_have_a_meaning(Query),
                and_or_and_not_follow_the_laws_of_logic(Query),
                skipped_conditions_stand_for_nothing(Query),
                optional_conditions_with_a_value_are_their_twins(Query),
                a_filter_of_skipped_conditions_is_refused(Query, Aggregate),
                or_all_is_the_word_for_every_object(Query),
            }
            filter {
                i8_compares_exactly(Query),
                i16_compares_exactly(Query),
                i32_compares_exactly(Query),
                i64_compares_exactly(Query),
                isize_compares_exactly(Query),
                u8_compares_exactly(Query),
                u16_compares_exactly(Query),
                u32_compares_exactly(Query),
                u64_compares_exactly(Query),
                usize_compares_exactly(Query),
                f32_compares_exactly(Query),
                f64_compares_exactly(Query),
                negative_zero_is_zero(Query),
                bool_is_true_false_or_missing(Query),
                char_is_equal_to_itself_alone(Query),
                enums_are_equal_by_their_names(Query),
                uuids_are_equal_by_all_of_their_bits(Query),
                structs_around_a_value_compare_as_it_does(Query),
                system_times_compare_to_the_nanosecond(Query),
                chrono_instants_compare_to_the_nanosecond(Query),
                chrono_naive_times_compare_to_the_nanosecond(Query),
                moments_are_equal_whatever_their_time_zone(Query),
                chrono_dates_compare_by_days(Query),
                time_instants_compare_to_the_nanosecond(Query),
                time_primitive_times_compare_to_the_nanosecond(Query),
                time_dates_compare_by_days(Query),
                decimals_with_a_scale_compare_exactly(Query),
                decimals_are_equal_however_they_are_written(Query),
                decimal_bounds_may_be_finer_or_larger_than_the_scale(Query),
                decimals_without_a_scale_compare_as_floats(Query),
                keywords_are_equal_by_their_exact_bytes(Query),
                parts_of_keywords_are_found_as_rust_finds_them(Query),
                like_knows_stars_and_nothing_else(Query),
                keywords_may_ignore_case(Query),
                lists_of_keywords_match_by_element(Query),
                long_lists_match_by_each_element(Query),
                in_takes_thousands_of_values(Query),
                thousands_of_distinct_values_are_told_apart(Query),
                flattened_fields_are_the_models(Query),
                floats_are_found_between_both_infinities(Query),
                many_alternatives_with_complements_are_told_apart(Query),
                patterns_longer_than_any_keyword_fit_nothing(Query),
            }
            text {
                matches_wants_all_words_and_any_wants_one(Query, Text),
                words_ignore_case(Query, Text),
                accents_are_folded_where_asked(Query, Text),
                stems_are_one_where_asked(Query, Text),
                stop_words_leave_a_gap(Query, Text),
                phrases_want_their_words_in_a_row(Query, Text),
                phrases_do_not_run_over_from_text_to_text(Query, Text),
                parts_of_words_are_found_in_each_word(Query, Text),
                wildcards_fit_one_word_as_a_whole(Query, Text),
                fuzzy_counts_edits_up_to_the_distance(Query, Text),
                fuzzy_knows_no_transpositions(Query, Text),
                fuzzy_treats_every_place_of_a_word_alike(Query, Text),
                fuzzy_refuses_other_distances_and_several_words(Query, Text),
                ideographs_are_words_of_one_character(Query, Text),
                ideographs_are_found_in_pairs_where_asked(Query, Text),
                emoji_are_words(Query, Text),
                text_without_words_is_refused_and_matches_nothing(Query, Text),
                words_are_what_unicode_says(Query, Text),
                very_long_words_count_by_their_beginning(Query, Text),
                long_texts_are_found_by_every_word(Query, Text),
                prefixes_of_thousands_of_words_find_all(Query, Text),
                a_changed_text_is_found_by_its_new_words(Query, Text),
                without_a_sort_the_better_text_comes_first(Query, Text),
            }
            geo {
                a_circle_holds_what_is_not_farther_than_its_radius(Geo),
                latitude_comes_first(Geo),
                circles_reach_over_the_antimeridian(Geo),
                circles_reach_around_the_poles(Geo),
                a_radius_of_zero_holds_the_very_point(Geo),
                half_the_circumference_holds_every_point(Geo),
                a_missing_point_is_in_no_circle(Geo),
                within_stands_beside_other_conditions(Geo),
                within_stands_under_or_and_not(GeoAnywhere),
                circles_that_are_none_are_refused(Geo),
            }
            sort {
                without_a_sort_objects_come_by_id(Query),
                strings_sort_by_their_bytes(Query),
                strings_sort_beyond_a_long_beginning(Query),
                folded_strings_sort_as_one_case(Query),
                integers_sort_as_numbers(Query),
                floats_sort_from_infinity_to_infinity(Query),
                small_kinds_sort_too(Query),
                missing_values_come_last_both_ways(Query),
                equal_keys_go_by_id(Query),
                three_keys_each_go_their_own_way(Query),
                a_changed_object_moves_to_its_new_place(Query),
                fields_may_be_named_by_strings(Query),
                orders_that_make_no_sense_are_refused(Query),
            }
            paging {
                pages_by_offset_make_up_the_whole(Query),
                pages_by_cursor_make_up_the_whole(Query),
                a_page_says_whether_anything_comes_behind_it(Query),
                a_total_counts_all_that_match(Query),
                page_zero_is_refused(Query),
                limit_zero_brings_nothing_but_the_total(Query),
                limit_zero_tells_what_is_behind_its_place(Query),
                an_offset_past_the_end_is_an_empty_page(Query),
                an_offset_too_large_names_the_cursor(Query),
                a_cursor_of_another_query_is_refused(Query),
                a_damaged_cursor_is_refused(Query),
                an_order_by_relevance_has_no_cursor(Query, Text),
                cursors_neither_skip_nor_repeat_what_stays(Query),
                a_cursor_goes_on_where_its_object_is_gone(Query),
                first_and_one_bring_single_objects(Query),
                a_stream_brings_everything_in_order(Query),
                a_stream_of_words_comes_by_id(Query, Text),
                a_stream_keeps_limit_and_cursor_and_refuses_an_offset(Query),
            }
            aggregate {
                facets_count_values_by_frequency_then_value(Query, Aggregate),
                facets_say_how_many_values_were_left_out(Query, Aggregate),
                facets_count_what_the_filter_means(Query, Aggregate),
                facets_of_lists_count_each_element_once(Query, Aggregate),
                every_kind_has_facets(Query, Aggregate),
                an_aggregate_without_a_group_is_one_group(Query, Aggregate),
                an_aggregate_over_nothing_has_no_metrics(Query, Aggregate),
                groups_have_their_metrics(Query, Aggregate),
                sums_are_exact(Query, Aggregate),
                least_and_greatest_are_by_the_fields_order(Query, Aggregate),
                aggregates_that_make_no_sense_are_refused(Query, Aggregate),
                facets_follow_conditions_on_words(Query, Text, Aggregate),
            }
            input {
                nan_is_refused_at_the_write,
                a_keyword_too_long_is_refused_at_the_write,
                keywords_up_to_the_limit_are_told_apart(Query),
                values_that_do_not_fit_their_index_are_refused,
                what_the_hook_refuses_is_not_stored,
                nan_in_a_filter_is_refused(Query),
                a_range_that_ends_before_it_begins_holds_nothing(Query),
                ten_thousand_conditions_are_answered(Query),
                more_conditions_than_the_limit_are_refused(Query),
                nests_too_deep_are_refused(Query),
                a_panicking_serialize_is_an_error,
                a_failing_serialize_is_an_error,
                a_panicking_update_leaves_the_object(ConditionalPut),
                a_panicking_find_update_leaves_each_object_whole(Query, ConditionalPut),
                errors_name_the_model(Query),
            }
            concurrency {
                everyone_reads_their_own_writes,
                tasks_on_one_thread_read_their_own_writes,
                updates_of_one_key_lose_no_increment(ConditionalPut),
                finds_that_update_lose_no_increment(Query, ConditionalPut),
                put_if_absent_has_one_winner(ConditionalPut),
                put_if_version_has_one_winner(ConditionalPut),
                a_removal_is_told_to_one,
                answers_are_whole_while_objects_change(Query),
                a_key_that_is_replaced_is_never_missing,
                clear_beside_writes_leaves_the_store_whole(Query),
            }
            cancel {
                a_write_never_polled_has_not_happened(Query, ConditionalPut),
                a_write_dropped_after_one_poll_is_whole(Query, ConditionalPut),
                a_read_dropped_changes_nothing(Query, Aggregate),
                many_dropped_writes_of_one_object_hold_up_none(ConditionalPut),
            }
            blocking {
                other_tasks_of_the_thread_get_their_turn(Query),
                a_future_left_alone_holds_up_no_one(Query, ConditionalPut),
                operations_begun_together_all_end(Query),
            }
            loads {
                a_miss_is_loaded_and_a_hit_is_not,
                an_absence_is_remembered_and_is_no_row,
                callers_of_one_key_share_one_load,
                a_load_goes_on_when_its_caller_is_dropped,
                a_failed_load_fails_all_who_wait,
                a_panicking_load_fails_all_who_wait,
                an_object_of_another_id_is_refused,
                a_batch_loads_what_is_missing_in_one_call,
                a_batch_joins_loads_on_their_way,
                what_a_write_overtakes_is_not_stored(ConditionalPut),
                what_an_invalidation_overtakes_is_not_stored(Query),
                callers_behind_a_write_load_afresh,
                an_absence_that_is_invalidated_is_forgotten(Query),
                caches_of_one_model_share_their_loads,
                loads_are_bounded,
                reload_replaces_what_is_fresh,
                a_loader_says_how_it_is_stored(ConditionalPut),
                what_is_not_modified_lives_on,
                an_older_version_is_not_loaded_over_a_later_one(ConditionalPut),
                what_is_gone_from_the_store_is_loaded_again,
                loads_find_what_was_put,
                a_panic_in_what_a_loader_says_fails_all_who_wait,
                a_closed_store_is_an_error_of_loads,
                an_unchanged_version_is_loaded_anew(ConditionalPut),
                an_update_of_nothing_overtakes_a_load(ConditionalPut),
            }
            policies {
                what_is_loaded_ends_with_its_lifetime,
                a_call_has_a_policy_of_its_own,
                jitter_cuts_lifetimes_and_lengthens_none,
                absence_ends_with_its_own_lifetime,
                absence_is_not_remembered_where_it_is_not_wanted,
                stale_is_served_while_it_is_revalidated,
                revalidation_is_one_load,
                a_write_overtakes_a_revalidation,
                stale_is_served_on_an_error,
                a_failed_load_is_not_tried_again_at_once,
                expire_keeps_a_fallback_and_remove_does_not,
                what_is_written_is_fallen_back_on,
                eager_refresh_begins_at_its_part,
                refresh_by_chance_weighs_what_a_load_costs,
                a_soft_timeout_serves_stale_and_the_load_goes_on,
                a_hard_timeout_ends_the_wait_and_not_the_load,
                a_load_is_given_up_at_its_deadline,
                idleness_ends_what_nobody_reads,
                policies_that_make_no_sense_are_refused,
                a_failed_refresh_is_not_tried_again_at_once,
                a_timeout_is_of_the_whole_call,
                a_peek_by_a_policy_has_what_needs_no_load,
            }
            lists {
                a_list_is_loaded_once(Query),
                a_list_is_paged_like_any_other(Query),
                what_is_left_out_is_said(Query),
                whatever_is_removed_ends_what_is_known(Query),
                a_wider_list_covers_a_narrower_one(Query),
                a_write_overtakes_a_list(Query),
                a_removal_overtakes_a_list(Query),
                a_list_is_of_one_moment(Query),
                callers_of_one_list_share_one_load(Query),
                rows_of_lists_have_what_their_loader_says(Query),
                the_first_to_expire_ends_what_is_known(Query),
                a_failed_list_fails_all_who_wait(Query),
                a_list_that_ends_at_once_is_not_known(Query),
                nothing_is_known_behind_a_fence(Query, Leases),
            }
            functions {
                a_function_is_called_once_for_its_arguments,
                an_error_of_a_function_is_not_cached,
                functions_share_results_by_their_name,
                a_call_past_the_cache_leaves_it_alone,
                results_are_forgotten_by_tag,
                a_key_is_loaded_once(ConditionalPut),
                a_fence_keeps_what_is_loaded_out,
                every_fence_has_to_be_lifted,
                a_fence_that_is_dropped_ends_with_its_lifetime,
                a_refresh_by_the_clock_loads_by_itself,
                everything_goes_from_all_models,
            }
            forwarding {
                a_store_and_its_wrappings_are_one_store,
                each_method_is_forwarded,
                objects_by_id_are_the_same_behind_pointers(ConditionalPut),
                removal_is_the_same_behind_pointers,
                removal_by_filter_is_the_same_behind_pointers(Query),
                updates_are_the_same_behind_pointers(ConditionalPut),
                lifetimes_are_the_same_behind_pointers(Query),
                probes_are_the_same_behind_pointers,
                live_objects_are_the_same_behind_pointers,
                denials_are_the_same_behind_pointers,
                models_are_the_same_behind_pointers,
                pages_are_the_same_behind_pointers(Query),
                words_are_the_same_behind_pointers(Query, Text),
                facets_are_the_same_behind_pointers(Query, Aggregate),
                fallbacks_are_the_same_behind_pointers,
                revisions_are_the_same_behind_pointers(ConditionalPut),
                tags_are_the_same_behind_pointers,
                marks_are_the_same_behind_pointers(Query),
                leases_are_the_same_behind_pointers(Leases),
                released_leases_are_the_same_behind_pointers(Leases),
                fences_are_the_same_behind_pointers(Leases),
                closing_is_the_same_behind_pointers(ConditionalPut),
            }
            close {
                closing_twice_is_fine,
                an_unused_store_can_be_closed,
                a_closed_store_refuses_everything(ConditionalPut),
                a_closed_store_refuses_queries(Query, Aggregate, ConditionalPut),
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __rule_names {
    ($($group:ident { $($rule:ident $(($($need:ident),+))?),+ $(,)? })+) => {
        &[$((stringify!($group), &[$(stringify!($rule)),+])),+]
    };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A rule that is not in the list would never be run.
    #[test]
    fn every_rule_that_is_written_is_in_the_list() {
        let listed: &[(&str, &[&str])] = crate::__rules! { __rule_names };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
        let mut written = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            let group = path.file_stem().unwrap().to_str().unwrap().to_owned();
            // Written out, or made by a macro from `name(type) [values]`.
            let rules = source.lines().filter_map(|line| {
                let made = line
                    .strip_prefix("    ")
                    .filter(|_| line.contains(") ["))
                    .filter(|made| made.starts_with(|c: char| c.is_ascii_lowercase()));
                let rule = line.strip_prefix("pub async fn ").or(made)?;
                rule.split('(').next()
            });
            written.extend(rules.map(|rule| (group.clone(), rule.to_owned())));
        }
        let mut listed: Vec<(String, String)> = listed
            .iter()
            .flat_map(|(group, rules)| rules.iter().map(|rule| ((*group).into(), (*rule).into())))
            .collect();
        listed.sort();
        written.sort();
        assert!(written.len() > 100);
        assert_eq!(written, listed);
    }
}
