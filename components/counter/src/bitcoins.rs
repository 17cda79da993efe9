//! Bitcoins in satoshis: reads an amount, prints a JSON number with all its digits.

use api::view::BitcoinsView;
use api::{Answer, Code, Problem, Request, limits, money};
use serde_json::value::RawValue;

/// Satoshis in a bitcoin.
const SATOSHIS_PER_BITCOIN: i64 = 100_000_000;
/// The most of one post.
const MAX_POST: i64 = limits::MAX_BITCOINS * SATOSHIS_PER_BITCOIN;

/// The parameter `bitcoins`, in satoshis.
pub fn parameter(request: &Request) -> Result<i64, Problem> {
    let Some(text) = request.query("bitcoins")? else {
        return Err(Problem::malformed("The query parameter bitcoins is missing."));
    };
    let satoshis = i64::try_from(money::amount(&text)?.units()).unwrap_or(i64::MAX);
    if satoshis > MAX_POST {
        return Err(Problem::new(Code::InvalidAmount, "At most 21000000 bitcoins at a time."));
    }
    Ok(satoshis)
}

/// The total, as a JSON number without an exponent: `5`, `5.5`, `0.00000001`.
pub fn answer(satoshis: i64) -> Answer {
    let bitcoins = RawValue::from_string(digits(satoshis)).unwrap_or_else(|_| RawValue::NULL.to_owned());
    Answer::json(&BitcoinsView { bitcoins })
}

fn digits(satoshis: i64) -> String {
    // Posts only add. A total below zero was written by something else.
    let sign = if satoshis < 0 { "-" } else { "" };
    let (size, one) = (satoshis.unsigned_abs(), SATOSHIS_PER_BITCOIN.unsigned_abs());
    let (whole, rest) = (size.div_euclid(one), size.rem_euclid(one));
    match rest {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{rest:08}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_an_amount_of_at_most_21_million() {
        let parameter = |query: &str| {
            let request = http::Request::post(format!("/v1/bitcoins?{query}")).body(String::new()).unwrap();
            parameter(&Request::new(request)).map_err(|problem| problem.code())
        };
        assert_eq!(parameter("bitcoins=0.00000001"), Ok(1));
        assert_eq!(parameter("bitcoins=21000000"), Ok(2_100_000_000_000_000));
        for (query, code) in [
            ("", Code::MalformedRequest),
            ("bitcoins=1&bitcoins=1", Code::MalformedRequest),
            ("bitcoins=", Code::InvalidAmount),
            ("bitcoins=1e2", Code::InvalidAmount),
            ("bitcoins=21000000.00000001", Code::InvalidAmount),
            ("bitcoins=999999999999999.99999999", Code::InvalidAmount),
        ] {
            assert_eq!(parameter(query), Err(code), "{query}");
        }
    }

    #[test]
    fn a_total_shows_all_its_digits_and_no_more() {
        for (satoshis, shown) in [
            (0, "0"),
            (1, "0.00000001"),
            (550_000_000, "5.5"),
            (500_000_000, "5"),
            (1_000_000_000, "10"),
            (i64::MAX, "92233720368.54775807"),
            (-150_000_000, "-1.5"),
            (-1, "-0.00000001"),
        ] {
            assert_eq!(digits(satoshis), shown);
        }
    }
}
