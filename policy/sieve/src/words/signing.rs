//! DKIM signatures made by scripts (spec sieve.md §5.6; RFC 6376). It happens at once: final validation waits for
//! nobody.

use crate::fault::Fault;
use crate::machine::Call;
use crate::value::{Hash, Value};
use crate::word::{Flow, Kind, Word, needs};
use authentication::dkim::{BodyHash, Canon, Recipe};
use authentication::{Fields, PrivateKey};
use content::address;
use std::rc::Rc;

pub(super) static WORDS: &[Word] =
    &[Word::action("ec_dkim_sign", sign).takes(&[needs("how", Kind::Hash)]).at("XF").doc(
        "Signs with DKIM. Keys of the hash: selector, keyfile or keybuf, signing_domain (or base_domain), \
         header_canon, body_canon, digest, headerlist, identity, body_length_limit, lifetime (hours).",
    )];

fn sign(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.permit(call.scene.rights().content, "the content")?;
    let how = call.hash(0)?.clone();
    let domain = match text(&how, "signing_domain").or(text(&how, "base_domain")) {
        Some(domain) => domain,
        None => responsible(call).ok_or("neither Sender nor From names a domain to sign for")?,
    };
    let selector = text(&how, "selector").ok_or("the hash names no selector")?;
    if !authentication::is_host_name(&domain)
        || !authentication::is_host_name(&format!("{selector}.{domain}"))
    {
        return Err(Fault::new(format!("'{selector}' of '{domain}' is no name for a signature")));
    }
    let recipe = recipe(&how, &domain, &selector)?;
    let key = key(call, &how, &domain, &selector)?;
    let octets = call.scene.message.content.octets();
    call.account.look(octets.len())?;
    let fields = Fields::of(&octets);
    let body_octets = call.scene.message.content.body();
    let limit = recipe.body_length.then_some(body_octets.len() as u64);
    let mut body = BodyHash::new(recipe.body_canon, limit);
    while !body.is_over() {
        body.step(body_octets);
    }
    let now = call.scene.host.now().secs();
    let unsigned = recipe.unsigned(&octets, &fields, &body, key.algorithm(), now);
    let signature = key.sign(&unsigned.octets);
    call.scene.message.content.prepend_written(unsigned.signed(&signature).as_bytes());
    Ok(Flow::On)
}

fn text(how: &Hash, key: &str) -> Option<String> {
    how.get(key).map(|value| value.text().to_string()).filter(|text| !text.is_empty())
}

/// The domain of Sender, else of From (spec module-details.md, opendkim).
pub(super) fn responsible(call: &Call<'_, '_>) -> Option<String> {
    let field = |name| call.scene.message.content.field(name);
    let field = field("Sender").or(field("From"))?;
    let mailbox = address::parse_list(&String::from_utf8_lossy(&field.value())).into_iter().next()?;
    Some(mailbox.domain.to_ascii_lowercase()).filter(|domain| !domain.is_empty())
}

fn recipe(how: &Hash, domain: &str, selector: &str) -> Result<Recipe, Fault> {
    let canon = |key: &str, default: Canon| match text(how, key) {
        None => Ok(default),
        Some(name) => Canon::named(&name)
            .ok_or_else(|| Fault::new(format!("{key} is '{name}', expected simple or relaxed"))),
    };
    let mut recipe = Recipe::new(domain, selector);
    recipe.header_canon = canon("header_canon", recipe.header_canon)?;
    recipe.body_canon = canon("body_canon", recipe.body_canon)?;
    if let Some(digest) = text(how, "digest").filter(|digest| !digest.eq_ignore_ascii_case("rsa-sha256")) {
        // RFC 8301 §3.1.
        return Err(Fault::new(format!("digest is '{digest}', expected rsa-sha256: SHA-1 must not be used")));
    }
    if let Some(names) = how.get("headerlist").map(Value::texts) {
        let names = names.iter().flat_map(|names| names.split(':')).map(str::trim);
        recipe.names = names.filter(|name| !name.is_empty()).map(Into::into).collect();
    }
    recipe.identity = text(how, "identity").map(Into::into);
    recipe.body_length = how.get("body_length_limit").is_some_and(Value::is_true);
    if let Some(hours) = text(how, "lifetime") {
        let hours: u64 = hours.parse().map_err(|_| format!("lifetime is '{hours}', expected hours"))?;
        recipe.lifetime_s = (hours > 0).then(|| hours.saturating_mul(3600));
    }
    Ok(recipe)
}

fn key(call: &Call<'_, '_>, how: &Hash, domain: &str, selector: &str) -> Result<Rc<PrivateKey>, Fault> {
    let shared = call.scene.shared;
    if let Some(text) = text(how, "keybuf") {
        return shared.keys.get(&text, || PrivateKey::from_base64(&text).map_err(|fault| fault.to_string()));
    }
    let path = text(how, "keyfile").ok_or("the hash has neither keyfile nor keybuf")?;
    let path = path.replace("%{d}", domain).replace("%{s}", selector);
    let read = || {
        let octets = shared.sources.get(&path).map_err(|error| {
            format!("{path}: {error} (key files are read with the folder of the script, when the configuration is)")
        })?;
        PrivateKey::from_pem(octets).map_err(|fault| format!("{path}: {fault}"))
    };
    shared.keys.get(&path, read)
}
