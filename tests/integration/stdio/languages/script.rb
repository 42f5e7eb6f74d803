puts "puts"
$stderr.puts "error"
print "x" * 20000, "\n"
STDOUT.syswrite("syswrite\n") if STDOUT.flush
exit 7
