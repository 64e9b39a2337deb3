//! What the operator or a curfew has suspended, on top of `suspend_delivery` of the configuration.

use hashbrown::HashMap;
use mail::Time;
use std::sync::Arc;

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

/// What ends a suspension. The two do not touch each other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Until `resume`.
    Operator,
    /// Until the curfew is over.
    Curfew,
}

/// Who ordered a suspension, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub authority: Authority,
    /// The operator, or the rule of the curfew.
    pub by: Arc<str>,
    pub at: Time,
}

/// Queues that do not exist yet are covered too.
#[derive(Debug, Default)]
pub(crate) struct Suspensions {
    ordered: Book,
    curfew: Book,
}

impl Suspensions {
    /// The operator's. A scope that is suspended already keeps its first order.
    pub fn add(&mut self, scope: Scope<'_>, order: Order) -> Result<(), TooManySuspensions> {
        self.ordered.add(scope, order)
    }

    /// Takes back the operator's suspension of exactly this scope; wider and narrower ones stay. False: there was
    /// none.
    pub fn remove(&mut self, scope: Scope<'_>) -> bool {
        self.ordered.remove(scope)
    }

    /// The curfew's, in place of those before; all or none.
    pub fn set_curfew<'a>(
        &mut self,
        orders: impl IntoIterator<Item = (Scope<'a>, Order)>,
    ) -> Result<(), TooManySuspensions> {
        let mut book = Book::default();
        orders.into_iter().try_for_each(|(scope, order)| book.add(scope, order))?;
        self.curfew = book;
        Ok(())
    }

    pub fn cover(&self, binding: &str, domain: &str) -> bool {
        self.covering(binding, domain).next().is_some()
    }

    /// The orders that suspend a queue: the operator's, the widest first, then the curfew's.
    pub fn covering<'a>(
        &'a self,
        binding: &'a str,
        domain: &'a str,
    ) -> impl Iterator<Item = (Scope<'a>, &'a Order)> {
        [&self.ordered, &self.curfew].into_iter().flat_map(move |book| book.covering(binding, domain))
    }

    /// Every order in force.
    pub fn iter(&self) -> impl Iterator<Item = (Scope<'_>, &Order)> {
        [&self.ordered, &self.curfew].into_iter().flat_map(Book::iter)
    }
}

/// The suspensions of one authority.
#[derive(Debug, Default)]
struct Book {
    all: Option<Order>,
    bindings: HashMap<Box<str>, Order>,
    domains: HashMap<Box<str>, Order>,
    queues: HashMap<(Box<str>, Box<str>), Order>,
}

impl Book {
    fn add(&mut self, scope: Scope<'_>, order: Order) -> Result<(), TooManySuspensions> {
        if self.bindings.len() + self.domains.len() + self.queues.len() >= SUSPENSIONS_AT_MOST {
            return Err(TooManySuspensions);
        }
        match scope {
            Scope::All => drop(self.all.get_or_insert(order)),
            Scope::Binding(binding) => drop(self.bindings.entry(binding.into()).or_insert(order)),
            Scope::Domain(domain) => drop(self.domains.entry(domain.into()).or_insert(order)),
            Scope::Queue { binding, domain } => {
                self.queues.entry((binding.into(), domain.into())).or_insert(order);
            }
        }
        Ok(())
    }

    fn remove(&mut self, scope: Scope<'_>) -> bool {
        match scope {
            Scope::All => self.all.take().is_some(),
            Scope::Binding(binding) => self.bindings.remove(binding).is_some(),
            Scope::Domain(domain) => self.domains.remove(domain).is_some(),
            Scope::Queue { binding, domain } => {
                self.queues.remove(&(Box::from(binding), Box::from(domain))).is_some()
            }
        }
    }

    /// The widest first.
    fn covering<'a>(
        &'a self,
        binding: &'a str,
        domain: &'a str,
    ) -> impl Iterator<Item = (Scope<'a>, &'a Order)> {
        // The key of a pair costs two allocations: only where there is any.
        let pair = || self.queues.get(&(Box::from(binding), Box::from(domain)));
        let pair = if self.queues.is_empty() { None } else { pair() };
        [
            (Scope::All, self.all.as_ref()),
            (Scope::Binding(binding), self.bindings.get(binding)),
            (Scope::Domain(domain), self.domains.get(domain)),
            (Scope::Queue { binding, domain }, pair),
        ]
        .into_iter()
        .filter_map(|(scope, order)| Some((scope, order?)))
    }

    fn iter(&self) -> impl Iterator<Item = (Scope<'_>, &Order)> {
        let bindings = self.bindings.iter().map(|(binding, order)| (Scope::Binding(binding), order));
        let domains = self.domains.iter().map(|(domain, order)| (Scope::Domain(domain), order));
        let queues =
            self.queues.iter().map(|((binding, domain), order)| (Scope::Queue { binding, domain }, order));
        self.all.iter().map(|order| (Scope::All, order)).chain(bindings).chain(domains).chain(queues)
    }
}
