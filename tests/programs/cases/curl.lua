-- lua-curl; the fourth transfer is left by an error through the write callback: a longjmp out of the library.
local curl = require('curl')
for _, path in ipairs({ '/small', '/status/404', '/large' }) do
    local handle, bytes = curl.easy_init(), 0
    handle:setopt(curl.OPT_URL, os.getenv('WEB_URL') .. path)
    handle:setopt(curl.OPT_WRITEFUNCTION, function(text) bytes = bytes + #text return #text end)
    print(path, pcall(function() return handle:perform() end), bytes)
end
local handle = curl.easy_init()
handle:setopt(curl.OPT_URL, os.getenv('WEB_URL') .. '/small')
handle:setopt(curl.OPT_WRITEFUNCTION, function() error('out') end)
print((pcall(function() return handle:perform() end)))
local again = curl.easy_init()
again:setopt(curl.OPT_URL, os.getenv('WEB_URL') .. '/small')
again:setopt(curl.OPT_WRITEFUNCTION, function(text) return #text end)
print((pcall(function() return again:perform() end)))
