//! What the operator, or a rule, has suspended, on top of `suspend_delivery` of the configuration.

use hashbrown::HashSet;

/// The part of the queues that an order concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    All,
    Binding(&'a str),
    Domain(&'a str),
    Queue { binding: &'a str, domain: &'a str },
}

impl Scope<'_> {
    pub fn covers(&self, binding: &str, domain: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Binding(only) => *only == binding,
            Scope::Domain(only) => *only == domain,
            Scope::Queue { binding: one, domain: other } => (*one, *other) == (binding, domain),
        }
    }
}

/// More suspensions than this are refused: an operator who needs them means a wider scope.
pub const SUSPENSIONS_AT_MOST: usize = 100_000;

/// The suspensions are more than `SUSPENSIONS_AT_MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySuspensions;

/// Queues that do not exist yet are covered too.
#[derive(Debug, Default)]
pub(crate) struct Suspensions {
    all: bool,
    bindings: HashSet<Box<str>>,
    domains: HashSet<Box<str>>,
    queues: HashSet<(Box<str>, Box<str>)>,
}

impl Suspensions {
    pub fn add(&mut self, scope: Scope<'_>) -> Result<(), TooManySuspensions> {
        if self.bindings.len() + self.domains.len() + self.queues.len() >= SUSPENSIONS_AT_MOST {
            return Err(TooManySuspensions);
        }
        match scope {
            Scope::All => self.all = true,
            Scope::Binding(binding) => drop(self.bindings.insert(binding.into())),
            Scope::Domain(domain) => drop(self.domains.insert(domain.into())),
            Scope::Queue { binding, domain } => drop(self.queues.insert((binding.into(), domain.into()))),
        }
        Ok(())
    }

    /// Takes back the suspension of exactly this scope; wider and narrower ones stay.
    pub fn remove(&mut self, scope: Scope<'_>) {
        match scope {
            Scope::All => self.all = false,
            Scope::Binding(binding) => drop(self.bindings.remove(binding)),
            Scope::Domain(domain) => drop(self.domains.remove(domain)),
            Scope::Queue { binding, domain } => drop(self.queues.remove(&(binding.into(), domain.into()))),
        }
    }

    pub fn cover(&self, binding: &str, domain: &str) -> bool {
        self.all
            || self.bindings.contains(binding)
            || self.domains.contains(domain)
            || (!self.queues.is_empty() && self.queues.contains(&(binding.into(), domain.into())))
    }
}
