# Redis::Fast: hiredis' asynchronous side under an event loop of its own.
use strict;
use warnings;
use Redis::Fast;
my $redis = Redis::Fast->new(server => "$ENV{REDIS_HOST}:$ENV{REDIS_PORT}");
print $redis->set(key => 'hunter2'), "\n";
print $redis->get('key'), "\n";
print $redis->incr('counter'), "\n" for 1 .. 3;
print join(',', $redis->mget('key', 'counter')), "\n";
$redis->incr('counter', sub { print "callback @_\n" }) for 1 .. 3;
$redis->wait_all_responses;
eval { $redis->lpush('key', 'x'); 1 } or print 'failed: ', $@ =~ /(WRONGTYPE)/, "\n";
$redis->select(2);
print defined $redis->get('key') ? 'there' : 'not there', "\n";
$redis->multi;
$redis->set(a => 1);
$redis->incr('a');
print join(',', $redis->exec), "\n";
$redis->quit;
