"""What dkimpy, pyspf and authheaders say: one question in JSON on standard input, its answer in JSON."""
import json
import sys


def txt_of(keys, wanted=bytes):
    def lookup(name, timeout=5):
        name = (name.decode() if isinstance(name, bytes) else name).rstrip(".").lower()
        return (keys[name].encode() if wanted is bytes else keys[name]) if name in keys else None
    return lookup


def dkim_verify(q):
    import dkim
    verdicts = []
    for message in q["messages"]:
        try:
            verdicts.append(dkim.DKIM(message.encode("latin-1")).verify(dnsfunc=txt_of(q["keys"])))
        except dkim.DKIMException as fault:
            verdicts.append(str(fault))
    return verdicts


def dkim_sign(q):
    import dkim
    fields = []
    for header_canon, body_canon, length in q["forms"]:
        fields.append(dkim.sign(q["message"].encode("latin-1"), b"s", b"example.com", q["key"].encode(),
                                canonicalize=(header_canon.encode(), body_canon.encode()), length=length,
                                signature_algorithm=q["algorithm"].encode()).decode("latin-1"))
    return fields


def arc_verify(q):
    import dkim
    cv, results, comment = dkim.arc_verify(q["message"].encode("latin-1"), dnsfunc=txt_of(q["keys"]))
    return cv.decode()


def arc_sign(q):
    import dkim
    chain = dkim.ARC(q["message"].encode("latin-1"))
    real = chain.verify
    chain.verify = lambda *a, **k: real(dnsfunc=txt_of(q["keys"]))
    fields = chain.sign(q["selector"].encode(), q["domain"].encode(), q["key"].encode(), q["server"].encode(),
                        include_headers=[b"from", b"to", b"subject"])
    return b"".join(fields).decode("latin-1")


def spf(q):
    import spf
    zone = [line.split(" ", 2) for line in (line.strip() for line in q["zone"].splitlines()) if line]

    def lookup(name, qtype, *rest, **more):
        name = name.rstrip(".").lower()
        found = []
        for line in zone:
            if line[0] != name:
                continue
            if line[1] == "TIMEOUT":
                raise spf.TempError("DNS timeout")
            if line[1] == qtype:
                value = line[2] if len(line) > 2 else ""
                if qtype == "TXT":
                    value = (value.encode(),)
                elif qtype == "MX":
                    value = (10, value)
                found.append(((name, qtype), value))
        return found

    spf.DNSLookup = lookup
    answers = []
    for ip, sender in q["cases"]:
        answers.append(spf.check2(i=ip, s=sender, h="mail.example.net", receiver="mx.example.org")[0])
    return answers


def dmarc(q):
    import authheaders
    from authres import SPFAuthenticationResult, DKIMAuthenticationResult
    spf_result = SPFAuthenticationResult(result=q["spf"], smtp_mailfrom="x@" + q["spf_domain"]) if q["spf_domain"] else None
    dkim_result = DKIMAuthenticationResult(result=q["dkim"], header_d=q["dkim_domain"]) if q["dkim_domain"] else None
    found = authheaders.check_dmarc(q["message"].encode(), spf_result, dkim_result, dnsfunc=txt_of(q["keys"], str))
    return found.result


question = json.load(sys.stdin)
print(json.dumps(globals()[question["ask"]](question)))
