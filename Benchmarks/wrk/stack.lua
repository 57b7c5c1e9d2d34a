-- Items that the caches hold, and now and then one that nobody has asked for. Of 1,000 requests MISSES
-- are for the latter. Usage: wrk -s stack.lua URL -- KEYS MISSES FIRST
local known, keys, misses, asked, again, fresh = {}, 0, 0, 0, 0, 0

function init(arguments)
    keys, misses, fresh = tonumber(arguments[1]), tonumber(arguments[2]), tonumber(arguments[3])
    for key = 1, keys do known[key] = wrk.format("GET", "/items/MLA" .. key) end
end

function request()
    asked = asked + 1
    -- Evenly: 10 in 1,000 is each hundredth request.
    if asked * misses % 1000 < misses then
        fresh = fresh + 1
        return wrk.format("GET", string.format("/items/MLA%d", fresh))
    end
    again = again % keys + 1
    return known[again]
end
