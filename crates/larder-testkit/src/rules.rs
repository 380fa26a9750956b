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
            let rules = source
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn "))
                .filter_map(|line| line.split('(').next());
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
