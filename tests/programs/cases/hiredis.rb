# ruby-hiredis: reads and writes itself and takes replies, its own objects, from the reader.
require 'hiredis'
connection = Hiredis::Connection.new
connection.connect(ENV['REDIS_HOST'], ENV['REDIS_PORT'].to_i)
connection.write(['SET', 'key', 'hunter2'])
p connection.read
[%w[INCR counter], %w[INCR counter], %w[MGET key counter], %w[LPUSH key x]].each { |words| connection.write(words) }
4.times { p connection.read }
connection.write(['SELECT', '3'])
p connection.read
connection.write(['GET', 'key'])
p connection.read
connection.disconnect
