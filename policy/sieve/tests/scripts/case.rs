//! Reads the case files (tests/sieve/README.md).

#[derive(Clone, Debug, Default)]
pub struct Case {
    pub file: String,
    pub name: String,
    /// `#?` lines.
    pub given: Vec<String>,
    pub message: Vec<String>,
    pub script: String,
    /// `#!` lines.
    pub expected: Vec<String>,
}

/// All cases of a file; a `#+`, `#-` or `#=` line is one of its own.
pub fn read(file: &str, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut parts = text.split("\n#---- ");
    let shared = block(parts.next().expect("split gives at least one"));
    assert!(shared.expected.is_empty() && shared.probes.is_empty(), "{file}: expected before the first case");
    for part in parts {
        let (name, body) = part.split_once('\n').unwrap_or((part, ""));
        let own = block(body);
        let mut given = shared.given.clone();
        given.extend(own.given);
        let message = if own.message.is_empty() { shared.message.clone() } else { own.message };
        let case = Case {
            file: file.into(),
            name: name.trim().into(),
            given,
            message,
            script: own.script,
            expected: own.expected,
        };
        assert!(!case.expected.is_empty() || !own.probes.is_empty(), "{file}: {name}: nothing is expected");
        cases.extend(own.probes.iter().map(|probe| probed(&case, probe)));
        if !case.expected.is_empty() {
            cases.push(case);
        }
    }
    cases
}

#[derive(Default)]
struct Block {
    given: Vec<String>,
    message: Vec<String>,
    script: String,
    expected: Vec<String>,
    probes: Vec<Probe>,
}

struct Probe {
    kind: char,
    text: String,
}

fn block(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.lines() {
        match (line.get(..2), line.get(2..).map(str::trim_start)) {
            (Some("#?"), Some(rest)) => block.given.push(rest.into()),
            (Some("#!"), Some(rest)) => block.expected.push(rest.into()),
            (Some("#|"), _) => block.message.push(line.get(3..).unwrap_or("").into()),
            (Some(mark @ ("#+" | "#-" | "#=")), Some(rest)) => {
                block.probes.push(Probe { kind: mark.chars().nth(1).expect("two"), text: rest.into() });
            }
            _ => {
                block.script.push_str(line);
                block.script.push('\n');
            }
        }
    }
    block
}

/// The case's script, then the probe, which leaves its answer in the connection's context.
fn probed(case: &Case, probe: &Probe) -> Case {
    let (ending, expected) = match probe.kind {
        '=' => {
            let (call, value) = probe.text.rsplit_once("=>").expect("#= function => value");
            let script = format!(
                "$probe = {call};\n$probed = join \"|\" $probe;\nvctx_conn_set \"probe\" \"[${{probed}}]\";\n"
            );
            (script, format!("conn probe=[{}]", value.trim()))
        }
        kind => {
            let script = format!(
                "if {} {{ vctx_conn_set \"probe\" \"true\"; }} else {{ vctx_conn_set \"probe\" \"false\"; }}\n",
                probe.text
            );
            (script, format!("conn probe={}", kind == '+'))
        }
    };
    Case {
        name: format!("{}: {}{}", case.name, probe.kind, probe.text),
        script: format!("{}{ending}", case.script),
        expected: vec![expected],
        ..case.clone()
    }
}
