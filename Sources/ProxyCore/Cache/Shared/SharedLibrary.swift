/// The functions of the shared cache, as a server takes them. Generated from redis/meliproxy.lua, without its
/// comments, by `make docs`; a test compares.
enum SharedLibrary {
    /// The library's name, and what its functions' names begin with. The number goes up when calls or records
    /// change: instances of both versions then get along with one server.
    static let name = "meliproxy_1"

    /// For FUNCTION LOAD.
    static let functions = "#!lua name=\(name)\n" + body + "\n" + registrations + "\n"

    /// For EVAL: the last argument is the function's name without the library's.
    static let script = body + "\nreturn M[table.remove(ARGV)](KEYS, ARGV)\n"

    private static let registrations = #"""
        local function register(name, flags)
          redis.register_function{
            function_name = 'meliproxy_1_' .. name, callback = M[name], flags = flags}
        end
        register('peek', {'no-cluster', 'no-writes'})
        register('get_or_lease', {'no-cluster'})
        register('fill_if_lease', {'no-cluster'})
        register('release_lease', {'no-cluster', 'allow-oom'})
        register('renew_lease', {'no-cluster', 'allow-oom'})
        register('bump_generation', {'no-cluster', 'allow-oom'})
        register('bump_prefix', {'no-cluster', 'allow-oom'})
        register('purge_keys', {'no-cluster', 'allow-oom'})
        register('soften_keys', {'no-cluster', 'allow-oom'})
        """#

    private static let body = #"""
        local M = {}
        local ABSENT, VALID, SOFT, VARY, UNSHARED, PURGED, UNREADABLE = 0, 1, 2, 3, 4, 5, 6
        local UNASKED, LEASED, TAKEN = 0, 1, 2
        local STORED, STORED_SOFT, NO_LEASE, OUTDATED, SUPERSEDED = 1, 2, 3, 4, 5
        local NAMES_AT = 121
        local NAME_BYTES = 9
        local VARIANTS_MAX = 32
        local PREFIXES_MAX = 64
        local GENERATIONS_MAX = 128
        local PREFIX_LIST = 'g:l:0000000000000000'
        local NUMBER_MAX = 9007199254740000
        local function prefix_of(object_key)
          return string.sub(object_key, 1, -37)
        end
        local function lease_of(object_key)
          return prefix_of(object_key) .. 'l:' .. string.sub(object_key, -32)
        end
        local function object_key(prefix, id)
          local hex = string.gsub(id, '.', function(byte)
            return string.format('%02x', string.byte(byte))
          end)
          return prefix .. 'r:1:' .. hex
        end
        local function signal(key)
          local left = redis.call('PTTL', key)
          if left > 0 then
            redis.call('PEXPIRE', key, left)
          else
            redis.call('SET', key, '')
            redis.call('UNLINK', key)
          end
        end
        local function read_clock(prefix)
          local value = redis.call('GET', prefix .. 'p:clock')
          if not value or #value ~= 16 then return nil end
          local last, purged = struct.unpack('<I8I8', value)
          if last < 0 or purged < 0 or last > NUMBER_MAX or purged > NUMBER_MAX then return nil end
          return last, purged
        end
        local function tick(prefix, is_purge, above)
          local time = redis.call('TIME')
          local now = time[1] * 1000000 + time[2]
          local last, purged = read_clock(prefix)
          if last and now <= last then now = is_purge and last + 1 or last end
          if above and now <= above then now = above + 1 end
          if is_purge or not last then purged = now end
          redis.call('SET', prefix .. 'p:clock', struct.pack('<I8I8', now, purged))
          return now
        end
        local function kind_of(record)
          if #record < 20 or string.sub(record, 1, 3) ~= 'MP\1' then return UNREADABLE end
          local kind = string.byte(record, 4)
          if kind == 0 then return VALID end
          if kind == 1 then return VARY end
          if kind == 2 then return UNSHARED end
          return UNREADABLE
        end
        local function generation_keys(prefix, response)
          if #response < NAMES_AT - 1 then return nil end
          local count = struct.unpack('<I2', response, 21)
          local key_at = NAMES_AT + count * NAME_BYTES
          if count == 0 or count > GENERATIONS_MAX or #response < key_at - 1 then return nil end
          local keys = {}
          for index = 1, count do
            local at = NAMES_AT + (index - 1) * NAME_BYTES
            local low, high = struct.unpack('<I4I4', response, at + 1)
            keys[index] = string.format(
              '%sg:%s:%08x%08x', prefix, string.sub(response, at, at), high, low)
          end
          return keys, key_at
        end
        local function judge_prefixes(prefix, response, key_at, number)
          local list = redis.call('GET', prefix .. PREFIX_LIST)
          if not list or #list < 8 or number < struct.unpack('<I8', list) then return PURGED end
          local host_at, target_at, target_end = struct.unpack('<I4I4I4', response, 73)
          local host = string.sub(response, key_at + host_at, key_at + target_at - 1)
          local target = string.sub(response, key_at + target_at, key_at + target_end - 1)
          local verdict, at = VALID, 9
          while at + 12 <= #list do
            local purge, mode, has_host, host_count, count = struct.unpack('<I8BBI2I2', list, at)
            if purge <= number then break end
            local path_at = at + 14 + host_count
            local path = string.sub(list, path_at, path_at + count - 1)
            if string.sub(target, 1, #path) == path
              and (has_host == 0 or string.sub(list, at + 14, path_at - 1) == host) then
              if mode == 1 then return PURGED end
              verdict = SOFT
            end
            at = path_at + count
          end
          return verdict
        end
        local function judge_response(prefix, response)
          local keys, key_at = generation_keys(prefix, response)
          local length = struct.unpack('<I4', response, 17)
          if not keys or #response ~= length + 16 * #keys then return UNREADABLE end
          local values = redis.call('MGET', unpack(keys))
          local verdict, virtual = VALID, nil
          for index = 1, #keys do
            local stored = string.sub(response, length + 16 * index - 15, length + 16 * index)
            local value = values[index]
            if not value then
              if not virtual then
                local last, purged = read_clock(prefix)
                virtual = last and struct.pack('<I8I8', purged, 0) or ''
              end
              value = virtual
            end
            if value ~= stored then
              local here = PURGED
              if string.sub(keys[index], -18, -17) == 'p:' then
                local number = struct.unpack('<I8', stored)
                here = judge_prefixes(prefix, response, key_at, number)
              elseif #value == 16 and string.sub(value, 1, 8) == string.sub(stored, 1, 8) then
                here = SOFT
              end
              if here == PURGED then return PURGED end
              if here == SOFT then verdict = SOFT end
            end
          end
          return verdict
        end
        local function judge(prefix, record)
          if not record then return ABSENT end
          local kind = kind_of(record)
          if kind ~= VALID then return kind end
          return judge_response(prefix, record)
        end
        local function is_fresh(response, now)
          local received = struct.unpack('<i8', response, 25)
          local age, lifetime, flags = struct.unpack('<I4I4B', response, 33)
          return flags % 2 == 0 and now < received / 1000000 + (lifetime - age) * 1000
        end
        local function shown(state, record, known)
          if state == ABSENT or state == PURGED or state == UNREADABLE then return false end
          if #known == 8 and string.sub(record, 9, 16) == known then return '' end
          return record
        end
        function M.peek(keys, args)
          local record = redis.call('GET', keys[1])
          local state = judge(prefix_of(keys[1]), record)
          return {state, shown(state, record, args[1]), UNASKED, 0}
        end
        function M.get_or_lease(keys, args)
          local prefix = prefix_of(keys[1])
          local record = redis.call('GET', keys[1])
          local state = judge(prefix, record)
          local object = shown(state, record, args[1])
          if state == VARY or state == UNSHARED
            or state == VALID and is_fresh(record, tonumber(args[4])) then
            return {state, object, UNASKED, 0}
          end
          if redis.call('SET', keys[2], args[2], 'NX', 'PX', args[3]) then
            return {state, object, LEASED, tick(prefix, false)}
          end
          return {state, object, TAKEN, redis.call('PTTL', keys[2])}
        end
        local function current_generations(prefix, response, number)
          local keys = generation_keys(prefix, response)
          if not keys then return nil end
          local values = redis.call('MGET', unpack(keys))
          local last, purged = read_clock(prefix)
          local is_outdated, is_soft = not last or last < number, false
          local highest = last or 0
          if not last then purged = tick(prefix, false) end
          for index = 1, #keys do
            local value = values[index]
            if not value or #value ~= 16 then
              if purged > number then is_outdated = true end
              values[index] = struct.pack('<I8I8', purged, 0)
              redis.call('SET', keys[index], values[index])
            else
              local hard, soft = struct.unpack('<I8I8', value)
              highest = math.max(highest, hard, soft)
              if hard > number then is_outdated = true end
              if soft > number then
                is_soft = true
                values[index] = struct.pack('<I8I8', hard, 0)
              end
            end
          end
          if is_outdated then
            if last and highest > last then tick(prefix, false, highest) end
            return nil
          end
          return table.concat(values), is_soft
        end
        local function unlink_variants(prefix, record)
          local length = struct.unpack('<I4', record, 17)
          for at = length + 1, #record - 15, 16 do
            local key = object_key(prefix, string.sub(record, at, at + 15))
            redis.call('UNLINK', key, lease_of(key))
          end
        end
        local function link(base, known, record, variant, milliseconds)
          local prefix = prefix_of(base)
          local now = redis.call('GET', base)
          local is_vary = now and kind_of(now) == VARY
          if known ~= '' and not (is_vary and string.sub(now, 9, 16) == known) then return false end
          local kept = {variant}
          if is_vary then
            local length = struct.unpack('<I4', now, 17)
            if string.sub(now, 17, length) == string.sub(record, 17) then
              record = string.sub(now, 1, length)
              for at = length + 1, #now - 15, 16 do
                local other = string.sub(now, at, at + 15)
                if other ~= variant and #kept < VARIANTS_MAX then
                  kept[#kept + 1] = other
                elseif other ~= variant then
                  redis.call('UNLINK', object_key(prefix, other))
                end
              end
            else
              unlink_variants(prefix, now)
            end
          end
          local left = redis.call('PTTL', base)
          if left > milliseconds then milliseconds = left end
          redis.call('SET', base, record .. table.concat(kept), 'PX', milliseconds)
          return true
        end
        function M.fill_if_lease(keys, args)
          if redis.call('GET', keys[2]) ~= args[1] then return NO_LEASE end
          redis.call('DEL', keys[2])
          local milliseconds = tonumber(args[3])
          local generations, is_soft = current_generations(prefix_of(keys[1]), args[4], tonumber(args[2]))
          if not generations then
            signal(keys[1])
            return OUTDATED
          end
          if keys[3] and not link(keys[3], args[5], args[6], args[7], milliseconds) then
            signal(keys[1])
            return SUPERSEDED
          end
          redis.call('SET', keys[1], args[4] .. generations, 'PX', milliseconds)
          return is_soft and STORED_SOFT or STORED
        end
        function M.release_lease(keys, args)
          if redis.call('GET', keys[2]) ~= args[1] then return 0 end
          redis.call('DEL', keys[2])
          if args[2] ~= '' then
            redis.call('SET', keys[1], args[2], 'PX', args[3])
          else
            signal(keys[1])
          end
          return 1
        end
        function M.renew_lease(keys, args)
          if redis.call('GET', keys[1]) ~= args[1] then return 0 end
          return redis.call('PEXPIRE', keys[1], args[2])
        end
        function M.bump_generation(keys, args)
          local prefix = string.sub(keys[1], 1, -21)
          local value = redis.call('GET', keys[1])
          local hard, soft = 0, 0
          if value and #value == 16 then hard, soft = struct.unpack('<I8I8', value) end
          local number = tick(prefix, true, math.max(hard, soft))
          if args[1] == 's' and hard > 0 then soft = number else hard = number end
          redis.call('SET', keys[1], struct.pack('<I8I8', hard, soft))
          signal(prefix .. 'g:!' .. args[1] .. ':' .. args[2])
          return number
        end
        function M.bump_prefix(keys, args)
          local prefix = string.sub(keys[1], 1, -21)
          local value = redis.call('GET', keys[1])
          local before = value and #value == 16 and struct.unpack('<I8', value) or 0
          local _, purged = read_clock(prefix)
          local number = tick(prefix, true, before)
          local list = redis.call('GET', prefix .. PREFIX_LIST)
          local floor, rest = purged or number, ''
          if list and #list >= 8 then
            floor, rest = struct.unpack('<I8', list), string.sub(list, 9)
          end
          local entries = {
            struct.pack('<I8BBI2I2', number, args[1] == 'h' and 1 or 0, tonumber(args[3]), #args[4],
              #args[5]) .. args[4] .. args[5]}
          local at = 1
          while at + 13 <= #rest do
            local purge, _, _, host_count, count = struct.unpack('<I8BBI2I2', rest, at)
            local entry_end = at + 13 + host_count + count
            if #entries >= PREFIXES_MAX then
              floor = math.max(floor, purge)
              break
            end
            entries[#entries + 1] = string.sub(rest, at, entry_end)
            at = entry_end + 1
          end
          redis.call('SET', prefix .. PREFIX_LIST, struct.pack('<I8', floor) .. table.concat(entries))
          redis.call('SET', keys[1], struct.pack('<I8I8', number, 0))
          signal(prefix .. 'g:!' .. args[1] .. ':' .. args[2])
          return number
        end
        function M.purge_keys(keys, args)
          local count = 0
          for _, key in ipairs(keys) do
            local record = redis.call('GET', key)
            if record and kind_of(record) == VARY then unlink_variants(prefix_of(key), record) end
            redis.call('UNLINK', lease_of(key))
            redis.call('SET', key, '')
            redis.call('UNLINK', key)
            if record then count = count + 1 end
          end
          if args[1] ~= '' then signal(prefix_of(keys[1]) .. 'g:!h:' .. args[1]) end
          return count
        end
        local function soften(key)
          redis.call('UNLINK', lease_of(key))
          local record = redis.call('GET', key)
          if not record or kind_of(record) ~= VALID or #record < NAMES_AT then return 0 end
          local length = struct.unpack('<I4', record, 17)
          if #record < length + 16 then return 0 end
          redis.call('SETRANGE', key, length + 8, string.rep('\255', 8))
          return 1
        end
        function M.soften_keys(keys, args)
          local count = 0
          for _, key in ipairs(keys) do
            local record = redis.call('GET', key)
            if record and kind_of(record) == VARY then
              local length = struct.unpack('<I4', record, 17)
              for at = length + 1, #record - 15, 16 do
                count = count + soften(object_key(prefix_of(key), string.sub(record, at, at + 15)))
              end
            end
            count = count + soften(key)
          end
          if args[1] ~= '' then signal(prefix_of(keys[1]) .. 'g:!s:' .. args[1]) end
          return count
        end
        """#
}
