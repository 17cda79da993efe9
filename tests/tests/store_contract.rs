//! The promises of the storage port, kept by the `kv` adapter on whatever store its host has.
//!
//! Scenario: the cases of `crates/store/src/contract.rs`, which the memory adapter runs where they stand.
//! Mechanism: a component of its own, `tests/store-contract`, runs them inside `bank` or Spin; a case is
//! asked for by its name. Needs: `BANK_URL` of that application, not of the bank.

use serde::Deserialize;
use tests::{Bank, fresh};

#[derive(Deserialize)]
struct Cases {
    cases: Vec<String>,
}

async fn assert_kept(case: &str) {
    let host = Bank::from_env();
    let answer = host.post(format!("/contract/{case}?scope={}", fresh("scope"))).await;
    assert_eq!(answer.status, 200, "{answer}");
}

macro_rules! promises {
    ($($case:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $case() {
            assert_kept(stringify!($case)).await;
        })*

        #[tokio::test]
        async fn no_case_is_left_out() {
            let all: Cases = Bank::from_env().get("/contract").await.is(200).json();
            assert_eq!(all.cases, [$(stringify!($case)),*]);
        }
    };
}

promises! {
    a_key_that_was_never_set_is_absent,
    a_set_value_is_read_back_byte_for_byte,
    a_swap_over_the_current_value_commits,
    a_swap_over_another_value_is_lost_and_writes_nothing,
    a_swap_never_creates_a_key,
    of_racing_swaps_over_one_value_one_commits,
    what_comes_before_a_swap_is_there_after_it,
    a_swap_is_lost_where_something_is_that_must_be_absent,
    a_counter_that_was_never_touched_is_zero,
    reading_a_counter_does_not_create_it,
    a_counter_is_the_sum_of_its_increments,
    concurrent_increments_are_all_counted,
    a_counter_of_eight_digits_is_read_exactly,
    an_increment_past_the_range_is_refused_and_changes_nothing,
    an_increment_past_its_bound_is_refused_and_changes_nothing,
    a_total_is_added_to_within_its_limit_in_one_go,
    a_swap_writes_the_total_of_its_moment,
    nobody_is_elected_before_a_proposal,
    the_first_candidate_is_elected_for_ever,
    racing_candidates_agree,
    a_late_proposal_changes_nothing,
    racing_openers_find_one_document,
    what_was_written_into_an_opened_document_is_found,
    a_first_write_leaves_what_opening_and_swapping_leaves,
    a_first_write_is_lost_where_somebody_has_begun_to_open,
    of_racing_first_writes_and_openers_one_counts,
}
