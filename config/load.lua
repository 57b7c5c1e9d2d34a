-- Requests for wrk: few resources often, many seldom, as a catalogue is asked for.
local paths = { "/sites", "/sites/MLA", "/categories/MLA1055", "/currencies/ARS" }

function request()
    local draw = math.random()
    if draw < 0.2 then
        return wrk.format("GET", paths[math.random(#paths)])
    elseif draw < 0.9 then
        return wrk.format("GET", "/items/MLA" .. math.floor(1000 * math.random() ^ 3) + 1)
    end
    return wrk.format("GET", "/categories/MLA" .. math.random(1000, 9999))
end
