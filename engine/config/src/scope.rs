//! The catalogue of scopes (spec config-language.md §7): which stanzas exist, where they may stand, and how
//! their instances are told apart.

/// How the instances of a scope are named and found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `Scope { }`: one instance in its parent.
    Anonymous,
    /// By name, case-sensitive.
    Exact,
    /// By folded name, then by `/regex/` in order of declaration.
    Domain,
    /// By the normalised text of an endpoint.
    Endpoint,
    /// By the longest matching prefix.
    Network,
}

#[derive(Clone, Copy, Debug)]
pub struct ScopeDef {
    pub scope: Scope,
    /// The keyword in Momentum's case; it is read in any case.
    pub keyword: &'static str,
    pub naming: Naming,
    pub parents: &'static [Scope],
}

macro_rules! catalogue {
    ($($scope:ident $keyword:literal $naming:ident in [$($parent:ident),*];)*) => {
        /// A kind of stanza.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Scope { $($scope),* }

        /// In the order of `Scope`.
        pub const CATALOGUE: &[ScopeDef] = &[$(ScopeDef {
            scope: Scope::$scope,
            keyword: $keyword,
            naming: Naming::$naming,
            parents: &[$(Scope::$parent),*],
        }),*];
    };
}

catalogue! {
    Global "Global" Anonymous in [];
    // Any module stanza and what is nested in it: the module's own table rules there.
    Module "Module" Exact in [];
    BindingGroup "Binding_Group" Exact in [Global];
    Binding "Binding" Exact in [Global, BindingGroup];
    Domain "Domain" Domain in [Global, Binding, BindingGroup];
    Host "Host" Domain in [Global, Binding, BindingGroup];
    PathwayGroup "Pathway_Group" Exact in [Global];
    Pathway "Pathway" Exact in [Global, PathwayGroup];
    EsmtpListener "ESMTP_Listener" Anonymous in [Global];
    EcstreamListener "ECStream_Listener" Anonymous in [Global];
    HttpListener "HTTP_Listener" Anonymous in [Global];
    XmppListener "XMPP_Listener" Anonymous in [Global];
    ControlListener "Control_Listener" Anonymous in [Global];
    EcclusterListener "ECCluster_Listener" Anonymous in [Global];
    MsgcserverListener "msgcserver_listener" Anonymous in [Global];
    Listen "Listen" Endpoint in [EsmtpListener, EcstreamListener, HttpListener, XmppListener,
        ControlListener, EcclusterListener, MsgcserverListener];
    Peer "Peer" Network in [EsmtpListener, EcstreamListener, HttpListener, XmppListener, ControlListener,
        Listen];
    Threadpool "ThreadPool" Exact in [Global];
    Eventloop "EventLoop" Exact in [Global];
    Security "Security" Anonymous in [Global];
    DebugFlags "Debug_Flags" Anonymous in [Global];
    Snmp "SNMP" Anonymous in [Global];
    SnmpTraps "SNMP_Traps" Anonymous in [Global];
    Destination "Destination" Exact in [SnmpTraps];
    Authorization "Authorization" Anonymous in [Global];
    Role "Role" Exact in [Authorization];
    Datasource "Datasource" Exact in [Global];
    AdaptiveSweepRule "adaptive_sweep_rule" Exact in [Global, BindingGroup, Binding, Domain];
    AdaptiveBackstoreLeveldb "adaptive_backstore_leveldb" Anonymous in [Global];
    AdaptiveBackstoreRiak "adaptive_backstore_riak" Anonymous in [Global];
    Cluster "cluster" Anonymous in [Global];
    Replicate "Replicate" Exact in [Cluster];
    Topology "Topology" Exact in [Cluster];
    Logs "Logs" Anonymous in [Global];
    Manager "Manager" Exact in [Logs];
    Node "Node" Exact in [Manager];
}

impl Scope {
    pub fn definition(self) -> &'static ScopeDef {
        &CATALOGUE[self as usize]
    }

    pub fn keyword(self) -> &'static str {
        self.definition().keyword
    }

    /// By keyword in any case. `Global` and `Module` are places, not keywords.
    pub fn named(keyword: &str) -> Option<Scope> {
        CATALOGUE[2..].iter().find(|row| row.keyword.eq_ignore_ascii_case(keyword)).map(|row| row.scope)
    }

    pub fn may_stand_in(self, parent: Scope) -> bool {
        self.definition().parents.contains(&parent)
    }
}

/// The scopes in which an option is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeSet(u64);

impl ScopeSet {
    /// Keywords in lower case, `global` and `module` among them. An unknown one fails the compilation of the
    /// constant that names it.
    pub const fn of(keywords: &[&str]) -> ScopeSet {
        let mut bits = 0;
        let mut index = 0;
        while index < keywords.len() {
            bits |= 1 << position(keywords[index]);
            index += 1;
        }
        ScopeSet(bits)
    }

    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        CATALOGUE.iter().map(|row| row.scope).filter(move |scope| self.contains(*scope))
    }
}

const fn position(keyword: &str) -> usize {
    let mut row = 0;
    while row < CATALOGUE.len() {
        if is_same(CATALOGUE[row].keyword.as_bytes(), keyword.as_bytes()) {
            return row;
        }
        row += 1;
    }
    panic!("an option is declared for a scope that the catalogue does not have")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at].eq_ignore_ascii_case(&other[at]) {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_stands_in_the_order_of_its_names_and_fits_a_set() {
        assert!(CATALOGUE.len() <= 64);
        for (position, row) in CATALOGUE.iter().enumerate() {
            assert_eq!(row.scope as usize, position, "{}", row.keyword);
            assert!(position < 2 || Scope::named(row.keyword) == Some(row.scope));
        }
        assert_eq!(Scope::named("esmtp_LISTENER"), Some(Scope::EsmtpListener));
        assert_eq!((Scope::named("global"), Scope::named("Instance")), (None, None));
    }

    #[test]
    fn a_set_holds_what_was_named() {
        const SET: ScopeSet = ScopeSet::of(&["global", "binding", "node"]);
        let named: Vec<_> = SET.iter().collect();
        assert_eq!(named, [Scope::Global, Scope::Binding, Scope::Node]);
    }
}
