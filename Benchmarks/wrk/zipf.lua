-- Asks for the keys of a file in its order, over and over; all requests are made before the start.
-- Usage: wrk -s zipf.lua URL -- FILE SKIP
local requests, count, index = {}, 0, 0

function init(arguments)
    local known = {}
    for key in io.lines(arguments[1]) do
        known[key] = known[key] or wrk.format("GET", "/c/key/" .. key)
        count = count + 1
        requests[count] = known[key]
    end
    index = tonumber(arguments[2])
end

function request()
    index = index % count + 1
    return requests[index]
end
