/// The functions of shared limits, as a server takes them. Generated from redis/limits.lua, without its comments, by
/// `make docs`; a test compares.
enum LimitLibrary {
    /// The library's name, and what its functions' names begin with. The number goes up when calls change:
    /// instances of both versions then get along with one server.
    static let name = "meliproxy_limits_1"

    /// For FUNCTION LOAD.
    static let functions = "#!lua name=\(name)\n" + body + "\n"

    /// For EVAL: the last argument is the function's name without the library's.
    static let script = body + "\n"

    private static let body = #"""
        local ENTRIES = 100
        local function bucket(key, a, now)
          local depth = a.limit * a.interval / 1000
          local tat = tonumber(redis.call('GET', key) or 0) or 0
          return {tat = math.min(math.max(tat, now), now + depth), depth = depth}
        end
        local function bucket_room(s, a, now)
          local room = math.floor((s.depth - (s.tat - now)) * 1000 / a.interval + 1e-6)
          return math.max(0, room)
        end
        local function bucket_retry(s, a, now, want)
          return (s.tat - now) + want * a.interval / 1000 - s.depth
        end
        local function bucket_save(key, s, a, now)
          if s.tat <= now then redis.call('DEL', key) return end
          redis.call('SET', key, string.format('%.3f', s.tat), 'PX', math.ceil((s.tat - now) / 1000) + 1)
        end
        local function fixed(key, a, now)
          local window = math.floor(now / a.period)
          local stored = redis.call('GET', key)
          local count = 0
          if stored then
            local w, c = string.match(stored, '^(%d+):(%d+)$')
            if w and tonumber(w) >= window then count = tonumber(c) end
          end
          return {window = window, count = count}
        end
        local function fixed_save(key, s, a, now)
          if s.count <= 0 then redis.call('DEL', key) return end
          local left = (s.window + 1) * a.period - now
          redis.call('SET', key, s.window .. ':' .. s.count, 'PX', math.ceil(left / 1000) + 1)
        end
        local function sliding(key, a, now)
          local s = {times = {}, counts = {}, total = 0}
          local stored = redis.call('GET', key)
          if not stored then return s end
          local ok, log = pcall(cmsgpack.unpack, stored)
          if not ok or type(log) ~= 'table' then return s end
          for i = 1, #log, 2 do
            local time = math.min(log[i], now + a.lease)
            if time + a.period > now then
              s.times[#s.times + 1] = time
              s.counts[#s.counts + 1] = log[i + 1]
              s.total = s.total + log[i + 1]
            end
          end
          return s
        end
        local function sliding_add(s, a, now, count)
          local n = #s.times
          local group = math.max(1, math.floor(a.limit / ENTRIES))
          local time = now + a.lease
          if n > 0 and (s.counts[n] + count <= group or s.times[n] == time or n > 2 * ENTRIES) then
            s.times[n] = time
            s.counts[n] = s.counts[n] + count
          else
            s.times[n + 1] = time
            s.counts[n + 1] = count
          end
          s.total = s.total + count
          return time
        end
        local function sliding_return(s, count, mark)
          for i = 1, #s.times do
            if s.times[i] >= mark and count > 0 then
              local back = math.min(s.counts[i], count)
              s.counts[i] = s.counts[i] - back
              s.total = s.total - back
              count = count - back
            end
          end
        end
        local function sliding_retry(s, a, now, want)
          local free = a.limit - s.total
          for i = 1, #s.times do
            free = free + s.counts[i]
            if free >= want then return s.times[i] + a.period - now end
          end
          return a.period
        end
        local function sliding_save(key, s, a, now)
          if s.total <= 0 then redis.call('DEL', key) return end
          local log = {}
          for i = 1, #s.times do
            if s.counts[i] > 0 then
              log[#log + 1] = s.times[i]
              log[#log + 1] = s.counts[i]
            end
          end
          local left = s.times[#s.times] + a.period - now
          redis.call('SET', key, cmsgpack.pack(log), 'PX', math.ceil(left / 1000) + 1)
        end
        local load = {b = bucket, f = fixed, s = sliding}
        local save = {b = bucket_save, f = fixed_save, s = sliding_save}
        local function room(s, a, now)
          if a.kind == 'b' then return bucket_room(s, a, now) end
          if a.kind == 'f' then return math.max(0, a.limit - s.count) end
          return math.max(0, a.limit - s.total)
        end
        local function retry(s, a, now, want)
          local wait
          if a.kind == 'b' then wait = bucket_retry(s, a, now, want)
          elseif a.kind == 'f' then wait = (s.window + 1) * a.period - now
          else wait = sliding_retry(s, a, now, want) end
          return math.max(1, math.ceil(wait))
        end
        local function good(s, a, now)
          if a.kind ~= 'f' then return a.lease end
          return math.max(0, math.min(a.lease, (s.window + 1) * a.period - now))
        end
        local function reset(s, a, now)
          if a.kind == 'b' then return math.ceil(math.max(0, s.tat - now)) end
          if a.kind == 'f' then return math.max(0, (s.window + 1) * a.period - now) end
          for i = 1, #s.times do
            if s.counts[i] > 0 then return math.max(0, s.times[i] + a.period - now) end
          end
          return 0
        end
        local function grant(s, a, now, count)
          if a.kind == 'b' then s.tat = s.tat + count * a.interval / 1000 return 0 end
          if a.kind == 'f' then s.count = s.count + count return s.window end
          return sliding_add(s, a, now, count)
        end
        local function give_back(s, a, now, count, mark)
          if a.kind == 'b' then s.tat = math.max(now, s.tat - count * a.interval / 1000)
          elseif a.kind == 'f' then
            if s.window == mark then s.count = math.max(0, s.count - count) end
          else sliding_return(s, count, mark) end
        end
        local function microseconds()
          local clock = redis.call('TIME')
          return tonumber(clock[1]) * 1000000 + tonumber(clock[2])
        end
        local function lease(keys, args)
          local now = microseconds()
          local answer = {}
          local first = 1
          while first <= #keys do
            local asks, states = {}, {}
            local last = first + tonumber(args[first * 8])
            if last > #keys then return redis.error_reply('ERR a group of questions is not whole') end
            local allowed = true
            for i = first, last do
              local o = (i - 1) * 8
              local a = {
                kind = args[o + 1], limit = tonumber(args[o + 2]), period = tonumber(args[o + 3]),
                interval = tonumber(args[o + 4]), lease = tonumber(args[o + 5]),
                count = tonumber(args[o + 6]), least = tonumber(args[o + 7])}
              if not load[a.kind] then return redis.error_reply('ERR unknown kind of rate') end
              local s = load[a.kind](keys[i], a, now)
              a.room = room(s, a, now)
              if a.count > 0 and a.room < math.max(1, a.least) then allowed = false end
              asks[i], states[i] = a, s
            end
            for i = first, last do
              local a, s = asks[i], states[i]
              local granted, wait, mark = 0, 0, 0
              if a.count < 0 then
                give_back(s, a, now, -a.count, a.least)
                save[a.kind](keys[i], s, a, now)
              elseif allowed then
                granted = math.min(a.count, a.room)
                mark = grant(s, a, now, granted)
                save[a.kind](keys[i], s, a, now)
                wait = good(s, a, now)
              elseif a.room < math.max(1, a.least) then
                wait = retry(s, a, now, math.max(1, a.least))
              end
              answer[#answer + 1] = granted
              answer[#answer + 1] = wait
              answer[#answer + 1] = room(s, a, now)
              answer[#answer + 1] = mark
              answer[#answer + 1] = reset(s, a, now)
            end
            first = last + 1
          end
          return answer
        end
        local function instances(keys, args)
          local now, keep = microseconds(), tonumber(args[2])
          redis.call('ZADD', keys[1], now, args[1])
          redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', now - keep)
          redis.call('PEXPIRE', keys[1], math.ceil(keep / 1000))
          return redis.call('ZCARD', keys[1])
        end
        local M = {lease = lease, instances = instances}
        if not redis.register_function then return M[table.remove(ARGV)](KEYS, ARGV) end
        local function register(name)
          redis.register_function{
            function_name = 'meliproxy_limits_1_' .. name, callback = M[name], flags = {'no-cluster', 'allow-oom'}}
        end
        register('lease')
        register('instances')
        """#
}
