//! Alive, and ready.
//!
//! Scenario: what a kubelet asks. Mechanism: the two routes while the store is well; what they say when it
//! is dead is proven where a store can be killed (`prove`). Needs: `BANK_URL`.

use serde_json::{Value, json};
use tests::Bank;

#[tokio::test]
async fn a_bank_that_runs_says_that_it_is_alive() {
    let answer = Bank::from_env().get("/healthz").await.is(200);
    assert_eq!(answer.json::<Value>()["status"], "ok");
}

#[tokio::test]
async fn a_bank_whose_store_answers_says_that_it_is_ready() {
    let answer = Bank::from_env().get("/readyz").await.is(200);
    let ready: Value = answer.json();
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["checks"], json!({"store": "ok"}));
}
