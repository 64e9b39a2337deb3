//! Where a script runs, and which words may stand there. A set of places is written with the letters of the
//! manual's summary (spec sieve.md §5).

use mail::Phase;
use policy_api::HookKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    At(Phase),
    /// A hook of the engine; final_validation is one.
    Hook,
}

/// The letter, the first part of the name of a `script` stanza, and the phase.
const PLACES: [(u8, &str, Phase); 9] = [
    (b'P', "accept", Phase::Accept),
    (b'C', "connect", Phase::Connect),
    (b'E', "ehlo", Phase::Ehlo),
    (b'M', "mailfrom", Phase::Mailfrom),
    (b'R', "rcptto", Phase::Rcptto),
    (b'D', "data", Phase::Data),
    (b'S', "spool", Phase::DataSpool),
    (b'X', "each_rcpt", Phase::DataSpoolEachRcpt),
    (b'B', "set_binding", Phase::SetBinding),
];

/// `data_phase1` is the first script of data.
pub fn script_named(name: &str) -> Option<(Phase, u8)> {
    let (phase, number) = name.split_once("_phase")?;
    let number = match number {
        "1" => 1,
        "2" => 2,
        _ => return None,
    };
    PLACES.iter().find(|(_, known, _)| *known == phase).map(|(_, _, phase)| (*phase, number))
}

/// All names that `script_named` knows.
pub fn script_names() -> impl Iterator<Item = String> {
    PLACES.iter().flat_map(|(_, name, _)| [1, 2].map(|number| format!("{name}_phase{number}")))
}

/// As operators name places: `data`, or a hook.
pub(crate) fn place_named(name: &str) -> Option<Place> {
    let at = |(_, known, phase): &(u8, &str, Phase)| (*known == name).then_some(Place::At(*phase));
    PLACES.iter().find_map(at).or_else(|| hook_named(name).map(|point| point.place()))
}

pub(crate) fn place_names() -> impl Iterator<Item = &'static str> {
    PLACES.iter().map(|(_, name, _)| *name).chain(hook_names())
}

/// When a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// In a phase; the lower turn is first.
    Phase(Phase, u8),
    /// Where the engine tells what has happened.
    Hook(HookKind),
}

impl Point {
    pub fn place(self) -> Place {
        match self {
            Point::Phase(Phase::FinalValidation, _) | Point::Hook(_) => Place::Hook,
            Point::Phase(phase, _) => Place::At(phase),
        }
    }
}

/// The hooks at which a script may run: those of a phase behind its scripts.
const HOOKS: [(&str, Point); 17] = [
    ("core_final_validation", Point::Phase(Phase::FinalValidation, 3)),
    ("core_validate_accept", Point::Phase(Phase::Accept, 3)),
    ("core_validate_connect", Point::Phase(Phase::Connect, 3)),
    ("core_validate_data_spool_each_rcpt", Point::Phase(Phase::DataSpoolEachRcpt, 3)),
    ("core_post_validate_data_spool_each_rcpt_v1", Point::Phase(Phase::DataSpoolEachRcpt, 4)),
    ("msg_gen_data_spool", Point::Phase(Phase::MsgGenDataSpool, 3)),
    ("core_pre_ec_can_relay_to", Point::Hook(HookKind::CanRelayTo)),
    ("outbound_smtp_auth_config", Point::Hook(HookKind::OutboundAuth)),
    ("ac_auth_log_auth_failure", Point::Hook(HookKind::LogAuthFailure)),
    ("core_log_rejection", Point::Hook(HookKind::LogRejection)),
    ("core_log_reception_v1", Point::Hook(HookKind::LogReception)),
    ("core_log_delivery_v1", Point::Hook(HookKind::LogDelivery)),
    ("core_log_transient_failure_v1", Point::Hook(HookKind::LogTransientFailure)),
    ("core_log_permanent_failure_v1", Point::Hook(HookKind::LogPermanentFailure)),
    ("core_generate_bounces", Point::Hook(HookKind::GenerateBounces)),
    ("core_server_esmtp_session_abort", Point::Hook(HookKind::SessionAbort)),
    ("validate_dealloc", Point::Hook(HookKind::SessionEnd)),
];

pub(crate) fn hook_named(name: &str) -> Option<Point> {
    HOOKS.iter().find(|(known, _)| *known == name).map(|(_, point)| *point)
}

pub(crate) fn hook_names() -> impl Iterator<Item = &'static str> {
    HOOKS.iter().map(|(name, _)| *name)
}

/// Of the definition of the module: all that `HOOKS` has.
pub(crate) const KINDS: [HookKind; 11] = [
    HookKind::CanRelayTo,
    HookKind::OutboundAuth,
    HookKind::LogAuthFailure,
    HookKind::LogRejection,
    HookKind::LogReception,
    HookKind::LogDelivery,
    HookKind::LogTransientFailure,
    HookKind::LogPermanentFailure,
    HookKind::GenerateBounces,
    HookKind::SessionAbort,
    HookKind::SessionEnd,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places(u16);

impl Places {
    pub const ANY: Places = Places(u16::MAX);
    const HOOK: u16 = 1 << 15;

    /// `F` is a hook; a word for each_rcpt or set_binding may stand there too.
    pub const fn of(letters: &str) -> Places {
        let letters = letters.as_bytes();
        let mut set = 0;
        let mut at = 0;
        while at < letters.len() {
            let mut place = 0;
            while place < PLACES.len() && PLACES[place].0 != letters[at] {
                place += 1;
            }
            assert!(place < PLACES.len() || letters[at] == b'F', "a letter of the table");
            set |= if place < PLACES.len() { 1 << place } else { Self::HOOK };
            if letters[at] == b'X' || letters[at] == b'B' {
                set |= Self::HOOK;
            }
            at += 1;
        }
        Places(set)
    }

    pub fn has(self, place: Place) -> bool {
        let bit = match place {
            Place::Hook => Self::HOOK,
            Place::At(phase) => {
                let row = PLACES.iter().position(|(_, _, known)| *known == phase);
                row.map_or(Self::HOOK, |row| 1 << row)
            }
        };
        self.0 & bit != 0
    }

    /// For people: "data, each_rcpt".
    pub fn names(self) -> String {
        let rows = PLACES.iter().enumerate().filter(|(row, _)| self.0 & (1 << row) != 0);
        let mut names: Vec<&str> = rows.map(|(_, (_, name, _))| *name).collect();
        if self.0 & Self::HOOK != 0 {
            names.push("hooks");
        }
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_named_for_a_phase_and_a_turn() {
        assert_eq!(script_named("each_rcpt_phase2"), Some((Phase::DataSpoolEachRcpt, 2)));
        assert_eq!(script_named("data_phase1"), Some((Phase::Data, 1)));
        for name in ["data", "data_phase3", "dat_phase1", "final_validation_phase1"] {
            assert_eq!(script_named(name), None, "{name}");
        }
        assert!(script_names().all(|name| script_named(&name).is_some()));
    }

    #[test]
    fn letters_are_places() {
        let places = Places::of("DX");
        assert!(places.has(Place::At(Phase::Data)) && places.has(Place::Hook));
        assert!(!places.has(Place::At(Phase::Connect)));
        assert_eq!(places.names(), "data, each_rcpt, hooks");
        assert!(Places::ANY.has(Place::At(Phase::Accept)));
    }
}
