use proptest::prelude::*;

use super::*;

#[test]
fn every_key_starts_with_bank() {
    let wallet = wallet("alice");
    for key in [
        wallet.plain().as_str(),
        wallet.of_ticket(2).as_str(),
        wallet.tickets().as_str(),
        wallet.election().as_str(),
        page("alice", 0).as_str(),
        operation("alice", "k").as_str(),
        bitcoins().cell().as_str(),
        counter("visits").posts().plain().as_str(),
        rates().as_str(),
        rates_claim().plain().as_str(),
        ready().as_str(),
    ] {
        assert!(key.starts_with("bank:"), "{key}");
    }
}

#[test]
fn the_names_of_stored_keys_are_pinned() {
    let wallet = wallet("alice");
    assert_eq!(wallet.plain().as_str(), "bank:{alice}:wallet");
    assert_eq!(wallet.of_ticket(1), wallet.plain());
    assert_eq!(wallet.of_ticket(2).as_str(), "bank:{alice}:wallet:2");
    assert_eq!(wallet.tickets().as_str(), "bank:{alice}:wallet:tickets");
    assert_eq!(wallet.election().as_str(), "bank:{alice}:wallet:elected");
    assert_eq!(page("alice", 7).as_str(), "bank:{alice}:page:7");
    assert_eq!(operation("alice", "a:b").as_str(), "bank:{alice}:operation:a:b");
    assert_eq!(bitcoins().cell().as_str(), "bank:{bitcoins}:cell");
    assert_eq!(counter("visits").cell().as_str(), "bank:{counter:visits}:cell");
    assert_eq!(counter("visits").posts().plain().as_str(), "bank:{counter:visits}:posts");
    assert_eq!(counter("visits").post("a:b").as_str(), "bank:{counter:visits}:post:a:b");
    assert_eq!(rates_history().as_str(), "bank:{rates}:history");
    assert_eq!(rates().as_str(), "bank:{rates}:last");
    assert_eq!(rates_claim().plain().to_string(), "bank:{rates}:claim");
    assert_eq!(issuer("0f").as_str(), "bank:{issuer:0f}:keys");
    assert_eq!(issuer_claim("0f").plain().as_str(), "bank:{issuer:0f}:claim");
    assert_eq!(ready().as_str(), "bank:ready");
    assert_eq!(import().as_str(), "bank:import");
    assert_eq!(ready_in_cluster(READY_KEYS + 3).as_str(), "bank:{ready:3}:write");
}

#[test]
fn a_documents_kind_says_neither_whose_it_is_nor_which() {
    for (document, kind) in [
        (wallet("alice").plain(), "wallet"),
        (wallet("alice").of_ticket(2), "wallet"),
        (page("alice", 7), "page"),
        (operation("alice", "a:b"), "operation"),
        (counter("visits").post("k"), "post"),
        (rates(), "last"),
    ] {
        assert_eq!(document.kind(), kind, "{document}");
    }
}

#[test]
fn a_name_that_was_always_allowed_stands_in_its_keys_as_it_is() {
    let old = "Al.ice_2@example-1.org";
    assert_eq!(wallet(old).plain().as_str(), "bank:{Al.ice_2@example-1.org}:wallet");
    assert_eq!(page(old, 0).as_str(), "bank:{Al.ice_2@example-1.org}:page:0");
    assert_eq!(operation(old, "k").as_str(), "bank:{Al.ice_2@example-1.org}:operation:k");
}

#[test]
fn a_name_with_colons_is_one_part_of_its_keys() {
    for (user, key) in [
        ("urn:isbn:1", "bank:{urn%3Aisbn%3A1}:wallet"),
        ("auth0|5f7c+tag/x=~", "bank:{auth0|5f7c+tag/x=~}:wallet"),
        // No user has these: they are left to nobody all the same.
        ("a%3Ab", "bank:{a%253Ab}:wallet"),
        ("{a}", "bank:{%7Ba%7D}:wallet"),
    ] {
        assert_eq!(wallet(user).plain().as_str(), key);
    }
    assert_ne!(wallet("a:2").plain(), wallet("a").of_ticket(2));
    assert_ne!(page("a:1", 2), page("a", 12));
    assert_ne!(operation("a:b", "c"), operation("a", "b:c"));
}

#[test]
fn whose_a_key_is_is_read_back_from_its_tag() {
    for name in ["alice", "urn:isbn:1", "a%3Ab", "{a}", "%", "%25"] {
        let opening = wallet(name);
        let (tag, _) =
            parts(opening.plain().as_str()).map(|(tag, what)| (tag.to_owned(), what.to_owned())).unwrap();
        assert_eq!(user(&tag).as_deref(), Some(name));
        let cell = counter(name).cell();
        let (tag, _) = parts(cell.as_str()).unwrap();
        assert_eq!(counter_of_tag(tag).unwrap().cell(), cell);
    }
    assert_eq!(counter_of_tag("bitcoins").unwrap().cell(), bitcoins().cell());
    for tag in ["alice", "counter:", "counter:a:b", "counter:%", "rates"] {
        assert!(counter_of_tag(tag).is_none(), "{tag}");
    }
    assert_eq!(user("a:b"), None);
}

/// Read back by hand: nothing of a name is lost in its keys.
fn decoded(part: &str) -> String {
    part.replace("%3A", ":").replace("%7B", "{").replace("%7D", "}").replace("%25", "%")
}

/// What decides the slot of a key (Redis cluster specification, "Hash tags").
fn hash_tag(key: &str) -> &str {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
}

/// The keys of an opening with a few tickets.
fn around(opening: &ElectedKeys) -> Vec<String> {
    let tickets = [1, 2, 3, 4].map(|ticket| opening.of_ticket(ticket).to_string());
    [tickets.to_vec(), vec![opening.tickets().to_string(), opening.election().to_string()]].concat()
}

/// Every key that has these in its name.
fn all(name: &str, number: u8, idempotency_key: &str) -> Vec<String> {
    let tally = |tally: CounterKeys| {
        [around(&tally.posts()), vec![tally.cell().to_string(), tally.post(idempotency_key).to_string()]]
            .concat()
    };
    let mut keys =
        [around(&wallet(name)), tally(counter(name)), tally(bitcoins()), around(&rates_claim())].concat();
    keys.extend([page(name, number.into()).to_string(), operation(name, idempotency_key).to_string()]);
    keys.extend([rates().to_string(), ready().to_string()]);
    keys
}

proptest! {
    #[test]
    fn a_part_of_a_key_holds_nothing_that_parts_are_told_by_and_names_one_name(
        one in "[ -~]{0,12}", other in "[a1:%3A{}]{0,6}", another in "[a1:%3A{}]{0,6}",
    ) {
        for name in [&one, &other] {
            prop_assert!(!encode_name(name).contains([':', '{', '}']), "{}", encode_name(name));
        }
        prop_assert_eq!(encode_name(&other) == encode_name(&another), other == another);
        prop_assert_eq!(decoded(&encode_name(&one)), one);
    }

    #[test]
    fn all_that_an_operation_touches_is_in_one_slot(
        name in "[a1.~@+|:/=%{}-]{1,4}", number in 1_u64..3, idempotency_key in "[!:1a%3A{}]{1,3}",
    ) {
        let (mut of_user, mut of_counter) = (around(&wallet(&name)), around(&counter(&name).posts()));
        of_user.push(page(&name, number).to_string());
        of_user.push(operation(&name, &idempotency_key).to_string());
        of_counter.push(counter(&name).cell().to_string());
        of_counter.push(counter(&name).post(&idempotency_key).to_string());
        let mut of_rates = around(&rates_claim());
        of_rates.extend([rates().to_string(), rates_history().to_string()]);
        for keys in [of_user, of_counter, of_rates] {
            let tags: std::collections::BTreeSet<&str> = keys.iter().map(|key| hash_tag(key)).collect();
            prop_assert_eq!(tags.len(), 1, "{:?}", keys);
        }
    }

    #[test]
    fn no_two_names_give_one_key(
        one in ("[a1.~@+|:/=%{}-]{1,4}", 1_u8..3, "[!:1a%3A{}]{1,3}"),
        other in ("[a1.~@+|:/=%{}-]{1,4}", 1_u8..3, "[!:1a%3A{}]{1,3}"),
    ) {
        let keys = all(&one.0, one.1, &one.2);
        let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
        prop_assert_eq!(distinct.len(), keys.len(), "{:?}", keys);
        // What is under one name is never what is under another, the same thing aside.
        for (place, key) in keys.iter().enumerate() {
            for (elsewhere, another) in all(&other.0, other.1, &other.2).iter().enumerate() {
                prop_assert!(key != another || place == elsewhere);
            }
        }
    }
}
