//! Which stanza a keyword opens: a scope of the catalogue, a module, or what a module's own table names.

use super::{Declaration, Site};
use crate::fault::{Fault, shorten};
use crate::registry::Ground;
use crate::snapshot::Region;
use crate::suggestion::nearest;
use crate::{Block, Instances, Scope, Word};

impl Declaration<'_> {
    pub(super) fn open(&mut self, block: &Block, site: Site<'_>) {
        if !self.admit(block.keyword.span) {
            return;
        }
        if site.nesting >= self.limits.nesting {
            let message = format!("stanzas are nested more than {} deep", self.limits.nesting);
            return self.complain(Fault::error(block.keyword.span, message));
        }
        let ground = match self.ground(block, site.ground) {
            Ok(ground) => ground,
            Err(fault) => return self.complain(fault),
        };
        let instance = match self.instance_of(block, ground, site) {
            Ok(instance) => instance,
            Err(fault) => return self.complain(fault),
        };
        let opened = &mut self.instances[instance as usize];
        opened.opened.push(block.keyword.span);
        let span = block.span;
        let end = span.end.saturating_sub(1).max(span.start);
        opened.regions.push(Region { file: span.file, start: span.start, end, stanza: Some(span) });
        self.declare(&block.body, Site { instance, ground, nesting: site.nesting + 1, ..site });
    }

    /// What kind of stanza the keyword opens here.
    fn ground(&mut self, block: &Block, parent: Ground) -> Result<Ground, Fault> {
        let keyword = &block.keyword;
        if let Some(path) = &block.path {
            return self.validated(block, path, parent);
        }
        let nested =
            parent.stanzas().iter().find(|stanza| stanza.keyword.eq_ignore_ascii_case(&keyword.text));
        if let Some(stanza) = nested {
            return Ok(Ground::Stanza(stanza));
        }
        match (Scope::named(&keyword.text), self.registry.module(&keyword.text), parent) {
            (Some(scope), _, Ground::Core(parent)) if scope.may_stand_in(parent) => Ok(Ground::Core(scope)),
            (Some(scope), ..) => {
                let homes: Vec<_> = scope.definition().parents.iter().map(|scope| scope.keyword()).collect();
                let message = format!("'{}' cannot stand in scope '{}'", keyword.text, parent.keyword());
                Err(Fault::error(keyword.span, message).expected(format!("it in: {}", homes.join(", "))))
            }
            (None, Some(module), Ground::Core(Scope::Global)) => Ok(Ground::Module(module)),
            (None, Some(_), _) => {
                let message =
                    format!("module '{}' cannot stand in scope '{}'", keyword.text, parent.keyword());
                Err(Fault::error(keyword.span, message).expected("it at the top level"))
            }
            (None, None, _) if self.registry.option(parent, &keyword.text).is_some() => {
                let message = format!("'{}' is an option, not a scope", keyword.text);
                Err(Fault::error(keyword.span, message).expected("'=' and a value"))
            }
            (None, None, _) => Err(self.unknown(keyword, parent)),
        }
    }

    /// `Validate PATH NAME { }` (§7): the module is called NAME, or like the last part of PATH.
    fn validated(&mut self, block: &Block, path: &Word, parent: Ground) -> Result<Ground, Fault> {
        let name = block.name.as_ref().unwrap_or(path);
        let last = path.text.rsplit('/').next().unwrap_or("");
        if !matches!(parent, Ground::Core(Scope::Global)) {
            let message = format!("'Validate' cannot stand in scope '{}'", parent.keyword());
            return Err(Fault::error(block.keyword.span, message).expected("it at the top level"));
        }
        let Some(module) = self.registry.module(&name.text).or_else(|| self.registry.module(last)) else {
            let known = self.registry.modules().iter().map(|module| module.name);
            let message = format!("there is no module '{}' or '{}'", shorten(&name.text), shorten(last));
            let suggestion = nearest(&name.text, known.clone()).or_else(|| nearest(last, known));
            return Err(Fault::error(name.span, message).suggesting(suggestion));
        };
        let modern = match module.instances {
            Instances::Singleton => format!("{} {{ }}", module.name),
            _ => format!("{} \"{}\" {{ }}", module.name, name.text),
        };
        self.complain(Fault::note(block.keyword.span, format!("'Validate' is now written {modern}")));
        Ok(Ground::Module(module))
    }

    /// Momentum's words (§13): an unknown option is reported as an invalid scope.
    pub(super) fn unknown(&self, name: &Word, ground: Ground) -> Fault {
        let message =
            format!("'{}' is not a valid scope name in scope '{}'", shorten(&name.text), ground.keyword());
        let names = self.registry.names(ground);
        Fault::error(name.span, message)
            .expected("the name of an option or a scope")
            .suggesting(nearest(&name.text, names.iter().copied()))
    }
}
