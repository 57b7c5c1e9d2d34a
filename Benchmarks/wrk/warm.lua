-- Asks for every key once, and for one in twenty again so that none of the first is on its way
-- still. Then ends wrk, which else stays for its time. Usage: wrk -s warm.lua URL -- KEYS
local keys, asked, answered, enough = 0, 0, 0, 0

function init(arguments)
    keys = tonumber(arguments[1])
    enough = keys + keys / 20
end

function request()
    local key = asked % keys
    asked = asked + 1
    return wrk.format("GET", "/c/key/" .. key)
end

function response(status)
    if status ~= 200 then
        io.stderr:write("answered ", status, "\n")
        os.exit(1)
    end
    answered = answered + 1
    if answered >= enough then os.exit(0) end
end
