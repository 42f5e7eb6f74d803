# Ruby: its own [BUG] report for a fault, SystemStackError out of SIGSEGV.
# faults.rb null|overflow|thread_overflow|abort|trap|killed
require 'fiddle'

$stdout.sync = true
deed = ARGV[0]
puts "begins #{deed}"

def recurse(n)
  recurse(n + 1) + 1
end

def overflow
  recurse(0)
rescue SystemStackError
  puts 'overflow'
end

case deed
when 'null'
  Fiddle::Function.new(Fiddle.dlopen(nil)['strlen'], [Fiddle::TYPE_VOIDP], Fiddle::TYPE_SIZE_T).call(0)
when 'overflow'
  3.times { overflow }
when 'thread_overflow'
  4.times.map { Thread.new { overflow } }.each(&:join)
when 'abort'
  Process.kill('ABRT', $$)
  sleep 5
when 'trap'
  trap('USR1') { puts 'got USR1' }
  trap('ABRT') { puts 'got ABRT' }
  %w[USR1 ABRT].each { |name| Process.kill(name, $$); sleep 0.2 }
when 'killed'
  Process.kill('SEGV', fork { sleep 10 })
  puts Process.wait2[1].signaled?
end
puts 'ends'
