//! What is printed is what was meant: parsing it again gives the same tree. And nothing that is read, however
//! odd, ends in anything but a tree or complaints.

use config::{Assignment, Block, Include, Span, Statement, Tree, Value, Word};
use proptest::collection::vec;
use proptest::prelude::*;

fn word(text: String) -> Word {
    Word { text: text.into(), span: Span::default() }
}

fn ident() -> impl Strategy<Value = Word> {
    "[a-z0-9_][a-z0-9_.-]{0,8}"
        .prop_filter("reserved", |text| !text.contains("include") && text != "validate")
        .prop_map(word)
}

fn any_word() -> impl Strategy<Value = Word> {
    prop_oneof!["[ -~\t\r\n]{0,12}", "\\PC{0,8}", "[a-z/*.:-]{1,8}"].prop_map(word)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_word().prop_map(Value::Scalar),
        vec(any_word(), 0..4).prop_map(Value::List),
        vec((any_word(), any_word()), 0..4).prop_map(Value::Dictionary),
    ]
}

fn statement() -> impl Strategy<Value = Statement> {
    let assignment = (ident(), value()).prop_map(|(option, value)| {
        Statement::Assignment(Assignment { option, value, span: Span::default() })
    });
    let include = (any_word(), any::<bool>())
        .prop_map(|(target, read_only)| Statement::Include(Include { target, read_only }));
    let leaf = prop_oneof![4 => assignment, 1 => include];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let keyword = prop_oneof![ident(), Just(word("domain".into()))];
        let plain = (keyword, proptest::option::of(any_word()), vec(inner.clone(), 0..4)).prop_map(
            |(keyword, name, body)| Block { keyword, name, path: None, body, span: Span::default() },
        );
        let validate = (any_word(), any_word(), vec(inner, 0..4)).prop_map(|(path, name, body)| Block {
            keyword: word("Validate".into()),
            name: Some(name),
            path: Some(path),
            body,
            span: Span::default(),
        });
        prop_oneof![4 => plain, 1 => validate].prop_map(Statement::Block)
    })
}

proptest! {
    #[test]
    fn a_printed_tree_parses_to_the_same_tree(statements in vec(statement(), 0..6)) {
        let tree = Tree { statements };
        let text = tree.to_string();
        let (again, _) = config::parse("printed", &text).map_err(|faults| TestCaseError::fail(format!("{text}\n{faults:?}")))?;
        prop_assert_eq!(&again, &tree, "{}", text);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn any_text_is_a_tree_or_complaints_that_can_be_printed(text in "([a-z]{1,3}|[ \n\"'=#{}()\\[\\],;/*\\\\“é]|domain /){0,40}") {
        match config::parse("any", &text) {
            Ok((tree, _)) => {
                let printed = tree.to_string();
                prop_assert_eq!(config::parse("printed", &printed).map(|(tree, _)| tree), Ok(tree));
            }
            Err(complaints) => {
                prop_assert!(!complaints.is_empty());
                complaints.iter().for_each(|complaint| assert!(!complaint.to_string().is_empty()));
            }
        }
    }
}

#[test]
fn a_complaint_shows_the_line_the_spot_and_the_way() {
    let registry = crate::declared::registry();
    let loader = config::MemoryLoader::default()
        .with("etc/main.conf", "hostname = h\n  include \"a.conf\"\n")
        .with("etc/a.conf", "\n\nesmtp_listener {\n\tidle_tmie = 300\n}\n");
    let complaints = config::load("main.conf", &loader, &registry, &["etc"]).expect_err("a fault");
    let expected = "\
error: 'idle_tmie' is not a valid scope name in scope 'ESMTP_Listener'
 --> etc/a.conf:4:2
  |
4 |  idle_tmie = 300
  |  ^^^^^^^^^ expected the name of an option or a scope; did you mean 'idle_time'?
  = included from etc/main.conf:2:11";
    assert_eq!(complaints[0].to_string(), expected);
    assert_eq!(
        complaints[0].line(),
        "etc/a.conf:4:2: error: 'idle_tmie' is not a valid scope name in scope 'ESMTP_Listener'; \
         expected the name of an option or a scope; did you mean 'idle_time'?"
    );
}
