//! What becomes of every setting of a configuration: the report for who moves a host from Momentum.

use crate::source::{BASE_FILE, Lines};
use crate::{InstanceId, Position, Registry, Scope, Snapshot, Span, Standing};

/// An assignment, or the opening of a stanza, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    pub position: Position,
    /// The option, or the keyword of the stanza.
    pub name: &'a str,
    /// As it was written; of a stanza its keyword alone.
    pub text: &'a str,
    /// The stanza that it stands in, or that it opens.
    pub instance: &'a InstanceId,
    pub is_stanza: bool,
    pub standing: Standing,
    /// A later assignment of the same option in the same stanza replaces it.
    pub shadowed: bool,
}

impl Snapshot {
    /// Every assignment and every stanza whose kind is not honoured, in the order of the files.
    pub fn settings(&self, registry: &Registry) -> Vec<Setting<'_>> {
        let mut found: Vec<(Span, Setting<'_>)> = Vec::new();
        self.collect_settings(0, Standing::Honoured, registry, &mut found);
        found.retain(|(span, _)| span.file != BASE_FILE);
        found.sort_by_key(|(span, _)| (span.file, span.start));
        let mut lines = Lines::default();
        for (span, setting) in &mut found {
            setting.position = lines.position(&self.sources, *span);
        }
        found.into_iter().map(|(_, setting)| setting).collect()
    }

    /// What a stanza is for, all in it is for.
    fn collect_settings<'a>(
        &'a self,
        number: u32,
        around: Standing,
        registry: &Registry,
        found: &mut Vec<(Span, Setting<'a>)>,
    ) {
        let instance = &self.instances[number as usize];
        let own = match instance.scope {
            Scope::Module => registry.standing_of_module(&instance.keyword),
            scope => scope.definition().standing,
        };
        let around = if own == Standing::Honoured { around } else { own };
        let mut add = |span: Span, name: &'a str, standing, is_stanza, shadowed| {
            let text = &self.sources.file(span.file).text[span.start as usize..span.end as usize];
            let position = Position { file: "".into(), line: 0, column: 0 };
            let instance = &instance.id;
            let setting = Setting { position, name, text, instance, is_stanza, standing, shadowed };
            found.push((span, setting));
        };
        if around != Standing::Honoured {
            instance.opened.iter().for_each(|span| add(*span, &instance.keyword, around, true, false));
        }
        for stored in &instance.values {
            let own = stored.option.standing_of(&stored.value);
            let standing = if stored.option.standing == Standing::Honoured { around } else { own };
            add(stored.span, stored.option.name, standing, false, false);
            stored.shadowed.iter().for_each(|span| add(*span, stored.option.name, standing, false, true));
        }
        for child in &instance.children {
            self.collect_settings(*child, around, registry, found);
        }
    }
}
