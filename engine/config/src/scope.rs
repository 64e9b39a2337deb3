//! The catalogue of scopes (spec config-language.md §7): which stanzas exist, where they may stand, and how
//! their instances are told apart.

use crate::Standing;

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
    pub documentation: &'static str,
    /// As of options.
    pub tier: u8,
    pub standing: Standing,
}

macro_rules! catalogue {
    ($(
        $(#[doc = $documentation:literal])*
        $scope:ident $keyword:literal $naming:ident in [$($parent:ident),*],
        tier $tier:literal $($standing:ident($reason:literal))?;
    )*) => {
        /// A kind of stanza.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Scope { $($(#[doc = $documentation])* $scope),* }

        /// In the order of `Scope`.
        pub const CATALOGUE: &[ScopeDef] = &[$(ScopeDef {
            scope: Scope::$scope,
            keyword: $keyword,
            naming: Naming::$naming,
            parents: &[$(Scope::$parent),*],
            documentation: concat!($($documentation, "\n"),*),
            tier: $tier,
            standing: standing!($($standing($reason))?),
        }),*];
    };
}

macro_rules! standing {
    () => {
        Standing::Honoured
    };
    ($standing:ident($reason:literal)) => {
        Standing::$standing($reason)
    };
}

catalogue! {
    /// What stands in no stanza.
    Global "Global" Anonymous in [], tier 1;
    /// Any module's stanza and what is nested in it: the module's own table rules there.
    Module "Module" Exact in [], tier 1;
    /// Bindings that share options.
    BindingGroup "Binding_Group" Exact in [Global], tier 1;
    /// Whom we send as: source address, name, options, queues of its own. The name has no space and no colon.
    Binding "Binding" Exact in [Global, BindingGroup], tier 1;
    /// Options for a destination: a domain, an address, `[IPv6:address]` or a `/regular expression/`.
    Domain "Domain" Domain in [Global, Binding, BindingGroup], tier 1;
    /// Options for one exchanger, as MX records name it, or for all that a `/regular expression/` matches.
    Host "Host" Domain in [Global, Binding, BindingGroup], tier 1;
    /// Pathways that share options.
    PathwayGroup "Pathway_Group" Exact in [Global], tier 2;
    /// Options of reception under a name, which listeners and policy choose.
    Pathway "Pathway" Exact in [Global, PathwayGroup], tier 1;
    /// Reception over SMTP.
    EsmtpListener "ESMTP_Listener" Anonymous in [Global], tier 1;
    /// Reception over ECStream.
    EcstreamListener "ECStream_Listener" Anonymous in [Global],
        tier 3 Ignored("ECStream is not spoken; inject over SMTP");
    /// Requests over HTTP.
    HttpListener "HTTP_Listener" Anonymous in [Global], tier 2 Coming("HTTP");
    /// Reception over XMPP.
    XmppListener "XMPP_Listener" Anonymous in [Global], tier 3 Ignored("mobile channels are out of scope");
    /// Where consoles connect.
    ControlListener "Control_Listener" Anonymous in [Global], tier 2;
    /// Where other nodes connect.
    EcclusterListener "ECCluster_Listener" Anonymous in [Global], tier 3 Coming("clusters");
    /// Where clients of the cluster's bus connect.
    MsgcserverListener "msgcserver_listener" Anonymous in [Global], tier 3 Coming("clusters");
    /// One socket: `addr:port`, `[v6addr]:port`, `:port`, `*:port`, `[*]:port` or `/path`.
    Listen "Listen" Endpoint in [EsmtpListener, EcstreamListener, HttpListener, XmppListener,
        ControlListener, EcclusterListener, MsgcserverListener], tier 1;
    /// Options for clients of an address or block; the longest matching prefix wins.
    Peer "Peer" Network in [EsmtpListener, EcstreamListener, HttpListener, XmppListener, ControlListener,
        Listen], tier 1;
    /// Threads under a name.
    Threadpool "ThreadPool" Exact in [Global],
        tier 3 Ignored("one shard for each core does the work; what would block runs beside them");
    /// Event loops under a name.
    Eventloop "EventLoop" Exact in [Global], tier 3 Ignored("one shard for each core does the work");
    /// Whom the process becomes once its sockets are bound.
    Security "Security" Anonymous in [Global], tier 2;
    /// What the panic log is told, by level.
    DebugFlags "Debug_Flags" Anonymous in [Global],
        tier 2 Ignored("the panic log holds what is wrong, without levels");
    /// The SNMP agent.
    Snmp "SNMP" Anonymous in [Global], tier 3 Coming("SNMP");
    /// What SNMP traps are sent about.
    SnmpTraps "SNMP_Traps" Anonymous in [Global], tier 3 Coming("SNMP");
    /// Who gets SNMP traps: `ip:port`.
    Destination "Destination" Exact in [SnmpTraps], tier 3 Coming("SNMP");
    /// The same as Destination.
    TrapDestination "Trap_Destination" Exact in [SnmpTraps], tier 3 Coming("SNMP");
    /// Which roles may give which console commands.
    Authorization "Authorization" Anonymous in [Global], tier 2;
    /// A user's or group's name, and its commands.
    Role "Role" Exact in [Authorization], tier 2;
    /// Tables, directories and files that policy asks, with a cache.
    Datasource "Datasource" Exact in [Global], tier 1;
    /// A rule on rates of bounces or complaints. All rules of the scopes that apply are collected.
    AdaptiveSweepRule "adaptive_sweep_rule" Exact in [Global, BindingGroup, Binding, Domain],
        tier 2 Coming("adaptive delivery");
    /// Adaptive delivery remembers in LevelDB.
    AdaptiveBackstoreLeveldb "adaptive_backstore_leveldb" Anonymous in [Global],
        tier 3 Ignored("what adaptive delivery learns is kept in the spool");
    /// Adaptive delivery remembers in Riak.
    AdaptiveBackstoreRiak "adaptive_backstore_riak" Anonymous in [Global],
        tier 3 Ignored("what adaptive delivery learns is kept in the spool");
    /// This host as one of several.
    Cluster "cluster" Anonymous in [Global], tier 2 Coming("clusters");
    /// What nodes tell each other.
    Replicate "Replicate" Exact in [Cluster], tier 3 Coming("clusters");
    /// The interface of a block of moving addresses.
    Topology "Topology" Exact in [Cluster], tier 3 Coming("clusters");
    /// Logs that a cluster's manager puts together.
    Logs "Logs" Anonymous in [Global], tier 3 Ignored("logs stay on their host");
    /// Logs of a manager.
    Manager "Manager" Exact in [Logs], tier 3 Ignored("logs stay on their host");
    /// Logs of a node.
    Node "Node" Exact in [Manager], tier 3 Ignored("logs stay on their host");
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
