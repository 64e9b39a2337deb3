-- Timers. One that nobody holds is collected, and rings no more.
local msys, spawn, wake, clock = ...

local Timer = {}
Timer.__index = Timer
-- Weak: to be found here keeps nothing alive. The due time of a timer in seconds; false is one that is stopped, true
-- one that was started while scripts load, when there is no clock.
local due = setmetatable({}, { __mode = "k" })
local count = 0
-- Shorter intervals would be all that the shard does.
local SHORTEST, MOST = 0.01, 1000

local function number(value, name)
  value = tonumber(value)
  if not value or value ~= value or value < 0 or value > 1e12 then
    error(name .. " takes a number of seconds", 3)
  end
  return value
end

local function make(delay, at, interval, closure, name)
  if type(closure) ~= "function" then error("a timer needs a function", 3) end
  local alive = 0
  for _ in pairs(due) do alive = alive + 1 end
  if alive >= MOST then error("at most 1000 timers", 3) end
  count = count + 1
  local timer = setmetatable({ delay = delay, at = at, interval = interval, closure = closure,
    label = tostring(name or "timer " .. count) }, Timer)
  timer:start()
  return timer
end

function msys.timer.after(delta, closure, name)
  return make(number(delta, "msys.timer.after"), nil, nil, closure, name)
end
function msys.timer.at(time, closure, name)
  return make(nil, number(time, "msys.timer.at"), nil, closure, name)
end
function msys.timer.every(interval, closure, name)
  interval = math.max(number(interval, "msys.timer.every"), SHORTEST)
  return make(interval, nil, interval, closure, name)
end

function Timer:start()
  if due[self] then return end
  local time = clock()
  due[self] = self.at or time and time + self.delay or true
  wake()
end
function Timer:stop() due[self] = false end
function Timer:name() return self.label end

local function ring(timer)
  timer.running = true
  local ok, reason = pcall(timer.closure)
  timer.running = false
  if not ok then error(reason, 0) end
end

-- Called by the engine.
return function(time)
  local first
  local ready = {}
  for timer, at in pairs(due) do
    if at == true then
      at = time + timer.delay
      due[timer] = at
    end
    if at and at <= time then ready[#ready + 1] = timer end
  end
  table.sort(ready, function(a, b) return due[a] < due[b] end)
  for _, timer in ipairs(ready) do
    due[timer] = timer.interval and math.max(due[timer] + timer.interval, time + SHORTEST) or false
    -- One that has not come to its end skips its turn.
    if not timer.running then spawn("timer " .. timer.label, ring, timer) end
  end
  for _, at in pairs(due) do
    if at and (not first or at < first) then first = at end
  end
  return first
end
