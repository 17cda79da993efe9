//! History: every entry, newest first, in pages that stay in place, and the balance of any time.
//!
//! Scenario: a wallet with a hundred entries, read while more come. Mechanism: the receipts of the
//! operations are what the history must show. Needs: `BANK_URL`.

use serde::Deserialize;
use tests::{Bank, Entry, chain, fresh};

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
    next: Option<String>,
}

/// So many deposits, oldest first.
async fn deposits(bank: &Bank, user: &str, many: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    for _ in 0..many {
        entries.push(bank.deposit(user, "1.25").await.entry);
    }
    entries
}

async fn page(bank: &Bank, user: &str, query: &str) -> Page {
    bank.get(format!("/v1/wallet/entries{query}")).user(user).await.is(200).json()
}

#[tokio::test]
async fn a_user_who_never_moved_money_has_no_entries() {
    let page = page(&Bank::from_env(), &fresh("ann"), "").await;
    assert!(page.entries.is_empty() && page.next.is_none());
}

#[tokio::test]
async fn pages_show_every_entry_once_newest_first() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut expected = deposits(&bank, &user, 100).await;
    expected.reverse();
    for limit in
        ["", "&limit=1", "&limit=7", "&limit=8", "&limit=50", "&limit=99", "&limit=100", "&limit=200"]
    {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = page(&bank, &user, &format!("?{cursor}{limit}")).await;
            seen.extend(page.entries);
            let Some(next) = page.next else { break };
            assert!(seen.len() < expected.len(), "{limit}: more after the last");
            cursor = format!("cursor={next}");
        }
        assert!(seen == expected, "{limit}: {} entries", seen.len());
    }
}

#[tokio::test]
async fn fifty_entries_are_a_page_unless_another_limit_is_given() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    deposits(&bank, &user, 60).await;
    assert_eq!(page(&bank, &user, "").await.entries.len(), 50);
    assert_eq!(page(&bank, &user, "?limit=13").await.entries.len(), 13);
}

#[tokio::test]
async fn a_cursor_keeps_its_place_while_new_entries_arrive() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut expected = deposits(&bank, &user, 40).await;
    expected.reverse();
    let mut seen = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let page = page(&bank, &user, &query).await;
        seen.extend(page.entries);
        let Some(next) = page.next else { break };
        deposits(&bank, &user, 3).await;
        query = format!("?limit=7&cursor={next}");
    }
    assert!(seen == expected, "{} entries", seen.len());
}

#[tokio::test]
async fn the_whole_history_is_one_chain() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    deposits(&bank, &user, 20).await;
    for _ in 0..20 {
        bank.withdraw(&user, "0.5").await;
    }
    let mut entries = page(&bank, &user, "?limit=200").await.entries;
    entries.reverse();
    let last = chain::check(chain::START, &entries);
    assert_eq!(bank.wallet(&user).await.hash, last);
}

#[tokio::test]
async fn a_refusal_leaves_no_entry() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    deposits(&bank, &user, 1).await;
    bank.try_withdraw(&user, "100").await.problem(422, "insufficient-funds");
    assert_eq!(page(&bank, &user, "").await.entries.len(), 1);
}

#[tokio::test]
async fn the_wallet_at_an_entry_is_what_that_entry_left() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    for entry in deposits(&bank, &user, 30).await {
        let then: tests::Wallet =
            bank.get(format!("/v1/wallet?at={}", entry.seq)).user(&user).await.is(200).json();
        assert_eq!((then.seq, then.balance, then.hash), (entry.seq, entry.balance, entry.hash));
    }
}

#[tokio::test]
async fn the_wallet_at_the_start_is_empty() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    deposits(&bank, &user, 3).await;
    let start: tests::Wallet = bank.get("/v1/wallet?at=0").user(&user).await.is(200).json();
    assert_eq!((start.seq, start.balance.as_str(), start.hash.as_str()), (0, "0.00", chain::START));
}

#[tokio::test]
async fn there_is_no_entry_beyond_the_last() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    deposits(&bank, &user, 3).await;
    for at in ["4", "1000000", "9007199254740993", "18446744073709551616"] {
        let answer = bank.get(format!("/v1/wallet?at={at}")).user(&user).await;
        answer.problem(404, "no-such-entry");
    }
}

#[tokio::test]
async fn bad_query_parameters_are_malformed() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    deposits(&bank, &user, 3).await;
    for path in [
        "/v1/wallet?at=-1",
        "/v1/wallet?at=",
        "/v1/wallet?at=1.0",
        "/v1/wallet?at=one",
        "/v1/wallet?at=1&at=1",
        "/v1/wallet/entries?limit=0",
        "/v1/wallet/entries?limit=201",
        "/v1/wallet/entries?limit=-1",
        "/v1/wallet/entries?limit=",
        "/v1/wallet/entries?limit=ten",
        "/v1/wallet/entries?limit=1&limit=1",
        "/v1/wallet/entries?cursor=%00",
        "/v1/wallet/entries?cursor=nonsense",
        "/v1/wallet/entries?cursor=%ff",
    ] {
        bank.get(path).user(&user).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn history_is_for_users_with_a_name() {
    let bank = Bank::from_env();
    bank.get("/v1/wallet/entries").await.problem(401, "missing-identity");
    bank.get("/v1/wallet/entries").user("a b").await.problem(401, "invalid-identity");
}
