//! Which instance a header means: the name's syntax for each kind of scope, and its normal form.

use super::{Declaration, Site, instance};
use crate::fault::{Fault, shorten};
use crate::registry::Ground;
use crate::{Block, Endpoint, Instances, Naming, Pattern, Scope, Word, domain};
use ipnet::IpNet;

/// What a name means, besides itself.
enum Meaning {
    Plain,
    Pattern(Pattern),
    Endpoint(Endpoint),
    Network(IpNet),
}

impl Declaration<'_> {
    /// Finds the instance that the block opens again, or makes it.
    pub(super) fn instance_of(
        &mut self,
        block: &Block,
        ground: Ground,
        site: Site<'_>,
    ) -> Result<u32, Fault> {
        let name = block.name.as_ref();
        match ground {
            Ground::Core(scope) => self.core_instance(block, scope, site.instance),
            Ground::Module(module) => {
                let name = self.module_name(block, module.instances, module.name)?;
                Ok(self.child(site.instance, ground, &name))
            }
            Ground::Stanza(stanza) => match (stanza.named, name) {
                (true, Some(name)) => Ok(self.child(site.instance, ground, &name.text)),
                (false, None) => Ok(self.child(site.instance, ground, "")),
                (true, None) => Err(nameless(block)),
                (false, Some(name)) => Err(named(block, name)),
            },
        }
    }

    fn core_instance(&mut self, block: &Block, scope: Scope, parent: u32) -> Result<u32, Fault> {
        let naming = scope.definition().naming;
        let name = match (naming, &block.name) {
            (Naming::Anonymous, None) => return Ok(self.child(parent, Ground::Core(scope), "")),
            (Naming::Anonymous, Some(name)) => return Err(named(block, name)),
            (_, None) => return Err(nameless(block)),
            (_, Some(name)) => name,
        };
        let (normal, meaning) = meaning(scope, name)?;
        let known =
            self.instances[parent as usize].family(scope).and_then(|family| family.exact.get(&*normal));
        if let Some(number) = known {
            return Ok(*number);
        }
        let number = self.create(parent, Ground::Core(scope), &name.text);
        let family = self.instances[parent as usize].family_mut(Ground::Core(scope));
        match meaning {
            Meaning::Plain => {}
            Meaning::Pattern(pattern) => family.patterns.push((pattern, number)),
            Meaning::Endpoint(endpoint) => family.endpoints.push((endpoint, number)),
            Meaning::Network(network) => family.networks.push((network, number)),
        }
        family.exact.insert(normal.into(), number);
        Ok(number)
    }

    /// Singletons have no name; others without one are called like the module.
    fn module_name(&mut self, block: &Block, instances: Instances, module: &str) -> Result<String, Fault> {
        let given = block.name.as_ref();
        if instances == Instances::Singleton {
            return match given.filter(|name| !name.text.eq_ignore_ascii_case(module)) {
                None => Ok(String::new()),
                Some(name) => {
                    let message = format!("module '{module}' has one instance, without a name");
                    Err(Fault::error(name.span, message).expected(format!("{module} {{ }}")))
                }
            };
        }
        if given.is_none() && instances == Instances::Any {
            return Ok(String::new());
        }
        if given.is_none() {
            let message = format!("this instance of '{module}' is called '{module}', for it has no name");
            let fault = Fault::warning(block.keyword.span, message);
            self.complain(fault.expected(format!("{module} \"name\" {{ }}")));
        }
        let (name, span) = given.map_or((module, block.keyword.span), |name| (&name.text, name.span));
        match self.other_instance(module, name).filter(|_| instances == Instances::One) {
            None => Ok(name.into()),
            Some(other) => {
                let message = format!("module '{module}' takes one instance only, and '{other}' is there");
                Err(Fault::error(span, message).expected(format!("{module} \"{other}\" {{ }}")))
            }
        }
    }

    fn other_instance(&self, module: &str, name: &str) -> Option<String> {
        let family = self.instances[0].others.get(&*module.to_ascii_lowercase())?;
        family.exact.keys().find(|known| &***known != name).map(ToString::to_string)
    }

    /// The child of that very name, made if it is not there.
    pub(super) fn child(&mut self, parent: u32, ground: Ground, name: &str) -> u32 {
        let family = self.instances[parent as usize].family_mut(ground);
        if let Some(number) = family.exact.get(name) {
            return *number;
        }
        let number = self.create(parent, ground, name);
        self.instances[parent as usize].family_mut(ground).exact.insert(name.into(), number);
        number
    }

    fn create(&mut self, parent: u32, ground: Ground, name: &str) -> u32 {
        let number = self.instances.len() as u32;
        let parent = &mut self.instances[parent as usize];
        let id = parent.id.inside(ground.keyword(), name);
        parent.children.push(number);
        self.instances.push(instance(ground.scope(), ground.keyword(), name, id));
        if let Ground::Module(_) = ground {
            self.modules.push(number);
        }
        number
    }
}

fn nameless(block: &Block) -> Fault {
    let message = format!("'{}' needs a name", block.keyword.text);
    Fault::error(block.keyword.span, message).expected(format!("{} \"name\" {{ }}", block.keyword.text))
}

fn named(block: &Block, name: &Word) -> Fault {
    let message = format!("'{}' takes no name", block.keyword.text);
    Fault::error(name.span, message).expected(format!("{} {{ }}", block.keyword.text))
}

/// Names of bindings go into console arguments and log lines, which limits them (§5).
fn exact(scope: Scope, name: &Word) -> Result<String, Fault> {
    let (refused, expected): (&[char], _) = match scope {
        Scope::Binding => (&[' ', ':'], "a name without space and colon"),
        Scope::BindingGroup => (&[' '], "a name without space"),
        _ => (&[], "a name"),
    };
    if name.text.is_empty() || name.text.contains(refused) {
        let message = format!("'{}' cannot be the name of a {}", shorten(&name.text), scope.keyword());
        return Err(Fault::error(name.span, message).expected(expected));
    }
    Ok(name.text.to_string())
}

/// The name under which an instance is found.
pub(crate) fn normal_name(scope: Scope, name: &Word) -> Result<String, Fault> {
    meaning(scope, name).map(|(normal, _)| normal)
}

/// The normal form of a name, and what it stands for.
fn meaning(scope: Scope, name: &Word) -> Result<(String, Meaning), Fault> {
    match scope.definition().naming {
        Naming::Anonymous | Naming::Exact => Ok((exact(scope, name)?, Meaning::Plain)),
        Naming::Domain => domain_name(name),
        Naming::Endpoint => {
            let endpoint: Endpoint = name.text.parse().map_err(|expected| {
                let message = format!("'{}' is not an endpoint", shorten(&name.text));
                Fault::error(name.span, message).wanting(expected)
            })?;
            Ok((endpoint.to_string(), Meaning::Endpoint(endpoint)))
        }
        Naming::Network => {
            let network = crate::types::network(&name.text).ok_or_else(|| {
                Fault::error(name.span, format!("'{}' is not a peer", shorten(&name.text)))
                    .expected("an IP address or a block such as 192.0.2.0/24, IPv6 without brackets")
            })?;
            Ok((network.to_string(), Meaning::Network(network)))
        }
    }
}

fn domain_name(name: &Word) -> Result<(String, Meaning), Fault> {
    if let Some(pattern) = domain::pattern(&name.text) {
        let pattern = Pattern::new(pattern)
            .map_err(|expected| Fault::error(name.span, "this pattern does not compile").wanting(expected))?;
        return Ok((name.text.to_string(), Meaning::Pattern(pattern)));
    }
    if name.text.is_empty() || name.text.starts_with('/') || name.text.contains(' ') {
        let message = format!("'{}' is not the name of a domain or host", shorten(&name.text));
        return Err(
            Fault::error(name.span, message).expected("a domain name, an address or a /regular expression/")
        );
    }
    Ok((domain::normal(&name.text).into_owned(), Meaning::Plain))
}
