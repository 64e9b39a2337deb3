//! A zone as text, for tests: `name TYPE data` a line, `TIMEOUT` for all types of a name. What is not there does not
//! exist; a name with other records has no data.

use authentication::{Kind, Question, Reply};

pub fn reply(zone: &str, question: &Question) -> Reply {
    let mut exists = false;
    let mut found = Vec::new();
    for line in zone.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(' ').unwrap();
        let (kind, data) = rest.split_once(' ').unwrap_or((rest, ""));
        if name != &*question.name {
            continue;
        }
        exists = true;
        match kind {
            "TIMEOUT" => return Reply::Failed,
            _ if kind == format!("{:?}", question.kind).to_uppercase() => found.push(data.to_owned()),
            _ => {}
        }
    }
    match question.kind {
        _ if found.is_empty() => {
            if exists {
                Reply::NoData
            } else {
                Reply::NoName
            }
        }
        Kind::A | Kind::Aaaa => Reply::Addresses(found.iter().map(|data| data.parse().unwrap()).collect()),
        Kind::Mx => Reply::Exchangers(found.into_iter().map(|host| (10, host)).collect()),
        Kind::Txt => Reply::Texts(found.into_iter().map(String::into_bytes).collect()),
        Kind::Ptr => Reply::Names(found),
    }
}
