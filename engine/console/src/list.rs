//! The commands of the console, in the order in which `help` shows them (spec console.tsv, tier 1).

use crate::command::Command;

const fn ask(name: &'static str, arguments: &'static str, summary: &'static str) -> Command {
    Command { name, arguments, summary, is_destructive: false }
}

const fn destroy(name: &'static str, arguments: &'static str, summary: &'static str) -> Command {
    Command { name, arguments, summary, is_destructive: true }
}

#[rustfmt::skip]
pub const COMMANDS: [&Command; 25] = [
    &ask("help", "[command]", "Lists the commands, or explains one."),
    &ask("quit", "", "Ends the session."),
    &ask("version", "", "Says the version of the running server."),
    &ask("pid", "", "Says the process id of the running server."),
    &ask("summary", "", "Shows rates, totals and queues of the whole server."),
    &ask("summary reset", "", "Sets the totals of the summary to zero."),
    &ask("binding summary", "[name]", "Shows the summary of one binding, or of each."),
    &ask("domain", "<name|all>", "Shows the queues of one domain, or of all."),
    &ask("domains", "", "Lists the domains that have mail queued."),
    &ask("mailq", "[--domain name]… [--binding name]… [--limit n]", "Lists queued messages."),
    &ask("showqueue", "[binding <name|all>] <domain> [limit,offset]", "Lists the messages of one queue."),
    &ask("flush domain", "<name|all>", "Tries delayed mail for a domain now."),
    &destroy("fail domain", "<domain> [note…]", "Fails all mail queued for a domain and tells the senders."),
    &destroy("fail domain quiet", "<domain> [note…]", "Fails all mail queued for a domain and tells nobody."),
    &ask("message details", "[full|body] <mid>", "Shows a queued message."),
    &destroy("message fail", "<mid>", "Fails a message and tells its sender."),
    &destroy("message fail quiet", "<mid>", "Fails a message and tells nobody."),
    &ask("message retry", "<mid>", "Tries a delayed message now."),
    &ask("config show", "[scope [instance]…] [option]", "Shows the configuration in force."),
    &ask("config reload", "[path]", "Reads the configuration again and puts it in force if it is sound."),
    &ask("show inbound", "", "Lists the inbound connections."),
    &ask("show outbound", "", "Lists the outbound connections."),
    &ask("module list", "", "Lists the modules in the order in which they are asked."),
    &ask("reopen logs", "", "Opens the log files anew, after they were rotated."),
    &destroy("shutdown", "", "Stops the server; what is queued stays on the spool."),
];
