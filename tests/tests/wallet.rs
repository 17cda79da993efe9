//! Wallets: what comes in, what goes out, what is left.
//!
//! Scenario: one user at a time, one operation after the other. Mechanism: answers of deposits and
//! withdrawals compared with each other and with the wallet. Needs: `BANK_URL`.

use tests::money::{shown, units};
use tests::{Bank, Receipt, Wallet, chain, fresh};

#[tokio::test]
async fn a_user_who_never_moved_money_has_an_empty_wallet() {
    let user = fresh("ann");
    let expected = Wallet { user: user.clone(), balance: "0.00".into(), seq: 0, hash: chain::START.into() };
    assert_eq!(Bank::from_env().wallet(&user).await, expected);
}

#[tokio::test]
async fn a_deposit_answers_with_its_entry_and_the_balance_after_it() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let receipt = bank.deposit(&user, "10.5").await;
    assert_eq!((receipt.user.as_str(), receipt.balance.as_str()), (user.as_str(), "10.50"));
    let entry = receipt.entry;
    assert_eq!((entry.seq, entry.kind.as_str()), (1, "deposit"));
    assert_eq!((entry.amount.as_str(), entry.balance.as_str()), ("10.50", "10.50"));
}

#[tokio::test]
async fn a_withdrawal_answers_with_its_entry_and_the_balance_after_it() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "10.00").await;
    let receipt = bank.withdraw(&user, "2.5").await;
    assert_eq!((receipt.user.as_str(), receipt.balance.as_str()), (user.as_str(), "7.50"));
    let entry = receipt.entry;
    assert_eq!((entry.seq, entry.kind.as_str()), (2, "withdrawal"));
    assert_eq!((entry.amount.as_str(), entry.balance.as_str()), ("2.50", "7.50"));
}

#[tokio::test]
async fn the_wallet_is_what_the_last_entry_left() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "10.00").await;
    let last = bank.withdraw(&user, "0.00000001").await.entry;
    let expected = Wallet { user: user.clone(), balance: last.balance, seq: last.seq, hash: last.hash };
    assert_eq!(bank.wallet(&user).await, expected);
}

#[tokio::test]
async fn entries_are_counted_from_one_without_gaps() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    for seq in 1..=5 {
        assert_eq!(bank.deposit(&user, "1.00").await.entry.seq, seq);
        bank.try_withdraw(&user, "1000.00").await.problem(422, "insufficient-funds");
    }
    assert_eq!(bank.wallet(&user).await.seq, 5);
}

#[tokio::test]
async fn sums_are_exact() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut expected = 0;
    for amount in ["0.1", "0.2", "0.00000001", "123456789012345.87654321", "0.7", "0.00000009"] {
        expected += units(amount);
        assert_eq!(bank.deposit(&user, amount).await.balance, shown(expected));
    }
    for amount in ["0.3", "123456789012345.00000009", "0.87654321"] {
        expected -= units(amount);
        assert_eq!(bank.withdraw(&user, amount).await.balance, shown(expected));
    }
}

#[tokio::test]
async fn a_withdrawal_of_everything_leaves_nothing() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "10.00").await;
    assert_eq!(bank.withdraw(&user, "10").await.balance, "0.00");
}

#[tokio::test]
async fn a_withdrawal_over_the_balance_is_refused_and_changes_nothing() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "5.00").await;
    let before = bank.wallet(&user).await;
    for (amount, shown) in
        [("5.00000001", "5.00000001"), ("7.5", "7.50"), ("999999999999999", "999999999999999.00")]
    {
        let problem = bank.try_withdraw(&user, amount).await.problem(422, "insufficient-funds");
        assert_eq!((problem.member("balance"), problem.member("amount")), ("5.00", shown));
    }
    assert_eq!(bank.wallet(&user).await, before);
}

#[tokio::test]
async fn a_withdrawal_from_an_empty_wallet_is_refused_and_opens_none() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let problem = bank.try_withdraw(&user, "0.00000001").await.problem(422, "insufficient-funds");
    assert_eq!((problem.member("balance"), problem.member("amount")), ("0.00", "0.00000001"));
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_balance_past_fifteen_digits_is_refused_and_changes_nothing() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "999999999999999.99999999").await;
    let before = bank.wallet(&user).await;
    for amount in ["0.00000001", "1", "999999999999999.99999999"] {
        let answer = bank.post("/v1/deposit").user(&user).amount(amount).await;
        answer.problem(422, "limit-exceeded");
    }
    assert_eq!(bank.wallet(&user).await, before);
}

#[tokio::test]
async fn the_largest_balance_can_be_reached_and_withdrawn() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "999999999999999").await;
    assert_eq!(bank.deposit(&user, "0.99999999").await.balance, "999999999999999.99999999");
    assert_eq!(bank.withdraw(&user, "999999999999999.99999999").await.balance, "0.00");
}

#[tokio::test]
async fn the_short_paths_are_the_same_operations() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let first: Receipt = bank.post("/deposit").user(&user).amount("3").await.is(200).json();
    let second: Receipt = bank.post("/withdraw").user(&user).amount("1").await.is(200).json();
    assert_eq!((first.entry.kind.as_str(), second.entry.kind.as_str()), ("deposit", "withdrawal"));
    assert_eq!(bank.balance(&user).await, "2.00");
}

#[tokio::test]
async fn an_operation_without_a_key_gets_an_id_of_its_own() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let (first, second) = (bank.deposit(&user, "1").await, bank.deposit(&user, "1").await);
    assert_ne!(first.entry.id, second.entry.id);
    assert!(!first.entry.id.is_empty());
}

#[tokio::test]
async fn the_time_of_an_entry_is_in_utc_to_the_millisecond() {
    let at = Bank::from_env().deposit(&fresh("ann"), "1").await.entry.at;
    let shape: String = at.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99.999Z", "{at}");
}

#[tokio::test]
async fn each_entry_is_chained_to_the_one_before() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut entries = Vec::new();
    for amount in ["10.50", "0.00000001", "7", "999999.125"] {
        entries.push(bank.deposit(&user, amount).await.entry);
        entries.push(bank.withdraw(&user, "0.00000001").await.entry);
    }
    let keyed = bank.post("/v1/deposit").user(&user).idempotency_key("order-17").amount("1");
    entries.push(keyed.await.is(200).json::<Receipt>().entry);
    let last = chain::check(chain::START, &entries);
    assert_eq!(bank.wallet(&user).await.hash, last);
}
