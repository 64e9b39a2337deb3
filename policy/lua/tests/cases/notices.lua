Bounces, reports, domains in their own letters.

--- the class of a reply [data]
local code, name, text = msys.bounce.classify_smtp_response("550 5.1.1 no such user", "b.example")
eq({ code, name, text }, { 10, "BC_HARD_INVALID_RECIPIENT", "Invalid Recipient" })
eq({ msys.bounce.classify_smtp_response("452 4.2.2 mailbox is full") }, { 22, "BC_SOFT_MAILBOX_FULL", "Mailbox Full" })
eq({ msys.bounce.classify_smtp_response("what") }, { 1, "BC_UNDETERMINED", "Undetermined" })

--- a message that is no report has no fields of one, and is classified all the same [data]
eq(msys.rfc3464.extract_delivery_status(msg), nil)
local code, name, text, recipient = msys.bounce.classify(msg)
eq({ code, name, text }, { 1, "BC_UNDETERMINED", "Undetermined" })

--- the fields of a report about a message [data]
local fields = msys.rfc3464.compute_delivery_status(msg, msys.rfc3464.FAILED)
eq(fields["Final-Recipient"], "rfc822; bob@b.example")
eq({ fields.Action, fields.Status, fields["Diagnostic-Code"] }, { "failed", "5.0.0", "smtp; 550 5.0.0 undeliverable" })
eq(fields["Reporting-MTA"], "dns; localhost")
msg:code(452, "4.2.2 mailbox full")
fields = msys.rfc3464.compute_delivery_status(msg, msys.rfc3464.DELAYED)
eq({ fields.Action, fields.Status, fields["Diagnostic-Code"] }, { "delayed", "4.2.2", "smtp; 452 4.2.2 mailbox full" })

--- a reply as lines of a report [data]
eq(msys.rfc3464.compute_delivery_status_string("550 5.7.1 no\r\nreally"),
  "Action: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: smtp; 550 5.7.1 no really\r\n")
eq(msys.rfc3464.compute_delivery_status_string("421 busy"),
  "Action: delayed\r\nStatus: 4.3.2\r\nDiagnostic-Code: smtp; 421 busy\r\n")

--- a report that was made can be read again [data]
local report = msys.rfc3464.create_mdn(msg, msys.rfc3464.FAILED)
eq(report:header("To"), { "ann@a.example" })
eq(report:header("Subject"), { "Mail could not be delivered" })
local fields = msys.rfc3464.extract_delivery_status(report)
eq({ fields.Action, fields.Status, fields[1]["Final-Recipient"] }, { "failed", "5.0.0", "rfc822; bob@b.example" })
local code, name, text, recipient = msys.bounce.classify(report)
eq({ code, recipient }, { 40, "bob@b.example" })
eq(msys.rfc3464.create_mdn(msg, msys.rfc3464.RELAYED):header("Subject"), { "Mail has been handed on" })

--- a report is sent to the sender [data]
eq(msys.rfc3464.send_mdn(msg, msys.rfc3464.FAILED), 1)
--> injected  > ann@a.example

--- the null sender gets no report [each_rcpt]
msg:mailfrom("")
eq(msys.rfc3464.send_mdn(msg, msys.rfc3464.FAILED), 0)
msys.rfc3464.create_mdn(msg, msys.rfc3464.FAILED)
--> failed no sender that a report could be sent to

--- an action is one of five [data]
msys.rfc3464.create_mdn(msg, 7)
--> failed the action is one of

--- domains in ASCII and in their own letters [data]
eq(msys.idn.to_idn("bücher.example"), "xn--bcher-kva.example")
eq(msys.idn.to_idn("BÜCHER.example"), "xn--bcher-kva.example")
eq(msys.idn.to_utf8("xn--bcher-kva.example"), "bücher.example")
eq(msys.idn.to_idn("plain.example"), "plain.example")

--- what is no domain is an error [data]
msys.idn.to_utf8("xn--\255.example")
--> failed is no domain name
