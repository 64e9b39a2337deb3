//! The stanzas of `sieve` and `sievelib` (spec sieve.md §6).

use config::{Instances, Integer, ModuleSyntax, OptionalText, Seconds, Size, StanzaSyntax, Text};

config::choices! {
    /// What a fault of a script means for the session.
    pub enum RuntimeError {
        /// The client is answered a transient code.
        Fail = 0: "fail",
        /// It is reported and passed over.
        Continue = 1: "continue",
    }
}

config::choices! {
    /// Comparator of tests that name none.
    pub enum DefaultComparator {
        /// i;ascii-casemap for the tests of RFC 5228, i;octet for all others.
        Word = 0: "default",
        Octet = 1: "i;octet",
        Casemap = 2: "i;ascii-casemap",
    }
}

impl DefaultComparator {
    pub fn forced(self) -> Option<&'static str> {
        match self {
            DefaultComparator::Word => None,
            DefaultComparator::Octet => Some("i;octet"),
            DefaultComparator::Casemap => Some("i;ascii-casemap"),
        }
    }
}

config::options! {
    pub struct SieveOptions {
        /// What a fault of a script (bad parameters, a failed wait) means for the session.
        runtime_error: RuntimeError = "fail", in [module];
        /// Scripts that are kept which were included by a name known only in the run, from HTTP servers or
        /// datasources. Others are compiled in when the configuration is loaded.
        cache_size: Size = "200", in [module];
        /// Seconds that such a script is kept.
        cache_life: Seconds = "260", in [module];
        /// Throttles that scripts may name before the least recently used is forgotten.
        siv_throttle_cache_size: Size = "1000", in [module];
        /// Comparator of tests that name none.
        default_comparator: DefaultComparator = "default", in [module];
        /// Steps of one run, after which it fails.
        max_steps: Size = "20000000", in [module];
        /// Octets of all values of one run, after which it fails.
        max_memory: Size = "67108864", in [module];
        /// Seconds of one run, waits included, after which it fails.
        max_time: Seconds = "300", in [module];
        /// Script of the site when a client is accepted, in the older form.
        accept_phase1: OptionalText = "", in [module];
        /// Script behind accept_phase1, in the older form.
        accept_phase2: OptionalText = "", in [module];
        /// Script of the site at connect, in the older form.
        connect_phase1: OptionalText = "", in [module];
        /// Script behind connect_phase1, in the older form.
        connect_phase2: OptionalText = "", in [module];
        /// Script of the site at EHLO, in the older form.
        ehlo_phase1: OptionalText = "", in [module];
        /// Script behind ehlo_phase1, in the older form.
        ehlo_phase2: OptionalText = "", in [module];
        /// Script of the site at MAIL FROM, in the older form.
        mailfrom_phase1: OptionalText = "", in [module];
        /// Script behind mailfrom_phase1, in the older form.
        mailfrom_phase2: OptionalText = "", in [module];
        /// Script of the site at RCPT TO, in the older form.
        rcptto_phase1: OptionalText = "", in [module];
        /// Script behind rcptto_phase1, in the older form.
        rcptto_phase2: OptionalText = "", in [module];
        /// Script of the site once the content is there, in the older form.
        data_phase1: OptionalText = "", in [module];
        /// Script behind data_phase1, in the older form.
        data_phase2: OptionalText = "", in [module];
        /// Script of the site before the message is split by recipient, in the older form.
        spool_phase1: OptionalText = "", in [module];
        /// Script behind spool_phase1, in the older form.
        spool_phase2: OptionalText = "", in [module];
        /// Script of the site for each copy, in the older form.
        each_rcpt_phase1: OptionalText = "", in [module];
        /// Script behind each_rcpt_phase1, in the older form.
        each_rcpt_phase2: OptionalText = "", in [module];
        /// Script of the site that chooses the binding, in the older form.
        set_binding_phase1: OptionalText = "", in [module];
        /// Script behind set_binding_phase1, in the older form.
        set_binding_phase2: OptionalText = "", in [module];
    }
}

config::options! {
    pub struct ScriptOptions {
        /// The file of the script.
        source: Text = "", in [module];
    }
}

config::options! {
    pub struct HookOptions {
        /// The file of the script.
        source: Text = "", in [module];
        /// As source.
        script: OptionalText = "", in [module];
        /// Scripts wait without holding anybody up, so this makes no difference.
        r#async: Text = "false", in [module];
        /// Read, without effect: see async.
        pool: Text = "CPU", in [module];
        /// What the hook is answered, where that is a number: at core_pre_ec_can_relay_to all but 0 permits, unless
        /// the script refuses.
        r#return: Integer = "0", in [module];
    }
}

pub(crate) const SIEVE: ModuleSyntax = ModuleSyntax {
    name: "sieve",
    instances: Instances::Any,
    options: &[SieveOptions::DEFINITIONS],
    stanzas: &[
        StanzaSyntax { keyword: "script", named: true, options: &[ScriptOptions::DEFINITIONS], stanzas: &[] },
        StanzaSyntax { keyword: "hook", named: true, options: &[HookOptions::DEFINITIONS], stanzas: &[] },
    ],
};
