//! What Spin accepts as a name: words of ASCII letters and digits that begin with a letter, joined by dashes
//! (component ids) or underscores (variables). Store labels may be either.

/// Checks the id of a component: `my-component`.
pub fn component_id(name: &str) -> Result<(), String> {
    words(name, '-').map_err(|why| format!("`{name}` cannot be a component's id: {why}"))
}

/// Checks the name of a variable: `my_variable`.
pub fn variable(name: &str) -> Result<(), String> {
    let lower = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Err("only lower-case letters, digits and underscores are allowed".to_owned())
    } else {
        words(name, '_')
    };
    lower.map_err(|why| format!("`{name}` cannot be a variable's name: {why}"))
}

/// Checks the label of a store: `my-store` or `my_store`.
pub fn store_label(name: &str) -> Result<(), String> {
    words(name, '-')
        .or_else(|_| words(name, '_'))
        .map_err(|why| format!("`{name}` cannot be a store's label: {why}"))
}

fn words(name: &str, joint: char) -> Result<(), String> {
    for word in name.split(joint) {
        let Some(first) = word.chars().next() else {
            return Err(format!("between `{joint}` there must be words, none of them empty"));
        };
        if !first.is_ascii_alphabetic() {
            return Err(format!("its words must begin with a letter, not with `{first}`"));
        }
        if let Some(odd) = word.chars().find(|c| !c.is_ascii_alphanumeric()) {
            return Err(format!("`{odd}` is not allowed, words are joined by `{joint}`"));
        }
        let upper = first.is_ascii_uppercase();
        let mixed = |c: char| c.is_ascii_alphabetic() && c.is_ascii_uppercase() != upper;
        if word.chars().any(mixed) {
            return Err(format!("`{word}` mixes upper and lower case"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_accepted_and_refused_as_in_spin() {
        for good in ["a", "abc", "a-b", "web2", "AB-c"] {
            assert_eq!(component_id(good), Ok(()), "{good}");
        }
        for bad in ["", "-", "a-", "a--b", "1a", "a_b", "aB", "a.b", "ä"] {
            assert!(component_id(bad).is_err(), "{bad}");
        }
        for good in ["a", "a1", "a_b", "storage_deadline_ms"] {
            assert_eq!(variable(good), Ok(()), "{good}");
        }
        for bad in ["", "_a", "a_", "a__b", "A", "aB", "a-b", "1a", "a_1"] {
            assert!(variable(bad).is_err(), "{bad}");
        }
        for good in ["default", "my-store", "my_store"] {
            assert_eq!(store_label(good), Ok(()), "{good}");
        }
        for bad in ["", "my store", "a-b_c"] {
            assert!(store_label(bad).is_err(), "{bad}");
        }
    }
}
