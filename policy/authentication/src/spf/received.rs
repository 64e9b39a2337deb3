//! The Received-SPF field (RFC 7208 §9.1).

use super::evaluate::{Outcome, Query};
use crate::Verdict;
use crate::results::quoted;
use std::fmt::Write as _;

/// The value of the field, on one line. `is_helo`: the HELO name was the identity that was checked.
pub fn received_spf(outcome: &Outcome, query: &Query, is_helo: bool) -> String {
    let Query { ip, sender_local, sender_domain, helo, receiver, .. } = query;
    let is_plain = |letter: char| letter.is_ascii_graphic() && !"()\\".contains(letter);
    let domain: String = sender_domain.chars().filter(|letter| is_plain(*letter)).collect();
    let comment = match outcome.verdict {
        Verdict::Pass => format!("domain of {domain} designates {ip} as permitted sender"),
        Verdict::Fail => format!("domain of {domain} does not designate {ip} as permitted sender"),
        Verdict::Softfail => {
            format!("transitioning domain of {domain} does not designate {ip} as permitted sender")
        }
        Verdict::Neutral => format!("{ip} is neither permitted nor denied by domain of {domain}"),
        Verdict::Temperror => format!("error in processing during lookup of {domain}"),
        Verdict::Permerror => format!("permanent error in processing domain of {domain}"),
        _ => format!("domain of {domain} does not designate permitted sender hosts"),
    };
    let mut value = String::with_capacity(320);
    let _ = write!(value, "{} ({receiver}: {comment})", outcome.verdict.as_str());
    let identity = if is_helo { "helo" } else { "mailfrom" };
    let sender = if is_helo { String::new() } else { format!("{sender_local}@{sender_domain}") };
    let ip = ip.to_string();
    let pairs: [(&str, &str); 6] = [
        ("receiver", receiver),
        ("identity", identity),
        ("client-ip", &ip),
        ("helo", helo),
        ("envelope-from", &sender),
        ("mechanism", &outcome.mechanism),
    ];
    for (key, text) in pairs.into_iter().filter(|(_, text)| !text.is_empty()) {
        value.extend([" ", key, "=", &quoted(text), ";"]);
    }
    value.pop();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_says_what_was_checked_and_quotes_what_strangers_chose() {
        let query = Query {
            ip: "192.0.2.1".parse().unwrap(),
            sender_local: "a\"b".into(),
            sender_domain: "x(.example".into(),
            helo: "mail.x.example".into(),
            receiver: "mx.example".into(),
            now_s: 0,
            default_rule: None,
        };
        let outcome = Outcome {
            verdict: Verdict::Pass,
            mechanism: "ip4:192.0.2.0/24".into(),
            explanation: None,
            problem: None,
            no_such_domain: false,
        };
        assert_eq!(
            received_spf(&outcome, &query, false),
            "pass (mx.example: domain of x.example designates 192.0.2.1 as permitted sender) receiver=mx.example; \
             identity=mailfrom; client-ip=192.0.2.1; helo=mail.x.example; \
             envelope-from=\"a\\\"b@x(.example\"; mechanism=\"ip4:192.0.2.0/24\""
        );
        assert!(received_spf(&outcome, &query, true).contains("identity=helo"));
    }
}
