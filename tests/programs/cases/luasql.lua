-- luasql-postgres
local environment = require('luasql.postgres').postgres()
local connection = assert(environment:connect(os.getenv('PGDATABASE')))
assert(connection:execute('CREATE TABLE prices (market text, price numeric)'))
print(connection:execute("INSERT INTO prices VALUES ('hunter2', 1.5), ('b', 2)"))
local cursor = connection:execute('SELECT * FROM prices ORDER BY 1')
local row = cursor:fetch({}, 'a')
while row do
    print(row.market, row.price)
    row = cursor:fetch(row, 'a')
end
cursor:close()
print(connection:execute('SELECT 1 / 0') == nil)
connection:setautocommit(false)
connection:execute('DELETE FROM prices')
connection:rollback()
connection:close()
environment:close()
