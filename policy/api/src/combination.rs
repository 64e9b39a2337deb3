//! One reply for all recipients of a transaction, from what data_spool_each_rcpt said of each.
//! The rule is a table in spec policy.md §4 ("each_rcpt combination rule").

use mail::Reply;

/// What the client hears, and what becomes of the recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Combined {
    /// Success. The recipients with these indices were refused: their sender gets a notice.
    Accepted { refused: Vec<usize> },
    /// Nobody's message is taken; no notice is written.
    Refused(Reply),
}

/// `judgements[i]` is the refusal of recipient i, or none.
pub fn combine(judgements: &[Option<Reply>]) -> Combined {
    let refusals = || judgements.iter().flatten();
    if let Some(transient) = refusals().find(|reply| reply.is_transient()) {
        // The client repeats the whole transaction: nobody may get it now, or they get it twice.
        return Combined::Refused(transient.clone());
    }
    match refusals().next() {
        Some(first) if refusals().count() == judgements.len() => Combined::Refused(first.clone()),
        _ => {
            let refused = judgements.iter().enumerate().filter(|(_, reply)| reply.is_some());
            Combined::Accepted { refused: refused.map(|(index, _)| index).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_follows_the_table() {
        let permanent = |text: &str| Some(Reply::verbatim(550, text));
        let transient = |text: &str| Some(Reply::verbatim(451, text));
        let refused = |reply: Option<Reply>| Combined::Refused(reply.unwrap());
        let table: [(Vec<Option<Reply>>, Combined); 7] = [
            (vec![None], Combined::Accepted { refused: vec![] }),
            (vec![permanent("a")], refused(permanent("a"))),
            (vec![transient("a")], refused(transient("a"))),
            (vec![None, None], Combined::Accepted { refused: vec![] }),
            (vec![None, permanent("a")], Combined::Accepted { refused: vec![1] }),
            (vec![permanent("a"), permanent("b")], refused(permanent("a"))),
            (vec![permanent("a"), None, transient("c")], refused(transient("c"))),
        ];
        for (judgements, expected) in table {
            assert_eq!(combine(&judgements), expected, "{judgements:?}");
        }
    }
}
