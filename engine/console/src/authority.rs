//! Who may do what: the roles of the `Authorization` stanza (spec console.md §1).

/// The answer to who may not.
pub const NOT_AUTHORIZED: &str = "Not Authorized for this command";

/// A role and the test of its `allow` entries, in their order.
pub struct Role {
    pub name: String,
    pub allows: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// The role by which this user may give this command: the first in the order of the stanza whose name is the
/// user's or one of their roles', and one of whose entries matches the whole line.
pub fn authorize<'a>(rules: &'a [Role], user: &str, roles: &[String], line: &str) -> Option<&'a str> {
    let theirs = |rule: &&Role| rule.name == user || roles.contains(&rule.name);
    rules.iter().filter(theirs).find(|rule| (rule.allows)(line)).map(|rule| &*rule.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_role_that_allows_it_is_named() {
        let role = |name: &str, allowed: &'static str| Role {
            name: name.into(),
            allows: Box::new(move |line| line.starts_with(allowed)),
        };
        let rules = [role("ops", "summary"), role("ann", "flush"), role("users", "summary")];
        for (user, roles, line, granted) in [
            ("ann", vec!["users", "ops"], "summary", Some("ops")),
            ("ann", vec!["users"], "summary reset", Some("users")),
            ("ann", vec![], "flush domain all", Some("ann")),
            ("ann", vec![], "summary", None),
            ("bob", vec!["users"], "shutdown", None),
            ("bob", vec!["nobody"], "summary", None),
        ] {
            let roles: Vec<String> = roles.into_iter().map(String::from).collect();
            assert_eq!(authorize(&rules, user, &roles, line), granted, "{user} {line}");
        }
    }
}
