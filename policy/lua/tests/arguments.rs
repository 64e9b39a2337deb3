//! Every function of the host meets what no script should give it: no panic, and the machine goes on.
//!
//! The arguments are chosen by a generator with a fixed seed; `SEED=n` chooses others.

use bytes::Bytes;
use content::Content;
use lua::{Script, load};
use mail::{Address, Phase};
use policy_api::testing::Conversation;
use policy_api::{Sources, Verdict};
use std::sync::Arc;

const SCRIPT: &str = r#"
local seed = SEED
local function chance(n) seed = (seed * 1103515245 + 12345) % 2147483648 return seed % n + 1 end
local function everything(msg, ac, vctx)
  local deep = {} deep.deep = deep
  local part = msg:mime(false)
  local other = msys.core.ec_message_new(nil)
  return {
    false, true, 0, 1, -1, 0.5, 1e300, -1e300, 0/0, 1/0, 2^53, 99, "", "a", "\0\255\254", ("x"):rep(70000), "1", "-7",
    "a@b.example", "a@b\r\nc", "text/plain", "replace", "all", "sqlite", "(a+)+$", "(", "$1", "%{vctx_conn:a}", "\u00e9\r\n.\r\n",
    {}, { 1, 2 }, { a = 1 }, { {} }, deep, print, function() end, coroutine.create(print),
    msg, ac, vctx, part, part.thread, other, msys.core.string_new(), ac.remote_addr,
    msys.core.VCTX_MESS, msys.core.EC_MSG_ENV_FROM,
  }
end
local function functions(found, seen, prefix, value)
  if type(value) == "function" then found[#found + 1] = { prefix, value } return end
  if type(value) ~= "table" or seen[value] then return end
  seen[value] = true
  local keys = {}
  for key in pairs(value) do if type(key) == "string" then keys[#keys + 1] = key end end
  table.sort(keys)
  for _, key in ipairs(keys) do functions(found, seen, prefix .. "." .. key, value[key]) end
end
local METHODS = "METHOD_NAMES"
local M = {}
function M:validate_data_spool_each_rcpt(msg, ac, vctx)
  local found, calls = {}, 0
  functions(found, {}, "msys", msys)
  functions(found, {}, "json", json)
  for _, entry in ipairs(found) do
    for round = 1, 40 do
      local values, given = everything(msg, ac, vctx), {}
      local count = chance(5) - 1
      for i = 1, count do given[i] = chance(8) > 1 and values[chance(#values)] or nil end
      local ok, err = pcall(entry[2], unpack(given, 1, count))
      if not ok and type(err) ~= "string" then error(entry[1] .. " raised a " .. type(err)) end
      calls = calls + 1
    end
  end
  for class, name in METHODS:gmatch("([%w_]+):([%w_]+)") do
    for round = 1, 40 do
      local values, given = everything(msg, ac, vctx), {}
      local objects = { msg = msg, vctx = vctx, ac = ac, msgpart = msg:mime(false), ec_string = msys.core.string_new() }
      if chance(2) == 1 and objects.msgpart.thread then objects.msgpart = objects.msgpart.thread end
      local object = objects[class]
      local count = chance(5) - 1
      for i = 1, count do given[i] = chance(8) > 1 and values[chance(#values)] or nil end
      local ok, err = pcall(object[name], object, unpack(given, 1, count))
      if not ok and type(err) ~= "string" then error(class .. ":" .. name .. " raised a " .. type(err)) end
      calls = calls + 1
    end
  end
  vctx:set(msys.core.VCTX_CONN, "calls", calls)
  return msys.core.VALIDATE_CONT
end
msys.registerModule("arguments", M)
"#;

#[test]
fn no_argument_breaks_a_function_of_the_host() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => vec![1, 20_261_127],
    };
    let reference = lua::reference();
    let methods: Vec<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('(').next())
        .filter(|name| {
            ["msg:", "vctx:", "ac:", "msgpart:", "ec_string:"].iter().any(|class| name.starts_with(class))
        })
        .collect();
    for seed in seeds {
        let seed: u32 = seed;
        let source = SCRIPT.replace("SEED", &seed.to_string()).replace("METHOD_NAMES", &methods.join(" "));
        let mut sources = Sources::default();
        sources.insert("/site/arguments.lua", source.as_bytes());
        let script =
            Script { name: "arguments".into(), source: "arguments".into(), place: "site.conf:1".into() };
        let module = load(&Arc::new(sources), vec!["/site".into()], &[script]).unwrap();
        let mut conversation = Conversation::default();
        conversation.message.recipient = Some(Address::new("bob", "b.example"));
        conversation.message.content = Content::new(Bytes::from_static(
            b"From: a@a.example\r\nContent-Type: multipart/mixed; boundary=e\r\n\r\n--e\r\n\r\nx\r\n--e\r\n\r\ny\r\n--e--\r\n",
        ));
        let verdict = conversation.ask(&*module, Phase::DataSpoolEachRcpt);
        assert_eq!(verdict, Verdict::Continue, "SEED={seed}");
        let calls: u32 = conversation.contexts.connection.get("calls").unwrap().parse().unwrap();
        assert!(calls as usize > 40 * methods.len(), "{calls} calls");
    }
}
