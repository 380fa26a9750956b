//! SeaORM with a cache behind it, on real databases: SQLite and PostgreSQL, each with the embedded
//! store and with one that programs share.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "orm/crash.rs"]
mod crash;
#[path = "orm/entities.rs"]
mod entities;
#[path = "orm/many.rs"]
mod many;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "orm/queue.rs"]
mod queue;
#[path = "orm/reads.rs"]
mod reads;
#[path = "orm/through.rs"]
mod through;
#[path = "orm/transactions.rs"]
mod transactions;
#[path = "orm/world.rs"]
mod world;
#[path = "orm/writes.rs"]
mod writes;

/// Each rule on each database and each store.
macro_rules! rules {
    ($($group:ident { $($rule:ident,)* })*) => {
        rules!(@ sqlite_embedded Sqlite Embedded { $($([$group $rule])*)* });
        rules!(@ sqlite_shared Sqlite Shared { $($([$group $rule])*)* });
        rules!(@ postgres_embedded Postgres Embedded { $($([$group $rule])*)* });
        rules!(@ postgres_shared Postgres Shared { $($([$group $rule])*)* });
    };
    (@ $suite:ident $database:ident $store:ident { $([$group:ident $rule:ident])* }) => {
        mod $suite {
            use crate::world::{Database, Kept, World};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    let name = concat!(stringify!($suite), "_", stringify!($rule));
                    let world = World::open(Database::$database, Kept::$store, name).await;
                    if let Some(world) = world {
                        crate::$group::$rule(world).await;
                    }
                }
            )*
        }
    };
}

rules! {
    writes {
        an_insert_is_seen,
        an_update_is_seen,
        a_save_is_seen,
        a_delete_is_seen,
        an_update_that_brings_nothing_back_is_seen,
        a_write_with_seaorm_itself_is_seen,
        plain_sql_is_seen_by_its_table,
        plain_sql_past_the_connection_is_told,
        what_other_entities_have_stays,
        ids_of_other_types_are_seen,
        ids_of_several_columns_are_seen,
        ids_that_no_row_can_have_are_of_no_row,
        a_write_that_fails_removes_nothing,
        a_hook_that_fails_undoes_its_write,
        a_hook_that_writes_is_noticed,
        a_cache_that_fails_does_not_undo_a_commit,
        what_was_not_named_to_the_builder_is_told,
    }
    many {
        rows_inserted_are_seen,
        rows_inserted_or_updated_are_seen,
        rows_updated_are_seen_and_others_stay,
        keys_updated_remove_all,
        rows_deleted_are_seen_and_others_stay,
        no_row_updated_removes_nothing,
    }
    transactions {
        nothing_is_removed_before_the_commit,
        a_rollback_leaves_no_trace,
        a_transaction_that_is_dropped_leaves_no_trace,
        a_savepoint_that_is_released_waits_for_the_commit,
        a_savepoint_that_is_rolled_back_leaves_no_trace,
        a_savepoint_in_a_transaction_that_is_rolled_back_leaves_no_trace,
        savepoints_in_savepoints_are_joined,
        a_closure_commits_what_it_brings_and_rolls_back_what_fails,
        a_commit_goes_on_without_its_caller,
        a_write_that_was_left_alone_is_not_trusted,
        fenced_commits_are_seen,
        a_commit_without_its_fence_does_not_happen,
    }
    reads {
        loads_need_no_closure,
        loads_of_many_ask_for_what_is_missing,
        a_clean_transaction_reads_the_cache,
        a_dirty_transaction_reads_itself_and_fills_nothing,
        a_dirty_savepoint_makes_its_transaction_dirty,
        a_load_that_a_commit_overtakes_is_not_stored,
    }
    through {
        a_write_is_in_the_cache_after_its_commit,
        a_rollback_puts_nothing,
        the_last_of_several_writes_is_put,
        an_older_write_that_is_late_changes_nothing,
        a_deleted_row_does_not_come_back,
        a_row_that_comes_back_is_not_what_it_was,
        what_the_cache_refuses_is_removed,
    }
}
