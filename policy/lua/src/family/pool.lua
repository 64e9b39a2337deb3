-- Pools. A shard has one thread, and its machine with it: a pool's function runs as a coroutine of its own or of
-- the session, cut into slices like any script; what blocks inside of it (files, databases, names) waits on side
-- threads anyway.
local msys, spawn, attended, breathe, now = ...

local pools, names, began = {}, {}, nil
local MOST = 100
local function pool(name)
  if type(name) == "number" then return pools[names[name + 1]] end
  return pools[tostring(name)]
end
local function add(name)
  if #names >= MOST then error("at most 100 pools", 3) end
  names[#names + 1] = name
  pools[name] = { name = name, number = #names - 1, invocations = 0, running = 0, queued = 0, spent = 0 }
  return pools[name]
end
add("IO")
add("CPU")

local function run(entry, job)
  local since = now()
  began = began or since
  entry.invocations, entry.running = entry.invocations + 1, entry.running + 1
  local result = { pcall(job) }
  entry.running, entry.spent = entry.running - 1, entry.spent + (now() - since)
  return result
end

function msys.runInPool(name, job, async, mode)
  if type(job) ~= "function" then error("bad argument #2 to 'runInPool' (function expected)", 2) end
  local entry = pool(name)
  if not entry then
    if type(name) ~= "string" then error("there is no pool of that number", 2) end
    entry = add(name)
  end
  if not async then
    if msys.asyncOk() then breathe() end
    return unpack(run(entry, job))
  end
  local function work()
    entry.queued = entry.queued - 1
    local result = run(entry, job)
    if type(async) == "function" then async(unpack(result)) return end
    if not result[1] then error(result[2], 0) end
  end
  entry.queued = entry.queued + 1
  if attended() then
    if not spawn("pool " .. entry.name, work) then
      entry.queued = entry.queued - 1
      error("too many functions wait for the pool", 2)
    end
  else
    pcall(work)
  end
end

function msys.threadpool.count() return #names end
function msys.threadpool.find(name)
  if type(name) == "number" then return names[name + 1] end
  local entry = pool(name)
  return entry and entry.number
end
function msys.threadpool.stat(name)
  local entry = pool(name)
  if not entry then return nil end
  local elapsed = began and math.max(now() - began, 0.001) or 1
  local share = entry.spent / elapsed
  local active = entry.running > 0 and 1 or 0
  return {
    name = entry.name, invocations = entry.invocations, avg_concurrency = share, saturation = 100 * share,
    avg_wallclock_time_per_op = entry.invocations > 0 and entry.spent / entry.invocations or 0,
    queue_sz = entry.queued, num_threads = 1, num_active_threads = active, num_inactive_threads = 1 - active,
    job_num_queued = entry.queued, job_num_running = entry.running,
  }
end
