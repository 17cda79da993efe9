//! CoinGecko's exchange rates, as documented: cryptocurrencies, fiat and commodities against one bitcoin.

use std::collections::BTreeMap;

/// Code, name, unit, value as it stands in the document, type.
const RATES: &[(&str, &str, &str, &str, &str)] = &[
    ("btc", "Bitcoin", "BTC", "1.0", "crypto"),
    ("eth", "Ether", "ETH", "29.378", "crypto"),
    ("ltc", "Litecoin", "LTC", "796.283", "crypto"),
    ("bch", "Bitcoin Cash", "BCH", "140.562", "crypto"),
    ("bnb", "Binance Coin", "BNB", "107.3", "crypto"),
    ("xrp", "XRP", "XRP", "47697.128", "crypto"),
    ("xlm", "Lumens", "XLM", "338904.67912345678901234567890123456789", "crypto"),
    ("link", "Chainlink", "LINK", "4913", "crypto"),
    ("usd", "US Dollar", "$", "67187.3358936566", "fiat"),
    ("aed", "United Arab Emirates Dirham", "DH", "246745.491069454", "fiat"),
    ("brl", "Brazil Real", "R$", "375894.66285782125", "fiat"),
    ("chf", "Swiss Franc", "Fr.", "60432.53", "fiat"),
    ("eur", "Euro", "€", "62207.14", "fiat"),
    ("gbp", "British Pound Sterling", "£", "52651.0", "fiat"),
    ("idr", "Indonesian Rupiah", "Rp", "1056379245.2179137", "fiat"),
    ("jpy", "Japanese Yen", "¥", "10557343", "fiat"),
    ("kwd", "Kuwaiti Dinar", "KD", "20601.78", "fiat"),
    ("vef", "Venezuelan bolívar fuerte", "Bs.F", "6727.467943031829", "fiat"),
    ("xdr", "IMF Special Drawing Rights", "XDR", "50601.700000", "fiat"),
    ("xag", "Silver - Troy Ounce", "XAG", "2195.68", "commodity"),
    ("xau", "Gold - Troy Ounce", "XAU", "28.12", "commodity"),
    ("bits", "Bits", "μBTC", "1000000.0", "crypto"),
    ("sats", "Satoshi", "sats", "100000000.0", "crypto"),
];

/// How many currencies there are.
pub const COUNT: usize = RATES.len();

/// The document, with these values in the place of the usual ones.
pub fn with(values: &BTreeMap<String, String>) -> String {
    let rates: Vec<String> = RATES
        .iter()
        .map(|(code, name, unit, value, kind)| {
            let value = values.get(*code).map_or(*value, String::as_str);
            format!(r#""{code}":{{"name":"{name}","unit":"{unit}","value":{value},"type":"{kind}"}}"#)
        })
        .collect();
    format!(r#"{{"rates":{{{}}}}}"#, rates.join(","))
}
