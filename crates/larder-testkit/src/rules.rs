//! The rules, a group a file. Each is one promise, and a function that fails by panicking.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a rule fails by panicking"
)]

mod asking;

pub mod capability;
pub mod crud;
pub mod expiry;
pub mod filter;
pub mod geo;
pub mod models;
pub mod nulls;

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
            }
            models {
                two_types_of_one_name_are_refused,
                the_same_model_twice_is_the_same_objects,
                models_do_not_see_each_other(Query),
                models_names_are_told_apart_exactly(Query),
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
