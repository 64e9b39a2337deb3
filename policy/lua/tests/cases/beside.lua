Locks and pools.

--- a lock is taken, refused to be taken again, and given back [data]
msys.lock("a")
local ok, why = pcall(msys.lock, "a")
eq({ ok, why:match("held by this callout already") }, { false, "held by this callout already" })
msys.unlock("a")
msys.lock("a")
msys.lock("b")
msys.unlock("a")

--- a lock that is not held cannot be given back [data]
msys.unlock("nobody's")
--> failed the lock is not held by this callout

--- mutexes without a name [data]
require "thread"
local one, two = thread.mutex(), thread.mutex(thread.MUTEX_RECURSIVE)
one:lock()
eq(one:trylock(), false)
one:unlock()
eq(one:trylock(), true)
two:lock()
two:lock()
two:unlock()
eq(two:trylock(), true)
two:unlock()
two:unlock()
eq({ pcall(two.unlock, two) }, { false, "/site/case.lua:13: the lock is not held by this callout" })
eq(msys.type(one), "mutex")

--- locks are taken where nothing may wait, if they are free [set_binding]
msys.lock("a")
msys.unlock("a")

--- what a pool has done can be asked [data]
eq(msys.threadpool.count(), 2)
eq({ msys.threadpool.find("CPU"), msys.threadpool.find(0), msys.threadpool.find("none") }, { 1, "IO", nil })
eq({ msys.runInPool("IO", function() msys.sleep(2) return 1, 2 end) }, { true, 1, 2 })
eq({ msys.runInPool("own", function() error("boom", 0) end) }, { false, "boom" })
local stat = msys.threadpool.stat("IO")
eq({ stat.name, stat.invocations, stat.avg_wallclock_time_per_op, stat.job_num_running }, { "IO", 1, 2, 0 })
eq(msys.threadpool.stat("own").invocations, 1)
eq(msys.threadpool.stat("none"), nil)
