//! Any bytes as a message: header fields, the MIME tree, addresses, encoded words, and edits of them. What nobody
//! edits stays octet by octet, and what was edited reads the same when it is read again.
//!
//! The first octet chooses: odd makes whole line ends of the message, as mail from clients has them; the others are
//! which edits are made.

#![no_main]

use bytes::Bytes;
use content::{
    Content, DEPTH_LIMIT, Encoding, PART_LIMIT, PartId, Place, Tree, address, encoded_word, transfer,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let (choice, message) = octets.split_first().unwrap_or((&0, b""));
    let is_whole = choice & 1 == 1;
    let message: Bytes = match is_whole {
        true => {
            message.split(|octet| *octet == b'\n').map(bare).collect::<Vec<_>>().join(&b"\r\n"[..]).into()
        }
        false => Bytes::copy_from_slice(message),
    };
    let content = Content::new(message.clone());
    untouched(&content, &message);
    header_edits(&content, is_whole);
    tree_edits(&content, usize::from(choice >> 1));
    texts(&String::from_utf8_lossy(&message));
    transfers(&message);
});

fn bare(line: &[u8]) -> Vec<u8> {
    line.iter().copied().filter(|octet| *octet != b'\r').collect()
}

/// Reading changes nothing, and everything is within its limits.
fn untouched(content: &Content, message: &Bytes) {
    assert_eq!(content.octets(), message);
    assert!(!content.is_edited() && content.len() == message.len());
    let fields: Vec<&[u8]> = content.header().fields().map(|field| field.raw()).collect();
    assert!(content.header_octets().starts_with(&fields.concat()), "fields are the header, in order");
    for field in content.header().fields() {
        assert!(!field.value().contains(&b'\n'), "{field:?}");
        assert!(field.name().bytes().all(|octet| octet.is_ascii_graphic()), "{field:?}");
        let _ = field.text();
    }
    let tree = content.tree();
    assert_eq!(tree.octets(), message);
    let parts = tree.walk(tree.root());
    assert!(parts.len() <= PART_LIMIT + DEPTH_LIMIT, "{} parts", parts.len());
    for part in parts {
        let depth = std::iter::successors(Some(part), |part| tree.parent(*part)).count();
        assert!(depth <= DEPTH_LIMIT + 1, "depth {depth}");
        let raw = tree.raw(part);
        assert!(raw.ends_with(&tree.raw_body(part)));
        assert!(tree.children(part).iter().all(|child| tree.parent(*child) == Some(part)));
        let _ = (tree.content_type(part), tree.text(part));
    }
    let _ = tree.texts(tree.root());
}

/// Header and body read again are what they were.
fn is_stable(content: &Content) {
    let again = Content::new(content.octets());
    assert_eq!(again.header_octets(), content.header_octets());
    assert_eq!(again.body(), content.body());
}

fn header_edits(content: &Content, is_whole: bool) {
    const NAME: &str = "X-Nobody-Writes-This";
    const VALUE: &str =
        "a value ünder test that is long enough to be folded, \"quoted\", and folded once more";
    let body = content.body().clone();
    for place in [Place::First, Place::Last, Place::Instead] {
        let mut edited = content.clone();
        let before = edited.delete_fields(NAME);
        // Something in front of a continuation makes it its own.
        let is_headless = edited.header_octets().first().is_some_and(|first| matches!(first, b' ' | b'\t'));
        let bare = edited.octets();
        edited.put_field(place, NAME, VALUE).expect("it can be written");
        assert_eq!(*edited.body(), body);
        is_stable(&edited);
        if is_headless {
            continue;
        }
        let found: Vec<String> = edited.header().named(NAME).map(|field| field.text()).collect();
        assert_eq!(found, [VALUE]);
        assert_eq!(edited.delete_fields(NAME), 1);
        is_stable(&edited);
        // A header without its empty line has got it.
        if is_whole && content.header_octets().ends_with(b"\r\n\r\n") && before == 0 {
            assert_eq!(edited.octets(), bare, "nothing else has changed");
        }
    }
    let names: Vec<String> = content.header().fields().map(|field| field.name().to_owned()).collect();
    for name in names.iter().filter(|name| !name.is_empty()).take(4) {
        let mut edited = content.clone();
        assert!(edited.delete_fields(name) > 0);
        assert_eq!(edited.delete_fields(name), 0);
        assert_eq!(*edited.body(), body);
        is_stable(&edited);
    }
    let mut edited = content.clone();
    edited.set_body(&b"new\r\n"[..]);
    assert_eq!(edited.body(), &b"new\r\n"[..]);
    is_stable(&edited);
}

/// Of one part; all others stay as they are.
fn tree_edits(content: &Content, choice: usize) {
    const TEXT: &str = "Grüße, a line.\r\nAnd one more.\r\n";
    let tree = content.tree();
    let parts = tree.walk(tree.root());
    let part = parts[choice % parts.len()];
    let others: Vec<(PartId, Bytes)> = parts
        .iter()
        .filter(|other| !relate(&tree, part, **other))
        .map(|other| (*other, tree.raw(*other)))
        .collect();
    let kept = |tree: &Tree, what: &str| {
        for (other, raw) in &others {
            assert_eq!(tree.raw(*other), raw, "{what}: another part has changed");
        }
    };

    let mut edited = tree.clone();
    edited.set_text(part, TEXT);
    kept(&edited, "set_text");
    assert_eq!(edited.text(part).replace("\r\n", "\n"), TEXT.replace("\r\n", "\n"));

    let mut edited = tree.clone();
    edited.put_field(part, Place::Last, "X-New", "x").expect("it can be written");
    kept(&edited, "put_field");

    let mut edited = tree.clone();
    let is_unlinked = edited.unlink(part);
    kept(&edited, "unlink");
    assert!(!is_unlinked || !edited.walk(edited.root()).contains(&part));

    let mut edited = tree.clone();
    let new = edited.new_part("text/plain", TEXT.as_bytes(), Encoding::QuotedPrintable).expect("a part");
    let is_inserted = edited.insert(part, choice, new).is_ok();
    kept(&edited, "insert");
    assert!(!is_inserted || edited.walk(edited.root()).contains(&new));
    let mut adopted = content.clone();
    adopted.adopt(&edited);
    assert_eq!(adopted.octets(), edited.octets());
    untouched(&Content::new(adopted.octets()), &adopted.octets());
}

/// Whether one stands within the other.
fn relate(tree: &Tree, one: PartId, other: PartId) -> bool {
    let within = |inner: PartId, outer: PartId| {
        std::iter::successors(Some(inner), |part| tree.parent(*part)).any(|part| part == outer)
    };
    within(one, other) || within(other, one)
}

fn texts(text: &str) {
    for mailbox in address::parse_list(text).iter().take(20) {
        let written = mailbox.address();
        if !mailbox.local.is_empty() && !mailbox.domain.is_empty() {
            assert!(written.contains('@'), "{mailbox:?}");
        }
        let all = [address::Component::All, address::Component::Localpart, address::Component::Domain];
        let _ = all.map(|component| mailbox.component(component));
    }
    let line: String = text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).take(300).collect();
    let encoded = encoded_word::encode_words(&line);
    assert!(encoded.is_ascii() || !line.is_ascii());
    let _ = encoded_word::decode(encoded.as_bytes());
    let _ = encoded_word::decode(text.as_bytes());
}

fn transfers(octets: &[u8]) {
    assert_eq!(transfer::decode_base64(&transfer::encode_base64(octets)), octets);
    let _ = transfer::decode_base64(octets);
    let _ = transfer::decode_quoted_printable(octets);
    let encoded = transfer::encode_quoted_printable(octets);
    assert!(encoded.is_ascii() && encoded.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
    assert_eq!(transfer::decode_quoted_printable(&encoded), octets);
}
