//! What a person with a browser sees, and what everybody sees on a path that is none.
//!
//! Scenario: the dashboard and its files, the page of every problem, wrong paths. Mechanism: status, media type and
//! the words that must be there. Needs: `BANK_URL`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use tests::{Answer, Bank, limits, problem};

#[track_caller]
fn assert_page(answer: &Answer) {
    let media_type = answer.header("content-type").unwrap_or_default();
    assert_eq!(media_type.to_lowercase().replace(' ', ""), "text/html;charset=utf-8", "{answer}");
    assert!(answer.text().to_lowercase().starts_with("<!doctype html>"), "{answer}");
}

/// The dashboard, and every file of the bank's that it names; those name no others that it does not.
async fn dashboard(bank: &Bank) -> Vec<Answer> {
    let page = bank.get("/").await.is(200);
    let named: BTreeSet<String> =
        page.text().split('"').filter(|text| text.starts_with("/assets/")).map(str::to_owned).collect();
    assert!(named.len() > 3, "{page}");
    let mut files = vec![page];
    for path in named {
        files.push(bank.get(path).await.is(200));
    }
    files
}

#[tokio::test]
async fn the_dashboard_is_a_page() {
    assert_page(&Bank::from_env().get("/").await.is(200));
}

#[tokio::test]
async fn every_file_of_the_dashboard_is_sent_once_and_then_only_when_it_changed() {
    let bank = Bank::from_env();
    for file in dashboard(&bank).await {
        let tag = file.header("etag").unwrap_or_default();
        assert!(tag.starts_with('"') && tag.len() > 2, "{file}");
        let path = &file.asked.path;
        let again = bank.get(path).header("if-none-match", tag).await.is(304);
        assert_eq!((again.header("etag"), again.body.len()), (Some(tag), 0), "{again}");
        bank.get(path).header("if-none-match", "\"another\"").await.is(200);
        bank.head(path).await.is(200);
        bank.post(path).await.problem(405, "method-not-allowed");
    }
}

#[tokio::test]
async fn the_dashboard_and_the_documentation_are_told_who_the_user_is_and_ask_again_each_time() {
    let bank = Bank::from_env();
    for path in ["/settings.js", "/docs/settings.js"] {
        let settings = bank.get(path).await.is(200);
        assert_eq!(settings.header("content-type"), Some("text/javascript; charset=utf-8"), "{settings}");
        assert_eq!(settings.header("cache-control"), Some("no-cache"), "{settings}");
        let said = settings.text().starts_with("export default {\"auth\":\"");
        assert!(said, "{settings}");
        let tag = settings.header("etag").unwrap_or_default();
        bank.get(path).header("if-none-match", tag).await.is(304);
        bank.post(path).await.problem(405, "method-not-allowed");
    }
}

/// Where pages of other origins may call, an answer varies by `origin` too.
fn varies_by_encoding(answer: &Answer) -> bool {
    answer.header("vary").unwrap_or_default().split(", ").any(|word| word == "accept-encoding")
}

#[tokio::test]
async fn the_dashboard_is_sent_packed_to_clients_that_accept_gzip_and_to_no_other() {
    let bank = Bank::from_env();
    for plain in dashboard(&bank).await {
        let path = &plain.asked.path;
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert!(varies_by_encoding(&plain), "{path}");
        for refused in ["", "br", "gzip;q=0", "identity", "*;q=0", "identity, gzip;q=0.5"] {
            let answer = bank.get(path).header("accept-encoding", refused).await.is(200);
            assert_eq!(
                (answer.header("content-encoding"), &answer.body),
                (None, &plain.body),
                "{refused}: {path}"
            );
        }
        for accepted in ["gzip", "br, gzip;q=0.5", "deflate, GZIP", "*"] {
            let packed = bank.get(path).header("accept-encoding", accepted).await.is(200);
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{accepted}: {path}");
            assert!(varies_by_encoding(&packed), "{path}");
            assert_eq!(unpacked(&packed), plain.body, "{path}");
            assert!(packed.body.len() < plain.body.len() || plain.body.len() < 200, "{path}");
        }
    }
}

#[tokio::test]
async fn packed_and_plain_files_are_told_apart_by_their_tags() {
    let bank = Bank::from_env();
    for plain in dashboard(&bank).await {
        let path = &plain.asked.path;
        let gzip = || bank.get(path).header("accept-encoding", "gzip");
        let packed = gzip().await.is(200);
        let [plain_tag, packed_tag] = [&plain, &packed].map(|answer| answer.header("etag").unwrap());
        assert_ne!(plain_tag, packed_tag, "{path}");
        let unchanged = gzip().header("if-none-match", packed_tag).await.is(304);
        assert_eq!(unchanged.header("etag"), Some(packed_tag), "{path}");
        assert!(varies_by_encoding(&unchanged), "{path}");
        gzip().header("if-none-match", plain_tag).await.is(200);
        bank.get(path).header("if-none-match", packed_tag).await.is(200);
        let head = bank.head(path).header("accept-encoding", "gzip").await.is(200);
        for name in ["content-length", "content-encoding", "etag", "vary"] {
            assert_eq!(head.header(name), packed.header(name), "{path}: {name}");
        }
    }
}

/// What `gzip` makes of a body.
#[allow(clippy::unwrap_used, reason = "a test that cannot run gzip fails")]
fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut gzip =
        Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(&answer.body).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

#[tokio::test]
async fn no_file_of_the_dashboard_lets_a_browser_run_or_ask_anything_else() {
    let bank = Bank::from_env();
    let asked = bank.may_be_asked().await;
    for file in dashboard(&bank).await {
        let policy = file.header("content-security-policy").unwrap_or_default();
        let rules: Vec<&str> = policy.split(';').map(str::trim).collect();
        for rule in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", &asked, "frame-ancestors 'none'"]
        {
            assert!(rules.contains(&rule), "{rule}: {file}");
        }
        assert!(!policy.contains("unsafe"), "{file}");
    }
}

#[tokio::test]
async fn the_whole_dashboard_is_small() {
    let mut gzip =
        Command::new("gzip").arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let files = dashboard(&Bank::from_env()).await;
    let mut input = gzip.stdin.take().unwrap();
    files.iter().for_each(|file| input.write_all(&file.body).unwrap());
    drop(input);
    let packed = gzip.wait_with_output().unwrap().stdout.len();
    println!("the dashboard, packed: {packed} bytes of {}", limits::DASHBOARD_BYTES);
    assert!((1..limits::DASHBOARD_BYTES).contains(&packed), "{packed} bytes");
}

#[tokio::test]
async fn every_problem_has_a_page_that_names_it() {
    let bank = Bank::from_env();
    for (status, code) in problem::TABLE {
        let answer = bank.get(format!("/problems/{code}")).await.is(200);
        assert_page(&answer);
        assert!(answer.text().contains(code), "{code}: {answer}");
        assert!(answer.text().contains(&status.to_string()), "{status}: {answer}");
        assert!(answer.text().contains(&format!(r#""code": "{code}""#)), "no example of {code}: {answer}");
    }
}

#[tokio::test]
async fn the_type_of_a_problem_resolves() {
    let bank = Bank::from_env();
    let problem = bank.get("/nowhere").await.problem(404, "not-found");
    assert_page(&bank.get(problem.kind).await.is(200));
}

#[tokio::test]
async fn any_other_path_is_not_found() {
    let bank = Bank::from_env();
    for path in [
        "/nowhere",
        "/v1",
        "/v2/wallet",
        "/v1/nothing",
        "/v1/Wallet",
        "/V1/wallet",
        "/v1/wallets",
        "/v1/wallet/ann",
        "/v1/counters",
        "/v1/counters/a/b",
        "/v1/rates/usd/x",
        "/v1/bitcoins/5",
        "/wallet",
        "/healthz/x",
        "/problems",
        "/problems/nothing",
        "/problems/not-found/x",
        "/index.html",
        "/assets/",
        "/assets/index.html",
        "/assets/../style.css",
        "/favicon.icon",
        "/.git/config",
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/%",
        "/%00",
        "/%3Cscript%3E",
    ] {
        bank.get(path).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_path_that_is_not_found_is_not_found_by_any_method() {
    let bank = Bank::from_env();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        bank.request(method, "/nowhere").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_problem_never_repeats_markup_from_the_path_on_a_page() {
    let bank = Bank::from_env();
    let answer = bank.get("/problems/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    answer.problem(404, "not-found");
    assert!(!answer.text().contains("<script>"), "{answer}");
}
