//! mail_loop: refuses messages that have passed too many hosts (spec inbound-smtp.md §8.2).

use config::{Instances, Integer, ModuleSyntax, Size};
use mail::Phase;
use policy_api::{Answer, Ask, Host, Module, ModuleDef, Verdict};
use std::rc::Rc;

config::options! {
    pub struct MailLoopOptions {
        /// More Received fields than this are a loop.
        max_received_headers: Size = "20", in [module];
        /// Reply code to a loop; 250 only notes the count in the context.
        code: Integer = "554", in [module];
    }
}

const UNBUILT: &[config::OptionDef] = config::definitions! {
    /// True: mail is not delivered to addresses of this host.
    use_ip: config::Bool = "false", in [module], tier 1 Ignored("prohibited_hosts says what is not delivered to");
};

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "mail_loop",
        instances: Instances::Singleton,
        options: &[MailLoopOptions::DEFINITIONS, UNBUILT],
        stanzas: &[],
    },
    &[Phase::Data],
    |stanza, _| Ok(Rc::new(MailLoop { options: MailLoopOptions::resolve(&stanza) })),
);

struct MailLoop {
    options: MailLoopOptions,
}

impl Module for MailLoop {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, _: &'a Rc<dyn Host>) -> Answer<'a> {
        let passed = u64::from(ask.message.received_fields);
        ask.contexts.message.set("mail_loop_header_count", &passed.to_string());
        let code = u16::try_from(self.options.code).unwrap_or(554);
        if passed <= self.options.max_received_headers || code == 250 {
            return Answer::Now(Verdict::Continue);
        }
        ask.disposition.set_code(code, "5.4.6 mail loop detected");
        Answer::Now(Verdict::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::Conversation;

    #[test]
    fn one_field_too_many_is_a_loop() {
        for (received_fields, code, expected) in
            [(20, 554, None), (21, 554, Some(554)), (21, 250, None), (500, 421, Some(421))]
        {
            let options = MailLoopOptions { max_received_headers: 20, code };
            let mut conversation = Conversation::default();
            conversation.message.received_fields = received_fields;
            conversation.ask(&MailLoop { options }, Phase::Data);
            let count = received_fields.to_string();
            let noted = conversation.contexts.message.get("mail_loop_header_count");
            assert_eq!(noted, Some(count.as_str()));
            assert_eq!(conversation.code(), expected, "{received_fields}");
        }
    }
}
